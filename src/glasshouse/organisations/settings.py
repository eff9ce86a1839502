"""Verbs of an organisation's own rules: who must have a second step, from when on."""

from datetime import datetime

from glasshouse.access.api import acting, organisation_of, require, role_of
from glasshouse.access.models import Organisation
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_step
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError


def set_step_rule(actor: Actor, roles: list[str] | None, begins: datetime | None = None) -> None:
    """Require a second step of some roles (empty: of all; None: of nobody) from a moment on (None: now).

    Whoever requires it must have one, or they would shut themselves out. Raises InvalidError, ForbiddenError, FreshProofError.
    """
    with acting(actor):
        require(actor, Permission.SETTINGS_CHANGE)
        accounts.require_fresh(actor)
        if roles is not None and not second_step.has_step(actor.account):
            raise InvalidError("Set up your own second step first; you would shut yourself out.", field="roles")
        for role in roles or []:
            role_of(str(actor.organisation), role)
        start = None if roles is None else begins or clock.now()
        Organisation.objects.filter(id=actor.organisation).update(step_roles=roles, step_from=start)
        events.record(actor, Kind.STEP_REQUIRED, str(actor.organisation), roles=-1 if roles is None else len(roles))


def settings_of(actor: Actor) -> Organisation:
    """The organisation with its rules. Raises ForbiddenError."""
    with acting(actor):
        require(actor, Permission.SETTINGS_CHANGE)
        return organisation_of(actor)
