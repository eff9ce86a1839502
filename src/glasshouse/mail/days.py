"""A filter of mail templates: a day, written out as the mail's language does."""

from datetime import date

from django import template
from django.utils import dateformat
from django.utils.translation import get_language

register = template.Library()
FORMS = {"de": "j. F Y"}


@register.filter
def day(moment: date) -> str:
    """A day such as 30 December 2026, in UTC where it is a moment. Raises AttributeError for anything else."""
    return dateformat.format(moment, FORMS.get(get_language() or "", "j F Y"))
