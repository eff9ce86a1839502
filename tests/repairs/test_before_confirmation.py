"""Whoever has not confirmed an address prepares nothing for the person who later confirms it (pre-hijacking)."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.conftest import Customer, administering, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
CHOSEN_BY_ATTACKER, CHOSEN_BY_VICTIM = "the attacker knows this", "only the victim knows"


def fresh(label: str) -> str:
    from glasshouse.kernel.ids import new_id

    return f"{label}-{new_id()}@grower.example"


def finish(client: httpx.Client, path: str, password: str = CHOSEN_BY_VICTIM, **more: str) -> httpx.Response:
    """Fill the form behind a mailed link."""
    fields = {"name": "New Comer", "organisation": "New Farm", "password": password, "accept": "yes"}
    return post(client, path, "/sign-in", **fields | more)


def signs_in(web: Web, address: str, password: str) -> bool:
    return post(web(), "/sign-in", address=address, password=password).status_code == 302


def test_a_password_typed_before_the_address_is_confirmed_opens_nothing(customer: Make, web: Web) -> None:
    victim = fresh("victim")
    fields = {"name": "Eve", "organisation": "Eve's", "password": CHOSEN_BY_ATTACKER, "accept": "yes"}
    post(web(), "/sign-up", "/sign-up", address=victim, **fields)
    path, browser = f"/prove/{prove_link(victim)}", web()
    post(browser, path, path)  # The click that used to arm the account with the attacker's password.
    assert not signs_in(web, victim, CHOSEN_BY_ATTACKER)
    assert finish(browser, path).headers["location"] == "/"
    assert not signs_in(web, victim, CHOSEN_BY_ATTACKER)
    assert signs_in(web, victim, CHOSEN_BY_VICTIM)


def test_the_form_behind_the_link_signs_that_browser_in_and_only_that_one(customer: Make, web: Web) -> None:
    address, asking, confirming = fresh("two-browsers"), web(), web()
    post(asking, "/sign-up", "/sign-up", address=address)
    path = f"/prove/{prove_link(address)}"
    assert finish(confirming, path).status_code == 302
    assert "New Farm" in confirming.get("/", follow_redirects=True).text
    assert asking.get("/account").headers["location"].startswith("/sign-in")
    assert confirming.cookies["__Host-session"]


def test_opening_the_link_changes_nothing_however_often(customer: Make, web: Web) -> None:
    from glasshouse.accounts.models import EmailLink

    address = fresh("scanner")
    post(web(), "/sign-up", "/sign-up", address=address)
    path, before = f"/prove/{prove_link(address)}", EmailLink.objects.count()
    for _ in range(3):
        page = web().get(path)
        assert page.status_code == 200
        assert 'name="password"' in page.text
    assert web().head(path).status_code in (200, 405)
    assert EmailLink.objects.count() == before
    assert finish(web(), path).status_code == 302


def test_a_sign_up_link_works_once_for_24_hours_and_the_newest_only(customer: Make, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.onboarding import api as onboarding

    address = fresh("twice")
    post(web(), "/sign-up", "/sign-up", address=address)
    older = f"/prove/{prove_link(address)}"
    post(web(), "/sign-up", "/sign-up", address=address.upper())
    newer = f"/prove/{prove_link(address)}"
    assert newer != older
    refused = finish(web(), older)
    assert refused.status_code == 404
    assert "/sign-up" in refused.text, "the page says how to start again"
    secret = newer.rpartition("/")[2]
    assert onboarding.confirmed_address(secret) == address
    with clock.frozen(clock.now() + timedelta(hours=24, seconds=1)), pytest.raises(NotFoundError):
        onboarding.confirmed_address(secret)
    assert finish(web(), newer).status_code == 302
    assert finish(web(), newer).status_code == 404


def test_two_posts_of_one_link_at_once_make_one_account(customer: Make) -> None:
    from django.db import connections

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Person
    from glasshouse.accounts.rules import Visit
    from glasshouse.kernel.errors import GlasshouseError
    from glasshouse.notices import api as notices
    from glasshouse.onboarding import api as onboarding
    from glasshouse.vault import api as vault

    address, outcomes = fresh("race"), []
    accounts.ask_sign_up(address, network=address)
    secret, accepted = prove_link(address), notices.offer().claims("sign-up")

    def confirm(number: int) -> None:
        entry = onboarding.Entry(f"Person {number}", f"password number {number}", accepted, f"Farm {number}")
        try:
            onboarding.finish_sign_up(secret, entry, Visit(f"race-{number}-{address}"))
            outcomes.append("made")
        except GlasshouseError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=confirm, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused"]
    assert Person.objects.filter(address_hash=vault.lookup("address", address)).count() == 1


def test_a_sign_up_that_fails_in_the_middle_leaves_nothing_and_its_link_works(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.notices import api as notices
    from glasshouse.onboarding import api as onboarding

    address = fresh("cut-off")
    accounts.ask_sign_up(address, network=address)
    entry = onboarding.Entry("Cut Off", CHOSEN_BY_VICTIM, notices.offer().claims("sign-up"), "Lost Farm")
    with monkeypatch.context() as broken:
        broken.setattr(onboarding.notices, "record_acceptance", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            onboarding.finish_sign_up(prove_link(address), entry, Visit(address))
    assert not accounts.address_known(address)
    assert onboarding.finish_sign_up(prove_link(address), entry, Visit(address)).actor.organisation


def test_a_link_of_the_old_kind_with_a_password_hash_in_it_is_refused(customer: Make, web: Web) -> None:
    from glasshouse.accounts.models import EmailLink
    from glasshouse.accounts.sessions import digest
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id, new_token

    address, secret = fresh("old-kind"), new_token()
    claims = {"name": "Eve", "organisation": "E", "address": address, "password": "argon2$hash", "accepted": ""}
    EmailLink.objects.create(
        secret_hash=digest(secret),
        purpose="sign-up",
        key_owner=new_id(),
        claims=claims,
        expires_at=clock.now() + timedelta(hours=20),
    )
    for answer in (web().get(f"/prove/{secret}"), finish(web(), f"/prove/{secret}")):
        assert answer.status_code == 404
        assert "/sign-up" in answer.text


def test_no_password_hash_is_kept_in_any_email_link(customer: Make, web: Web) -> None:
    from glasshouse.accounts.models import EmailLink

    address = fresh("no-hash")
    post(web(), "/sign-up", "/sign-up", address=address, password=CHOSEN_BY_ATTACKER, name="A", organisation="B")
    for ticket in EmailLink.objects.all():
        if isinstance(ticket.claims, dict) and ticket.claims.get("address") == address:
            assert set(ticket.claims) == {"address"}
            break
    else:
        pytest.fail("no link was made")


def test_a_click_by_somebody_else_gives_no_account_their_address(customer: Make, web: Web) -> None:
    """The owner of an account asks to change it to the victim's address; the victim clicks the mailed link."""
    from glasshouse.accounts import api as accounts

    attacker, victim = customer(), fresh("victim")
    post(web(attacker), "/account/address", "/account", present=attacker.password, address=victim)
    path = f"/change/{prove_link(victim, 'change')}"
    for browser in (web(), web(customer())):
        answer = post(browser, path, path)
        assert answer.status_code in (302, 403)
        assert accounts.person_of(attacker.actor).address == attacker.address
    assert not signs_in(web, victim, attacker.password)


def test_an_address_taken_meanwhile_is_not_given_twice(customer: Make, web: Web) -> None:
    one, address = customer(), fresh("taken")
    client = web(one)
    post(client, "/account/address", "/account", present=one.password, address=address)
    change = f"/change/{prove_link(address, 'change')}"
    post(web(), "/sign-up", "/sign-up", address=address)
    sign_up = f"/prove/{prove_link(address)}"
    assert post(client, change, change).status_code == 302
    assert finish(web(), sign_up).status_code == 404
    assert signs_in(web, address, one.password)


def test_an_invitation_makes_an_account_of_the_invited_address_and_of_no_other(customer: Make, web: Web) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.organisations import invitations, members

    one, address, thief = customer(), fresh("invited"), fresh("thief")
    invitations.invite(one.actor, address, invitations.Offer("administrator"))
    path = f"/invitation/{prove_link(address, 'invitation')}"
    for given in (thief, "", "not an address"):
        refused = finish(web(), path, address=given)
        assert refused.status_code in (400, 403), given
        assert address not in refused.text
    assert all(letter.address != thief for letter in mail.newest(200))
    assert len(members.members(one.actor)) == 1
    letters = sum(letter.address == address for letter in mail.newest(200))
    newcomer = web()
    assert finish(newcomer, path, address=address.upper()).headers["location"] == f"/o/{one.organisation}/"
    assert newcomer.get(f"/o/{one.organisation}/").status_code == 200
    assert sum(letter.address == address for letter in mail.newest(200)) == letters, "one mail and one form"
    assert {member.address for member in members.members(one.actor)} == {one.address, address}


def test_a_forwarded_invitation_is_refused_to_every_other_account(customer: Make, web: Web) -> None:
    from glasshouse.organisations import invitations, members

    one, stranger, address = customer(), customer(), fresh("invited")
    invitations.invite(one.actor, address, invitations.Offer("administrator"))
    path = f"/invitation/{prove_link(address, 'invitation')}"
    client = web(stranger)
    assert "another address" in client.get(path).text
    for answer in (post(client, path, "/account"), post(client, path, "/account", address=address)):
        assert answer.status_code == 403
        assert "another address" in answer.text
    assert len(members.members(one.actor)) == 1


def test_an_invitation_follows_the_address_not_the_account(customer: Make, web: Web) -> None:
    """Invited, then the account moves to another address: it is not the invited one any more."""
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.organisations import invitations

    one, moving = customer(), customer()
    invitations.invite(one.actor, moving.address, invitations.Offer("viewer"))
    secret, elsewhere = prove_link(moving.address, "invitation"), fresh("elsewhere")
    client = web(moving)
    post(client, "/account/address", "/account", present=moving.password, address=elsewhere)
    change = f"/change/{prove_link(elsewhere, 'change')}"
    assert post(client, change, change).status_code == 302
    with pytest.raises(ForbiddenError, match="another address"):
        invitations.accept(moving.alone, secret)


def test_the_migration_ends_links_that_hold_a_password_hash(customer: Make, home: object) -> None:
    """What stands in the new migration removes every open sign-up of before, and leaves the other links."""
    from importlib import import_module

    from glasshouse.accounts.models import EmailLink
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id

    kept = {"expires_at": clock.now() + timedelta(hours=20), "claims": {"account": "x"}}
    ids = [EmailLink.objects.create(secret_hash=uuid.uuid4().hex * 2, purpose="sign-up", key_owner=new_id(), **kept).id]
    ids.append(
        EmailLink.objects.create(secret_hash=uuid.uuid4().hex * 2, purpose="reset", key_owner=new_id(), **kept).id
    )
    migration = import_module("glasshouse.operations.upgrade.accounts.0003_email_links").Migration
    sql = migration.operations[0].sql
    assert sql.startswith("DELETE FROM accounts_ticket")
    with administering(home) as link:  # type: ignore[arg-type]
        link.execute(sql)
    assert list(EmailLink.objects.filter(id__in=ids).values_list("purpose", flat=True)) == ["reset"]
    EmailLink.objects.filter(id__in=ids).delete()
