"""The page of an export, which people read: in their language, without a style or a script, row by row."""

from collections.abc import Sequence
from html import escape

from django.utils import translation
from django.utils.translation import gettext

from glasshouse.subject.data_words import in_words, value_in_words
from glasshouse.subject.inventory import Belonging
from glasshouse.subject.items import Item


def head(language: str) -> str:
    """The page up to its first row. language: a code of the settings' languages."""
    with translation.override(language):
        title = escape(gettext("Your data"))
        headings = (
            gettext("What"),
            gettext("Value"),
            gettext("Where it comes from"),
            gettext("What for"),
            gettext("Why we may keep it"),
            gettext("How long"),
            gettext("Who gets it"),
        )
        return (
            f"<!doctype html><html lang={language}><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"
            f"<table border=1>{_headings(headings)}"
        )


def row(item: Item, number: int, language: str) -> str:
    """One value. number: which it is, from 0."""
    with translation.override(language):
        cells = (
            in_words(item.label),
            value_in_words(item),
            in_words(item.source),
            in_words(item.purpose),
            in_words(item.basis),
            in_words(item.retention),
            ", ".join(in_words(recipient) for recipient in item.recipients),
        )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"


def not_included(kinds: Sequence[Belonging], language: str) -> str:
    """The part of the page that says what is not in the export, and why; "" where nothing is missing."""
    if not kinds:
        return ""
    with translation.override(language):
        title = escape(gettext("What you may have typed and is not here"))
        rows = "".join(
            "<tr>"
            f"<td>{escape('; '.join(in_words(text) for text in kind.kinds))}</td><td>{escape(in_words(kind.owner))}</td>"
            f"<td>{escape(in_words(kind.why))}</td>"
            "</tr>\n"
            for kind in kinds
        )
        headings = _headings((gettext("What"), gettext("It belongs to"), gettext("Why")))
        return f"<h1>{title}</h1><table border=1>{headings}{rows}</table>"


def _headings(titles: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<th>{escape(title)}</th>" for title in titles) + "</tr>\n"
