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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crops import schema
from crops.lines import Batch
from crops.wal import Log

MOST_WAITING = 4_000_000  # points between log and chDB, above which senders are told to wait
CONFIG = """<clickhouse><storage_configuration>
<disks><raw><type>local</type><path>{raw}/</path></raw>
<sealed><type>encrypted</type><disk>raw</disk><path>sealed/</path><algorithm>AES_256_CTR</algorithm>
<key_hex from_env="CROPS_DISK_KEY"/></sealed></disks>
<policies><sealed><volumes><main><disk>sealed</disk></main></volumes></sealed></policies>
</storage_configuration><tmp_policy>sealed</tmp_policy></clickhouse>"""
VALUE = f"if(scale = {schema.SCALE_BITS}, reinterpretAsFloat64(digits), digits / intExp10(scale))"


GATHER_S, GROUP_POINTS = 0.5, 400_000
HURRY: tuple[int, bytes, "Future[int]"] = (0, b"", Future())  # put into the queue by a reader: apply what is there


class BusyError(Exception):
    """More points wait than may; the sender should come again in a second."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where readings come from: all ids opaque."""

    tenant: str
    site: str
    device: str
    compartment: str


@dataclass(frozen=True, slots=True)
class Series:
    """One stream of readings."""

    id: int
    origin: Origin
    tags: str
    field: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, for answers and for the log."""
        return {"id": self.id, "tags": self.tags, "field": self.field} | asdict(self.origin)


def decimals(value: npt.NDArray[np.float64], code: npt.NDArray[np.int32], scales: npt.NDArray[np.int8]) -> Any:
    """(digits int64, scale int8) of float64 values, exact. scales: least scale by series code, raised in place.

    A decimal of up to 15 digits is digits / 10**scale, correctly rounded, so nothing is lost; any other value keeps its bits.
    """
    needed = np.full(len(value), schema.SCALE_BITS, np.int8)
    left = np.arange(len(value))
    for places in range(8):
        scaled = np.rint(value[left] * 10.0**places)
        good = (scaled / 10.0**places == value[left]) & (np.abs(scaled) < 1e15)
        needed[left[good]] = places
        left = left[~good]
        if not len(left):
            break
    short = needed != schema.SCALE_BITS
    np.maximum.at(scales, code[short], needed[short])
    scale = np.where(short, scales[code], schema.SCALE_BITS).astype(np.int8)
    power = 10.0 ** np.where(short, scale, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        digits = np.rint(value * power)
        exact = short & (np.abs(digits) < 1e15) & (digits / power == value)
    bits = value.view(np.int64)
    return np.where(exact, digits, 0).astype(np.int64) * exact + bits * ~exact, np.where(
        exact, scale, schema.SCALE_BITS
    )


class Store:
    """Series, tokens and readings. Safe to call from many threads."""

    def __init__(self, folder: Path, keys: Path) -> None:
        from chdb.session import Session

        os.environ["CROPS_DISK_KEY"] = (keys / "disk.key").read_text()
        for name in ("raw", "engine"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        config = folder / "engine.xml"
        config.write_text(CONFIG.format(raw=(folder / "raw").resolve()))
        self._session = Session(f"{(folder / 'engine').resolve()}?config-file={config.resolve()}")
        self._session.query("CREATE DATABASE IF NOT EXISTS crop")
        for statement in schema.create_statements():
            self._session.query(statement)
        self.log = Log(folder / "log", (keys / "wal.key").read_bytes())
        self._lock, self._inserting = threading.Lock(), threading.Lock()
        self._by_key: dict[tuple[Origin, bytes, bytes], int] = {}
        self.series: dict[int, Series] = {}
        self.tokens: dict[str, tuple[Origin, bool]] = {}
        self._unlogged: dict[int, Series] = {}
        self._scales = np.zeros(1 << 16, np.int8)
        self._waiting = 0
        self._queue: queue.SimpleQueue[tuple[int, bytes, Future[int]] | None] = queue.SimpleQueue()
        self._applied, self._taken = 0, 0
        self._moved = threading.Condition()
        self._load()

    # -- start and stop ------------------------------------------------------------------------------------------

    def _load(self) -> None:
        for row in self.rows("SELECT id, tenant, site, device, compartment, tags, field FROM crop.series FINAL"):
            self._know(Series(int(row["id"]), _origin(row), row["tags"], row["field"]))
        for row in self.rows("SELECT hash, tenant, site, device, compartment, revoked FROM crop.tokens FINAL"):
            self.tokens[row["hash"]] = (_origin(row), bool(row["revoked"]))
        old = self.log.segments()
        for _, record in self.log.replay():
            self._insert([record])
        if old:
            os.sync()
        for segment in old:
            self.log.drop(segment)
        self.log.start()
        self._thread = threading.Thread(target=self._apply, name="store", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Put everything acknowledged into chDB and end."""
        self.log.stop()
        self._queue.put(None)
        self._thread.join()
        self._session.close()

    def _know(self, series: Series) -> None:
        self.series[series.id] = series
        self._by_key[series.origin, series.tags.encode(), series.field.encode()] = series.id
        if series.id >= len(self._scales):
            self._scales = np.concatenate([self._scales, np.zeros(len(self._scales), np.int8)])

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, origin: Origin, batch: Batch) -> "Future[int]":
        """Log a batch; the future is done when it is durable. Raises BusyError; the future may hold LogError."""
        if self._waiting > MOST_WAITING:
            raise BusyError
        with self._lock:
            ids = np.empty(len(batch.series), np.uint32)
            for code, (tags, field) in enumerate(batch.series):
                number = self._by_key.get((origin, tags, field))
                if number is None:
                    series = Series(
                        len(self.series) + 1, origin, tags.decode(errors="replace"), field.decode(errors="replace")
                    )
                    self._know(series)
                    self._by_key[origin, tags, field] = series.id
                    self._unlogged[series.id] = series
                    number = series.id
                ids[code] = number
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
        done_with = [segment for segment in self.log.segments() if segment < reached]
        if done_with:
            os.sync()
        for segment in done_with:
            self.log.drop(segment)
        with self._moved:
            self._applied += len(group)
            self._waiting -= sum(count for count, *_ in group)
            self._moved.notify_all()

    def _insert(self, records: list[bytes]) -> None:
        fresh: list[dict[str, Any]] = []
        columns: list[list[Any]] = [[], [], [], []]
        for record in records:
            size = int.from_bytes(record[:4], "big")
            fresh += json.loads(record[4 : 4 + size])
            at = 4 + size
            count = int.from_bytes(record[at : at + 4], "big")
            at += 4
            for column, kind in zip(columns, (np.uint32, np.int64, np.int64, np.int8), strict=True):
                column.append(np.frombuffer(record, kind, count, at))
                at += count * np.dtype(kind).itemsize
        if fresh:
            for row in fresh:
                self._know(Series(row["id"], _origin(row), row["tags"], row["field"]))
            self._put(
                schema.SERIES, pa.Table.from_pylist([{k: row[k] for k in schema.COLUMNS["series"]} for row in fresh])
            )
        names = ("series", "time", "digits", "scale")
        points = pa.table({name: np.concatenate(column) for name, column in zip(names, columns, strict=True)})
        if points.num_rows:
            self._put(schema.READINGS, points, "series, fromUnixTimestamp64Nano(time), digits, scale")

    def _put(self, table: str, rows: pa.Table, select: str = "") -> None:
        names = ", ".join(rows.column_names)
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
        self._put(schema.TOKENS, pa.Table.from_pylist([row]))
        self.tokens[hashed] = (origin, revoked)

    # -- reading -------------------------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Result rows of a query of our own making. Values from outside come in as numbers, never as text."""
        text = self._session.query(sql, "JSONEachRow").bytes().decode()
        return [json.loads(line) for line in text.splitlines()]

    def of_tenant(self, tenant: str, sites: tuple[str, ...]) -> list[Series]:
        """The series of a tenant's sites."""
        return [s for s in list(self.series.values()) if s.origin.tenant == tenant and s.origin.site in sites]

    def range(self, numbers: list[int], start_s: int, end_s: int, points: int) -> dict[int, list[list[float | None]]]:
        """By series, rows (bucket start in s, min, mean, max), `points` buckets at most, empty ones left out."""
        step = max(1, -(-(end_s - start_s) // points))
        wanted = ",".join(str(int(number)) for number in numbers)
        sql = (
            f"SELECT series, {start_s} + intDiv(toUnixTimestamp(time) - {start_s}, {step}) * {step} AS at, "
            f"min(v) AS low, avg(v) AS mean, max(v) AS high FROM "
            f"(SELECT series, time, {VALUE} AS v FROM crop.readings FINAL WHERE series IN ({wanted}) "
            f"AND time >= fromUnixTimestamp64Milli({start_s}000) AND time < fromUnixTimestamp64Milli({end_s}000)) "
            "GROUP BY series, at ORDER BY series, at"
        )
        found: dict[int, list[list[float | None]]] = {number: [] for number in numbers}
        for row in self.rows(sql):
            found[row["series"]].append([row["at"], row["low"], row["mean"], row["high"]])
        return found

    def count(self, numbers: list[int]) -> int:
        """How many readings the series hold."""
        wanted = ",".join(str(int(number)) for number in numbers) or "0"
        return int(self.rows(f"SELECT count() AS n FROM crop.readings FINAL WHERE series IN ({wanted})")[0]["n"])

    def latest(self, numbers: list[int]) -> dict[int, tuple[float, float]]:
        """By series, (time in s, value) of the newest reading."""
        wanted = ",".join(str(int(number)) for number in numbers)
        sql = (
            f"SELECT series, toUnixTimestamp(max(time)) AS at, argMax({VALUE}, time) AS v "
            f"FROM crop.readings WHERE series IN ({wanted}) GROUP BY series"
        )
        return {row["series"]: (row["at"], row["v"]) for row in self.rows(sql)}


def _origin(row: dict[str, Any]) -> Origin:
    return Origin(row["tenant"], row["site"], row["device"], row["compartment"])
