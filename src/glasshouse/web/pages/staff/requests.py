"""The officer's queue: a list of requests, narrowed and searched; acts on several at once; entering a letter."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, FormRules, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.requests import api as requests
from glasshouse.requests import bulk, queue_filter
from glasshouse.requests import worklist as worklists
from glasshouse.requests.bulk import BulkReport
from glasshouse.requests.queue_filter import QueueFilter
from glasshouse.web import once
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.officer_queue import act_context, carried, desk_context, list_address, request_address

REPORT = "requests"


@page(
    "staff/requests",
    name="worklist",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
    asks=tuple(Asked(name) for name in ("state", "kind", "law", "region", "channel", "due", "assigned")),
    menu="Queue",
    menu_order=110,
    menu_group=MenuGroup.DESK,
    icon="queue",
)
def worklist(request: HttpRequest) -> HttpResponse:
    """The queue, a piece of it."""
    wanted = queue_filter.of_address(request.GET)
    context = (
        desk_context(request, wanted) | act_context(request) | {"found_nothing": request.GET.get("found") == "nothing"}
    )
    if "report" in request.GET:
        context["report"] = once.collect(actor_of(request), REPORT, request.GET["report"])
    return render(request, "staff/requests.html", context)


@page(
    "staff/requests",
    name="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("channel", "rights_request.channel"),
        Asked("address", "rights_request.address"),
        Asked("kind", "rights_request.kind"),
        Asked("region", "rights_request.region"),
        Asked("identity", "rights_request.identity"),
        Asked("text", "rights_request.text"),
    ),
)
@shows_again("staff/requests.html", desk_context)
def enter_request(request: HttpRequest) -> HttpResponse:
    """Enter a request that came by letter or telephone."""
    actor, form = actor_of(request), request.POST
    arrival = requests.Arrival(form.get("channel", ""), entered_by=actor.id, identity=form.get("identity", ""))
    address, kind, region, text = (form.get(name, "") for name in ("address", "kind", "region", "text"))
    number = requests.enter(actor, address, kind, region, text, arrival)
    return redirect(list_address(QueueFilter(), done="enter", request=number))


@page(
    "staff/requests/search",
    name="search_requests",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("query"), Asked("closed")),
    form=FormRules(preview=True, repeatable=True),
)
@shows_again("staff/requests.html", desk_context)
def search_requests(request: HttpRequest) -> HttpResponse:
    """Find requests. What is looked for is no part of an address, which browsers and logs keep."""
    result = worklists.search(actor_of(request), request.POST.get("query", ""))
    wanted = QueueFilter(state="closed" if request.POST.get("closed") == "yes" else "", people=result.people)
    if result.number:
        return redirect(request_address(result.number, QueueFilter()))
    return redirect(list_address(wanted, **({} if result.people else {"found": "nothing"})))


def _reported(request: HttpRequest, act: str, report: BulkReport) -> HttpResponse:
    value = {"act": act, **asdict(report)}
    return redirect(list_address(carried(request), report=once.hand_over(actor_of(request), REPORT, value)))


@page(
    "staff/requests/assign",
    name="assign_requests",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("number"), Asked("officer", "rights_request.assigned_to")),
)
@shows_again("staff/requests.html", desk_context)
def assign_requests(request: HttpRequest) -> HttpResponse:
    """Have an officer see to several requests."""
    form = request.POST
    report = bulk.assign(actor_of(request), form.getlist("number"), form.get("officer", ""))
    return _reported(request, "assign", report)


@page(
    "staff/requests/answer",
    name="answer_requests",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("number"), Asked("template")),
)
@shows_again("staff/requests.html", desk_context)
def answer_requests(request: HttpRequest) -> HttpResponse:
    """Answer several requests with a template."""
    form = request.POST
    report = bulk.answer(actor_of(request), form.getlist("number"), form.get("template", ""))
    return _reported(request, "answer", report)


@page(
    "staff/requests/spam",
    name="close_requests_as_spam",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("number"),),
)
@shows_again("staff/requests.html", desk_context)
def close_requests_as_spam(request: HttpRequest) -> HttpResponse:
    """Close several requests that nobody confirmed as spam."""
    report = bulk.close_as_spam(actor_of(request), request.POST.getlist("number"))
    return _reported(request, "spam", report)
