"""Whether a mail came from its sender as it is: a DKIM signature of the sender's own domain, over what matters, that holds.

Rules of this module (each refuses a way to have a foreign mail counted):

1. From, To and Date stand in the mail once and are signed; another To or From, added behind a signature, proves nothing.
2. The signing domain is the From address's own, or one above it: whoever holds that one holds all below. (RFC 7489, 3.1.1, which
   takes domains beside each other, too, needs a list of public suffixes.)
3. The address of the site stands in a signed To or Cc: a mail that was written to somebody else does not count here.
4. The whole body is signed (no `l=`), with SHA-256, and the signed date is at most three days old.
5. A mail is known again by what is signed: a signature can be written in many ways, each of them right.
6. SPF does not count: behind the operator's own mail server it is a line in the mail, which anybody can write.

Source: RFC 6376, 5.4, 8.2, 8.15; RFC 8301; decision record 50.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import dkim
import dns.exception
import structlog
from dkim.dnsplug import get_txt

from glasshouse.kernel import clock
from glasshouse.kernel.errors import stack_of
from glasshouse.operations import inbound_mail, mime

log = structlog.stdlib.get_logger("glasshouse.inbound_smtp")
DNS_S, MOST_SIGNATURES = 5, 5
MOST_VERIFIED = 2  # Each takes some seconds of a large mail.
OLDEST, NEWEST = timedelta(days=3), timedelta(hours=12)
# The library takes quadratic time for a run of spaces; a longer one, or a longer signature, is written by nobody who sends files.
MAX_SIGNATURE_BYTES, LONGEST_RUN = 4096, 100
STRONG = (b"rsa-sha256", b"ed25519-sha256")
key_record: Callable[..., Any] = get_txt  # the DNS record of a key, by its name


class NotAskedError(Exception):
    """The key of a signature could not be looked up now: the mail is to be sent again."""


def signature_of(raw: bytes, sender: str, address: str) -> str:
    """What tells a mail from others whose sender a signature proves; "" where none does.

    It is the same for each copy that a signature holds for: however the signature is written, and whichever of several holds.
    sender: the stored form of its From address; address: of the envelope, to which it was sent. Raises NotAskedError.
    """
    try:
        mail = mime.split(raw)
    except mime.UnreadableError:
        return ""
    recipient = "cc" if _names(mail, "cc", address) else "to"
    if not sender or not _names(mail, recipient, address) or not _is_recent(mail) or mail.count("content-type") > 1:
        return ""
    wanted = {b"from", b"date", recipient.encode()}
    signatures = [value for name, value in mail.headers if name == "dkim-signature"]
    if any(mail.count(name.decode()) != 1 for name in wanted) or not _may_be_verified(signatures, raw):
        return ""
    domain = sender.rpartition("@")[2].encode()
    try:
        checker = dkim.DKIM(raw, timeout=DNS_S)
    except (dkim.DKIMException, IndexError):  # IndexError: its first line is the rest of another.
        return ""
    numbers = [
        number for number in range(min(len(signatures), MOST_SIGNATURES)) if _counts(checker, number, domain, wanted)
    ]
    if any(_holds(checker, number) for number in numbers[:MOST_VERIFIED]):
        return _identity(mail, sender)
    return ""


def _identity(mail: mime.Part, sender: str) -> str:
    """A hash of sender, date and body, without white space: some of it may differ in what one signature holds for."""
    parts = (sender.encode(), mail.first("date").encode(), mail.body)
    return hashlib.sha256(b"\0".join(b"".join(part.split()) for part in parts)).hexdigest()[:32]


def _names(mail: mime.Part, header: str, address: str) -> bool:
    """Whether an address stands in a header that the mail has once and that is looked at whole."""
    if mail.count(header) != 1 or mail.length(header) > mime.MAX_VALUE:
        return False
    try:
        mailboxes = list(inbound_mail.mailboxes(mail.first(header)))
    except mime.UnreadableError:
        return False
    return address.lower() in (mailbox.lower() for mailbox in mailboxes)


def _is_recent(mail: mime.Part) -> bool:
    try:
        dated_at = parsedate_to_datetime(mail.first("date"))
        age = clock.now() - dated_at
    except (ValueError, TypeError, OverflowError, IndexError):  # TypeError: it names no zone.
        return False
    return -NEWEST <= age <= OLDEST


def _may_be_verified(signatures: list[bytes], raw: bytes) -> bool:
    """Whether the library that checks signatures gets through a mail in a moment: it takes quadratic time for some."""
    if any(len(signature) > MAX_SIGNATURE_BYTES for signature in signatures):
        return False
    return re.search(rb"[ \t]{%d}" % LONGEST_RUN, raw) is None


def _counts(checker: Any, number: int, domain: bytes, wanted: set[bytes]) -> bool:
    """Whether a signature is of the domain or one above it, and over all that is wanted; nothing is looked up."""
    try:
        if not checker.verify_headerprep(number):
            return False
    except dkim.DKIMException:
        return False
    fields, signer = checker.signature_fields, checker.domain.lower()
    is_aligned = b"." in signer and (domain == signer or domain.endswith(b"." + signer))
    return is_aligned and b"l" not in fields and fields.get(b"a") in STRONG and wanted <= set(checker.include_headers)


def _holds(checker: Any, number: int) -> bool:
    """Whether a signature is right, by the key that its domain shows. Raises NotAskedError."""
    try:
        return bool(checker.verify(number, dnsfunc=_looked_up))
    except NotAskedError:
        raise
    except Exception as error:  # noqa: BLE001 - an unknown sender's signature or record may break a library in any way
        log.info("signature of a mail not checked; it counts as none", stack=stack_of(error))
        return False


def _looked_up(name: bytes, timeout: int = DNS_S) -> Any:
    try:
        return key_record(name, timeout)
    except (dkim.DnsTimeoutError, dns.exception.DNSException):
        raise NotAskedError from None
