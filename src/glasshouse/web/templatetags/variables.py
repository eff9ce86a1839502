"""Variables as pages name them, and the choices of a column of a file, as a form shows them."""

from collections.abc import Iterable
from functools import lru_cache

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from glasshouse.web import variable_titles

register = template.Library()
register.filter("variable_title", variable_titles.variable_title)


@register.simple_tag
def variable_options(chosen: str) -> SafeString:
    """The options of what a column means. chosen: a variable's id, "" (its own name) or "-" (left out).

    Kept in memory for each language, because a page shows the same ones for each of its columns.
    """
    return _options(chosen, get_language() or "en")


@lru_cache(maxsize=512)
def _options(chosen: str, _language: str) -> SafeString:
    choices = [("", gettext("kept under its own name")), *variable_titles.variable_choices()]
    rows = ((name, SafeString(" selected") if name == chosen else "", title) for name, title in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


@register.simple_tag
def heading_options(headings: Iterable[tuple[int, str]], chosen: object = "") -> SafeString:
    """The columns of a file as options. headings: place and text of each; chosen: the place that a form said, or nothing."""
    rows = (
        (place, SafeString(" selected") if str(place) == chosen else "", heading or gettext("(no heading)"))
        for place, heading in headings
    )
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


@register.filter
def as_found(value: object) -> str:
    """What a field of the import says of the value that it has where nothing is chosen."""
    return gettext("as found: %(value)s") % {"value": value}


@register.simple_tag
def variable_list() -> SafeString:
    """The options of the one list that all columns of a wide file share; a choice of it is said by `chosen_variable`."""
    rows = [(label,) for _, label in variable_titles.variable_choices()]
    return format_html_join("", '<option value="{}">', rows)


@register.filter
def chosen_variable(chosen: str) -> str:
    """What a column means, as the shared list says it."""
    return dict(variable_titles.variable_choices()).get(chosen, chosen)
