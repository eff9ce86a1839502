"""In which language a page is shown: the reader's, where the page is translated, and English everywhere else. Decision record 35.

A page that is translated in part would speak two languages. So a page says by `translated` that all its texts are in the
catalogues.
"""

from typing import NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from glasshouse.accounts import languages as accounts_languages
from glasshouse.web.middleware import Handler, actor_of, page_of

PARAMETER = "lang"  # of a page's address: the reader's own choice, before what the browser says


class in_readers_language:
    """Shows a translated page, and what is wrong with its form, in the reader's language."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(settings.LANGUAGE_CODE):
            response = self.get_response(request)
        # The choice goes along to the page that a form leads to.
        own_location, chosen = response.headers.get("Location", ""), chosen_language(request)
        if chosen and own_location.startswith("/") and not own_location.startswith("//") and "?" not in own_location:
            response.headers["Location"] = f"{own_location}?{urlencode({PARAMETER: chosen})}"
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        """Language of what follows: of the page, of its form, of its errors."""
        page = page_of(request)
        if page is not None and page.translated:
            translation.activate(readers_language(request))


def chosen_language(request: HttpRequest) -> str:
    """The language that the page's address names; "" where it names none that there is."""
    chosen = request.GET.get(PARAMETER, "")
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def readers_language(request: HttpRequest) -> str:
    """The reader's language: of the address, of the browser's cookie, or of their account; else what the browser wants most.

    English where it wants none that there is.
    """
    return chosen_language(request) or _of_account(request) or translation.get_language_from_request(request)


def _of_account(request: HttpRequest) -> str:
    """The language that is kept with the reader's account; "" where a cookie of the browser says another, or none is kept."""
    if request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "") in dict(settings.LANGUAGES):
        return ""
    known: str | None = getattr(request, "account_language", None)
    if known is None:
        known = request.account_language = accounts_languages.of_actor(actor_of(request))  # type: ignore[attr-defined]
    return known


class Language(NamedTuple):
    """A language that a page can be shown in. name: in that language."""

    code: str
    name: str
    address: str


def languages_of(request: HttpRequest) -> list[Language]:
    """The languages that the page can be shown in; none where it is not translated, or its address is a form's."""
    page = page_of(request)
    if page is None or not page.translated or request.method != "GET":
        return []
    choices = []
    for code, name in settings.LANGUAGES:
        asked = request.GET.copy()
        asked[PARAMETER] = code
        choices.append(Language(code, name, f"?{asked.urlencode()}"))
    return choices
