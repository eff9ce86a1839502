"""Pure rules of documents: which there are, which must be accepted, how two versions compare, which sentence is accepted."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Document(StrEnum):
    """The documents of the service, by the names in their addresses."""

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
MOST_BY_WORD = 25_000_000  # characters times characters that are compared word by word
# The mail templates that a change is announced with.
ANNOUNCEMENTS = {"en": "notices/mails/announcement.en", "de": "notices/mails/announcement.de"}
TITLES_BY_LANGUAGE = {
    "en": {document: title.lower() for document, title in TITLES.items()},
    "de": {
        Document.NOTICE: "Datenschutzerklärung",
        Document.TERMS: "Nutzungsbedingungen",
        Document.AGREEMENT: "Dienstvertrag",
        Document.COOKIES: "Cookie-Hinweise",
    },
}
SENTENCES = {
    "en": "I accept the terms of use (version {terms}) and have read the privacy notice (version {notice}).",
    "de": "Ich nehme die Nutzungsbedingungen (Fassung {terms}) an und habe die Datenschutzerklärung (Fassung {notice}) gelesen.",
}


def title_of(document: Document, language: str) -> str:
    """What a document is called on a page. language: a key of LANGUAGES."""
    return TITLES[document] if language == "en" else TITLES_BY_LANGUAGE[language][document]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words of a comparison. kind: same, added or removed."""

    kind: str
    text: str


def _plain(text: str) -> str:
    """A text without its Markdown marks and without the line breaks inside its paragraphs."""
    unwrapped = re.sub(r"(?<![\n|])\n(?![\n|#-])", " ", text.replace("\r\n", "\n").strip())
    return re.sub(r"(?m)^#+ |\*\*", "", unwrapped)


@lru_cache(maxsize=64)
def compared(old: str, new: str) -> tuple[Piece, ...]:
    """How a text changed: paragraph by paragraph, and word by word where one changed.

    Anybody may ask for it, so it stays cheap: published texts never change, hence the cache, and a whole text is never compared
    word by word.
    """
    before, after = (re.findall(r"[^\n]+\n*|\n+", _plain(text)) for text in (old, new))
    pieces: list[Piece] = []
    for act, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        removed, added = "".join(before[a:b]), "".join(after[c:d])
        if act == "equal":
            pieces.append(Piece("same", removed))
        elif act == "replace" and len(removed) * len(added) < MOST_BY_WORD:
            pieces += _by_word(removed, added)
        else:
            pieces += [piece for piece in (Piece("removed", removed), Piece("added", added)) if piece.text]
    return tuple(pieces)


def _by_word(old: str, new: str) -> list[Piece]:
    before, after = (re.findall(r"\n+|[^\s]+[ \t]*", text) for text in (old, new))
    pieces: list[Piece] = []
    for act, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if act == "equal":
            pieces.append(Piece("same", "".join(before[a:b])))
        if act in ("delete", "replace"):
            pieces.append(Piece("removed", "".join(before[a:b])))
        if act in ("insert", "replace"):
            pieces.append(Piece("added", "".join(after[c:d])))
    return pieces


def language_of(accept_language: str) -> str:
    """The first language of an Accept-Language header (or a bare code) that there are texts in; English otherwise."""
    codes = (part.split(";")[0].strip().lower()[:2] for part in accept_language.split(","))
    return next((code for code in codes if code in LANGUAGES), "en")
