"""PRI-19, PRI-24: before a key is destroyed, every row that it seals is deleted, whichever table the row is in."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from psycopg import sql

from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.operations.installation import Installation
from glasshouse.vault.fields import SealedField, key_owner_column
from tests.conftest import Customer, administering, post, prove_link
from tests.planting import Planter, dated, sealing_models
from tests.promises.test_strangers import proved

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def destroyed(home: Installation) -> list[str]:
    with administering(home, "vault") as link:
        rows = link.execute("SELECT DISTINCT key_owner FROM vault_data_key WHERE destroyed_at IS NOT NULL").fetchall()
    return [row[0] for row in rows]


def left_under_destroyed_keys(home: Installation) -> dict[str, list[str]]:
    """Table -> key owners whose keys are destroyed and of whom a row is left, of every sealed field of every model."""
    owners, found = destroyed(home), {}
    with administering(home) as link:
        for model in sealing_models():
            for part in model._meta.local_concrete_fields:
                if isinstance(part, SealedField):
                    column = str(model._meta.get_field(part.key_owner).column)  # type: ignore[union-attr]
                    question = sql.SQL("SELECT {} FROM {} WHERE {} = ANY (%s)").format(
                        sql.Identifier(column), sql.Identifier(model._meta.db_table), sql.Identifier(column)
                    )
                    for row in link.execute(question, [owners]).fetchall():
                        found.setdefault(model._meta.db_table, []).append(str(row[0]))
    return found


@pytest.fixture(autouse=True)
def _clean(home: Installation) -> None:
    """Other tests destroy keys on purpose, and leave the rows."""
    from glasshouse.accounts.own import STORAGE, own

    left = left_under_destroyed_keys(home)
    with own(STORAGE):
        for model in sealing_models():
            if model._meta.db_table in left:
                rows = model._default_manager.filter(**{f"{key_owner_column(model)}__in": left[model._meta.db_table]})
                rows.delete()


def test_nothing_is_left_of_an_erased_person_in_any_table(home: Installation, customer: Make, join: Join) -> None:
    from glasshouse.accounts.models import Account, Person
    from glasshouse.accounts.own import own
    from glasshouse.subject import erasure
    from glasshouse.vault import api as vault

    one = join(customer(), "viewer")
    person = str(one.actor.person)
    planter = Planter(home, person, "")
    planter.parents |= {Account: one.actor.account, Person: person}
    tables = set()
    for model in sealing_models():
        if (
            any(part.name == "key_owner" for part in model._meta.local_concrete_fields)
            and model.__name__ != "Invitation"
        ):
            values = {"ends_at": clock.now() - timedelta(days=1)} if model.__name__ == "LegalHold" else {}
            planter.plant(model, **values)
            tables.add(model._meta.db_table)
    assert len(tables) > 12
    with own(person):  # Among the rows is a restriction.
        erasure.erase(one.alone)
    assert vault.generations_of(KeyOwnerId(person)) == []
    assert left_under_destroyed_keys(home) == {}
    planter.pull()


def test_what_an_erased_person_sent_to_a_restricted_guest_is_deleted_too(home: Installation, customer: Make) -> None:
    """The guest's restriction hid it from the erasure, and the key was destroyed under it."""
    from glasshouse.consent import api as consent
    from glasshouse.mail.models import Message
    from glasshouse.subject import erasure
    from glasshouse.vault import api as vault

    one, address = customer(), f"{uuid.uuid4().hex[:10]}@grower.example"
    hashed = vault.lookup("address", address)
    Planter(home, str(one.actor.person)).plant(Message, address_hash=hashed)
    consent.restrict_at(address, hashed, "stored only")
    erasure.erase(one.alone)
    assert left_under_destroyed_keys(home) == {}


def test_nothing_is_left_of_a_closed_organisation_in_any_table(home: Installation, customer: Make) -> None:
    from glasshouse.subject import closing
    from glasshouse.vault import api as vault

    one = customer()
    planter = Planter(home, one.organisation, one.organisation)
    tables = set()
    for model in sealing_models():
        columns = {str(part.column) for part in model._meta.local_concrete_fields}
        if columns & {"key_owner", "organisation_id"}:
            values = {"ends_at": clock.now() - timedelta(days=1)} if model.__name__ == "LegalHold" else {}
            planter.plant(model, **values)
            tables.add(model._meta.db_table)
    assert len(tables) > 20
    closing.close_organisation(one.actor.organisation)  # type: ignore[arg-type]
    assert vault.generations_of(KeyOwnerId(one.organisation)) == []
    assert left_under_destroyed_keys(home) == {}
    planter.pull()


def test_nothing_is_left_of_an_erased_guest_in_any_table(home: Installation, customer: Make, web: Web) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures import api as disclosures
    from glasshouse.organisations import invitations

    address, client, other = f"{uuid.uuid4().hex[:10]}@grower.example", web(), customer()
    disclosures.subscribe(address, network=address)
    accounts.ask_change(other.alone, address, other.password)
    accounts.ask_sign_up(address, network=address)
    invitations.invite(other.actor, address, invitations.Offer("viewer", message="Come to us"))
    _, own = proved(client, address)
    gone = len(destroyed(home))
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert len(destroyed(home)) > gone
    assert left_under_destroyed_keys(home) == {}


def test_a_deletion_run_destroys_no_key_under_which_any_row_is_left(home: Installation, customer: Make) -> None:
    """Of each table one row is over and one is not, sealed with one key; of each, both are over, sealed with another."""
    from glasshouse.accounts.models import Account, Person
    from glasshouse.retention import api as retention
    from glasshouse.vault import api as vault
    from glasshouse.vault.datamap import kept_of

    one, planters, ended = customer(), [], []
    for model in sealing_models():
        if not any(part.name == "key_owner" for part in model._meta.local_concrete_fields):
            continue
        for rule in kept_of(model)[:1]:
            over = dated(model, rule.column, clock.now() - timedelta(days=rule.days, hours=1))
            for lasts in (True, False):
                planter = Planter(home, new_id(), one.organisation)
                own = {Account: one.actor.account, Person: one.actor.person}
                planter.parents = dict(own)
                planter.plant(model, **over)
                if lasts:
                    planter.parents = dict(own)
                    planter.plant(model, **dated(model, rule.column, clock.now() + timedelta(days=1)))
                else:
                    ended.append(planter.owner)
                vault.age(KeyOwnerId(planter.owner), clock.now() - timedelta(days=3))
                planters.append(planter)
    assert len(ended) > 8
    retention.run_deletions()
    assert left_under_destroyed_keys(home) == {}
    assert {owner for owner in ended if vault.generations_of(KeyOwnerId(owner))} == set()
    for planter in planters:
        planter.pull()


def test_a_request_that_ended_leaves_no_row_under_its_key(home: Installation, web: Web) -> None:
    """Its thread goes with it, and its key; its mails have keys of their own, which last until they end."""
    from glasshouse.mail.models import Message
    from glasshouse.requests.models import Request, RequestMessage
    from glasshouse.retention import api as retention
    from glasshouse.vault import api as vault

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    proved(web(), address, kind="question")
    request = Request.objects.get(address_hash=vault.lookup("address", address))
    RequestMessage.objects.create(
        request=request, key_owner=request.key_owner, text="more", sender="person", at=clock.now()
    )
    mail_owner = Message.objects.get(address_hash=request.address_hash, kind="privacy").key_owner
    for key_owner in (request.key_owner, mail_owner):
        vault.age(KeyOwnerId(key_owner), clock.now() - timedelta(days=3))
    Request.objects.filter(id=request.id).update(closed_at=clock.now() - timedelta(days=1096))
    retention.run_deletions()
    assert not RequestMessage.objects.filter(key_owner=request.key_owner).exists()
    assert vault.generations_of(KeyOwnerId(request.key_owner)) == []
    assert vault.generations_of(KeyOwnerId(mail_owner)), "the mail is there still"
    with administering(home) as link:
        link.execute(
            "UPDATE mail_message SET created_at = now() - interval '91 days' WHERE key_owner = %s", [mail_owner]
        )
    retention.run_deletions()
    assert vault.generations_of(KeyOwnerId(mail_owner)) == []
    assert left_under_destroyed_keys(home) == {}


def test_an_objection_at_an_earlier_address_leaves_its_person_the_key(customer: Make, officer: Customer) -> None:
    """Third-party data is sealed with its person's key; whoever has the address now destroyed that key by one click."""
    from glasshouse.accounts import api as accounts
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData
    from glasshouse.subject import rectification
    from glasshouse.vault import api as vault

    one, address = customer(), f"{uuid.uuid4().hex[:10]}@grower.example"
    before = vault.lookup("address", one.address)
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "knowing whom to invite")
    sources.bring_in(officer.actor, source.id, f"address,company\n{one.address},Somewhere\n")
    assert ThirdPartyData.objects.get(address_hash=before).key_owner == one.actor.person
    accounts.ask_change(one.alone, address, one.password)
    rectification.rectify_address(one.alone, prove_link(address, "change"))
    sources.forget_address(before)
    vault.forget_opened()
    assert not ThirdPartyData.objects.filter(address_hash=before).exists()
    assert accounts.person_of(one.alone).address == address
