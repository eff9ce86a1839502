"""Recurring intake: what a site's folder on the operator's SFTP server holds is imported by itself, by a saved template.

It acts as the member who switched it on, with that member's rights of the moment; a file that no template knows is refused.
Source: decision record 44.
"""

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import imports, intake_folder, intake_mail, whole_import
from glasshouse.greenhouse.intake_folder import Folder, Offered, Taken
from glasshouse.greenhouse.intake_mail import MailIntake
from glasshouse.greenhouse.intake_site import LOST_RIGHT, require_compartment, require_person, site_to_change
from glasshouse.greenhouse.models import Compartment, Site, UploadState
from glasshouse.greenhouse.statements import Statement, stated, statement_of
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from glasshouse.kernel.ids import AccountId, ImportId, OrganisationId, PersonId, SiteId, new_id
from glasshouse.queues import api as queues

LOOKING = "greenhouse.intake"
MOST_A_LOOK = 20  # files of a folder that are taken at a time, and that are under way at once
MOST_REFUSALS = 20  # that a page shows
MOST_SITES = 200


class Refusal(NamedTuple):
    """A file that was not taken, and why."""

    name: str
    reason: Statement
    at: datetime


class Intake(NamedTuple):
    """What a page says of the recurring intake of a site. folder: below the operator's; problem: why nothing is taken."""

    site: Site
    compartments: list[Compartment]
    folder: str
    is_on: bool
    compartment: str
    problem: Statement | None
    refusals: list[Refusal]
    mail: MailIntake


def is_offered() -> bool:
    """Whether the operator has set up a folder."""
    return bool(settings.INTAKE_FOLDER)


def intakes(actor: Actor) -> list[Intake]:
    """The recurring intake of each site that the actor sees, at most MOST_SITES. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        rows = Site.objects.filter(organisation_id=actor.organisation).order_by("created_at")[:MOST_SITES]
        return [_intake(row) for row in rows]


def _intake(row: Site) -> Intake:
    raw = row.intake or {}
    refusals = [
        Refusal(str(refusal["name"]), stated(refusal["reason"]), datetime.fromisoformat(refusal["at"]))
        for refusal in raw.get("refusals", ())
    ]
    return Intake(
        row,
        list(Compartment.objects.filter(site=row).order_by("created_at")[:MOST_SITES]),
        f"{row.organisation_id}/{row.id}",
        bool(raw.get("account")),
        str(raw.get("compartment", "")),
        stated(raw["problem"]) if raw.get("problem") else None,
        refusals,
        intake_mail.of_site(row),
    )


def switch_on(actor: Actor, site: SiteId, compartment: str = "") -> None:
    """Have the files of a site's folder imported from now on, in the actor's name. compartment: id; "": the whole site.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    require_person(actor)
    with access.organisation_transaction(actor):
        row = site_to_change(actor, site)
        if not is_offered():
            raise InvalidError("The operator of this service has not set up a folder for files.", field="compartment")
        require_compartment(row, compartment)
        who = {"account": str(actor.account), "person": str(actor.person), "compartment": compartment}
        row.intake = (row.intake or {}) | {"problem": None} | who
        row.save(update_fields=["intake"])
        events.record(actor, Kind.INTAKE_STARTED, row.id)


def switch_off(actor: Actor, site: SiteId) -> None:
    """Leave the files of a site's folder alone. What is being imported goes on. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        row = site_to_change(actor, site)
        if (row.intake or {}).get("account"):
            row.intake = {name: row.intake[name] for name in ("refusals", "mail") if name in row.intake}
            row.save(update_fields=["intake"])
            events.record(actor, Kind.INTAKE_STOPPED, row.id)


# -- the job -------------------------------------------------------------------------------------------------------


def look() -> int:
    """Look into the folder of each site, and take what is whole; returns how many were looked into. Safe to repeat."""
    if not is_offered():
        return 0
    return queues.each(LOOKING, intake_folder.places(Path(settings.INTAKE_FOLDER)), _look_into)


def _look_into(place: str) -> bool:
    """Look into one folder. place: "organisation:site". Returns whether its intake is on."""
    organisation, _, site = place.partition(":")
    job = JOB.for_organisation(OrganisationId(organisation))
    with access.organisation_transaction(job):
        row = Site.objects.filter(id=site, organisation_id=organisation).first()
    if row is None or not row.intake or not row.intake.get("account"):
        return False
    actor = Actor(
        ActorKind.PERSON,
        AccountId(row.intake["account"]),
        PersonId(row.intake["person"]),
        OrganisationId(organisation),
    )
    problem, refusals = None, _Refusals()
    try:
        _require(actor, site)
        with intake_folder.opened(Path(settings.INTAKE_FOLDER), organisation, site) as folder:
            _finish(folder, actor, refusals)
            _take(folder, actor, SiteId(site), row.intake["compartment"], refusals)
    except OSError as error:
        problem = Statement("The folder cannot be used: %(error)s.", {"error": str(error.strerror)})
    except (ForbiddenError, NotFoundError):
        problem = LOST_RIGHT
    except (OverloadedError, UnavailableError):
        pass  # The next look tries again; each file that is not yet taken is still there.
    _note(job, site, problem, refusals)
    return True


def _require(actor: Actor, site: str) -> None:
    """Nothing, if the member may import files of this site. Raises NotFoundError, ForbiddenError.

    Asked before anything else: whoever lost the right is told of no import, as if each were gone.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        if not Site.objects.filter(id=site, organisation_id=actor.organisation).exists():
            raise NotFoundError


class _Refusals:
    """What was refused in one look."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, folder: Folder, name: str, number: str, reason: Statement, of: Taken | None = None) -> None:
        """Put a file aside, with its reason."""
        folder.refuse(name, number, reason, of=of)
        shown = name.encode(errors="replace").decode()[:120]
        self.rows.append({"name": shown, "reason": asdict(reason.bounded(400)), "at": clock.now().isoformat()})


def _note(job: Actor, site: str, problem: Statement | None, refusals: _Refusals) -> None:
    """Note what a page tells of the last look, where it is another than before."""
    with access.organisation_transaction(job):
        row = Site.objects.select_for_update(of=("self",)).filter(id=site, organisation_id=job.organisation).first()
        if row is None or not row.intake:
            return
        noted = dict(row.intake) | {"problem": asdict(problem) if problem else None}
        noted["refusals"] = [*refusals.rows[::-1], *row.intake.get("refusals", ())][:MOST_REFUSALS]
        if noted != row.intake:
            row.intake = noted
            row.save(update_fields=["intake"])
        for _ in refusals.rows:
            events.record(job, Kind.INTAKE_REFUSED, row.id)


def _finish(folder: Folder, actor: Actor, refusals: _Refusals) -> None:
    """Put aside the files whose import has ended. Raises OSError, ForbiddenError, OverloadedError, UnavailableError."""
    for taken in folder.taken()[:MOST_A_LOOK]:  # There are more only where somebody else put them there.
        number = ImportId(taken.upload)
        try:
            row = imports.report_of(actor, number)
        except NotFoundError:
            gone = Statement("The import of this file is gone. Put the file here again.")
            refusals.add(folder, taken.name, taken.upload, gone, taken)
            continue
        if row.state == UploadState.NEW:  # The look that took it was cut off.
            _queue(folder, actor, taken, refusals)
        elif row.state in imports.UNDER_WAY:
            continue
        elif row.state == UploadState.FAILED:
            refusals.add(folder, taken.name, taken.upload, stated((row.report or {}).get("problem")), taken)
        elif row.state == UploadState.STOPPED:
            refusals.add(
                folder, taken.name, taken.upload, Statement("Somebody stopped the import of this file."), taken
            )
        elif folder.grew(taken):
            grew = "The file was not whole when it was taken. Undo its import, and put the whole file here."
            refusals.add(folder, taken.name, taken.upload, Statement(grew), taken)
        else:
            folder.finish(taken)


def _queue(folder: Folder, actor: Actor, taken: Taken, refusals: _Refusals) -> None:
    """Have a file imported that was taken. Raises OSError, ForbiddenError, OverloadedError, UnavailableError."""
    number = ImportId(taken.upload)
    try:
        imports.queue(actor, number, whole_import.layout_by_template(actor, number))
    except InvalidError as error:
        refusals.add(folder, taken.name, taken.upload, statement_of(error), taken)


def _take(folder: Folder, actor: Actor, site: SiteId, compartment: str, refusals: _Refusals) -> None:
    """Take what is whole. Raises OSError, NotFoundError, ForbiddenError, OverloadedError, UnavailableError."""
    now_s, places = clock.now().timestamp(), MOST_A_LOOK - len(folder.taken())
    problem: OSError | None = None
    for name in folder.names():
        if places <= 0:
            break
        try:
            if folder.waits(name, now_s):
                continue
            flaw = folder.flaw(name)
            offered = None if flaw else folder.read(name)
        except FileNotFoundError:  # Whoever put it there took it away again.
            continue
        except OSError as error:  # One that cannot be read stops no other.
            problem = problem or error
            continue
        places -= 1
        with suppress(FileNotFoundError):  # It was taken away between the look at it and its move.
            if flaw:
                refusals.add(folder, name, new_id(), flaw)
            elif offered:
                _upload(folder, actor, (site, compartment), name, offered, refusals)
    if problem:
        raise problem


def _upload(
    folder: Folder, actor: Actor, where: tuple[SiteId, str], name: str, offered: Offered, refusals: _Refusals
) -> None:
    """Upload a file that was read, move it to those taken, and have it imported. Raises as `_take`."""
    try:
        number = imports.upload(actor, *where, name, [offered.content])
        layout = whole_import.layout_by_template(actor, number)
    except InvalidError as error:
        refusals.add(folder, name, new_id(), statement_of(error))
        return
    if folder.take(name, number, offered):
        imports.queue(actor, number, layout)
