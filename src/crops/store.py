"""The crop store: chDB on an encrypted disk behind a write-ahead log. One process, this one, opens it.

A batch goes to the log (durable, acknowledged), then in groups into chDB. What was in the log at a crash is put into chDB
again at the next start; a point put twice is one point, because (series, time) is the key.
"""

import contextlib
import json
import os
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crop_contract.columns import READINGS, SERIES, TOKENS
from crops import schema
from crops.decimals import decimals, values
from crops.limits import Limits, Origin
from crops.lines import Batch
from crops.questions import Questions
from crops.recent import Blocks, Newest
from crops.series import Series, origin_of, whole_rows
from crops.wal import Log

MOST_WAITING = 4_000_000  # points between log and chDB, above which senders are told to wait
CONFIG = """<clickhouse><storage_configuration>
<disks><raw><type>local</type><path>{raw}/</path></raw>
<sealed><type>encrypted</type><disk>raw</disk><path>sealed/</path><algorithm>AES_256_CTR</algorithm>
<key_hex from_env="CROPS_DISK_KEY"/></sealed></disks>
<policies><sealed><volumes><main><disk>sealed</disk></main></volumes></sealed></policies>
</storage_configuration><tmp_policy>sealed</tmp_policy></clickhouse>"""
GATHER_S, GROUP_POINTS = 0.5, 400_000
MOST_LISTED, MOST_DELETED = 1_000, 20_000  # series named by one statement as text: of a question, of a deletion
REPLAY_BYTES = 32 << 20  # of the log, put into chDB at once after a crash
HURRY: tuple[int, bytes, "Future[int]"] = (0, b"", Future())  # put into the queue by a reader: apply what is there


class WriteQueueFullError(Exception):
    """More points wait than may; the sender should come again in a second."""


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
        self._make_tables()
        self.log = Log(folder / "log", (keys / "wal.key").read_bytes())
        self._lock, self._inserting, self._asking = threading.Lock(), threading.Lock(), threading.Lock()
        self._by_key: dict[tuple[Origin, bytes, bytes], int] = {}
        self.series: dict[int, Series] = {}
        self.tokens: dict[str, tuple[Origin, bool]] = {}
        self._unlogged: dict[int, Series] = {}
        self.newest, self.blocks, self.ask = Newest(), Blocks(), Questions(self)
        self._scales = np.zeros(1 << 16, np.int8)
        self._last = 0  # Numbers of series are never given again: readings of a forgotten one may still lie in a part.
        self._waiting = 0
        self._queue: queue.SimpleQueue[tuple[int, bytes, Future[int]] | None] = queue.SimpleQueue()
        self._applied, self._taken = 0, 0
        self._moved = threading.Condition()
        self._load()

    # -- start and stop ------------------------------------------------------------------------------------------

    def _make_tables(self) -> None:
        found = self.rows("SELECT table, name FROM system.columns WHERE database = 'crop'")
        present = {row["name"] for row in found if row["table"] == READINGS}
        for statement in schema.upgrade_statements(present, {row["table"] for row in found}):
            self._session.query(statement)
        for statement in schema.create_statements():
            self._session.query(statement)

    def _load(self) -> None:
        self._load_series()
        for row in self.rows("SELECT hash, tenant, site, device, compartment, revoked FROM crop.tokens FINAL"):
            self.tokens[row["hash"]] = (origin_of(row), bool(row["revoked"]))
        self._replay()
        self.log.start()
        self._thread = threading.Thread(target=self._apply, name="store", daemon=True)
        self._thread.start()

    def _load_series(self) -> None:
        found, overwritten = whole_rows(
            self.rows("SELECT id, tenant, site, device, compartment, tags, field FROM crop.series")
        )
        if overwritten:  # Before a merge keeps the empty row alone.
            self._put(SERIES, pa.Table.from_pylist(overwritten))
        for row in found:
            self._know(Series(int(row["id"]), origin_of(row), row["tags"], row["field"]))

    def _replay(self) -> None:
        """Put what a crash left in the log into chDB, in groups; a segment is dropped when all of it is on disk there."""
        group: list[bytes] = []
        points = size = 0
        left = self.log.segments()
        for segment, record in self.log.replay():
            while left[0] < segment:
                self._insert(group)
                group, points, size = [], 0, 0
                self._drop_synced([left.pop(0)])
            for row in _new_series_of(record):
                self._know(Series(row["id"], origin_of(row), row["tags"], row["field"]))
            group.append(record)
            points, size = points + _points(record), size + len(record)
            if points >= GROUP_POINTS or size >= REPLAY_BYTES:
                self._insert(group)
                group, points, size = [], 0, 0
        self._insert(group)
        self._drop_synced(left)

    def _drop_synced(self, segments: list[int]) -> None:
        """Drop segments of the log whose records are in chDB; first of all what is there is brought to the disk."""
        if segments:
            os.sync()
        for segment in segments:
            self.log.drop(segment)

    def close(self) -> None:
        """Put everything acknowledged into chDB and end. The log is left empty, unless something could not be put there."""
        self.log.stop()
        self._queue.put(None)
        self._thread.join()
        self._session.close()
        if self._applied == self._taken:
            self._drop_synced(self.log.segments())

    def _know(self, series: Series) -> None:
        """Note a series. Under the lock, or before any thread runs: a number given twice would mix two series."""
        if series.id not in self.series:
            self.limits.count(series.origin)
        self.series[series.id] = series
        self._last = max(self._last, series.id)
        self._by_key[series.origin, series.tags.encode(), series.field.encode()] = series.id
        while series.id >= len(self._scales):  # More than twice as far, when series were forgotten in between.
            self._scales = np.concatenate([self._scales, np.zeros(len(self._scales), np.int8)])

    def number_of(self, origin: Origin, tags: bytes, field: bytes) -> int | None:
        """The number of a series; None if nothing was ever written to it."""
        return self._by_key.get((origin, tags, field))

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, origin: Origin, batch: Batch) -> "Future[int]":
        """Log a batch; the future is done when it is durable. Raises WriteQueueFullError; the future may hold LogError.

        Points of new series beyond a limit are taken out of the batch, which then says so in `beyond`.
        """
        if self._waiting > MOST_WAITING:
            raise WriteQueueFullError
        with self._lock:
            ids = self._numbers(origin, batch)
            if not len(batch.code):
                nothing: Future[int] = Future()
                nothing.set_result(0)
                return nothing
            # A series is told in each record that speaks of it, until one of them is known to be durable.
            fresh = [self._unlogged[number].as_json() for number in ids.tolist() if number in self._unlogged]
            scales = self._scales[ids]
            digits, scale = decimals(batch.value, batch.code, scales)
            self._scales[ids] = scales
            head = json.dumps(fresh).encode()
            record = b"".join(
                (
                    len(head).to_bytes(4, "big"),
                    head,
                    len(batch.code).to_bytes(4, "big"),
                    ids[batch.code].tobytes(),
                    batch.time.tobytes(),
                    digits.tobytes(),
                    scale.astype(np.int8).tobytes(),
                )
            )
            self._waiting += len(batch.code)
            self._taken += 1
            done = self.log.append(record)
            done.add_done_callback(lambda ended: self._logged(ended, fresh))
            self._queue.put((len(batch.code), record, done))
        return done

    def _numbers(self, origin: Origin, batch: Batch) -> npt.NDArray[np.uint32]:
        """The number of each series of a batch; new ones get one, up to the limits. To be called under the lock."""
        ids = np.zeros(len(batch.series), np.uint32)
        used = np.bincount(batch.code, minlength=len(ids)) > 0 if len(batch.code) else np.zeros(len(ids), np.bool_)
        for code, (tags, field) in enumerate(batch.series):
            number = self._by_key.get((origin, tags, field))
            if number is None and used[code]:
                if reached := self.limits.reached(origin):
                    batch.beyond = reached
                else:
                    number = self._new_series(origin, tags, field)
            ids[code] = number or 0
        if batch.beyond is not None:
            keep = ids[batch.code] > 0
            batch.left_out_series, batch.left_out = int((used & (ids == 0)).sum()), int((~keep).sum())
            batch.code, batch.time, batch.value = batch.code[keep], batch.time[keep], batch.value[keep]
        return ids

    def _new_series(self, origin: Origin, tags: bytes, field: bytes) -> int:
        series = Series(self._last + 1, origin, tags.decode(errors="replace"), field.decode(errors="replace"))
        self._know(series)
        self._by_key[origin, tags, field] = series.id
        self._unlogged[series.id] = series
        return series.id

    def _logged(self, ended: "Future[int]", fresh: list[dict[str, Any]]) -> None:
        if ended.exception() is None:
            for row in fresh:
                self._unlogged.pop(row["id"], None)

    def _apply(self) -> None:
        while (first := self._queue.get()) is not None:
            group, ends = [first], time.monotonic() + GATHER_S
            points, ended = first[0], False
            # Few large statements cost the engine far less than many small ones; a reader who waits ends the gathering.
            while points < GROUP_POINTS and (left := ends - time.monotonic()) > 0:
                try:
                    item = self._queue.get(timeout=left)
                except queue.Empty:
                    break
                if item is None:
                    ended = True
                    break
                if item is HURRY:
                    break
                group.append(item)
                points += item[0]
            self._apply_group([item for item in group if item is not HURRY])
            if ended:
                return

    def _apply_group(self, group: list[Any]) -> None:
        good, reached = [], 0
        for _, record, done in group:
            with contextlib.suppress(Exception):  # What could not be logged was answered as such, and is not stored.
                reached = done.result()
                good.append(record)
        if good:
            self._insert(good)
        self._drop_synced([segment for segment in self.log.segments() if segment < reached])
        with self._moved:
            self._applied += len(group)
            self._waiting -= sum(count for count, *_ in group)
            self._moved.notify_all()

    def _insert(self, records: list[bytes]) -> None:
        if not records:
            return
        fresh: list[dict[str, Any]] = []
        columns: list[list[Any]] = [[], [], [], []]
        for record in records:
            size = int.from_bytes(record[:4], "big")
            fresh += _new_series_of(record)
            at = 4 + size
            count = int.from_bytes(record[at : at + 4], "big")
            at += 4
            for column, kind in zip(columns, (np.uint32, np.int64, np.int64, np.int8), strict=True):
                column.append(np.frombuffer(record, kind, count, at))
                at += count * np.dtype(kind).itemsize
        if fresh:
            self._put(SERIES, pa.Table.from_pylist([{k: row[k] for k in schema.COLUMNS["series"]} for row in fresh]))
        names = ("series", "time", "digits", "scale")
        whole = {name: np.concatenate(column) for name, column in zip(names, columns, strict=True)}
        if len(whole["series"]):
            into = "series, time, high, low, scale"
            select = f"series, fromUnixTimestamp64Nano(time), {schema.PUT_DIGITS}, scale"
            self._put(READINGS, pa.table(whole), into, select)
            self.blocks.touch(whole["series"], whole["time"])
            self.newest.take(whole["series"], whole["time"], values(whole["digits"], whole["scale"]))

    def _put(self, table: str, rows: pa.Table, into: str = "", select: str = "") -> None:
        names = into or ", ".join(rows.column_names)
        # chDB finds the table by the name of a variable in the frames around the call, so the name must be nobody else's.
        table_for_chdb = rows
        sql = f"INSERT INTO crop.{table} ({names}) SELECT {select or names} FROM Python(table_for_chdb)"
        with self._inserting:
            self._session.query(sql)
        del table_for_chdb

    def settle(self, timeout_s: float = 5.0) -> None:
        """Wait until what was acknowledged before this call can be read."""
        with self._moved:
            target = self._taken
            if self._applied < target:
                self._queue.put(HURRY)
            self._moved.wait_for(lambda: self._applied >= target, timeout_s)

    # -- tokens --------------------------------------------------------------------------------------------------

    def put_token(self, hashed: str, origin: Origin, *, revoked: bool) -> None:
        """Make or revoke a device's token, durable before return, in force at once."""
        row = asdict(origin) | {"hash": hashed, "revoked": int(revoked), "version": time.time_ns()}
        self._put(TOKENS, pa.Table.from_pylist([row]))
        self.tokens[hashed] = (origin, revoked)

    def forget(self, tenant: str) -> None:
        """Delete readings, series and tokens of a tenant, in the log too. Safe to stop anywhere and to run again."""
        for hashed, (origin, _) in list(self.tokens.items()):
            if origin.tenant == tenant:
                self.put_token(hashed, origin, revoked=True)  # Nothing more comes in from here on.
        numbers = [number for number, one in list(self.series.items()) if one.origin.tenant == tenant]
        ended = self.log.roll().result()
        self.settle(60)
        for first in range(0, len(numbers), MOST_DELETED):
            doomed = ",".join(map(str, numbers[first : first + MOST_DELETED]))
            with self._inserting:
                self._session.query(f"DELETE FROM crop.{READINGS} WHERE series IN ({doomed})")
                self._session.query(f"DELETE FROM crop.{SERIES} WHERE id IN ({doomed})")
        if self._last in numbers:  # It stays told by an empty row, so that it is not given again after a restart.
            empty = Series(self._last, Origin("", "", "", ""), "", "").as_json()
            self._put(SERIES, pa.Table.from_pylist([{k: empty[k] for k in schema.COLUMNS["series"]}]))
        os.sync()
        for segment in self.log.segments():
            if segment <= ended:
                self.log.drop(segment)
        with self._lock:
            for number in numbers:
                one = self.series.pop(number)
                self._by_key.pop((one.origin, one.tags.encode(), one.field.encode()), None)
                self.limits.forget(one.origin)
        if numbers:
            everything = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])
            self.blocks.touch(np.array(numbers, np.uint32), everything)

    # -- reading -------------------------------------------------------------------------------------------------

    def is_well(self) -> bool:
        """Whether the log's and the store's threads live and the engine answers."""
        return self._thread.is_alive() and self.log.is_alive() and self.rows("SELECT 1 AS n") == [{"n": 1}]

    def rows(self, sql: str, asked: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query of our own making. Values from outside come in as numbers, never as text.

        asked: numbers of series, however many, that stand where the query has schema.ASKED.
        """
        text = self._query(sql, "JSONEachRow", asked).decode()
        return [json.loads(line) for line in text.splitlines()]

    def table(self, sql: str, asked: list[int] | None = None) -> pa.Table:
        """The same as columns, for results of many rows."""
        body = self._query(f"{sql} SETTINGS output_format_arrow_compression_method = 'none'", "ArrowStream", asked)
        return pa.ipc.open_stream(body).read_all() if body else pa.table({})

    def _query(self, sql: str, form: str, asked: list[int] | None) -> bytes:
        if asked is None or len(asked) <= MOST_LISTED:
            listed = ",".join(str(int(number)) for number in asked or ()) or "0"
            return bytes(self._session.query(sql.replace(schema.ASKED, listed), form).bytes())
        # The engine refuses a long list as text. It finds this table by the variable's name; see _put.
        asked_for_chdb = pa.table({"series": pa.array(asked, pa.uint32())})
        with self._asking:
            whole = sql.replace(schema.ASKED, "SELECT series FROM Python(asked_for_chdb)")
            answer = bytes(self._session.query(whole, form).bytes())
        del asked_for_chdb
        return answer

    def of_tenant(self, tenant: str, sites: tuple[str, ...]) -> list[Series]:
        """The series of a tenant's sites."""
        return [s for s in list(self.series.values()) if s.origin.tenant == tenant and s.origin.site in sites]


def _new_series_of(record: bytes) -> list[dict[str, Any]]:
    """The series that a record of the log tells of."""
    rows: list[dict[str, Any]] = json.loads(record[4 : 4 + int.from_bytes(record[:4], "big")])
    return rows


def _points(record: bytes) -> int:
    """How many points a record of the log holds."""
    at = 4 + int.from_bytes(record[:4], "big")
    return int.from_bytes(record[at : at + 4], "big")
