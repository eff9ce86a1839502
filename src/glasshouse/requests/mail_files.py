"""Pure: what comes in with a mail beside its text, and what of a mail is in neither."""

from dataclasses import dataclass
from enum import StrEnum

MAX_FILES = 50  # of one mail
WHOLE, WHOLE_NAME = "message/rfc822", "the whole mail.eml"


class LeftOut(StrEnum):
    """What of a mail is neither in its text nor in its files. The whole mail is kept as a file, then."""

    SUBJECT = "subject"  # The subject is longer than what is shown.
    TEXT = "text"  # The text is longer than what is shown.
    CHARSET = "charset"  # Letters that the named charset does not have, or a charset that nobody knows, were replaced.
    ENCODING = "encoding"  # A part is not encoded as it says.
    PARTS = "parts"  # There are more parts, or they lie deeper, than are looked at.
    FILES = "files"  # There are more files than are kept one by one.


WORDS = {
    LeftOut.SUBJECT: "the end of a long subject",
    LeftOut.TEXT: "the end of a long text",
    LeftOut.CHARSET: "letters that its charset does not have, or whose charset nobody knows: they were replaced",
    LeftOut.ENCODING: "what is not encoded as it says",
    LeftOut.PARTS: "parts that lie too deep, or are too many",
    LeftOut.FILES: f"files after the first {MAX_FILES}",
}


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file of a mail. name: as its sender named it, "" for none; media_type: as its sender says, which proves nothing.

    is_whole: False where it is not encoded as it says. is_mail: it is the whole mail.
    """

    name: str
    media_type: str
    content: bytes
    is_whole: bool = True
    is_mail: bool = False


def whole(raw: bytes) -> MailFile:
    """A mail as a file."""
    return MailFile(WHOLE_NAME, WHOLE, raw, is_mail=True)
