"""Verbs of an organisation's own rules: who must have a second factor, from when on."""

from datetime import datetime

from glasshouse.access.api import organisation_of, organisation_transaction, require, role_of
from glasshouse.access.models import Organisation
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError


def set_second_factor_rule(actor: Actor, roles: list[str] | None, begins: datetime | None = None) -> None:
    """Require a second factor of some roles (empty: of all; None: of nobody) from a moment on (None: now).

    Whoever requires it must have one, or they would shut themselves out.

    Raises InvalidError, ForbiddenError, ReauthenticationError.
    """
    with organisation_transaction(actor):
        require(actor, Permission.SETTINGS_CHANGE)
        accounts.require_reauthentication(actor)
        if roles is not None and not second_factor.has_second_factor(actor.account):
            raise InvalidError(
                "Set up your own two-step verification first; without it you would be locked out.", field="roles"
            )
        for role in roles or []:
            role_of(str(actor.organisation), role)
        start = None if roles is None else begins or clock.now()
        Organisation.objects.filter(id=actor.organisation).update(second_factor_roles=roles, second_factor_from=start)
        events.record(
            actor, Kind.SECOND_FACTOR_REQUIRED, str(actor.organisation), roles=-1 if roles is None else len(roles)
        )


def settings_of(actor: Actor) -> Organisation:
    """The organisation with its rules. Raises ForbiddenError."""
    with organisation_transaction(actor):
        require(actor, Permission.SETTINGS_CHANGE)
        return organisation_of(actor)
