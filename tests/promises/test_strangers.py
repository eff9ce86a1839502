"""A guest sees, exports and erases what is held of their address, by the link that confirms it."""

import io
import json
import re
import uuid
import zipfile
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.conftest import Customer, carried_out_again, led, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


def proved(client: httpx.Client, address: str, kind: str = "erase") -> tuple[str, str]:
    """(the page after the proof, the address of the own page) of somebody who asked."""
    fields = {"address": address, "kind": kind, "region": "eu", "text": "my words"}
    assert post(client, "/privacy", "/privacy", **fields).status_code == 200
    secret = prove_link(address, "privacy/prove")
    page = led(client, f"/privacy/prove/{secret}", f"/privacy/prove/{secret}").text
    own = re.search(r"/privacy/own/[^\"/]+", page)
    return page, own[0] if own else ""


@pytest.fixture
def known(officer: Customer) -> str:
    """An address that a source has supplied something about, and that was mailed."""
    from glasshouse.sources import api as sources

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "knowing whom to invite")
    sources.bring_in(officer.actor, source.id, f"address,company\n{address},Secret Farm\n")
    sources.tell_due()
    return address


def test_everything_of_the_address_is_shown_copied_and_erased(known: str, web: Web) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests.models import Request
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.vault import api as vault

    client, mark = web(), vault.lookup("address", known)
    page, own = proved(client, known)
    assert own in page
    shown = client.get(own).text
    assert "Secret Farm" in shown
    assert "my words" in shown
    key_owner = ThirdPartyData.objects.get(address_hash=mark).key_owner
    with zipfile.ZipFile(io.BytesIO(post(client, f"{own}/export", own).content)) as archive:
        assert any(item["value"] == "Secret Farm" for item in json.loads(archive.read("data.json")))
    assert post(client, f"{own}/erase", own, word="no").status_code == 400
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert not Message.objects.filter(address_hash=mark).exists()
    assert vault.generations_of(key_owner) == []
    request = Request.objects.get(address_hash=mark)
    assert (request.outcome, request.text) == ("answered", "my words"), "the request itself stays, and can be read"
    assert "Secret Farm" not in client.get(own).text


def test_what_the_guest_never_confirmed_is_erased_too(customer: Make, web: Web) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.models import EmailLink
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    address, client, other = f"{uuid.uuid4().hex[:10]}@grower.example", web(), customer()
    mark = vault.lookup("address", address)
    disclosures.subscribe(address, network=address)
    accounts.ask_change(other.alone, address, other.password)
    key_owner = Subscriber.objects.get(address_hash=mark).id
    _, own = proved(client, address)
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert not Subscriber.objects.filter(address_hash=mark).exists()
    assert not EmailLink.objects.filter(key_owner=other.actor.person, purpose="change").exists()
    vault.forget_opened()
    assert vault.generations_of(key_owner) == []
    assert accounts.person_of(other.alone).address == other.address


def test_the_page_ends_after_a_day_and_erasing_wants_a_fresh_link(known: str, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests.models import Request
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.vault import api as vault

    client, mark = web(), vault.lookup("address", known)
    _, own = proved(client, known)
    Request.objects.filter(address_hash=mark).update(proved_at=clock.now() - timedelta(hours=2))
    assert "Send a new link" in client.get(own).text
    assert post(client, f"{own}/erase", own, word="erase").status_code == 400
    assert ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert "Check your email" in post(client, f"{own}/again", own).text
    assert client.get(own).status_code == 404, "the old link is used up"
    fresh = prove_link(known, "privacy/prove")
    assert client.get(f"/privacy/own/{fresh}").status_code == 404, "the mailed link confirms, and shows nothing"
    page = led(client, f"/privacy/prove/{fresh}", f"/privacy/prove/{fresh}").text
    own = re.search(r"/privacy/own/[^\"/]+", page)[0]  # type: ignore[index]
    assert "Type the word “erase”" in client.get(own).text
    Request.objects.filter(address_hash=mark).update(proved_at=clock.now() - timedelta(hours=25))
    assert client.get(own).status_code == 404


def test_nobody_gets_there_unproved_or_with_an_account(customer: Make, web: Web) -> None:
    one, client = customer(), web()
    fields = {"address": one.address, "kind": "access", "region": "eu", "text": "x"}
    post(client, "/privacy", "/privacy", **fields)
    secret = prove_link(one.address, "privacy/prove")
    assert client.get(f"/privacy/own/{secret}").status_code == 404, "the link alone, unproved, shows nothing"
    page = led(client, f"/privacy/prove/{secret}", f"/privacy/prove/{secret}").text
    assert "/privacy/own/" not in page
    assert client.get(f"/privacy/own/{secret}").status_code == 404, (
        "more is wanted of whoever has an account: signing in"
    )
    assert client.get("/privacy/own/" + "x" * 43).status_code == 404


def test_what_a_customer_entered_is_shown_and_stays_theirs_to_delete(customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.organisations import invitations
    from glasshouse.organisations.models import Invitation
    from glasshouse.vault import api as vault

    boss, address = customer(), f"{uuid.uuid4().hex[:10]}@grower.example"
    invitations.invite(boss.actor, address, invitations.Offer("viewer", message="Come to us"))
    client = web()
    _, own = proved(client, address)
    assert "Come to us" in client.get(own).text
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    vault.forget_opened()  # What this process still remembers of a key says nothing of whether the key is there.
    with access.organisation_transaction(boss.actor):
        assert Invitation.objects.filter(organisation_id=boss.organisation).exists()
        assert Invitation.objects.get(organisation_id=boss.organisation).address == address, "and its key with it"


def test_what_is_held_of_an_address_is_restricted_and_lifted(
    known: str, officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.organisations import invitations
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.vault import api as vault

    boss, client, mark = customer(), web(), vault.lookup("address", known)
    invitations.invite(boss.actor, known, invitations.Offer("viewer"))
    source = ThirdPartyData.objects.get(address_hash=mark).source_id
    _, own = proved(client, known, "restrict")
    assert post(client, f"{own}/restrict", own).status_code == 302
    assert post(client, f"{own}/restrict", own).status_code == 400
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert not Message.objects.filter(address_hash=mark, kind="invitation").exists()
    assert known not in [row.address for row in invitations.invitations(boss.actor)]
    assert sources.bring_in(officer.actor, source, f"address,role\n{known},Grower\n").skipped == 1
    assert "Secret Farm" in client.get(own).text, "the person alone sees it"
    with zipfile.ZipFile(io.BytesIO(post(client, f"{own}/export", own).content)) as archive:
        assert "Secret Farm" in archive.read("data.json").decode()
    assert post(client, f"{own}/lift", own).status_code == 302
    assert ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert post(client, f"{own}/lift", own).status_code == 404
    assert post(client, f"{own}/object", own).status_code == 302
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert sources.bring_in(officer.actor, source, f"address,role\n{known},Grower\n").skipped == 1


def test_a_restricted_address_can_be_erased_and_an_officer_lifts_with_notice(
    known: str, officer: Customer, web: Web
) -> None:
    from glasshouse.consent.models import Restriction
    from glasshouse.mail import api as mail
    from glasshouse.privacy_office import api as office
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.vault import api as vault

    client, mark = web(), vault.lookup("address", known)
    _, own = proved(client, known)
    post(client, f"{own}/restrict", own)
    office.lift(officer.actor, Restriction.objects.get(address_hash=mark).id, "it is right")
    letter = next(row for row in mail.newest(400) if row.address == known)
    assert "it is right" in letter.body
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    from glasshouse.accounts.own import STORAGE
    from glasshouse.accounts.own import own as as_own

    vault.forget_opened()
    with as_own(STORAGE):
        assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
        assert Restriction.objects.get(address_hash=mark).words, "what says that it is restricted can still be read"
    assert all(row.body is not None for row in mail.newest(500)), "no mail is left under a key that is gone"


def test_what_was_erased_of_an_address_does_not_come_back_with_a_backup(known: str, web: Web) -> None:
    from django.db import connection

    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject.models import Erasure
    from glasshouse.vault import api as vault

    client, mark = web(), vault.lookup("address", known)
    row = ThirdPartyData.objects.get(address_hash=mark)
    sealed = {name: row.__dict__[name].body for name in ("address", "value")}
    _, own = proved(client, known)
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert Erasure.objects.filter(person=row.key_owner).exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sources_supplied (id, source_id, key_owner, address, address_hash, field, value, state, "
            "secret_hash, received_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                row.id,
                row.source_id,
                row.key_owner,
                sealed["address"],
                mark,
                row.field,
                sealed["value"],
                "new",
                "",
                row.received_at,
            ],
        )
    assert carried_out_again() >= 1
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()


def test_a_guests_erasure_that_was_cut_off_before_the_keys_is_finished_by_the_worker(
    known: str, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject import erasure, guests
    from glasshouse.subject.models import Erasure
    from glasshouse.vault import api as vault

    mark = vault.lookup("address", known)
    key_owner = ThirdPartyData.objects.get(address_hash=mark).key_owner
    _, own = proved(web(), known)
    guest = guests.guest_of(own.rpartition("/")[2])

    def cut_off(key_owners: set[str]) -> None:
        raise SystemExit(str(len(key_owners)))

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_destroy_keys", cut_off)
        with pytest.raises(SystemExit):
            erasure.erase(guest)
    assert not ThirdPartyData.objects.filter(address_hash=mark).exists()
    assert Erasure.objects.get(person=key_owner).done_at is None, "the ledger was written with the rows' deletion"
    assert vault.generations_of(key_owner)
    erasure.finish_erasures()
    assert Erasure.objects.get(person=key_owner).done_at is not None
    assert vault.generations_of(key_owner) == []
