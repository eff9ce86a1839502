"""Filters of the templates."""

from datetime import UTC, datetime

from django import template

register = template.Library()


@register.filter
def moment(seconds: int) -> str:
    """Seconds since 1970 UTC as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
