"""Doors of the second step and of one's own security: set up, do, recover; sessions and browsers; fresh proof."""

from urllib.parse import quote

import segno
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import resets, second_step, sessions
from glasshouse.accounts.models import StepKind
from glasshouse.accounts.sessions import SignedIn
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError, ThrottledError, UnavailableError
from glasshouse.kernel.ids import AccountId, SessionId, StepId
from glasshouse.web import once
from glasshouse.web.middleware import actor_of, network_of, visit_of
from glasshouse.web.redirects import safe_path
from glasshouse.web.views import PENDING_COOKIE, again, with_session


@page("account/security", name="security", need=Need.SIGNED_IN, audience=Audience.PERSON)
def security(request: HttpRequest) -> HttpResponse:
    """Second steps, recovery codes, sessions and known browsers of one's account."""
    return render(request, "security.html", _shown(request))


def _shown(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    return {
        "steps": second_step.steps_of(actor.account),
        "codes_left": second_step.codes_left(actor.account),
        "sessions": sessions.sessions_of(actor),
        "browsers": sessions.browsers(actor),
        "here": actor.session,
        "needed": "needed" in request.GET,
    }


@page(
    "account/security/add/<slug:kind>",
    name="add_step",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
)
def add_step(request: HttpRequest, kind: str) -> HttpResponse:
    """Begin to set up an app or a number; then confirm it with its first code."""
    if kind not in (StepKind.APP, StepKind.TEXT):
        raise NotFoundError
    actor = actor_of(request)
    sessions.require_fresh(actor)
    begun = second_step.begun(actor)
    if request.method == "GET":
        if kind == "app" and (begun is None or begun[0].kind != StepKind.APP):
            second_step.begin_app(actor)
            begun = second_step.begun(actor)
        return render(request, "add_step.html", _begun(kind, begun))
    try:
        if "number" in request.POST:
            second_step.begin_text(actor, request.POST["number"])
            return redirect("add_step", kind)
        codes = second_step.confirm(actor, StepId(request.POST.get("step", "")), request.POST.get("code", ""))
    except (InvalidError, ThrottledError, UnavailableError) as error:
        return again(request, "add_step.html", error, **_begun(kind, second_step.begun(actor)))
    return _confirmed(request, codes)


def _begun(kind: str, begun: object) -> dict[str, object]:
    shown: dict[str, object] = {"kind": kind}
    if isinstance(begun, tuple) and begun[0].kind == kind:
        shown["begun"] = begun[1]
        if kind == "app":
            shown["picture"] = segno.make(begun[1].uri, error="m").svg_data_uri(scale=5, border=3, light="white")
    return shown


def _confirmed(request: HttpRequest, codes: list[str]) -> HttpResponse:
    if codes:
        return redirect("recovery_codes", once.hand_over(actor_of(request), "codes", codes))
    return redirect("security")


@page(
    "account/security/remove/<slug:step>",
    name="remove_step",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
)
def remove_step(request: HttpRequest, step: str) -> HttpResponse:
    """Remove a second step."""
    second_step.remove(actor_of(request), StepId(step))
    return redirect("security")


@page(
    "account/security/codes",
    name="codes",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
)
def codes(request: HttpRequest) -> HttpResponse:
    """Make ten new recovery codes; the page that follows shows them once."""
    return _confirmed(request, second_step.new_codes(actor_of(request)))


@page("account/security/codes/<slug:note>", name="recovery_codes", need=Need.SIGNED_IN, audience=Audience.PERSON)
def recovery_codes(request: HttpRequest, note: str) -> HttpResponse:
    """New recovery codes: shown once, to the session that made them."""
    return render(request, "recovery_codes.html", {"codes": once.collect(actor_of(request), "codes", note)})


@page(
    "account/security/passkey",
    name="passkey_make",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    form=FormRules(repeatable=True),
)
def passkey_make(request: HttpRequest) -> HttpResponse:
    """Options to make a passkey; or, with the browser's answer, keep it."""
    actor = actor_of(request)
    if "answer" not in request.POST:
        return HttpResponse(second_step.begin_passkey(actor), content_type="application/json")
    try:
        made = second_step.finish_passkey(actor, request.POST["answer"], request.POST.get("name", ""))
    except (InvalidError, ThrottledError) as error:
        return again(request, "security.html", error, **_shown(request))
    # The script goes there itself: were it led there, it would be the one that sees the codes.
    return JsonResponse({"onward": _confirmed(request, made).headers["Location"]})


@page(
    "account/sessions/<slug:session>/end",
    name="end_session",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
)
def end_session(request: HttpRequest, session: str) -> HttpResponse:
    """End one session, or all the others."""
    actor = actor_of(request)
    if session == "others":
        sessions.end_others(actor)
    else:
        sessions.end_one(actor, SessionId(session))
    return redirect("security")


@page(
    "account/browsers/<slug:browser>/forget",
    name="forget_browser",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
)
def forget_browser(request: HttpRequest, browser: str) -> HttpResponse:
    """Trust a browser no longer, and end what is signed in there."""
    sessions.forget_browser(actor_of(request), browser)
    return redirect("security")


# -- signing in ----------------------------------------------------------------------------------------------------


@page(
    "second-step",
    name="do_step",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    form=FormRules(repeatable=True),
)
def do_step(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in: a code of any kind."""
    pending, wanted = request.COOKIES.get(PENDING_COOKIE, ""), request.GET.get("next", request.POST.get("next", ""))
    try:
        kinds = {step.kind for step in second_step.steps_of(AccountId(sessions.pending_account(pending).id))}
    except NotFoundError:
        return redirect("sign_in")
    shown = {"kinds": kinds, "next": wanted}
    if request.method == "GET":
        return render(request, "second_step.html", shown)
    try:
        trust = request.POST.get("trust") == "yes"
        done = second_step.finish_sign_in(pending, request.POST.get("code", ""), visit_of(request), trust=trust)
    except (InvalidError, ThrottledError) as error:
        return again(request, "second_step.html", error, **shown)
    return _in(done, wanted)


def _in(done: SignedIn, wanted: str) -> HttpResponse:
    response = with_session(HttpResponseRedirect(safe_path(wanted)), done)
    response.delete_cookie(PENDING_COOKIE)
    return response


@page("second-step/text", name="send_text", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("POST",))
def send_text(request: HttpRequest) -> HttpResponse:
    """Send a code by text message to the one who is signing in."""
    wanted = request.POST.get("next", "")
    try:
        number = second_step.ask_text(request.COOKIES.get(PENDING_COOKIE, ""))
    except (ThrottledError, UnavailableError) as error:
        return again(request, "second_step.html", error, kinds={"text"}, next=wanted)
    return render(request, "second_step.html", {"kinds": {"text"}, "next": wanted, "number": number})


@page(
    "passkey",
    name="passkey_use",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(repeatable=True, for_script=True),
)
def passkey_use(request: HttpRequest) -> HttpResponse:
    """Options to use a passkey; or, with the browser's answer, sign in: as second step or without a password."""
    pending = request.COOKIES.get(PENDING_COOKIE, "") if request.POST.get("step") == "second" else ""
    if "answer" not in request.POST:
        try:
            options = second_step.passkey_options(pending, network=network_of(request))
        except GlasshouseError as error:
            return JsonResponse({"problem": str(error)}, status=error.status)
        return HttpResponse(options, content_type="application/json")
    trust = request.POST.get("trust") == "yes"
    try:
        done = second_step.sign_in_with_passkey(request.POST["answer"], visit_of(request), pending=pending, trust=trust)
    except GlasshouseError as error:
        return JsonResponse({"problem": str(error)}, status=error.status)
    response = with_session(JsonResponse({"onward": safe_path(request.POST.get("next", ""))}), done)
    response.delete_cookie(PENDING_COOKIE)
    return response


# -- proof and recovery --------------------------------------------------------------------------------------------


@page(
    "prove-again",
    name="prove_again",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
    form=FormRules(repeatable=True),
)
def prove_again(request: HttpRequest) -> HttpResponse:
    """Fresh proof before something sensitive: the password, and a code where there is a second step."""
    actor = actor_of(request)
    kinds = {step.kind for step in second_step.steps_of(actor.account)}
    wanted = request.GET.get("next", request.POST.get("next", ""))
    shown = {"kinds": kinds, "coded": bool(kinds), "next": wanted}
    if request.method == "GET":
        number = once.collect(actor, "sent", request.GET["sent"]) if "sent" in request.GET else None
        return render(request, "prove_again.html", shown | {"number": number})
    try:
        if "answer" in request.POST:
            second_step.prove_with_passkey(actor, request.POST["answer"])
            return JsonResponse({"onward": safe_path(wanted)})
        if "send" in request.POST:
            number = second_step.send_own_code(actor)
            return redirect(f"/prove-again?next={quote(wanted)}&sent={once.hand_over(actor, 'sent', number)}")
        accounts.prove_again(actor, request.POST.get("password", ""), request.POST.get("code", ""))
    except (InvalidError, ThrottledError) as error:
        if "answer" in request.POST:
            return JsonResponse({"problem": str(error)}, status=error.status)
        return again(request, "prove_again.html", error, **shown)
    return redirect(safe_path(wanted))


@page(
    "stop-reset/<slug:secret>", name="stop_reset", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "POST")
)
def stop_reset(request: HttpRequest, secret: str) -> HttpResponse:
    """Stop the removal of one's second step by the mailed link."""
    if request.method == "GET":
        return render(request, "confirm.html", {"title": "Keep your second step", "button": "Stop the removal"})
    resets.stop_reset(secret)
    return render(request, "stopped.html")
