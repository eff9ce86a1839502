"""A forgotten password, and stopping the removal of one's second factor."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import resets
from glasshouse.kernel.errors import InvalidError, NotFoundError, ThrottledError
from glasshouse.web.forms import again
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of, visit_of
from glasshouse.web.session_cookie import remember_browser


@page(
    "forgotten",
    name="forgotten",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(Asked("address", "mail_message.address"),),
)
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link to set a new password."""
    if request.method == "GET":
        return render(request, "public/forgotten.html")
    try:
        browser = visit_of(request).browser
        accounts.ask_reset(
            request.POST.get("address", ""),
            network=network_of(request),
            browser=browser,
            language=readers_language(request),
        )
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/forgotten.html", error)
    return render(request, "check_mail.html")


@page(
    "reset/<slug:secret>",
    name="reset",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(Asked("password", "accounts_account.password"),),
)
def reset(request: HttpRequest, secret: str) -> HttpResponse:
    """Set a new password by a mailed link."""
    visit = visit_of(request)
    try:
        context = {"address": accounts.address_of_reset(secret, visit)}
        if request.method == "GET":
            return render(request, "public/reset.html", context)
        browser = accounts.finish_reset(secret, request.POST.get("password", ""), visit)
    except NotFoundError as error:
        return render(request, "public/link_ended.html", {"again": "forgotten"}, status=error.status)
    except InvalidError as error:
        return again(request, "public/reset.html", error, **context)
    response = redirect("/sign-in?password-set=1")
    remember_browser(response, browser)
    return response


@page(
    "stop-reset/<slug:secret>",
    name="stop_reset",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    translated=True,
)
def stop_reset(request: HttpRequest, secret: str) -> HttpResponse:
    """Stop the removal of one's second factor by the mailed link."""
    if request.method == "GET":
        return render(request, "public/keep_second_factor.html")
    resets.stop_reset(secret)
    return render(request, "public/stopped.html")
