"""Authorised agents of the Data Rights Protocol: the register of companies that ask in people's names."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.requests import drp
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of


def _context(request: HttpRequest) -> dict[str, object]:
    return {"agents": drp.agents(actor_of(request))}


@page(
    "staff/agents",
    name="agents",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
    menu="Agents",
    menu_order=152,
    menu_group=MenuGroup.REGISTERS,
    icon="person",
)
def agents(request: HttpRequest) -> HttpResponse:
    """The register of agents."""
    return render(request, "staff/agents.html", _context(request))


@page(
    "staff/agents",
    name="agents",
    methods=("POST",),
    need=Permission.AGENT_CHANGE,
    audience=Audience.STAFF,
    translated=True,
    asks=(
        Asked("agent", "rights_agent.agent_id"),
        Asked("name", "rights_agent.name"),
        Asked("verify_key", "rights_agent.verify_key"),
        Asked("callback_host", "rights_agent.callback_host"),
    ),
)
@shows_again("staff/agents.html", _context)
def register_agent(request: HttpRequest) -> HttpResponse:
    """Register an authorised agent."""
    actor, form = actor_of(request), request.POST
    drp.register(actor, *(form.get(name, "") for name in ("agent", "name", "verify_key", "callback_host")))
    return redirect("agents")


@page(
    "staff/agents/end",
    name="end_agent",
    form_on="agents",
    methods=("POST",),
    need=Permission.AGENT_CHANGE,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/agents.html", _context)
def end_agent(request: HttpRequest) -> HttpResponse:
    """Let an agent in no more."""
    actor, form = actor_of(request), request.POST
    drp.end(actor, form.get("agent", ""))
    return redirect("agents")
