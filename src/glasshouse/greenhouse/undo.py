"""Verbs by which an import is undone as a whole: the crop plane keeps for KEPT_DAYS what it replaced. Decision record 41."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext

from crop_contract.kept import KEPT_DAYS
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client, imports
from glasshouse.greenhouse.models import Upload, UploadState
from glasshouse.greenhouse.statements import Statement, stated
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import ImportId
from glasshouse.queues import api as queues

UNDOING = "greenhouse.undo"
UNDO_FILE = "greenhouse.undo_file"  # the task in tasks.py
ENDED = (UploadState.TAKEN, UploadState.FAILED, UploadState.STOPPED)


class UndoState(NamedTuple):
    """What a page says of undoing an import.

    until: when what it replaced is deleted; None where nothing was imported, or by a version that kept nothing.
    is_possible, is_under_way, is_done: where it stands. problem: why the last try ended. removed, restored, left: readings that
    are gone, of which the earlier value is back, and that stay because they came later, or were corrected since.
    """

    until: datetime | None
    is_possible: bool
    is_under_way: bool
    is_done: bool
    problem: Statement | None
    removed: int
    restored: int
    left: int


def state_of(row: Upload) -> UndoState:
    """What a page says of undoing this import."""
    until = row.taken_at + timedelta(days=KEPT_DAYS) if row.taken_at else None
    progress = (row.report or {}).get("undo", {})
    return UndoState(
        until,
        row.state in ENDED and until is not None and clock.now() < until,
        row.state == UploadState.UNDOING,
        row.state == UploadState.UNDONE,
        stated(progress["problem"]) if progress.get("problem") else None,
        *(int(progress.get(name, 0)) for name in ("removed", "restored", "left")),
    )


def ask(actor: Actor, number: ImportId, *, in_background: bool = True) -> None:
    """Have an import undone, in the background. One that is being undone already is gone on with.

    Raises InvalidError (too late; never imported), NotFoundError, ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _locked(actor, number)
        if row.state == UploadState.UNDONE:
            return
        if row.state != UploadState.UNDOING:
            _refuse(row)
            report = dict(row.report or {})
            report["undo"] = {"from": row.state}
            row.report, row.state, row.percent = report, UploadState.UNDOING, 0
            row.save(update_fields=["report", "state", "percent"])
            events.record(actor, Kind.FILE_UNDO_ASKED, number)
        queues.worked(UNDOING, number)  # Whoever asks once more has all tries again.
        if in_background:
            queues.defer(
                UNDO_FILE,
                "imports",
                account=str(actor.account),
                person=str(actor.person),
                organisation=str(actor.organisation),
                upload=number,
            )


def _refuse(row: Upload) -> None:
    """Raise InvalidError where an import cannot be undone."""
    if row.state in imports.UNDER_WAY:
        raise InvalidError(gettext("This import is still under way. Stop it, or wait for its end."))
    if row.state == UploadState.NEW:
        raise InvalidError(gettext("This file was not imported, so there is nothing to undo."))
    if not row.runs:
        raise InvalidError(
            gettext(
                "This file was imported by an earlier version, which did not keep what it replaced. It cannot be undone."
            )
        )
    if row.taken_at and clock.now() >= row.taken_at + timedelta(days=KEPT_DAYS):
        text = gettext(
            "This import is more than %(days)s days old, and what it replaced is not kept any more. It cannot be undone."
        )
        raise InvalidError(text % {"days": KEPT_DAYS})


def _locked(actor: Actor, number: ImportId) -> Upload:
    """An upload, which nobody else changes until the transaction ends. Raises NotFoundError."""
    rows = Upload.objects.select_for_update().defer("proposal", "layout")
    row = rows.filter(id=number, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


def run(actor: Actor, number: ImportId, progress: Callable[[int], None] = lambda percent: None) -> UndoState:
    """Undo an import that was asked to be undone, step by step; goes on where it was cut off. progress: percent done.

    Raises InvalidError (nothing is kept of it), NotFoundError, ForbiddenError (the right is asked for at each step),
    UnavailableError.
    """
    while True:
        with access.organisation_transaction(actor):
            access.require(actor, Permission.FILE_IMPORT)
            row = _locked(actor, number)
            if row.state != UploadState.UNDOING:
                return state_of(row)
            _step(actor, row)
            progress(row.percent)


def _step(actor: Actor, row: Upload) -> None:
    """One step: the crop plane undoes some series, and the row notes how far that is. Repeated, it changes nothing."""
    report = dict(row.report or {})
    so_far = dict(report["undo"])
    answer = _asked(actor, row, so_far)
    for name in ("removed", "restored", "left"):
        so_far[name] = so_far.get(name, 0) + answer[name]
    so_far["after"], so_far["from_ns"] = answer["after"], answer["from_ns"]
    row.percent = 100 * answer["done"] // max(answer["whole"], 1)
    if not answer["after"] and answer["from_ns"] is None:
        row.state, row.percent, row.undone_at = UploadState.UNDONE, 100, clock.now()
        counts = {name: so_far[name] for name in ("removed", "restored", "left")}
        events.record(actor, Kind.FILE_UNDONE, row.id, **counts)
    report["undo"] = so_far
    row.report = report
    row.save(update_fields=["report", "state", "percent", "undone_at"])


def _asked(actor: Actor, row: Upload, so_far: dict[str, Any]) -> dict[str, Any]:
    """One step in the crop plane. Raises InvalidError where it keeps nothing of this import, UnavailableError."""
    try:
        answer: dict[str, Any] = crops_client.ask(
            "POST",
            "/v1/changes/undo",
            tenant=access.organisation_of(actor).tenant,
            sites=[row.site_id],
            verb="readings:write",
            purpose="undoing an import",
            body={"change": row.id, "after": so_far.get("after", 0), "from_ns": so_far.get("from_ns")},
        )
    except NotFoundError:
        raise InvalidError(gettext("Nothing of this import is stored, so there is nothing to undo.")) from None
    return answer


def failed(actor: Actor, number: ImportId, problem: Statement) -> None:
    """Note that an import could not be undone, and why. What was undone of it stays so; asking again goes on with it."""
    with access.organisation_transaction(actor):
        row = _locked(actor, number)
        if row.state != UploadState.UNDOING:
            return
        report = dict(row.report or {})
        so_far = dict(report["undo"])
        row.state = so_far.get("from", UploadState.TAKEN)
        report["undo"] = so_far | {"problem": asdict(problem)}
        row.report = report
        row.save(update_fields=["report", "state"])
        events.record(actor, Kind.FILE_UNDO_FAILED, number)
