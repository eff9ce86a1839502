"""The privacy officer's correction of what a request asks for and of where its person lives; the deadline follows.

Counted from the day of asking, as if it had been right from the start. It stands in the chain of events and in the thread;
of a later day the person is told by mail. What must be proved before something is told does not change.

Source: PRI-28; GDPR Art. 12.
"""

from datetime import datetime

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests
from glasshouse.requests import legal_deadlines
from glasshouse.requests.models import Request, RequestKind


@transaction.atomic
def correct_classification(actor: Actor, number: RequestId, kind: str, region: str) -> datetime:
    """Set the kind and the region of an open request; returns its new deadline. An extension stays where the law knows one.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    request = Request.objects.select_for_update().filter(id=number, closed_at=None).first()
    if request is None:
        raise NotFoundError
    if kind not in RequestKind.values or region not in legal_deadlines.REGIONS:
        raise InvalidError("Choose the kind and the region from the lists.", field="kind")
    if (kind, region) == (request.kind, request.region):
        raise InvalidError("This is how it is classified already.", field="kind")
    was_kind, was_region, was_due_at = request.kind, request.region, request.due_at
    law = _classify(request, kind, region)
    requests.write(
        request,
        "requests/mails/classified",
        {"kind": kind, "law": law.title, "due_at": request.due_at, "was_due_at": was_due_at},
        by_hand=True,
        only_stored=request.due_at <= was_due_at,
    )
    events.record(
        actor,
        Kind.REQUEST_CLASSIFIED,
        request.id,
        new_kind=kind,
        new_region=region,
        was_kind=was_kind,
        was_region=was_region,
        later=request.due_at > was_due_at,
    )
    return request.due_at


def _classify(request: Request, kind: str, region: str) -> legal_deadlines.Law:
    """Store another kind and region with the deadline that follows; returns the law that applies."""
    law = legal_deadlines.LAWS[legal_deadlines.REGIONS[region][1]]
    is_extended = request.extended_at is not None and legal_deadlines.may_extend(law, kind)
    request.kind, request.region, request.law = kind, region, law.id
    request.due_at = legal_deadlines.due(law, request.asked_at, kind, extended=is_extended)
    request.acknowledge_by = legal_deadlines.acknowledge_by(law, request.asked_at)
    request.escalated = 0  # Who is reminded, and when, is another question now.
    if not is_extended:
        request.extended_at = None
    request.save(update_fields=["kind", "region", "law", "due_at", "acknowledge_by", "escalated", "extended_at"])
    return law
