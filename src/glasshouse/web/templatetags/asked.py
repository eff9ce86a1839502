"""Hints of the forms, made from what the pages declare that they ask for."""

from django import template
from django.utils.translation import gettext, gettext_noop

from glasshouse.access.asked_fields import withheld_purpose

register = template.Library()
# Of fields on translated pages, as the data map has them.
gettext_noop("answering the request")


@register.simple_tag
def optional(name: str, field: str) -> str:
    """Beside a field that may be withheld: that it is optional, what it is for, and what is lost without it.

    name: the page that takes the form. Raises DeclarationError.
    """
    purpose = withheld_purpose(name, field)
    hint = gettext("(optional: for %(purpose)s; all else works without it)")
    return hint % {"purpose": gettext(purpose)} if purpose else ""
