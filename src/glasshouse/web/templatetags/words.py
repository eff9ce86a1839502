"""Filters that say texts of the data map in the reader's language."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.translation import gettext

from glasshouse.greenhouse.import_results import said_of
from glasshouse.subject.inventory import HASH, Item
from glasshouse.vault.datamap import place
from glasshouse.web.activity_words import own_activity
from glasshouse.web.data_words import in_words
from glasshouse.web.file_texts import said
from glasshouse.web.request_choices import KINDS

register = template.Library()
register.filter("said", said)


@register.filter("words")
def translated(text: object) -> str:
    """A text of the data map, or of a rule, in the reader's language."""
    return in_words(str(text))


@register.filter
def issue_text(issue: dict[str, Any]) -> str:
    """What a stored import issue says, in the reader's language."""
    return said(said_of(issue))


@register.filter
def held_value(item: Item) -> str:
    """A value that is held, as it is; an activity, and what stands in the place of a hash, in the reader's language."""
    if item.place == place("events.Event", "kind"):
        return own_activity(item.value)
    return gettext(item.value) if item.value == HASH else item.value


@register.filter
def each_in_words(texts: str) -> str:
    """Texts of the data map with "; " between them, each in the reader's language."""
    return "; ".join(in_words(text) for text in texts.split("; "))


@register.filter
def joined_words(texts: Iterable[object]) -> str:
    """Several such texts, one after the other."""
    return ", ".join(in_words(str(text)) for text in texts)


@register.filter
def request_kind(kind: str) -> str:
    """What a privacy request is about, as its person chose it, in the reader's language."""
    return gettext(KINDS.get(kind, kind))
