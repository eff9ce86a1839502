"""The DKIM signature of an outgoing mail, where the operator has us sign. Source: RFC 6376, 8301; RFC 8058, 4."""

import re

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# Mail programs offer the one click only if both are signed. The library signs the first by itself and not the second.
STOPPING = ("list-unsubscribe", "list-unsubscribe-post")
SIGNED = (
    *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "mime-version", "content-type"),
    *("content-transfer-encoding", "auto-submitted", "list-id", *STOPPING),
)
# What a mail program shows is signed once more than it stands in the mail, and so is what stops a mail, where it stands there:
# one that somebody adds breaks the signature. What mailing lists add to mails breaks none. Source: RFC 6376, 8.15.
SHOWN = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    "content-transfer-encoding",
)
LEAST_BITS = 2048
SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,5}")


def readable_key(pem: str) -> str:
    """A private key as it signs: RSA of 2048 bits and more, PEM, without a password. Raises ValueError for anything else."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (TypeError, ValueError):
        raise ValueError("It is no private key in PEM without a password.") from None
    except Exception as error:  # UnsupportedAlgorithm, and whatever else a key may be
        raise ValueError("It is a private key of a kind that cannot be used.") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise ValueError(f"Use an RSA key of {LEAST_BITS} bits or more: openssl genrsa -out FILE {LEAST_BITS}.")
    return pem


def signature(content: bytes, *, key: str, selector: str, domain: str) -> bytes:
    """The header that goes before a mail. content: the whole mail as it leaves, with CR LF. Raises dkim.DKIMException."""
    head = content.partition(b"\r\n\r\n")[0].lower()
    present = [name.encode() for name in SIGNED if re.search(rb"(?:^|\n)" + name.encode() + b":", head)]
    once_more = [*(name.encode() for name in SHOWN), *(name.encode() for name in STOPPING if name.encode() in present)]
    signed: bytes = dkim.sign(
        content,
        selector.encode(),
        domain.encode("idna"),
        key.encode(),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=present + once_more,
    )
    return signed
