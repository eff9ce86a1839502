"""Names of members, roles and invitations by their ids, for lists that hold ids only, such as the activity log."""

from collections.abc import Collection

from glasshouse.access.api import organisation_transaction, record_access, recorded_elsewhere, rights_of
from glasshouse.access.models import CustomRole, Membership
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import AccountId, KeyOwnerId
from glasshouse.kernel.pieces import CHOICES
from glasshouse.organisations.members import people_of
from glasshouse.organisations.models import AccessRequest, Invitation
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable


def names_of(actor: Actor, ids: Collection[str]) -> dict[str, str]:
    """Names of those of some ids that are people, roles and invitations, as far as the actor may see them.

    A request for access has the name of who asked, an invitation its address. Raises NotFoundError.
    """
    with organisation_transaction(actor):
        permissions = rights_of(actor).permissions
        recorded_elsewhere(actor)  # As the list whose ids these are.
        names = {
            role.id: str(role.name)
            for role in CustomRole.objects.filter(organisation_id=actor.organisation, id__in=ids)
        }
        if Permission.MEMBER_READ in permissions:
            names |= _people(actor, ids)
        if Permission.MEMBER_INVITE in permissions:
            invitations = Invitation.objects.filter(organisation_id=actor.organisation, id__in=ids)
            names |= {invitation.id: str(invitation.address) for invitation in readable(invitations)}
        return names


def _people(actor: Actor, ids: Collection[str]) -> dict[str, str]:
    requests = AccessRequest.objects.filter(organisation_id=actor.organisation, id__in=ids)
    asked_by = dict(requests.values_list("id", "account_id"))
    accounts = sorted({*ids, *asked_by.values()})
    people = people_of(actor, [AccountId(account) for account in accounts])
    vault.open_keys({KeyOwnerId(person.id) for person in people.values()})
    shown = {account: str(people[account].name) for account in accounts if account in people}
    if shown:
        record_access(actor, "members", sorted(shown))
    return shown | {request: shown[account] for request, account in asked_by.items() if account in shown}


def member_names(actor: Actor) -> dict[str, str]:
    """Names of the members by account, in the order of the alphabet, CHOICES of them; none where the actor may not see them.

    Raises NotFoundError.
    """
    with organisation_transaction(actor):
        recorded_elsewhere(actor)  # Where it reads names, they go on record as such.
        if Permission.MEMBER_READ not in rights_of(actor).permissions:
            return {}
        rows = Membership.objects.filter(organisation_id=actor.organisation).order_by("created_at")
        accounts = list(rows.values_list("account_id", flat=True)[:CHOICES])
        names = _people(actor, accounts)
    return dict(sorted(names.items(), key=lambda named: named[1].casefold()))
