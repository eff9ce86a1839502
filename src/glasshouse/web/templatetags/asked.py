"""Hints of the forms, made from what the pages declare that they ask for."""

from django import template

from glasshouse.access.asked_fields import may_be_withheld

register = template.Library()


@register.simple_tag
def optional(name: str, field: str) -> str:
    """ "(optional)" beside a field that may be withheld. name: the page that takes the form. Raises DeclarationError."""
    return "(optional)" if may_be_withheld(name, field) else ""
