"""Pure rules of documents: which there are, which must be accepted, how two versions compare, which sentence is accepted."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum


class Document(StrEnum):
    AGREEMENT = "agreement"
    COOKIES = "cookies"
    NOTICE = "notice"
    TERMS = "terms"


TITLES = {
    Document.NOTICE: "Privacy notice",
    Document.TERMS: "Terms of use",
    Document.AGREEMENT: "Service agreement",
    Document.COOKIES: "Cookie notice",
}
REQUIRED = (Document.TERMS, Document.NOTICE)  # Nobody uses the service without having accepted these.
LANGUAGES = {"en": "English", "de": "Deutsch"}
LEAST_LEAD_DAYS = 14
RESEND_AFTER_DAYS = 1
SENTENCES = {
    "en": "I accept the terms of use (version {terms}) and have read the privacy notice (version {notice}).",
    "de": "Ich nehme die Nutzungsbedingungen (Fassung {terms}) an und habe die Datenschutzerklärung (Fassung {notice}) gelesen.",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words of a comparison. kind: same, added or removed."""

    kind: str
    text: str


def _plain(text: str) -> str:
    """A text without its marks and without the line breaks inside its paragraphs."""
    unwrapped = re.sub(r"(?<![\n|])\n(?![\n|#-])", " ", text.replace("\r\n", "\n").strip())
    return re.sub(r"(?m)^#+ |\*\*", "", unwrapped)


def compared(old: str, new: str) -> list[Piece]:
    """What became of a text, word by word, paragraphs kept."""
    before, after = (re.findall(r"\n+|[^\s]+[ \t]*", _plain(text)) for text in (old, new))
    found: list[Piece] = []
    for act, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if act == "equal":
            found.append(Piece("same", "".join(before[a:b])))
        if act in ("delete", "replace"):
            found.append(Piece("removed", "".join(before[a:b])))
        if act in ("insert", "replace"):
            found.append(Piece("added", "".join(after[c:d])))
    return found


def language_of(wanted: str) -> str:
    """The first language of an Accept-Language header (or a bare code) that there are texts in; English otherwise."""
    codes = (part.split(";")[0].strip().lower()[:2] for part in wanted.split(","))
    return next((code for code in codes if code in LANGUAGES), "en")
