"""Read a mail from outside into plain, bounded text. Pure; an unknown sender wrote every byte of it.

Rules:
1. Everything is bounded before it is looked at: header bytes, headers, parts, depth, the bytes of a part, the characters of text.
2. Each step looks at a byte a bounded number of times; nothing here backtracks. (The standard library's parsers of mail and
   HTML take quadratic time for some mails, or end in an exception.)
3. What cannot be decoded is replaced, never refused: an unknown charset is no reason not to hear somebody.
4. What breaks a bound raises UnreadableError: the fault is the mail's, and its sender is told for good.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from glasshouse.mail.rules import body_text, message_id, subject_line
from glasshouse.operations.html_text import text_of_html

MAX_HEADER_BYTES, MAX_HEADERS, MAX_VALUE = 128 << 10, 500, 2_000
MAX_PARTS, MAX_DEPTH, MAX_PART_BYTES, MAX_TEXT = 100, 20, 1 << 20, 20_000
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
MAX_BOUNDARY = 70  # RFC 2046, 5.1.1
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
    # Raw UTF-8 in a header is against the older rules and common. NUL and other controls become spaces.
    text = value[: 4 * MAX_VALUE].decode("utf-8", "replace")
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text).strip()[:MAX_VALUE]


def decoded(value: str) -> str:
    """A header's words with their encoded words (RFC 2047) decoded."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError, LookupError, binascii.Error):
        return value
    return "".join(piece if isinstance(piece, str) else decode(piece, charset or "") for piece, charset in pieces)


def decode(raw: bytes, charset: str) -> str:
    """Text of bytes. Without a charset that is one, it is UTF-8 or else Windows-1252; what does not fit is replaced."""
    try:
        known = codecs.lookup(charset.strip()[:40]).name if charset else "ascii"
        if known != "ascii" and CHARSETS.fullmatch(known):
            return raw.decode(known, "replace")
    except (LookupError, ValueError):
        pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


# -- parts ---------------------------------------------------------------------------------------------------------


def parts(mail: Part) -> Iterator[Part]:
    """The leaves of a mail's tree of parts in their order, as many as the bounds let through. An enclosed mail is one leaf."""
    waiting, count = [(mail, 0)], 0
    while waiting and count < MAX_PARTS:
        part, depth = waiting.pop()
        count += 1
        content = part.content()
        kind = content.get_content_type()
        boundary = _boundary(content) if kind.startswith("multipart/") else b""
        if boundary and depth < MAX_DEPTH:
            children = [_split(child, strict=False) for child in _between(part.body, boundary)]
            waiting += [(child, depth + 1) for child in reversed(children)]
        elif not kind.startswith("multipart/"):
            yield part


def _boundary(content: Message) -> bytes:
    try:
        text = content.get_boundary("") or ""
    except (ValueError, LookupError, TypeError):
        return b""
    return text.encode("utf-8", "replace") if 0 < len(text) <= MAX_BOUNDARY else b""


def _between(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the lines of a boundary, at most MAX_PARTS pieces. Source: RFC 2046, 5.1.1."""
    mark, count = b"--" + boundary, 0
    at, begin = (0 if body.startswith(mark) else body.find(b"\n" + mark)), -1
    while at >= 0 and count < MAX_PARTS:
        line = at + (body[at : at + 1] == b"\n")
        if begin >= 0:
            count += 1
            yield body[begin:at].removesuffix(b"\r")
        after = line + len(mark)
        if body[after : after + 2] == b"--":
            return
        ends = body.find(b"\n", after)
        begin = ends + 1 if ends >= 0 else len(body)
        # The next boundary may stand in the very next line, whose line break is the one that ends this line.
        at = body.find(b"\n" + mark, max(ends, after))
    if begin >= 0 and count < MAX_PARTS:
        yield body[begin:]


def payload(part: Part) -> bytes:
    """The bytes of a part, its transfer encoding undone; at most MAX_PART_BYTES of what came."""
    raw = part.body[:MAX_PART_BYTES]
    encoding = part.first("content-transfer-encoding").lower()
    if encoding == "base64":
        plain = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        plain = plain[: len(plain) - (len(plain) % 4 == 1)]
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))
    return binascii.a2b_qp(raw) if encoding == "quoted-printable" else raw


def text_of(mail: Part) -> str:
    """The readable text of a mail: its first plain part, or the words of its first HTML part; attachments aside."""
    html_text = ""
    for part in parts(mail):
        content = part.content()
        kind = content.get_content_type()
        if kind not in ("text/plain", "text/html") or content.get_content_disposition() == "attachment":
            continue
        text = decode(payload(part), _charset(content))
        if kind == "text/plain" and text.strip():
            return body_text(text[:MAX_TEXT])
        html_text = html_text or text_of_html(text, MAX_TEXT)
    return body_text(html_text)


def _charset(content: Message) -> str:
    try:
        return str(content.get_content_charset("") or "")
    except (ValueError, LookupError, TypeError):
        return ""


# -- what a request is made of -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboundMail:
    """What is taken out of a mail.

    sender: the one address that wrote it; replies_to: the Message-IDs that it names; automatic: an answering machine or a list
    sent it.
    """

    sender: str
    subject: str
    text: str
    message_id: str
    replies_to: str
    automatic: bool


def read(raw: bytes) -> InboundMail:
    """Read a mail. Raises UnreadableError."""
    mail = split(raw)
    if mail.count("from") != 1:
        raise UnreadableError("The mail must have one From header.")
    automatic = mail.first("auto-submitted").lower() or "no"
    return InboundMail(
        sender=sender_of(mail.first("from")),
        subject=subject_line(decoded(mail.first("subject"))),
        text=text_of(mail),
        message_id=message_id(mail.first("message-id")),
        replies_to=f"{mail.first('references')} {mail.first('in-reply-to')}".strip(),
        automatic=automatic.partition(";")[0].strip() != "no" or mail.count("list-id") > 0,
    )


def sender_of(value: str) -> str:
    """The one address in a From header. Raises UnreadableError where there is none, or more than one. Source: RFC 5322, 3.4."""
    mailboxes = [mailbox for mailbox in _mailboxes(value) if mailbox]
    if len(mailboxes) != 1:
        raise UnreadableError("The From header must name one address.")
    return mailboxes[0]


def _mailboxes(value: str) -> Iterator[str]:
    """The address of each mailbox in a list: what stands in angle brackets, or else all of it; no names, no comments."""
    plain: list[str] = []  # outside of quotes, comments and angle brackets
    angle: list[str] | None = None
    depth, quoted, in_brackets, skip = 0, False, False, False
    for character in value:
        if skip or character == "\\":
            skip = not skip
        elif quoted:
            quoted = character != '"'
        elif character == '"' and not depth:
            quoted = True
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif depth:
            continue
        elif in_brackets:
            in_brackets = character != ">"
            if in_brackets and angle is not None:
                angle.append(character)
        elif character == "<":
            if angle is not None:
                raise UnreadableError("The From header must name one address.")
            angle, in_brackets = [], True
        elif character in ",;:":
            if character == ":":  # The name of a group is no mailbox; what follows may be any number of them.
                raise UnreadableError("The From header must name one address, not a group.")
            yield "".join(plain if angle is None else angle).strip()
            plain, angle = [], None
        else:
            plain.append(character)
    yield "".join(plain if angle is None else angle).strip()


# -- mail on its way back ------------------------------------------------------------------------------------------


def delivery_failed(raw: bytes) -> bool:
    """Whether a mail reports a delivery that failed for good. Source: RFC 3464."""
    return any(
        re.search(rb"^action:[ \t]{0,20}failed\b", part.body[:MAX_PART_BYTES].lower(), re.MULTILINE) is not None
        for part in parts(split(raw))
        if part.content().get_content_type() == "message/delivery-status"
    )
