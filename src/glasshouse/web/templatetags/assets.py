"""Addresses of the bundled files, with their fingerprints."""

from django import template

from glasshouse.web import static_assets

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of a bundled file. Raises KeyError where there is no such file."""
    return static_assets.address_of(name)
