"""The register of recipients and the business transfer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access import api as access
from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import business_transfers, rules
from glasshouse.privacy_office import data_rooms
from glasshouse.web.data_categories import categories
from glasshouse.web.forms import shows_again, small_number
from glasshouse.web.middleware import actor_of
from glasshouse.web.written_days import day_of

TEXTS = ("name", "what", "region", "agreement", "safeguard", "purpose", "basis", "contact", "server")


def _register(request: HttpRequest, **_: str) -> dict[str, object]:
    actor, asked = actor_of(request), request.GET
    context = {
        "rows": disclosures.recipients(str(actor.account), asked.get("after", "")),
        "unreadable": disclosures.unreadable_count(authorities=True),
        "categories": categories(),
        "transfers": business_transfers.transfers(actor, asked.get("transfers", "")),
        "rooms": data_rooms.rooms(actor, asked.get("rooms", "")),
        "others": access.others_with(actor, Permission.MERGER_CHANGE),
    }
    return context | {
        "kinds": rules.TITLES.items(),
        "channels": rules.CHANNELS.items(),
        "waits": rules.WAIT_DAYS.items(),
    }


@page(
    "staff/recipients",
    name="recipients",
    need=Permission.RECIPIENT_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    menu="Recipients",
    menu_order=150,
    menu_group=MenuGroup.REGISTERS,
    icon="mail",
)
def recipients(request: HttpRequest) -> HttpResponse:
    """The register and the business transfer."""
    return render(request, "staff/recipients.html", _register(request))


@page(
    "staff/recipients",
    name="recipients",
    methods=("POST",),
    need=Permission.RECIPIENT_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("kind", "disclosures_recipient.kind"),
        Asked("name", "disclosures_recipient.name"),
        Asked("region", "disclosures_recipient.region"),
        Asked("what", "disclosures_recipient.what"),
        Asked("purpose", "disclosures_recipient.purpose"),
        Asked("basis", "disclosures_recipient.basis"),
        Asked("agreement", "disclosures_recipient.agreement"),
        Asked("agreed_on", "disclosures_recipient.agreed_on"),
        Asked("safeguard", "disclosures_recipient.safeguard"),
        Asked("contact", "disclosures_recipient.contact"),
        Asked("server", "disclosures_recipient.server"),
        Asked("wait_days", "disclosures_recipient.active_from"),
        Asked("fields", "disclosures_recipient.fields"),
        Asked("channels", "disclosures_recipient.channels"),
    ),
)
@shows_again("staff/recipients.html", _register)
def add_recipient(request: HttpRequest) -> HttpResponse:
    """Register a recipient."""
    actor, form = actor_of(request), request.POST
    texts = {name: form.get(name, "") for name in TEXTS}
    fields, channels = form.getlist("fields"), form.getlist("channels")
    wait = small_number(form.get("wait_days", ""))
    day = day_of(form.get("agreed_on", ""), "agreed_on")
    agreed_on = day.isoformat() if day else ""
    disclosures.add(actor, disclosures.Entry(form.get("kind", ""), texts, fields, channels, wait, agreed_on))
    return redirect("recipients")


@page(
    "staff/recipients/<slug:recipient>/end",
    name="end_recipient",
    form_on="recipients",
    methods=("POST",),
    need=Permission.RECIPIENT_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/recipients.html", _register)
def end_recipient(request: HttpRequest, recipient: str) -> HttpResponse:
    """Let nothing more go to a recipient."""
    actor = actor_of(request)
    disclosures.end(actor, recipient)
    return redirect("recipients")


@page(
    "staff/business-transfers",
    name="open_business_transfer",
    form_on="recipients",
    methods=("POST",),
    need=Permission.MERGER_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("buyer", "disclosures_recipient.name"),
        Asked("region", "disclosures_recipient.region"),
        Asked("days", "disclosures_recipient.active_from"),
    ),
)
@shows_again("staff/recipients.html", _register)
def open_business_transfer(request: HttpRequest) -> HttpResponse:
    """Open a business transfer, and tell everybody."""
    actor, form = actor_of(request), request.POST
    buyer, region = form.get("buyer", ""), form.get("region", "")
    business_transfers.open_transfer(actor, buyer, region, small_number(form.get("days", "")))
    return redirect("recipients")


@page(
    "staff/business-transfers/<slug:business_transfer>/close",
    name="close_business_transfer",
    form_on="recipients",
    methods=("POST",),
    need=Permission.MERGER_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/recipients.html", _register)
def close_business_transfer(request: HttpRequest, business_transfer: str) -> HttpResponse:
    """Close a business transfer."""
    actor = actor_of(request)
    business_transfers.close(actor, business_transfer)
    return redirect("recipients")


@page(
    "staff/business-transfers/<slug:business_transfer>/data-room",
    name="prepare_data_room",
    form_on="recipients",
    methods=("POST",),
    need=Permission.MERGER_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("contact", "disclosures_data_room.contact"),
        Asked("certificate", "disclosures_data_room.certificate"),
        Asked("fields", "disclosures_data_room.fields"),
        Asked("days", "disclosures_data_room.days"),
    ),
)
@shows_again("staff/recipients.html", _register)
def prepare_data_room(request: HttpRequest, business_transfer: str) -> HttpResponse:
    """Prepare a buyer's data room, for somebody else to approve."""
    actor, form = actor_of(request), request.POST
    fields, days = form.getlist("fields"), small_number(form.get("days", ""))
    plan = data_rooms.Plan(form.get("contact", ""), form.get("certificate", ""), fields, days)
    data_rooms.prepare(actor, business_transfer, plan)
    return redirect("recipients")


@page(
    "staff/data-rooms/<slug:room>/approve",
    name="approve_data_room",
    form_on="recipients",
    methods=("POST",),
    need=Permission.MERGER_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    reauth=True,
)
@shows_again("staff/recipients.html", _register)
def approve_data_room(request: HttpRequest, room: str) -> HttpResponse:
    """Approve what somebody else prepared, and mail the buyer the link."""
    data_rooms.approve(actor_of(request), room)
    return redirect("recipients")


@page(
    "staff/data-rooms/<slug:room>/revoke",
    name="revoke_data_room",
    form_on="recipients",
    methods=("POST",),
    need=Permission.MERGER_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/recipients.html", _register)
def revoke_data_room(request: HttpRequest, room: str) -> HttpResponse:
    """Close a buyer's data room now."""
    data_rooms.revoke(actor_of(request), room)
    return redirect("recipients")
