"""Hints of the forms, made from what the pages declare that they ask for."""

from django import template

from glasshouse.access.asked_fields import withheld_purpose

register = template.Library()


@register.simple_tag
def optional(name: str, field: str) -> str:
    """Beside a field that may be withheld: that it is optional, what it is for, and what is lost without it.

    name: the page that takes the form. Raises DeclarationError.
    """
    purpose = withheld_purpose(name, field)
    return f"(optional: for {purpose}; all else works without it)" if purpose else ""
