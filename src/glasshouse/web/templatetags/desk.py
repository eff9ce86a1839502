"""Words of the privacy officer's pages that are chosen by a key: kinds, channels and regions of requests, for titles too."""

from django import template
from django.utils.translation import get_language_info, gettext

from glasshouse.requests import legal_deadlines
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.web.request_choices import CHANNEL_TITLES

register = template.Library()


@register.filter
def kind_title(kind: str) -> str:
    """What a request is about, in one or two words, as the officer's list says it."""
    return gettext(KIND_TITLES.get(kind, kind.capitalize()))


@register.filter
def channel_title(channel: str) -> str:
    """How a request came."""
    return gettext(CHANNEL_TITLES.get(channel, channel))


@register.filter
def region_title(region: str) -> str:
    """Where the person of a request lives; a country or a state by its own name."""
    title, _ = legal_deadlines.REGIONS.get(region, (region, ""))
    country, colon, state = title.partition(": ")
    return f"{gettext(country)}{colon}{state}"


@register.filter
def region_short(region: str) -> str:
    """Where the person of a request lives, in a few letters, as lists have it: EU, UK, US-CA."""
    return gettext("elsewhere") if region == "other" else region.upper()


@register.filter
def language_title(code: str) -> str:
    """A language by its name; the code itself where nobody named it."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code
