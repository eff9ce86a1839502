"""The crop store: chDB on an encrypted disk behind a write-ahead log. Only one process may open it at a time.

A batch is first written to the log; then it is durable and is acknowledged. Groups of batches are then inserted into chDB. What
a crash leaves in the log is inserted at the next start. A reading inserted twice is stored once, because (series, time) is the
key.
"""

import contextlib
import os
import queue
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crop_contract.columns import CHANGED, READINGS, SERIES
from crops import engine, records, schema
from crops.cache import BlockCache, LatestCache
from crops.changes import Changes
from crops.decimals import decimals, values
from crops.limits import LimitReachedError, Limits, Origin
from crops.lines import Batch
from crops.questions import Questions
from crops.records import FLUSH, Columns, QueuedRecord
from crops.senders import Senders, StillQueuedError
from crops.series import Series, origin_of, whole_rows
from crops.tables import Tables
from crops.versions import is_shown
from crops.wal import Log

MOST_WAITING = 4_000_000  # readings between log and chDB; above it, senders are asked to wait
GATHER_S, GROUP_POINTS = 0.5, 400_000
MOST_DELETED = 20_000  # series that one deletion names in its text
FORGET_WAIT_S = 25.0  # for what is queued, twice, before readings are deleted; web waits a minute for the answer
REPLAY_BYTES = 32 << 20  # of the log, inserted into chDB at once after a crash


class WriteQueueFullError(Exception):
    """Too many readings wait for chDB. The sender should try again in a second."""


class Store(Tables):
    """Series, tokens and readings. Safe to call from many threads."""

    def __init__(self, folder: Path, keys: Path, limits: Limits | None = None) -> None:
        from chdb.session import Session

        self.limits = limits or Limits()
        os.environ["CROPS_DISK_KEY"] = (keys / "disk.key").read_text()
        for name in ("raw", "engine"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        config = folder / "engine.xml"
        config.write_text(engine.configuration(folder / "raw"))
        super().__init__(Session(f"{(folder / 'engine').resolve()}?config-file={config.resolve()}"))
        for statement in (*engine.settings(), "CREATE DATABASE IF NOT EXISTS crop"):
            self._session.query(statement)
        self._create_tables()
        self.log = Log(folder / "log", (keys / "wal.key").read_bytes())
        self._lock, self._forgetting = threading.Lock(), threading.Lock()
        self._number_by_key: dict[tuple[Origin, bytes, bytes], int] = {}
        self.series: dict[int, Series] = {}
        self.senders = Senders(self, self.put, self.delete, self._lock)
        self._unlogged: dict[int, Series] = {}
        self.changes = Changes(self)
        self.latest_cache, self.block_cache, self.questions = LatestCache(), BlockCache(), Questions(self)
        self._scales = np.zeros(1 << 16, np.int8)
        self._last_number = 0  # Numbers of series are not reused: a part may still hold readings of a deleted series.
        self._waiting_points = 0
        self._queue: queue.SimpleQueue[QueuedRecord | None] = queue.SimpleQueue()
        self._inserted_batches, self._queued_batches = 0, 0
        self._progress = threading.Condition()
        self._load()

    # -- start and stop ------------------------------------------------------------------------------------------

    def _create_tables(self) -> None:
        columns = self.rows("SELECT table, name FROM system.columns WHERE database = 'crop'")
        of_readings = {row["name"] for row in columns if row["table"] == READINGS}
        for statement in schema.upgrade_statements(of_readings, {row["table"] for row in columns}):
            self._session.query(statement)
        for statement in schema.create_statements():
            self._session.query(statement)

    def _load(self) -> None:
        self.senders.load()
        self._load_series()
        self.changes.load()
        self._replay()
        self.changes.drop_unfinished()
        self.delete_series([n for n, series in self.series.items() if self.senders.is_forgotten(series.origin.tenant)])
        self.senders.drop_old_notes()  # The log is empty now.
        self.log.start()
        self._thread = threading.Thread(target=self._insert_queued, name="store", daemon=True)
        self._thread.start()

    def _load_series(self) -> None:
        whole = whole_rows(self.rows("SELECT id, tenant, site, device, compartment, tags, field FROM crop.series"))
        if whole.overwritten:  # They are stored again, before a merge of the engine leaves only the empty row.
            self.put(SERIES, pa.Table.from_pylist(whole.overwritten))
        for row in whole.rows:
            self._add_series(Series(int(row["id"]), origin_of(row), row["tags"], row["field"]))

    def _replay(self) -> None:
        """Insert what a crash left in the log, in groups. A segment is dropped when chDB has all of it on disk.

        Readings of forgotten tenants are left out; of some of them only the number of their series is still known.
        """
        group: list[bytes] = []
        points = size = 0
        remaining_segments = self.log.segments()
        for segment, record in self.log.replay():
            while remaining_segments[0] < segment:
                self._insert(group)
                group, points, size = [], 0, 0
                self._drop_synced([remaining_segments.pop(0)])
            for row in records.new_series_of(record):
                self._add_series(Series(row["id"], origin_of(row), row["tags"], row["field"]))
            if not all(self._may_hold(number) for number in np.unique(records.columns_of([record]).series).tolist()):
                continue
            group.append(record)
            points, size = points + records.count_of(record), size + len(record)
            if points >= GROUP_POINTS or size >= REPLAY_BYTES:
                self._insert(group)
                group, points, size = [], 0, 0
        self._insert(group)
        self._drop_synced(remaining_segments)

    def _may_hold(self, number: int) -> bool:
        """Whether the store may hold readings of a series: not if its tenant is forgotten, or its row is deleted."""
        series = self.series.get(number)
        return series is not None and bool(series.origin.tenant) and not self.senders.is_forgotten(series.origin.tenant)

    def _drop_synced(self, segments: list[int]) -> None:
        """Drop segments of the log whose records are in chDB, after chDB's files are synced to the disk."""
        if segments:
            os.sync()
        for segment in segments:
            self.log.drop(segment)

    def close(self) -> None:
        """Insert everything acknowledged into chDB and stop. The log is then empty, unless something could not be inserted."""
        self.log.stop()
        self._queue.put(None)
        self._thread.join()
        self._session.close()
        if self._inserted_batches == self._queued_batches:
            self._drop_synced(self.log.segments())

    def _add_series(self, series: Series) -> None:
        """Note a series. Call it under the lock, or before any thread runs: a number used twice would mix two series."""
        if series.id not in self.series:
            self.limits.count(series.origin)
        self.series[series.id] = series
        self._last_number = max(self._last_number, series.id)
        self._number_by_key[series.origin, series.tags.encode(), series.field.encode()] = series.id
        while series.id >= len(
            self._scales
        ):  # Numbers have gaps where series were deleted: doubling once may be too little.
            self._scales = np.concatenate([self._scales, np.zeros(len(self._scales), np.int8)])

    def number_of(self, origin: Origin, tags: bytes, field: bytes) -> int | None:
        """The number of a series; None if nothing was ever written to it."""
        return self._number_by_key.get((origin, tags, field))

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, origin: Origin, batch: Batch, token_hash: str | None = None) -> "Future[int]":
        """Log a batch. The future is done when the batch is durable; it may hold LogError. token_hash: see Senders.check.

        Readings of new series beyond a limit are removed from the batch; its `limit_reached` then says so.
        Raises WriteQueueFullError, TenantForgottenError, TokenRevokedError.
        """
        if self._waiting_points > MOST_WAITING:
            raise WriteQueueFullError
        with self._lock:
            self.senders.check(origin.tenant, token_hash)
            numbers = self._numbers(origin, batch)
            if not len(batch.code):
                nothing: Future[int] = Future()
                nothing.set_result(0)
                return nothing
            return self._append(numbers, self._columns(numbers, batch))

    def columns_of(self, origin: Origin, batch: Batch) -> Columns:
        """The readings of a batch as they will be stored; new series get numbers. Raises LimitReachedError, TenantForgottenError.

        A limit that not all of its series would fit refuses the whole batch.
        """
        with self._lock:
            self.senders.check(origin.tenant, None)
            new = sum(self._number_by_key.get((origin, *series)) is None for series in batch.series)
            if reached := self.limits.refused(origin, new):
                raise LimitReachedError(reached)
            return self._columns(self._numbers(origin, batch), batch)

    def amend(self, tenant: str, columns: Columns, change: dict[str, Any] | None) -> "Future[int]":
        """Log readings of a change as they are to be stored. change: its row, with the last of its readings; see write().

        Raises WriteQueueFullError, TenantForgottenError.
        """
        if self._waiting_points > MOST_WAITING:
            raise WriteQueueFullError
        numbers = np.unique(columns.series)
        with self._lock:
            self.senders.check(tenant, None)
            return self._append(numbers, columns, change)

    def _columns(self, numbers: npt.NDArray[np.uint32], batch: Batch) -> Columns:
        """The readings of a batch in columns. numbers: of its series. Call it under the lock."""
        scales = self._scales[numbers]
        digits, scale = decimals(batch.value, batch.code, scales)
        self._scales[numbers] = scales
        return Columns(numbers[batch.code], batch.time, digits, scale.astype(np.int8))

    def _append(
        self, numbers: npt.NDArray[np.uint32], columns: Columns, change: dict[str, Any] | None = None
    ) -> "Future[int]":
        """Log readings. numbers: of their series. Call it under the lock."""
        # A record names every series that no durable record has named yet.
        new_series = [self._unlogged[n].as_json() for n in numbers.tolist() if n in self._unlogged]
        record = records.encode(new_series, columns, change)
        self._waiting_points += len(columns.series)
        self._queued_batches += 1
        logged = self.log.append(record)
        logged.add_done_callback(lambda done: self._note_logged(done, new_series))
        self._queue.put(QueuedRecord(len(columns.series), record, logged))
        return logged

    def _numbers(self, origin: Origin, batch: Batch) -> npt.NDArray[np.uint32]:
        """The number of each series of a batch. New series get one, up to the limits. Call it under the lock."""
        numbers = np.zeros(len(batch.series), np.uint32)
        has_points = (
            np.bincount(batch.code, minlength=len(numbers)) > 0 if len(batch.code) else np.zeros(len(numbers), np.bool_)
        )
        for code, (tags, field) in enumerate(batch.series):
            number = self._number_by_key.get((origin, tags, field))
            if number is None and has_points[code]:
                if reached := self.limits.reached(origin):
                    batch.limit_reached = reached
                else:
                    number = self._new_series(origin, tags, field)
            numbers[code] = number or 0
        if batch.limit_reached is not None:
            has_number = numbers[batch.code] > 0
            batch.dropped_series = int((has_points & (numbers == 0)).sum())
            batch.dropped_points = int((~has_number).sum())
            batch.code, batch.time, batch.value = (
                batch.code[has_number],
                batch.time[has_number],
                batch.value[has_number],
            )
        return numbers

    def _new_series(self, origin: Origin, tags: bytes, field: bytes) -> int:
        series = Series(self._last_number + 1, origin, tags.decode(errors="replace"), field.decode(errors="replace"))
        self._add_series(series)
        self._number_by_key[origin, tags, field] = series.id
        self._unlogged[series.id] = series
        return series.id

    def _note_logged(self, logged: "Future[int]", new_series: list[dict[str, Any]]) -> None:
        if logged.exception() is None:
            for row in new_series:
                self._unlogged.pop(row["id"], None)

    def _insert_queued(self) -> None:
        while (first := self._queue.get()) is not None:
            group, deadline_s = [first], time.monotonic() + GATHER_S
            points, stopping = first.points, False
            # A few large statements cost the engine far less than many small ones. A reader that waits ends the gathering.
            while points < GROUP_POINTS and (left_s := deadline_s - time.monotonic()) > 0:
                try:
                    item = self._queue.get(timeout=left_s)
                except queue.Empty:
                    break
                if item is None:
                    stopping = True
                    break
                if item is FLUSH:
                    break
                group.append(item)
                points += item.points
            self._insert_group([item for item in group if item is not FLUSH])
            if stopping:
                return

    def _insert_group(self, group: list[QueuedRecord]) -> None:
        logged_records, segment_reached = [], 0
        for item in group:
            with contextlib.suppress(
                Exception
            ):  # A record that was not logged was answered with an error: do not store it.
                segment_reached = item.logged.result()
                logged_records.append(item.record)
        if logged_records:
            self._insert(logged_records)
        self._drop_synced([segment for segment in self.log.segments() if segment < segment_reached])
        with self._progress:
            self._inserted_batches += len(group)
            self._waiting_points -= sum(item.points for item in group)
            self._progress.notify_all()

    def _insert(self, log_records: list[bytes]) -> None:
        if not log_records:
            return
        new_series, changes = records.heads_of(log_records)
        if new_series:
            names = list(schema.COLUMNS[SERIES])
            self.put(SERIES, pa.Table.from_pylist([{name: row[name] for name in names} for row in new_series]))
        columns = records.columns_of(log_records)
        if len(columns.series):
            into = "series, time, high, low, scale"
            select = f"series, fromUnixTimestamp64Nano(time), {schema.SPLIT_DIGITS}, scale"
            self.put(READINGS, pa.table(columns._asdict()), into, select)
            self.block_cache.invalidate(columns.series, columns.time)
            shown = is_shown(columns.scale)
            some = columns if shown.all() else columns.picked(shown)
            self.latest_cache.update(some.series, some.time, values(some.digits, some.scale))
            if some is not columns:  # Of a series that loses a reading, only the store knows which is the newest now.
                self.latest_cache.forget(np.unique(columns.series[~shown]).tolist())
            self.changes.note_readings(some.series)
        if changes:
            self.changes.put(changes)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything acknowledged before this call can be read, at most timeout_s. False: it still cannot."""
        with self._progress:
            target = self._queued_batches
            if self._inserted_batches < target:
                self._queue.put(FLUSH)
            return self._progress.wait_for(lambda: self._inserted_batches >= target, timeout_s)

    # -- deleting ------------------------------------------------------------------------------------------------

    def forget(self, tenant: str) -> None:
        """Delete readings, series and tokens of a tenant, in the log too, and take nothing of it any more.

        Safe to stop anywhere and to run again, also twice at once. Raises StillQueuedError: run it again later.
        """
        with self._forgetting:
            if not self.flush(FORGET_WAIT_S):  # Nothing is begun while the store is behind.
                raise StillQueuedError
            self.senders.forget(tenant)
            with self._lock:  # From here on no new reading of it is logged, so this list is whole.
                numbers = [number for number, series in self.series.items() if series.origin.tenant == tenant]
            if not numbers:
                self.changes.forget(tenant)
                return  # Nothing was ever logged.
            last_segment = self.log.roll().result()
            if not self.flush(FORGET_WAIT_S):  # The log alone holds what others have sent.
                raise StillQueuedError
            self.delete_series(numbers)
            self.changes.forget(tenant)
            self._drop_synced([segment for segment in self.log.segments() if segment <= last_segment])
            self.senders.drop_old_notes()

    def delete_series(self, numbers: list[int]) -> None:
        """Delete series with their readings. Nothing of them may be queued any more."""
        if not numbers:
            return
        if self._last_number in numbers:  # An empty row keeps the number, so that it is not used again after a restart.
            empty = Series(self._last_number, Origin("", "", "", ""), "", "").as_json()
            self.put(SERIES, pa.Table.from_pylist([{name: empty[name] for name in schema.COLUMNS[SERIES]}]))
        for first in range(0, len(numbers), MOST_DELETED):
            listed = ",".join(map(str, numbers[first : first + MOST_DELETED]))
            self.delete(f"DELETE FROM crop.{READINGS} WHERE series IN ({listed})")
            self.delete(f"DELETE FROM crop.{CHANGED} WHERE series IN ({listed})")
            self.delete(f"DELETE FROM crop.{SERIES} WHERE id IN ({listed}) AND tenant != ''")
        with self._lock:
            deleted = set(numbers)
            for number in numbers:
                self.limits.forget(self.series.pop(number).origin)
                self._unlogged.pop(number, None)
            for key in [key for key, number in self._number_by_key.items() if number in deleted]:
                del self._number_by_key[key]
        self.latest_cache.forget(numbers)
        all_times = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])
        self.block_cache.invalidate(np.array(numbers, np.uint32), all_times)

    # -- reading -------------------------------------------------------------------------------------------------

    def is_well(self) -> bool:
        """Whether the log's and the store's threads are alive and the engine answers."""
        return self._thread.is_alive() and self.log.is_alive() and self.rows("SELECT 1 AS n") == [{"n": 1}]

    def of_tenant(self, tenant: str, sites: tuple[str, ...]) -> list[Series]:
        """The series of a tenant's sites, without those of which every reading was taken away."""
        at_sites = [s for s in list(self.series.values()) if s.origin.tenant == tenant and s.origin.site in sites]
        return [s for s in at_sites if s.id not in self.changes.empty] if self.changes.empty else at_sites
