"""PRI-15, PRI-16: a buyer's data room hands over what was approved, sealed, until a day; legal requests find guests."""

import json
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from django.db import IntegrityError

from glasshouse.mail.texts import day as written_day
from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, as_staff, enter_staff, forget_recipients, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def _registered(home: Installation) -> Iterator[None]:
    """Takes away again what a test registers."""
    yield
    with administering(home) as link:
        forget_recipients(link)
        link.execute("DELETE FROM rights_demand")


class Buyer(NamedTuple):
    """A buyer with a certificate. key: file of its private key."""

    address: str
    certificate: str
    key: Path

    def opens(self, body: bytes) -> Any:
        """What is in a file that was sealed to the buyer, opened by a program of others."""
        command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", str(self.key)]
        return json.loads(subprocess.run(command, input=body, capture_output=True, check=True).stdout)


@pytest.fixture
def buyer(tmp_path: Path) -> Buyer:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "30", "-subj", "/CN=buyer"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return Buyer(f"{uuid.uuid4().hex[:10]}@buyer.example", certificate.read_text(), key)


def transfer(officer: Customer) -> Any:
    """A business transfer that everybody was told of and whose waiting period is over, for those who are there now."""
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import BusinessTransferNotice, Recipient
    from glasshouse.kernel import clock

    made = business_transfers.open_transfer(officer.actor, "Buyer Ltd", "EU", 40)
    business_transfers.tell_due()
    long_ago = clock.now() - timedelta(days=41)
    dates = {"announced_at": long_ago, "active_from": long_ago + timedelta(days=40)}
    Recipient.objects.filter(id=made.recipient_id).update(**dates)
    BusinessTransferNotice.objects.filter(business_transfer=made).update(at=long_ago)
    return made


def plan(buyer: Buyer, fields: tuple[str, ...] = ("user.name",), days: int = 7) -> Any:
    from glasshouse.privacy_office.data_rooms import Plan

    return Plan(buyer.address, buyer.certificate, list(fields), days)


def link_to(buyer: Buyer) -> str:
    """The secret of the link that was mailed to the buyer."""
    from glasshouse.mail import api as mail

    letter = next(message for message in mail.newest(400) if message.address == buyer.address)
    return re.search(r"/data-room/(\S+)", letter.body)[1]  # type: ignore[index]


def everything(client: httpx.Client, buyer: Buyer, secret: str) -> list[Any]:
    """All persons in a data room, each part fetched by its page."""
    path, persons = f"/data-room/{secret}", []
    for number in re.findall(rf'action="{path}/(\d+)"', client.get(path).text):
        answer = post(client, f"{path}/{number}", path)
        assert answer.status_code == 200, answer.text
        persons += buyer.opens(answer.content)
    return persons


def values(persons: list[Any]) -> set[str]:
    return {row["value"] for person in persons for row in person}


def test_a_buyer_gets_what_two_approved_and_nothing_of_who_objects_or_is_restricted_and_each_fetch_is_on_record(
    officer: Customer, olaf: Make, customer: Make, buyer: Buyer, web: Web
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import api as disclosures
    from glasshouse.privacy_office import data_rooms

    passes, objects, restricted, later = customer(), customer(), customer(), customer()
    hidden = accounts.person_of(restricted.alone).name
    consent.restrict(restricted.alone, "claims", "")
    consent.withdraw(objects.alone, "merger")
    made = transfer(officer)
    after = customer()  # Was not told before the approval below is made of those who were.
    room = data_rooms.prepare(officer.actor, made.id, plan(buyer))
    data_rooms.approve(as_staff(olaf(), "privacy").actor, room.id)
    secret, client = link_to(buyer), web()
    names = {who: accounts.person_of(who.alone).name for who in (passes, objects, later, after)}
    persons = everything(client, buyer, secret)
    assert {names[passes], names[later]} <= values(persons)
    assert not {names[objects], names[after], hidden} & values(persons)
    assert {row["category"] for person in persons for row in person} == {"user.name"}
    assert "@" not in json.dumps(persons), "no address was approved"
    received = disclosures.of_person(passes.actor.person)
    assert any(row.recipient.id == made.recipient_id for row in received)
    assert not any(row.recipient.id == made.recipient_id for row in disclosures.of_person(objects.actor.person))
    consent.withdraw(later.alone, "merger")
    assert names[later] not in values(everything(client, buyer, secret)), "who objects now is in no file from now on"
    state = data_rooms.rooms(officer.actor)[0]
    assert len(state.fetches) >= 2
    assert "person" in enter_staff(web(officer)).get("/staff/recipients").text


def test_nothing_is_handed_over_without_a_second_approval_or_before_the_waiting_period_is_over(
    officer: Customer, olaf: Make, customer: Make, buyer: Buyer
) -> None:
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import DataRoom
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.mail.models import Message
    from glasshouse.privacy_office import data_rooms

    second = as_staff(olaf(), "privacy")
    made = business_transfers.open_transfer(officer.actor, "Buyer Ltd", "EU", 40)
    room = data_rooms.prepare(officer.actor, made.id, plan(buyer))
    with pytest.raises(InvalidError, match="Somebody else"):
        data_rooms.approve(officer.actor, room.id)
    with pytest.raises(InvalidError, match="still time"):
        data_rooms.approve(second.actor, room.id)
    with pytest.raises(NotFoundError):
        data_rooms.approve(customer().actor, room.id)
    with pytest.raises(IntegrityError):
        DataRoom.objects.filter(id=room.id).update(approved_at=room.prepared_at, approved_by=officer.actor.id)
    assert not Message.objects.filter(kind="data-room", key_owner=room.id).exists()


def test_a_data_room_is_prepared_only_from_what_was_announced_and_to_a_strong_certificate(
    officer: Customer, buyer: Buyer
) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.privacy_office import data_rooms

    made = transfer(officer)
    for bad in (
        plan(buyer, ()),
        plan(buyer, ("user.biometric",)),
        plan(buyer, ("user.name", "user.authorization.password")),
        plan(buyer, days=31),
        plan(buyer._replace(certificate="none")),
        plan(buyer._replace(address="nobody")),
    ):
        with pytest.raises(InvalidError):
            data_rooms.prepare(officer.actor, made.id, bad)


@pytest.mark.parametrize("told_days_ago", [0, 39, 41])
def test_who_was_told_less_than_a_waiting_period_before_the_approval_is_in_no_data_room(
    officer: Customer, olaf: Make, customer: Make, buyer: Buyer, web: Web, told_days_ago: int
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import BusinessTransferNotice
    from glasshouse.kernel import clock
    from glasshouse.privacy_office import data_rooms

    early = customer()
    made = transfer(officer)
    late = customer()
    business_transfers.tell_due()
    told_at = clock.now() - timedelta(days=told_days_ago, minutes=1)
    BusinessTransferNotice.objects.filter(key_owner=str(late.actor.person)).update(at=told_at)
    room = data_rooms.prepare(officer.actor, made.id, plan(buyer))
    data_rooms.approve(as_staff(olaf(), "privacy").actor, room.id)
    names = {who: accounts.person_of(who.alone).name for who in (early, late)}
    handed_over = values(everything(web(), buyer, link_to(buyer)))
    assert names[early] in handed_over
    assert (names[late] in handed_over) is (told_days_ago == 41)


def test_who_is_told_late_is_told_a_day_that_leaves_all_the_time(officer: Customer, customer: Make) -> None:
    from glasshouse.disclosures import business_transfers
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail

    transfer(officer)
    late = customer()
    business_transfers.tell_due()
    day = written_day(clock.now() + timedelta(days=40))
    assert any(f"From {day}" in " ".join(row.body.split()) for row in mail.newest(200) if row.address == late.address)


def test_each_refusal_names_a_field_of_the_form(officer: Customer, buyer: Buyer) -> None:
    from glasshouse.access.pages import pages
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.privacy_office import data_rooms

    import_module("glasshouse.web.urls")
    made, named = transfer(officer), set()
    (form,) = (page for page in pages() if page.name == "prepare_data_room")
    for bad in (plan(buyer, ()), plan(buyer, days=31), plan(buyer._replace(certificate="none"))):
        with pytest.raises(InvalidError) as refused:
            data_rooms.prepare(officer.actor, made.id, bad)
        named.add(refused.value.field)
    assert named == {"fields", "days", "certificate"} <= {asked.field for asked in form.asks}


@pytest.mark.parametrize("end", ["revoked", "over", "closed"])
def test_a_data_room_ends(officer: Customer, olaf: Make, customer: Make, buyer: Buyer, web: Web, end: str) -> None:
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import DataRoom, DataRoomFetch
    from glasshouse.kernel import clock
    from glasshouse.privacy_office import data_rooms

    customer()
    made = transfer(officer)
    room = data_rooms.prepare(officer.actor, made.id, plan(buyer))
    data_rooms.approve(as_staff(olaf(), "privacy").actor, room.id)
    path, client = f"/data-room/{link_to(buyer)}", web()
    assert client.get(path).status_code == 200
    if end == "revoked":
        data_rooms.revoke(officer.actor, room.id)
    elif end == "over":
        DataRoom.objects.filter(id=room.id).update(ends_at=clock.now() - timedelta(seconds=1))
    else:
        business_transfers.close(officer.actor, made.id)
    assert client.get(path).status_code == 403
    assert post(client, f"{path}/1", "/privacy").status_code == 403
    assert not DataRoomFetch.objects.filter(data_room=room).exists()
    assert client.get("/data-room/" + "x" * 43).status_code == 404


def test_the_officers_pages_prepare_approve_and_close_a_data_room(
    officer: Customer, olaf: Make, buyer: Buyer, web: Web
) -> None:
    from glasshouse.disclosures.models import DataRoom

    made, page = transfer(officer), "/staff/recipients"
    client, second = enter_staff(web(officer)), enter_staff(web(as_staff(olaf(), "privacy")))
    fields = {"contact": buyer.address, "certificate": buyer.certificate, "days": "7", "fields": "user.name"}
    answer = post(client, f"/staff/business-transfers/{made.id}/data-room", page, **fields)
    assert answer.status_code == 302, answer.text
    room = DataRoom.objects.get()
    assert "Approve it" not in client.get(page).text
    assert "Approve it" in second.get(page).text
    assert post(second, f"/staff/data-rooms/{room.id}/approve", page).status_code == 302
    assert "Open until" in client.get(page).text
    assert post(client, f"/staff/data-rooms/{room.id}/revoke", page).status_code == 302
    assert "Open until" not in client.get(page).text


# -- legal requests about guests -----------------------------------------------------------------------------------


def guest_request(officer: Customer, olaf: Make, address: str, asked: str, **more: Any) -> Any:
    """An answered legal request about an address."""
    from glasshouse.authorities import api as legal_requests

    facts = legal_requests.Facts(address, "The court", "nl", "Art. 1", [asked], **more)
    made = legal_requests.enter(officer.actor, facts)
    for who in (officer, as_staff(olaf(), "security")):
        done = legal_requests.review(who.actor, made.id, "answer", [asked], "covered")
    return done


def guest(officer: Customer) -> str:
    """An address without an account of which a source told us something."""
    from glasshouse.sources import api as sources

    address = f"{uuid.uuid4().hex[:12]}@grower.example"
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "knowing whom to invite")
    sources.bring_in(officer.actor, source.id, f"address,company\n{address},Secret Farm\n")
    return address


def told(address: str) -> list[str]:
    from glasshouse.mail import api as mail

    return [row.body for row in mail.newest(400) if row.address == address and "The court" in row.body]


def test_a_legal_request_finds_a_guest_hands_over_the_least_and_tells_them(officer: Customer, olaf: Make) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.disclosures import api as disclosures
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.vault import api as vault

    address = guest(officer)
    done = guest_request(officer, olaf, address, "user.contact")
    assert done.outcome == "answered"
    rows = json.loads(legal_requests.fetch(officer.actor, done.id).body)
    assert [row["value"] for row in rows] == ["Secret Farm"]
    assert told(address)
    received = disclosures.of_person(KeyOwnerId(""), vault.lookup("address", address))
    assert any("An authority" in row.recipient.name for row in received)


def test_a_guest_is_told_when_a_bar_has_ended(officer: Customer, olaf: Make) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.authorities.models import LegalRequest
    from glasshouse.kernel import clock

    address, until = guest(officer), clock.now().date() + timedelta(days=9)
    done = guest_request(officer, olaf, address, "user.contact", barred_until=until)
    assert done.outcome == "answered"
    assert not told(address)
    LegalRequest.objects.filter(id=done.id).update(barred_until=clock.now().date() - timedelta(days=2))
    assert legal_requests.tell_due() == 1
    assert len(told(address)) == 1


def test_a_legal_request_about_somebody_of_whom_nothing_is_held_gives_nothing(officer: Customer, olaf: Make) -> None:
    address = guest(officer)
    done = guest_request(officer, olaf, address, "user.name")
    assert (done.outcome, done.blob) == ("nothing", "")
    assert not told(address)
