"""Signing in with its second factor, and signing out."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, FormRules, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.sessions import SignedIn
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError, ThrottledError, UnavailableError
from glasshouse.kernel.ids import AccountId
from glasshouse.web import failures
from glasshouse.web.cookies import PENDING_COOKIE, SESSION_COOKIE
from glasshouse.web.forms import again
from glasshouse.web.middleware import actor_of, network_of, visit_of
from glasshouse.web.redirects import safe_path
from glasshouse.web.session_cookie import signed_out, with_pending, with_session


@page(
    "sign-in",
    name="sign_in",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    form=FormRules(repeatable=True),
    asks=(
        Asked("address", "accounts_person.address"),
        Asked("password", "accounts_account.password"),
    ),
)
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in; the second factor follows where there is one."""
    next_path = request.GET.get("next", request.POST.get("next", ""))
    if request.method == "GET":
        notes = {
            "password_set": "password-set" in request.GET,
            "address_changed": "address-changed" in request.GET,
            "changing": safe_path(next_path).startswith("/change/"),
        }
        return render(request, "public/sign_in.html", notes | {"next": next_path})
    try:
        signed_in = accounts.sign_in(
            request.POST.get("address", ""), request.POST.get("password", ""), visit_of(request)
        )
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/sign_in.html", error, next=next_path)
    if signed_in.pending:
        return with_pending(redirect(f"/second-factor?next={quote(safe_path(next_path))}"), signed_in)
    return with_session(HttpResponseRedirect(safe_path(next_path)), signed_in)


@page(
    "sign-out",
    name="sign_out",
    form_on="home",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    form=FormRules(repeatable=True),
    translated=True,
)
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    actor = actor_of(request)
    if actor.account:
        sessions.end(actor, request.COOKIES.get(SESSION_COOKIE, ""))
    return signed_out(redirect("/"))


@page(
    "second-factor",
    name="use_second_factor",
    translated=True,
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    form=FormRules(repeatable=True),
    asks=(
        Asked("code"),
        Asked("trust"),
    ),
)
def use_second_factor(request: HttpRequest) -> HttpResponse:
    """The second factor of a sign-in: a code of any kind."""
    pending, next_path = request.COOKIES.get(PENDING_COOKIE, ""), request.GET.get("next", request.POST.get("next", ""))
    try:
        kinds = {step.kind for step in second_factor.factors_of(AccountId(sessions.pending_account(pending).id))}
    except NotFoundError:
        return redirect("sign_in")
    context = {"kinds": kinds, "next": next_path}
    if request.method == "GET":
        return render(request, "public/second_factor.html", context)
    try:
        trust = request.POST.get("trust") == "yes"
        signed_in = second_factor.finish_sign_in(pending, request.POST.get("code", ""), visit_of(request), trust=trust)
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/second_factor.html", error, **context)
    return _in(signed_in, next_path)


def _in(signed_in: SignedIn, next_path: str) -> HttpResponse:
    response = with_session(HttpResponseRedirect(safe_path(next_path)), signed_in)
    response.delete_cookie(PENDING_COOKIE)
    return response


@page(
    "second-factor/text",
    name="send_text",
    translated=True,
    form_on="use_second_factor",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
)
def send_text(request: HttpRequest) -> HttpResponse:
    """Send a code by text message to the one who is signing in."""
    next_path = request.POST.get("next", "")
    try:
        number = second_factor.ask_text(request.COOKIES.get(PENDING_COOKIE, ""))
    except (ThrottledError, UnavailableError) as error:
        return again(request, "public/second_factor.html", error, kinds={"text"}, next=next_path)
    return render(request, "public/second_factor.html", {"kinds": {"text"}, "next": next_path, "number": number})


def _pending(request: HttpRequest) -> str:
    """The sign-in that a passkey is the second factor of; empty where it is the whole sign-in."""
    return request.COOKIES.get(PENDING_COOKIE, "") if request.POST.get("step") == "second" else ""


@page(
    "passkey/options",
    name="passkey_options",
    form_on="sign_in",
    methods=("POST",),
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    form=FormRules(repeatable=True, for_script=True),
    translated=True,
)
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser is to ask a passkey."""
    try:
        options = second_factor.passkey_options(_pending(request), network=network_of(request))
    except GlasshouseError as error:
        return failures.answered(request, error, "problem")
    return HttpResponse(options, content_type="application/json")


@page(
    "passkey",
    name="passkey_use",
    form_on="sign_in",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(repeatable=True, for_script=True),
    translated=True,
)
def passkey_use(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey, as second factor or without a password; a script sends the browser's answer."""
    trust = request.POST.get("trust") == "yes"
    try:
        answer = request.POST.get("answer", "")
        signed_in = second_factor.sign_in_with_passkey(
            answer, visit_of(request), pending=_pending(request), trust=trust
        )
    except GlasshouseError as error:
        return failures.answered(request, error, "problem")
    response = with_session(JsonResponse({"onward": safe_path(request.POST.get("next", ""))}), signed_in)
    response.delete_cookie(PENDING_COOKIE)
    return response
