"""Read a mail from outside into plain, bounded text. Pure; an unknown sender wrote every byte of it.

`read` is all that the door asks for: bytes in, plain values out, with work that grows with the mail's size only. What of a mail
is neither among the values nor in a file is told in `left_out`, never dropped in silence. `mime.py` has the rules of the form.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from glasshouse.mail.rules import MAX_SUBJECT, body_text, message_id, subject_line
from glasshouse.operations import automatic_mail, mime
from glasshouse.operations.html_text import text_of_html
from glasshouse.operations.mime import Part, UnreadableError, split
from glasshouse.requests.mail_files import MAX_FILES, LeftOut, MailFile

MAX_TEXT = 20_000
MAX_TEXT_BYTES = 1 << 20  # of a part that is read as text


@dataclass(frozen=True, slots=True)
class InboundMail:
    """What is taken out of a mail.

    sender: the one address that wrote it, "" where the mail names none, or more than one; from_line: its From headers as they
    came, for whoever looks at them then. replies_to: the Message-IDs that it names; automatic: why nobody is answered, "" where a
    person wrote it (automatic_mail.py). files: what is in the mail beside the text; left_out: what is in neither.
    """

    sender: str
    subject: str
    text: str
    message_id: str
    replies_to: str
    automatic: str
    files: tuple[MailFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    from_line: str = ""


def read(raw: bytes, return_path: str | None = None) -> InboundMail:
    """Read a mail. return_path: of the SMTP envelope; None: it is not known. Raises UnreadableError."""
    if not raw.strip():
        raise UnreadableError("The mail is empty.")
    mail = split(raw)
    if mail.count("received") > automatic_mail.MOST_HOPS:
        raise UnreadableError("The mail went through too many servers.")
    sender = one_sender(mail)
    body, subject = text_of(mail), mime.decoded(mail.first("subject"))
    is_cut = len(subject) > MAX_SUBJECT or mail.length("subject") > mime.MAX_VALUE
    return InboundMail(
        sender=sender,
        subject=subject_line(subject),
        text=body.text,
        message_id=message_id(mail.first("message-id")),
        replies_to=f"{mail.first('references')} {mail.first('in-reply-to')}".strip(),
        automatic=automatic_mail.reason(mail, sender, return_path),
        files=body.files,
        left_out=(*((LeftOut.SUBJECT,) if is_cut else ()), *body.left_out),
        from_line=_from_line(mail),
    )


def _from_line(mail: Part) -> str:
    """A mail's From headers for an officer to read; where they are cut, that is seen."""
    whole = " ".join(", ".join(mail.all("from")).split())
    is_cut = mail.length("from") > mime.MAX_VALUE or len(whole) > MAX_SUBJECT
    return f"{subject_line(whole)[: MAX_SUBJECT - 2]} …" if is_cut else subject_line(whole)


class Body(NamedTuple):
    """The readable text of a mail, the other parts as files, and what is in neither."""

    text: str
    files: tuple[MailFile, ...]
    left_out: tuple[LeftOut, ...]


def text_of(mail: Part) -> Body:
    """The text of a mail's first plain part, or the words of its first HTML part; all other parts are files.

    An HTML part that says the same as the plain one is no file.
    """
    leaves, are_all = mime.parts(mail)
    left_out = [] if are_all else [LeftOut.PARTS]
    shown = _first(leaves, "text/plain") or _first(leaves, "text/html")
    text, notes = _words(shown) if shown else ("", [])
    left_out += notes
    files = [_file(leaf) for leaf in leaves if leaf is not shown and not _says(leaf, text)]
    # An empty part is none: some programs end a mail with one.
    files = [file for file in files if file.content or file.name]
    if len(files) > MAX_FILES:
        left_out.append(LeftOut.FILES)
    if any(not file.is_whole for file in files):
        left_out.append(LeftOut.ENCODING)
    return Body(text, tuple(files[:MAX_FILES]), tuple(dict.fromkeys(left_out)))


def _is_text(part: Part, kind: str) -> bool:
    content = part.content()
    return content.get_content_type() == kind and content.get_content_disposition() != "attachment"


def _first(leaves: list[Part], kind: str) -> Part | None:
    """The first part of a kind that has any words."""
    return next((leaf for leaf in leaves if _is_text(leaf, kind) and _words(leaf)[0].strip()), None)


def _words(part: Part) -> tuple[str, list[LeftOut]]:
    """The words of a part of text, and what is missing in them."""
    content, left_out = part.content(), []
    raw, is_whole = mime.payload(part, MAX_TEXT_BYTES)
    text, is_exact = mime.decode(raw, mime.charset(content))
    if content.get_content_type() == "text/html":
        text = text_of_html(text, MAX_TEXT + 1)
    if not is_exact:
        left_out.append(LeftOut.CHARSET)
    if len(part.body) > MAX_TEXT_BYTES or len(text) > MAX_TEXT:
        left_out.append(LeftOut.TEXT)
    elif not is_whole:
        left_out.append(LeftOut.ENCODING)
    return body_text(text[:MAX_TEXT]), left_out


def _says(part: Part, text: str) -> bool:
    """Whether an HTML part has the words of a text and no others."""
    if not _is_text(part, "text/html"):
        return False
    html_text, left_out = _words(part)
    return not left_out and "".join(html_text.split()) == "".join(text.split())


def _file(part: Part) -> MailFile:
    content = part.content()
    raw, is_whole = mime.payload(part, len(part.body))
    return MailFile(mime.file_name(content), content.get_content_type()[:80], raw, is_whole)


# -- who wrote it --------------------------------------------------------------------------------------------------


def one_sender(mail: Part) -> str:
    """The one address that a mail names as its sender; "" where it names none, or more than one: a person looks at it then."""
    if mail.count("from") != 1 or mail.length("from") > mime.MAX_VALUE:
        return ""  # What is cut off of a long one could be the address that wrote it.
    try:
        return sender_of(mail.first("from"))
    except UnreadableError:
        return ""


def sender_of(value: str) -> str:
    """The one address in a From header. Raises UnreadableError where there is none, or more than one. Source: RFC 5322, 3.4."""
    listed = [mailbox for mailbox in mailboxes(value) if mailbox]
    if len(listed) != 1:
        raise UnreadableError("The From header must name one address.")
    return listed[0]


def mailboxes(value: str) -> Iterator[str]:
    """The address of each mailbox in a list: what stands in angle brackets, or else all of it; no names, no comments."""
    plain: list[str] = []  # outside of quotes, comments and angle brackets
    angle: list[str] | None = None
    depth, quoted, in_brackets, skip = 0, False, False, False
    for character in value:
        if skip or character == "\\":
            skip = not skip
        elif quoted:
            quoted = character != '"'
        elif character == '"' and not depth and angle is None:
            quoted = True
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif depth:
            continue
        elif in_brackets:
            in_brackets = character != ">"
            if in_brackets and angle is not None:
                angle.append(character)
        elif angle is not None and character not in ",;: \t":
            raise UnreadableError("The From header must name one address, and nothing after it.")
        elif character == "<":
            if angle is not None:
                raise UnreadableError("The From header must name one address.")
            angle, in_brackets = [], True
        elif character in ",;:":
            if character != ",":  # The name of a group is no mailbox; what follows may be any number of them.
                raise UnreadableError("The From header must name one address, not a group.")
            yield "".join(plain if angle is None else angle).strip()
            plain, angle = [], None
        else:
            plain.append(character)
    if in_brackets or quoted or depth:
        raise UnreadableError("The From header ends in the middle of an address, a name or a comment.")
    yield "".join(plain if angle is None else angle).strip()


# -- mail on its way back ------------------------------------------------------------------------------------------


def failed_status(raw: bytes) -> str:
    """The status of a delivery that a mail reports as failed for good, such as "5.1.1"; "5.0.0" where it gives none.

    "": it reports no such delivery. Of several recipients the first that failed counts: our mails have one. Source: RFC 3464.
    """
    for part in mime.parts(split(raw)).leaves:
        if part.content().get_content_type() != "message/delivery-status":
            continue
        for group in re.split(rb"\r?\n[ \t]{0,20}\r?\n", part.body[:MAX_TEXT_BYTES].lower()):
            if re.search(rb"^action:[ \t]{0,20}failed\b", group, re.MULTILINE):
                status = re.search(rb"^status:[ \t]{0,20}(5\.\d{1,3}\.\d{1,3})\b", group, re.MULTILINE)
                return status[1].decode() if status else "5.0.0"
    return ""
