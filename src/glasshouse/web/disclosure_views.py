"""Doors of disclosures: the public list of providers, subscribing to it.

The register, the merger room, demands of authorities.
"""

from contextlib import suppress
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.authorities import api as legal
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import mergers, rules
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.vault.datamap import NAMES, Class, people_rows
from glasshouse.web.middleware import actor_of, network_of
from glasshouse.web.office_views import number
from glasshouse.web.views import act_of, again

ASKED = ("address", "authority", "country", "grounds")
WORDS = ("name", "what", "region", "agreement", "safeguard", "purpose", "basis", "contact")


def categories() -> list[tuple[str, str]]:
    """(category, its plain name) of everything personal that is held."""
    found = {one.entry.category for one in people_rows([]) if one.entry and one.entry.klass is Class.PERSONAL}
    return sorted(((one, NAMES[one]) for one in found), key=lambda pair: pair[1])


def _listed() -> dict[str, object]:
    # Authorities stand in the transparency report, where no person can be told from them.
    return {"rows": [one for one in disclosures.recipients() if one.recipient.kind != rules.Kind.AUTHORITY]}


@page(
    "trust/providers",
    name="providers",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def providers(request: HttpRequest) -> HttpResponse:
    """Who receives personal data, and who will; subscribing to changes of the list."""
    if request.method == "GET":
        return render(request, "providers.html", _listed())
    try:
        disclosures.subscribe(request.POST.get("address", ""), network=network_of(request))
    except (InvalidError, ThrottledError) as error:
        return again(request, "providers.html", error, **_listed())
    return render(request, "check_mail.html")


@page(
    "trust/providers/<slug:secret>",
    name="unsubscribe_providers",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def unsubscribe(request: HttpRequest, secret: str) -> HttpResponse:
    """Begin or end a subscription by its mailed link; a click is needed, a scanner that opens links changes nothing."""
    problem: dict[str, object] = {}
    if request.method == "POST":
        try:
            disclosures.decide(secret, wanted=act_of(request, "begin", "end") == "begin")
        except InvalidError as error:
            problem = {"error": error}
    live, may_begin = disclosures.subscription(secret)
    shown = {"live": live, "may_begin": may_begin} | problem
    return render(request, "subscription.html", shown, status=400 if problem else 200)


@page("trust/demands", name="demands", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def demands(request: HttpRequest) -> HttpResponse:
    """The transparency report: demands of authorities, counted."""
    return render(request, "demands.html", {"years": legal.report()})


# -- the officer's pages -------------------------------------------------------------------------------------------


def _register(actor: Actor) -> dict[str, object]:
    shown = {"rows": disclosures.recipients(), "categories": categories(), "rooms": mergers.rooms(actor)}
    return shown | {"kinds": rules.TITLES.items(), "channels": rules.CHANNELS.items(), "waits": rules.WAIT_DAYS.items()}


@page(
    "staff/recipients",
    name="recipients",
    need=Permission.RECIPIENT_CHANGE,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
)
def recipients(request: HttpRequest) -> HttpResponse:
    """The register of recipients and the merger room."""
    actor, given = actor_of(request), request.POST
    if request.method == "GET":
        return render(request, "recipients.html", _register(actor))
    try:
        match act_of(request, "add", "end", "open-merger", "close-merger"):
            case "add":
                words = {name: given.get(name, "") for name in WORDS}
                fields, channels = given.getlist("fields"), given.getlist("channels")
                wait = number(given.get("wait_days", ""))
                disclosures.add(actor, disclosures.Entry(given.get("kind", ""), words, fields, channels, wait))
            case "end":
                disclosures.end(actor, given.get("recipient", ""))
            case "open-merger":
                mergers.open_room(actor, given.get("buyer", ""), given.get("region", ""), number(given.get("days", "")))
            case "close-merger":
                mergers.close(actor, given.get("merger", ""))
    except InvalidError as error:
        return again(request, "recipients.html", error, **_register(actor))
    return redirect("recipients")


def _demands(actor: Actor) -> dict[str, object]:
    rows = [
        (
            one,
            [(name, NAMES[name]) for name in (one.narrowed if one.first_by else one.asked)],
            [NAMES[name] for name in one.asked],
        )
        for one in legal.demands(actor)
    ]
    return {"rows": rows, "categories": categories()}


@page(
    "staff/demands",
    name="staff_demands",
    need=Permission.LEGAL_REQUEST_REVIEW,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    menu="Demands",
    menu_order=140,
)
def staff_demands(request: HttpRequest) -> HttpResponse:
    """Demands of authorities: entering, reviewing as one of two."""
    actor, given = actor_of(request), request.POST
    if request.method == "GET":
        return render(request, "staff_demands.html", _demands(actor))
    try:
        if act_of(request, "enter", "review") == "enter":
            until: date | None = None
            if written := given.get("barred_until", ""):
                with suppress(ValueError):
                    until = date.fromisoformat(written)
                if until is None:
                    raise InvalidError("Write the day like 2027-01-31.", field="barred_until")
            address, authority, country, grounds = (given.get(name, "") for name in ASKED)
            legal.enter(actor, legal.Facts(address, authority, country, grounds, given.getlist("asked"), until))
        else:
            demand, verdict, reasons = (given.get(name, "") for name in ("demand", "verdict", "reasons"))
            legal.review(actor, demand, verdict, given.getlist("allowed"), reasons)
    except InvalidError as error:
        return again(request, "staff_demands.html", error, **_demands(actor))
    return redirect("staff_demands")


@page("staff/demands/<slug:demand>", name="fetch_demand", need=Permission.LEGAL_REQUEST_REVIEW, audience=Audience.STAFF)
def fetch_demand(request: HttpRequest, demand: str) -> HttpResponse:
    """What is handed over, as a file."""
    name, body = legal.fetch(actor_of(request), demand)
    response = HttpResponse(body, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
