"""Filters of mail templates: days and marked texts, in the mail's language."""

from collections.abc import Sequence
from datetime import date

from django import template
from django.utils import dateformat
from django.utils.translation import get_language, gettext

register = template.Library()
FORMS = {"de": "j. F Y"}


@register.filter
def day(moment: date) -> str:
    """A day such as 30 December 2026, in UTC where it is a moment. Raises AttributeError for anything else."""
    return dateformat.format(moment, FORMS.get(get_language() or "", "j F Y"))


@register.filter
def translated(text: str) -> str:
    """A text that is marked elsewhere, such as the title of a law; as it is where it is marked nowhere."""
    return gettext(text) if text else ""


@register.filter
def each_translated(texts: Sequence[str]) -> str:
    """Several such texts, one after the other."""
    return ", ".join(translated(text) for text in texts)
