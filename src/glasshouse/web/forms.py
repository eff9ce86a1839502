"""What pages share that read a form: showing it once more, and values that are one of a few."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.translation import gettext, pgettext

from glasshouse.access.pages import Audience, View
from glasshouse.kernel.errors import (
    ForbiddenError,
    GlasshouseError,
    InvalidError,
    NotFoundError,
    ReauthenticationError,
    SecondFactorNeededError,
    ThrottledError,
)
from glasshouse.notices import api as notices
from glasshouse.notices import rules
from glasshouse.web.error_texts import error_text
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import page_of
from glasshouse.web.refill import refilled

# What a verb says of an id that it does not know tells the staff nothing: they come from a list.
CLOSED = "This is not open any more: somebody else may have dealt with it. Nothing was done."


def again(request: HttpRequest, template: str, error: GlasshouseError, **more: object) -> HttpResponse:
    """The form once more, with what was written (no password) and what was wrong."""
    written = {key: value for key, value in request.POST.items() if "password" not in key and key != "present"}
    field = error.field if isinstance(error, InvalidError) else ""
    wrong = {"error": error_text(error), "field": field, "written": written, "sent_to": request.path}
    page = render_to_string(template, wrong | more, request)
    return HttpResponse(refilled(page, request.path, request.POST), status=error.status)


def shows_again(template: str, context: Callable[..., dict[str, object]]) -> Callable[[View], View]:
    """A view that carries out what a form asks: where its verb refuses that, the form is shown once more, with the reason.

    The staff, whose pages list what they act on, see the list again also where a colleague was first, or a customer allows
    it not. context: what the template needs beside, asked with the request and the arguments of the address.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def handle(request: HttpRequest, **arguments: str) -> HttpResponseBase:
            try:
                return view(request, **arguments)
            except (InvalidError, ThrottledError) as error:
                return again(request, template, error, **context(request, **arguments))
            except (ReauthenticationError, SecondFactorNeededError):
                raise  # These lead to pages of their own.
            except (ForbiddenError, NotFoundError) as error:
                page = page_of(request)
                if page is None or page.audience is not Audience.STAFF:
                    raise
                return again(request, template, of_list(error), **context(request, **arguments))

        return handle

    return decorate


def of_list(error: GlasshouseError) -> GlasshouseError:
    """The error as somebody reads it who acted on an item of a list."""
    return NotFoundError(CLOSED) if str(error) == str(NotFoundError()) else error


def one_of(request: HttpRequest, name: str, *known: str) -> str:
    """The value of a field that has one of a few. Raises InvalidError for any other and for none: nothing is the default."""
    value = request.POST.get(name, "")
    if value not in known:
        raise InvalidError(
            "Nothing was done: the form did not say what to do. Choose one of what it offers.", field=name
        )
    return value


def small_number(written: str) -> int:
    """A small whole number from a form; 0 for anything else."""
    return int(written) if written.isdecimal() and len(written) < 6 else 0


def number_of(text: str, field: str) -> int:
    """A whole number from a form. Raises InvalidError."""
    if not text.isdecimal() or len(text) > 6:
        raise InvalidError("Write a whole number here.", field=field)
    return int(text)


def check_word(request: HttpRequest) -> None:
    """Nothing, if the form has the word that an erasure asks for, in English or the page's language. Raises InvalidError."""
    word = pgettext("the word to type", "erase")
    if request.POST.get("word", "").strip().lower() not in ("erase", word):
        raise InvalidError(gettext("Type the word “%(word)s” to go on.") % {"word": word}, field="word")


def claims_of(request: HttpRequest, offer: notices.Offer) -> str:
    """What a person who signs up has accepted. Raises InvalidError when the box was not ticked."""
    if request.POST.get("accept") != "yes":
        raise InvalidError(
            "Tick the box to go on: without these documents we cannot run the service for you.", field="accept"
        )
    return offer.claims("sign-up")


def reader_language(request: HttpRequest) -> str:
    """The language in which the reader is shown documents: the one in which pages are shown to them."""
    return rules.language_of(readers_language(request))
