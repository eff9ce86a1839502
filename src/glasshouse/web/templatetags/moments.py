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


@register.filter
def ago(seconds: int) -> str:
    """How long ago, in words; page.js goes on counting in the browser with the same words."""
    for unit_s, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit_s:
            return f"{round(seconds / unit_s)} {name} ago"
    return f"{seconds} s ago"
