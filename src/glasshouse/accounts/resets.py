"""Verbs of a lost device: an administrator's reset of somebody's second factor.

It waits RESET_DELAY, is told to the person at once, and can be stopped by the link in that mail: whoever has taken over an
administrator's account, or talked one into it, does not get past the second factor unseen. Source: SEC-06.
"""

from datetime import timedelta

from django.db import transaction

from glasshouse.accounts import credentials, languages
from glasshouse.accounts.models import Account, FactorReset, RecoveryCode, SecondFactor
from glasshouse.accounts.own import own
from glasshouse.accounts.rules import SECRET_MOST
from glasshouse.accounts.second_factor import has_second_factor
from glasshouse.accounts.sessions import digest
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, new_token
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues

RESET_DELAY = timedelta(hours=48)


def ask_reset(actor: Actor, account: AccountId) -> None:
    """Remove somebody's second factor after RESET_DELAY, told to the person, who may stop it. In the caller's transaction.

    That the actor may ask is checked one layer up, where the transaction is begun in `own`: a restricted person is warned, too.
    """
    target = Account.objects.filter(id=account).first()
    if target is None or not has_second_factor(account):
        raise NotFoundError("This person has no two-step verification.")
    if FactorReset.objects.filter(account=target).exists():
        raise InvalidError("A reset is under way already.", field="account")
    secret = new_token()
    due = clock.now() + RESET_DELAY
    FactorReset.objects.create(
        account=target, asked_by=actor.id, stop_hash=digest(secret), due_at=due, created_at=clock.now()
    )
    mail.queue_template(
        KeyOwnerId(target.person_id),
        "second-step",
        target.person.address,
        "accounts/mails/factor_reset_asked",
        {"due_at": due, "secret": secret},
        language=languages.of_person(target.person),
    )
    events.record(actor, Kind.SECOND_FACTOR_RESET_ASKED, account)


@transaction.atomic
def stop_reset(secret: str) -> None:
    """Stop a reset by the mailed link. Raises NotFoundError."""
    reset = FactorReset.objects.filter(stop_hash=digest(secret)).first() if len(secret) <= SECRET_MOST else None
    if reset is None:
        raise NotFoundError("This link is used up, or the reset has happened.")
    account = reset.account_id
    reset.delete()
    events.record(ANONYMOUS, Kind.SECOND_FACTOR_RESET_STOPPED, account)


def finish_resets() -> int:
    """Carry out the resets that are due; returns how many. For the worker."""
    due = queues.ready(FactorReset.objects.filter(due_at__lte=clock.now()), "accounts.reset").order_by("due_at")
    return queues.each("accounts.reset", [str(key) for key in due.values_list("pk", flat=True)[:100]], _finish_reset)


def _person_of(number: str) -> str | None:
    return FactorReset.objects.filter(pk=number).values_list("account__person_id", flat=True).first()


def _finish_reset(number: str) -> bool:
    with own(_person_of(number)), transaction.atomic():  # A restricted person is told, too.
        reset = (
            FactorReset.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("account")
            .filter(pk=number)
            .first()
        )
        if reset is None:
            return False
        account = reset.account
        SecondFactor.objects.filter(account=account).delete()
        RecoveryCode.objects.filter(account=account).delete()
        reset.delete()
        credentials.changed(ANONYMOUS, account, end_tokens=True)
        person = account.person
        mail.queue_template(
            KeyOwnerId(person.id),
            "second-step",
            person.address,
            "accounts/mails/factor_reset",
            {},
            language=languages.of_person(person),
        )
        events.record(ANONYMOUS, Kind.SECOND_FACTOR_REMOVED, account.id)
    return True
