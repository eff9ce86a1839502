"""One's own account: name, language, address, password."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access import api as access
from glasshouse.access.pages import Asked, Audience, MenuGroup, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.subject import rectification
from glasshouse.web import appearance
from glasshouse.web.done import led
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of, visit_of
from glasshouse.web.session_cookie import with_session


@page(
    "change/<slug:secret>",
    name="change",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    translated=True,
)
def finish_address_change(request: HttpRequest, secret: str) -> HttpResponse:
    """Make a confirmed address the account's, signed in with that account."""
    if request.method == "GET":
        return render(
            request, "person/change_address.html", {"address": accounts.new_address(actor_of(request), secret)}
        )
    rectification.rectify_address(actor_of(request), secret)
    return redirect("/sign-in?address-changed=1")


def _context(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    return {
        "person": accounts.person_of(actor),
        "organisations": access.organisations_of(actor),
        "languages": settings.LANGUAGES,
    }


@page(
    "account",
    name="account",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    menu="Profile",
    menu_order=200,
    menu_group=MenuGroup.YOU,
    icon="person",
    translated=True,
)
def account(request: HttpRequest) -> HttpResponse:
    """One's own account."""
    return render(request, "person/account.html", _context(request))


@page(
    "account/language",
    name="change_language",
    form_on="account",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    translated=True,
    asks=(Asked("language", "accounts_person.language"),),
)
@shows_again("person/account.html", _context)
def change_language(request: HttpRequest) -> HttpResponse:
    """Keep a language with one's account. This browser's own choice ends, so that the account's counts here too."""
    languages.choose(actor_of(request), request.POST.get("language", ""))
    response = led("language-saved", "account")
    appearance.keep_language(response, "")
    return response


@page(
    "account/address",
    name="change_address",
    form_on="account",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    asks=(
        Asked("present", "accounts_account.password"),
        Asked("address", "accounts_person.address"),
    ),
    translated=True,
)
@shows_again("person/account.html", _context)
def change_address(request: HttpRequest) -> HttpResponse:
    """Ask for another address; the link that is mailed there makes it the account's."""
    actor = actor_of(request)
    accounts.ask_change(actor, request.POST.get("address", ""), request.POST.get("present", ""))
    return render(request, "check_mail.html")


@page(
    "account/password",
    name="change_password",
    form_on="account",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    asks=(
        Asked("present", "accounts_account.password"),
        Asked("password", "accounts_account.password"),
    ),
    translated=True,
)
@shows_again("person/account.html", _context)
def change_password(request: HttpRequest) -> HttpResponse:
    """Set another password."""
    actor, form = actor_of(request), request.POST
    signed_in = accounts.change_password(actor, form.get("present", ""), form.get("password", ""), visit_of(request))
    return with_session(redirect("account"), signed_in)
