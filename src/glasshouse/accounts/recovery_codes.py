"""Recovery codes: ten for an account with a second factor, shown once, each used once. Stored as keyed hashes. Source: SEC-06."""

import secrets

from glasshouse.accounts import languages
from glasshouse.accounts.models import Account, RecoveryCode
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import AccountId, KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault

CODES, CODE_LETTERS = 10, "23456789abcdefghjkmnpqrstuvwxyz"


def codes_left(account: AccountId | None) -> int:
    """How many recovery codes are unused."""
    return RecoveryCode.objects.filter(account_id=account, used_at=None).count()


def make_codes(actor: Actor) -> list[str]:
    """New recovery codes in place of the old ones, in the caller's transaction."""
    RecoveryCode.objects.filter(account_id=actor.account).delete()
    codes = ["-".join("".join(secrets.choice(CODE_LETTERS) for _ in range(4)) for _ in range(4)) for _ in range(CODES)]
    for code in codes:
        RecoveryCode.objects.create(account_id=str(actor.account), code_hash=_hash(str(actor.account), code))
    events.record(actor, Kind.CODES_MADE, str(actor.account))
    return codes


def use_code(account: Account, code: str) -> bool:
    """Whether this is an unused recovery code of the account; uses it up and tells the person by mail."""
    recovery_code = RecoveryCode.objects.filter(account=account, used_at=None, code_hash=_hash(account.id, code))
    if not recovery_code.update(used_at=clock.now()):
        return False
    mail.queue_template(
        KeyOwnerId(account.person_id),
        "second-step",
        account.person.address,
        "accounts/mails/recovery_code_used",
        {"left": codes_left(AccountId(account.id))},
        language=languages.of_person(account.person),
    )
    return True


def _hash(account: str, code: str) -> str:
    plain = "".join(letter for letter in code.lower() if letter in CODE_LETTERS)
    return vault.lookup("recovery", f"{account}:{plain}")
