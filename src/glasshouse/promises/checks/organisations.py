"""Checks of who belongs to a customer: SEC-02."""

from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import Role
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, NotFoundError
from glasshouse.kernel.ids import InvitationId
from glasshouse.organisations import invitations
from glasshouse.organisations.models import Invitation
from glasshouse.promises import evidence, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.probe import Grower
from glasshouse.promises.registry import check


@check("SEC-02")
def invitation() -> Finding:
    """The life of a probe invitation: the wrong account, twice, revoked, expired; and once, rightly."""
    with probe.customers(4) as (customer, right, wrong, late):
        first, second = (_invited(customer, invited.address) for invited in (right, wrong))
        steps = {
            "another address is refused": evidence.is_refused(
                lambda: invitations.accept(wrong.actor, first.secret), ForbiddenError
            ),
            "the invited one is let in": invitations.accept(right.actor, first.secret) == customer.organisation,
            "a second time is refused": evidence.is_refused(
                lambda: invitations.accept(right.actor, first.secret), NotFoundError
            ),
        }
        invitations.revoke(customer.actor, second.id)
        steps["a revoked one is refused"] = evidence.is_refused(
            lambda: invitations.accept(wrong.actor, second.secret), NotFoundError
        )
        third = _invited(customer, late.address)
        with access.organisation_transaction(customer.actor):
            Invitation.objects.filter(id=third.id).update(expires_at=clock.now())
        steps["an expired one is refused"] = evidence.is_refused(
            lambda: invitations.accept(late.actor, third.secret), NotFoundError
        )
    broken = [step for step, held in steps.items() if not held]
    return judge(
        not broken,
        f"not so: {', '.join(broken)}"
        if broken
        else f"{len(steps)} of {len(steps)} steps in the life of a probe invitation as promised",
    )


class _Invited(NamedTuple):
    """An invitation of a probe, and the secret of its mailed link."""

    id: InvitationId
    secret: str


def _invited(customer: Grower, address: str) -> _Invited:
    with access.organisation_transaction(customer.actor):
        number = invitations.invite(customer.actor, address, invitations.Offer(Role.VIEWER))
        return _Invited(number, probe.taken_link(address, "invitation"))
