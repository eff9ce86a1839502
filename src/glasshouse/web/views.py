"""Doors of accounts: sign up, in and out, reset, change. Each parses, calls one verb, renders."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access import api as access
from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions
from glasshouse.accounts.rules import plain_name
from glasshouse.accounts.sessions import SignedIn
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError, ThrottledError
from glasshouse.kernel.ids import new_token
from glasshouse.mail import api as mail
from glasshouse.notices import api as notices
from glasshouse.notices.rules import language_of
from glasshouse.onboarding import api as onboarding
from glasshouse.web.menu import staff_start
from glasshouse.web.middleware import BROWSER_COOKIE, SESSION_COOKIE, actor_of, network_of, visit_of
from glasshouse.web.redirects import safe_path

PENDING_COOKIE = "__Host-pending"
BROWSER_KNOWN = timedelta(days=365)


def again(request: HttpRequest, template: str, error: GlasshouseError, **more: object) -> HttpResponse:
    """The form once more, with what was written (no password) and what was wrong."""
    written = {key: value for key, value in request.POST.items() if "password" not in key and key != "present"}
    field = error.field if isinstance(error, InvalidError) else ""
    return render(request, template, {"error": error, "field": field, "written": written} | more, status=error.status)


def act_of(request: HttpRequest, *known: str, name: str = "act") -> str:
    """Which button of a form was pressed. Raises InvalidError for any other value and for none: nothing is done by default."""
    act = request.POST.get(name, "")
    if act not in known:
        raise InvalidError("Nothing was done: the form did not say what to do. Use one of its buttons.", field=name)
    return act


def with_session(response: HttpResponse, done: SignedIn) -> HttpResponse:
    """The response, setting the session cookie, and the one by which the browser is known again."""
    _set_cookie(response, SESSION_COOKIE, done.secret, sessions.LIFE)
    _set_cookie(response, BROWSER_COOKIE, done.browser, BROWSER_KNOWN)
    return response


def _set_cookie(response: HttpResponse, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(name, value, max_age=life, secure=True, httponly=True, samesite="Lax")


@page("", name="home", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"))
def home(request: HttpRequest) -> HttpResponse:
    """The newcomer's page, or one's organisation; or a form to make one, where a sign-up was cut off before it had one."""
    actor = actor_of(request)
    if actor.account is None:
        return render(request, "home.html")
    if actor.kind is ActorKind.STAFF:
        return redirect(reverse(staff_start(accounts.staff_role(actor.account))))
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


def claims_of(request: HttpRequest, offer: notices.Offer) -> str:
    """What somebody who signs up has accepted. Raises InvalidError when the box was not ticked."""
    if request.POST.get("accept") != "yes":
        raise InvalidError(
            "Tick the box to go on: without these documents we cannot run the service for you.", field="accept"
        )
    return offer.claims("sign-up")


@page("sign-up", name="sign_up", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"))
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account: the address, and no more; the mailed link leads to the rest."""
    if request.method == "GET":
        return render(request, "sign_up.html")
    try:
        accounts.ask_sign_up(request.POST.get("address", ""), network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "sign_up.html", error)
    return render(request, "check_mail.html")


@page("prove/<slug:secret>", name="prove", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"))
def prove(request: HttpRequest, secret: str) -> HttpResponse:
    """Finish a sign-up. Opening the link changes nothing, as mail scanners open links; the form makes the account."""
    offer = notices.offer(language_of(request.headers.get("Accept-Language", "en")))
    try:
        shown = {"offer": offer, "address": onboarding.confirmed_address(secret)}
        if request.method == "GET":
            return render(request, "finish_sign_up.html", shown)
        name, organisation, password = (request.POST.get(field, "") for field in ("name", "organisation", "password"))
        entry = onboarding.Entry(name, password, claims_of(request, offer), organisation)
        done = onboarding.finish_sign_up(secret, entry, visit_of(request))
    except NotFoundError as error:
        return render(request, "link_ended.html", {"again": "sign_up"}, status=error.status)
    except (InvalidError, ThrottledError) as error:
        return again(request, "finish_sign_up.html", error, **shown)
    return with_session(redirect("home"), done.signed_in)


@page(
    "sign-in",
    name="sign_in",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    form=FormRules(repeatable=True),
)
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in; the second step follows where there is one."""
    wanted = request.GET.get("next", request.POST.get("next", ""))
    if request.method == "GET":
        notes = {
            "password_set": "password-set" in request.GET,
            "address_changed": "address-changed" in request.GET,
            "changing": safe_path(wanted).startswith("/change/"),
        }
        return render(request, "sign_in.html", notes | {"next": wanted})
    try:
        done = accounts.sign_in(request.POST.get("address", ""), request.POST.get("password", ""), visit_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "sign_in.html", error, next=wanted)
    if done.pending:
        response = redirect(f"/second-step?next={quote(safe_path(wanted))}")
        life = sessions.PENDING_LIFE
        response.set_cookie(PENDING_COOKIE, done.secret, max_age=life, secure=True, httponly=True, samesite="Strict")
        return response
    return with_session(HttpResponseRedirect(safe_path(wanted)), done)


@page(
    "sign-out",
    name="sign_out",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    form=FormRules(repeatable=True),
)
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    actor = actor_of(request)
    if actor.account:
        sessions.end(actor, request.COOKIES.get(SESSION_COOKIE, ""))
    response = redirect("/")
    response.delete_cookie(SESSION_COOKIE)
    return response


@page("forgotten", name="forgotten", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"))
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link to set a new password."""
    if request.method == "GET":
        return render(request, "forgotten.html")
    try:
        accounts.ask_reset(request.POST.get("address", ""), network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "forgotten.html", error)
    return render(request, "check_mail.html")


@page("reset/<slug:secret>", name="reset", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST"))
def reset(request: HttpRequest, secret: str) -> HttpResponse:
    """Set a new password by a mailed link."""
    visit = visit_of(request)
    visit = visit if visit.browser else replace(visit, browser=new_token())
    try:
        shown = {"address": accounts.address_of_reset(secret, visit)}
        if request.method == "GET":
            return render(request, "reset.html", shown)
        accounts.finish_reset(secret, request.POST.get("password", ""), visit)
    except NotFoundError as error:
        return render(request, "link_ended.html", {"again": "forgotten"}, status=error.status)
    except InvalidError as error:
        return again(request, "reset.html", error, **shown)
    response = redirect("/sign-in?password-set=1")
    _set_cookie(response, BROWSER_COOKIE, visit.browser, BROWSER_KNOWN)
    return response


@page("change/<slug:secret>", name="change", need=Need.SIGNED_IN, audience=Audience.PERSON, methods=("GET", "POST"))
def change(request: HttpRequest, secret: str) -> HttpResponse:
    """Make a confirmed address the account's, signed in with that account."""
    if request.method == "GET":
        return render(request, "change_address.html", {"address": accounts.new_address(actor_of(request), secret)})
    accounts.finish_change(actor_of(request), secret)
    return redirect("/sign-in?address-changed=1")


@page(
    "account",
    name="account",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    menu="Account",
    menu_order=150,
)
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
        done = accounts.change_password(actor, present, request.POST.get("password", ""), visit_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "account.html", error, **shown)
    return with_session(redirect("account"), done)


@page("mailbox", name="mailbox", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def mailbox(request: HttpRequest) -> HttpResponse:
    """The demo's outgoing mail. There is no such page outside the demo."""
    if not settings.DEMO:
        raise Http404
    return render(request, "mailbox.html", {"messages": mail.newest()})
