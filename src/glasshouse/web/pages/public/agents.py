"""The Data Rights Protocol. Signed messages come as text, answers go as JSON.

No cookie counts here, so no form token does.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError
from glasshouse.requests import drp
from glasshouse.requests.models import Agent
from glasshouse.web import failures

MOST_BYTES = 64 << 10


def _body(request: HttpRequest) -> bytes:
    body = request.body
    if len(body) > MOST_BYTES:
        raise ForbiddenError("The message is too long.")
    return body


def _agent(request: HttpRequest) -> Agent:
    kind, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    return drp.agent_of(token if kind.lower() == "bearer" else "")


def _refused(request: HttpRequest, error: GlasshouseError) -> HttpResponse:
    if failures.is_unexpected(error):
        return failures.unexpected(request, error)
    # A refused signature or token gets no explanation (Data Rights Protocol, 2.05.1).
    if error.status == 403:
        return HttpResponse(status=403)
    return JsonResponse({"status": "denied", "processing_details": str(error)}, status=error.status)


@page(
    "v1/agent/<slug:agent>",
    name="drp_agent",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    form=FormRules(programs=True),
)
def agent(request: HttpRequest, agent: str) -> HttpResponse:
    """A new token for a signed message; whether a token still counts."""
    try:
        if request.method == "POST":
            return JsonResponse({"agent-id": agent, "token": drp.pair(agent, _body(request))})
        if _agent(request).agent_id != agent:
            raise ForbiddenError
        return JsonResponse({})
    except GlasshouseError as error:
        return _refused(request, error)


@page(
    "v1/data-rights-request",
    name="drp_exercise",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(programs=True),
)
@page(
    "v1/data-rights-request/",
    name="drp_exercise_slash",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    form=FormRules(programs=True),
)
def exercise(request: HttpRequest) -> HttpResponse:
    """A request in a person's name."""
    try:
        return JsonResponse(drp.status_of(drp.exercise(_agent(request), _body(request))))
    except GlasshouseError as error:
        return _refused(request, error)


@page(
    "v1/data-rights-request/<slug:number>",
    name="drp_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "DELETE"),
    form=FormRules(programs=True),
)
def agent_request(request: HttpRequest, number: str) -> HttpResponse:
    """The state of a request; withdrawing it."""
    try:
        agent = _agent(request)
        if request.method == "DELETE":
            return JsonResponse(drp.status_of(drp.revoke(agent, number, _body(request))))
        return JsonResponse(drp.status_of(drp.of_agent(agent, number)))
    except GlasshouseError as error:
        return _refused(request, error)
