"""Fresh proof before something sensitive."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, FormRules, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.web import once
from glasshouse.web.forms import again
from glasshouse.web.middleware import actor_of
from glasshouse.web.redirects import safe_path
from glasshouse.web.session_cookie import renewed


def _context(request: HttpRequest) -> dict[str, object]:
    kinds = {step.kind for step in second_factor.factors_of(actor_of(request).account)}
    return {"kinds": kinds, "coded": bool(kinds), "next": request.GET.get("next", request.POST.get("next", ""))}


@page(
    "reauthenticate",
    name="reauthenticate",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
def reauthenticate(request: HttpRequest) -> HttpResponse:
    """The form for it: the password, and a code where there is a second factor."""
    number = once.collect(actor_of(request), "sent", request.GET["sent"]) if "sent" in request.GET else None
    return render(request, "person/reauthenticate.html", _context(request) | {"number": number})


@page(
    "reauthenticate",
    name="reauthenticate",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    form=FormRules(repeatable=True),
    asks=(
        Asked("password", "accounts_account.password"),
        Asked("code"),
    ),
    translated=True,
)
def reauthenticate_by_password(request: HttpRequest) -> HttpResponse:
    """Reauthenticate by password and code."""
    form = request.POST
    try:
        secret = accounts.reauthenticate(actor_of(request), form.get("password", ""), form.get("code", ""))
    except (InvalidError, ThrottledError) as error:
        return again(request, "person/reauthenticate.html", error, **_context(request))
    return renewed(redirect(safe_path(form.get("next", ""))), secret)


@page(
    "reauthenticate/text",
    name="send_reauthentication_code",
    form_on="reauthenticate",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    form=FormRules(repeatable=True),
    translated=True,
)
def send_reauthentication_code(request: HttpRequest) -> HttpResponse:
    """Have a code sent by text message."""
    actor, next_path = actor_of(request), request.POST.get("next", "")
    try:
        number = second_factor.send_own_code(actor)
    except (InvalidError, ThrottledError) as error:
        return again(request, "person/reauthenticate.html", error, **_context(request))
    return redirect(f"/reauthenticate?next={quote(next_path)}&sent={once.hand_over(actor, 'sent', number)}")


@page(
    "reauthenticate/passkey",
    name="reauthenticate_by_passkey",
    form_on="reauthenticate",
    methods=("POST",),
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    form=FormRules(repeatable=True, for_script=True),
    translated=True,
)
def reauthenticate_by_passkey(request: HttpRequest) -> HttpResponse:
    """Reauthenticate by a passkey; a script sends the browser's answer."""
    try:
        secret = second_factor.reauthenticate_with_passkey(actor_of(request), request.POST.get("answer", ""))
    except (InvalidError, ThrottledError) as error:
        return JsonResponse({"problem": str(error)}, status=error.status)
    return renewed(JsonResponse({"onward": safe_path(request.POST.get("next", ""))}), secret)
