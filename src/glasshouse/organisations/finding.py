"""Members by their names and addresses, which are sealed: each one is opened in memory, and no index holds them."""

from typing import NamedTuple

from glasshouse.access.api import organisation_transaction, record_access, require
from glasshouse.access.models import Membership
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import buckets, throttle
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import AccountId
from glasshouse.kernel.wanted import fitting

MOST_OPENED = 5_000  # members for one search
MOST_SHOWN = 20


class FoundMember(NamedTuple):
    """A member whose name or address fits."""

    account: str
    name: str
    address: str


class Found(NamedTuple):
    """What fits a search. total: how many fit in all; is_cut: there are more members than one search opens."""

    members: list[FoundMember]
    total: int
    is_cut: bool


def find_members(actor: Actor, search: str) -> Found:
    """The members whose name or address fits. Raises ForbiddenError, ThrottledError.

    Counted first, since it opens every name: by account, so that nobody's searches stop another's. Source: ASVS 5.0, 2.4.1.
    """
    if not search.strip():
        return Found([], 0, is_cut=False)
    throttle.take_from(buckets.of_search("search-members", actor))
    with organisation_transaction(actor):
        require(actor, Permission.MEMBER_READ)
        rows = Membership.objects.filter(organisation_id=actor.organisation).order_by("created_at")
        ids = [AccountId(account) for account in rows.values_list("account_id", flat=True)[: MOST_OPENED + 1]]
        people = accounts.people(ids[:MOST_OPENED])
        opened = [FoundMember(account, person.name, person.address) for account, person in people.items()]
        members, count = fitting(opened, search, lambda member: f"{member.name} {member.address}", MOST_SHOWN)
        record_access(actor, "members", [member.account for member in members])
    return Found(members, count, len(ids) > MOST_OPENED)
