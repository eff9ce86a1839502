"""The office's pages cost as many queries for many rows as for few; a job visits only customers with something due."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from glasshouse.access import api as access
from glasshouse.consent import api as consent
from glasshouse.consent.rules import PURPOSES
from glasshouse.disclosures import business_transfers
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.requests import api as requests
from glasshouse.requests import referrals, worklist
from glasshouse.requests.models import Referral, Request
from glasshouse.vault.datamap import Basis
from tests.conftest import Customer, administering, forget_recipients
from tests.repairs.test_query_counts import _queries

Make = Callable[[], Customer]


def _ask(count: int) -> None:
    for _ in range(count):
        number = requests.new_id()
        requests.ask(f"{number}@elsewhere.example", "access", "eu", "What?", requests.Arrival("page"))


def test_the_worklist_costs_the_same_for_many_requests(officer: Customer) -> None:
    def shown() -> object:
        return [(row.request.text, row.request.address, row.state) for row in worklist.worklist(officer.actor)]

    _ask(2)
    few = _queries(shown)
    _ask(10)
    Request.objects.filter(closed_at=None).update(proved_at=officer.actor.proved_at)
    assert _queries(shown) == few


def test_the_room_of_a_transfer_costs_the_same_for_many_people(officer: Customer, customer: Make, home: object) -> None:
    objector, restricted = customer(), customer()
    business_transfers.open_transfer(officer.actor, "Buyer Ltd", "EU", 30)
    try:
        before = business_transfers.transfers(officer.actor)[0]
        consent.withdraw(objector.alone, "merger")
        consent.restrict(restricted.alone, "claims", "")
        few = _queries(lambda: business_transfers.transfers(officer.actor))
        for _ in range(3):
            customer()
        after = business_transfers.transfers(officer.actor)[0]
        assert _queries(lambda: business_transfers.transfers(officer.actor)) == few
        assert (after.objected - before.objected, after.restricted - before.restricted) == (1, 1)
        assert after.people - before.people == 3
    finally:
        with administering(home) as link:  # type: ignore[arg-type]
            forget_recipients(link)


def test_reminding_of_referrals_visits_only_customers_with_one_that_is_late(customer: Make) -> None:
    late, other = customer(), customer()
    with access.organisation_transaction(JOB.for_organisation(late.actor.organisation)):  # type: ignore[arg-type]
        Referral.objects.create(
            organisation_id=late.organisation,
            request_id="0" * 16,
            asked_at=clock.now() - timedelta(days=20),
            due_at=clock.now() - timedelta(days=6),
        )
    visited = referrals._late()
    assert late.organisation in visited
    assert other.organisation not in visited
    with CaptureQueriesContext(connection) as queries:
        referrals.warn_due()
    assert not any(other.organisation in query["sql"] for query in queries)
    assert late.organisation not in referrals._late()


def test_only_a_job_learns_which_customers_are_late(customer: Make) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        access.organisation_transaction(customer().actor),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM glasshouse_late_referrals(%s)", [clock.now() + timedelta(days=99)])


def test_who_refuses_a_purpose_that_needs_consent_cannot_be_listed() -> None:
    for purpose in PURPOSES.values():
        if purpose.basis is Basis.CONSENT:
            with pytest.raises(ValueError, match="needs consent"):
                consent.refusing(purpose.id)
