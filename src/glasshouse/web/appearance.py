"""How a reader wants pages to look and speak: light or dark, and the language. Kept in cookies of the browser, for a year.

Both are sent with the page, so no page is drawn first in one theme and then in another. Without a choice the theme is the
system's, and the language is what the browser asks for.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from glasshouse.web.cookies import THEME_COOKIE, put

THEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> str:
    """The theme that the reader chose for this browser; "" for the system's."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def keep_theme(response: HttpResponse, theme: str) -> None:
    """Keep a theme for this browser; "" for the system's."""
    _keep(response, THEME_COOKIE, theme)


def keep_language(response: HttpResponse, language: str) -> None:
    """Keep a language for this browser; "" for what it asks for itself."""
    _keep(response, settings.LANGUAGE_COOKIE_NAME, language)


def _keep(response: HttpResponse, name: str, value: str) -> None:
    if value:
        put(response, name, value)
    else:
        response.delete_cookie(name)
