"""Verbs of the second factor: an authenticator app, a code by text message, a passkey, recovery codes.

Rules:

1. A code counts once: the row is changed only where it was not used yet, so that two requests at once cannot both win.
2. Guessing is counted, before the code is looked at: `buckets.py`.
3. A recovery path never leads past the second factor: a reset of the password leaves it in force, and so does an
   administrator's reset for two days (resets.py).
4. The first factor set up gives ten recovery codes, shown once.

Source: SEC-06; RFC 6238; NIST SP 800-63B, 5.1 and 5.2; WebAuthn Level 3, 7.1 and 7.2.
"""

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext

from glasshouse.accounts import buckets, credentials, languages, passkeys, sessions, texts, throttle, totp
from glasshouse.accounts.models import Account, FactorKind, Person, RecoveryCode, SecondFactor
from glasshouse.accounts.own import own
from glasshouse.accounts.recovery_codes import codes_left, make_codes, use_code
from glasshouse.accounts.rules import CODE_MOST, Visit, plain_name
from glasshouse.accounts.sessions import (
    SignedIn,
    finish_pending,
    pending_account,
    require_reauthentication,
)
from glasshouse.accounts.sessions import trust as trust_browser
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, FactorId, KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault

TEXT_LIFE = timedelta(minutes=10)
UNCONFIRMED_LIFE = timedelta(minutes=30)
WRONG = "This code is wrong, used up or too old. Look at the newest one and try again."


@dataclass(frozen=True, slots=True)
class FactorSetup:
    """What a person needs to set up a second factor.

    key: base32 in groups of four; uri: otpauth, for a QR code; number: masked, where a code was sent.
    """

    id: FactorId
    key: str = ""
    uri: str = ""
    number: str = ""


class FactorInSetup(NamedTuple):
    """A second factor that is not confirmed yet, and what the person needs for that."""

    factor: SecondFactor
    setup: FactorSetup


def factors_of(account: AccountId | None) -> list[SecondFactor]:
    """The confirmed second factors of an account."""
    return list(SecondFactor.objects.filter(account_id=account).exclude(confirmed_at=None).order_by("created_at"))


def has_second_factor(account: AccountId | None) -> bool:
    """Whether the account needs, and can do, a second factor."""
    return SecondFactor.objects.filter(account_id=account).exclude(confirmed_at=None).exists()


def having_second_factor(accounts: list[AccountId]) -> set[str]:
    """Those of the accounts that have a second factor; with one query."""
    confirmed = SecondFactor.objects.filter(account_id__in=accounts).exclude(confirmed_at=None)
    return set(confirmed.values_list("account_id", flat=True))


# -- setting up ----------------------------------------------------------------------------------------------------


def _new(actor: Actor, kind: FactorKind, name: str, secret: object) -> SecondFactor:
    require_reauthentication(actor)
    SecondFactor.objects.filter(account_id=actor.account, confirmed_at=None).delete()
    return SecondFactor.objects.create(
        account_id=str(actor.account),
        key_owner=str(actor.person),
        kind=kind,
        name=plain_name(name, field="name", most=60),
        secret=secret,
        created_at=clock.now(),
    )


@transaction.atomic
def begin_app(actor: Actor, name: str = "Authenticator app") -> FactorSetup:
    """Begin to set up an authenticator app: SHA-1, 30 s, 6 digits, as the apps expect.

    Raises ReauthenticationError, InvalidError.
    """
    seed = secrets.token_bytes(20)
    factor = _new(actor, FactorKind.APP, name, {"seed": base64.b32encode(seed).decode()})
    return _app_setup(actor, factor)


def _app_setup(actor: Actor, factor: SecondFactor) -> FactorSetup:
    key = factor.secret["seed"]
    label = quote(f"Glasshouse:{Person.objects.get(id=actor.person).address}")
    query = urlencode({"secret": key, "issuer": "Glasshouse", "algorithm": "SHA1", "digits": 6, "period": totp.STEP_S})
    groups = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
    return FactorSetup(FactorId(factor.id), key=groups, uri=f"otpauth://totp/{label}?{query}")


def begin_text(actor: Actor, number: str) -> FactorSetup:
    """Begin to set up codes by text message, and send the first one.

    Raises ReauthenticationError, InvalidError, ThrottledError.
    """
    require_reauthentication(actor)
    normal = texts.normal_number(number)
    texts.count(str(actor.account), normal)
    with transaction.atomic():
        factor = _new(actor, FactorKind.TEXT, f"Phone {texts.masked(normal)}", {"number": normal})
        _send_code(factor)
    return FactorSetup(FactorId(factor.id), number=texts.masked(normal))


def factor_in_setup(actor: Actor) -> FactorInSetup | None:
    """The second factor that the actor is setting up, to be shown again; None if there is none."""
    factor = SecondFactor.objects.filter(
        account_id=actor.account, confirmed_at=None, created_at__gt=clock.now() - UNCONFIRMED_LIFE
    ).first()
    if factor is None:
        return None
    if factor.kind == FactorKind.APP:
        return FactorInSetup(factor, _app_setup(actor, factor))
    number = texts.masked(factor.secret["number"])
    return FactorInSetup(factor, FactorSetup(FactorId(factor.id), number=number))


def confirm(actor: Actor, factor_id: FactorId, code: str) -> list[str]:
    """Confirm a second factor with its first code; returns recovery codes if they are new.

    Raises InvalidError, ReauthenticationError.
    """
    require_reauthentication(actor)
    with throttle.unless_good(*buckets.of_own_code(actor)), transaction.atomic():
        return _confirm(actor, factor_id, code)


def _confirm(actor: Actor, factor_id: FactorId, code: str) -> list[str]:
    factor = (
        SecondFactor.objects.select_for_update()
        .filter(id=factor_id, account_id=actor.account, confirmed_at=None)
        .first()
    )
    if factor is None or factor.created_at < clock.now() - UNCONFIRMED_LIFE:
        raise NotFoundError("Setting up took too long. Please begin anew.")
    if not _code_counts(factor, code):
        raise InvalidError(WRONG, field="code")
    return _confirmed(actor, factor)


def _confirmed(actor: Actor, factor: SecondFactor) -> list[str]:
    is_first = not has_second_factor(actor.account)
    factor.confirmed_at = clock.now()
    factor.save(update_fields=["confirmed_at"])
    credentials.changed(actor, factor.account, keep=actor.session)
    events.record(actor, Kind.SECOND_FACTOR_ADDED, factor.id, way=factor.kind)
    _tell(actor, mail.draft("accounts/mails/factor_added", {"factor": factor.name}, language=languages.of_actor(actor)))
    return make_codes(actor) if is_first or not codes_left(actor.account) else []


def begin_passkey(actor: Actor) -> str:
    """Options for the browser to make a passkey, as JSON. Raises ReauthenticationError, ThrottledError."""
    require_reauthentication(actor)
    throttle.take("passkey-make", actor.id, most=30, window=timedelta(hours=1))
    person = Person.objects.get(id=actor.person)
    credential_ids = [
        factor.secret["credential"] for factor in factors_of(actor.account) if factor.kind == FactorKind.PASSKEY
    ]
    return passkeys.registration_options(str(actor.account), person.address, person.name, credential_ids)


@transaction.atomic
def finish_passkey(actor: Actor, answer: str, name: str) -> list[str]:
    """Keep the passkey that the browser made; returns recovery codes if they are new.

    Raises InvalidError, ReauthenticationError.
    """
    passkey = passkeys.registered(str(actor.account), answer)
    factor = _new(actor, FactorKind.PASSKEY, name or "Passkey", {"credential": passkey.credential, "key": passkey.key})
    factor.lookup, factor.last_turn = vault.lookup("passkey", passkey.credential), passkey.count
    factor.save(update_fields=["lookup", "last_turn"])
    return _confirmed(actor, factor)


@transaction.atomic
def remove(actor: Actor, factor_id: FactorId) -> None:
    """Remove a second factor. Raises NotFoundError, ReauthenticationError."""
    require_reauthentication(actor)
    factor = SecondFactor.objects.filter(id=factor_id, account_id=actor.account).exclude(confirmed_at=None).first()
    if factor is None:
        raise NotFoundError
    name, account = factor.name, factor.account
    factor.delete()
    if not has_second_factor(actor.account):
        RecoveryCode.objects.filter(account_id=actor.account).delete()
    credentials.changed(actor, account, keep=actor.session)
    events.record(actor, Kind.SECOND_FACTOR_REMOVED, factor_id)
    _tell(actor, mail.draft("accounts/mails/factor_removed", {"factor": name}, language=languages.of_actor(actor)))


@transaction.atomic
def new_codes(actor: Actor) -> list[str]:
    """Ten new recovery codes, shown this once; the old ones end. Raises ReauthenticationError."""
    require_reauthentication(actor)
    credentials.changed(actor, Account.objects.get(id=actor.account), end_sessions=False)
    return make_codes(actor)


def _tell(actor: Actor, news: mail.Draft) -> None:
    person = Person.objects.get(id=actor.person)
    mail.queue_draft(KeyOwnerId(person.id), "second-step", person.address, news)


# -- doing it ------------------------------------------------------------------------------------------------------


def _code_counts(factor: SecondFactor, code: str) -> bool:
    """Whether the code is right and was not used; uses it up."""
    digits = "".join(code.split()) if len(code) <= CODE_MOST else ""
    if factor.kind == FactorKind.TEXT:
        live_code = SecondFactor.objects.filter(
            id=factor.id, code_hash=_text_hash(factor, digits), code_until__gt=clock.now()
        )
        return bool(digits) and bool(live_code.update(code_hash="", code_until=None, used_at=clock.now()))
    if factor.kind != FactorKind.APP:
        return False
    time_step = totp.time_step_of(factor.secret["seed"], digits, clock.now().timestamp())
    if time_step is None:
        return False
    unused = SecondFactor.objects.filter(id=factor.id, last_turn__lt=time_step)
    return bool(unused.update(last_turn=time_step, used_at=clock.now()))


def _text_hash(factor: SecondFactor, digits: str) -> str:
    return vault.lookup("text-code", f"{factor.id}:{digits}")


def _send_code(factor: SecondFactor) -> None:
    code = f"{secrets.randbelow(1_000_000):06d}"
    number = factor.secret["number"]
    key_owner = KeyOwnerId(factor.key_owner)
    with translation.override(languages.of_key_owner(key_owner) or settings.LANGUAGE_CODE):
        text = gettext("%(code)s is your Glasshouse code. Tell it to nobody.") % {"code": code}
    texts.send(key_owner, number, text)
    factor.code_hash, factor.code_until = _text_hash(factor, code), clock.now() + TEXT_LIFE
    factor.save(update_fields=["code_hash", "code_until"])


def ask_text(pending: str) -> str:
    """Send a code to the number of the account whose second factor is to come; returns the masked number.

    Raises NotFoundError, ThrottledError.
    """
    account = pending_account(pending)
    text_factor = next((factor for factor in factors_of(AccountId(account.id)) if factor.kind == FactorKind.TEXT), None)
    if text_factor is None:
        raise NotFoundError("This account has no number for text messages.")
    return _send_again(text_factor)


def _send_again(factor: SecondFactor) -> str:
    """Send a new code to a confirmed number; returns it masked."""
    number = factor.secret["number"]
    texts.count(str(factor.account_id), number)
    with transaction.atomic():
        _send_code(factor)
    return texts.masked(number)


def finish_sign_in(pending: str, code: str, visit: Visit, *, trust: bool) -> SignedIn:
    """Finish a sign-in with a code of any kind, a recovery code too. Raises InvalidError, NotFoundError, ThrottledError."""
    account = pending_account(pending)
    with throttle.unless_good(*buckets.of_factor(account, visit)):
        with own(account.person_id), transaction.atomic():
            if _any_code_counts(account, code):
                return _finished(pending, visit, trust=trust)
            events.record(ANONYMOUS, Kind.SECOND_FACTOR_REFUSED, account.id)
        raise InvalidError(WRONG, field="code")


def _any_code_counts(account: Account, code: str) -> bool:
    if len(code) > CODE_MOST:
        return False
    if any(_code_counts(factor, code) for factor in factors_of(AccountId(account.id))):
        return True
    return use_code(account, code)


def _finished(pending: str, visit: Visit, *, trust: bool) -> SignedIn:
    finished = finish_pending(pending, visit)
    if trust:
        trust_browser(finished.actor)
    return finished.signed_in


def passkey_options(pending: str = "", *, network: str = "unknown") -> str:
    """Options for the browser to use a passkey, as JSON: the account's own after a password, any one without.

    Raises NotFoundError, ThrottledError.
    """
    throttle.take_network("passkey-network", network, most=60, window=timedelta(minutes=10))
    if not pending:
        return passkeys.authentication_options([])
    account = pending_account(pending)
    credential_ids = [
        factor.secret["credential"] for factor in factors_of(AccountId(account.id)) if factor.kind == FactorKind.PASSKEY
    ]
    return passkeys.authentication_options(credential_ids)


def sign_in_with_passkey(answer: str, visit: Visit, *, pending: str = "", trust: bool = False) -> SignedIn:
    """Sign in with a passkey: after the password, or alone, when the passkey has checked who holds it.

    Raises InvalidError, ThrottledError.
    """
    with throttle.unless_good(buckets.sign_in_network(visit.network)):
        return _sign_in_with_passkey(answer, visit, pending, trust=trust)


def _sign_in_with_passkey(answer: str, visit: Visit, pending: str, *, trust: bool) -> SignedIn:
    refused = InvalidError("This passkey is not known here, or did not answer rightly.", field="passkey")
    factors = SecondFactor.objects.filter(lookup=vault.lookup("passkey", passkeys.credential_of(answer)))
    with own(factors.values_list("account__person_id", flat=True).first()), transaction.atomic():
        confirmable = factors.select_related("account").select_for_update(of=("self",))
        factor = confirmable.exclude(confirmed_at=None).first()
        if factor is None or (pending and pending_account(pending).id != factor.account_id):
            raise refused
        count = passkeys.answered(answer, factor.secret["key"], factor.last_turn, alone=not pending)
        factor.last_turn, factor.used_at = count, clock.now()
        factor.save(update_fields=["last_turn", "used_at"])
        if pending:
            return _finished(pending, visit, trust=trust)
        return sessions.begin(factor.account, visit, pending=False)


def check_own_code(actor: Actor, account: Account, code: str) -> None:
    """Check that the actor holds the second factor, for reauthentication. Raises InvalidError, ThrottledError."""
    with throttle.unless_good(*buckets.of_own_code(actor)):
        if not _any_code_counts(account, code):
            raise InvalidError(WRONG, field="code")


def send_own_code(actor: Actor) -> str:
    """Send a code to the actor's own number, for reauthentication; returns the masked number.

    Raises NotFoundError, ThrottledError.
    """
    text_factor = next((factor for factor in factors_of(actor.account) if factor.kind == FactorKind.TEXT), None)
    if text_factor is None:
        raise NotFoundError("This account has no number for text messages.")
    return _send_again(text_factor)


def reauthenticate_with_passkey(actor: Actor, answer: str) -> str:
    """Fresh proof by a passkey of the actor that has checked who holds it. Returns the session's new secret.

    Raises InvalidError, ThrottledError.
    """
    with throttle.unless_good(buckets.of_confirming(actor)), transaction.atomic():
        credential = passkeys.credential_of(answer)
        factors = SecondFactor.objects.select_for_update().filter(account_id=actor.account).exclude(confirmed_at=None)
        factor = factors.filter(lookup=vault.lookup("passkey", credential)).first()
        if factor is None:
            raise InvalidError("This passkey is not one of yours.", field="passkey")
        factor.last_turn, factor.used_at = (
            passkeys.answered(answer, factor.secret["key"], factor.last_turn, alone=True),
            clock.now(),
        )
        factor.save(update_fields=["last_turn", "used_at"])
        return sessions.reauthenticated(actor)
