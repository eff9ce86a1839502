"""PRI-18, PRI-19: each model says how its rows end, and what a rule says is over is deleted, with its file; nothing before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import models
from psycopg import sql

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.operations.installation import Installation
from glasshouse.vault.datamap import counted_of, emptied_of, kept_of, stays_of
from tests.conftest import Customer, administering
from tests.planting import Planter, dated, ours

# For each model that is counted, what makes a row one of another group.
OTHERWISE = {"Request": {"outcome": "refused"}, "Ruled": {"verdict": "suppressed"}}
DAY, MARGIN = timedelta(days=1), timedelta(hours=1)


def rules() -> Iterator[tuple[type[models.Model], object]]:
    for model in ours():
        for rule in kept_of(model):
            yield model, rule


@pytest.mark.usefixtures("home")
def test_each_model_says_how_its_rows_end_or_why_they_have_no_end() -> None:
    silent = [model.__name__ for model in ours() if not kept_of(model) and not stays_of(model)]
    assert silent == []


@pytest.mark.usefixtures("home")
def test_a_model_whose_rules_count_from_what_may_never_come_says_what_goes_on_meanwhile() -> None:
    """A time that may be empty ends no row: another rule does, or a reason says until when."""
    silent = []
    for model in ours():
        times = {rule.column for rule in kept_of(model)}
        ends_by_itself = any(not model._meta.get_field(time).null for time in times)  # type: ignore[union-attr]
        if times and not ends_by_itself and not stays_of(model):
            silent.append(model.__name__)
    assert silent == []


@pytest.mark.usefixtures("home")
def test_what_stays_as_numbers_is_counted_before_it_is_deleted() -> None:
    """A year is counted when it is over: a row that ended sooner would be in no number."""
    counted = [model for model in ours() if counted_of(model)]
    assert counted
    for model in counted:
        assert all(rule.days > 366 for rule in kept_of(model)), model.__name__


@pytest.fixture
def planter(home: Installation, customer: Callable[[], Customer]) -> Iterator[Planter]:
    from glasshouse.accounts.models import Account, Person

    one = customer()
    planter = Planter(home, new_id(), one.organisation)
    planter.parents |= {Account: one.actor.account, Person: one.actor.person}
    yield planter
    planter.pull()


def _there(home: Installation, row: models.Model) -> bool:
    question = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(
        sql.Identifier(row._meta.db_table), sql.Identifier(row._meta.pk.column)
    )
    with administering(home) as link:
        return link.execute(question, [row.pk]).fetchone() is not None


def _files(home: Installation, name: str) -> list[Path]:
    return list((home.data / "blobs").rglob(name))


def test_each_rule_of_each_model_deletes_what_is_over_with_its_file_and_nothing_before(
    home: Installation, planter: Planter
) -> None:
    """By the clock: each row is written on the last day of its rule, or just before that day was over."""
    from glasshouse.retention import api as retention

    over, not_over, files = [], [], []
    for model, rule in rules():
        span = timedelta(days=rule.days)  # type: ignore[attr-defined]
        column = str(rule.column)  # type: ignore[attr-defined]
        blob = next((part for part in model._meta.local_concrete_fields if hasattr(part, "blob_key_owner")), None)
        for age, rows in ((span + MARGIN, over), (span - MARGIN, not_over)):
            beside, planter.owner = {}, new_id()
            if blob is not None and rows is over:
                owner = planter.organisation if blob.blob_key_owner == "organisation_id" else planter.owner
                beside[blob.attname] = planter.file(owner)
                files.append(beside[blob.attname])
            rows.append(planter.plant(model, **dated(model, column, clock.now() - age), **beside))
    assert len(over) > 25
    assert files
    done = retention.run_deletions()
    assert [row._meta.db_table for row in over if _there(home, row)] == []
    assert [row._meta.db_table for row in not_over if not _there(home, row)] == []
    assert all(not _files(home, file) for file in files)
    assert {row._meta.db_table for row in over} <= set(done.rows)


def test_a_rule_for_what_never_came_leaves_what_came(home: Installation, planter: Planter) -> None:
    from glasshouse.retention import api as retention

    rows = []
    for model, rule in rules():
        if rule.while_empty:  # type: ignore[attr-defined]
            values = dated(model, rule.column, clock.now() - timedelta(days=rule.days + 1))  # type: ignore[attr-defined]
            rows.append(planter.plant(model, **values | {rule.while_empty: clock.now()}))  # type: ignore[attr-defined]
    assert rows
    retention.run_deletions()
    assert [row._meta.db_table for row in rows if not _there(home, row)] == []


def test_columns_that_end_before_their_row_are_emptied_in_time_with_their_file_and_none_on_hold(
    home: Installation, planter: Planter, customer: Callable[[], Customer]
) -> None:
    """A file of readings went only when somebody of its organisation uploaded another one."""
    from glasshouse.retention import api as retention
    from glasshouse.retention import legal_holds

    held = customer()
    legal_holds.place(held.organisation, legal_holds.Order("0" * 16, "a court asked", 30))
    other = Planter(home, new_id(), held.organisation)
    emptied = [model for model in ours() if emptied_of(model)]
    assert [model.__name__ for model in emptied] == ["Upload"]
    for model in emptied:
        rule = emptied_of(model)
        assert rule is not None
        rows = {}
        for name, planted_by, age in (
            ("over", planter, timedelta(days=rule.days) + MARGIN),
            ("not over", planter, timedelta(days=rule.days) - MARGIN),
            ("held", other, timedelta(days=rule.days) + MARGIN),
        ):
            blob = planted_by.file(planted_by.organisation)
            values = dated(model, rule.column, clock.now() - age)
            rows[name] = planted_by.plant(model, **values, blob=blob), blob
        retention.run_deletions()
        with administering(home) as link:
            for name, (row, blob) in rows.items():
                found = link.execute("SELECT blob, proposal FROM greenhouse_upload WHERE id = %s", [row.pk]).fetchone()
                assert (found == ("", None)) is (name == "over"), name
                assert bool(_files(home, blob)) is (name != "over"), name
    other.pull()


def test_what_is_deleted_leaves_the_number_of_its_group_and_nothing_else(home: Installation, planter: Planter) -> None:
    """The branch that makes anonymous what ends: each model with `counted`, of a year that is over."""
    from glasshouse.retention import api as retention
    from glasshouse.retention.models import Statistic

    for model in ours():
        counted = counted_of(model)
        if counted is None:
            continue
        end = clock.now() - timedelta(days=max(rule.days for rule in kept_of(model)) + 1)
        year = end.replace(year=end.year - 1)
        Statistic.objects.filter(table=model._meta.db_table, year=year.year).delete()
        times = {rule.column: end for rule in kept_of(model)} | {counted.year: year}
        rows = [planter.plant(model, **times) for _ in range(5)]
        alone = planter.plant(model, **times | OTHERWISE[model.__name__])
        retention.run_deletions()
        assert not [row for row in [*rows, alone] if _there(home, row)]
        statistics = list(Statistic.objects.filter(table=model._meta.db_table, year=year.year))
        assert [statistic.count for statistic in statistics] == [5]
        assert set(statistics[0].group) == set(counted.by)
        assert planter.word not in str(statistics[0].group)
