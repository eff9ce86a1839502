"""Filters of the templates."""

from datetime import UTC, datetime
from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext

register = template.Library()


@register.filter
def moment(seconds: int) -> str:
    """Seconds since 1970 UTC as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")


@register.filter
def figure(value: float | None) -> str:
    """A reading with as many decimals as its size deserves: 0.96 (0,96 in German), 24.5, 814; a dash where there is none."""
    if value is None:
        return "–"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return number_format(Decimal(f"{value:.{decimals}f}"), decimals)


@register.filter
def ago(seconds: int) -> str:
    """How long ago, in words; page.js goes on counting in the browser with the same words."""
    for unit_s, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit_s:
            return gettext(f"%s {name} ago") % round(seconds / unit_s)
    return gettext("%s s ago") % seconds
