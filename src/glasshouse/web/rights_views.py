"""Doors of a person's own rights: everything held, a copy, a correction, choices, erasure."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import own
from glasshouse.consent import api as consent
from glasshouse.consent.rules import GROUNDS
from glasshouse.disclosures import api as disclosures
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import HolderId
from glasshouse.notices import api as notices
from glasshouse.organisations import members
from glasshouse.organisations.settings import settings_of
from glasshouse.requests import api as requests
from glasshouse.sources import api as sources
from glasshouse.subject import erasure as rights
from glasshouse.subject import exports as copies
from glasshouse.subject.inventory import Item, view
from glasshouse.support import api as support
from glasshouse.web.middleware import SESSION_COOKIE, actor_of
from glasshouse.web.organisation_page import inside
from glasshouse.web.views import act_of, again


def grouped(items: Iterable[Item]) -> dict[str, object]:
    """Items as `held.html` shows them: by purpose, the first of many."""
    found = sorted(items, key=lambda one: one.purpose)
    groups = [(purpose, list(some)) for purpose, some in groupby(found, key=lambda one: one.purpose)]
    shown = [(purpose, some[:20], max(0, len(some) - 20), _common(some)) for purpose, some in groups]
    return {"groups": shown, "count": len(found)}


def _common(items: list[Item]) -> Item | None:
    """One of the items, if all have the same source, ground, period and recipients: then these are said once."""
    facts = {(one.source, one.basis, one.retention, one.recipients) for one in items}
    return items[0] if len(facts) == 1 else None


def _copies(actor: Actor) -> dict[str, object]:
    found = copies.copies(actor)
    return {"copies": found, "making": any(not one.blob for one in found)}


def _shown(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    person = accounts.person_of(actor)
    return grouped(view(actor)) | {**_copies(actor), "person": person}


@page(
    "account/data",
    name="my_data",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def my_data(request: HttpRequest) -> HttpResponse:
    """Everything that is held of oneself, in plain words; correcting one's name."""
    if request.method == "GET":
        return render(request, "my_data.html", _shown(request))
    try:
        rights.correct_name(actor_of(request), request.POST.get("name", ""))
    except InvalidError as error:
        return again(request, "my_data.html", error, **_shown(request))
    return redirect("my_data")


def _choices(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    return {
        "standings": consent.standings(actor),
        "restriction": consent.restriction_of(str(actor.person)),
        "grounds": GROUNDS.items(),
        "requests": requests.of_person(actor),
        "acceptances": notices.acceptances(actor),
        "disclosed": disclosures.of_person(HolderId(str(actor.person))),
        "seen": support.seen_of(actor),
        "suggestions": sources.suggestions(actor),
    }


@page(
    "account/data/choices",
    name="my_choices",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
    form=FormRules(account_limits=False),
)
def my_choices(request: HttpRequest) -> HttpResponse:
    """Where one stands on each purpose: allowing, objecting; restricting and lifting; one's requests and what one accepted."""
    actor = actor_of(request)
    if request.method == "GET":
        return render(request, "choices.html", _choices(request))
    words = request.POST.get("words", "")
    try:
        act = act_of(request, "give", "right", "wrong", "object", "restrict", "lift")
        if act == "give":
            consent.give(actor, request.POST.get("purpose", ""))
            if request.POST.get("purpose") == sources.PURPOSE:
                sources.welcome_again(actor)
        elif act in ("right", "wrong"):
            name = sources.decide(actor, request.POST.get("suggestion", ""), right=act == "right")
            if name:
                rights.correct_name(actor, name)
        elif act == "object":
            requests.object_to(actor, request.POST.get("purpose", ""), words)
        elif act == "restrict":
            accounts.require_fresh(actor)
            consent.restrict(actor, request.POST.get("ground", ""), words)
        else:
            consent.lift(actor)
    except InvalidError as error:
        return again(request, "choices.html", error, **_choices(request))
    return redirect("my_choices")


@page(
    "account/data/copy",
    name="make_copy",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    before_acceptance=True,
)
def make_copy(request: HttpRequest) -> HttpResponse:
    """Make a copy; it can be fetched for a day."""
    copies.make_copy(actor_of(request))
    return redirect("my_data")


@page(
    "account/data/copy/<slug:copy>",
    name="fetch_copy",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    before_acceptance=True,
)
def fetch_copy(request: HttpRequest, copy: str) -> StreamingHttpResponse:
    """Fetch a copy of one's own."""
    actor = actor_of(request)
    name, body = copies.fetch_copy(actor, copy)
    response = StreamingHttpResponse(_mine(actor, body), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _mine(actor: Actor, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, read as the person's own act also after the view has returned."""
    with own(str(actor.person)):
        yield from pieces


@page("account/data/copies", name="copy_state", need=Need.SIGNED_IN, audience=Audience.PERSON, before_acceptance=True)
def copy_state(request: HttpRequest) -> HttpResponse:
    """How far one's copies are: a part of the page that asks again while one is being made."""
    return render(request, "copies.html", _copies(actor_of(request)))


@page("erasure/<slug:number>", name="erasure", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def erasure(request: HttpRequest, number: str) -> HttpResponse:
    """How far an erasure is; whoever has its number may see that, and nothing else is left to see."""
    return render(request, "erased.html", {"done": rights.progress_of(number)})


@page(
    "account/data/erase",
    name="erase",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    reauth=True,
    before_acceptance=True,
)
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
    response = redirect("erasure", done.id)
    response.delete_cookie(SESSION_COOKIE)
    return response


@page(
    "o/<slug:organisation>/close",
    name="close",
    need=Permission.ORGANISATION_CLOSE,
    audience=Audience.GROWER,
    methods=("POST",),
    reauth=True,
)
def close(request: HttpRequest, organisation: str) -> HttpResponse:
    """Close an organisation, with all that is its own."""
    actor, shown = inside(request)
    try:
        rights.close(actor, request.POST.get("name", ""))
    except InvalidError as error:
        shown |= {"rules": settings_of(actor), "roles": members.roles(actor)}
        return again(request, "settings.html", error, **shown)
    return redirect("home")
