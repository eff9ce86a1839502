"""What models must declare, and what an area must not know of another: the lists that used to stand far away cannot come back."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from glasshouse.operations.installation import Installation
from tests.conftest import administering

SOURCE = Path(__file__).parents[2] / "src" / "glasshouse"
# Who names tables of other areas, and why that is right.
MAY_NAME_TABLES = {
    "promises": "its evidence is raw SQL over the catalogue, not what the areas say of themselves",
}


def ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("glasshouse.")]


@pytest.mark.usefixtures("home")
def test_no_table_is_named_outside_its_area() -> None:
    area_of = {model._meta.db_table: model.__module__.split(".")[1] for model in ours()}
    assert len(area_of) > 35
    name = re.compile(r"\b(" + "|".join(map(re.escape, area_of)) + r")\b")
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        area = path.relative_to(SOURCE).parts[0]
        if "migrations" in path.parts or area in MAY_NAME_TABLES:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for found in name.findall(line.partition("  # ")[0]):
                if area_of[found] != area:
                    wrong.append(f"{path.relative_to(SOURCE)}:{number} {found}")
    assert wrong == []


@pytest.mark.usefixtures("home")
def test_every_table_with_an_address_says_how_its_rows_are_found_by_it() -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.vault.declarations import ErasedBy, by_address

    declared, missing = {}, []
    for model in ours():
        if any(field.column == "address_hash" for field in model._meta.local_concrete_fields):
            if found := by_address(model):
                declared[model._meta.db_table] = found.erased_by
            elif model is not Person:  # The person itself is what all others are found for.
                missing.append(model._meta.db_table)
    assert missing == []
    assert declared["mail_message"] is ErasedBy.ANYBODY
    assert declared["rights_request"] is ErasedBy.NOBODY
    assert len(declared) >= 9


@pytest.mark.usefixtures("home")
def test_whatever_an_erasure_leaves_is_declared_so_at_its_field() -> None:
    """A table that no erasure reaches by the address keeps the hash by a rule of its field, which the data map shows."""
    from glasshouse.vault.datamap import OnErasure
    from glasshouse.vault.declarations import ErasedBy, models_by_address

    for model, declared in models_by_address():
        if declared.hash != "address_hash":  # Another table's column.
            continue
        kept = model._meta.get_field("address_hash").entry.erasure is OnErasure.KEEP  # type: ignore[union-attr]
        assert kept is (declared.erased_by is ErasedBy.NOBODY), model.__name__


def test_an_internal_function_is_called_by_no_role(home: Installation) -> None:
    from glasshouse.rowsecurity.policies import area_sql, functions

    internal = {name.partition("(")[0] for sql in area_sql() for name in sql.internal}
    known = {name.partition("(")[0] for name in functions()}
    assert {"glasshouse_people_of", "glasshouse_member_accounts"} <= internal <= known
    with administering(home) as link:
        rows = link.execute(
            "SELECT p.proname, r.rolname FROM pg_proc p CROSS JOIN pg_roles r "
            "WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (%s) AND r.rolname LIKE 'glasshouse\\_%%' "
            "AND r.rolname NOT IN ('glasshouse_owner', 'glasshouse_admin') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
            [sorted(internal)],
        ).fetchall()
    assert rows == []


def test_every_function_of_ours_is_brought_by_an_area(home: Installation) -> None:
    """A function that an earlier version left, or that somebody made by hand, is no part of the declarations."""
    from glasshouse.rowsecurity.policies import functions

    triggers = {"glasshouse_keep_administrator", "glasshouse_event_to_outbox"}
    with administering(home) as link:
        rows = link.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'glasshouse\\_%%'",
            [],
        ).fetchall()
    assert {name for (name,) in rows} - triggers == {name.partition("(")[0] for name in functions()}


def test_every_area_that_works_by_itself_brings_its_schedule() -> None:
    """Each job is a verb of the area that schedules it, and each has a name of its own, under which its failures are noted."""
    from glasshouse.kernel import areas
    from glasshouse.operations import worker

    for module in areas.modules("schedule"):
        for job in module.SCHEDULE:
            assert job.verb.__module__.split(".")[:2] == module.__name__.split(".")[:2], job
    names = [job.name for job in worker.schedule()]
    assert len(names) == len(set(names)) >= 20
    assert {"mail.api.deliver_due", "events.api.chain_waiting", "promises.api.check_all"} <= set(names)
