"""The privacy officer's figures: right, and counted by the database with equally many questions for any number of requests."""

from collections import Counter
from statistics import median

from django.db import connection
from django.test.utils import CaptureQueriesContext

from glasshouse.consent import api as consent
from glasshouse.consent.models import ConsentRecord
from glasshouse.consent.rules import PURPOSES
from glasshouse.kernel import clock
from glasshouse.privacy_office import api as office
from glasshouse.requests import api as requests
from glasshouse.requests.kind_titles import KIND_TITLES
from glasshouse.requests.legal_deadlines import LAWS
from glasshouse.requests.models import Request
from tests.conftest import Customer


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
