"""The Data Rights Protocol. Signed messages come as text, answers go as JSON; and the pages to which an agent leads the person.

No cookie counts for the agents' own addresses, so no form token does.
"""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from glasshouse.access.pages import Audience, FormRules, Need, page
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, ThrottledError
from glasshouse.requests import drp, drp_messages, drp_person, drp_status
from glasshouse.requests.models import Agent
from glasshouse.subject import agent_results
from glasshouse.web import failures
from glasshouse.web.forms import shows_again
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of

MOST_BYTES = 64 << 10
FORBIDDEN, TRY_LATER = 403, (429, 503)


def _body(request: HttpRequest) -> bytes:
    body = request.body
    if len(body) > MOST_BYTES:
        raise ForbiddenError("The message is too long.")
    return body


def _agent(request: HttpRequest) -> Agent:
    kind, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    return drp.agent_of(token.strip() if kind.lower() == "bearer" else "")


def _refused(request: HttpRequest, error: GlasshouseError, number: str = "") -> HttpResponse:
    """An error as the protocol wants it (3.06). number: of the request that it is about, "" where it is about none."""
    if failures.is_unexpected(error):
        return failures.unexpected(request, error)
    reason = "other"
    if isinstance(error, ThrottledError):
        reason = "too_many_requests"
    elif isinstance(error, InvalidError) and error.field == "exercise":
        reason = "claim_not_covered"
    is_final = error.status not in TRY_LATER and not isinstance(error, drp_messages.RetryableError)
    body = drp_status.error_of(error.status, str(error), reason=reason, is_final=is_final, request=number)
    response = JsonResponse(body, status=error.status)
    if isinstance(error, ThrottledError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


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
        # Whoever does not pair gets no explanation (Data Rights Protocol, 2.05.1).
        return HttpResponse(status=FORBIDDEN) if error.status == FORBIDDEN else _refused(request, error)


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
        return JsonResponse(drp_status.status_of(drp.exercise(_agent(request), _body(request))))
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
    own_number = ""
    try:
        agent = _agent(request)
        privacy_request = drp.of_agent(agent, number)
        own_number = privacy_request.id
        if request.method == "DELETE":
            privacy_request = drp.revoke(agent, number, _body(request))
        return JsonResponse(drp_status.status_of(privacy_request))
    except GlasshouseError as error:
        return _refused(request, error, own_number)


# -- pages to which an agent leads the person ------------------------------------------------------------------------


def _verification_context(request: HttpRequest, number: str) -> dict[str, object]:
    return drp_person.verification(number, "", "")._asdict()


@page(
    "privacy/agent/<id:number>",
    name="verify_for_agent",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def verify_for_agent(request: HttpRequest, number: str) -> HttpResponse:
    """What the person does next for a request that an agent made; back to the agent once the address is confirmed."""
    wanted = drp_person.verification(number, request.GET.get("request_id", ""), request.GET.get("redirect_to", ""))
    if wanted.return_to:
        return HttpResponseRedirect(wanted.return_to)
    return render(request, "public/agent_verification.html", wanted._asdict())


@page(
    "privacy/agent/<id:number>/mail",
    name="mail_link_for_agent",
    form_on="verify_for_agent",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
@shows_again("public/agent_verification.html", _verification_context)
def mail_link_for_agent(request: HttpRequest, number: str) -> HttpResponse:
    """Have our link mailed to the address of a request."""
    drp_person.mail_link(number, network_of(request), readers_language(request))
    return render(request, "check_mail.html")


@page(
    "privacy/agent/<id:number>/results/<slug:signature>",
    name="agent_results",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
    translated=True,
)
def results(request: HttpRequest, number: str, signature: str) -> HttpResponseBase:
    """The results of a request: to the agent, with its token, once, if the person let it; to anybody else the way to see them."""
    if "Authorization" not in request.headers:
        privacy_request = agent_results.check_address(number, signature)
        return render(request, "public/agent_results.html", {"request_row": privacy_request})
    try:
        file = agent_results.fetch(_agent(request), number, signature)
    except GlasshouseError as error:
        return _refused(request, error)
    response = StreamingHttpResponse(file.body, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@page(
    "privacy/own/<slug:secret>/agent",
    name="let_agent_fetch",
    form_on="confirmed_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
def let_agent_fetch(request: HttpRequest, secret: str) -> HttpResponse:
    """Let the agent fetch the results, once."""
    drp_person.let_fetch(secret, wanted=True)
    return redirect("confirmed_request", secret)


@page(
    "privacy/own/<slug:secret>/agent/stop",
    name="stop_agent_fetch",
    form_on="confirmed_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
def stop_agent_fetch(request: HttpRequest, secret: str) -> HttpResponse:
    """Let the agent fetch nothing any more."""
    drp_person.let_fetch(secret, wanted=False)
    return redirect("confirmed_request", secret)
