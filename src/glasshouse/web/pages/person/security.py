"""One's own security: second factors, recovery codes, sessions and browsers."""

import segno
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, FormRules, MenuGroup, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.models import FactorKind
from glasshouse.accounts.recovery_codes import codes_left
from glasshouse.kernel.errors import InvalidError, NotFoundError, ThrottledError, UnavailableError
from glasshouse.kernel.ids import FactorId, SessionId
from glasshouse.web import once
from glasshouse.web.forms import again
from glasshouse.web.middleware import actor_of


@page(
    "account/security",
    name="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    menu="Security",
    menu_order=201,
    menu_group=MenuGroup.YOU,
    icon="lock",
    translated=True,
)
def security(request: HttpRequest) -> HttpResponse:
    """Second factors, recovery codes, sessions and known browsers of one's account."""
    return render(request, "person/security.html", _context(request))


def _context(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    return {
        "factors": second_factor.factors_of(actor.account),
        "codes_left": codes_left(actor.account),
        "sessions": sessions.sessions_of(actor, request.GET.get("sessions", "")),
        "browsers": sessions.browsers(actor, request.GET.get("browsers", "")),
        "here": actor.session,
        "needed": "needed" in request.GET,
    }


@page(
    "account/security/add/<slug:kind>",
    name="add_second_factor",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    translated=True,
)
def begin_second_factor(request: HttpRequest, kind: str) -> HttpResponse:
    """Begin to set up an app, or ask for a number; what is begun is confirmed with its first code."""
    actor = actor_of(request)
    _check(kind)
    in_setup = second_factor.factor_in_setup(actor)
    if kind == FactorKind.APP and (in_setup is None or in_setup.factor.kind != FactorKind.APP):
        second_factor.begin_app(actor)
        in_setup = second_factor.factor_in_setup(actor)
    return render(request, "person/add_second_factor.html", _setup_context(kind, in_setup))


def _check(kind: str) -> None:
    if kind not in (FactorKind.APP, FactorKind.TEXT):
        raise NotFoundError


@page(
    "account/security/add/<slug:kind>/number",
    name="begin_text",
    form_on="add_second_factor",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    asks=(Asked("number", "accounts_second_step.secret"),),
    translated=True,
)
def begin_text(request: HttpRequest, kind: str) -> HttpResponse:
    """Send a first code to a number."""
    actor = actor_of(request)
    if kind != FactorKind.TEXT:
        raise NotFoundError
    try:
        second_factor.begin_text(actor, request.POST.get("number", ""))
    except (InvalidError, ThrottledError, UnavailableError) as error:
        context = _setup_context(kind, second_factor.factor_in_setup(actor))
        return again(request, "person/add_second_factor.html", error, **context)
    return redirect("add_second_factor", kind)


@page(
    "account/security/add/<slug:kind>",
    name="add_second_factor",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    asks=(Asked("code", "accounts_second_step.secret"),),
    translated=True,
)
def confirm_second_factor(request: HttpRequest, kind: str) -> HttpResponse:
    """Confirm what is begun with its first code."""
    actor = actor_of(request)
    _check(kind)
    try:
        codes = second_factor.confirm(actor, FactorId(request.POST.get("step", "")), request.POST.get("code", ""))
    except (InvalidError, ThrottledError, UnavailableError) as error:
        return again(
            request,
            "person/add_second_factor.html",
            error,
            **_setup_context(kind, second_factor.factor_in_setup(actor)),
        )
    return _confirmed(request, codes)


def _setup_context(kind: str, in_setup: second_factor.FactorInSetup | None) -> dict[str, object]:
    context: dict[str, object] = {"kind": kind}
    if in_setup is not None and in_setup.factor.kind == kind:
        context["begun"] = in_setup.setup
        if kind == "app":
            picture = segno.make(in_setup.setup.uri, error="m").svg_data_uri(scale=5, border=3, light="white")
            context["picture"] = picture
    return context


def _confirmed(request: HttpRequest, codes: list[str]) -> HttpResponse:
    if codes:
        return redirect("recovery_codes", once.hand_over(actor_of(request), "codes", codes))
    return redirect("security")


@page(
    "account/security/remove/<slug:factor>",
    name="remove_second_factor",
    form_on="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    translated=True,
)
def remove_second_factor(request: HttpRequest, factor: str) -> HttpResponse:
    """Remove a second factor."""
    second_factor.remove(actor_of(request), FactorId(factor))
    return redirect("security")


@page(
    "account/security/codes",
    name="make_recovery_codes",
    form_on="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    translated=True,
)
def make_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make ten new recovery codes; the page that follows shows them once."""
    return _confirmed(request, second_factor.new_codes(actor_of(request)))


@page(
    "account/security/codes/<slug:note>",
    name="recovery_codes",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    translated=True,
)
def recovery_codes(request: HttpRequest, note: str) -> HttpResponse:
    """New recovery codes: shown once, to the session that made them."""
    return render(request, "person/recovery_codes.html", {"codes": once.collect(actor_of(request), "codes", note)})


@page(
    "account/security/passkey/options",
    name="passkey_make_options",
    form_on="security",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    form=FormRules(repeatable=True),
    translated=True,
)
def passkey_make_options(request: HttpRequest) -> HttpResponse:
    """What the browser is to make a passkey with."""
    return HttpResponse(second_factor.begin_passkey(actor_of(request)), content_type="application/json")


@page(
    "account/security/passkey",
    name="passkey_make",
    form_on="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    form=FormRules(repeatable=True),
    asks=(Asked("name", "accounts_second_step.name"),),
    translated=True,
)
def passkey_make(request: HttpRequest) -> HttpResponse:
    """Keep a passkey that the browser made; a script sends its answer."""
    actor, form = actor_of(request), request.POST
    try:
        recovery_codes = second_factor.finish_passkey(actor, form.get("answer", ""), form.get("name", ""))
    except (InvalidError, ThrottledError) as error:
        return again(request, "person/security.html", error, **_context(request))
    # The script goes there itself: were it led there, it would be the one that sees the codes.
    return JsonResponse({"onward": _confirmed(request, recovery_codes).headers["Location"]})


@page(
    "account/sessions/<slug:session>/end",
    name="end_session",
    form_on="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    translated=True,
)
def end_session(request: HttpRequest, session: str) -> HttpResponse:
    """End one session, or all the others with whatever else lets somebody in."""
    actor = actor_of(request)
    if session == "others":
        accounts.sign_out_elsewhere(actor)
    else:
        sessions.end_one(actor, SessionId(session))
    return redirect("security")


@page(
    "account/browsers/<slug:browser>/forget",
    name="forget_browser",
    form_on="security",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    translated=True,
)
def forget_browser(request: HttpRequest, browser: str) -> HttpResponse:
    """Trust a browser no longer, and end what is signed in there."""
    sessions.forget_browser(actor_of(request), browser)
    return redirect("security")
