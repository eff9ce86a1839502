"""Changes of readings in the crop store: what an import replaced comes back, whatever came in between, and after any kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crops import changes, former
from crops.amending import Amendment, OutOfRangeError
from crops.changes import Named, NotKeptError, UnknownChangeError
from crops.limits import LimitReachedError, Limits, Origin
from crops.lines import Batch
from crops.senders import TenantForgottenError
from crops.store import Store
from tests.test_crop_restart import keys

START = 1_760_000_000
TENANT, SITE = "t" * 16, "s" * 16
FILES = Origin(TENANT, SITE, "", "c" * 16)
DEVICE = Origin(TENANT, SITE, "d" * 16, "")
FIELDS = ("air_temp", "air_rh")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "crops", keys(tmp_path / "keys"))
    yield opened
    opened.close()


def batch(values: dict[int, float], *fields: str) -> Batch:
    """Readings of each field. values: by seconds after START."""
    fields = fields or FIELDS[:1]
    times = np.array([(START + at) * 10**9 for at in values] * len(fields), np.int64)
    code = np.repeat(np.arange(len(fields), dtype=np.int32), len(values))
    series = [(b"import,column=x", field.encode()) for field in fields]
    return Batch(series, code, times, np.array(list(values.values()) * len(fields), np.float64))


def name_of(letter: str) -> str:
    return letter * 16


def bring_in(store: Store, letter: str, values: dict[int, float], run: int = 1, fields: tuple[str, ...] = ()) -> object:
    named = Named(TENANT, SITE, name_of(letter), run)
    return store.changes.import_batch(named, FILES, batch(values, *fields))


def undo(store: Store, letter: str, tenant: str = TENANT, sites: tuple[str, ...] = (SITE,)) -> list[int]:
    """Undo a change whole; how many readings are gone, came back, stayed."""
    after, from_ns, totals = 0, None, [0, 0, 0]
    while True:
        step = store.changes.undo(tenant, sites, name_of(letter), after, from_ns)
        totals = [total + more for total, more in zip(totals, step[3:6], strict=True)]
        after, from_ns = step.after, step.from_ns
        if step.is_last:
            assert step.done == step.whole
            return totals


def shown(store: Store, field: str = "air_temp", origin: Origin = FILES) -> dict[int, float]:
    """The readings of a series, by seconds after START, as every question gives them."""
    store.flush()
    number = store.number_of(origin, b"import,column=x", field.encode())
    if number is None:
        return {}
    whole = store.questions.raw([number], START - 10, START + 100_000, 10**6)[number]
    values = dict(zip((whole.time // 10**9 - START).tolist(), whole.value.tolist(), strict=True))
    newest = store.questions.latest([number]).get(number)
    assert (newest and (newest.time_s - START, newest.value)) == (max(values.items()) if values else None)
    assert store.questions.count([number]) == len(values)
    segment = store.questions.segments([number], START - 10, START + 100_000)
    assert segment and segment[number].value.tolist() == list(values.values())
    return values


def test_what_an_import_replaced_comes_back_and_what_it_added_goes(store: Store) -> None:
    bring_in(store, "a", {0: 1.5, 1: 2.25, 2: 1 / 3})
    done = bring_in(store, "b", {1: 20, 2: 1 / 3, 3: 30})
    assert (done.added, done.replaced) == (1, 1)  # type: ignore[attr-defined]
    assert shown(store) == {0: 1.5, 1: 20, 2: 1 / 3, 3: 30}
    assert undo(store, "b") == [1, 2, 0]
    assert shown(store) == {0: 1.5, 1: 2.25, 2: 1 / 3}
    assert undo(store, "b") == [1, 2, 0], "it may be repeated"
    assert shown(store) == {0: 1.5, 1: 2.25, 2: 1 / 3}


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_imports_are_undone_in_any_order(store: Store, order: str) -> None:
    written = {"a": {0: 1.0, 1: 1.0}, "b": {1: 2.0, 2: 2.0}, "c": {1: 3.0, 3: 3.0}}
    bring_in(store, "0", {0: 9.0, 2: 9.0})
    for letter, values in written.items():
        bring_in(store, letter, values)
    left = list(written)
    for letter in order:
        undo(store, letter)
        left.remove(letter)
        expected = {0: 9.0, 2: 9.0}
        for remaining in left:
            expected |= written[remaining]
        assert shown(store) == dict(sorted(expected.items())), (letter, left)


def test_all_runs_of_an_import_are_undone_together(store: Store) -> None:
    bring_in(store, "a", {0: 1.0, 1: 1.0})
    bring_in(store, "a", {1: 5.0, 2: 5.0}, run=2)
    bring_in(store, "b", {2: 7.0})
    assert undo(store, "a") == [2, 0, 1]
    assert shown(store) == {2: 7.0}
    bring_in(store, "a", {0: 3.0}, run=3)
    assert shown(store) == {0: 3.0, 2: 7.0}, "it may be imported once more"
    undo(store, "b")
    assert shown(store) == {0: 3.0}
    undo(store, "a")
    assert shown(store) == {}


def test_a_repeated_run_writes_nothing_over_what_came_later(store: Store) -> None:
    first = bring_in(store, "a", {0: 1.0})
    bring_in(store, "b", {0: 2.0})
    assert bring_in(store, "a", {0: 1.0}) == first
    assert shown(store) == {0: 2.0}


def test_many_series_in_small_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "STEP_ROWS", 4)
    monkeypatch.setattr(changes, "STEP_S", 0.0)  # one group a step
    monkeypatch.setattr(former, "READ_ROWS", 5)
    fields = tuple(f"field {number}" for number in range(7))
    bring_in(store, "a", {0: 1.0, 1: 1.0}, fields=fields)
    bring_in(store, "b", {1: 2.0, 2: 2.0}, fields=fields)
    step = store.changes.undo(TENANT, (SITE,), name_of("b"), 0)
    assert (step.after, step.done, step.whole, step.removed, step.restored) == (1, 2, 14, 1, 1)
    assert undo(store, "b") == [7, 7, 0]
    assert [shown(store, field) for field in fields] == [{0: 1.0, 1: 1.0}] * 7


def test_a_series_of_which_nothing_is_left_is_not_listed(store: Store) -> None:
    bring_in(store, "a", {0: 1.0}, fields=FIELDS)
    store.write(DEVICE, batch({0: 1.0})).result()
    assert len(store.of_tenant(TENANT, (SITE,))) == 3
    undo(store, "a")
    assert [series.origin.device for series in store.of_tenant(TENANT, (SITE,))] == ["d" * 16]
    bring_in(store, "b", {5: 1.0})
    assert len(store.of_tenant(TENANT, (SITE,))) == 2


def test_nobody_else_undoes_it(store: Store) -> None:
    bring_in(store, "a", {0: 1.0})
    for tenant, sites in (("u" * 16, (SITE,)), (TENANT, ("z" * 16,)), (TENANT, ())):
        with pytest.raises(UnknownChangeError):
            store.changes.undo(tenant, sites, name_of("a"), 0)
    with pytest.raises(UnknownChangeError):
        undo(store, "x")
    assert shown(store) == {0: 1.0}


def test_after_ninety_days_nothing_is_kept(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(store, "a", {0: 1.0})
    bring_in(store, "b", {0: 2.0})
    undo(store, "b")
    bring_in(store, "c", {0: 3.0})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 90 * 86_400 + 5)
    with pytest.raises(NotKeptError):
        undo(store, "a")
    store.changes.drop_old()
    with pytest.raises(UnknownChangeError):
        undo(store, "a")
    # What was undone is kept twice as long, for what replaced it.
    assert store.rows("SELECT count() AS n FROM crop.changed_readings FINAL") == [{"n": 1}]
    monkeypatch.setattr(time, "time", lambda: real() + 180 * 86_400 + 5)
    store.changes.drop_old()
    assert store.rows("SELECT count() AS n FROM crop.changed_readings FINAL") == [{"n": 0}]
    assert store.rows("SELECT count() AS n FROM crop.changes FINAL") == [{"n": 0}]
    assert shown(store) == {0: 3.0}


def test_an_empty_series_is_deleted_when_nothing_is_kept_of_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(store, "a", {0: 1.0}, fields=FIELDS)
    undo(store, "a")
    bring_in(store, "b", {0: 2.0})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 181 * 86_400)
    store.changes.drop_old()
    assert [series.field for series in store.series.values()] == ["air_temp"]
    assert shown(store) == {0: 2.0}


def test_an_import_beyond_a_limit_stores_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "crops", keys(tmp_path / "keys"), Limits(2, 10))
    with pytest.raises(LimitReachedError):
        bring_in(store, "a", {0: 1.0}, fields=("a", "b", "c"))
    assert not store.series
    bring_in(store, "a", {0: 1.0}, fields=("a", "b"))
    with pytest.raises(LimitReachedError):
        bring_in(store, "b", {0: 1.0}, fields=("b", "c"))
    store.close()


def test_an_erased_organisation_leaves_nothing_of_its_changes(store: Store) -> None:
    bring_in(store, "a", {0: 1.0})
    bring_in(store, "b", {0: 2.0})
    undo(store, "b")
    other = Origin("u" * 16, SITE, "", "")
    store.changes.import_batch(Named("u" * 16, SITE, name_of("a"), 1), other, batch({0: 4.0}))
    store.forget(TENANT)
    assert store.rows("SELECT DISTINCT tenant FROM crop.changes FINAL") == [{"tenant": "u" * 16}]
    assert store.rows("SELECT count() AS n FROM crop.changed_readings FINAL") == [{"n": 1}]
    with pytest.raises(UnknownChangeError):
        undo(store, "a")
    with pytest.raises(TenantForgottenError):
        bring_in(store, "c", {0: 1.0})
    assert store.rows("SELECT count() AS n FROM crop.changed_readings FINAL") == [{"n": 1}]
    assert shown(store, origin=other) == {0: 4.0}


def number_of(store: Store, origin: Origin = FILES) -> int:
    number = store.number_of(origin, b"import,column=x", b"air_temp")
    assert number is not None
    return number


def amend(store: Store, letter: str, first: int, end: int, amendment: Amendment, origin: Origin = DEVICE) -> object:
    named, span = Named(TENANT, SITE, name_of(letter), 1), ((START + first) * 10**9, (START + end) * 10**9)
    return store.changes.amend(named, [number_of(store, origin)], span, amendment)


def test_readings_are_deleted_and_come_back_but_where_a_device_sent_a_later_one(store: Store) -> None:
    store.write(DEVICE, batch({0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0})).result()
    store.flush()
    amend(store, "a", 1, 3, Amendment("delete"))
    assert shown(store, origin=DEVICE) == {0: 1.0, 3: 4.0}
    store.write(DEVICE, batch({2: 30.0, 4: 5.0})).result()
    store.flush()
    assert undo(store, "a") == [0, 1, 1]
    assert shown(store, origin=DEVICE) == {0: 1.0, 1: 2.0, 2: 30.0, 3: 4.0, 4: 5.0}


def test_readings_that_are_marked_as_wrong_are_kept_and_in_no_answer(store: Store) -> None:
    store.write(DEVICE, batch({0: 1.0, 1: 1 / 3, 2: -3.5})).result()
    done = amend(store, "a", 1, 3, Amendment("mark"))
    assert done.readings == 2  # type: ignore[attr-defined]
    assert shown(store, origin=DEVICE) == {0: 1.0}
    marked = store.questions.marked([number_of(store, DEVICE)], START, START + 100, 10)[number_of(store, DEVICE)]
    assert marked.value.tolist() == [1 / 3, -3.5]
    amend(store, "b", 0, 3, Amendment("mark"))
    assert shown(store, origin=DEVICE) == {}
    assert [series.origin for series in store.of_tenant(TENANT, (SITE,))] == [DEVICE], "it is listed still"
    undo(store, "a")
    assert shown(store, origin=DEVICE) == {1: 1 / 3, 2: -3.5}
    undo(store, "b")
    assert shown(store, origin=DEVICE) == {0: 1.0, 1: 1 / 3, 2: -3.5}


def test_a_file_that_comes_again_unmarks_nothing_but_brings_other_values(store: Store) -> None:
    bring_in(store, "a", {0: 1.0, 1: 2.0})
    amend(store, "b", 0, 5, Amendment("mark"), FILES)
    bring_in(store, "c", {0: 1.0, 1: 5.0})
    assert shown(store) == {1: 5.0}
    bring_in(store, "d", {0: 1.0})
    assert shown(store) == {1: 5.0}
    undo(store, "c")
    undo(store, "b")
    assert shown(store) == {0: 1.0, 1: 2.0}


def test_readings_are_moved_in_time_and_back(store: Store) -> None:
    bring_in(store, "a", {at: float(at) for at in range(0, 10, 2)})
    amend(store, "b", 2, 6, Amendment("shift", shift_s=2), FILES)
    assert shown(store) == {0: 0.0, 4: 2.0, 6: 4.0, 8: 8.0}
    bring_in(store, "c", {4: 40.0})
    assert undo(store, "b")[1:] == [2, 1]
    assert shown(store) == {0: 0.0, 2: 2.0, 4: 40.0, 6: 6.0, 8: 8.0}
    undo(store, "c")
    assert shown(store) == {0: 0.0, 2: 2.0, 4: 4.0, 6: 6.0, 8: 8.0}


def test_values_are_converted_and_back_exactly(store: Store) -> None:
    bring_in(store, "a", {0: 70.0, 1: 32.0, 2: 1 / 3})
    amend(store, "m", 1, 2, Amendment("mark"), FILES)
    amend(store, "b", 0, 5, Amendment("convert", factor=5 / 9, offset=-160 / 9), FILES)
    assert shown(store) == {0: 21.1111111, 2: -17.5925926}
    undo(store, "m")
    assert shown(store) == {0: 21.1111111, 2: -17.5925926}, "what was converted since stays as it is"
    undo(store, "b")
    assert shown(store) == {0: 70.0, 1: 32.0, 2: 1 / 3}


def test_an_amendment_that_is_repeated_is_done_once(store: Store) -> None:
    bring_in(store, "a", {0: 1.0, 1: 2.0})
    first = amend(store, "b", 0, 5, Amendment("convert", factor=2.0), FILES)
    assert amend(store, "b", 0, 5, Amendment("convert", factor=2.0), FILES) == first
    assert shown(store) == {0: 2.0, 1: 4.0}


# A process that imports "a" and "b" (and undoes "b"), and kills itself at the nth call of what is named.
CHILD = """
import os, signal, sys
from pathlib import Path
from tests import test_crop_changes as here
from tests.killing import kill_at
from crops import store as store_module
folder, point, nth, stage = sys.argv[1:]
opened = store_module.Store(Path(folder) / "crops", Path(folder) / "keys")
if stage == "import":
    here.bring_in(opened, "a", here.FIRST, fields=here.FIELDS)
kill_at(opened, point, int(nth))
if stage == "import":
    here.bring_in(opened, "b", here.SECOND, fields=here.FIELDS)
else:
    here.undo(opened, "b")
print("DONE", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
FIRST, SECOND = {0: 1.0, 1: 1.0}, {1: 2.0, 2: 2.0}


def killed(folder: Path, point: str, nth: int, stage: str) -> bool:
    """Whether CHILD came to its end before it was killed."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), point, str(nth), stage],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[1],
    )
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    return "DONE" in child.stdout


STEPS = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])


@pytest.mark.slow
@STEPS
def test_a_kill_at_any_step_leaves_an_import_whole_or_not_at_all(tmp_path: Path, every: int) -> None:
    for point in ("statement", "append", "sync"):
        for nth in range(every, 40, every):
            folder = tmp_path / f"{point}-{nth}"
            keys(folder.mkdir() or folder / "keys")
            came_to_its_end = killed(folder, point, nth, "import")
            store = Store(folder / "crops", folder / "keys")
            before, after = FIRST, FIRST | SECOND
            present = shown(store)
            assert present in (before, after) and (present == after or not came_to_its_end), (point, nth)
            assert shown(store, FIELDS[1]) == present
            kept = store.rows("SELECT count() AS n FROM crop.changed_readings FINAL")
            assert kept == [{"n": 8 if present == after else 4}], "nothing is kept for what never came about"
            bring_in(store, "b", SECOND, fields=FIELDS)  # as the job tries again
            assert shown(store) == after
            assert undo(store, "b") == [2, 2, 0]
            assert shown(store) == before
            store.close()
            if came_to_its_end:
                break
        else:
            pytest.fail("it never came to its end")


@pytest.mark.slow
@STEPS
def test_a_kill_at_any_step_of_undoing_is_made_good_by_doing_it_again(tmp_path: Path, every: int) -> None:
    for point in ("statement", "append", "sync"):
        for nth in range(every, 40, every):
            folder = tmp_path / f"{point}-{nth}"
            keys(folder.mkdir() or folder / "keys")
            store = Store(folder / "crops", folder / "keys")
            bring_in(store, "a", FIRST, fields=FIELDS)
            bring_in(store, "b", SECOND, fields=FIELDS)
            store.close()
            came_to_its_end = killed(folder, point, nth, "undo")
            store = Store(folder / "crops", folder / "keys")
            assert shown(store) in (FIRST, FIRST | SECOND), (point, nth)
            undo(store, "b")
            assert shown(store) == shown(store, FIELDS[1]) == FIRST
            store.close()
            store = Store(folder / "crops", folder / "keys")
            assert shown(store) == FIRST
            undo(store, "a")
            assert shown(store) == {}
            store.close()
            if came_to_its_end:
                break
        else:
            pytest.fail("it never came to its end")


def test_values_that_become_too_large_are_refused(store: Store) -> None:
    bring_in(store, "a", {0: 1e308, 1: 1.0})
    number = store.number_of(FILES, b"import,column=x", b"air_temp")
    assert number is not None
    span_ns = ((START - 1) * 10**9, (START + 10) * 10**9)
    with pytest.raises(OutOfRangeError):
        store.changes.amend(Named(TENANT, SITE, name_of("b"), 1), [number], span_ns, Amendment("convert", 0, 1000.0))
    assert shown(store) == {0: 1e308, 1: 1.0}


def test_what_lies_between_the_rows_of_a_file_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(store, "a", {at: float(at) for at in range(500)})
    monkeypatch.setattr(former, "READ_ROWS", 20)
    tables, most = store.changes._former._tables, [0]
    real = tables.table

    def table(sql: str, *more: object) -> object:
        result = real(sql, *more)  # type: ignore[arg-type]
        most[0] = max(most[0], result.num_rows)
        return result

    monkeypatch.setattr(tables, "table", table)
    bring_in(store, "b", {0: 7.0, 250: 8.0, 499: 9.0})
    assert most[0] <= 2 * former.READ_ROWS
    assert shown(store)[250] == 8
    assert undo(store, "b") == [0, 3, 0]
    assert shown(store) == {at: float(at) for at in range(500)}


@pytest.fixture
def read_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The most rows that one statement gave so far, where pieces are small."""
    monkeypatch.setattr(former, "READ_ROWS", 20)
    monkeypatch.setattr(former, "PIECE_ROWS", 20)
    monkeypatch.setattr(changes, "STEP_ROWS", 20)
    tables, most = store.changes._former._tables, [0]
    real = tables.table

    def table(sql: str, *more: object) -> object:
        result = real(sql, *more)  # type: ignore[arg-type]
        most[0] = max(most[0], result.num_rows)
        return result

    monkeypatch.setattr(tables, "table", table)
    return most


def test_what_many_changes_hold_at_the_same_times_is_undone_in_pieces(store: Store, read_at_once: list[int]) -> None:
    times = range(120)
    for number, letter in enumerate("abcde"):
        bring_in(store, letter, {at: float(number) for at in times})
    read_at_once[0] = 0
    assert undo(store, "e") == [0, 120, 0]
    assert read_at_once[0] <= 2 * former.READ_ROWS
    assert shown(store) == dict.fromkeys(times, 3.0)
    undo(store, "a")
    undo(store, "d")
    assert shown(store) == dict.fromkeys(times, 2.0)


def test_a_step_that_ends_within_a_series_goes_on_there(
    store: Store, read_at_once: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "STEP_S", 0.0)
    bring_in(store, "a", dict.fromkeys(range(50), 1.0))
    step = store.changes.undo(TENANT, (SITE,), name_of("a"), 0)
    assert step.after == 0 and step.from_ns > START * 10**9 and 0 < step.removed < 50
    assert 0 < len(shown(store)) < 50
    assert undo(store, "a")[0] == 50 and shown(store) == {}


@pytest.mark.parametrize(("shift_s", "replaced"), [(60, 60), (-60, 60), (1000, 0), (1, 1)])
def test_a_shift_is_shown_in_pieces(store: Store, read_at_once: list[int], shift_s: int, replaced: int) -> None:
    bring_in(store, "a", {at: float(at) for at in range(500)})
    read_at_once[0] = 0
    span = ((START + 100) * 10**9, (START + 400) * 10**9)
    preview = store.changes.preview([number_of(store)], span, Amendment("shift", shift_s))
    assert (preview.readings, preview.replaced) == (300, replaced)
    assert len(preview.some.time) == 8 and read_at_once[0] <= 2 * former.READ_ROWS
    assert preview.first_ns == span[0] and preview.last_ns == span[1] - 10**9


def test_of_a_time_in_which_nothing_is_stored_nothing_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(store, "a", dict.fromkeys(range(50), 1.0), fields=FIELDS)
    monkeypatch.setattr(store.changes._former, "_read_present", lambda *_: pytest.fail("it was read"))
    bring_in(store, "b", dict.fromkeys(range(50, 90), 2.0), fields=FIELDS)
    bring_in(store, "c", dict.fromkeys(range(50), 2.0), fields=("other",))
    assert shown(store) == dict.fromkeys(range(50), 1.0) | dict.fromkeys(range(50, 90), 2.0)
