"""Verbs of imports: upload a file (sealed at once), preview it, correct how it is read, run the import, save templates."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from crop_contract.variables import VARIABLES
from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.rules import plain_name
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import crops_client, file_process, files, import_results
from glasshouse.greenhouse.files import NO_CHOICES, FileChoices, Layout
from glasshouse.greenhouse.models import FILE_DAYS, Compartment, Site, Template, Upload, UploadState
from glasshouse.greenhouse.units import LONGEST_UNIT, convertible
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError, OverloadedError, UnavailableError
from glasshouse.kernel.ids import BlobId, ImportId, KeyOwnerId, SiteId, TemplateId
from glasshouse.kernel.pieces import CHOICES
from glasshouse.queues import api as queues
from glasshouse.vault import blobs

IMPORTING = "greenhouse.import"
TAKE_FILE = "greenhouse.take_file"  # the task in tasks.py
SHOWN_COLUMNS = 200  # on a page; all are imported
UNDER_WAY = (UploadState.QUEUED, UploadState.READING)


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


def upload(actor: Actor, site: SiteId, compartment: str, name: str, pieces: Iterable[bytes]) -> ImportId:
    """Store a file, sealed, until it is imported. Raises InvalidError, NotFoundError, ForbiddenError, OverloadedError.

    It is read outside any transaction, in a process of its own; a file that cannot be read is not stored.
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


def _upload_of(actor: Actor, number: ImportId, *, proposal: bool = False) -> Upload:
    """An upload; its proposal, which may be large, only where it is asked for."""
    rows = Upload.objects.select_related("site")
    rows = rows if proposal else rows.defer("proposal")
    row = rows.filter(id=number, organisation_id=actor.organisation).first()
    if row is None:
        raise NotFoundError
    return row


def _pieces(actor: Actor, row: Upload) -> Iterator[bytes]:
    """The file, unsealed piece by piece. Raises InvalidError at once where it is not stored any more."""
    if not row.blob or not blobs.generation_of(BlobId(row.blob)):
        raise InvalidError(f"The file itself was removed after {FILE_DAYS} days. Choose it once more.", field="file")
    return blobs.read(BlobId(row.blob), KeyOwnerId(str(actor.organisation)))


def preview(actor: Actor, number: ImportId, choices: FileChoices = NO_CHOICES, zone: str = "") -> ImportPreview:
    """Preview a file: how it would be read, as last chosen, as a template says, or as proposed.

    The file itself is read only where nothing stored answers the question. Raises InvalidError, NotFoundError,
    ForbiddenError, OverloadedError.
    """
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _upload_of(actor, number, proposal=True)
        pieces = _pieces(actor, row)
        templates = list(Template.objects.filter(organisation_id=actor.organisation).order_by("-created_at"))
    if zone and zone not in available_timezones():
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    proposal = _proposal(actor, row, pieces, choices, zone)
    layout, template = proposal.layout, ""
    if zone:
        layout = replace(layout, zone=zone)
    if row.layout and choices == NO_CHOICES:
        layout = Layout.from_json(row.layout)
    elif choices == NO_CHOICES:
        for saved in templates:
            if tuple(saved.layout["headings"]) == layout.headings:
                layout, template = Layout.from_json(saved.layout), saved.name
                break
    sample = files.read_rows(proposal.rows, replace(layout, columns=layout.columns[:SHOWN_COLUMNS]))
    return ImportPreview(row, layout, proposal.rows[:8], sample, template)


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
            row = _upload_of(actor, ImportId(row.id), proposal=True)
            if row.blob:  # The file may have been removed meanwhile, and what is kept of it with it.
                row.proposal = proposal.as_json()
                row.save(update_fields=["proposal"])
    return proposal


def corrected(layout: Layout, zone: str, variables: dict[int, str], units: dict[int, str] | None = None) -> Layout:
    """The layout with a person's corrections. By column index: a variable's id, "" (own name) or "-" (leave out); a unit."""
    if zone not in available_timezones():
        raise InvalidError("Choose a time zone such as Europe/Rome.", field="zone")
    columns = []
    for column in layout.columns:
        variable_id = variables.get(column.index, column.variable)
        unit = (units or {}).get(column.index, column.unit).strip()
        if variable_id == "-":
            continue
        if variable_id and variable_id not in VARIABLES:
            raise InvalidError(f"{variable_id[:40]!r} is not a variable of the catalogue.", field="variable")
        if len(unit) > LONGEST_UNIT:
            raise InvalidError(f"The unit of {column.name} is longer than {LONGEST_UNIT} characters.", field="variable")
        if variable_id and unit and not convertible(unit, VARIABLES[variable_id].unit):
            raise InvalidError(
                f"{column.name} is in {unit}, which {VARIABLES[variable_id].title} ({VARIABLES[variable_id].symbol}) cannot be.",
                field="variable",
            )
        columns.append(replace(column, variable=variable_id, unit=unit))
    if not columns:
        raise InvalidError("Choose at least one column.", field="variable")
    return replace(layout, zone=zone, columns=tuple(columns))


def choose(actor: Actor, number: ImportId, layout: Layout) -> None:
    """Say how a file is to be read. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _upload_of(actor, number)
        row.layout = layout.as_json()
        row.save(update_fields=["layout"])


def queue(actor: Actor, number: ImportId, layout: Layout) -> None:
    """Have the file imported in the background. Nothing changes when that is under way already.

    Raises InvalidError, NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _upload_of(actor, number)
        if row.state in UNDER_WAY:
            return
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
        row = _upload_of(actor, number)
        if row.state in UNDER_WAY:
            row.state = UploadState.STOPPED
            row.save(update_fields=["state"])
            events.record(actor, Kind.FILE_STOPPED, number)


def run(actor: Actor, number: ImportId, progress: Callable[[int], None] = lambda percent: None) -> dict[str, Any]:
    """Put the file's readings into the crop store, all or none; returns the report. Safe to repeat. progress: percent done.

    Raises StoppedError, InvalidError, NotFoundError, ForbiddenError (the right is asked for at the start and at the end),
    UnavailableError.
    """

    def note_progress(done: int, total: int) -> None:
        percent = 90 * done // max(total, 1)
        _note(actor, number, percent)
        progress(percent)

    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _upload_of(actor, number)
        if row.state == UploadState.STOPPED or not row.layout:
            raise StoppedError("This import was stopped.")
        layout, pieces = Layout.from_json(row.layout), _pieces(actor, row)
        row.state = UploadState.READING
        row.save(update_fields=["state"])
    reading = _read(actor, pieces, layout, note_progress)
    if not reading.points:
        raise InvalidError("No row of this file could be read with these choices.", field="file")
    note_progress(1, 1)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        row = _upload_of(actor, number)
        if row.state == UploadState.STOPPED:
            raise StoppedError("This import was stopped.")
        answer = crops_client.ask(
            "POST",
            f"/v1/imports?site={row.site_id}&compartment={row.compartment_id or ''}",
            tenant=access.organisation_of(actor).tenant,
            sites=[row.site_id],
            verb="readings:write",
            purpose="importing a file",
            body=import_results.arrow_stream(layout, reading),
        )
        row.report, row.state, row.percent = import_results.report(layout, reading, answer), UploadState.TAKEN, 100
        row.save(update_fields=["report", "state", "percent"])
        events.record(actor, Kind.FILE_IMPORTED, row.id, points=answer["taken"])
    progress(100)
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


def failed(actor: Actor, number: ImportId, problem: str) -> None:
    """Note that an import failed, and why. Nothing of it is in the crop store."""
    with access.organisation_transaction(actor):
        row = _upload_of(actor, number)
        row.state, row.report = UploadState.FAILED, {"problem": problem}
        row.save(update_fields=["state", "report"])
        events.record(actor, Kind.FILE_FAILED, number)


def uploads(actor: Actor) -> list[Upload]:
    """The organisation's uploads, newest first. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        rows = Upload.objects.select_related("site").defer("proposal").filter(organisation_id=actor.organisation)
        return list(rows.order_by("-created_at")[:30])


def report_of(actor: Actor, number: ImportId) -> Upload:
    """An upload with its state and report. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return _upload_of(actor, number)


# -- templates -----------------------------------------------------------------------------------------------------


def save_template(actor: Actor, name: str, layout: Layout) -> TemplateId:
    """Save how a kind of file is read; a template of the same name is replaced. Raises InvalidError, ForbiddenError."""
    plain = plain_name(name, field="template")
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        for saved in Template.objects.filter(organisation_id=actor.organisation):
            if saved.name == plain:
                saved.delete()
        template = Template.objects.create(
            organisation_id=str(actor.organisation), name=plain, layout=layout.as_json(), created_at=clock.now()
        )
        events.record(actor, Kind.TEMPLATE_SAVED, template.id)
    return TemplateId(template.id)


def templates(actor: Actor) -> list[Template]:
    """The organisation's templates. Raises ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
        return list(Template.objects.filter(organisation_id=actor.organisation).order_by("created_at")[:CHOICES])


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
