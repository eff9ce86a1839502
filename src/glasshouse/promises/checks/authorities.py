"""Checks of legal requests: PRI-16."""

from collections.abc import Iterator
from datetime import timedelta

from glasshouse.authorities.models import LegalRequest
from glasshouse.kernel import clock
from glasshouse.promises.findings import Finding, judge, nothing_to_check
from glasshouse.promises.registry import check


@check("PRI-16")
def legal_requests() -> Finding:
    """Each answered legal request has reviews by two people, no more than was asked for, and notice to its person or a bar."""
    closed = list(LegalRequest.objects.exclude(outcome=""))
    wrong = [flaw for legal_request in closed for flaw in _flaws(legal_request)]
    if late := LegalRequest.objects.filter(outcome="", due_at__lt=clock.now()).count():
        wrong.append(f"{late} legal requests are late")
    if not closed and not wrong:
        return nothing_to_check("0 legal requests closed so far")
    figure = f"{len(closed)} legal requests closed, each with two reviews, outcome and notice"
    return judge(not wrong, "; ".join(wrong[:3]) or figure)


def _flaws(legal_request: LegalRequest) -> Iterator[str]:
    answered = legal_request.outcome == "answered"
    if not legal_request.first_by or not legal_request.second_by or legal_request.first_by == legal_request.second_by:
        yield f"{legal_request.id} lacks a second reviewer"
    if answered and not set(legal_request.narrowed) <= set(legal_request.asked):
        yield f"{legal_request.id} gave more than was asked"
    yesterday = clock.now().date() - timedelta(days=1)
    barred = legal_request.barred_until is not None and legal_request.barred_until >= yesterday
    if answered and not barred and legal_request.told_at is None and legal_request.untellable_at is None:
        yield f"{legal_request.id}: the person was not told"
