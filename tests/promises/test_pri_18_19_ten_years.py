"""PRI-18, PRI-19: over ten years each row goes by its rule; what stays as numbers leads to nobody."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError

from glasshouse.operations.installation import Installation
from tests.conftest import Customer
from tests.ports import free_ports
from tests.prepared import apart

Make = Callable[[], Customer]


@pytest.mark.parametrize("months", [6, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.slow
def test_ten_years_leave_who_lives_and_what_is_held_and_numbers_of_groups(months: int) -> None:
    """Whether the sweep runs each month or twice a year."""
    with tempfile.TemporaryDirectory(prefix="glasshouse-years-", dir=apart(), ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)
        command = [sys.executable, "-m", "tests.ten_years", scratch, str(free_ports()), str(months)]
        bare = {name: value for name, value in os.environ.items() if not name.startswith("GLASSHOUSE_")}
        done = subprocess.run(
            command, env=bare | {"PYTHONPATH": "src:."}, capture_output=True, text=True, check=False, timeout=600
        )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["overdue"] == 0
    assert found["persons"] == [1, 1]
    assert found["acceptances"] == 2
    assert all(anna == 0 for anna, _ in found["kept"].values()), found["kept"]
    assert all(ben >= 1 for _, ben in found["kept"].values()), "a legal hold keeps everything of its person"
    assert found["organisation"] == [0, 0]
    assert found["requests"] == 0
    assert found["tries"] == 0
    groups = {row[0].get("kind", ""): row[1] for row in found["statistics"]}
    assert groups == {"access": 6}, "six alike are a number; the one of a kind is gone"


@pytest.mark.usefixtures("home")
def test_the_database_keeps_no_number_of_fewer_than_five() -> None:
    from glasshouse.retention.models import Statistic

    with pytest.raises(IntegrityError):
        Statistic.objects.create(table="x", year=2026, group={"kind": "erase"}, count=4)


@pytest.mark.usefixtures("home")
def test_small_groups_are_put_together_or_go() -> None:
    from glasshouse.retention import api as retention
    from glasshouse.retention.models import Statistic

    groups = [retention.Group({"a": number}, count) for number, count in ((1, 7), (2, 3), (3, 2))]
    try:
        assert retention._count("test", 1999, groups) == 2
        rows = {json.dumps(row.group): row.count for row in Statistic.objects.filter(table="test")}
        assert rows == {'{"a": 1}': 7, "{}": 5}
        assert retention._count("test", 2000, [retention.Group({"a": 2}, 4)]) == 0
    finally:
        Statistic.objects.filter(table="test").delete()


def test_crop_data_keeps_its_value_when_the_person_who_brought_it_is_erased(
    home: Installation, customer: Make, join: Callable[..., Customer]
) -> None:
    from glasshouse.greenhouse import imports, readings
    from glasshouse.subject import erasure as rights

    boss = customer()
    one = join(boss, "grower")
    upload = imports.upload(
        one.actor, boss.site, "", "a.csv", [b"time,temp\n2024-05-31 12:00,21.5\n2024-05-31 12:05,22.5\n"]
    )
    imports.choose(one.actor, upload, imports.preview(one.actor, upload).layout)
    imports.run(one.actor, upload)
    before = [row["id"] for row in readings.series(boss.actor)]
    rights.erase(one.alone)
    assert [row["id"] for row in readings.series(boss.actor)] == before != []
