"""The officer's work list, by deadline; entering requests; agents."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests
from glasshouse.requests import drp, unanswered
from glasshouse.requests import worklist as worklists
from glasshouse.subject import asked_for, rectification
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.request_choices import CHOICES


def _desk(request: HttpRequest, **_: str) -> dict[str, object]:
    actor = actor_of(request)
    return CHOICES | {"rows": worklists.worklist(actor), "agents": drp.agents(actor), "mails": unanswered.listed(actor)}


def _act_context(request: HttpRequest) -> dict[str, object]:
    """What the address says that an act did, with its request: the page says so only where the request's state agrees."""
    act = request.GET.get("done", "")
    number = request.GET.get("request", "") if act else ""
    done_request = worklists.of_officer(actor_of(request), number) if number else None
    return {"done": act, "done_request": done_request, "done_waits": worklists.waits(number)}


@page(
    "staff/requests",
    name="worklist",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    menu="Requests",
    menu_order=120,
)
def worklist(request: HttpRequest) -> HttpResponse:
    """The work list."""
    return render(request, "staff/requests.html", _desk(request) | _act_context(request))


def _to_list(act: str, number: str) -> HttpResponse:
    return redirect(f"{reverse('worklist')}?{urlencode({'done': act, 'request': number})}")


@page(
    "staff/requests",
    name="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    asks=(
        Asked("channel", "rights_request.channel"),
        Asked("address", "rights_request.address"),
        Asked("kind", "rights_request.kind"),
        Asked("region", "rights_request.region"),
        Asked("identity", "rights_request.identity"),
        Asked("text", "rights_request.text"),
    ),
)
@shows_again("staff/requests.html", _desk)
def enter_request(request: HttpRequest) -> HttpResponse:
    """Enter a request that came by letter or telephone."""
    actor, form = actor_of(request), request.POST
    arrival = requests.Arrival(form.get("channel", ""), entered_by=actor.id, identity=form.get("identity", ""))
    address, kind, region, text = (form.get(name, "") for name in ("address", "kind", "region", "text"))
    number = requests.enter(actor, address, kind, region, text, arrival)
    return _to_list("enter", number)


@page(
    "staff/requests/<id:number>/answer",
    name="answer_request",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    asks=(Asked("text", "rights_request.answer"),),
)
@shows_again("staff/requests.html", _desk)
def answer_request(request: HttpRequest, number: str) -> HttpResponse:
    """Answer a request, and close it."""
    actor, text = actor_of(request), request.POST.get("text", "")
    requests.answer(actor, RequestId(number), text, refuse=False)
    return _to_list("answer", number)


@page(
    "staff/requests/<id:number>/correct",
    name="correct_for_request",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    asks=(Asked("name", "accounts_person.name"),),
)
@shows_again("staff/requests.html", _desk)
def correct_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Correct the name of whoever asked for it; the request stays open for its answer."""
    rectification.rectify_for(actor_of(request), number, request.POST.get("name", ""))
    return redirect("worklist")


@page(
    "staff/requests/<id:number>/erase",
    name="erase_for_request",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    reauth=True,
    asks=(Asked("word"),),
)
@shows_again("staff/requests.html", _desk)
def erase_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Erase an address without an account for whoever asked, once the word erase is written; under a legal hold it waits."""
    if request.POST.get("word", "").strip().lower() != "erase":
        raise InvalidError("Write the word erase to go on.", field="word")
    asked_for.erase_for(actor_of(request), number)
    return _to_list("erase", number)


@page(
    "staff/requests/<id:number>/refuse",
    name="refuse_request_as_officer",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    asks=(Asked("text", "rights_request.answer"),),
)
@shows_again("staff/requests.html", _desk)
def refuse_request(request: HttpRequest, number: str) -> HttpResponse:
    """Refuse a request with reasons."""
    actor, text = actor_of(request), request.POST.get("text", "")
    requests.answer(actor, RequestId(number), text, refuse=True)
    return _to_list("refuse", number)


@page(
    "staff/requests/<id:number>/extend",
    name="extend_request",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    asks=(Asked("text", "rights_letter.text"),),
)
@shows_again("staff/requests.html", _desk)
def extend_request(request: HttpRequest, number: str) -> HttpResponse:
    """Extend the legal deadline, with notice."""
    actor, text = actor_of(request), request.POST.get("text", "")
    requests.extend(actor, RequestId(number), text)
    return _to_list("extend", number)


@page(
    "staff/requests/<id:number>/ask-again",
    name="ask_proof_again",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
)
@shows_again("staff/requests.html", _desk)
def ask_proof_again(request: HttpRequest, number: str) -> HttpResponse:
    """Mail the confirmation link again."""
    actor = actor_of(request)
    requests.ask_again(actor, RequestId(number))
    return _to_list("ask-again", number)


@page(
    "staff/agents",
    name="register_agent",
    form_on="worklist",
    methods=("POST",),
    need=Permission.AGENT_CHANGE,
    audience=Audience.STAFF,
    asks=(
        Asked("agent", "rights_agent.agent_id"),
        Asked("name", "rights_agent.name"),
        Asked("verify_key", "rights_agent.verify_key"),
        Asked("callback_host", "rights_agent.callback_host"),
    ),
)
@shows_again("staff/requests.html", _desk)
def register_agent(request: HttpRequest) -> HttpResponse:
    """Register an authorised agent."""
    actor, form = actor_of(request), request.POST
    drp.register(actor, *(form.get(name, "") for name in ("agent", "name", "verify_key", "callback_host")))
    return redirect("worklist")


@page(
    "staff/agents/end",
    name="end_agent",
    form_on="worklist",
    methods=("POST",),
    need=Permission.AGENT_CHANGE,
    audience=Audience.STAFF,
)
@shows_again("staff/requests.html", _desk)
def end_agent(request: HttpRequest) -> HttpResponse:
    """Let an agent in no more."""
    actor, form = actor_of(request), request.POST
    drp.end(actor, form.get("agent", ""))
    return redirect("worklist")
