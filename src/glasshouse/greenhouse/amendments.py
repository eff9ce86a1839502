"""Verbs by which stored readings are corrected: deleted, marked as wrong or unmarked, moved in time, converted. Each is shown
before it is done, has a reason, and can be undone for KEPT_DAYS. Whoever corrects readings sees some of them, so each verb asks
for the right to see readings as well. Decision record 41."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from crop_contract.kept import KEPT_DAYS
from crop_contract.variables import VARIABLES
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client, readings
from glasshouse.greenhouse.clock_steps import steps_between
from glasshouse.greenhouse.file_times import is_zone, zone_of
from glasshouse.greenhouse.models import SHOWN_FOR as SHOWN_FOR
from glasshouse.greenhouse.models import Amendment, AmendmentKind, AmendmentState, Site
from glasshouse.greenhouse.units import conversion_to
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AmendmentId, SiteId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.queues import api as queues

AMENDING = "greenhouse.amend"
AMEND_READINGS = "greenhouse.amend_readings"  # the task in tasks.py
MOST_SERIES, MOST_SHIFT_MIN, LONGEST_REASON = 50, 366 * 24 * 60, 500
MOST_LIFTED, LONGEST_ZONE = 200, 60
NUMBER, MINUTES = re.compile(r"[0-9]{1,10}\Z"), re.compile(r"[+-]?[0-9]{1,7}\Z")
POINT = re.compile(r"([0-9]{1,10}):(-?[0-9]{1,19})\Z")  # a series, and a time in ns
UNDER_WAY = (AmendmentState.QUEUED, AmendmentState.UNDOING)


@dataclass(frozen=True, slots=True)
class Asked:
    """A correction as a form says it. starts, ends: by the clock of the site; unit: the values' true one.

    Of a shift: minutes; or zone, the clock that the times are truly by, and read_as, the one that they were read by ("": the
    site's).
    """

    kind: str
    series: list[str]
    starts: str
    ends: str
    reason: str
    minutes: str = ""
    unit: str = ""
    zone: str = ""
    read_as: str = ""


def _require(actor: Actor) -> None:
    """Nothing, if the actor may correct readings and see them. Raises NotFoundError, ForbiddenError."""
    access.require(actor, Permission.READINGS_CORRECT)
    access.require(actor, Permission.READINGS_READ)


def propose(actor: Actor, asked: Asked) -> AmendmentId:
    """Note a correction, and what it would do; nothing of it is done yet.

    Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError.
    """
    with access.organisation_transaction(actor):
        _require(actor)
    if asked.kind not in AmendmentKind.values:
        raise InvalidError(gettext("Choose what is to be done."), field="kind")
    reason = _reason(asked.reason)
    entries = _series(actor, asked.series)
    starts_at, ends_at = _span(asked, str(entries[0]["zone"]))
    row = Amendment(
        kind=asked.kind,
        series=[[entry["id"], entry["title"], entry["source"]] for entry in entries],
        details=_details(asked, entries, (starts_at, ends_at)),
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return _show(actor, row, SiteId(str(entries[0]["site"])))


def propose_lifting(actor: Actor, number: AmendmentId, points: list[str], reason: str) -> AmendmentId:
    """Note that the marks of some readings are to be lifted, of those that a correction marked; nothing of it is done yet.

    points: each "SERIES:NANOSECONDS". Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError.
    """
    marking, reason = amendment_of(actor, number), _reason(reason)
    names = {name: entry for name, *entry in marking.series}
    chosen = [(match[1], int(match[2])) for match in map(POINT.match, points[:MOST_LIFTED]) if match]
    if not chosen or len(chosen) < len(points) or any(name not in names for name, _ in chosen):
        raise InvalidError(gettext("Choose 1 to 200 of the readings that are marked."), field="reading")
    seconds = [time_ns // 10**9 for _, time_ns in chosen]
    starts_at, ends_at = (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s) for at_s in (min(seconds), max(seconds) + 1)
    )
    if starts_at < marking.starts_at or ends_at > marking.ends_at + timedelta(seconds=1):
        raise InvalidError(gettext("Choose 1 to 200 of the readings that are marked."), field="reading")
    row = Amendment(
        kind=AmendmentKind.UNMARK,
        series=[[name, *names[name]] for name in sorted({name for name, _ in chosen}, key=int)],
        details={"only": [[int(name), time_ns] for name, time_ns in chosen]},
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return _show(actor, row, SiteId(marking.site_id))


def _reason(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_REASON:
        raise InvalidError(gettext("Write the reason, in up to 500 characters."), field="reason")
    return text.strip()


def _show(actor: Actor, row: Amendment, site: SiteId) -> AmendmentId:
    """Store a correction with what it would do. Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError."""
    with access.organisation_transaction(actor):
        _require(actor)
        place = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
        if place is None:
            raise NotFoundError
        row.organisation_id, row.site, row.created_at = str(actor.organisation), place, clock.now()
        row.report = _ask(actor, row, preview=True)
        row.save(force_insert=True)
    return AmendmentId(row.id)


def _series(actor: Actor, names: list[str]) -> list[dict[str, Any]]:
    """The series that are chosen. Raises InvalidError, unless they are measured ones of one site."""
    if not names or len(names) > MOST_SERIES or not all(map(NUMBER.match, names)):
        raise InvalidError(gettext("Choose 1 to 50 measured series."), field="series")
    entries = list(readings.series(actor, names=names))
    if len(entries) != len(set(names)):
        raise InvalidError(gettext("Choose series of the list."), field="series")
    if len({entry["site"] for entry in entries}) > 1:
        raise InvalidError(gettext("Choose series of one site: its clock says what the times mean."), field="series")
    return entries


def _span(asked: Asked, zone: str) -> tuple[datetime, datetime]:
    """From and to, as the clock of the site means them. Raises InvalidError."""
    ends: list[datetime] = []
    for field, text in (("starts", asked.starts), ("ends", asked.ends)):
        try:
            local = datetime.fromisoformat(text)
            moment = (local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidError(gettext("Write a day and a time."), field=field) from None
        if not 1970 < moment.year < 2200:
            raise InvalidError(gettext("Write a day and a time."), field=field)
        ends.append(moment)
    if ends[0] >= ends[1]:
        raise InvalidError(gettext("The end must come after the start."), field="ends")
    return ends[0], ends[1]


def _details(asked: Asked, entries: list[dict[str, Any]], span: tuple[datetime, datetime]) -> dict[str, Any]:
    """How far readings are moved, or how values are converted. Raises InvalidError."""
    if asked.kind == AmendmentKind.SHIFT:
        if asked.zone.strip() and asked.minutes.strip():
            raise InvalidError(gettext("Write either the minutes or the true clock."), field="zone")
        if asked.zone.strip():
            return _between_clocks(asked.read_as.strip() or str(entries[0]["zone"]), asked.zone.strip(), span)
        text = asked.minutes.strip()
        minutes = int(text) if MINUTES.match(text) else 0
        if not 0 < abs(minutes) <= MOST_SHIFT_MIN:
            raise InvalidError(gettext("Write by how many minutes, such as 60 or -60."), field="minutes")
        return {"shift_s": 60 * minutes}
    if asked.kind == AmendmentKind.CONVERT:
        variables = {entry["variable"] for entry in entries}
        variable = VARIABLES.get(variables.pop()) if len(variables) == 1 else None
        if variable is None:
            raise InvalidError(
                gettext("Choose series of one variable: values are converted to its unit."), field="series"
            )
        factor, offset = conversion_to(asked.unit.strip(), variable.unit)
        if (factor, offset) == (1.0, 0.0):
            raise InvalidError(gettext("The values are in this unit already."), field="unit")
        return {"unit": asked.unit.strip()[:40], "to": variable.symbol, "factor": factor, "offset": offset}
    return {}


def _between_clocks(read_as: str, zone: str, span: tuple[datetime, datetime]) -> dict[str, Any]:
    """How far readings are moved whose times were read by one clock and are truly by another. Raises InvalidError."""
    for field, name in (("read_as", read_as), ("zone", zone)):
        if len(name) > LONGEST_ZONE or not is_zone(name):
            raise InvalidError(gettext("Write a time zone such as Europe/Rome or UTC, or an offset."), field=field)
    start_s, end_s = (int(edge.timestamp()) for edge in span)
    steps = steps_between(zone_of(read_as), zone_of(zone), start_s, end_s)
    if not any(steps_shift for _, steps_shift in steps):
        raise InvalidError(gettext("Both clocks say the same then, so nothing would change."), field="zone")
    return {"zone": zone, "read_as": read_as, "steps": [list(step) for step in steps]}


def _ask(actor: Actor, row: Amendment, *, preview: bool) -> dict[str, Any]:
    """What the crop plane does, or would do. Raises InvalidError, NotFoundError, UnavailableError."""
    numbers = {
        name: row.details[name] for name in ("shift_s", "factor", "offset", "steps", "only") if name in row.details
    }
    answer: dict[str, Any] = crops_client.ask(
        "POST",
        "/v1/changes/amend",
        tenant=access.organisation_of(actor).tenant,
        sites=[row.site_id],
        verb="readings:write",
        purpose="correcting readings",
        body={
            "change": row.id,
            "site": row.site_id,
            "kind": row.kind,
            "series": [int(name) for name, *_ in row.series],
            "start": int(row.starts_at.timestamp()),
            "end": int(row.ends_at.timestamp()),
            "preview": preview,
        }
        | numbers,
    )
    return answer


def amendments(actor: Actor, after: str = "") -> Piece[Amendment]:
    """A piece of the organisation's corrections, newest first. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        _require(actor)
        rows = Amendment.objects.filter(organisation_id=actor.organisation).select_related("site")
        return piece_of(rows, after, by="-created_at", most=30)


def amendment_of(actor: Actor, number: AmendmentId) -> Amendment:
    """A correction. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        _require(actor)
        row = Amendment.objects.select_related("site").filter(id=number, organisation_id=actor.organisation).first()
        if row is None:
            raise NotFoundError
        return row


def marked_by(actor: Actor, row: Amendment) -> dict[str, Any]:
    """The readings that are marked as wrong where this correction marked some, by series. Raises UnavailableError."""
    if row.kind != AmendmentKind.MARK or row.state != AmendmentState.DONE:
        return {}
    with access.organisation_transaction(actor):
        _require(actor)
        answer = crops_client.ask(
            "POST",
            "/v1/marked",
            tenant=access.organisation_of(actor).tenant,
            sites=[row.site_id],
            verb="readings:read",
            purpose="readings marked as wrong",
            body={
                "series": [name for name, *_ in row.series],
                "start": int(row.starts_at.timestamp()),
                "end": int(row.ends_at.timestamp()),
            },
        )
    return dict(answer["series"])


def carry_out(actor: Actor, number: AmendmentId, *, in_background: bool = True) -> None:
    """Have a correction done as it was shown. Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        _require(actor)
        row = _locked(actor, number)
        if row.is_lapsed:
            text = gettext("This was shown more than a day ago, and readings may have come in since. Ask for it anew.")
            raise InvalidError(text)
        if row.state in (AmendmentState.SHOWN, AmendmentState.FAILED):
            row.state = AmendmentState.QUEUED
            row.save(update_fields=["state"])
            events.record(actor, Kind.READINGS_CORRECTION_ASKED, number)
        if row.state == AmendmentState.QUEUED:
            _defer(actor, number, in_background=in_background)


def undo(actor: Actor, number: AmendmentId, *, in_background: bool = True) -> None:
    """Have a correction undone. Raises InvalidError (too late; not done), NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        _require(actor)
        row = _locked(actor, number)
        if row.state == AmendmentState.UNDONE:
            return
        if row.state == AmendmentState.DONE:
            if row.done_at is None or clock.now() >= row.done_at + timedelta(days=KEPT_DAYS):
                raise InvalidError(gettext("This was done too long ago: what it replaced is not kept any more."))
            row.state, row.report = AmendmentState.UNDOING, row.report | {"after": 0, "from_ns": None}
            row.save(update_fields=["state", "report"])
        if row.state != AmendmentState.UNDOING:
            raise InvalidError(gettext("This correction was not done, so there is nothing to undo."))
        _defer(actor, number, in_background=in_background)


def _defer(actor: Actor, number: AmendmentId, *, in_background: bool) -> None:
    queues.worked(AMENDING, number)
    if in_background:
        ids = {"account": str(actor.account), "person": str(actor.person), "organisation": str(actor.organisation)}
        queues.defer(AMEND_READINGS, "imports", **ids, amendment=number)


def _locked(actor: Actor, number: AmendmentId) -> Amendment:
    rows = Amendment.objects.select_for_update().filter(id=number, organisation_id=actor.organisation)
    row = rows.first()
    if row is None:
        raise NotFoundError
    return row


def run(actor: Actor, number: AmendmentId) -> None:
    """Do, or undo, a correction, as it was asked; goes on where it was cut off.

    Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError.
    """
    is_over = False
    while not is_over:
        with access.organisation_transaction(actor):
            _require(actor)
            row = _locked(actor, number)
            if row.state == AmendmentState.QUEUED:
                row.report = row.report | _ask(actor, row, preview=False)
                row.state, row.done_at = AmendmentState.DONE, clock.now()
                events.record(actor, Kind.READINGS_CORRECTED, number, act=row.kind, readings=row.report["readings"])
            elif row.state == AmendmentState.UNDOING:
                _undo_step(actor, row)
            is_over = row.state not in UNDER_WAY
            row.save(update_fields=["report", "state", "done_at"])


def _undo_step(actor: Actor, row: Amendment) -> None:
    answer = crops_client.ask(
        "POST",
        "/v1/changes/undo",
        tenant=access.organisation_of(actor).tenant,
        sites=[row.site_id],
        verb="readings:write",
        purpose="undoing a correction",
        body={"change": row.id, "after": row.report["after"], "from_ns": row.report.get("from_ns")},
    )
    row.report = row.report | {"after": answer["after"], "from_ns": answer["from_ns"]}
    if not answer["after"] and answer["from_ns"] is None:
        row.state = AmendmentState.UNDONE
        events.record(actor, Kind.READINGS_CORRECTION_UNDONE, row.id)


def failed(actor: Actor, number: AmendmentId, problem: str) -> None:
    """Note that a correction was not done, or not undone, and why."""
    with access.organisation_transaction(actor):
        row = _locked(actor, number)
        if row.state in UNDER_WAY:
            row.state = AmendmentState.FAILED if row.state == AmendmentState.QUEUED else AmendmentState.DONE
            row.report = row.report | {"problem": problem}
            row.save(update_fields=["report", "state"])
            events.record(actor, Kind.READINGS_CORRECTION_FAILED, number)
