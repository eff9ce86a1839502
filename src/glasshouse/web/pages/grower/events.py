"""What happened in the organisation."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access import api as access
from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import description_of
from glasshouse.kernel.ids import AccountId, OrganisationId
from glasshouse.web.organisation_page import inside


@page(
    "o/<slug:organisation>/events",
    name="events",
    need=Permission.EVENTS_READ,
    audience=Audience.GROWER,
    menu="Events",
    menu_order=70,
)
def event_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """What happened in the organisation."""
    actor, context = inside(request)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.EVENTS_READ)
        recorded = events.of_organisation(OrganisationId(organisation), request.GET.get("events", ""))
        access.record_access(actor, "events", [])
    people = accounts.people([AccountId(event.actor) for event in recorded]) if "MEMBER_READ" in context["may"] else {}  # type: ignore[operator]
    shown = [
        {
            "at": event.at,
            "kind": event.kind,
            "description": description_of(event.kind),
            "subject": event.subject,
            "actor": event.actor,
        }
        | {"who": people[event.actor].name if event.actor in people else ""}
        for event in recorded
    ]
    return render(request, "grower/events.html", context | {"events": recorded.of(shown)})
