"""Checks of legal requests: PRI-16."""

from collections.abc import Iterator
from datetime import timedelta

from glasshouse.authorities.models import Demand
from glasshouse.kernel import clock
from glasshouse.promises.findings import Finding, judge, nothing_to_check
from glasshouse.promises.registry import check


@check("PRI-16")
def legal_requests() -> Finding:
    """Each answered demand has two reviews by two people, no more than was asked, its person told or barred."""
    closed = list(Demand.objects.exclude(outcome=""))
    wrong = [flaw for demand in closed for flaw in _flaws(demand)]
    if late := Demand.objects.filter(outcome="", due_at__lt=clock.now()).count():
        wrong.append(f"{late} legal requests are late")
    if not closed and not wrong:
        return nothing_to_check("0 legal requests closed so far")
    figure = f"{len(closed)} legal requests closed, each with two reviews, outcome and notice"
    return judge(not wrong, "; ".join(wrong[:3]) or figure)


def _flaws(demand: Demand) -> Iterator[str]:
    answered = demand.outcome == "answered"
    if not demand.first_by or not demand.second_by or demand.first_by == demand.second_by:
        yield f"{demand.id} lacks a second reviewer"
    if answered and not set(demand.narrowed) <= set(demand.asked):
        yield f"{demand.id} gave more than was asked"
    yesterday = clock.now().date() - timedelta(days=1)
    barred = demand.barred_until is not None and demand.barred_until >= yesterday
    if answered and not barred and demand.told_at is None and demand.untellable_at is None:
        yield f"{demand.id}: the person was not told"
