"""PRI-24: a row under a key that is destroyed or lost keeps no page, list or job from working.

A backup or a late process brings rows under destroyed keys back; lost are keys that are newer than the backup of the key store
that was brought back.
"""

from collections.abc import Callable

import httpx
import pytest
from django.db import models

from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.operations.installation import Installation
from glasshouse.vault.fields import key_owner_column
from tests.conftest import Customer, Roles, administering, as_staff, enter_staff, prove_link
from tests.planting import Planter, sealing_models

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
STAFF_ROLES = ("privacy", "security", "support")
# Customers' rows under the customer's own key: an organisation whose key is destroyed is closed, and has no page.
OF_ORGANISATION = "organisation_id"


def lose(home: Installation, owners: set[str]) -> None:
    """Take the keys of owners out of the key store, as a restored backup does that is older than they are."""
    from glasshouse.vault import api as vault

    with administering(home, "vault") as link:
        gone = link.execute("DELETE FROM vault_data_key WHERE key_owner = ANY (%s)", [list(owners)]).rowcount
    assert gone >= len(owners)
    vault.forget_opened()


def destroy(home: Installation, owners: set[str]) -> None:
    """Destroy the keys of owners, as an erasure does."""
    from glasshouse.vault import api as vault

    for owner in owners:
        vault.destroy(KeyOwnerId(owner))


End = Callable[[Installation, set[str]], None]
ENDS = pytest.mark.parametrize("end", [destroy, lose])


class Planted:
    """Rows under destroyed or lost keys, in each table that has a sealed column, as near to some living people as can be."""

    def __init__(self, home: Installation, near: Customer, end: End = destroy) -> None:
        from glasshouse.access.models import Membership, Organisation
        from glasshouse.accounts.models import Account, Person
        from glasshouse.vault import api as vault

        address_hash, owners, self.planters, self.tables = vault.lookup("address", near.address), set(), [], set()
        erased = Planter(home, new_id(), near.organisation)
        person = erased.plant(Person)
        account = erased.plant(Account, person_id=person.pk)
        erased.plant(Membership, organisation_id=near.organisation, account_id=account.pk, role="grower")
        closed = Planter(home, new_id())
        organisation = closed.plant(Organisation)
        closed.plant(Membership, organisation_id=organisation.pk, account_id=near.actor.account, role="viewer")
        owners |= {person.pk, organisation.pk}
        self.person, self.account, self.planters = str(person.pk), str(account.pk), [erased, closed]
        for model in sealing_models():
            if model in (Person, Organisation):
                continue
            column = key_owner_column(model)
            planter = Planter(home, str(person.pk), near.organisation)
            planter.parents |= {Person: person.pk, Account: account.pk}
            if column == OF_ORGANISATION:
                planter.organisation = str(organisation.pk)
            columns = {str(part.column) for part in model._meta.local_concrete_fields}
            values: dict[str, object] = {"address_hash": address_hash} if "address_hash" in columns else {}
            values |= self._lively(model)
            row = planter.plant(model, **values)
            owners |= {str(getattr(row, column))} | {str(key) for key in planter.parents.values()}
            self.planters.append(planter)
            self.tables.add(model._meta.db_table)
        with_keys = set(vault.key_owners())
        end(home, {str(owner) for owner in owners} & with_keys - {str(near.organisation)})

    @staticmethod
    def _lively(model: type[models.Model]) -> dict[str, object]:
        """Times by which a row is one that lists show: it goes on, and was confirmed."""
        from datetime import timedelta

        names = {str(part.name) for part in model._meta.local_concrete_fields}
        later: dict[str, object] = {
            name: clock.now() + timedelta(days=20) for name in names & {"ends_at", "expires_at", "due_at"}
        }
        # Who receives something is on the public list if it is no authority.
        later |= {"kind": "customer"} if model._meta.db_table == "disclosures_recipient" else {}
        return later | {name: clock.now() for name in names & {"proved_at", "told_at", "confirmed_at", "set_aside_at"}}

    def pull(self) -> None:
        for planter in reversed(self.planters):
            planter.pull()


@pytest.fixture
def clients(roles: Roles, olaf: Make, web: Web) -> dict[str, httpx.Client]:
    """Each role of members, and each of the staff, signed in."""
    staff = {f"staff: {role}": enter_staff(web(as_staff(olaf(), role))) for role in STAFF_ROLES}
    return {str(role): client for role, client in roles[1].items()} | staff | {"nobody": web()}


@pytest.mark.parametrize("end", [destroy, pytest.param(lose, marks=pytest.mark.long)])
def test_every_page_is_shown_as_before_when_rows_with_destroyed_or_lost_keys_are_there(
    home: Installation, clients: dict[str, httpx.Client], roles: Roles, end: End
) -> None:
    from glasshouse.access import pages
    from tests import matrix

    matrix.names()
    asked = [page for page in pages.pages() if "GET" in page.methods and page.name != "sign_out"]

    def answers() -> dict[tuple[str, str], int]:
        return {
            (name, page.name): client.get(matrix.address_of(page, roles[0].organisation)).status_code
            for name, client in clients.items()
            for page in asked
        }

    before = answers()
    planted = Planted(home, roles[0], end)
    try:
        after = answers()
        for path in ("/trust/providers", "/documents/notice"):
            assert "cannot be read any more" in clients["nobody"].get(path).text, "the page says what it cannot show"
    finally:
        planted.pull()
    changed = (f"{name} {page} {after[name, page]}" for name, page in after if after[name, page] != before[name, page])
    assert " | ".join(sorted(changed)) == ""
    assert sum(status == 200 for status in before.values()) > 150
    assert len(planted.tables) > 25


@ENDS
def test_every_job_of_the_worker_goes_on_when_rows_with_destroyed_or_lost_keys_are_there(
    home: Installation, customer: Make, end: End
) -> None:
    """Promise checks aside, which walk as people of their own."""
    from glasshouse.operations import worker
    from glasshouse.queues.models import Failure

    planted, before = Planted(home, customer(), end), set(Failure.objects.values_list("queue", "item"))
    try:
        for job in worker.schedule():
            if not job.name.startswith("promises."):
                job.verb()
        assert set(Failure.objects.values_list("queue", "item")) <= before, "a row under such a key is no failure"
    finally:
        planted.pull()


@ENDS
def test_a_recipient_is_registered_though_a_subscriber_is_erased(
    home: Installation, customer: Make, officer: Customer, end: End
) -> None:
    """The others who want to hear of new providers do; whose key is destroyed does not."""
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient, Subscriber
    from glasshouse.mail.models import Message
    from glasshouse.vault import api as vault

    one = customer()
    disclosures.subscribe(one.address, network=one.address)
    disclosures.decide(prove_link(one.address, "trust/providers"), wanted=True)
    subscriber = Subscriber.objects.get(address_hash=vault.lookup("address", one.address))
    planted = Planted(home, one, end)
    names = ("name", "what", "region", "purpose", "basis", "agreement", "safeguard", "contact")
    try:
        assert Subscriber.objects.filter(ended_at=None).exclude(proved_at=None).count() >= 2
        entry = disclosures.Entry(
            "provider", dict.fromkeys(names, "texts"), ["user.name"], wait_days=30, agreed_on="2026-01-31"
        )
        recipient = disclosures.add(officer.actor, entry)
        assert Message.objects.filter(kind="providers", key_owner=subscriber.id).count() == 1
    finally:
        planted.pull()
    Recipient.objects.filter(id=recipient.id).delete()
