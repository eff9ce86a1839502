"""In which language pages are shown, and whether they are light or dark: for this browser."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, FormRules, Need, page
from glasshouse.kernel.errors import InvalidError
from glasshouse.web import appearance
from glasshouse.web.languages import PARAMETER
from glasshouse.web.middleware import page_before
from glasshouse.web.redirects import safe_path

SYSTEM = "system"


@page(
    "preferences",
    name="preferences",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def preferences(request: HttpRequest) -> HttpResponse:
    """The choice of language and theme."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    context = {
        "languages": settings.LANGUAGES,
        "chosen_language": chosen if chosen in dict(settings.LANGUAGES) else SYSTEM,
        "chosen_theme": appearance.theme_of(request) or SYSTEM,
        "next": page_before(request),
    }
    return render(request, "public/preferences.html", context)


@page(
    "preferences/keep",
    name="keep_preferences",
    form_on="preferences",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
    form=FormRules(repeatable=True),
    asks=(Asked("language"), Asked("theme")),
)
def keep_preferences(request: HttpRequest) -> HttpResponse:
    """Keep what the form says, each by itself; what it does not name stays. Raises InvalidError."""
    response = redirect(safe_path(_without_language(request.POST.get("next", ""))))
    language, theme = request.POST.get("language"), request.POST.get("theme")
    if language is not None:
        if language not in (SYSTEM, *dict(settings.LANGUAGES)):
            raise InvalidError("Choose one of the languages.", field="language")
        appearance.keep_language(response, "" if language == SYSTEM else language)
    if theme is not None:
        if theme not in (SYSTEM, *appearance.THEMES):
            raise InvalidError("Choose one of the themes.", field="theme")
        appearance.keep_theme(response, "" if theme == SYSTEM else theme)
    return response


def _without_language(path: str) -> str:
    """The path without a language in its address, which would count more than the choice just made."""
    plain, _, query = path.partition("?")
    rest = "&".join(part for part in query.split("&") if part and not part.startswith(f"{PARAMETER}="))
    return f"{plain}?{rest}" if rest else plain
