"""What an agent is told of a request: its status, by the Data Rights Protocol 1.0, and where the person finds the results.

Rules: an agent learns of no account, and nothing of what is held. The address of the results is signed and ends; what it shows,
and to whom, is decided there (`subject/agent_results.py`). Source: Data Rights Protocol 1.0, 3.02, 3.03, 3.08.
"""

import hmac
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string

from glasshouse.kernel import clock
from glasshouse.requests import api as requests
from glasshouse.requests import drp_rules as rules
from glasshouse.requests.drp_rules import ProtocolState
from glasshouse.requests.models import Request
from glasshouse.vault import api as vault


def state_of(request: Request) -> ProtocolState:
    """The state of a request, from columns that are not sealed."""
    standing = rules.Standing(request.outcome, request.denied_for, request.proved_at is not None, request.closed_at)
    return rules.state_of(standing, clock.now())


def status_of(request: Request) -> dict[str, str]:
    """The answer to an agent about a request, as JSON values. Source: Data Rights Protocol, 3.02, 3.03."""
    status, reason = state_of(request)
    answer = {
        "request_id": request.id,
        "received_at": request.asked_at.isoformat(),
        "expected_by": request.due_at.isoformat(),
        "status": status,
    }
    if request.agent_request:
        answer["agent_request_id"] = request.agent_request
    if reason:
        answer["reason"] = reason
    if reason == "need_user_verification":
        answer["user_verification_url"] = f"{settings.ORIGIN}/privacy/agent/{request.id}"
    if ends_at := _expires_at(request, status, reason):
        answer["expires_at"] = ends_at.isoformat()
    if has_results(request):
        answer["results_url"] = results_url(request)
    if details := _details(request, status, reason):
        answer["processing_details"] = details
    return answer


def _expires_at(request: Request, status: str, reason: str) -> datetime | None:
    if reason == "need_user_verification":
        return request.due_at if request.no_address else request.asked_at + requests.CONFIRM_WITHIN
    if status in ("fulfilled", "expired") and request.closed_at is not None:
        return request.closed_at + rules.RESULTS_OPEN
    return None


def _details(request: Request, status: str, reason: str) -> str:
    detail = ""
    if reason == "need_user_verification":
        detail = "no_address" if request.no_address else reason
    elif status == "denied":
        detail = "insuf_verification" if request.outcome == "unproved" else "denied"
    elif status == "in_progress" and request.extended_at is not None:
        detail = "extended"
    elif has_results(request):
        detail = "results"
    return render_to_string("requests/agent_details.txt", {"detail": detail}).strip() if detail else ""


# -- results ---------------------------------------------------------------------------------------------------------


def has_results(request: Request) -> bool:
    """Whether the person may now see what an agent asked to see for them: it is answered, and they confirmed their address."""
    is_answered = request.proved_at is not None and request.outcome == "answered"
    return is_answered and request.exercise in rules.ACCESS and state_of(request).status == "fulfilled"


def results_url(request: Request) -> str:
    """Where the results are. It cannot be guessed from the request's number, and ends with the results."""
    return f"{settings.ORIGIN}/privacy/agent/{request.id}/results/{_signature(request)}"


def is_signed(request: Request, signature: str) -> bool:
    """Whether a signature is that of the address of the request's results, and they can still be seen."""
    return has_results(request) and hmac.compare_digest(_signature(request).encode(), signature.encode())


def _signature(request: Request) -> str:
    closed_at = request.closed_at.isoformat() if request.closed_at else ""
    return vault.lookup("agent-results", f"{request.agent}:{request.id}:{closed_at}")


# -- errors ----------------------------------------------------------------------------------------------------------


def error_of(
    status: int, message: str, *, reason: str = "other", is_final: bool = True, request: str = ""
) -> dict[str, object]:
    """The body of an error. is_final: the same message is never taken. request: the id of the one that it is about.

    Source: Data Rights Protocol, 3.06.
    """
    body: dict[str, object] = {"code": str(status), "message": message, "reason": reason}
    if is_final:
        body["fatal"] = True
    return body | ({"request_id": request} if request else {})
