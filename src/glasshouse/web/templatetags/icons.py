"""Icons of the pages: drawn in lines on 24 × 24, in the colour of the text beside them."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
SHIELD = "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z"
RING = "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z"
PATHS = {
    "activity": "M5 4h14v16H5zM9 9h6M9 13h6M9 17h3",
    "back": "M15 6l-6 6 6 6",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "charts": "M4 4v16h16M8 15l3-4 3 2 5-7",
    "code": "M8 7l-5 5 5 5M16 7l5 5-5 5",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "cross": "M6 6l12 12M18 6L6 18",
    "dot": "M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10z",
    "download": "M12 5v11M7 11l5 5 5-5M4 19h16",
    "file": "M6 3h8l4 4v14H6zM14 3v4h4",
    "globe": f"{RING}M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
    "help": f"{RING}M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .9-1 1.7M12 17h.01",
    "home": "M3 11l9-7 9 7M5 10v10h14V10M10 20v-6h4v6",
    "import": "M12 16V5M7 10l5-5 5 5M4 19h16",
    "info": f"{RING}M12 11v5M12 8h.01",
    "key": "M7.5 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12 12h9.5M17.5 12v3.5M21 12v2.5",
    "lock": "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
    "mail": "M3 6h18v12H3zM3 7l9 7 9-7",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
    "next": "M9 6l6 6-6 6",
    "off": f"{RING}M6 6l12 12",
    "people": "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-4 3-6 6-6s6 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14c2 .8 3 3 3 6",
    "person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-5 4-7 8-7s8 2 8 7",
    "plus": "M12 5v14M5 12h14",
    "queue": "M4 6h16M4 12h16M4 18h10",
    "scales": "M12 4v16M7 20h10M5 8h14M5 8l-3 6h6zM19 8l-3 6h6z",
    "search": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
    "settings": "M4 7h9M19 7h1M4 17h1M11 17h9M16 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
    "shield": SHIELD,
    "shield-check": f"{SHIELD}M8.5 12l2.5 2.5 4.5-5",
    "sites": "M3 20V9l5-4 4 3 4-3 5 4v11zM8 20v-6M12 20v-6M16 20v-6",
    "theme": f"{RING}M12 3v18M12 7l5-2M12 12l8-3M12 17l7-3",
    "trash": "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
    "up": "M12 5v14M6 11l6-6 6 6",
    "warning": "M12 4l9 16H3zM12 10v4M12 17h.01",
}


@register.simple_tag
def icon(name: str, kind: str = "") -> SafeString:
    """An icon, hidden from screen readers: the words beside it say the same. kind: "l" large, "fill" filled, "bold".

    Raises KeyError where there is no such icon.
    """
    return format_html(
        '<svg class="i{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        f" {kind}" if kind else "",
        PATHS[name],
    )
