"""PRI-15, PRI-16: nothing leaves but by the gate; providers announced; demands reviewed by two, narrowed, told.

The business transfer.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, IntegrityError

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, as_staff, enter_staff, forget_recipients, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def _kept(home: Installation) -> Iterator[None]:
    """Takes away again what a test registers."""
    yield
    with administering(home) as link:
        forget_recipients(link)
        link.execute("DELETE FROM rights_demand")


def entry(**more: object):  # type: ignore[no-untyped-def]
    from glasshouse.disclosures.api import Entry

    texts = {
        "name": "Text Co",
        "what": "Sends texts.",
        "region": "EU",
        "agreement": "DPA 1",
        "safeguard": "TLS",
        "purpose": "texts",
        "basis": "contract",
    }
    fields = ["user.contact.phone_number", "user.content.private"]
    given: dict[str, object] = {
        "kind": "provider",
        "texts": texts,
        "fields": fields,
        "channels": ["text:twilio"],
        "wait_days": 14,
        "agreed_on": "2026-01-31",
    }
    return Entry(**{**given, **more})  # type: ignore[arg-type]


def test_a_text_message_leaves_only_once_its_provider_is_registered_and_its_time_has_come(
    customer: Make, officer: Customer, monkeypatch: pytest.MonkeyPatch, settings_of: Callable[..., None]
) -> None:
    from glasshouse.accounts import texts
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient
    from glasshouse.kernel import clock
    from glasshouse.kernel.gate import UncoveredError

    one, sent = customer(), []
    settings_of(TEXT_PROVIDER="twilio:a:b")
    monkeypatch.setattr(texts.Twilio, "send", lambda self, number, text: sent.append(number))
    from django.db import transaction

    def send() -> None:
        with transaction.atomic():
            texts.send(one.actor.person, "+31612345678", "code")

    with pytest.raises(UncoveredError):
        send()
    made = disclosures.add(officer.actor, entry())
    with pytest.raises(UncoveredError):
        send()
    assert sent == []
    Recipient.objects.filter(id=made.id).update(
        announced_at=clock.now() - timedelta(days=15), active_from=clock.now() - timedelta(days=1)
    )
    send()
    assert sent == ["+31612345678"]
    row = disclosures.of_person(one.actor.person)[0]
    assert (row.recipient.id, row.times) == (made.id, 1)
    disclosures.end(officer.actor, made.id)
    with pytest.raises(UncoveredError):
        send()


@pytest.fixture
def settings_of() -> Iterator[Callable[..., None]]:
    """Sets settings for the length of a test."""
    from django.test import override_settings

    opened = []

    def change(**values: str) -> None:
        one = override_settings(**values)
        one.enable()
        opened.append(one)

    yield change
    for one in reversed(opened):
        one.disable()


@pytest.mark.usefixtures("home")
def test_a_gate_that_nobody_keeps_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel import gate
    from glasshouse.kernel.ids import KeyOwnerId

    monkeypatch.setattr(gate, "_gatekeepers", [])
    with pytest.raises(gate.UncoveredError):
        gate.leave(gate.Egress("mail", KeyOwnerId("x"), frozenset()))


def test_a_road_that_is_registered_for_less_lets_no_more_out(officer: Customer, customer: Make) -> None:
    from django.db import transaction

    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient
    from glasshouse.kernel import clock, gate

    one = customer()
    made = disclosures.add(officer.actor, entry(fields=["user.contact.phone_number"]))
    long_ago = clock.now() - timedelta(days=20)
    Recipient.objects.filter(id=made.id).update(announced_at=long_ago, active_from=long_ago)
    number, words = "user.contact.phone_number", "user.content.private"
    with pytest.raises(gate.UncoveredError, match="What was written"), transaction.atomic():
        gate.leave(gate.Egress("text:twilio", one.actor.person, frozenset({number, words})))
    with pytest.raises(gate.UncoveredError), transaction.atomic():
        gate.leave(gate.Egress("text:vonage", one.actor.person, frozenset({number})))
    assert disclosures.of_person(one.actor.person) == []
    with transaction.atomic():
        gate.leave(gate.Egress("text:twilio", one.actor.person, frozenset({number})))
    assert disclosures.of_person(one.actor.person)[0].recipient.id == made.id


def test_an_entry_that_is_not_whole_is_refused(officer: Customer, customer: Make, olaf: Make) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.kernel.errors import InvalidError, NotFoundError

    texts = entry().texts
    for bad in (
        entry(kind="friend"),
        entry(texts=texts | {"agreement": ""}),
        entry(texts=texts | {"safeguard": " "}),
        entry(agreed_on=""),
        entry(agreed_on="31 January"),
        entry(agreed_on="2026-01-31 or so"),
        entry(agreed_on="2026-01-311"),
        entry(agreed_on="2026-01-31T00:00"),
        entry(agreed_on="2999-01-01"),
        entry(kind="other", agreed_on=""),  # Whoever something can be sent to needs one, of whatever kind.
        entry(texts=texts | {"region": " "}),
        entry(fields=[]),
        entry(fields=["nonsense"]),
        entry(channels=["pigeon"]),
        entry(wait_days=3),
    ):
        with pytest.raises(InvalidError):
            disclosures.add(officer.actor, bad)
    for stranger in (customer(), olaf()):
        with pytest.raises(NotFoundError):
            disclosures.add(stranger.actor, entry())


def test_the_database_holds_what_a_recipient_needs_before_anything_goes_there(officer: Customer) -> None:
    from django.db import IntegrityError, transaction

    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient

    number = disclosures.add(officer.actor, entry()).id
    lacking: list[dict[str, object]] = [
        {"agreement": None},
        {"agreement": ""},
        {"agreed_on": None},
        {"safeguard": None},
        {"safeguard": ""},
        {"region": ""},
        {"kind": "other", "agreed_on": None},
        {"kind": "group", "channels": [], "safeguard": None},
    ]
    for changes in lacking:
        row = Recipient.objects.get(id=number)
        for name, value in changes.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def test_what_was_registered_under_earlier_rules_goes_on_and_says_so_to_the_officer(
    officer: Customer, web: Web, home: Installation
) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient

    number = disclosures.add(officer.actor, entry()).id
    with administering(home) as link:
        link.execute(
            "UPDATE disclosures_recipient SET earlier_rules = true, agreed_on = NULL, safeguard = NULL WHERE id = %s",
            [number],
        )
    assert "Registered before a dated agreement" in enter_staff(web(officer)).get("/staff/recipients").text
    disclosures.end(officer.actor, number)
    assert Recipient.objects.get(id=number).ended_at is not None


def test_the_form_of_subscribers_records_the_notice_that_it_showed(web: Web) -> None:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    for shown, address in (
        ("1", "shown@reader.example"),
        ("999", "forged@reader.example"),
        ("x", "odd@reader.example"),
    ):
        assert 'name="notice" value="1"' in web().get("/trust/providers").text
        assert post(web(), "/trust/providers", "/trust/providers", address=address, notice=shown).status_code == 200
        row = Subscriber.objects.get(address_hash=vault.lookup("address", address))
        assert row.notice_version == 1, "the one in force, where the form names none that ever was"


def test_who_subscribed_hears_of_a_new_provider_and_stops_with_the_same_link(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import api as disclosures
    from glasshouse.mail import api as mail

    one, client = customer(), web()
    consent.give(one.alone, "provider-news")
    address = f"reader-{one.actor.person}@grower.example"
    assert "Check your email" in post(client, "/trust/providers", "/trust/providers", address=address).text
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    assert "You get no such email" in client.get(path).text, "opening the link begins nothing"

    def told() -> set[str]:
        mails = {row.address for row in mail.newest(300) if row.kind == "providers" and "Text Co" in row.body}
        return mails & {one.address, address}  # Other tests' subscribers live in the same service.

    disclosures.add(officer.actor, entry())
    assert told() == {one.address}
    assert "We tell you of each new provider" in post(client, f"{path}/begin", path).text
    disclosures.add(officer.actor, entry())
    assert told() == {one.address, address}
    consent.withdraw(one.alone, "provider-news")
    assert "You get no such email" in post(client, f"{path}/end", path).text

    def mails() -> int:
        return sum(row.kind == "providers" and row.address in (one.address, address) for row in mail.newest(400))

    before = mails()
    disclosures.add(officer.actor, entry())
    assert mails() == before
    page = client.get("/trust/providers").text
    assert "Text Co" in page
    assert "Announced" in page
    unknown = "/trust/providers/" + "x" * 43
    assert client.get(unknown).status_code == 404
    assert post(client, f"{unknown}/begin", "/privacy").status_code == 404


def test_recipients_are_told_of_an_erasure(officer: Customer, customer: Make, join: Join) -> None:
    from django.db import transaction

    from glasshouse.disclosures import api as disclosures
    from glasshouse.mail import api as mail
    from glasshouse.subject import erasure as rights

    one = join(customer(), "viewer")
    made = disclosures.add(
        officer.actor, entry(kind="customer", texts=entry().texts | {"contact": "dpo@partner.example"}, wait_days=0)
    )
    with transaction.atomic():
        disclosures.note(one.actor.person, made)
    rights.erase(one.alone)
    letter = next(row for row in mail.newest(400) if row.address == "dpo@partner.example")
    assert one.address in letter.body


def test_what_was_disclosed_stands_on_the_persons_page_and_in_the_copy(
    officer: Customer, customer: Make, web: Web
) -> None:
    from django.db import transaction

    from glasshouse.disclosures import api as disclosures
    from glasshouse.subject.inventory import view

    one = customer()
    made = disclosures.add(officer.actor, entry(kind="other", wait_days=0))
    with transaction.atomic():
        disclosures.note(one.actor.person, made)
        disclosures.note(one.actor.person, made)
    assert "Text Co (EU): texts, 2 times" in web(one).get("/account/data/choices").text
    assert any(item.label == "Disclosure" and "Text Co" in item.value for item in view(one.alone))


# -- demands -------------------------------------------------------------------------------------------------------


def legal_request(officer: Customer, one: Customer, **more: object):  # type: ignore[no-untyped-def]
    from glasshouse.authorities import api as legal_requests

    asked = ["user.name", "user.contact.email", "user.device"]
    given: dict[str, object] = {
        "address": one.address,
        "authority": "The court",
        "country": "nl",
        "grounds": "Art. 1",
        "asked": asked,
    }
    return legal_requests.enter(officer.actor, legal_requests.Facts(**{**given, **more}))  # type: ignore[arg-type]


def test_a_demand_is_answered_by_two_with_the_least_and_told(
    officer: Customer, olaf: Make, customer: Make, web: Web
) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.authorities.models import LegalRequest
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.mail import api as mail

    LegalRequest.objects.all().delete()  # Of other tests: the report counts them all.
    one, second = customer(), as_staff(olaf(), "security")
    made = legal_request(officer, one)
    called = [
        row for row in mail.newest(400) if row.address == second.address and "waits for review" in (row.subject or "")
    ]
    assert called
    assert one.address not in called[0].body
    assert "Legal requests" in enter_staff(web(second)).get("/account").text, "a reviewer finds the way there"
    legal_requests.review(officer.actor, made.id, "answer", ["user.name", "user.contact.email"], "covered")
    with pytest.raises(InvalidError, match="second person"):
        legal_requests.review(officer.actor, made.id, "answer", ["user.name"], "again")
    with pytest.raises(NotFoundError):
        legal_requests.review(olaf().actor, made.id, "answer", ["user.name"], "support")
    with pytest.raises(NotFoundError):
        legal_requests.fetch(officer.actor, made.id)
    done = legal_requests.review(second.actor, made.id, "answer", ["user.name", "user.device"], "the name is enough")
    assert (done.outcome, done.narrowed) == ("answered", ["user.name"])
    _, body = legal_requests.fetch(officer.actor, made.id)
    values = json.loads(body)
    assert {row["category"] for row in values} == {"user.name"}
    assert one.address not in body.decode()
    letter = next(row for row in mail.newest(400) if row.address == one.address)
    assert "The court" in letter.body
    assert "An authority, legal request" in web(one).get("/account/data/choices").text
    assert "An authority, legal request" not in web().get("/trust/providers").text
    year = legal_requests.report()[0]
    assert (year.received, year.outcomes, year.persons_told) == (1, {"answered": 1}, 1)
    assert "NL 1" in web().get("/trust/legal-requests").text


def test_one_refusal_is_enough_and_nothing_goes(officer: Customer, olaf: Make, customer: Make) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.mail import api as mail

    one, second = customer(), as_staff(olaf(), "security")
    made = legal_request(officer, one)
    legal_requests.review(officer.actor, made.id, "answer", ["user.name"], "covered")
    done = legal_requests.review(second.actor, made.id, "refuse", ["user.name"], "no ground in law")
    assert (done.outcome, done.narrowed, done.blob) == ("refused", [], "")
    with pytest.raises(NotFoundError):
        legal_requests.fetch(officer.actor, made.id)
    assert all(
        row.subject != "An authority received data about you" for row in mail.newest(400) if row.address == one.address
    )


def test_a_bar_keeps_it_unsaid_until_it_ends_and_then_it_is_told(
    officer: Customer, olaf: Make, customer: Make, web: Web
) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.authorities.models import LegalRequest
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.promises.checks import authorities as authority_checks
    from glasshouse.promises.findings import Steps
    from glasshouse.subject.inventory import view

    one, second = customer(), as_staff(olaf(), "security")
    until = clock.now().date() + timedelta(days=30)
    made = legal_request(officer, one, barred_until=until)
    for who in (officer, second):
        legal_requests.review(who.actor, made.id, "answer", ["user.name"], "covered")
    legal_requests.tell_due()
    assert all("authority" not in row.subject for row in mail.newest(400) if row.address == one.address)
    assert not any("The court" in item.value or "authority" in item.value.lower() for item in view(one.alone))
    assert "authority, legal request" not in web(one).get("/account/data/choices").text

    def seen() -> list[str]:
        steps = Steps()
        authority_checks._stored(steps)
        return steps.wrong

    assert seen() == []
    LegalRequest.objects.filter(id=made.id).update(barred_until=clock.now().date() - timedelta(days=3))
    assert any("no bar that has ended is forgotten" in line for line in seen()), "nobody told the person"
    assert legal_requests.tell_due() == 1
    assert legal_requests.tell_due() == 0
    assert seen() == []
    assert any("The court" in row.body for row in mail.newest(400) if row.address == one.address)


def test_the_database_holds_the_rules_of_demands(officer: Customer, customer: Make) -> None:
    from glasshouse.authorities.models import LegalRequest

    made = legal_request(officer, customer())
    rows = LegalRequest.objects.filter(id=made.id)
    for wrong in (
        {"first_by": "a", "second_by": "a"},
        {"outcome": "answered", "narrowed": ["user.name"]},
        {
            "outcome": "answered",
            "first_by": "a",
            "second_by": "b",
            "first_verdict": "answer",
            "second_verdict": "answer",
        },
    ):
        with pytest.raises(IntegrityError):
            rows.update(**wrong)


def test_a_demand_about_nobody_or_with_wrong_words(officer: Customer, olaf: Make, customer: Make) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.kernel.errors import InvalidError

    one, second = customer(), as_staff(olaf(), "security")
    for wrong in ({"asked": ["nonsense"]}, {"country": "NLD"}, {"authority": " "}, {"address": "nobody"}):
        with pytest.raises(InvalidError):
            legal_request(officer, one, **wrong)
    made = legal_request(officer, one, address="not-here@grower.example")
    for who in (officer, second):
        done = legal_requests.review(who.actor, made.id, "answer", ["user.name"], "covered")
    assert done.outcome == "nothing"


def test_demands_and_recipients_on_the_officers_pages(officer: Customer, customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.authorities.models import LegalRequest

    one = customer()
    client = enter_staff(web(officer))
    page = "/staff/legal-requests"
    fields = {"address": one.address, "authority": "The court", "country": "NL", "grounds": "Art. 1"}
    assert post(client, page, page, **fields).status_code == 400
    assert post(client, page, page, **fields, asked="user.name", barred_until="soon").status_code == 400
    assert post(client, page, page, **fields, asked="user.name").status_code == 302
    made = LegalRequest.objects.get()
    assert (
        post(client, f"{page}/{made.id}/review", page, verdict="answer", reasons="yes", allowed="user.name").status_code
        == 302
    )
    other = enter_staff(web(as_staff(olaf(), "security")))
    assert (
        post(other, f"{page}/{made.id}/review", page, verdict="answer", reasons="yes", allowed="user.name").status_code
        == 302
    )
    assert "glass" not in client.get(f"/staff/legal-requests/{made.id}").text
    assert client.get(f"/staff/legal-requests/{made.id}").status_code == 200
    assert enter_staff(web(olaf())).get(page).status_code == 404
    register = "/staff/recipients"
    fields = entry().texts | {"agreed_on": "2026-01-31", "kind": "provider", "fields": "user.name", "wait_days": "3"}
    assert post(client, register, register, **fields).status_code == 400
    assert post(client, register, register, **fields | {"wait_days": "30"}).status_code == 302
    assert "Text Co" in client.get(register).text
    assert enter_staff(web(olaf())).get(register).status_code == 404


# -- the business transfer -----------------------------------------------------------------------------------------------


def test_everybody_is_told_of_a_sale_and_who_objects_stays_out(officer: Customer, customer: Make) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import business_transfers
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.mail import api as mail

    one, other, third = customer(), customer(), customer()
    consent.restrict(third.alone, "claims", "")
    with pytest.raises(InvalidError, match="30 to 365 days"):
        business_transfers.open_transfer(officer.actor, "Buyer", "EU", 5)
    room = business_transfers.open_transfer(officer.actor, "Buyer", "EU", 40)
    with pytest.raises(InvalidError, match="open already"):
        business_transfers.open_transfer(officer.actor, "Buyer", "EU", 40)
    business_transfers.tell_due()
    assert business_transfers.tell_due() == 0, "nobody is told twice"
    addresses = [row.address for row in mail.newest(500) if "may take over" in (row.subject or "")]
    assert {one.address, other.address} <= set(addresses)
    assert officer.address not in addresses
    consent.withdraw(one.alone, "merger")
    assert [business_transfers.would_pass(row.actor.person) for row in (one, other, third)] == [
        "objected",
        "passes",
        "restricted",
    ]
    shown = business_transfers.transfers(officer.actor)[0]
    assert shown.persons_told == shown.people
    assert shown.objected >= 1
    assert "Name" in shown.categories
    business_transfers.close(officer.actor, room.id)
    with pytest.raises(DatabaseError):
        from glasshouse.disclosures import api as disclosures

        disclosures.note(other.actor.person, room.recipient)  # the waiting time is not over
