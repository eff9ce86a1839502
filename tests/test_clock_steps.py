"""Readings that were read by a wrong clock move to where the true one puts them, through every change of both clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from glasshouse.greenhouse.clock_steps import ClockStep, steps_between
from glasshouse.greenhouse.file_times import zone_of
from glasshouse.greenhouse.rules import site_facts
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.time_zones import time_zones

PAIRS = [
    ("Europe/Rome", "UTC"),
    ("UTC", "Europe/Rome"),
    ("Europe/Amsterdam", "Europe/London"),
    ("Europe/Rome", "America/New_York"),
    ("Australia/Lord_Howe", "Africa/Casablanca"),
    ("+05:30", "America/St_Johns"),
]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_a_file_in_utc_that_was_read_by_the_clock_of_the_site() -> None:
    start, end = at("2024-03-30T00:00"), at("2024-11-30T00:00")
    assert steps_between(ZoneInfo("Europe/Rome"), ZoneInfo("UTC"), start, end) == [
        ClockStep(start, 3600),
        ClockStep(at("2024-03-31T01:00"), 7200),
        ClockStep(at("2024-10-27T01:00"), 3600),
    ]


def test_a_time_that_the_true_clock_skipped_is_no_time_of_it() -> None:
    start, end = at("2024-03-31T00:00"), at("2024-04-01T00:00")
    assert steps_between(ZoneInfo("UTC"), ZoneInfo("Europe/Rome"), start, end) == [
        ClockStep(start, -3600),
        ClockStep(at("2024-03-31T02:00"), None),
        ClockStep(at("2024-03-31T03:00"), -7200),
    ]


@pytest.mark.parametrize(("read_as", "true_name"), PAIRS)
def test_every_half_hour_of_three_years_comes_to_where_it_was_measured(read_as: str, true_name: str) -> None:
    read_by, true_clock = zone_of(read_as), zone_of(true_name)
    start, end = at("2022-12-25T00:00"), at("2026-01-05T00:00")
    steps = steps_between(read_by, true_clock, start, end)
    assert [step.from_s for step in steps] == sorted({step.from_s for step in steps})
    looked_at = 0
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    while moment < datetime(2026, 1, 1, tzinfo=UTC):
        written = moment.astimezone(true_clock)
        stored = written.replace(tzinfo=read_by, fold=0).astimezone(UTC)
        is_there = stored.astimezone(read_by).replace(tzinfo=None) == written.replace(tzinfo=None, fold=0)
        repeated = written.replace(fold=1).utcoffset() != written.replace(fold=0).utcoffset()
        if is_there and not (repeated and not written.fold):  # Of a repeated time the second one is stored.
            stored_s = round(stored.timestamp())
            shift_s = [step.shift_s for step in steps if step.from_s <= stored_s][-1]
            assert shift_s is not None and stored_s + shift_s == round(moment.timestamp()), moment
            looked_at += 1
        moment += timedelta(minutes=30)
    assert looked_at > 52_000


@pytest.mark.parametrize("name", ["localtime", "Factory"])
def test_the_servers_own_clock_is_no_zone(name: str) -> None:
    assert name not in time_zones()
    with pytest.raises(InvalidError):
        site_facts({"time_zone": name})
    with pytest.raises(InvalidError):
        zone_of(name)
