"""PRI-23, PRI-25: restricted data is stored and nothing else; an objection stops what it is about."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, enter_staff, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def restricted(one: Customer) -> Customer:
    from glasshouse.consent import api as consent

    consent.restrict(one.alone, "claims", "a lawsuit")
    return one


def lifted(one: Customer) -> None:
    from glasshouse.accounts.own import own
    from glasshouse.consent import api as consent

    with own(str(one.actor.person)):
        consent.lift(one.alone)


def test_colleagues_support_and_jobs_see_nothing_of_a_restricted_person(
    home: Installation, customer: Make, join: Join
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Person
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.organisations import members

    boss = customer()
    one = join(boss, "grower")
    mail.queue_draft(one.actor.person, "news", one.address, mail.Draft("s", "b"))
    restricted(one)
    rows = members.members(boss.actor)
    assert [row.name for row in rows][1] == members.RESTRICTED
    assert all(one.address not in (row.name, row.address) for row in rows)
    assert not Person.objects.filter(id=one.actor.person).exists()
    assert not Message.objects.filter(key_owner=one.actor.person, kind="news").exists(), (
        "the worker finds no mail to send"
    )
    assert accounts.address_of(one.actor.person) == ""
    with pytest.raises(NotFoundError):
        accounts.person_of(one.alone)
    assert Person.objects.filter(id=boss.actor.person).exists()
    with administering(home) as link:
        link.execute("SET ROLE glasshouse_app")
        for table, column in (
            ("accounts_person", "id"),
            ("notices_acceptance", "key_owner"),
            ("mail_message", "key_owner"),
        ):
            found = link.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = %s AND true", [one.actor.person]
            ).fetchone()
            assert found == (0,) or table == "mail_message"
    lifted(one)
    assert members.members(boss.actor)[1].address == one.address


def test_support_that_may_see_people_does_not_see_a_restricted_one(customer: Make, join: Join, olaf: Make) -> None:
    from glasshouse.kernel.ids import OrganisationId
    from glasshouse.organisations import members
    from glasshouse.support import api as support

    boss, staff = customer(), olaf()
    one = join(boss, "grower")
    support.give(boss.actor, support.Wish(("people",), 2, "look"))
    helper = staff.actor.for_organisation(OrganisationId(boss.organisation))
    assert one.address in [row.address for row in members.members(helper)]
    restricted(one)
    assert [row.address for row in members.members(helper)] == [boss.address]
    lifted(one)


def test_the_person_signs_in_sees_everything_and_lifts_it(customer: Make, web: Web) -> None:
    one = customer()
    client, page = web(one), "/account/data/choices"
    assert post(client, f"{page}/restrict", page, ground="nonsense").status_code == 400
    assert post(client, f"{page}/restrict", page, ground="accuracy", words="my name").status_code == 302
    fresh = web(one)
    assert "is restricted" in fresh.get(page).text
    assert one.address in fresh.get("/account/data").text
    assert fresh.get(f"/o/{one.organisation}/").status_code == 200
    assert post(fresh, f"{page}/lift", page).status_code == 302
    assert "is restricted" not in fresh.get("/account").text
    assert post(fresh, f"{page}/lift", page).status_code == 404


def test_what_speaks_of_a_restricted_address_under_other_keys_is_hidden_too(
    customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.organisations import invitations
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject.inventory import view
    from glasshouse.vault import api as vault

    boss, one = customer(), customer()
    number = invitations.invite(boss.actor, one.address, invitations.Offer("viewer", message="Come to us"))
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "x")
    sources.bring_in(officer.actor, source.id, f"address,company\n{one.address},Farm\n")
    mark = vault.lookup("address", one.address)
    ThirdPartyData.objects.filter(address_hash=mark).update(
        key_owner="0" * 16
    )  # as taken in before there was an account
    restricted(one)
    assert one.address not in [row.address for row in invitations.invitations(boss.actor)]
    with pytest.raises(NotFoundError):
        invitations.resend(boss.actor, number)
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    from glasshouse.accounts.own import own

    with own(str(one.actor.person)):
        assert any(item.value == "Come to us" for item in view(one.alone)), "the person sees it all the same"
        ThirdPartyData.objects.filter(address_hash=mark).delete()
    lifted(one)
    assert one.address in [row.address for row in invitations.invitations(boss.actor)]


def test_who_invited_a_restricted_address_is_not_shown_it_and_their_erasure_takes_their_message_all_the_same(
    customer: Make, join: Join
) -> None:
    """The inviter's own view named it, by a function of the database that asked no restriction."""
    from glasshouse.access import api as access
    from glasshouse.organisations import invitations
    from glasshouse.organisations.models import Invitation
    from glasshouse.subject import erasure
    from glasshouse.subject.inventory import view

    boss, one = customer(), customer()
    inviter = join(boss, "administrator")
    number = invitations.invite(inviter.actor, one.address, invitations.Offer("viewer", message="Message of mine"))
    assert {one.address, "Message of mine"} <= {item.value for item in view(inviter.alone)}
    restricted(one)
    assert not {one.address, "Message of mine"} & {item.value for item in view(inviter.alone)}
    erasure.erase(inviter.alone)
    lifted(one)
    with access.organisation_transaction(boss.actor):
        invitation = Invitation.objects.get(id=number)
        assert (invitation.message, invitation.address) == ("", one.address)


def test_a_closed_organisation_leaves_nothing_not_even_what_is_restricted(home: Installation, customer: Make) -> None:
    from glasshouse.kernel.ids import OrganisationId
    from glasshouse.organisations import invitations
    from glasshouse.subject import closing

    boss, one = customer(), customer()
    invitations.invite(boss.actor, one.address, invitations.Offer("viewer"))
    restricted(one)
    closing.close_organisation(OrganisationId(boss.organisation))
    with administering(home) as link:
        sql = "SELECT count(*) FROM access_invitation WHERE organisation_id = %s"
        assert link.execute(sql, [boss.organisation]).fetchone() == (0,)
    lifted(one)


def test_the_way_of_one_person_never_opens_anothers_restricted_rows(customer: Make, web: Web) -> None:
    """One worker thread serves many: the setting that shows the own rows does not outlive the request."""
    from django.db import connections

    from glasshouse.accounts.own import own

    one, other = restricted(customer()), customer()
    door = web(one)
    for _ in range(3):
        assert one.address in door.get("/account/data").text
        assert web(other).get("/account/data").status_code == 200
    with own(str(one.actor.person)), pytest.raises(ZeroDivisionError), own(str(other.actor.person)):
        raise ZeroDivisionError
    for role in ("default", "person", "job"):
        with connections[role].cursor() as cursor:
            cursor.execute("SELECT current_setting('glasshouse.person', true)")
            assert cursor.fetchone()[0] in ("", None)
    lifted(one)


def test_storing_goes_on_while_restricted(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep deletes nothing and destroys no key; rotated keys still open everything."""
    from glasshouse.access import reseal
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.own import own
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.retention import api as retention
    from glasshouse.vault import api as vault

    one = customer()
    mail.keep_sent(one.actor.person, "old", one.address, body="kept")
    Message.objects.filter(key_owner=one.actor.person, kind="old").update(sent_at=clock.now() - timedelta(days=60))
    restricted(one)
    vault.age(one.actor.person, clock.now() - timedelta(days=400))
    retention.run_deletions()
    assert (first := vault.generations_of(one.actor.person))
    # Of this customer only: those of other tests are many.
    monkeypatch.setattr(reseal.vault, "key_owners", lambda: [one.actor.person, one.organisation])
    monkeypatch.setattr(reseal.access, "all_organisations", lambda: [one.organisation])
    for _ in reseal.rotate_data_keys(wait_s=0):
        continue
    assert len(vault.generations_of(one.actor.person)) == 1
    assert vault.generations_of(one.actor.person) != first
    vault.forget_opened()
    with own(str(one.actor.person)):
        assert accounts.person_of(one.alone).address == one.address
        assert Message.objects.get(key_owner=one.actor.person, kind="old").body == "kept"
    lifted(one)


def test_nobody_takes_the_address_of_a_restricted_person(customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.mail import api as mail

    one = restricted(customer())
    accounts.ask_sign_up(one.address, network=one.address)
    letter = next(row for row in mail.newest(400) if row.address == one.address)
    assert "which has one" in letter.body
    accounts.ask_reset(one.address, network=one.address)
    accounts.finish_reset(prove_link(one.address, "reset"), "another long password", Visit(one.address))
    lifted(one)


def test_a_restricted_person_can_be_erased(customer: Make, join: Join) -> None:
    from dataclasses import replace

    from glasshouse.accounts.own import own
    from glasshouse.kernel import clock
    from glasshouse.subject import erasure as rights
    from glasshouse.vault import api as vault

    one = restricted(join(customer(), "viewer"))
    with own(str(one.actor.person)):
        done = rights.erase(replace(one.alone, proved_at=clock.now()))
    assert done.rows > 3
    assert vault.generations_of(one.actor.person) == []


def test_an_officers_lifting_is_announced_and_comes_later(customer: Make, officer: Customer, web: Web) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.consent.models import Restriction
    from glasshouse.mail import api as mail

    one = restricted(customer())
    number = Restriction.objects.get(key_owner=one.actor.person).id
    client = enter_staff(web(officer))
    assert one.actor.person in client.get("/staff/office").text
    assert post(client, f"/staff/office/restrictions/{number}/lift", "/staff/office", reason=" ").status_code == 400
    assert (
        post(client, f"/staff/office/restrictions/{number}/lift", "/staff/office", reason="it is right").status_code
        == 302
    )
    assert consent.restriction_of(str(one.actor.person)), "it holds for a week still"
    letter = next(row for row in mail.newest(400) if row.address == one.address)
    assert "will be lifted" in letter.body
    assert "it is right" in letter.body


@pytest.mark.parametrize("purpose", ["supplement", "merger", "new-browser"])
def test_an_objection_counts_at_once(customer: Make, purpose: str) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.requests import api as requests

    one = customer()
    key_owner = str(one.actor.person)
    assert consent.may(key_owner, purpose)
    requests.object_to(one.alone, purpose, "I do not want it")
    assert not consent.may(key_owner, purpose)
    consent.give(one.alone, purpose)
    assert consent.may(key_owner, purpose)


def test_consent_is_off_until_given_and_withdrawn_as_easily(customer: Make, web: Web) -> None:
    from glasshouse.consent import api as consent

    one = customer()
    client, page = web(one), "/account/data/choices"
    key_owner = str(one.actor.person)
    assert not consent.may(key_owner, "provider-news")
    for act, allowed in (("give", True), ("object", False), ("give", True)):
        assert post(client, f"{page}/{act}", page, purpose="provider-news").status_code == 302
        assert consent.may(key_owner, "provider-news") is allowed
    assert post(client, f"{page}/give", page, purpose="nonsense").status_code == 400
    assert post(client, f"{page}/nonsense", page).status_code == 404


def test_a_judged_objection_stops_first_and_is_decided_with_reasons(
    customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.mail.models import Message
    from glasshouse.requests import api as requests

    one = customer()
    key_owner = str(one.actor.person)
    with pytest.raises(InvalidError, match="Say why"):
        requests.object_to(one.alone, "new-browser", " ")
    assert requests.object_to(one.alone, "new-browser", "too many mails") == "objected"
    web(one)
    web(one)
    assert not Message.objects.filter(key_owner=key_owner, kind="new-browser").exists(), (
        "while it is judged nothing goes out"
    )
    mine = requests.of_person(one.alone)[0]
    assert (mine.kind, mine.channel) == ("object", "account")
    requests.answer(officer.actor, mine.id, "We need it for your safety.", refuse=True)
    assert consent.state_of(key_owner, "new-browser") == "overruled"
    assert consent.may(key_owner, "new-browser")
    web(one)
    assert Message.objects.filter(key_owner=key_owner, kind="new-browser").exists()


def test_the_database_refuses_a_mail_against_an_objection(customer: Make) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    one = customer()
    consent.withdraw(one.alone, "new-browser", "no")
    letter = mail.Draft("s", "b", purpose="new-browser")
    assert mail.queue_draft(one.actor.person, "x", one.address, letter) == ""
    now = clock.now()
    row = Message(key_owner=one.actor.person, kind="x", purpose="new-browser", address="a", subject="s", body="b")
    row.created_at = row.next_try_at = now
    with pytest.raises(DatabaseError, match="row-level security"):
        row.save(force_insert=True)


def test_what_was_said_once_cannot_be_changed(customer: Make) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.consent.models import ConsentRecord

    one = customer()
    consent.withdraw(one.alone, "merger", "no")
    with pytest.raises(DatabaseError, match="permission denied"):
        ConsentRecord.objects.filter(key_owner=one.actor.person).update(state="given")


@pytest.mark.usefixtures("home")
def test_every_table_of_a_persons_values_is_hidden_or_named_as_open() -> None:
    from glasshouse.rowsecurity.declarations import row_access
    from glasshouse.rowsecurity.policies import our_models, restrictable
    from glasshouse.subject.inventory import tables

    said_open = {model._meta.db_table for model in our_models() if row_access(model).open_though_restricted}
    assert tables() <= set(restrictable()) | said_open
    assert said_open == {
        "accounts_browser",
        "accounts_second_step",
        "accounts_session",
        "accounts_ticket",
        "consent_address",
        "consent_restriction",
        "consent_stance",
        "messages_ruled",
        "messages_stop_link",
        "messages_suppression",
        "retention_hold",
    }
    assert {"accounts_person", "mail_message", "notices_acceptance", "rights_copy"} <= set(restrictable())
