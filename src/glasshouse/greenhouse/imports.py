"""Verbs of imports: upload a file (sealed at once), preview it, choose how it is read, run the import, save templates."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client, file_process, files, import_results
from glasshouse.greenhouse.file_times import is_zone
from glasshouse.greenhouse.files import NO_CHOICES, FileChoices, Layout
from glasshouse.greenhouse.layout_choices import by_template, refuse_open
from glasshouse.greenhouse.models import FILE_DAYS, Compartment, Site, Template, Upload, UploadState
from glasshouse.greenhouse.statements import Statement
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError, OverloadedError, UnavailableError
from glasshouse.kernel.ids import BlobId, ImportId, KeyOwnerId, SiteId, TemplateId
from glasshouse.queues import api as queues
from glasshouse.vault import blobs

IMPORTING = "greenhouse.import"
TAKE_FILE = "greenhouse.take_file"  # the task in tasks.py
SHOWN_COLUMNS = 300  # on a page; all are imported
SHOWN_ROWS = 40
UNDER_WAY = (UploadState.QUEUED, UploadState.READING)
ENDED_WELL = (UploadState.TAKEN, UploadState.UNDOING, UploadState.UNDONE)
BEING_UNDONE = "This import is being undone. Wait until that is done."
MOST_TEMPLATES = 200  # of an organisation: a form offers all of them


class StoppedError(GlasshouseError):
    """A person stopped the import while it was being read."""


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """A file before the import: how it would be read, its first rows as they are written, and as they are read.

    reading: of those rows, and of the first SHOWN_COLUMNS columns only.
    """

    upload: Upload
    layout: Layout
    rows: list[list[str]]
    reading: files.Reading
    template: str
    notes: list[Statement]
    sheets: list[str]
    problem: Statement | None


def upload(actor: Actor, site: SiteId, compartment: str, name: str, pieces: Iterable[bytes]) -> ImportId:
    """Store a file, sealed, until it is imported. Raises InvalidError, NotFoundError, ForbiddenError, OverloadedError.

    It is read outside any transaction, in a process of its own; a file that cannot be opened is not stored. One in which no table
    of readings was found is: its page tells why, and a person says how it is to be read.
    """
    with access.organisation_transaction(actor):
        _place_of(actor, site, compartment)
    assert actor.organisation is not None  # noqa: S101 - who acts for none has no site
    owner = KeyOwnerId(str(actor.organisation))
    with file_process.place(actor.organisation):  # Before the file is sealed, which costs something too.
        blob = blobs.store(pieces, owner)
        try:
            with access.organisation_transaction(actor):
                zone = str(_place_of(actor, site, compartment).site.facts["time_zone"])
            proposal = file_process.propose(blobs.read(blob, owner), zone, NO_CHOICES)
            return _keep(actor, site, compartment, name, blob, proposal)
        except BaseException:
            blobs.remove(blob)
            raise


class _Place(NamedTuple):
    """Where a file was measured: a site, and a compartment of it or None."""

    site: Site
    compartment: Compartment | None


def _place_of(actor: Actor, site: SiteId, compartment: str) -> _Place:
    """Where a file was measured. Call it in an organisation transaction. Raises NotFoundError, ForbiddenError."""
    access.require(actor, Permission.FILE_IMPORT)
    site_row = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
    compartment_row = Compartment.objects.filter(
        id=compartment, site=site_row, organisation_id=actor.organisation
    ).first()
    if site_row is None or (compartment and compartment_row is None):
        raise NotFoundError
    return _Place(site_row, compartment_row)


def _keep(actor: Actor, site: SiteId, compartment: str, name: str, blob: BlobId, proposal: files.Proposal) -> ImportId:
    with access.organisation_transaction(actor):
        place = _place_of(actor, site, compartment)
        row = Upload.objects.create(
            organisation_id=str(actor.organisation),
            site=place.site,
            compartment=place.compartment,
            name=name[:200] or "file",
            blob=blob,
            proposal=proposal.as_json(),
            created_at=clock.now(),
        )
        events.record(actor, Kind.FILE_UPLOADED, row.id)
    return ImportId(row.id)


def upload_of(actor: Actor, number: ImportId, *, proposal: bool = False) -> Upload:
    """An upload; its proposal, which may be large, only where it is asked for. Call it in an organisation transaction."""
    rows = Upload.objects.select_related("site")
    rows = rows if proposal else rows.defer("proposal")
    row = rows.filter(id=number, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


def _pieces(actor: Actor, row: Upload) -> Iterator[bytes]:
    """The file, unsealed piece by piece. Raises InvalidError at once where it is not stored any more."""
    if not row.blob or not blobs.generation_of(BlobId(row.blob)):
        message = "The file itself was removed after %(days)s days. Choose it once more."
        raise InvalidError(message, field="file", values={"days": FILE_DAYS})
    return blobs.read(BlobId(row.blob), KeyOwnerId(str(actor.organisation)))


def preview(
    actor: Actor, number: ImportId, choices: FileChoices = NO_CHOICES, zone: str = "", template_name: str = ""
) -> ImportPreview:
    """Preview a file: how it would be read, as last chosen, as a template says, or as proposed.

    template_name: the only template that is asked; without it the newest that has these headings counts.
    The file itself is read only where nothing stored answers the question. Raises InvalidError, NotFoundError,
    ForbiddenError, OverloadedError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number, proposal=True)
        pieces = _pieces(actor, row)
        templates = list(Template.objects.filter(organisation_id=actor.organisation).order_by("-created_at"))
    if zone and not is_zone(zone):
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    proposal = _proposal(actor, row, pieces, choices, zone)
    layout, template = proposal.layout, ""
    if zone:
        layout = replace(layout, zone=zone)
    if row.layout and choices == NO_CHOICES:
        layout = Layout.from_json(row.layout)
    elif choices == NO_CHOICES and not proposal.problem:
        for saved in templates:
            if template_name in ("", saved.name) and tuple(saved.layout["headings"]) == layout.headings:
                layout, template = by_template(Layout.from_json(saved.layout), layout), saved.name
                break
    first_columns = replace(layout, columns=layout.columns[:SHOWN_COLUMNS])
    sample = files.Reading() if proposal.problem else files.read_rows(proposal.rows, first_columns)
    shown = proposal.rows[: max(8, layout.rows_above + 5)][:SHOWN_ROWS]
    return ImportPreview(
        row, layout, shown, sample, template, proposal.notes, proposal.sheets[:SHOWN_COLUMNS], proposal.problem
    )


def _proposal(actor: Actor, row: Upload, pieces: Iterator[bytes], choices: FileChoices, zone: str) -> files.Proposal:
    """The stored proposal, or a new one where another is asked for or (uploads of earlier versions) none is stored."""
    if row.proposal:
        stored = files.Proposal.from_json(row.proposal)
        if stored.answers(choices):
            return stored
    assert actor.organisation is not None  # noqa: S101 - the upload belongs to it
    with file_process.place(actor.organisation):
        proposal = file_process.propose(pieces, zone or str(row.site.facts["time_zone"]), choices)
    if choices == NO_CHOICES:  # Otherwise somebody tries something out.
        with access.organisation_transaction(actor):
            access.require(actor, Permission.FILE_IMPORT)
            row = upload_of(actor, ImportId(row.id), proposal=True)
            if row.blob:  # The file may have been removed meanwhile, and what is kept of it with it.
                row.proposal = proposal.as_json()
                row.save(update_fields=["proposal"])
    return proposal


def choose(actor: Actor, number: ImportId, layout: Layout) -> None:
    """Say how a file is to be read. Raises InvalidError, NotFoundError, ForbiddenError."""
    refuse_open(layout)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number)
        row.layout = layout.as_json()
        row.save(update_fields=["layout"])


def queue(actor: Actor, number: ImportId, layout: Layout) -> None:
    """Have the file imported in the background. Nothing changes when that is under way already.

    Raises InvalidError, NotFoundError, ForbiddenError."""
    refuse_open(layout)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number)
        if row.state in UNDER_WAY:
            return
        if row.state == UploadState.UNDOING:
            raise InvalidError(BEING_UNDONE, field="file")
        _pieces(actor, row)  # Asked for now, so that a missing file is reported at once.
        row.layout, row.state, row.percent, row.report = layout.as_json(), UploadState.QUEUED, 0, None
        row.save(update_fields=["layout", "state", "percent", "report"])
        queues.worked(IMPORTING, number)  # Whoever starts it once more has all tries again.
        events.record(actor, Kind.FILE_QUEUED, number)
        queues.defer(
            TAKE_FILE,
            "imports",
            account=str(actor.account),
            person=str(actor.person),
            organisation=str(actor.organisation),
            upload=number,
        )


def stop(actor: Actor, number: ImportId) -> None:
    """Stop an import that is under way; nothing of the file is stored then. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number)
        if row.state in UNDER_WAY:
            row.state = UploadState.STOPPED
            row.save(update_fields=["state"])
            events.record(actor, Kind.FILE_STOPPED, number)


def has_ended(actor: Actor, number: ImportId) -> bool:
    """Whether a run ended well and nobody asked for another: a job that comes twice must not bring back what is undone since.

    Raises NotFoundError, ForbiddenError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return upload_of(actor, number).state in ENDED_WELL


def run(actor: Actor, number: ImportId, progress: Callable[[int], None] = lambda percent: None) -> dict[str, Any]:
    """Put the file's readings into the crop store, all or none; returns the report. Safe to repeat. progress: percent done.

    Raises StoppedError, InvalidError, NotFoundError, ForbiddenError (the right is asked for at the start and at the end),
    UnavailableError.
    """

    def note_progress(done: int, total: int) -> None:
        percent = 90 * done // max(total, 1)
        _note(actor, number, percent)
        progress(percent)

    layout, pieces = _begin(actor, number)
    reading = _read(actor, pieces, layout, note_progress)
    if not reading.points:
        raise InvalidError("No row of this file could be read with these choices.", field="file")
    note_progress(1, 1)
    report = _store(actor, number, layout, reading)
    progress(100)
    return report


class _Begun(NamedTuple):
    layout: Layout
    pieces: Iterator[bytes]


def _begin(actor: Actor, number: ImportId) -> _Begun:
    """Note that a run has begun. pieces: of the file, unsealed as they are read."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number)
        if row.state == UploadState.STOPPED or not row.layout:
            raise StoppedError("This import was stopped.")
        if row.state == UploadState.UNDOING:
            raise InvalidError(BEING_UNDONE, field="file")
        begun = _Begun(Layout.from_json(row.layout), _pieces(actor, row))
        if row.state != UploadState.READING:  # Otherwise this run was cut off, and is repeated.
            row.runs += 1
        row.state = UploadState.READING
        row.save(update_fields=["state", "runs"])
    return begun


def _store(actor: Actor, number: ImportId, layout: Layout, reading: files.Reading) -> dict[str, Any]:
    """Hand the readings to the crop store and note the end of the run; returns the report."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = upload_of(actor, number)
        if row.state == UploadState.STOPPED:
            raise StoppedError("This import was stopped.")
        answer = crops_client.ask(
            "POST",
            f"/v1/imports?site={row.site_id}&compartment={row.compartment_id or ''}&change={row.id}&run={row.runs}",
            tenant=access.organisation_of(actor).tenant,
            sites=[row.site_id],
            verb="readings:write",
            purpose="importing a file",
            body=import_results.arrow_stream(layout, reading),
        )
        row.report, row.state, row.percent = import_results.report(layout, reading, answer), UploadState.TAKEN, 100
        row.taken_at, row.undone_at = clock.now(), None
        row.save(update_fields=["report", "state", "percent", "taken_at", "undone_at"])
        events.record(actor, Kind.FILE_IMPORTED, row.id, points=answer["taken"])
    return dict(row.report)


def _read(actor: Actor, pieces: Iterator[bytes], layout: Layout, progress: Callable[[int, int], None]) -> files.Reading:
    """The whole file, read in a process of its own once there is a place for it. Raises InvalidError, UnavailableError."""
    assert actor.organisation is not None  # noqa: S101 - the upload belongs to it
    try:
        with file_process.place(actor.organisation, for_import=True, wait_s=file_process.WAIT_S):
            return file_process.read(pieces, layout, progress)
    except OverloadedError:
        raise UnavailableError("Other files are being read. This one is safe; try again in some minutes.") from None


def _note(actor: Actor, number: ImportId, percent: int) -> None:
    with access.organisation_transaction(actor):
        rows = Upload.objects.filter(id=number, organisation_id=actor.organisation)
        if not rows.exclude(state=UploadState.STOPPED).update(percent=percent):
            raise StoppedError("This import was stopped.")


def failed(actor: Actor, number: ImportId, problem: Statement) -> None:
    """Note that an import failed, and why. Nothing of this run is in the crop store. One that ended well stays as it is."""
    with access.organisation_transaction(actor):
        row = upload_of(actor, number)
        if row.state in ENDED_WELL:
            return
        row.state, row.report = UploadState.FAILED, {"problem": asdict(problem)}
        row.save(update_fields=["state", "report"])
        events.record(actor, Kind.FILE_FAILED, number)


def uploads(actor: Actor) -> list[Upload]:
    """The organisation's uploads, newest first, each report without its issues. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        of_organisation = Upload.objects.filter(organisation_id=actor.organisation)
        rows = of_organisation.select_related("site").defer("proposal", "report").order_by("-created_at")
        listed = list(rows[:30])
        for row in listed:
            # One after another: a report may name 20,000 issues, and takes some 20 MB while it is open.
            with_report = of_organisation.defer("proposal").get(id=row.id)
            row.report = with_report.report and with_report.report | {"issues": [], "remarks": []}
        return listed


def report_of(actor: Actor, number: ImportId) -> Upload:
    """An upload with its state and report. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return upload_of(actor, number)


# -- templates -----------------------------------------------------------------------------------------------------


def save_template(actor: Actor, name: str, layout: Layout) -> TemplateId:
    """Save how a kind of file is read; a template of the same name is replaced. Raises InvalidError, ForbiddenError."""
    plain = plain_name(name, field="template")
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        of_organisation = Template.objects.filter(organisation_id=actor.organisation)
        for saved in of_organisation:
            if saved.name == plain:
                saved.delete()
        if of_organisation.count() >= MOST_TEMPLATES:
            message = "There are %(most)s templates. Remove one that is not needed any more."
            raise InvalidError(message, field="template", values={"most": MOST_TEMPLATES})
        template = Template.objects.create(
            organisation_id=str(actor.organisation), name=plain, layout=layout.as_json(), created_at=clock.now()
        )
        events.record(actor, Kind.TEMPLATE_SAVED, template.id)
    return TemplateId(template.id)


def templates(actor: Actor) -> list[Template]:
    """The organisation's templates. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return list(Template.objects.filter(organisation_id=actor.organisation).order_by("created_at")[:MOST_TEMPLATES])


def remove_template(actor: Actor, number: TemplateId) -> None:
    """Remove a template; files imported with it stay as they are. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        if not Template.objects.filter(id=number, organisation_id=actor.organisation).delete()[0]:
            raise NotFoundError
        events.record(actor, Kind.TEMPLATE_REMOVED, number)


def issues_of(report: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The import issues in a stored report. Reports of versions before December 2026 call them remarks."""
    issues: list[dict[str, Any]] = (report or {}).get("issues") or (report or {}).get("remarks") or []
    return issues
