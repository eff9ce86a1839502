"""Checks of the egress and its recipients: PRI-15."""

from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import F, Q

from glasshouse.disclosures.api import REQUIRED
from glasshouse.disclosures.models import Disclosure, Recipient
from glasshouse.kernel import clock, gate
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail import api as mail
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.vault.envelope import EMPTY_BYTES
from glasshouse.vault.fields import unreadable


@check("PRI-15")
def recipients() -> Finding:
    """The gate lets out what the register covers and nothing else, the database the same; nothing went to nobody."""
    wrong, key_owner = [], KeyOwnerId(new_id())
    uncovered = gate.Egress("probe", key_owner, frozenset({"user.name"}))
    try:
        with transaction.atomic():
            gate.leave(uncovered)
        wrong.append("the gate let a probe out by a road that nobody registered")
    except gate.UncoveredError:
        pass
    if _written(key_owner):
        wrong.append("the database took a disclosure to a recipient that is not live")
    outside_time = Disclosure.objects.filter(
        Q(first_at__lt=F("recipient__active_from")) | Q(last_at__gt=F("recipient__ended_at"))
    ).count()
    if outside_time:
        wrong.append(f"{outside_time} disclosures outside their recipient's time")
    if held := mail.refused():
        wrong.append(f"{held} mails wait at the gate")
    count, live = Disclosure.objects.count(), Recipient.objects.filter(ended_at=None).count()
    return judge(
        not wrong,
        "; ".join(wrong) or f"{count} disclosures, each to one of {live} registered recipients; a probe stayed in",
    )


def _written(key_owner: KeyOwnerId) -> bool:
    """Whether the database accepts a disclosure to a recipient that is only announced. The row is rolled back."""
    now = clock.now()
    try:
        with transaction.atomic():
            coming = Recipient.objects.create(
                kind="other",
                **dict.fromkeys(REQUIRED, unreadable(EMPTY_BYTES + 1)),
                fields=["user.name"],
                written_by=new_id(),
                announced_at=now,
                active_from=now + timedelta(days=30),
            )
            with transaction.atomic():
                Disclosure.objects.create(key_owner=key_owner, recipient=coming, first_at=now, last_at=now)
            transaction.set_rollback(True)
            return True
    except DatabaseError:
        return False
