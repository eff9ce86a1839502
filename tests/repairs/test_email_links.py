"""Any change of address or credentials ends every email link that was mailed to that person before."""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.authenticator import code_of
from tests.conftest import Customer, administering, forget_person, post, prove_link
from tests.promises.test_sec_06_second_step import Authenticator, with_app

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
NEW_PASSWORD = "an entirely new word"


def change_address(one: Customer) -> None:
    from glasshouse.accounts import api as accounts

    fresh = f"moved-{one.address}"
    accounts.ask_change(one.alone, fresh, one.password)
    accounts.finish_change(one.alone, prove_link(fresh, "change"))


def change_password(one: Customer) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

    accounts.change_password(one.alone, one.password, NEW_PASSWORD, Visit(one.address))


def reset_password(one: Customer) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

    accounts.ask_reset(one.address, network=one.address)
    accounts.finish_reset(prove_link(one.address, "reset"), NEW_PASSWORD, Visit(one.address))


def add_app(one: Customer) -> None:
    with_app(one)


def add_passkey(one: Customer) -> None:
    from django.conf import settings

    from glasshouse.accounts import second_factor

    second_factor.finish_passkey(
        one.alone, Authenticator().make(second_factor.begin_passkey(one.alone), settings.ORIGIN), "Key"
    )


def remove_step(one: Customer) -> None:
    from glasshouse.accounts import second_factor

    second_factor.remove(one.alone, second_factor.factors_of(one.actor.account)[0].id)


def new_codes(one: Customer) -> None:
    from glasshouse.accounts import second_factor

    second_factor.new_codes(one.alone)


def ask_removal(one: Customer) -> None:
    from django.db import transaction

    from glasshouse.accounts import resets

    with transaction.atomic():
        resets.ask_reset(one.alone, one.actor.account)


def finish_removal(one: Customer) -> None:
    """What an administrator asked for falls due."""
    from glasshouse.accounts import resets
    from glasshouse.kernel import clock

    ask_removal(one)
    with clock.frozen(clock.now() + timedelta(hours=49)):
        resets.finish_resets()


CHANGES = {
    "address": (change_address, False),
    "password": (change_password, False),
    "reset": (reset_password, False),
    "app added": (add_app, False),
    "passkey added": (add_passkey, False),
    "factor removed": (remove_step, True),
    "recovery codes": (new_codes, True),
    "factor removed by an administrator": (finish_removal, True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_ends_every_email_link_of_the_person(customer: Make, web: Web, name: str) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink

    act, needs_factor = CHANGES[name]
    one, other = customer(), customer()
    if needs_factor:
        with_app(one)
    for each in (one, other):
        accounts.ask_reset(each.address, network=each.address)
        accounts.ask_change(each.alone, f"other-{each.address}", each.password)
    links = {each: prove_link(each.address, "reset") for each in (one, other)}
    changes = {each: prove_link(f"other-{each.address}", "change") for each in (one, other)}
    act(one)
    assert not EmailLink.objects.filter(key_owner=one.actor.person).exists()
    path = f"/reset/{links[one]}"
    assert post(web(), path, "/sign-in", password="the word of a thief").status_code == 404
    with pytest.raises(Exception, match="used up"):
        accounts.finish_change(one.alone, changes[one])
    path = f"/reset/{links[other]}"
    assert post(web(), path, path, password=NEW_PASSWORD).status_code == 302, "another person's links stay"


@pytest.mark.parametrize("name", ["address", "password", "passkey added"])
def test_the_link_that_stops_a_removal_ends_together_with_the_removal(customer: Make, web: Web, name: str) -> None:
    from glasshouse.accounts import resets, second_factor
    from glasshouse.kernel import clock

    one = customer()
    with_app(one)
    ask_removal(one)
    path = f"/stop-reset/{prove_link(one.address, 'stop-reset')}"
    CHANGES[name][0](one)
    assert post(web(), path, path).status_code == 404
    with clock.frozen(clock.now() + timedelta(days=3)):
        resets.finish_resets()
    assert second_factor.has_second_factor(one.actor.account), (
        "a removal that nobody could stop any more does not happen"
    )


def test_a_sign_up_link_for_the_new_address_ends_with_the_change(customer: Make, web: Web) -> None:
    from glasshouse.accounts import api as accounts

    one = customer()
    fresh = f"moved-{one.address}"
    post(web(), "/sign-up", "/sign-up", address=fresh)
    path = f"/prove/{prove_link(fresh)}"
    accounts.ask_change(one.alone, fresh, one.password)
    accounts.finish_change(one.alone, prove_link(fresh, "change"))
    assert web().get(path).status_code == 404


@pytest.mark.parametrize("name", ["address", "factor removed"])
def test_sessions_elsewhere_end_with_the_change(customer: Make, web: Web, name: str) -> None:
    one = customer()
    seed = with_app(one)[0]
    elsewhere = web()
    post(elsewhere, "/sign-in", address=one.address, password=one.password)
    answer = post(elsewhere, "/second-factor", "/second-factor", code=code_of(seed, time.time()))
    assert answer.status_code == 302
    assert elsewhere.get("/account").status_code == 200
    CHANGES[name][0](one)
    assert elsewhere.get("/account").status_code == 302


def test_every_function_that_writes_credentials_ends_the_links() -> None:
    """Whoever writes a password, an address, a factor or codes calls `credentials.changed`, or is named here with the reason."""
    import ast
    from pathlib import Path

    import glasshouse.accounts as area

    writes = {"password", "address_hash"}
    otherwise = {
        "open_account": "a new person has no links yet but the one that is used up",
        "create_staff": "as open_account, from the command line",
        "_new": "a factor that is not confirmed yet counts for nothing",
        "use_code": "uses a code up",
        "make_codes": "a part: `new_codes` and `_confirmed` call it",
    }
    missing = []
    for path in sorted(Path(str(area.__path__[0])).glob("*.py")):
        for function in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]:
            text = ast.unparse(function)
            stores = any(f"update_fields=['{name}'" in text or f", '{name}'" in text for name in writes)
            stores |= any(
                f"{model}.objects.{verb}" in text
                for model in ("RecoveryCode", "SecondFactor", "Person", "Account")
                for verb in ("create(", "bulk_create(")
            )
            stores |= ".delete()" in text and any(f"{one}.objects" in text for one in ("RecoveryCode", "SecondFactor"))
            stores |= "confirmed_at = " in text
            if stores and "credentials.changed(" not in text and function.name not in otherwise:
                missing.append(f"{path.name}:{function.name}")
    assert missing == []


def test_pages_of_links_say_for_which_address_they_are_and_when_they_have_ended(
    customer: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> None:
    from glasshouse.accounts import api as accounts

    own, client = customer(), web()
    accounts.ask_reset(own.address, network=own.address)
    path = f"/reset/{prove_link(own.address, 'reset')}"
    assert own.address in client.get(path).text
    assert "12 characters or more" in client.get(path).text
    assert post(client, path, path, password="another-good-pass-1").status_code == 302
    ended = client.get(path)
    assert ended.status_code == 404
    assert "/forgotten" in ended.text, "the way to a new link"
    assert post(client, path, "/sign-in", password="another-good-pass-2").status_code == 404

    client = web()
    assert post(client, "/sign-in", address=own.address, password="another-good-pass-1").status_code == 302
    fresh = f"new-{own.address}"
    assert post(client, "/account/address", "/account", address=fresh, present="another-good-pass-1").status_code == 200
    path = f"/change/{prove_link(fresh, 'change')}"
    assert "Sign in with your current address" in web().get(path, follow_redirects=True).text
    assert fresh in client.get(path).text
    done = post(client, path, path)
    assert "Your address is changed" in client.get(done.headers["location"]).text


def test_a_member_is_not_invited_again(customer: Callable[[], Customer]) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import invitations

    own = customer()
    with pytest.raises(InvalidError, match="member already"):
        invitations.invite(own.actor, own.address, invitations.Offer("viewer"))


def test_a_change_that_waits_is_found_by_its_address_after_the_upgrade(home: Installation, customer: Make) -> None:
    """As the owner of the tables, to whom the migration belongs: links of before have no hash of their address."""
    from importlib import import_module
    from types import SimpleNamespace

    from django.db import connections

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.vault import api as vault

    one, late, gone = customer(), customer(), customer()
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    for asking in (one, late, gone):
        accounts.ask_change(asking.alone, address, asking.password)
    with administering(home) as link:
        link.execute("UPDATE accounts_ticket SET address_hash = NULL WHERE purpose = 'change'")
        link.execute(
            "UPDATE accounts_ticket SET expires_at = now() - interval '1 hour' WHERE key_owner = %s",
            [late.actor.person],
        )
    vault.destroy(KeyOwnerId(str(gone.actor.person)))
    password = (home.keys / "store" / "owner.secret").read_text()
    connections.settings["owner"] = connections.settings["default"] | {
        "USER": "glasshouse_owner",
        "PASSWORD": password,
        "CONN_MAX_AGE": 0,
    }
    try:
        migration = import_module("glasshouse.accounts.migrations.0002_address_of_a_change")
        migration.fill(None, SimpleNamespace(connection=connections["owner"]))
    finally:
        connections["owner"].close()
        del connections["owner"], connections.settings["owner"]
        forget_person(gone)
    left = EmailLink.objects.filter(purpose="change", key_owner__in=[a.actor.person for a in (one, late, gone)])
    assert [(each.key_owner, each.address_hash) for each in left] == [
        (one.actor.person, vault.lookup("address", address))
    ]
