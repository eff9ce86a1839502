"""SEC-05, SEC-06: breakages of the running service, made in its database, turn the checks red."""

from collections.abc import Callable

import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer
from tests.promises.test_checks_of_access import meddling, not_verified

# -- SEC-05 --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_sec_05_sees_a_weakly_stored_password(customer: Callable[[], Customer]) -> None:
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    from glasshouse.accounts.models import Account

    account = Account.objects.filter(id=customer().actor.account)
    strong = account.get().password
    cheap = "argon2$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"
    try:
        for stored in (PBKDF2PasswordHasher().encode("some password", "salt", 1), cheap):
            account.update(password=stored)
            not_verified("SEC-05", "every stored password is Argon2id")
    finally:
        account.update(password=strong)


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "when", "body", "words"),
    [
        ("accounts_tries", "INSERT OR UPDATE", "NEW.until := now(); RETURN NEW;", "guessing is slowed"),
        ("accounts_session", "DELETE", "RETURN NULL;", "dead at the next request"),
        ("accounts_ticket", "DELETE", "RETURN NULL;", "works once"),
        (
            "accounts_session",
            "INSERT",
            "NEW.expires_at := NEW.created_at + interval '1 year'; RETURN NEW;",
            "has an end",
        ),
        ("accounts_account", "UPDATE", "NEW.password := OLD.password; RETURN NEW;", "a good one is taken"),
    ],
)
def test_sec_05_sees(home: Installation, table: str, when: str, body: str, words: str) -> None:
    with meddling(home, table, when, body):
        not_verified("SEC-05", words)


def test_sec_05_sees_a_breached_password_that_is_taken(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the door takes is judged: here the check believes a good password to be a weak one."""
    from glasshouse.promises.checks import accounts

    assert home
    monkeypatch.setattr(accounts, "WEAK", (*accounts.WEAK, "tomato ladder quiet river"))
    not_verified("SEC-05", "refused at sign-up")


def test_sec_05_sees_a_password_in_a_log(home: Installation) -> None:
    import time

    from glasshouse.promises.checks import accounts
    from glasshouse.promises.findings import Steps

    log = home.data / "logs" / "probe.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text('{"event": "signing in", "password": "typed-by-a-person"}')
    try:
        red, green = Steps(), Steps()
        accounts._unlogged(red, ["typed-by-a-person"], time.time() - 5)
        accounts._unlogged(green, ["typed-by-nobody"], time.time() - 5)
    finally:
        log.unlink()
    assert red.wrong
    assert (green.taken, green.wrong) == (1, [])


@pytest.mark.long
def test_sec_06_sees_factors_that_count_as_unconfirmed(home: Installation, customer: Callable[[], Customer]) -> None:
    from glasshouse.accounts.models import SecondFactor
    from glasshouse.kernel import clock

    actor = customer().actor
    factor = SecondFactor.objects.create(
        account_id=actor.account,
        key_owner=actor.person,
        kind="app",
        name="app",
        secret={},
        created_at=clock.now(),
        used_at=clock.now(),
    )
    try:
        not_verified("SEC-06", "counts as unconfirmed")
    finally:
        factor.delete()


# -- SEC-06 --------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "when", "body", "words"),
    [
        ("accounts_second_step", "UPDATE", "NEW.last_turn := -1; RETURN NEW;", "a code that was used"),
        ("accounts_second_step", "UPDATE", "NEW.confirmed_at := NULL; RETURN NEW;", "its first code confirms it"),
        ("accounts_recovery_code", "UPDATE", "NEW.used_at := NULL; RETURN NEW;", "a recovery code works once"),
        (
            "accounts_step_reset",
            "INSERT",
            "NEW.due_at := NEW.created_at + interval '1 minute'; RETURN NEW;",
            "waits a day",
        ),
        ("accounts_step_reset", "DELETE", "RETURN NULL;", "stops the removal"),
        ("access_organisation", "UPDATE", "NEW.second_factor_from := NULL; RETURN NEW;", "a member without it"),
        (
            "accounts_browser",
            "UPDATE",
            "NEW.trusted_until := coalesce(NEW.trusted_until, OLD.trusted_until); RETURN NEW;",
            "a reset of the password does not get past",
        ),
        ("accounts_tries", "INSERT OR UPDATE", "NEW.until := now(); RETURN NEW;", "guessing codes is stopped"),
    ],
)
def test_sec_06_sees(home: Installation, table: str, when: str, body: str, words: str) -> None:
    with meddling(home, table, when, body):
        not_verified("SEC-06", words)
