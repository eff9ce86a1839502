"""PRI-18, PRI-24: a legal hold is told, and obeyed by every way of erasing; what waits for its end is done then."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, transaction

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, carried_out_again, post, prove_link
from tests.promises.test_strangers import proved

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
REASON = "The court of Arnhem, case 12"


def hold(officer: Customer, whom: str, days: int = 30, until: timedelta | None = None) -> str:
    """The id of a hold that the officer places; until: for how long telling is barred."""
    from glasshouse.kernel import clock
    from glasshouse.privacy_office import held as desks
    from glasshouse.retention.legal_holds import Bar, Order
    from glasshouse.retention.models import LegalHold

    bar = Bar("Art. 5 of the act", (clock.now() + until).date()) if until else None
    desks.place(officer.actor, whom, Order(officer.actor.id, REASON, days, bar, beside=True))
    return str(LegalHold.objects.order_by("-created_at", "-id").first().id)  # type: ignore[union-attr]


def lapse(number: str) -> None:
    """As if the hold's last day had come."""
    from glasshouse.kernel import clock
    from glasshouse.retention.models import LegalHold

    LegalHold.objects.filter(id=number).update(ends_at=clock.now() - timedelta(minutes=1))


def subjects(address: str) -> list[str]:
    """Subjects of the mails to an address, the newest first."""
    from glasshouse.mail import api as mail

    return [str(message.subject) for message in mail.newest(400) if message.address == address]


def fresh_address() -> str:
    return f"{uuid.uuid4().hex[:12]}@grower.example"


def is_there(person: Customer) -> bool:
    from glasshouse.accounts.models import Person

    return Person.objects.filter(id=person.actor.person).exists()


def test_a_person_is_told_by_mail_of_a_hold_and_of_its_end(officer: Customer, customer: Make) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.privacy_office import held as desks

    one = customer()
    number = hold(officer, one.address)
    placed = next(message for message in mail.newest(400) if message.address == one.address)
    assert "legal hold" in placed.subject
    assert REASON in placed.body
    desks.end(officer.actor, number)
    assert "A legal hold has ended" in subjects(one.address)


def test_a_hold_that_lapses_is_told_once(officer: Customer, customer: Make) -> None:
    from glasshouse.retention import legal_holds

    one = customer()
    lapse(hold(officer, one.address))
    legal_holds.tell_due()
    legal_holds.tell_due()
    assert subjects(one.address).count("A legal hold has ended") == 1


def test_a_bar_needs_a_reason_and_an_end_and_keeps_the_hold_unsaid_until_then(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.privacy_office import held as desks
    from glasshouse.retention import legal_holds
    from glasshouse.retention.legal_holds import Bar, Order
    from glasshouse.subject.inventory import view

    one = customer()
    for bar in (Bar("", clock.now().date() + timedelta(days=3)), Bar("An act", clock.now().date())):
        with pytest.raises(InvalidError):
            desks.place(officer.actor, one.address, Order(officer.actor.id, REASON, 9, bar))
    hold(officer, one.address, until=timedelta(days=5))
    legal_holds.tell_due()
    assert not any("legal hold" in subject.lower() for subject in subjects(one.address))
    assert not any(REASON in item.value or "hold" in item.label.lower() for item in view(one.alone))
    client = web(one)
    assert REASON not in client.get("/account/data").text
    assert REASON not in client.get("/account/data/erase").text
    assert (
        post(client, "/account/data/erase", "/account/data/erase", word="erase").headers["location"] == "/account/data"
    )
    assert "for reasons in law" in client.get("/account/data").text
    with clock.frozen(clock.now() + timedelta(days=6)):
        legal_holds.tell_due()
    assert any("legal hold" in subject.lower() for subject in subjects(one.address))
    assert any(REASON in item.value for item in view(one.alone))


def test_an_erasure_asked_on_the_own_page_waits_is_shown_and_is_done_at_the_end(
    officer: Customer, customer: Make, join: Join, web: Web
) -> None:
    from glasshouse.subject import waiting
    from glasshouse.subject.models import Erasure

    one = join(customer(), "viewer")
    number, client = hold(officer, one.address), web(one)
    assert REASON in client.get("/account/data/erase").text
    assert post(client, "/account/data/erase", "/account/data/erase", word="erase").status_code == 302
    page = client.get("/account/data").text
    assert "You need not ask again" in page
    assert REASON in page
    waiting.finish_due()
    assert is_there(one)
    assert not Erasure.objects.filter(person=one.actor.person).exists()
    lapse(number)
    waiting.finish_due()
    assert not is_there(one)
    assert "You are erased" in subjects(one.address)
    assert Erasure.objects.get(person=one.actor.person).done_at is not None
    assert waiting.finish_due() == 0


def test_who_waits_may_change_their_mind(officer: Customer, customer: Make, join: Join, web: Web) -> None:
    from glasshouse.subject import waiting

    one = join(customer(), "viewer")
    number, client = hold(officer, one.address), web(one)
    post(client, "/account/data/erase", "/account/data/erase", word="erase")
    assert post(client, "/account/data/erase/withdraw", "/account/data").status_code == 302
    lapse(number)
    waiting.finish_due()
    assert is_there(one)


def test_a_large_erasure_under_way_stops_at_a_hold(officer: Customer, customer: Make, join: Join) -> None:
    """The row in the ledger is there, as where the worker takes it up."""
    from glasshouse.kernel import clock
    from glasshouse.subject import erasure as rights
    from glasshouse.subject.models import Erasure

    one = join(customer(), "viewer")
    number = hold(officer, one.address)
    Erasure.objects.create(person=one.actor.person, account=one.actor.account, begun_at=clock.now())
    rights.finish_erasures()
    assert is_there(one)
    lapse(number)
    rights.finish_erasures()
    assert not is_there(one)


def test_a_restored_backup_with_a_hold_of_before_brings_nobody_back(
    officer: Customer, customer: Make, join: Join
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.ledger import api as ledger
    from glasshouse.retention.models import LegalHold
    from glasshouse.vault.keys.kinds import LineKind

    one = join(customer(), "viewer")
    number = hold(officer, one.address)
    LegalHold.objects.filter(id=number).update(created_at=clock.now() - timedelta(days=2))
    ledger.enter(LineKind.ERASURE, str(one.actor.person))
    carried_out_again()
    assert not is_there(one)


def test_a_hold_on_a_member_keeps_the_organisation(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel.ids import OrganisationId
    from glasshouse.retention.legal_holds import HeldError
    from glasshouse.subject import closing, waiting

    one = customer()
    number, client = hold(officer, one.address), web(one)
    page, name = f"/o/{one.organisation}/settings", access.organisations_of(one.alone)[0].name
    assert post(client, f"/o/{one.organisation}/close", page, name=name).headers["location"] == page
    assert "You need not ask again" in client.get(page).text
    with pytest.raises(HeldError):
        closing.close_organisation(OrganisationId(one.organisation))
    waiting.finish_due()
    assert one.organisation in access.all_organisations()
    lapse(number)
    waiting.finish_due()
    assert one.organisation not in access.all_organisations()
    assert any("is closed" in subject for subject in subjects(one.address))


def test_a_hold_on_an_organisation_tells_its_administrators_and_keeps_its_last_member(
    officer: Customer, customer: Make
) -> None:
    from glasshouse.access import api as access
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import waiting

    one = customer()
    number = hold(officer, one.organisation)
    assert any("legal hold" in subject for subject in subjects(one.address))
    assert rights.erase(one.alone).waits
    waiting.finish_due()
    assert one.organisation in access.all_organisations()
    assert is_there(one)
    lapse(number)
    waiting.finish_due()
    assert one.organisation not in access.all_organisations()
    assert not is_there(one)


def test_a_hold_on_somebody_whom_an_organisation_invited_keeps_it_and_is_told_to_nobody_else(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.organisations import invitations
    from glasshouse.subject import erasure as rights

    one, address = customer(), fresh_address()
    invitations.invite(one.actor, address, invitations.Offer("viewer"))
    hold(officer, address)
    assert rights.erase(one.alone).waits
    client = web(one)
    assert "You need not ask again" in client.get("/account/data").text
    for page in ("/account/data", "/account/data/erase", f"/o/{one.organisation}/settings"):
        assert REASON not in client.get(page).text, page


def test_the_closing_of_an_organisation_can_be_withdrawn(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.subject import waiting

    one = customer()
    number, client = hold(officer, one.organisation), web(one)
    page, name = f"/o/{one.organisation}/settings", access.organisations_of(one.alone)[0].name
    post(client, f"/o/{one.organisation}/close", page, name=name)
    assert REASON in client.get(page).text
    assert post(client, f"/o/{one.organisation}/close/withdraw", page).status_code == 302
    lapse(number)
    waiting.finish_due()
    assert one.organisation in access.all_organisations()


def test_a_guests_address_without_account_is_held_and_told_and_erased_at_the_end(
    officer: Customer, home: Installation, web: Web
) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject import waiting
    from glasshouse.vault import api as vault

    address, client = fresh_address(), web()
    mark = vault.lookup("address", address)
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "knowing whom to invite")
    sources.bring_in(officer.actor, source.id, f"address,company\n{address},Secret Farm\n")
    number = hold(officer, address)
    assert any("legal hold" in subject for subject in subjects(address))
    _, own = proved(client, address)
    assert REASON in client.get(own).text
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert "You need not ask again" in client.get(own).text
    assert ThirdPartyData.objects.filter(address_hash=mark).exists()
    post(client, f"{own}/object", own)
    assert ThirdPartyData.objects.filter(address_hash=mark).exists(), "an objection deletes nothing that is held"
    assert vault.generations_of(ThirdPartyData.objects.get(address_hash=mark).key_owner)
    waiting.finish_due()
    assert ThirdPartyData.objects.filter(address_hash=mark).exists()
    lapse(number)
    waiting.finish_due()
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert subjects(address) == ["What we held of your address is erased"]
    assert Message.objects.filter(address_hash=mark).count() == 1


def test_what_was_objected_to_under_a_hold_goes_when_it_ends(officer: Customer, home: Installation) -> None:
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject import waiting
    from glasshouse.vault import api as vault

    address = fresh_address()
    mark = vault.lookup("address", address)
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "knowing whom to invite")
    sources.bring_in(officer.actor, source.id, f"address,company\n{address},Secret Farm\n")
    number = hold(officer, address)
    with transaction.atomic():
        sources.forget_address(mark)
    waiting.finish_due()
    assert ThirdPartyData.objects.filter(address_hash=mark).exists()
    lapse(number)
    waiting.finish_due()
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()


def test_a_deletion_run_keeps_what_lies_under_other_keys_and_is_found_by_the_address(
    officer: Customer, customer: Make
) -> None:
    from glasshouse.access import api as access
    from glasshouse.disclosures.models import Disclosure, Recipient
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.organisations import invitations
    from glasshouse.organisations.models import Invitation
    from glasshouse.retention import api as retention
    from glasshouse.vault import api as vault

    one, other, free = customer(), customer(), customer()
    long_ago = clock.now() - timedelta(days=1200)
    hold(officer, one.address)
    for who in (one, free):
        invitations.invite(other.actor, who.address, invitations.Offer("viewer"))
        recipient = Recipient.objects.filter(written_by="installation").first()
        Disclosure.objects.create(key_owner=who.actor.person, recipient=recipient, first_at=long_ago, last_at=long_ago)
    hashes = [vault.lookup("address", who.address) for who in (one, free)]
    Message.objects.filter(address_hash__in=hashes).update(created_at=long_ago, sent_at=long_ago)
    with access.organisation_transaction(other.actor):
        Invitation.objects.filter(address_hash__in=hashes).update(expires_at=long_ago)
    retention.run_deletions()

    def left(model: type, **named: object) -> int:
        with access.organisation_transaction(other.actor):
            return int(model.objects.filter(**named).count())  # type: ignore[attr-defined]

    assert left(Message, address_hash=hashes[0]) >= 2
    assert left(Message, address_hash=hashes[1]) == 0
    assert [left(Invitation, address_hash=mark) for mark in hashes] == [1, 0]
    assert [left(Disclosure, key_owner=who.actor.person) for who in (one, free)] == [1, 0]


def test_a_key_that_seals_nothing_any_more_stays_while_its_owner_is_held(officer: Customer, customer: Make) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.retention import api as retention
    from glasshouse.retention.models import LegalHold
    from glasshouse.vault import api as vault

    number = hold(officer, fresh_address())
    key_owner = KeyOwnerId(LegalHold.objects.get(id=number).key_owner)
    bare = KeyOwnerId(uuid.uuid4().hex[:16].translate(str.maketrans("ilou", "abcd")))
    vault.ensure_key(bare)
    LegalHold.objects.filter(id=number).update(key_owner=bare)
    for owner in (bare, key_owner):
        vault.age(owner, clock.now() - timedelta(days=3))
    retention.run_deletions()
    assert vault.generations_of(bare)
    lapse(number)
    retention.run_deletions()
    assert not vault.generations_of(bare)


def test_a_change_of_address_deletes_nothing_of_who_is_held(officer: Customer, customer: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.organisations import invitations
    from glasshouse.subject import rectification
    from glasshouse.vault import api as vault

    one, other, new = customer(), customer(), fresh_address()
    mark = vault.lookup("address", one.address)
    invitations.invite(other.actor, one.address, invitations.Offer("viewer"))
    hold(officer, one.address)
    Message.objects.filter(address_hash=mark).update(sent_at=clock.now())
    count = Message.objects.filter(address_hash=mark).exclude(key_owner=one.actor.person).count()
    assert count
    accounts.ask_change(one.alone, new, one.password)
    rectification.rectify_address(one.alone, prove_link(new, "change"))
    assert Message.objects.filter(address_hash=mark).exclude(key_owner=one.actor.person).count() == count
    assert access.organisations_of(one.alone)


def test_the_database_refuses_to_delete_a_held_person_or_organisation(officer: Customer, customer: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Organisation
    from glasshouse.accounts.models import Person
    from glasshouse.kernel.actor import JOB
    from glasshouse.kernel.ids import OrganisationId

    one, other = customer(), customer()
    hold(officer, one.address)
    hold(officer, other.organisation)
    with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
        Person.objects.filter(id=one.actor.person).delete()
    job = JOB.for_organisation(OrganisationId(other.organisation))
    with pytest.raises(DatabaseError, match="legal hold"), access.organisation_transaction(job):
        Organisation.objects.filter(id=other.organisation)._raw_delete("default")
    assert is_there(one)


def test_a_restricted_person_can_be_held_and_is_told(officer: Customer, customer: Make) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.mail.models import Message

    one = customer()
    consent.restrict(one.alone, "claims", "")
    before = Message.objects.filter(key_owner=one.actor.person, kind="announcement").count()
    hold(officer, one.address)
    assert Message.objects.filter(key_owner=one.actor.person, kind="announcement").count() == before + 1


def test_nobody_is_put_under_a_hold_while_they_are_erased(officer: Customer, customer: Make) -> None:
    import threading

    from django.db import connection

    from glasshouse.kernel.errors import InvalidError
    from glasshouse.queues import api as queues

    one, is_held, may_end = customer(), threading.Event(), threading.Event()

    def erase() -> None:
        with queues.claimed("rights.erase", str(one.actor.person)):
            is_held.set()
            may_end.wait(30)
        connection.close()

    thread = threading.Thread(target=erase)
    thread.start()
    is_held.wait(30)
    try:
        with pytest.raises(InvalidError, match="being erased"):
            hold(officer, one.address)
    finally:
        may_end.set()
        thread.join()


def test_the_command_notes_an_erasure_that_a_hold_keeps(
    home: Installation, officer: Customer, customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from glasshouse.cli import office
    from glasshouse.retention import waiting

    one = join(customer(), "viewer")
    number = hold(officer, one.address)
    monkeypatch.setattr(office, "enter", lambda **place: None)
    result = CliRunner().invoke(office.erase, [one.address], input="y\n")
    assert number in result.output, (result.output, result.exception)
    assert "Noted" in result.output
    assert is_there(one)
    assert waiting.of(str(one.actor.person)) is not None


def test_the_command_places_a_hold_without_an_account(
    home: Installation, officer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from glasshouse.cli import office

    address = fresh_address()
    monkeypatch.setattr(office, "enter", lambda **place: None)
    given = [address, "--by", officer.address, "--reason", REASON, "--days", "9"]
    result = CliRunner().invoke(office.hold, given)
    assert "Held for 9 days" in result.output, (result.output, result.exception)
    assert any("legal hold" in subject for subject in subjects(address))
    half = CliRunner().invoke(office.hold, [*given, "--bar", "An act"])
    assert "A bar needs both" in half.output
