"""Whoever a promise check acts as is on no page of people, and counts in no figure of theirs; the check itself sees its own."""

from collections.abc import Callable

import httpx
import pytest

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from tests.architecture.test_probes import probe
from tests.conftest import Customer, enter_staff

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.fixture
def second(olaf: Callable[[], Customer]) -> Customer:
    from tests.conftest import as_staff

    return as_staff(olaf(), "privacy")


def grown(address: str) -> str:
    """An account at an address; its person."""
    from glasshouse.accounts.models import Account, Person
    from glasshouse.vault import api as vault

    person = Person(id=new_id(), name="Canary", address=address, created_at=clock.now())
    person.address_hash = vault.lookup("address", address)
    person.save(force_insert=True)
    Account.objects.create(person_id=person.id, password="!", created_at=clock.now())
    return str(person.id)


def test_nothing_of_a_check_is_on_a_page_of_people(officer: Customer, web: Web) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import BusinessTransfer, Recipient
    from glasshouse.mail import api as mail
    from glasshouse.privacy_office import api as desks
    from glasshouse.requests import api as requests
    from glasshouse.requests import worklist
    from glasshouse.vault import api as vault

    client, address, contact = enter_staff(web(officer)), f"{new_id()}@canary.invalid", f"{new_id()}@canary.invalid"

    def everything() -> tuple[object, ...]:
        transfers = business_transfers.transfers(officer.actor)
        counts = [(row.people, row.persons_told, row.objected) for row in transfers]
        desk = desks.desk(officer.actor)
        return (desk.figures[:2], desk.consent_records, counts, len(worklist.worklist(officer.actor)))

    now = clock.now()
    recipient = {
        "kind": "authority", "what": "x", "region": "x", "purpose": "probe of a promise check", "basis": "consent",
        "channels": [], "fields": [], "announced_at": now, "active_from": now,
    }  # fmt: skip
    real = Recipient.objects.create(name="A real buyer", written_by=officer.actor.id, **recipient)
    transfer = BusinessTransfer.objects.create(recipient=real, opened_at=now, closed_at=now)
    before = everything()
    try:
        with probe(address, contact):
            person = grown(address)
            account = consent_actor(person)
            consent.withdraw(account, "merger")
            requests.ask(contact, "erase", "eu", "Canary asks", requests.Arrival("page", network=contact))
            row = Recipient.objects.create(
                name="Canary recipient", written_by=str(account.account), **recipient,
                address_hash=vault.lookup("address", contact),
            )  # fmt: skip
            BusinessTransfer.objects.create(recipient=row, opened_at=now, closed_at=now)
            assert everything() == before
            pages = {path: client.get(path).text for path in ("/mailbox", "/staff/requests", "/staff/recipients")}
            for path, page in pages.items():
                for word in (address, contact, "canary asks", "canary recipient"):
                    assert word.lower() not in page.lower(), path
            assert any("canary" in message.address for message in mail.newest(400)), "it is there all the same"
    finally:
        transfer.delete()
        real.delete()


def consent_actor(person: str):  # type: ignore[no-untyped-def]
    from glasshouse.accounts.models import Account
    from glasshouse.kernel.actor import Actor, ActorKind
    from glasshouse.kernel.ids import AccountId, PersonId

    return Actor(ActorKind.PERSON, AccountId(Account.objects.get(person_id=person).id), PersonId(person))


def test_a_check_sees_its_own(home: object) -> None:
    from glasshouse.accounts.models import Account
    from glasshouse.probes import api as probes
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    address = f"{new_id()}@canary.invalid"
    with probe(address):
        number = requests.ask(address, "erase", "eu", "x", requests.Arrival("page", network=address))
        account = Account.objects.get(person_id=grown(address))
        assert number in probes.hidden_from("", Request)
        assert number not in probes.hidden_from(account.id, Request)
