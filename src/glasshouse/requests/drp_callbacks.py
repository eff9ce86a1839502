"""Telling agents what became of their requests, where they asked for that (Data Rights Protocol 1.0, 2.03).

Rules: a callback goes over HTTPS to the host that the officer registered, and never into our own network. Its name is resolved
once, each address is looked at, and the connection is made to one that was looked at, whatever the name says later. No proxy is
used, no redirect followed, the answer's body is not read, and all of it has a deadline.
"""

import asyncio
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

from glasshouse.kernel import networks
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.queues import api as queues
from glasshouse.requests import drp_rules as rules
from glasshouse.requests import drp_status
from glasshouse.requests.models import Agent, Request

TELLING = "rights.tell-agent"
# What `agent_told` holds once nothing is left to tell: the agent knows how it ended, or cannot be called any more.
FINAL, UNREACHABLE = "final", "unreachable"
NOTHING_LEFT = (FINAL, UNREACHABLE)
ANSWER_S, CALL_S = 10.0, 30.0  # for one step of a call; for all of it


class InsideError(GlasshouseError):
    """The host of a callback is one of our own network, so it is not called."""

    status = 403


def tell_agents() -> int:
    """Tell agents that wanted it what became of their requests; returns how many were told. For the worker."""
    rows = queues.ready(Request.objects.exclude(callback=None).exclude(agent_told__in=NOTHING_LEFT), TELLING)
    # Every one of them is looked at: those that have nothing new would fill a first batch for ever. A try is only begun for news.
    columns = ("agent_told", "outcome", "denied_for", "closed_at", "proved_at", "due_at")
    looked_at = rows.order_by("asked_at").only("id", *columns).iterator(chunk_size=2000)
    news = [request.id for request in looked_at if _line(request) != request.agent_told]
    return queues.each(TELLING, news, _tell_agent)


def _line(request: Request) -> str:
    """The state of a request in short, to tell whether there is something new."""
    status, reason = drp_status.state_of(request)
    return f"{status}:{reason}:{request.due_at:%Y%m%d}"


def _tell_agent(number: str) -> bool:
    """Tell the agent of one request, if there is something new.

    Raises httpx.HTTPError, InsideError, OSError, TimeoutError: it is told later.
    """
    request = Request.objects.get(id=number)
    line = _line(request)
    if line == request.agent_told:
        return False
    agent = Agent.objects.filter(id=request.agent, ended_at=None).first()
    if agent is None or not may_call(agent, str(request.callback)):
        # An agent that ended stays so, and so does the host that it registered.
        Request.objects.filter(id=request.id).update(agent_told=UNREACHABLE)
        return False
    call(str(request.callback), drp_status.status_of(request))
    Request.objects.filter(id=request.id).update(agent_told=FINAL if request.closed_at else line)
    return True


def may_call(agent: Agent, url: str) -> bool:
    """Whether a URL is at the host that the officer entered for the agent."""
    return rules.is_at(agent.callback_host, url)


def call(url: str, state: dict[str, str]) -> None:
    """Send a state to an agent; what it answers is not read.

    Raises httpx.HTTPError, InsideError, OSError, TimeoutError (after CALL_S in all).
    """
    # The time-out of the client is one of each step: a server that sends a byte now and then would hold the worker for ever.
    asyncio.run(asyncio.wait_for(_post(urlsplit(url), state), CALL_S))


async def _post(parts: SplitResult, state: dict[str, str]) -> None:
    import httpx  # Here: most of our processes never call an agent.

    host, port = parts.hostname or "", parts.port or 443
    address = await _outside(host, port)
    # To the address itself, so that nobody resolves the name once more; its certificate is still that of the name.
    target = httpx.URL(parts.geturl()).copy_with(host=address)
    async with (
        httpx.AsyncClient(timeout=ANSWER_S, follow_redirects=False, trust_env=False, verify=authorities()) as client,
        client.stream(
            "POST", target, json=state, headers={"Host": parts.netloc}, extensions={"sni_hostname": host}
        ) as answer,
    ):
        answer.raise_for_status()


def authorities() -> ssl.SSLContext:
    """Whose certificates of agents count."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


async def _outside(host: str, port: int) -> str:
    """The address to connect to. Raises InsideError if any address of the host is no public one, OSError if it has none."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in answers]
    if not addresses or not all(networks.is_outside(address) and not _is_own(address) for address in addresses):
        raise InsideError("The host of the callback is in our own network.")
    return addresses[0]


def _is_own(address: str) -> bool:
    """Whether it is an address of this machine, also a public one: only to such a one can a socket be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True
