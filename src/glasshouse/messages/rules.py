"""Pure rules of messages: what may be ruled on a mail, why mails to an address end, the form of a stop token."""

from base64 import b32encode
from enum import StrEnum

TOKEN_LENGTH = 43  # as the secrets of other mailed links, which shown mails mask
MAILBOX = "u-"  # before the token, in the privacy address of a mail that stops mails
ALL = "all"  # of a suppression: every purpose that needs consent
# What a mail says that asks to have no more of its kind, and nothing else; in small letters, without a full stop.
STOP_WORDS = frozenset(
    (
        "abbestellen",
        "abmelden",
        "austragen",
        "bitte abmelden",
        "keine mails mehr",
        "opt out",
        "please stop",
        "please unsubscribe",
        "please unsubscribe me",
        "remove me",
        "stop",
        "unsubscribe",
        "unsubscribe me",
    )
)
REPLY_MARKS = ("re:", "aw:", "fwd:", "wg:")


class Verdict(StrEnum):
    """What was ruled on a mail."""

    GOES = "goes"
    NO_CONSENT = "no-consent"
    OBJECTED = "objected"
    RESTRICTED = "restricted"
    SUPPRESSED = "suppressed"
    UNDECLARED = "undeclared"


class Way(StrEnum):
    """How mails to an address came to end."""

    BOUNCE = "bounce"  # A mail server said that there is no such mailbox.
    LINK = "link"
    MAIL = "mail"


def token_of(keyed_hash: str) -> str:
    """A stop token of a keyed hash (hex): 215 bits, in small letters and digits, as some mail servers write addresses."""
    return b32encode(bytes.fromhex(keyed_hash)).decode().lower()[:TOKEN_LENGTH]


def token_in(local_part: str) -> str:
    """The stop token in the part of an address before the @, "privacy+u-TOKEN"; "" where it holds none."""
    detail = local_part.lower().partition("+")[2]
    token = detail.removeprefix(MAILBOX)
    return token if token != detail and len(token) == TOKEN_LENGTH and token.isalnum() else ""


def asks_to_stop(subject: str, text: str) -> bool:
    """Whether a reply asks for no more mails of this kind and for nothing else: by its first lines, or its own subject.

    What it quotes, and what stands below that, is ours.
    """
    own = " ".join(_own_lines(text)).strip(" .!").lower()
    if own:
        return own in STOP_WORDS
    bare = subject.strip().lower()
    while bare.startswith(REPLY_MARKS):
        bare = bare.partition(":")[2].strip()
    return bare.strip(" .!") in STOP_WORDS


def _own_lines(text: str) -> list[str]:
    """The lines above what a reply quotes."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith((">", "-- ", "-----", "___")) or (line.rstrip().endswith(":") and "@" in line):
            break
        if line.strip():
            lines.append(line.strip())
    return lines
