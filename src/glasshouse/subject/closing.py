"""Verbs of closing an organisation, with everything that is its own. Source: PRI-24."""

from collections.abc import Callable

from glasshouse.access import api as access
from glasshouse.access.models import Organisation
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import STORAGE, own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.ledger import api as ledger
from glasshouse.queues import progress
from glasshouse.retention import legal_holds, waiting
from glasshouse.retention.legal_holds import HeldError
from glasshouse.retention.models import HoldOn
from glasshouse.rowsecurity.policies import customer_models, is_append_only
from glasshouse.subject.inventory import held_models
from glasshouse.vault.fields import key_owner_column
from glasshouse.vault.keys.kinds import LineKind


def close(actor: Actor, name: str) -> bool:
    """Close the actor's organisation, whose name must be written as it is; whether it is closed now.

    Under a legal hold it is noted, and done when the hold ends (`subject.waiting`).
    Raises InvalidError, ForbiddenError, ReauthenticationError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.ORGANISATION_CLOSE)
        accounts.require_reauthentication(actor)
        if name.strip() != access.organisation_of(actor).name:
            raise InvalidError("Write the organisation's name exactly as it is.", field="name")
    if legal_holds.on_organisation(str(actor.organisation)):
        waiting.enter(actor, HoldOn.ORGANISATION, str(actor.organisation))
        return False
    close_organisation(OrganisationId(str(actor.organisation)))
    return True


def withdraw(actor: Actor) -> None:
    """Have the actor's organisation not be closed when the hold ends. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.ORGANISATION_CLOSE)
        waiting.withdraw(actor, str(actor.organisation))


def close_organisation(organisation: OrganisationId, forget_readings: Callable[[str], None] | None = None) -> None:
    """Delete an organisation with everything that is its own, readings included, and destroy its key. Safe to repeat.

    forget_readings: as `greenhouse.forget` takes it. The ledger has its line before a row goes.
    Raises HeldError where a legal hold keeps something of it.
    """
    if legal_holds.on_organisation(organisation):
        raise HeldError
    job = JOB.for_organisation(organisation)
    # All of it ends, also an invitation to a person whose data is restricted.
    with own(STORAGE), access.organisation_transaction(job):
        greenhouse.forget(job, forget_readings)
        # Only now: where the crop plane does not answer, nothing is closed, at no later start either.
        ledger.enter(LineKind.CLOSING, organisation)
        for model in customer_models():
            progress.report()
            if model is not Organisation and not is_append_only(model):
                model._default_manager.filter(organisation_id=organisation).delete()
        Organisation.objects.filter(id=organisation).delete()
        # What its key seals beside its own rows, such as the reason of a legal hold that ended.
        for model in held_models():
            model._default_manager.filter(**{key_owner_column(model): organisation}).delete()
        events.record(job, Kind.ORGANISATION_CLOSED, organisation)
    ledger.destroy_keys([organisation], LineKind.CLOSING)
