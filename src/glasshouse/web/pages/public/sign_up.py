"""Asking for an account, and finishing it by the mailed link."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.kernel.errors import InvalidError, NotFoundError, ThrottledError
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.web.forms import again, claims_of, reader_language
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of, visit_of
from glasshouse.web.session_cookie import with_session


@page(
    "sign-up",
    name="sign_up",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(Asked("address", "accounts_person.address"),),
)
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account: the address, and no more; the mailed link leads to the rest."""
    if request.method == "GET":
        return render(request, "public/sign_up.html")
    try:
        language = readers_language(request)
        accounts.ask_sign_up(request.POST.get("address", ""), network=network_of(request), language=language)
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/sign_up.html", error)
    return render(request, "check_mail.html")


@page(
    "prove/<slug:secret>",
    name="prove",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    asks=(
        Asked("name", "accounts_person.name"),
        Asked("organisation", "access_organisation.name"),
        Asked("password", "accounts_account.password"),
        Asked("accept", "notices_acceptance.shown"),
    ),
)
def finish_sign_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Finish a sign-up. Opening the link changes nothing, as mail scanners open links; the form makes the account."""
    offer = notices.offer(reader_language(request))
    try:
        context = {"offer": offer, "address": onboarding.confirmed_address(secret)}
        if request.method == "GET":
            return render(request, "public/finish_sign_up.html", context)
        name, organisation, password = (request.POST.get(field, "") for field in ("name", "organisation", "password"))
        entry = onboarding.Entry(name, password, claims_of(request, offer), organisation)
        signed_up = onboarding.finish_sign_up(secret, entry, visit_of(request))
    except NotFoundError as error:
        return render(request, "public/link_ended.html", {"again": "sign_up"}, status=error.status)
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/finish_sign_up.html", error, **context)
    return with_session(redirect("home"), signed_up.signed_in)
