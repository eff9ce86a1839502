"""Variables as pages name them, and the choices of a column of a file, as a form shows them."""

from functools import lru_cache

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from crop_contract.variables import VARIABLES
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
    choices = [("", gettext("kept under its own name")), ("-", gettext("left out"))]
    titles = [(variable_titles.variable_title(variable.title), variable) for variable in VARIABLES.values()]
    for title, variable in sorted(titles, key=lambda titled: titled[0]):
        choices.append((variable.id, f"{title} ({variable.symbol})" if variable.symbol else title))
    rows = ((name, SafeString(" selected") if name == chosen else "", title) for name, title in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)
