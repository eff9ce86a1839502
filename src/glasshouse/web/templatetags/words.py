"""Filters that say texts of the data map in the reader's language."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.translation import gettext

from glasshouse.greenhouse.import_results import said_of
from glasshouse.mail.texts import day as written_day
from glasshouse.subject.data_words import in_words, value_in_words
from glasshouse.subject.items import Item
from glasshouse.web import promise_words
from glasshouse.web.contact_file_texts import flaw_in_words
from glasshouse.web.file_texts import said
from glasshouse.web.request_choices import KINDS

register = template.Library()
register.filter("day", written_day)
register.filter("said", said)
register.filter("promise_words", promise_words.in_words)
register.filter("flaw", flaw_in_words)


@register.filter
def device(label: str) -> str:
    """A browser and a system, as `accounts.rules.device_of` names them, in the reader's language."""
    browser, is_pair, system = label.partition(" on ")
    if is_pair:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return gettext("unknown") if label == "unknown" else label


@register.filter
def network(place: str) -> str:
    """A coarse place, as `accounts.rules.place_of` names it, in the reader's language."""
    return gettext("this machine") if place == "this machine" else place


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
    """A value that is held, in the reader's language where it is of ours."""
    return value_in_words(item)


@register.filter
def each_in_words(texts: str) -> str:
    """Texts of the data map with "; " between them, each in the reader's language."""
    return "; ".join(in_words(text) for text in texts.split("; "))


@register.filter
def periods_in_words(periods: Iterable[str]) -> str:
    """How long something stays, in the reader's language; a period may have "; " in it, and they stand between periods, too."""
    return "; ".join(in_words(period) for period in periods)


@register.filter
def joined_words(texts: Iterable[object]) -> str:
    """Several such texts, one after the other."""
    return ", ".join(in_words(str(text)) for text in texts)


@register.filter
def request_kind(kind: str) -> str:
    """What a privacy request is about, as its person chose it, in the reader's language."""
    return gettext(KINDS.get(kind, kind))
