"""Doors of a person's rights: everything held, a copy, a correction, erasure."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from glasshouse.access import members
from glasshouse.access.permissions import Permission
from glasshouse.access.settings import settings_of
from glasshouse.accounts import api as accounts
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.kernel.ids import RequestId
from glasshouse.rights import api as rights
from glasshouse.rights import clocks, requests
from glasshouse.rights.view import view
from glasshouse.web.greenhouse_views import within
from glasshouse.web.middleware import SESSION_COOKIE, actor_of, network_of
from glasshouse.web.views import again, form_page, signed_in

KINDS = {
    "access": "See what you hold of me",
    "copy": "Have a copy of it",
    "correct": "Have something put right",
    "erase": "Be erased",
    "restrict": "Have its use restricted",
    "object": "Object to its use",
    "question": "Ask something else",
}


def _shown(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    items = sorted(view(actor), key=lambda one: one.purpose)
    groups = [(purpose, list(some)) for purpose, some in groupby(items, key=lambda one: one.purpose)]
    shown = [(purpose, some[:20], max(0, len(some) - 20)) for purpose, some in groups]
    person = accounts.person_of(actor)
    return {"groups": shown, "count": len(items), "copies": rights.copies(actor), "person": person}


@signed_in
@form_page
def my_data(request: HttpRequest) -> HttpResponse:
    """Everything that is held of oneself, in plain words; correcting one's name."""
    if request.method == "GET":
        return render(request, "my_data.html", _shown(request))
    try:
        rights.correct_name(actor_of(request), request.POST.get("name", ""))
    except InvalidError as error:
        return again(request, "my_data.html", error, **_shown(request))
    return redirect("my_data")


@signed_in
@require_POST
def make_copy(request: HttpRequest) -> HttpResponse:
    """Make a copy; it can be fetched for a day."""
    rights.make_copy(actor_of(request))
    return redirect("my_data")


@signed_in
@require_GET
def fetch_copy(request: HttpRequest, copy: str) -> HttpResponse:
    """Fetch a copy of one's own."""
    name, body = rights.fetch_copy(actor_of(request), copy)
    response = HttpResponse(body, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@signed_in
@form_page
def erase(request: HttpRequest) -> HttpResponse:
    """What an erasure would do; then, asked for by its word, the erasure and its certificate."""
    actor = actor_of(request)
    accounts.require_fresh(actor)
    shown = {"plan": rights.plan(actor)}
    if request.method == "GET":
        return render(request, "erase.html", shown)
    try:
        if request.POST.get("word", "").strip().lower() != "erase":
            raise InvalidError("Write the word erase to go on.", field="word")
        done = rights.erase(actor)
    except InvalidError as error:
        return again(request, "erase.html", error, **shown)
    request.actor = ANONYMOUS  # type: ignore[attr-defined]  # There is nobody any more whom the page could name.
    response = render(request, "erased.html", {"done": done})
    response.delete_cookie(SESSION_COOKIE)
    return response


@signed_in
@require_POST
def close(request: HttpRequest, organisation: str) -> HttpResponse:
    """Close an organisation, with all that is its own."""
    actor, shown = within(request, organisation, Permission.ORGANISATION_CLOSE)
    try:
        rights.close(actor, request.POST.get("name", ""))
    except InvalidError as error:
        shown |= {"rules": settings_of(actor), "roles": members.roles(actor)}
        return again(request, "settings.html", error, **shown)
    return redirect("home")


# -- requests ------------------------------------------------------------------------------------------------------


@form_page
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for one's rights, with an account or without. The answer is the same for everybody."""
    shown = {"kinds": KINDS.items(), "regions": [(key, title) for key, (title, _) in clocks.REGIONS.items()]}
    if request.method == "GET":
        return render(request, "privacy_ask.html", shown)
    fields = [request.POST.get(name, "") for name in ("address", "kind", "region", "text")]
    try:
        requests.ask(*fields, network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "privacy_ask.html", error, **shown)
    return render(request, "check_mail.html")


@form_page
def prove_request(request: HttpRequest, secret: str) -> HttpResponse:
    """Prove the address of a request. A click is needed: a mail scanner that opens links proves nothing."""
    if request.method == "GET":
        return render(request, "confirm.html", {"title": "Your privacy request", "button": "Yes, this is my address"})
    found, known = requests.prove(secret)
    return render(request, "privacy_proved.html", {"request_row": found, "known": known, "law": clocks.LAWS[found.law]})


@signed_in
@form_page
def worklist(request: HttpRequest) -> HttpResponse:
    """The officer's work list, by deadline; answering, refusing, extending."""
    actor = actor_of(request)
    if request.method == "GET":
        return render(request, "worklist.html", {"rows": requests.worklist(actor)})
    number, text, act = (request.POST.get(name, "") for name in ("request", "text", "act"))
    try:
        if act == "extend":
            requests.extend(actor, RequestId(number), text)
        else:
            requests.answer(actor, RequestId(number), text, refuse=act == "refuse")
    except InvalidError as error:
        return again(request, "worklist.html", error, rows=requests.worklist(actor))
    return redirect("worklist")
