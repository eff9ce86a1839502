"""Changes of stored readings that can be undone: imports of files, and amendments. What they replaced is kept KEPT_DAYS.

Order, by which nothing is lost wherever the process is killed:

1. What a change will replace is stored, with what it puts there, and synced to the disk.
2. Its readings go into the log as one record, which holds the change's own row. Only then is it done.
3. What was stored for a change that has no row is deleted at the next start: it never came about.

Undoing goes by series, in records of the log. The change is noted as undone before its first reading comes back, so that another
change that is undone meanwhile leaves it out. Each step may be repeated. One change at a time is carried out.
Source: decision record 41.
"""

import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crop_contract.columns import CHANGED, CHANGES, READINGS
from crop_contract.kept import KEPT_DAYS
from crops import schema, versions
from crops.amending import SHIFT, Amendment, last_of_each, written
from crops.former import FormerReadings, first_series
from crops.limits import Origin
from crops.previews import Preview, check_times, preview
from crops.records import Columns
from crops.senders import StillQueuedError
from crops.versions import Former, Stored

if TYPE_CHECKING:
    from crops.lines import Batch
    from crops.store import Store

KEPT_S = KEPT_DAYS * 86_400
WAIT_S = 20.0  # for what is queued, before what stands in the store is read
MOST_AMENDED = 2_000_000  # readings of one amendment
STEP_ROWS, STEP_S = 500_000, 3.0  # of one step of undoing
DONE, UNDOING, UNDONE = 1, 2, 3


class UnknownChangeError(Exception):
    """There is no such change of this tenant, or it is not at these sites: the answer does not say which."""


class NotKeptError(Exception):
    """What the change replaced is not kept any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """One run of a change. name: its opaque id; run: an import that is started once more counts them; at: epoch s.

    readings: how many it wrote; added: at how many times nothing stood before; replaced: at how many another value did.
    """

    number: int
    tenant: str
    site: str
    name: str
    run: int
    at: int
    readings: int = 0
    added: int = 0
    replaced: int = 0
    state: int = DONE


class Named(NamedTuple):
    """What the people plane calls a change."""

    tenant: str
    site: str
    name: str
    run: int


class Step(NamedTuple):
    """One step of undoing. after: the last series that is done, 0: none, or all are. done, whole: readings so far, and in all.

    removed, restored, left: readings of this step; see versions.Outcome. from_ns: where the next step goes on within the series
    after that one; None: at its begin. Nothing is left to do where after is 0 and from_ns is None.
    """

    after: int
    done: int
    whole: int
    removed: int
    restored: int
    left: int
    from_ns: int | None

    @property
    def is_last(self) -> bool:
        """Whether it is done."""
        return not self.after and self.from_ns is None


class Changes:
    """The changes of one store."""

    def __init__(self, store: "Store") -> None:
        self._store, self._former = store, FormerReadings(store)
        self._one_at_a_time = threading.RLock()
        self._known: dict[int, Change] = {}
        self.empty: set[int] = set()  # series of which an undone change took every reading away

    # -- start, end ----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read what the store holds."""
        for row in self._store.rows(f"SELECT * FROM crop.{CHANGES} FINAL"):
            names = ("readings", "added", "replaced", "state")
            change = Change(
                int(row["number"]),
                str(row["tenant"]),
                str(row["site"]),
                str(row["name"]),
                int(row["run"]),
                int(row["at"]),
                *(int(row[name]) for name in names),
            )
            self._known[change.number] = change

    def put(self, rows: list[dict[str, object]]) -> None:
        """Store the rows of changes whose readings are in the log. The store calls this once it has inserted them."""
        self._store.put(CHANGES, pa.Table.from_pylist(rows))
        for row in rows:
            change = Change(**row)  # type: ignore[arg-type]
            known = self._known.get(change.number)
            if known is None or known.state < change.state:
                self._known[change.number] = change

    def drop_unfinished(self) -> None:
        """Delete what was kept for changes that never came about, and what is old. Call it when the log holds nothing."""
        for change in list(self._known.values()):
            if self._store.senders.is_forgotten(change.tenant):
                self.forget(change.tenant)
        numbers = self._store.rows(f"SELECT DISTINCT change FROM crop.{CHANGED}")
        self._former.delete([int(row["change"]) for row in numbers if int(row["change"]) not in self._known])
        self.empty = self._emptied([c.number for c in self._known.values() if c.state == UNDONE])
        self.drop_old()

    def drop_old(self) -> None:
        """Delete what was kept of changes that are older than KEPT_DAYS, and series of files that nothing is left of.

        What was undone stays twice as long: another change that replaced it, and is undone after it, must leave it out.
        """
        with self._one_at_a_time:
            newest: dict[tuple[str, str], int] = {}
            # Runs of one import end together, so that it is undone whole or not.
            for change in list(self._known.values()):
                key = (change.tenant, change.name)
                newest[key] = max(newest.get(key, 0), change.at)
            now_s = time.time()
            old = [
                change
                for change in list(self._known.values())
                if newest[change.tenant, change.name] + (2 if change.state >= UNDOING else 1) * KEPT_S < now_s
            ]
            if not old:
                return
            emptied = self._emptied([change.number for change in old]) & self.empty
            self._former.delete([change.number for change in old])
            for change in old:
                del self._known[change.number]
            emptied -= self._former.series_of(list(self._known)).keys()
            # Files alone write to these, and none is imported at this moment.
            unused = [number for number in sorted(emptied) if not self._store.series[number].origin.device]
            self._store.delete_series(unused)
            self.empty -= set(unused)

    def forget(self, tenant: str) -> None:
        """Delete everything that is kept for a tenant. What is kept of its series goes with them."""
        with self._one_at_a_time:
            numbers = [change.number for change in list(self._known.values()) if change.tenant == tenant]
            self._former.delete(numbers)
            for number in numbers:
                del self._known[number]

    def note_readings(self, series: npt.NDArray[np.uint32]) -> None:
        """Readings of these series were stored, so that they are listed again. Those that are empty are found anew."""
        if self.empty:
            self.empty -= set(np.unique(series).tolist())

    def _emptied(self, numbers: list[int]) -> set[int]:
        """The series of some changes of which no reading is left."""
        if not numbers:
            return set()
        series = self._former.series_of(numbers)
        listed = [number for number in series if number in self._store.series]
        sql = (
            f"SELECT DISTINCT series FROM crop.{READINGS} FINAL WHERE series IN ({schema.SERIES_NUMBERS}) AND scale != "
        )
        rows = self._store.rows(f"{sql}{schema.SCALE_ABSENT}", listed) if listed else []
        return set(listed) - {int(row["series"]) for row in rows}

    # -- carrying out --------------------------------------------------------------------------------------------

    def import_batch(self, named: Named, origin: Origin, batch: "Batch") -> Change:
        """Store a file's readings, all or none. All of it is readable when this returns. Repeating it changes nothing.

        Raises LimitReachedError, TenantForgottenError, WriteQueueFullError, StillQueuedError, LogError.
        """
        with self._one_at_a_time:
            self._wait()
            if done := self._run_of(named):
                return done
            columns = last_of_each(self._store.columns_of(origin, batch))
            return self._carry_out(named, columns, keeps_marks=True)

    def amend(self, named: Named, numbers: list[int], span_ns: tuple[int, int], amendment: Amendment) -> Change:
        """Delete, mark, move or convert the readings of series within a span, from its begin to before its end.

        numbers: of series of the tenant at the site, which the caller has checked. Repeating it changes nothing.
        Raises TooManyError, OutOfRangeError, FarTimeError, ClockError, TenantForgottenError, WriteQueueFullError,
        StillQueuedError, LogError.
        """
        with self._one_at_a_time:
            self._wait()
            if done := self._run_of(named):
                return done
            readings = self._former.stored(numbers, span_ns, amendment.concerns, MOST_AMENDED)
            readings = amendment.picked(readings)
            if amendment.kind == SHIFT:
                check_times(amendment.moved_to(readings.time))
            return self._carry_out(named, written(amendment, readings))

    def preview(self, numbers: list[int], span_ns: tuple[int, int], amendment: Amendment) -> Preview:
        """What `amend` would do. It raises what `amend` would of the readings."""
        self._store.flush()
        return preview(self._former, numbers, span_ns, amendment, MOST_AMENDED)

    def _run_of(self, named: Named) -> Change | None:
        runs = self._runs(named.tenant, named.name)
        return next((change for change in runs if change.run == named.run), None)

    def _runs(self, tenant: str, name: str) -> list[Change]:
        of_name = (c for c in list(self._known.values()) if c.tenant == tenant and c.name == name)
        return sorted(of_name, key=lambda change: change.number)

    def _wait(self) -> None:
        if not self._store.flush(WAIT_S):
            raise StillQueuedError

    def _carry_out(self, named: Named, columns: Columns, *, keeps_marks: bool = False) -> Change:
        """Write readings, sorted by series and time, one each, and keep what stood there.

        keeps_marks: a value that is marked as wrong stays so where the same value comes again.
        """
        number = max(time.time_ns(), max(self._known, default=0) + 1)
        added = replaced = 0
        writes: list[npt.NDArray[np.bool_]] = [np.zeros(0, np.bool_)]
        try:
            for piece, before in self._former.pieces(columns):
                now, then = versions.contents(Stored(piece.digits, piece.scale)), versions.contents(before)
                is_same = (then.kind == versions.WRONG) & (now.kind == versions.SHOWN) & (now.value == then.value)
                is_same &= keeps_marks
                added += int(((then.kind != versions.SHOWN) & (now.kind == versions.SHOWN) & ~is_same).sum())
                replaced += int(((then.kind == versions.SHOWN) & ~now.equal(then)).sum())
                writes.append(~is_same)
                # What is left as it stands is no part of this change: undoing the mark must not find this change on top.
                if not is_same.all():
                    stood = Stored(before.digits[~is_same], before.scale[~is_same])
                    self._former.put(number, piece.picked(~is_same), stood)
            change = Change(number, *named, int(time.time()), len(columns.series), added, replaced)
            os.sync()  # Before the log: what is replaced must not be lost with the machine's power.
            written = columns.picked(np.concatenate(writes))
            self._store.amend(named.tenant, written, asdict(change)).result()
        except BaseException:
            self._former.delete([number])
            raise
        self._wait()
        return change

    # -- undoing -------------------------------------------------------------------------------------------------

    def undo(self, tenant: str, sites: tuple[str, ...], name: str, after: int = 0, from_ns: int | None = None) -> Step:
        """Undo a change, all its runs, a step of it. after, from_ns: what the last step says. Any step may be repeated.

        Raises UnknownChangeError, NotKeptError, TenantForgottenError, StillQueuedError, WriteQueueFullError, LogError.
        """
        with self._one_at_a_time:
            runs = self._runs(tenant, name)
            if not runs or any(change.site not in sites for change in runs):
                raise UnknownChangeError
            if max(change.at for change in runs) < time.time() - KEPT_S:
                raise NotKeptError
            numbers = [change.number for change in runs]
            self._note(runs, UNDOING)
            rows_by_series = self._former.series_of(numbers)
            rows_of_all = self._former.counts_of_all(sorted(rows_by_series))
            whole = sum(rows_by_series.values())
            totals, ends, last = [0, 0, 0], time.monotonic() + STEP_S, after
            waiting = [number for number in sorted(rows_by_series) if number > after]
            begun = False
            while waiting and (not begun or time.monotonic() < ends):  # One piece at least, or it would never end.
                begun = True
                self._wait()
                # What all changes together keep of one series may be more than can be read at once: it goes in spans.
                group = waiting[:1] if from_ns is not None else first_series(waiting, rows_of_all, STEP_ROWS)
                is_large = rows_of_all[group[0]] > STEP_ROWS
                end_ns = self._former.end_of_piece(group[0], from_ns, STEP_ROWS) if is_large else None
                for position, count in enumerate(self._undo_series(tenant, group, numbers, from_ns, end_ns)):
                    totals[position] += count
                from_ns = end_ns
                if end_ns is None:
                    last, waiting = group[-1], waiting[len(group) :]
            done = sum(count for number, count in rows_by_series.items() if number <= last)
            if not waiting:
                self._wait()
                self.empty |= self._emptied(numbers)
                self._note(runs, UNDONE)
            return Step(last if waiting else 0, done, whole, totals[0], totals[1], totals[2], from_ns)

    def _note(self, runs: list[Change], state: int) -> None:
        """Note on disk how far changes are, before anything of what follows from it."""
        noted = [replace(self._known[change.number], state=state) for change in runs]
        if any(self._known[change.number].state < state for change in runs):
            self.put([asdict(change) for change in noted])
            os.sync()

    def _undo_series(
        self, tenant: str, group: list[int], numbers: list[int], from_ns: int | None, end_ns: int | None
    ) -> tuple[int, int, int]:
        """Undo changes at some series, within a span: how many readings are gone, came back, stayed."""
        group = [number for number in group if number in self._store.series]
        former = self._former.read(group, numbers, from_ns, end_ns)
        if not len(former.series):
            return 0, 0, 0
        top = versions.last_rows(former.series, former.time)
        keys = Former(former.series[top], former.time[top], former.change[top], former.before, former.after)
        undone = [change.number for change in list(self._known.values()) if change.state >= UNDOING]
        outcome = versions.undone(
            former, _is_one_of(former.change, undone), _is_one_of(former.change, numbers), self._former.present(keys)
        )
        if outcome.writes.any():
            series, at = keys.series[outcome.writes], keys.time[outcome.writes]
            stored = outcome.stored
            columns = Columns(series, at, stored.digits[outcome.writes], stored.scale[outcome.writes])
            self._store.amend(tenant, columns, None).result()
        return int(outcome.removed.sum()), int(outcome.restored.sum()), int(outcome.left.sum())


def _is_one_of(changes: npt.NDArray[np.uint64], numbers: list[int]) -> npt.NDArray[np.bool_]:
    return np.isin(changes, np.array(numbers, np.uint64))  # Of another type, numpy would compare them as floats.
