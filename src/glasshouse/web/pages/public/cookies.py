"""What the service stores in browsers, from the register, and the reader's answer about what is optional."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.kernel.errors import NotFoundError
from glasshouse.web import cookies as register
from glasshouse.web.middleware import page_before
from glasshouse.web.redirects import safe_path

DAYS_OF_YEAR = 365


@page(
    "cookies",
    name="cookies",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def cookies(request: HttpRequest) -> HttpResponse:
    """Everything that is stored in browsers; where something is optional, the reader's answer, and changing it."""
    rows = [(stored, _life_in_words(stored.life)) for stored in register.register()]
    context = {
        "rows": rows,
        "optional": register.OPTIONAL,
        "answer": register.answer_of(request),
        "cookie_question": (),
    }
    return render(request, "public/cookies.html", context)


def _life_in_words(life: timedelta) -> str:
    if not life:
        return gettext("until the page is loaded")
    if life < timedelta(days=1):
        minutes = int(life.total_seconds() // 60)
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    if life.days >= DAYS_OF_YEAR - 1:  # Django's own year has 52 weeks.
        return gettext("1 year")
    return ngettext("%(count)d day", "%(count)d days", life.days) % {"count": life.days}


@page(
    "cookies/accept",
    name="accept_cookies",
    form_on="cookies",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
    form=FormRules(repeatable=True),
)
def accept_cookies(request: HttpRequest) -> HttpResponse:
    """Keep that the reader agrees to what is optional. Raises NotFoundError where nothing is."""
    return _kept(request, accepted=True)


@page(
    "cookies/refuse",
    name="refuse_cookies",
    form_on="cookies",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
    form=FormRules(repeatable=True),
)
def refuse_cookies(request: HttpRequest) -> HttpResponse:
    """Keep that the reader does not agree, or does not any more. Raises NotFoundError where nothing is optional."""
    return _kept(request, accepted=False)


def _kept(request: HttpRequest, *, accepted: bool) -> HttpResponse:
    if not register.OPTIONAL:
        raise NotFoundError
    response = redirect(safe_path(page_before(request)))
    register.keep_answer(response, accepted=accepted)
    return response
