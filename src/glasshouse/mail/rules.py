"""Pure rules of mail: what of a text is a key and not a datum; what may stand in a header; the form of a mail template."""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

LINK_SECRETS = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")  # as kernel.ids.new_token makes them
CODES = re.compile(r"(?<!\d)\d{6,8}(?!\d)")  # of text messages
ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
# RFC 5322, 3.6.4: dot-atoms, or a domain literal, of a length that fits into one line.
MESSAGE_ID = re.compile(rf"<({ATOMS}{{1,200}})@({ATOMS}{{1,200}}|\[[A-Za-z0-9.:-]{{1,100}}\])>")
MAX_SUBJECT = 400
SUBJECT = "Subject: "
ONE_TAG = re.compile(r"\{% (?!translate )(?:(?!%\}).)*%\}")  # that says nothing itself
NEVER_IN_A_LINE = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators


def masked(text: str, *, codes: bool = False) -> str:
    """A text without the secrets of links in it: whoever reads it later cannot use them to sign in. codes: of a text message,
    whose numbers are codes. In any other text a number is somebody's datum, and stays.
    """
    without_links = LINK_SECRETS.sub("•••", text)
    return CODES.sub("•••", without_links) if codes else without_links


def message_id(text: str) -> str:
    """A Message-ID as the grammar has it; "" where the text is none. Source: RFC 5322, 3.6.4."""
    match = MESSAGE_ID.fullmatch(text[:500].strip(" \t\r\n"))
    # An encoded word would be decoded by whoever reads the header.
    return match[0] if match and "=?" not in match[0] else ""


def subject_line(text: str) -> str:
    """A text that can stand in a Subject: one line of MAX_SUBJECT characters at most, without controls and encoded words."""
    return " ".join(_without(text[: 4 * MAX_SUBJECT], NEVER_IN_A_LINE).replace("=?", "= ?").split())[:MAX_SUBJECT]


def body_text(text: str) -> str:
    """A text that can stand in a mail's body or be stored: lines and tabs stay, other controls and lone surrogates go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _without(lines, {"Cc", "Cs"}, but=frozenset("\n\t"), instead="")


def _without(text: str, categories: set[str], but: frozenset[str] = frozenset(), instead: str = " ") -> str:
    category: Callable[[str], str] = unicodedata.category
    return "".join(char if char in but or category(char) not in categories else instead for char in text)


class TemplateParts(NamedTuple):
    """The two templates in a mail template."""

    subject: str
    body: str


def template_parts(source: str) -> TemplateParts:
    """Subject and body of a mail template: "Subject: …", an empty line, the body. Raises ValueError for any other form."""
    subject, _, rest = source.partition("\n")
    empty, _, body = rest.partition("\n")
    if not subject.startswith(SUBJECT) or not subject.removeprefix(SUBJECT).strip():
        raise ValueError(f'its first line does not begin with "{SUBJECT}"')
    if empty or not body.strip():
        raise ValueError("after its subject it has no empty line and body")
    return TemplateParts(subject.removeprefix(SUBJECT), unfolded(body))


def unfolded(source: str) -> str:
    """A template's text with its lines joined to paragraphs, so that its own lines stay short and those of the mail whole.

    As in Markdown, a line goes on in the next one, an empty line ends a paragraph, and a backslash at a line's end breaks it.
    A line that is one tag of the template and nothing else leaves no line in the mail, but for a text to translate.
    """
    text = ""
    for line, following in pairwise([*source.split("\n"), ""]):
        if line.endswith("\\"):
            text += line[:-1] + "\n"
        elif ONE_TAG.fullmatch(line):
            text += line
        elif line and following and not ONE_TAG.fullmatch(following):
            text += f"{line} "
        else:
            text += f"{line}\n"
    return text.removesuffix("\n")
