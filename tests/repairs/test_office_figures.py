"""The privacy officer's figures: right, and counted by the database with equally many questions for any number of requests."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from statistics import median

from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from glasshouse.access.models import ApiToken, Organisation
from glasshouse.consent import api as consent
from glasshouse.consent.models import ConsentRecord
from glasshouse.consent.rules import PURPOSES
from glasshouse.greenhouse.models import Upload
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.operations.installation import Installation
from glasshouse.privacy_office import api as office
from glasshouse.requests import api as requests
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.models import Request
from glasshouse.retention import api as retention
from glasshouse.retention.models import LegalHold
from tests.conftest import Customer
from tests.planting import Planter


def _ask(count: int) -> list[str]:
    return [
        requests.ask(f"figure{number}@elsewhere.example", "access", "eu", "What?", requests.Arrival("page"))
        for number in range(count)
    ]


def _desk(officer: Customer) -> tuple[dict[str, str], dict[str, dict[str, int]], int]:
    desk = office.desk(officer.actor)
    with CaptureQueriesContext(connection) as queries:
        assert dict(office._figures()) == dict(desk.figures)
        assert dict(office._consent_records()) == dict(desk.consent_records)
    return dict(desk.figures), dict(desk.consent_records), len(queries)


def test_figures_equal_what_the_rows_say_and_cost_the_same(officer: Customer) -> None:
    made = _ask(2)
    _, _, few = _desk(officer)
    made += _ask(6)
    for number in made[:3]:
        requests.answer(officer.actor, number, "No.", refuse=True)
    purpose = next(iter(PURPOSES.values()))
    for state in ("objected", "withdrawn"):
        consent.note("0" * 16, purpose.id, state, "x")
    figures, consent_records, many = _desk(officer)
    assert many == few

    rows = list(Request.objects.values("kind", "law", "outcome", "asked_at", "closed_at", "due_at"))
    days = [(row["closed_at"] - row["asked_at"]).total_seconds() / 86_400 for row in rows if row["closed_at"]]
    assert figures["requests"].startswith(f"{len(rows)} (")
    for kind, count in Counter(row["kind"] for row in rows).items():
        assert f"{KIND_TITLES[kind]} {count}" in figures["requests"]
    for law, count in Counter(row["law"] for row in rows).items():
        assert f"{LAWS[law].short} {count}" in figures["by law"]
    assert figures["answered"] == f"{len(days)}, half of them within {median(days):.1f} days"
    assert figures["refused"] == str(sum(row["outcome"] == "refused" for row in rows))
    assert figures["late"] == str(sum((row["closed_at"] or clock.now()) > row["due_at"] for row in rows))

    newest = {}
    for key_owner, name, state in ConsentRecord.objects.order_by("at", "id").values_list(
        "key_owner", "purpose", "state"
    ):
        newest[key_owner, name] = state
    assert consent_records[purpose.title] == dict(
        Counter(state for (_, name), state in newest.items() if name == purpose.id)
    )
    ConsentRecord.objects.filter(key_owner="0" * 16).delete()


def test_what_is_due_costs_the_same_for_many_customers(officer: Customer, home: Installation) -> None:
    """And counts the rows of every customer, but for those that a legal hold keeps."""
    own, held = (Planter(home, owner=new_id(), organisation=new_id()) for _ in range(2))
    others: list[Planter] = []
    table, before = Upload._meta.db_table, retention.due()
    try:
        for planter in (own, held):
            planter.plant(Organisation, id=planter.organisation)
            planter.plant(Upload, created_at=clock.now() - timedelta(days=400), taken_at=None)
            planter.plant(ApiToken, expires_at=clock.now() - timedelta(days=80))
        others.append(Planter(home, owner=new_id()))
        others[0].plant(
            LegalHold, scope="customer", key_owner=held.organisation, ends_at=clock.now() + timedelta(days=9)
        )
        few = _due_questions()
        assert retention.due()[table] - before[table] == 1
        assert retention.due(timedelta(days=50))[table] == before[table]
        assert retention.due(-timedelta(days=20))[ApiToken._meta.db_table] > before[ApiToken._meta.db_table]
        for _ in range(28):
            others.append(Planter(home, owner=new_id(), organisation=new_id()))
            others[-1].plant(Organisation, id=others[-1].organisation)
            others[-1].plant(ApiToken, expires_at=clock.now() - timedelta(days=91))
        assert retention.due()[ApiToken._meta.db_table] - before[ApiToken._meta.db_table] == 28
        assert _due_questions() == few
        assert office.desk(officer.actor).due == sum(retention.due().values())
    finally:
        for planter in (own, held, *others):
            planter.pull()


def _due_questions() -> int:
    """How many questions the database is asked, in whatever role."""
    with ExitStack() as counted:
        logs = [counted.enter_context(CaptureQueriesContext(connections[name])) for name in connections]
        retention.due()
        return sum(len(log) for log in logs)
