"""What scripts write on pages, in the page's language: the script has the English texts, and finds the others by them."""

import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop

register = template.Library()
# Of page.js: ages of values, and the message that the connection is lost. "%s": a number, a time.
LIVE = (
    gettext_noop("%s s ago"),
    gettext_noop("%s min ago"),
    gettext_noop("%s h ago"),
    gettext_noop("%s d ago"),
    gettext_noop("silent since %s"),
    gettext_noop("dated in the future: check the device's clock"),
    gettext_noop("Connection lost – values from %s."),
    gettext_noop("You are signed out."),
    gettext_noop("The service answers with an error; we keep trying."),
    gettext_noop("We keep trying."),
    gettext_noop("This device is offline; we keep trying."),
    gettext_noop("Sign in"),
)
# Of chart.js.
CHART = (
    gettext_noop("Reading …"),
    gettext_noop("Choose at least one series."),
    gettext_noop("You cannot see these readings (any more). Reload the page."),
    gettext_noop("The readings could not be fetched. Try again in a moment."),
    gettext_noop("No readings in this time."),
    gettext_noop("Point at the chart to read its values."),
    gettext_noop("no reading"),
    gettext_noop("%s of %s chosen"),
    gettext_noop("%s to %s (%s)"),
    gettext_noop("%s implausible, not drawn to scale"),
    gettext_noop("%s of them marked"),
)


@register.simple_tag
def script_words(script: str) -> SafeString:
    """The attribute by which a script finds its texts in the page's language. script: "live" or "chart". Raises KeyError."""
    texts = {"live": LIVE, "chart": CHART}[script]
    return format_html('data-words="{}"', json.dumps({text: gettext(text) for text in texts}, ensure_ascii=False))
