"""The choices of a column of a file, as a form shows them."""

from functools import lru_cache

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from crop_contract.variables import VARIABLES

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def variable_options(chosen: str) -> SafeString:
    """The options of what a column means. chosen: a variable's id, "" (its own name) or "-" (left out).

    Kept in memory, because a page shows the same ones for each of its columns.
    """
    choices = [("", "kept under its own name"), ("-", "left out")]
    for variable in sorted(VARIABLES.values(), key=lambda variable: variable.title):
        choices.append((variable.id, f"{variable.title} ({variable.symbol})" if variable.symbol else variable.title))
    rows = ((name, SafeString(" selected") if name == chosen else "", title) for name, title in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)
