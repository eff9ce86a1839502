"""Verbs of the pages to which an agent leads the person: to confirm their address, see the results, let the agent fetch them.

Rules: these pages confirm nothing and show nothing of the person by themselves, for whoever opens them may be the agent. They
mail our link to the request's own address, to nobody else. They lead back only to the host that the officer registered for the
agent, and only once the address is confirmed. Source: Data Rights Protocol 1.0, 3.02.1.
"""

from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from glasshouse.accounts import throttle
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.requests import api as requests
from glasshouse.requests import drp_rules as rules
from glasshouse.requests import drp_status
from glasshouse.requests.email_links import of_page
from glasshouse.requests.models import Agent, Request

HOUR = timedelta(hours=1)


class Verification(NamedTuple):
    """What the page for a request says. agent: its name. return_to: where the person goes on, "" if nowhere."""

    request_row: Request
    agent: str
    return_to: str


def verification(number: str, request_id: str, redirect_to: str) -> Verification:
    """The page of a request of an agent. request_id, redirect_to: as the agent added them. Raises NotFoundError.

    The way back is refused, and the page shown all the same, where it is not at the agent's host, or nothing is confirmed.
    """
    request = _of_agent(number)
    if request_id and request_id != number:
        raise NotFoundError("This page is of another request.")
    agent = Agent.objects.filter(id=request.agent).first()
    name, host = (agent.name, agent.callback_host) if agent else ("", None)
    is_led_back = (
        agent is not None
        and agent.ended_at is None
        and request_id == number
        and request.proved_at is not None
        and drp_status.state_of(request).status in ("in_progress", "fulfilled")
        and rules.is_at(host, redirect_to)
    )
    return Verification(request, name, redirect_to if is_led_back else "")


def _of_agent(number: str) -> Request:
    request = Request.objects.filter(id=number).exclude(agent="").first()
    if request is None:
        raise NotFoundError
    return request


def mail_link(number: str, network: str, language: str) -> None:
    """Mail our link to the address of a request, if it has one and there is something to confirm or to see.

    language: of the page that was shown, and of our mails about the request from now on.
    Raises NotFoundError, ThrottledError.
    """
    throttle.take_network("request", network, most=20, window=HOUR)
    request = _of_agent(number)
    if request.no_address or not (_waits(request) or drp_status.has_results(request)):
        return
    throttle.take("request-address", request.address, most=5, window=HOUR)
    with transaction.atomic():
        request = Request.objects.select_for_update().get(id=number)
        request.language = language
        request.save(update_fields=["language"])
        if _waits(request):
            requests.mail_again(request)
        elif drp_status.has_results(request):
            requests.write(
                request,
                "requests/mails/agent_results",
                {"agent": requests.agent_name(request), "secret": requests.fresh_link(request)},
            )


def _waits(request: Request) -> bool:
    return request.closed_at is None and request.proved_at is None


def may_let_fetch(request: Request) -> bool:
    """Whether the person of a request can let its agent fetch the results: it asked for them, is still let in, and did not."""
    if request.exercise not in rules.ACCESS or request.fetched_at is not None:
        return False
    return Agent.objects.filter(id=request.agent, ended_at=None).exists()


@transaction.atomic
def let_fetch(secret: str, *, wanted: bool) -> None:
    """Let the agent fetch the results once, or no more. secret: of the guest's page. Raises InvalidError, NotFoundError."""
    request = of_page(secret)
    if not may_let_fetch(request):
        raise InvalidError("No agent can fetch anything for this request.", field="agent")
    request.agent_may_fetch_at = clock.now() if wanted else None
    request.save(update_fields=["agent_may_fetch_at"])
    events.record(ANONYMOUS, Kind.AGENT_ALLOWED if wanted else Kind.AGENT_STOPPED, request.id)
