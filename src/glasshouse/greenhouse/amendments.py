"""Verbs by which stored readings are corrected: deleted, marked as wrong, moved in time, converted. Each is shown before it is
done, has a reason, and can be undone for KEPT_DAYS. Decision record 41."""

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
from glasshouse.greenhouse.models import Amendment, AmendmentKind, AmendmentState, Site
from glasshouse.greenhouse.units import conversion_to
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AmendmentId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.queues import api as queues

AMENDING = "greenhouse.amend"
AMEND_READINGS = "greenhouse.amend_readings"  # the task in tasks.py
MOST_SERIES, MOST_SHIFT_MIN, LONGEST_REASON = 50, 366 * 24 * 60, 500
NUMBER, MINUTES = re.compile(r"[0-9]{1,10}\Z"), re.compile(r"[+-]?[0-9]{1,7}\Z")
UNDER_WAY = (AmendmentState.QUEUED, AmendmentState.UNDOING)


@dataclass(frozen=True, slots=True)
class Asked:
    """A correction as a form says it. starts, ends: by the clock of the site; minutes: of a shift; unit: the values' true one."""

    kind: str
    series: list[str]
    starts: str
    ends: str
    reason: str
    minutes: str = ""
    unit: str = ""


def propose(actor: Actor, asked: Asked) -> AmendmentId:
    """Note a correction, and what it would do; nothing of it is done yet.

    Raises InvalidError, NotFoundError, ForbiddenError, UnavailableError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_CORRECT)
    if asked.kind not in AmendmentKind.values:
        raise InvalidError(gettext("Choose what is to be done."), field="kind")
    if not asked.reason.strip() or len(asked.reason) > LONGEST_REASON:
        raise InvalidError(gettext("Write the reason, in up to 500 characters."), field="reason")
    entries = _series(actor, asked.series)
    starts_at, ends_at = _span(asked, str(entries[0]["zone"]))
    details = _details(asked, entries)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_CORRECT)
        site = Site.objects.filter(id=entries[0]["site"], organisation_id=actor.organisation).first()
        if site is None:
            raise NotFoundError
        row = Amendment(
            organisation_id=str(actor.organisation),
            site=site,
            kind=asked.kind,
            series=[[entry["id"], entry["title"], entry["source"]] for entry in entries],
            details=details,
            reason=asked.reason.strip(),
            starts_at=starts_at,
            ends_at=ends_at,
            created_at=clock.now(),
        )
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


def _details(asked: Asked, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """How far readings are moved, or how values are converted. Raises InvalidError."""
    if asked.kind == AmendmentKind.SHIFT:
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


def _ask(actor: Actor, row: Amendment, *, preview: bool) -> dict[str, Any]:
    """What the crop plane does, or would do. Raises InvalidError, NotFoundError, UnavailableError."""
    numbers = {name: row.details[name] for name in ("shift_s", "factor", "offset") if name in row.details}
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
        access.require(actor, Permission.READINGS_CORRECT)
        rows = Amendment.objects.filter(organisation_id=actor.organisation).select_related("site")
        return piece_of(rows, after, by="-created_at", most=30)


def amendment_of(actor: Actor, number: AmendmentId) -> Amendment:
    """A correction. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_CORRECT)
        row = Amendment.objects.select_related("site").filter(id=number, organisation_id=actor.organisation).first()
        if row is None:
            raise NotFoundError
        return row


def marked_by(actor: Actor, row: Amendment) -> dict[str, Any]:
    """The readings that are marked as wrong where this correction marked some, by series. Raises UnavailableError."""
    if row.kind != AmendmentKind.MARK or row.state != AmendmentState.DONE:
        return {}
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_CORRECT)
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
        access.require(actor, Permission.READINGS_CORRECT)
        row = _locked(actor, number)
        if row.state in (AmendmentState.SHOWN, AmendmentState.FAILED):
            row.state = AmendmentState.QUEUED
            row.save(update_fields=["state"])
            events.record(actor, Kind.READINGS_CORRECTION_ASKED, number)
        if row.state == AmendmentState.QUEUED:
            _defer(actor, number, in_background=in_background)


def undo(actor: Actor, number: AmendmentId, *, in_background: bool = True) -> None:
    """Have a correction undone. Raises InvalidError (too late; not done), NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_CORRECT)
        row = _locked(actor, number)
        if row.state == AmendmentState.UNDONE:
            return
        if row.state == AmendmentState.DONE:
            if row.done_at is None or clock.now() >= row.done_at + timedelta(days=KEPT_DAYS):
                raise InvalidError(gettext("This was done too long ago: what it replaced is not kept any more."))
            row.state, row.report = AmendmentState.UNDOING, row.report | {"after": 0}
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
            access.require(actor, Permission.READINGS_CORRECT)
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
        body={"change": row.id, "after": row.report["after"]},
    )
    row.report = row.report | {"after": answer["after"]}
    if not answer["after"]:
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
