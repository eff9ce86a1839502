"""A restart: it is quick after many small writes, correct after a kill at any time, and it reports a damaged log."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from crops import wal
from crops.lines import Batch
from crops.store import Origin, Store

START = 1_760_000_000
KEY = b"k" * 32
HOME = Origin("t" * 16, "s" * 16, "d" * 16, "")


def keys(folder: Path) -> Path:
    """The folder, with the keys that a store needs."""
    folder.mkdir(exist_ok=True)
    (folder / "disk.key").write_text("ab" * 32)
    (folder / "wal.key").write_bytes(KEY)
    return folder


def batch(at: int, count: int = 1, field: str = "air_temp") -> Batch:
    """Readings of one series, one each second from START + at on; each value is its time after START, in s."""
    times = (np.arange(at, at + count, dtype=np.int64) + START) * 10**9
    return Batch(
        [(b"m", field.encode())], np.zeros(count, np.int32), times, np.arange(at, at + count, dtype=np.float64)
    )


# A process that opens a store, writes, and kills itself at the nth call of a method, before or after it.
CHILD = """
import os, signal, sys
from pathlib import Path
from tests.test_crop_restart import HOME, batch
from crops import store as store_module, wal
folder, method, nth, when, first, count, stop = sys.argv[1:]
nth, calls = int(nth), 0
store_module.GROUP_POINTS, wal.SEGMENT_BYTES = 50, 4000
if stop == "kill":  # All of it stays in the log.
    store_module.GROUP_POINTS, store_module.GATHER_S = 10**9, 600
owner, name = (wal.Log if hasattr(wal.Log, method) else store_module.Store), method
if method == "sync":
    owner = os
original = getattr(owner, name, None)
def killing(*arguments, **named):
    global calls
    calls += 1
    if calls == nth and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **named)
    if calls == nth and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result
if nth:
    setattr(owner, name, killing)
opened = store_module.Store(Path(folder) / "crops", Path(folder) / "keys")
for number in range(int(first), int(first) + int(count)):
    opened.write(HOME, batch(number)).result()
    print(number, flush=True)
if stop == "stop":
    opened.close()
else:
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Run(NamedTuple):
    """How a store in a process of its own ended, and how many writes it acknowledged."""

    exit_code: int
    acknowledged: int


def run(
    folder: Path,
    method: str = "none",
    nth: int = 0,
    when: str = "before",
    first: int = 0,
    count: int = 0,
    stop: str = "kill",
) -> Run:
    """Run CHILD. method, nth, when: where it kills itself; first, count: what it writes; stop: how it ends otherwise."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), method, str(nth), when, str(first), str(count), stop],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[1],
    )
    assert child.returncode in (0, -signal.SIGKILL), child.stderr[-2000:]
    return Run(child.returncode, len(child.stdout.split()))


def stored_values(folder: Path) -> list[float]:
    """Every stored value, by time, as a newly opened store reads it. The store is closed again."""
    opened = Store(folder / "crops", folder / "keys")
    try:
        numbers = list(opened.series)
        segments = opened.questions.raw(numbers, START - 1, START + 1_000_000, 1_000_000) if numbers else {}
        return [value for number in numbers for value in segments[number].value.tolist()]
    finally:
        opened.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("method", "nth"),
    [
        pytest.param("_insert", 1, marks=pytest.mark.long),
        ("_insert", 2),
        ("sync", 1),
        pytest.param("drop", 1, marks=pytest.mark.long),
        pytest.param("drop", 2, marks=pytest.mark.long),
    ],
)
@pytest.mark.slow
def test_a_kill_while_the_log_is_replayed_loses_and_doubles_nothing(
    tmp_path: Path, method: str, nth: int, when: str
) -> None:
    keys(tmp_path / "keys")
    assert run(tmp_path, count=200) == Run(-signal.SIGKILL, 200)
    assert len(list((tmp_path / "crops" / "log").glob("*.wal"))) > 3
    restarted = run(tmp_path, method, nth, when, stop="stop")
    assert restarted.exit_code == -signal.SIGKILL, "the call at which it is killed never came"
    assert stored_values(tmp_path) == [float(number) for number in range(200)]


@pytest.mark.parametrize(("method", "nth"), [("drop", 1), ("sync", 1), ("stop", 1)])
@pytest.mark.slow
def test_a_kill_during_a_clean_stop_loses_and_doubles_nothing(tmp_path: Path, method: str, nth: int) -> None:
    keys(tmp_path / "keys")
    exit_code, acknowledged = run(tmp_path, method, nth, "after", count=60, stop="stop")
    assert exit_code == -signal.SIGKILL
    values = stored_values(tmp_path)
    assert values[:acknowledged] == [float(number) for number in range(acknowledged)]
    assert len(values) in (acknowledged, acknowledged + 1)


@pytest.mark.slow
def test_a_clean_stop_leaves_no_log_to_replay(tmp_path: Path) -> None:
    keys(tmp_path / "keys")
    assert run(tmp_path, count=60, stop="stop") == Run(0, 60)
    assert list((tmp_path / "crops" / "log").glob("*.wal")) == []
    assert stored_values(tmp_path) == [float(number) for number in range(60)]


@pytest.mark.slow
def test_many_small_records_are_replayed_in_few_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys(tmp_path / "keys")
    opened = Store(tmp_path / "crops", tmp_path / "keys")
    monkeypatch.setattr(opened, "_insert", lambda records: None)
    for number in range(3000):
        logged = opened.write(HOME, batch(number, 4))
    logged.result()
    monkeypatch.setattr(opened, "_drop_synced", lambda segments: None, raising=False)
    opened.close()
    insert_sizes: list[int] = []
    original = Store._insert

    def insert(store: Store, records: list[bytes]) -> None:
        insert_sizes.append(len(records))
        original(store, records)

    monkeypatch.setattr(Store, "_insert", insert)
    assert len(stored_values(tmp_path)) == 3003
    assert sum(insert_sizes) == 3000
    assert len([size for size in insert_sizes if size]) <= 3


def _log(folder: Path, records: list[bytes]) -> Path:
    log = wal.Log(folder, KEY)
    log.start()
    for record in records:
        log.append(record).result(5)
    log.stop()
    return folder / f"{log.current:010d}.wal"


RECORDS = [f"record {number}".encode() * 5 for number in range(10)]


def _records(folder: Path) -> list[bytes]:
    return [replayed.record for replayed in wal.Log(folder, KEY).replay()]


def test_a_record_cut_off_at_the_end_is_dropped_at_any_byte(tmp_path: Path) -> None:
    path = _log(tmp_path, RECORDS)
    content = path.read_bytes()
    record_bytes = (len(content) - 8) // 10
    for cut_bytes in range(1, record_bytes):
        path.write_bytes(content[:-cut_bytes])
        assert _records(tmp_path) == RECORDS[:-1], cut_bytes
    path.write_bytes(content + bytes(5000))
    assert _records(tmp_path) == RECORDS, "space that the file was given but that was not written"


def test_a_flipped_bit_anywhere_is_reported(tmp_path: Path) -> None:
    path = _log(tmp_path, RECORDS)
    content = path.read_bytes()
    for at in range(8, len(content)):
        changed = bytearray(content)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        with pytest.raises(wal.LogError, match="altered"):
            _records(tmp_path)


def test_a_segment_cut_off_before_later_segments_is_reported(tmp_path: Path) -> None:
    first = _log(tmp_path, RECORDS)
    _log(tmp_path, RECORDS)
    first.write_bytes(first.read_bytes()[:-3])
    with pytest.raises(wal.LogError, match="cut off"):
        _records(tmp_path)


def test_a_log_of_the_earlier_form_is_still_read(tmp_path: Path) -> None:
    log = wal.Log(tmp_path, KEY)
    content = b""
    for number, record in enumerate(RECORDS):
        sealed = bytes(12) + log._cipher.encrypt(bytes(12), record, b"1:%d" % number)
        content += len(sealed).to_bytes(4, "big") + sealed
    (tmp_path / "0000000001.wal").write_bytes(content)
    assert _records(tmp_path) == RECORDS
    (tmp_path / "0000000001.wal").write_bytes(content[:-3])
    assert _records(tmp_path) == RECORDS[:-1]


def test_a_log_that_cannot_get_a_new_segment_refuses_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = wal.Log(tmp_path, KEY)
    log.start()
    log.append(b"before").result(5)
    original: Callable[..., int] = os.open

    def open_on_full_disk(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(28, "No space left on device")
        return original(path, flags, *mode)

    monkeypatch.setattr(wal.os, "open", open_on_full_disk)
    log.roll().result(5)
    with pytest.raises(wal.LogError):
        log.append(b"lost").result(5)
    monkeypatch.undo()
    log.append(b"after").result(5)
    log.stop()
    assert _records(tmp_path) == [b"before", b"after"]


# A process that opens a store, does what it is asked, and prints the series that the store then has.
DELETING = """
import sys
from pathlib import Path
import pyarrow as pa
from crops.store import Origin, Store
from tests.test_crop_restart import HOME, batch
folder, what = Path(sys.argv[1]), sys.argv[2]
OTHER, NOBODY = Origin("u" * 16, "s" * 16, "d" * 16, ""), "n" * 16
THIRD = Origin("v" * 16, "s" * 16, "d" * 16, "")
opened = Store(folder / "crops", folder / "keys")
if what == "write":
    opened.write(OTHER, batch(0)).result()
    opened.write(HOME, batch(0)).result()
elif what == "forget":
    opened.forget(OTHER.tenant)  # Its number is below that of a series that stays.
    opened.forget(NOBODY)  # It has no series, as a customer that never sent a reading.
elif what == "forget-highest":
    opened.forget(HOME.tenant)
elif what == "overwrite":  # What earlier versions did when a customer was deleted.
    rows = [{"id": 2, "tenant": "", "site": "", "device": "", "compartment": "", "tags": "", "field": ""}]
    opened.put("series", pa.Table.from_pylist(rows))
elif what == "new":
    opened.write(THIRD, batch(0)).result()
opened.flush()
owners = sorted((series.id, series.origin.tenant) for series in opened.series.values() if series.origin.tenant)
print("SERIES", owners, opened.questions.count([number for number, _ in owners]))
opened.close()
"""


def series_after(folder: Path, what: str) -> str:
    """Run DELETING: the numbers and tenants of the series that the store has afterwards, and the count of their readings."""
    child = subprocess.run(
        [sys.executable, "-c", DELETING, str(folder), what],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.returncode == 0, child.stderr[-3000:]
    return child.stdout.rpartition("SERIES ")[2].strip()


@pytest.mark.slow
def test_deleting_a_customer_leaves_the_series_of_others_also_after_a_restart(tmp_path: Path) -> None:
    keys(tmp_path / "keys")
    tenant = HOME.tenant
    series_after(tmp_path, "write")
    assert series_after(tmp_path, "forget") == f"[(2, '{tenant}')] 1"
    assert series_after(tmp_path, "look") == f"[(2, '{tenant}')] 1", "the last series of another customer lost its row"


@pytest.mark.slow
def test_a_number_is_not_used_again_after_the_highest_was_deleted(tmp_path: Path) -> None:
    keys(tmp_path / "keys")
    series_after(tmp_path, "write")
    series_after(tmp_path, "forget-highest")
    series_after(tmp_path, "forget")
    assert series_after(tmp_path, "new") == f"[(3, '{'v' * 16}')] 1"


@pytest.mark.slow
def test_a_series_whose_row_an_earlier_version_overwrote_is_found_again(tmp_path: Path) -> None:
    keys(tmp_path / "keys")
    series_after(tmp_path, "write")
    series_after(tmp_path, "overwrite")
    assert series_after(tmp_path, "look") == f"[(1, '{'u' * 16}'), (2, '{HOME.tenant}')] 2"
    assert series_after(tmp_path, "look") == f"[(1, '{'u' * 16}'), (2, '{HOME.tenant}')] 2", "and it stays"
