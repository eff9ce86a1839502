"""Doors of accounts: sign up, in and out, reset, change. Each parses, calls one verb, renders."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import quote

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from glasshouse.access import api as access
from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import plain_name
from glasshouse.kernel.errors import GlasshouseError, InvalidError, ThrottledError
from glasshouse.mail import api as mail
from glasshouse.web.middleware import SESSION_COOKIE, actor_of, network_of

View = Callable[..., HttpResponseBase]
form_page = require_http_methods(["GET", "POST"])


def signed_in(view: View) -> View:
    """Sends whoever is not signed in to do so, and back."""

    @wraps(view)
    def handle(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        if actor_of(request).account is None:
            return redirect(f"/sign-in?next={quote(request.get_full_path())}")
        return view(request, *args, **kwargs)

    return handle


def again(request: HttpRequest, template: str, error: GlasshouseError, **more: object) -> HttpResponse:
    """The form once more, with what was written (no password) and what was wrong."""
    written = {key: value for key, value in request.POST.items() if "password" not in key and key != "present"}
    field = error.field if isinstance(error, InvalidError) else ""
    return render(request, template, {"error": error, "field": field, "written": written} | more, status=error.status)


def with_session(response: HttpResponse, secret: str) -> HttpResponse:
    """The response, setting the session cookie."""
    response.set_cookie(SESSION_COOKIE, secret, max_age=accounts.SESSION, secure=True, httponly=True, samesite="Lax")
    return response


def _onward(request: HttpRequest) -> str:
    # Only a path of our own: "//host" and "/\host" would lead a person elsewhere.
    wanted = request.POST.get("next", "")
    return wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) else "/"


@form_page
def home(request: HttpRequest) -> HttpResponse:
    """The newcomer's page, or one's organisation; or a form to make one, where a sign-up was cut off before it had one."""
    actor = actor_of(request)
    if actor.account is None:
        return render(request, "home.html")
    mine = access.organisations_of(actor)
    if mine:
        return redirect("overview", mine[0].id)
    if request.method == "GET":
        return render(request, "organisation.html")
    try:
        made = access.create_organisation(actor, plain_name(request.POST.get("organisation", ""), field="organisation"))
    except InvalidError as error:
        return again(request, "organisation.html", error)
    return redirect("overview", made)


@form_page
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account."""
    if request.method == "GET":
        return render(request, "sign_up.html")
    fields = {name: request.POST.get(name, "") for name in ("name", "address", "password", "organisation")}
    try:
        accounts.ask_sign_up(accounts.SignUp(**fields), network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "sign_up.html", error)
    return render(request, "check_mail.html")


@form_page
def prove(request: HttpRequest, secret: str) -> HttpResponse:
    """Finish a sign-up. A click is needed: a mail scanner that opens links finishes nothing."""
    if request.method == "GET":
        return render(request, "confirm.html", {"title": "Prove your address", "button": "Yes, this is my address"})
    actor, organisation = accounts.finish_sign_up(secret)
    access.create_organisation(actor, organisation)
    return redirect("/sign-in?welcome=1")


@form_page
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in."""
    onward = request.GET.get("next", request.POST.get("next", ""))
    if request.method == "GET":
        return render(request, "sign_in.html", {"next": onward, "welcome": "welcome" in request.GET})
    try:
        secret = accounts.sign_in(
            request.POST.get("address", ""), request.POST.get("password", ""), network=network_of(request)
        )
    except (InvalidError, ThrottledError) as error:
        return again(request, "sign_in.html", error, next=onward)
    return with_session(HttpResponseRedirect(_onward(request)), secret)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    actor = actor_of(request)
    if actor.account:
        accounts.sign_out(actor, request.COOKIES.get(SESSION_COOKIE, ""))
    response = redirect("/")
    response.delete_cookie(SESSION_COOKIE)
    return response


@form_page
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link to set a new password."""
    if request.method == "GET":
        return render(request, "forgotten.html")
    try:
        accounts.ask_reset(request.POST.get("address", ""), network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "forgotten.html", error)
    return render(request, "check_mail.html")


@form_page
def reset(request: HttpRequest, secret: str) -> HttpResponse:
    """Set a new password by a mailed link."""
    if request.method == "GET":
        return render(request, "reset.html")
    try:
        accounts.finish_reset(secret, request.POST.get("password", ""))
    except InvalidError as error:
        return again(request, "reset.html", error)
    return redirect("/sign-in")


@form_page
def change(request: HttpRequest, secret: str) -> HttpResponse:
    """Make a proved address the account's."""
    if request.method == "GET":
        return render(request, "confirm.html", {"title": "Your new address", "button": "Use this address from now on"})
    accounts.finish_change(secret)
    return redirect("/sign-in")


@signed_in
@form_page
def account(request: HttpRequest) -> HttpResponse:
    """One's own account: name, address, password."""
    actor = actor_of(request)
    shown = {"person": accounts.person_of(actor), "organisations": access.organisations_of(actor)}
    if request.method == "GET":
        return render(request, "account.html", shown)
    present = request.POST.get("present", "")
    try:
        if "address" in request.POST:
            accounts.ask_change(actor, request.POST["address"], present)
            return render(request, "check_mail.html")
        secret = accounts.change_password(actor, present, request.POST.get("password", ""))
    except (InvalidError, ThrottledError) as error:
        return again(request, "account.html", error, **shown)
    return with_session(redirect("account"), secret)


def mailbox(request: HttpRequest) -> HttpResponse:
    """The demo's outgoing mail. There is no such page outside the demo."""
    if not settings.DEMO:
        raise Http404
    return render(request, "mailbox.html", {"messages": mail.newest()})
