"""Filters of the templates."""

from datetime import UTC, datetime

from django import template

register = template.Library()


@register.filter
def moment(seconds: int) -> str:
    """Seconds since 1970 UTC as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")


@register.filter
def figure(value: float | None) -> str:
    """A reading with as many decimals as its size deserves: 0.96, 24.5, 814; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
