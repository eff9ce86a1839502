"""The crop store: chDB on an encrypted disk behind a write-ahead log. Only one process may open it at a time.

A batch is first written to the log; then it is durable and is acknowledged. Groups of batches are then inserted into chDB. What
a crash leaves in the log is inserted at the next start. A reading inserted twice is stored once, because (series, time) is the
key.
"""

import contextlib
import json
import os
import queue
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crop_contract.columns import READINGS, SERIES
from crops import records, schema
from crops.cache import BlockCache, LatestCache
from crops.decimals import decimals, values
from crops.limits import Limits, Origin
from crops.lines import Batch
from crops.questions import Questions
from crops.senders import Senders, StillQueuedError
from crops.series import Series, origin_of, whole_rows
from crops.wal import Log

MOST_WAITING = 4_000_000  # readings between log and chDB; above it, senders are asked to wait
CONFIG = """<clickhouse><storage_configuration>
<disks><raw><type>local</type><path>{raw}/</path></raw>
<sealed><type>encrypted</type><disk>raw</disk><path>sealed/</path><algorithm>AES_256_CTR</algorithm>
<key_hex from_env="CROPS_DISK_KEY"/></sealed></disks>
<policies><sealed><volumes><main><disk>sealed</disk></main></volumes></sealed></policies>
</storage_configuration><tmp_policy>sealed</tmp_policy></clickhouse>"""
GATHER_S, GROUP_POINTS = 0.5, 400_000
MOST_LISTED, MOST_DELETED = 1_000, 20_000  # series that one statement names in its text: of a question, of a deletion
FORGET_WAIT_S = 25.0  # for what is queued, twice, before readings are deleted; web waits a minute for the answer
REPLAY_BYTES = 32 << 20  # of the log, inserted into chDB at once after a crash


class WriteQueueFullError(Exception):
    """Too many readings wait for chDB. The sender should try again in a second."""


class QueuedRecord(NamedTuple):
    """A record on its way to chDB: how many readings it holds, its bytes, and the future that the log completes."""

    points: int
    record: bytes
    logged: "Future[int]"


FLUSH = QueuedRecord(0, b"", Future())  # put into the queue by a reader: insert at once what is queued


class Store:
    """Series, tokens and readings. Safe to call from many threads."""

    def __init__(self, folder: Path, keys: Path, limits: Limits | None = None) -> None:
        from chdb.session import Session

        self.limits = limits or Limits()

        os.environ["CROPS_DISK_KEY"] = (keys / "disk.key").read_text()
        for name in ("raw", "engine"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        config = folder / "engine.xml"
        config.write_text(CONFIG.format(raw=(folder / "raw").resolve()))
        self._session = Session(f"{(folder / 'engine').resolve()}?config-file={config.resolve()}")
        self._session.query("CREATE DATABASE IF NOT EXISTS crop")
        self._create_tables()
        self.log = Log(folder / "log", (keys / "wal.key").read_bytes())
        self._lock, self._inserting, self._asking = threading.Lock(), threading.Lock(), threading.Lock()
        self._forgetting = threading.Lock()
        self._number_by_key: dict[tuple[Origin, bytes, bytes], int] = {}
        self.series: dict[int, Series] = {}
        self.senders = Senders(self, self._put, self._delete, self._lock)
        self._unlogged: dict[int, Series] = {}
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
        self._replay()
        self._delete_series([n for n, series in self.series.items() if self.senders.is_forgotten(series.origin.tenant)])
        self.senders.drop_old_notes()  # The log is empty now.
        self.log.start()
        self._thread = threading.Thread(target=self._insert_queued, name="store", daemon=True)
        self._thread.start()

    def _load_series(self) -> None:
        whole = whole_rows(self.rows("SELECT id, tenant, site, device, compartment, tags, field FROM crop.series"))
        if whole.overwritten:  # They are stored again, before a merge of the engine leaves only the empty row.
            self._put(SERIES, pa.Table.from_pylist(whole.overwritten))
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
            # A record names every series that no durable record has named yet.
            new_series = [self._unlogged[n].as_json() for n in numbers.tolist() if n in self._unlogged]
            scales = self._scales[numbers]
            digits, scale = decimals(batch.value, batch.code, scales)
            self._scales[numbers] = scales
            columns = records.Columns(numbers[batch.code], batch.time, digits, scale.astype(np.int8))
            record = records.encode(new_series, columns)
            self._waiting_points += len(batch.code)
            self._queued_batches += 1
            logged = self.log.append(record)
            logged.add_done_callback(lambda done: self._note_logged(done, new_series))
            self._queue.put(QueuedRecord(len(batch.code), record, logged))
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
        new_series = [row for record in log_records for row in records.new_series_of(record)]
        if new_series:
            names = list(schema.COLUMNS[SERIES])
            self._put(SERIES, pa.Table.from_pylist([{name: row[name] for name in names} for row in new_series]))
        columns = records.columns_of(log_records)
        if len(columns.series):
            into = "series, time, high, low, scale"
            select = f"series, fromUnixTimestamp64Nano(time), {schema.SPLIT_DIGITS}, scale"
            self._put(READINGS, pa.table(columns._asdict()), into, select)
            self.block_cache.invalidate(columns.series, columns.time)
            self.latest_cache.update(columns.series, columns.time, values(columns.digits, columns.scale))

    def _put(self, table: str, rows: pa.Table, into: str = "", select: str = "") -> None:
        names = into or ", ".join(rows.column_names)
        # chDB looks for a variable of this name in the frames around the call, so no other variable may have it.
        table_for_chdb = rows
        sql = f"INSERT INTO crop.{table} ({names}) SELECT {select or names} FROM Python(table_for_chdb)"
        with self._inserting:
            self._session.query(sql)
        del table_for_chdb

    def _delete(self, sql: str) -> None:
        with self._inserting:
            self._session.query(sql)

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
                return  # Nothing was ever logged.
            last_segment = self.log.roll().result()
            if not self.flush(FORGET_WAIT_S):  # The log alone holds what others have sent.
                raise StillQueuedError
            self._delete_series(numbers)
            self._drop_synced([segment for segment in self.log.segments() if segment <= last_segment])
            self.senders.drop_old_notes()

    def _delete_series(self, numbers: list[int]) -> None:
        """Delete series with their readings. Nothing of them may be queued any more."""
        if not numbers:
            return
        if self._last_number in numbers:  # An empty row keeps the number, so that it is not used again after a restart.
            empty = Series(self._last_number, Origin("", "", "", ""), "", "").as_json()
            self._put(SERIES, pa.Table.from_pylist([{name: empty[name] for name in schema.COLUMNS[SERIES]}]))
        for first in range(0, len(numbers), MOST_DELETED):
            listed = ",".join(map(str, numbers[first : first + MOST_DELETED]))
            self._delete(f"DELETE FROM crop.{READINGS} WHERE series IN ({listed})")
            self._delete(f"DELETE FROM crop.{SERIES} WHERE id IN ({listed}) AND tenant != ''")
        with self._lock:
            origins = {self.series[number].origin for number in numbers}
            for number in numbers:
                self.limits.forget(self.series.pop(number).origin)
                self._unlogged.pop(number, None)
            for key in [key for key in self._number_by_key if key[0] in origins]:
                del self._number_by_key[key]
        self.latest_cache.forget(numbers)
        all_times = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])
        self.block_cache.invalidate(np.array(numbers, np.uint32), all_times)

    # -- reading -------------------------------------------------------------------------------------------------

    def is_well(self) -> bool:
        """Whether the log's and the store's threads are alive and the engine answers."""
        return self._thread.is_alive() and self.log.is_alive() and self.rows("SELECT 1 AS n") == [{"n": 1}]

    def rows(self, sql: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query that this program wrote. It holds no text from outside, only numbers.

        numbers: of series, as many as you like; they replace schema.SERIES_NUMBERS in the query.
        """
        text = self._query(sql, "JSONEachRow", numbers).decode()
        return [json.loads(line) for line in text.splitlines()]

    def table(self, sql: str, numbers: list[int] | None = None) -> pa.Table:
        """The same as columns, for results of many rows."""
        body = self._query(f"{sql} SETTINGS output_format_arrow_compression_method = 'none'", "ArrowStream", numbers)
        return pa.ipc.open_stream(body).read_all() if body else pa.table({})

    def _query(self, sql: str, output_format: str, numbers: list[int] | None) -> bytes:
        if numbers is None or len(numbers) <= MOST_LISTED:
            listed = ",".join(str(int(number)) for number in numbers or ()) or "0"
            return bytes(self._session.query(sql.replace(schema.SERIES_NUMBERS, listed), output_format).bytes())
        # The engine refuses a long list as text. It finds this table by the variable's name; see _put.
        numbers_for_chdb = pa.table({"series": pa.array(numbers, pa.uint32())})
        with self._asking:
            whole_sql = sql.replace(schema.SERIES_NUMBERS, "SELECT series FROM Python(numbers_for_chdb)")
            answer = bytes(self._session.query(whole_sql, output_format).bytes())
        del numbers_for_chdb
        return answer

    def of_tenant(self, tenant: str, sites: tuple[str, ...]) -> list[Series]:
        """The series of a tenant's sites."""
        return [s for s in list(self.series.values()) if s.origin.tenant == tenant and s.origin.site in sites]
