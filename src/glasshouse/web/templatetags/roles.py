"""Titles of roles in the reader's language."""

from django import template
from django.utils.translation import gettext

from glasshouse.access.permissions import TITLES

register = template.Library()


@register.filter
def role_title(title: str) -> str:
    """The title of a built-in role in the reader's language; a role of the organisation's own as its people named it."""
    return gettext(title) if title in TITLES.values() else title
