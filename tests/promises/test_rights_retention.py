"""PRI-18, PRI-19, PRI-21, PRI-22, PRI-24: what is held is shown, copied, swept by its rule, and erased whole."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, carried_out_again, post, prove_link
from tests.searching import holding

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def busy(one: Customer) -> None:
    """Has a person use what there is: a session, a second factor, mail, a copy, a token, an invitation to the same address."""
    from glasshouse.organisations import tokens
    from glasshouse.subject import exports
    from tests.promises.test_sec_06_second_step import with_app

    with_app(one)
    tokens.create_token(one.actor, "Script", ["greenhouse:site:read"], 3)
    exports.make_export(one.alone)


def test_the_view_shows_every_sealed_value_and_reaches_every_personal_column(customer: Make) -> None:
    from glasshouse.organisations import invitations
    from glasshouse.subject import inventory as views

    one, other = customer(), customer()
    busy(one)
    invitations.invite(other.actor, one.address, invitations.Offer("viewer", message="Come to us"))
    items = list(views.view(one.alone))
    values = {item.place: item.value for item in items}
    assert values["accounts_person.address"] == one.address
    assert "•••" in values["accounts_second_step.secret"]
    assert any(item.value == "Come to us" for item in items)
    assert any(item.place == "events_event.kind" for item in items)
    assert any(item.label == "Membership" for item in items)
    assert not any(other.address in item.value for item in items)
    assert views.view_coverage().missing == []
    assert all(item.purpose and item.retention for item in items)


def test_a_copy_holds_what_the_view_shows_and_only_its_person_fetches_it(customer: Make, web: Web) -> None:
    from dataclasses import replace

    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import NotFoundError, ReauthenticationError
    from glasshouse.subject import exports
    from glasshouse.subject import inventory as views

    one, other = customer(), customer()
    shown = {item.place for item in views.view(one.alone)}
    number = exports.make_export(one.alone)
    _, body = exports.fetch_export(one.alone, number)
    with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
        told = json.loads(archive.read("data.json"))
        page = archive.read("data.html").decode()
    assert shown <= {item["place"] for item in told}
    assert one.address in page
    assert {"purpose", "basis", "retention", "recipients", "since"} <= set(told[0])
    with pytest.raises(NotFoundError):
        exports.fetch_export(other.alone, number)
    with pytest.raises(ReauthenticationError):
        exports.fetch_export(replace(one.alone, proved_at=clock.now() - timedelta(hours=1)), number)
    assert web(other).get(f"/account/data/export/{number}").status_code == 404
    with clock.frozen(clock.now() + timedelta(hours=25)), pytest.raises(NotFoundError):
        exports.fetch_export(replace(one.alone, proved_at=clock.now()), number)


def test_hostile_text_stays_text_in_a_copy(customer: Make) -> None:
    from glasshouse.subject import exports, rectification

    one = customer()
    rectification.rectify_name(one.alone, "<script>alert(1)</script>")
    _, body = exports.fetch_export(one.alone, exports.make_export(one.alone))
    with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
        assert "<script>" not in archive.read("data.html").decode()


def test_a_person_is_erased_whole(home: Installation, customer: Make, join: Join, officer: Customer, web: Web) -> None:
    from django.db import transaction

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Account, Person
    from glasshouse.accounts.own import own
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient, Subscriber
    from glasshouse.kernel.ids import new_id
    from glasshouse.organisations import members
    from glasshouse.requests import api as requests
    from glasshouse.sources import api as sources
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import exports, rectification
    from glasshouse.subject import inventory as views
    from glasshouse.vault import api as vault

    boss = customer()
    one = join(boss, "grower")
    busy(one)
    canary = f"canary{new_id()}"
    # Everything that there is to use, with a word in it that stands nowhere else.
    rectification.rectify_name(one.alone, canary)
    consent.withdraw(one.alone, "merger", canary)
    requests.object_to(one.alone, "new-browser", canary)
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "x")
    sources.bring_in(officer.actor, source.id, f"address,company\n{one.address},{canary}\n")
    sources.tell_due()
    disclosures.subscribe(one.address, network=canary)
    disclosures.decide(prove_link(one.address, "trust/providers"), wanted=True)
    with transaction.atomic():
        disclosures.note(one.actor.person, Recipient.objects.all()[0])
    accounts.ask_change(one.alone, f"{canary}@grower.example", one.password)
    consent.restrict(one.alone, "claims", canary)
    consent.lift_for(officer.actor, one.actor.person, one.address, canary)
    with own(str(one.actor.person)):
        exports.make_export(one.alone)
    client = web()
    with own(str(one.actor.person)):
        plan = rights.plan(one.alone)
    assert plan.obstacles == []
    assert len(plan.leaves) == 1
    with own(str(one.actor.person)):
        done = rights.erase(one.alone)
    assert done.rows > 5
    assert not Person.objects.filter(id=one.actor.person).exists()
    assert not Account.objects.filter(id=one.actor.account).exists()
    assert list(views.rows_of(str(one.actor.person))) == []
    assert vault.generations_of(one.actor.person) == []
    assert [member.address for member in members.members(boss.actor)] == [boss.address]
    assert post(client, "/sign-in", address=one.address, password=one.password).status_code == 400
    assert holding(home.data, [one.address, canary]) == []
    with own("*"):
        assert list(views.rows_of(str(one.actor.person))) == []
        mark = vault.lookup("address", one.address)
        assert not Subscriber.objects.filter(address_hash=mark).exists()
        assert [type(row).__name__ for row in views.addressed_to(mark)] == []


def test_the_last_administrator_hands_over_first_and_a_lone_member_closes_the_organisation(
    customer: Make, join: Join, crops: httpx.Client
) -> None:
    from glasshouse.access.models import Organisation
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.actor import JOB
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import members
    from glasshouse.subject import erasure as rights

    one = customer()
    other = join(one, "grower")
    token = greenhouse.create_device(one.actor, one.site, "", "Box")
    assert crops.post("/write", content="m air_temp=20", headers={"Authorization": f"Token {token}"}).status_code == 204
    with pytest.raises(InvalidError, match="last administrator"):
        rights.erase(one.alone)
    members.hand_over(one.actor, other.actor.account, "viewer")
    rights.erase(one.alone)
    assert rights.plan(other.alone).closes
    rights.erase(other.alone)
    from glasshouse.access import api as access

    with access.organisation_transaction(JOB.for_organisation(one.actor.organisation)):
        assert not Organisation.objects.filter(id=one.organisation).exists()
    assert crops.post("/write", content="m air_temp=20", headers={"Authorization": f"Token {token}"}).status_code == 401


@pytest.mark.parametrize("step", ["take_out", "destroy", "record"])
def test_an_erasure_that_was_killed_is_finished_by_the_worker(customer: Make, join: Join, step: str) -> None:
    """The process dies (os._exit) at a step; what is left is carried on from the ledger."""
    from glasshouse.accounts.models import Person
    from glasshouse.subject import erasure as rights
    from glasshouse.subject.models import Erasure
    from glasshouse.vault import api as vault

    boss = customer()
    one = join(boss, "grower")
    place = {
        "take_out": "rights.members.take_out",
        "destroy": "rights.vault.destroy",
        "record": "rights.events.record",
    }[step]
    script = (
        "import os, sys, django; django.setup()\n"
        "from glasshouse.subject import erasure as rights\n"
        "from glasshouse.accounts import api as accounts\n"
        f"actor = accounts.actor_of_address({one.address!r})\n"
        f"{place} = lambda *_, **__: os._exit(9)\n"
        "rights.erase(actor)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": "src"}, check=False)
    assert killed.returncode == 9
    assert Erasure.objects.get(person=one.actor.person).done_at is None
    rights.finish_erasures()
    assert Erasure.objects.get(person=one.actor.person).done_at is not None
    assert not Person.objects.filter(id=one.actor.person).exists()
    assert vault.generations_of(one.actor.person) == []


def test_who_was_erased_does_not_come_back_with_a_backup(customer: Make, join: Join) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.kernel import clock
    from glasshouse.subject import erasure as rights
    from glasshouse.vault import envelope

    boss = customer()
    one = join(boss, "grower")
    row = Person.objects.get(id=one.actor.person)
    sealed = {name: row.__dict__[name].body for name in ("name", "address")}
    rights.erase(one.alone)
    # A backup of before comes back: the row is there again, sealed under the destroyed key.
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_person (id, name, address, address_hash, created_at) VALUES (%s, %s, %s, %s, %s)",
            [row.id, sealed["name"], sealed["address"], row.address_hash, clock.now()],
        )
    with pytest.raises(envelope.KeyDestroyedError):
        _ = Person.objects.get(id=row.id).address
    assert carried_out_again() >= 1
    assert not Person.objects.filter(id=row.id).exists()


def test_rows_end_by_the_rule_of_their_model_and_no_sooner(customer: Make) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.retention import api as retention
    from glasshouse.retention.models import LegalHold

    one = customer()
    fresh, old, held = (KeyOwnerId(new_id()) for _ in range(3))
    for key_owner, days in ((fresh, 29), (old, 31), (held, 31)):
        mail.keep_sent(key_owner, "probe", "x", body="x")
        Message.objects.filter(key_owner=key_owner).update(sent_at=clock.now() - timedelta(days=days))
    now = clock.now()
    LegalHold.objects.create(
        key_owner=held,
        sealed_by=held,
        owner="0" * 16,
        reason="a court asked",
        created_at=now,
        ends_at=now + timedelta(days=30),
    )
    assert retention.due()["mail_message"] >= 1
    done = retention.run_deletions()
    assert done.rows["mail_message"] >= 1
    there = {key_owner for key_owner in (fresh, old, held) if Message.objects.filter(key_owner=key_owner).exists()}
    assert there == {fresh, held}
    assert Person.objects.filter(id=one.actor.person).exists()
    assert retention.due().get("mail_message") == 0


def test_in_ten_years_all_that_has_a_rule_is_due_and_what_lives_now_stays(customer: Make) -> None:
    """What would be due in ten years; nothing is deleted for it, so that the running service is left alone."""
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel import clock
    from glasshouse.retention import api as retention
    from glasshouse.vault.datamap import kept_of

    one = customer()
    busy(one)
    with clock.frozen(clock.now() + timedelta(days=3650)):
        due = retention.due()
    ruled = [model for model in retention.ours() if kept_of(model)]
    assert {model._meta.db_table for model in ruled} == set(due)
    assert due["accounts_session"] >= 0
    assert due["rights_copy"] >= 1
    assert due["access_token"] >= 1
    retention.run_deletions()
    assert accounts.person_of(one.alone).address == one.address


def test_every_personal_row_says_how_long_it_is_kept() -> None:
    from glasshouse.vault.datamap import Class, people_rows

    silent = [
        row
        for row in people_rows([])
        if row.entry and row.entry.classification is Class.PERSONAL and not row.entry.retention
    ]
    assert silent == []


def test_see_correct_copy_and_erase_on_the_pages(customer: Make, join: Join, web: Web) -> None:
    one = join(customer(), "viewer")
    client, page = web(one), "/account/data"
    assert one.address in client.get(page).text
    assert post(client, page, page, name="Corrected Name").status_code == 302
    assert "Corrected Name" in client.get(page).text
    assert post(client, f"{page}/export", page).status_code == 302
    assert "glasshouse-data-" in client.get(page).text
    assert "You leave" in client.get(f"{page}/erase").text
    assert post(client, f"{page}/erase", f"{page}/erase", word="no").status_code == 400
    done = post(client, f"{page}/erase", f"{page}/erase", word="erase").headers["location"]
    assert "You are erased" in client.get(done).text
    assert client.get(page).status_code == 302


def test_a_sweep_leaves_the_claims_of_a_sign_up_until_their_time(customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.retention import api as retention

    accounts.ask_sign_up("waits@grower.example", network="waits")
    retention.run_deletions()
    assert accounts.sign_up_address(prove_link("waits@grower.example")) == "waits@grower.example"


@pytest.mark.usefixtures("home")
def test_the_record_of_processing_speaks_of_every_field_that_is_not_technical(web: Web) -> None:
    import csv

    from glasshouse.promises.evidence import whole_map

    told = web().get("/trust/data?format=json").json()["activities"]
    columns = {column for activity in told for column in activity["columns"]}
    wanted = {
        f"{row.store}.{row.table}.{row.column}"
        for row in whole_map()
        if row.entry and row.entry.classification in ("personal", "confidential", "crop")
    }
    assert columns == wanted
    assert all(activity["purpose"] and activity["retention"] and activity["basis"] for activity in told)
    rows = list(csv.reader(io.StringIO(web().get("/trust/data?format=csv").text)))
    assert len(rows) == len(told) + 1
    assert "What we store" in web().get("/trust/data").text


def test_a_legal_hold_keeps_a_person_until_it_ends_and_tells_so(customer: Make, join: Join) -> None:
    from glasshouse.kernel import clock
    from glasshouse.retention import legal_holds
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import inventory as views

    one = join(customer(), "viewer")
    legal_holds.place(one.address, legal_holds.Order("0" * 16, "a court asked", 30))
    assert rights.erase(one.alone).waits
    assert any(item.label == "Legal hold" for item in views.view(one.alone))
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert rights.plan(one.alone).holds == []


def test_an_organisation_is_closed_by_its_name_by_who_may(customer: Make, join: Join, web: Web) -> None:
    one = customer()
    viewer = join(one, "viewer")
    page, path = f"/o/{one.organisation}/settings", f"/o/{one.organisation}/close"
    assert post(web(viewer), path, "/account", name="x").status_code == 403
    client = web(one)
    assert post(client, path, page, name="not its name").status_code == 400
    name = client.get(page).text.partition("Write its name, ")[2].partition("<")[0].strip()
    assert post(client, path, page, name=name).status_code == 302
    assert client.get(page).status_code == 404
    assert client.get("/account").status_code == 200


def test_what_speaks_of_the_address_under_other_keys_is_shown_and_erased_too(customer: Make, join: Join) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.mail.models import Message
    from glasshouse.organisations import invitations
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import inventory as views
    from glasshouse.vault import api as vault

    boss, other = customer(), customer()
    one = join(boss, "viewer")
    invitations.invite(other.actor, one.address, invitations.Offer("viewer", message="Come to us"))
    person = Person.objects.get(id=one.actor.person)
    rows = list(views.addressed(person))
    assert {type(row).__name__ for row in rows} == {"Invitation", "Message"}
    keys = {row.key_owner for row in rows}  # type: ignore[attr-defined]
    shown = [item.value for item in views.view(one.alone)]
    assert "Come to us" in shown
    assert any("invites you to" in value for value in shown), "the mail of the invitation"
    rights.erase(one.alone)
    assert list(views.addressed(person)) == []
    assert not Message.objects.filter(address_hash=person.address_hash).exists()
    assert all(vault.generations_of(key) == [] for key in keys)
    assert [row.address for row in invitations.invitations(other.actor)] == []


def test_an_erasure_destroys_nobody_elses_key(customer: Make, join: Join) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import Person
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import inventory as views
    from glasshouse.vault import api as vault

    boss, attacker = customer(), customer()
    one = join(boss, "viewer")
    # Somebody has a mail about their own account sent to the address of the one who is erased: sealed under their own key.
    accounts.ask_change(attacker.alone, one.address, attacker.password)
    number = requests.ask(one.address, "access", "eu", "my words", requests.Arrival(network="erased"))
    person = Person.objects.get(id=one.actor.person)
    assert attacker.actor.person in {getattr(row, "key_owner", "") for row in views.addressed(person)}
    rights.erase(one.alone)
    vault.forget_opened()
    assert accounts.person_of(attacker.alone).address == attacker.address
    assert Request.objects.get(id=number).text == "my words"
    assert list(views.addressed(person)) == []


def test_what_nobody_confirmed_yet_is_erased_with_the_address_it_speaks_of(customer: Make, join: Join) -> None:
    """A subscription that waits for its confirmation, and somebody else's change to this address, stayed."""
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink, Person
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import inventory as views
    from glasshouse.vault import api as vault

    boss, other = customer(), customer()
    one = join(boss, "viewer")
    person = Person.objects.get(id=one.actor.person)
    disclosures.subscribe(one.address, network=person.id)
    accounts.ask_change(other.alone, one.address, other.password)
    key_owner = Subscriber.objects.get(address_hash=person.address_hash).id
    link = EmailLink.objects.get(key_owner=other.actor.person, purpose="change")
    shown = " ".join(item.value for item in views.view(one.alone) if item.place == "accounts_ticket.claims")
    assert one.address in shown
    assert str(other.actor.account) not in shown, "whose account it is, is the other's"
    rights.erase(one.alone)
    vault.forget_opened()
    assert not Subscriber.objects.filter(address_hash=person.address_hash).exists()
    assert vault.generations_of(key_owner) == []
    assert not EmailLink.objects.filter(id=link.id).exists()
    assert accounts.person_of(other.alone).address == other.address, "the other's key is the other's"


def test_two_may_ask_to_change_to_one_address_and_a_sign_up_for_it_ends_neither(customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink
    from glasshouse.kernel.ids import new_id
    from glasshouse.vault import api as vault

    one, other, address = customer(), customer(), f"{new_id().lower()}@grower.example"
    accounts.ask_change(one.alone, address, one.password)
    accounts.ask_change(other.alone, address, other.password)
    accounts.ask_sign_up(address, network=address)
    accounts.ask_sign_up(address, network=address)
    links = EmailLink.objects.filter(address_hash=vault.lookup("address", address))
    assert sorted(link.purpose for link in links) == ["change", "change", "sign-up"]


def test_the_view_and_the_copy_hold_no_key_to_the_account(customer: Make, web: Web) -> None:
    """Who has stolen a session asks for a reset and looks for its link in the mails that are held: it is not there."""
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import texts
    from glasshouse.mail import api as mail
    from glasshouse.subject import exports
    from glasshouse.subject.inventory import view

    one = customer()
    accounts.ask_reset(one.address, network=one.address)
    accounts.ask_change(one.alone, f"new-{one.address}", one.password)
    mail.keep_sent(one.actor.person, texts.KIND, "+31612345678", body="Your code is 482913.")
    secret = prove_link(one.address, "reset")
    assert secret not in web(one).get("/account/data").text
    values = [item.value for item in view(one.alone)]
    assert any("/reset/•••" in value for value in values)
    assert not any(secret in value or "482913" in value for value in values)
    _, body = exports.fetch_export(one.alone, exports.make_export(one.alone))
    with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
        assert secret not in archive.read("data.json").decode()
        assert "482913" not in archive.read("data.html").decode()
    accounts.finish_reset(secret, "another long password")
