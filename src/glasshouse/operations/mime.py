"""The form of a mail: headers, parts, encodings and charsets. Pure; an unknown sender wrote every byte of it.

Rules:
1. Everything is bounded before it is looked at: header bytes, headers, parts, depth, the bytes of a part, the characters of text.
2. Each step looks at a byte a bounded number of times; nothing here backtracks. (The standard library's parsers of mail and
   HTML take quadratic time for some mails, or end in an exception.)
3. What cannot be decoded is replaced, never refused, and told: an unknown charset is no reason not to hear somebody.
4. What breaks a bound of the headers raises UnreadableError: the fault is the mail's, and its sender is told for good.
"""

import binascii
import codecs
import re
import unicodedata
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from typing import NamedTuple

from glasshouse.mail.rules import subject_line

MAX_HEADER_BYTES, MAX_HEADERS, MAX_VALUE = 128 << 10, 500, 2_000
MOST_OF_ONE = 10  # headers of one name that are looked at together
MAX_PARTS, MAX_DEPTH = 400, 250
# Each level of parts is looked at anew: so many bytes of all levels together, whatever the depth.
MAX_SCANNED_BYTES = 160 << 20
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
MAX_NAME = 120  # characters of a file's name
MAX_BOUNDARY = 70  # RFC 2046, 5.1.1
MIME_NOTICE = re.compile(rb"\bMIME\b")  # "This is a multi-part message in MIME format", for readers that know no parts
# Charsets by the name of Python's codec. Not among them: codecs that are no charset, and those that take quadratic time.
CHARSETS = re.compile(
    r"utf-(8|16|16-le|16-be|32|32-le|32-be)|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|gb2312|gbk|gb18030|hz|big5(hkscs)?"
    r"|euc_(jp|kr|jis_2004)|iso2022_\w+|shift_jis\w*|johab|tis-620|ptcp154"
)


class UnreadableError(ValueError):
    """The mail breaks a bound; the message says which."""


@dataclass(frozen=True, slots=True)
class Part:
    """Headers (lower-case name, value as it came) and body of a mail or of one part of it."""

    headers: list[tuple[str, bytes]]
    body: bytes

    def first(self, name: str) -> str:
        """The first value of a header as text, unfolded and bounded; "" where there is none."""
        return next((_unfolded(value) for known, value in self.headers if known == name), "")

    def all(self, name: str) -> list[str]:
        """The values of a header, each as `first` gives it; at most MOST_OF_ONE of them."""
        return [_unfolded(value) for known, value in self.headers if known == name][:MOST_OF_ONE]

    def length(self, name: str) -> int:
        """How many bytes the first value of a header has."""
        return next((len(value) for known, value in self.headers if known == name), 0)

    def count(self, name: str) -> int:
        """How many headers of a name there are."""
        return sum(known == name for known, _ in self.headers)

    def content(self) -> Message:
        """The headers that say what the body is, for the standard library's readers of parameters."""
        message = Message()
        for name in ("content-type", "content-disposition"):
            if value := self.first(name):
                message[name] = value
        return message


def split(raw: bytes) -> Part:
    """Headers and body of a mail. Raises UnreadableError."""
    return _split(raw, strict=True)


def _split(raw: bytes, *, strict: bool) -> Part:
    blank_line = BLANK_LINE.search(raw, 0, MAX_HEADER_BYTES)
    if raw.startswith((b"\n", b"\r\n")):
        head, body = b"", raw[raw.index(b"\n") + 1 :]
    elif blank_line:
        head, body = raw[: blank_line.start()], raw[blank_line.end() :]
    elif len(raw) <= MAX_HEADER_BYTES:
        head, body = raw, b""
    elif strict:
        raise UnreadableError(f"The header has more than {MAX_HEADER_BYTES} bytes.")
    else:
        head, body = b"", raw
    return Part(_headers(head, strict=strict), body)


def _headers(head: bytes, *, strict: bool) -> list[tuple[str, bytes]]:
    headers: list[tuple[str, list[bytes]]] = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if headers:
                headers[-1][1].append(line.rstrip(b"\r"))
            continue
        name, colon, value = line.partition(b":")
        if colon and len(name) < 80:
            if len(headers) >= MAX_HEADERS:
                if strict:
                    raise UnreadableError(f"The mail has more than {MAX_HEADERS} headers.")
                break
            headers.append((name.strip().lower().decode("ascii", "replace"), [value.rstrip(b"\r")]))
    return [(name, b" ".join(lines)) for name, lines in headers]


def _unfolded(value: bytes) -> str:
    # Raw letters in a header are against the older rules and common. NUL and other controls become spaces.
    text = _unmarked(value[: 4 * MAX_VALUE])
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text).strip()[:MAX_VALUE]


def _unmarked(raw: bytes) -> str:
    """The text of bytes whose charset nobody names: UTF-8, or else Windows-1252. A letter that is cut at the end is replaced."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        is_cut = error.start >= len(raw) - 3 and error.reason == "unexpected end of data"
        return raw.decode("utf-8" if is_cut else "cp1252", "replace")


def decoded(value: str) -> str:
    """A header's words with their encoded words (RFC 2047) decoded."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError, LookupError, binascii.Error):
        return value
    return "".join(piece if isinstance(piece, str) else decode(piece, charset or "").text for piece, charset in pieces)


class Decoded(NamedTuple):
    """Text of bytes. is_exact: every byte is in it, by a charset that is known."""

    text: str
    is_exact: bool


def decode(raw: bytes, charset: str) -> Decoded:
    """Text of bytes. Without a charset that is one, it is UTF-8 or else Windows-1252; what does not fit is replaced."""
    try:
        known = codecs.lookup(charset.strip()[:40]).name if charset else "ascii"
        if known != "ascii" and CHARSETS.fullmatch(known):
            return _by_charset(raw, known)
        is_named = known == "ascii"
    except (LookupError, ValueError):
        is_named = False
    # Eight-bit text without a charset, or as ASCII, is common: what is read as UTF-8 is no guess.
    try:
        return Decoded(raw.decode(), is_named or raw.isascii())
    except UnicodeDecodeError:
        return Decoded(raw.decode("cp1252", "replace"), False)


def _by_charset(raw: bytes, known: str) -> Decoded:
    try:
        return Decoded(raw.decode(known), True)
    except UnicodeError:
        return Decoded(raw.decode(known, "replace"), False)


# -- parts ---------------------------------------------------------------------------------------------------------


class Parts(NamedTuple):
    """The leaves of a mail's tree of parts, in their order. are_all: no bound left one out."""

    leaves: list[Part]
    are_all: bool


def parts(mail: Part) -> Parts:
    """The leaves of a mail's tree, as many as the bounds let through. An enclosed mail is one leaf."""
    waiting, count, are_all, scanned = [(mail, 0)], 0, True, 0
    leaves: list[Part] = []
    while waiting and count < MAX_PARTS:
        part, depth = waiting.pop()
        count += 1
        content = part.content()
        is_tree = content.get_content_type().startswith("multipart/")
        boundary = _boundary(content) if is_tree else b""
        if boundary and depth < MAX_DEPTH and (scanned := scanned + len(part.body)) <= MAX_SCANNED_BYTES:
            pieces, rest = _between(part.body, boundary)
            # Words beside the parts are shown nowhere; most often they tell a reader that knows no parts what this is.
            are_all = are_all and len(pieces) < MAX_PARTS and bool(pieces) and not rest
            children = [_split(piece, strict=False) for piece in pieces]
            waiting += [(child, depth + 1) for child in reversed(children)]
        elif is_tree:
            are_all = are_all and not part.body.strip()
        else:
            leaves.append(part)
    return Parts(leaves, are_all and not waiting)


def _boundary(content: Message) -> bytes:
    try:
        text = content.get_boundary("") or ""
    except (ValueError, LookupError, TypeError):
        return b""
    return text.encode("utf-8", "replace") if 0 < len(text) <= MAX_BOUNDARY else b""


class Between(NamedTuple):
    """What stands between the lines of a boundary. rest: whether there are words before the first line or after the last."""

    pieces: list[bytes]
    rest: bool


def _between(body: bytes, boundary: bytes) -> Between:
    """At most MAX_PARTS pieces. A line that only begins like the boundary is text. Source: RFC 2046, 5.1.1."""
    line = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t]{0,100}(?=\r?\n|\Z)")
    pieces: list[bytes] = []
    begin, before, after = -1, body, b""
    for match in line.finditer(body):
        if begin < 0:
            before = body[: match.start()]
        else:
            pieces.append(body[begin : match.start()].removesuffix(b"\r"))
        # The next boundary may stand in the very next line, whose line break is the one that ends this line.
        begin = match.end() + (2 if body[match.end() : match.end() + 2] == b"\r\n" else 1)
        if match[1]:
            begin, after = -1, body[match.end() :]
            break
        if len(pieces) == MAX_PARTS:
            begin = -1
            break
    if begin >= 0:
        pieces.append(body[begin:])
    return Between(pieces, bool(after.strip()) or (bool(before.strip()) and not MIME_NOTICE.search(before[:500])))


class Payload(NamedTuple):
    """The bytes of a part, its transfer encoding undone. is_whole: none of what came was left out or unreadable."""

    content: bytes
    is_whole: bool


def payload(part: Part, most: int) -> Payload:
    """The bytes of a part, of at most `most` bytes of what came."""
    raw, encoding = part.body[:most], part.first("content-transfer-encoding").lower()
    is_whole = len(raw) == len(part.body)
    if encoding == "base64":
        plain = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        is_whole = is_whole and not re.search(rb"[^A-Za-z0-9+/=\s]", raw) and len(plain) % 4 != 1
        plain = plain[: len(plain) - (len(plain) % 4 == 1)]
        return Payload(binascii.a2b_base64(plain + b"=" * (-len(plain) % 4)), is_whole)
    if encoding == "quoted-printable":
        return Payload(binascii.a2b_qp(raw), is_whole)
    return Payload(raw, is_whole and encoding in ("", "7bit", "8bit", "binary"))


def charset(content: Message) -> str:
    """The charset that a part names, "" where it names none."""
    try:
        return str(content.get_content_charset("") or "")
    except (ValueError, LookupError, TypeError):
        return ""


def file_name(content: Message) -> str:
    """The name that a part gives its file, as one bounded line without what turns or hides letters; "" where it gives none."""
    try:
        name = decoded(content.get_filename("") or "")
    except (ValueError, LookupError, TypeError):
        return ""
    name = unicodedata.normalize("NFC", subject_line(name)).replace("/", "_").replace("\\", "_")
    return "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Co", "Cn")).strip(" .")[
        :MAX_NAME
    ]
