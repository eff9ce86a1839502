"""What a person's rights have to survive: much data, new data arriving, keys that vanish, an officer who goes."""

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from django.conf import settings

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, as_staff, enter_staff, forget_person, post

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
MANY = settings.ROWS_WHILE_WAITING + 100


def mails(one: Customer, count: int) -> None:
    """So many rows of a person, sealed with their key."""
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message

    now = clock.now()
    rows = (
        Message(
            key_owner=one.actor.person,
            kind="many",
            address=one.address,
            subject=f"s{n}",
            body="b",
            created_at=now,
            next_try_at=now,
            sent_at=now,
        )
        for n in range(count)
    )
    Message.objects.bulk_create(rows, batch_size=2000)


def waited(what: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.1)


def test_much_data_is_copied_and_erased_by_the_worker_with_its_progress(customer: Make, join: Join, web: Web) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.mail.models import Message
    from glasshouse.subject import erasure as rights
    from glasshouse.subject.models import Erasure

    one = join(customer(), "viewer")
    mails(one, MANY)
    client, page = web(one), "/account/data"
    assert post(client, f"{page}/export", page).status_code == 302
    waited(lambda: "glasshouse-data-" in client.get("/account/data/exports").text)
    link = client.get("/account/data/exports").text.partition('href="')[2].partition('"')[0]
    with zipfile.ZipFile(io.BytesIO(client.get(link).content)) as archive:
        told = json.loads(archive.read("data.json"))
        assert archive.testzip() is None
    assert sum(item["place"] == "mail_message.subject" for item in told) >= MANY
    answer = post(client, f"{page}/erase", f"{page}/erase", word="erase")
    where = answer.headers["location"]
    assert "being erased" in web().get(where).text or "You are erased" in web().get(where).text
    assert client.get(page).status_code == 302, "signed out at once"
    assert rights.finish_erasures() >= 1, "what the schedule does in a service of customers"
    assert "You are erased" in web().get(where).text
    done = Erasure.objects.get(person=one.actor.person)
    assert done.rows > MANY
    assert not Message.objects.filter(key_owner=one.actor.person).exists()
    assert not Person.objects.filter(id=one.actor.person).exists()
    assert web().get("/erasure/" + "0" * 16).status_code == 404


def test_what_arrives_while_an_erasure_runs_does_not_stay(customer: Make, join: Join) -> None:
    from django.db import connection

    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.subject import erasure as rights
    from glasshouse.vault import api as vault
    from glasshouse.vault.envelope import KeyDestroyedError

    one, ending, refused = join(customer(), "viewer"), threading.Event(), []

    def arrive() -> None:
        while not ending.is_set():
            try:
                mail.queue_draft(one.actor.person, "late", one.address, mail.Draft("s", "b"))
            except KeyDestroyedError as error:
                refused.append(error)
                break
        connection.close()

    racer = threading.Thread(target=arrive)
    racer.start()
    time.sleep(0.2)
    rights.erase(one.alone)
    ending.set()
    racer.join()
    rights.erase_late()
    assert not Message.objects.filter(key_owner=one.actor.person).exists()
    with pytest.raises(KeyDestroyedError):
        mail.queue_draft(one.actor.person, "late", one.address, mail.Draft("s", "b"))
    assert vault.generations_of(one.actor.person) == []
    # A process that held the key a moment longer has written a row all the same: it goes, too.
    vault._remember(str(one.actor.person), 1, b"k" * 32)
    vault._newest[str(one.actor.person)] = (time.monotonic() + 30, 1)
    mail.queue_draft(one.actor.person, "late", one.address, mail.Draft("s", "b"))
    vault.forget_opened()
    assert rights.erase_late() >= 1
    assert not Message.objects.filter(key_owner=one.actor.person).exists()


def test_a_page_that_reads_while_the_key_goes_says_so_kindly(customer: Make, web: Web) -> None:
    from glasshouse.vault import api as vault

    one = customer()
    client = web(one)
    assert client.get("/account/data").status_code == 200
    vault.destroy(one.actor.person)
    ends = time.monotonic() + settings.DATA_KEYS_KEPT_S + 10
    while (answer := client.get("/account/data")).status_code == 200 and time.monotonic() < ends:
        time.sleep(0.2)
    assert answer.status_code == 410
    assert "can never be read again" in answer.text or "cannot be read any more" in answer.text
    vault.forget_opened()
    forget_person(one)


def test_the_only_officer_cannot_go_and_one_of_two_can(officer: Customer, olaf: Make, web: Web) -> None:
    from glasshouse.accounts.models import Account
    from glasshouse.subject import erasure as rights

    others = list(
        Account.objects.filter(staff_role="privacy").exclude(id=officer.actor.account).values_list("id", flat=True)
    )
    Account.objects.filter(id__in=others).update(staff_role="support")
    try:
        assert any("only privacy officer" in text for text in rights.plan(officer.alone).obstacles)
        as_staff(olaf(), "privacy")
        client, page = enter_staff(web(officer)), "/account/data/erase"
        done = post(client, page, page, word="erase").headers["location"]
        assert "You are erased" in client.get(done).text
        assert client.get("/staff/office").status_code == 302
    finally:
        Account.objects.filter(id__in=others).update(staff_role="privacy")


def test_two_erasures_at_once_are_one(customer: Make, join: Join) -> None:
    from django.db import connection

    from glasshouse.subject import erasure as rights
    from glasshouse.subject.models import Erasure

    one, failed = join(customer(), "viewer"), []

    def erase() -> None:
        try:
            rights.erase(one.alone)
        except Exception as error:  # noqa: BLE001 - the one that comes second may find nobody
            failed.append(error)
        connection.close()

    both = [threading.Thread(target=erase) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(failed) <= 1
    rights.finish_erasures()
    assert Erasure.objects.get(person=one.actor.person).done_at


def test_ten_requests_at_once_are_ten_and_then_it_is_slowed(home: Installation) -> None:
    from django.db import connection

    from glasshouse.kernel.errors import ThrottledError
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    address, slowed = "ten-at-once@grower.example", []

    def ask(number: int) -> None:
        try:
            requests.ask(address, "access", "eu", f"{number}", requests.Arrival(network=f"ten-{number}"))
        except ThrottledError as error:
            slowed.append(error)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Request.objects.filter(address_hash=vault.lookup("address", address)).count() + len(slowed) == 10
    assert 1 <= len(slowed) <= 5


def test_an_invitation_that_names_two_people_keeps_its_inviter_when_the_invited_goes(
    customer: Make, join: Join
) -> None:
    """A shared object: the invited person's erasure takes the invitation; the inviter's own data stays as it is."""
    from glasshouse.accounts import api as accounts
    from glasshouse.organisations import invitations
    from glasshouse.subject import erasure as rights
    from glasshouse.subject.inventory import view

    boss = customer()
    one = join(customer(), "viewer")
    invitations.invite(boss.actor, one.address, invitations.Offer("viewer", message="from the boss"))
    assert any("from the boss" in item.value for item in view(replace(one.alone)))
    rights.erase(one.alone)
    assert accounts.person_of(boss.alone).address == boss.address
    from glasshouse.access import api as access
    from glasshouse.organisations.models import Invitation

    with access.organisation_transaction(boss.actor):
        assert not Invitation.objects.filter(organisation_id=boss.organisation).exists()
