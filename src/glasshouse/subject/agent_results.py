"""The results of a request that an authorised agent made: handed to the agent once, if the person let it fetch them.

Rules: the agent shows the address of the results, which is signed and ends, and its own token; the person, who confirmed the
address by our link, has let this agent fetch this once, and is told when it does. Whoever has an account signs in: nothing of an
account is handed to an agent. Source: Data Rights Protocol 1.0, 3.02; PRI-22; GDPR Art. 12(6).
"""

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.requests import api as requests
from glasshouse.requests import drp, drp_status
from glasshouse.requests.models import Agent, Request
from glasshouse.subject import guests
from glasshouse.subject.exports import ExportFile


def check_address(number: str, signature: str) -> Request:
    """The request whose results an address shows. Raises NotFoundError where it was altered, or has ended."""
    request = Request.objects.filter(id=number).exclude(agent="").first()
    if request is None or not drp_status.is_signed(request, signature):
        raise NotFoundError("There are no results here, or not any more.")
    return request


def fetch(agent: Agent, number: str, signature: str) -> ExportFile:
    """An export for the agent that asked, once. Raises ForbiddenError, NotFoundError."""
    drp.of_agent(agent, number)
    check_address(number, signature)
    with transaction.atomic():
        request = Request.objects.select_for_update().get(id=number)
        is_allowed = request.agent_may_fetch_at is not None and request.fetched_at is None
        if not is_allowed or accounts.address_known(request.address):
            raise ForbiddenError("The person has not let you fetch this, or you have fetched it: lead them there.")
        request.fetched_at = clock.now()
        request.save(update_fields=["fetched_at"])
        requests.write(request, "subject/mails/agent_fetched", {"agent": agent.name})
        events.record(ANONYMOUS, Kind.AGENT_FETCHED, request.id)
    return guests.export_of(request)
