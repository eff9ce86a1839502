"""The web side of crop data: where it comes from. The readings themselves are in the crop plane."""

from datetime import timedelta

from django.db import models

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.kernel.pieces import Piece
from glasshouse.rowsecurity.declarations import RowAccess, Support
from glasshouse.vault.classification import blob_ref, technical
from glasshouse.vault.content import OneOf
from glasshouse.vault.datamap import Emptied, Kept, confidential
from glasshouse.vault.declarations import Belongs, Owner
from glasshouse.vault.fields import SealedJson, SealedText

SHOWN_FOR = timedelta(
    days=1
)  # A correction: readings come in meanwhile, so that what was shown is not what would be done.
FILE_DAYS = 30  # how long a file itself is kept, with the rows of it that a page shows; its report stays longer
WORKED_WITH = "It is what the organisation works with: every member sees it, and its administrators decide on it."
SHOWN = confidential("showing the customer its own greenhouses", category="user.workplace")


class Site(models.Model):
    """A place with greenhouses. `facts`: latitude, longitude (degrees), time_zone (IANA), area_m2, crop.

    `limits`: by variable, [least, most] in its unit, outside which its own people want to be told. `intake`: who had the files of
    its folder imported, with the ids of account and person, the compartment, the problem of the last look, and what was refused;
    below `mail` the same of mails, with the secret of the address, the senders, and what became of the last mails.
    """

    belongs = Belongs(
        Owner.ORGANISATION,
        "names of sites, where they lie, their crops and target ranges, and who may mail files to them",
        WORKED_WITH,
    )
    stays = "as long as the organisation has it"
    row_access = RowAccess(site="id", support=Support("climate", changes=True))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(SHOWN, key_owner="organisation_id")
    facts = SealedJson(SHOWN, key_owner="organisation_id")
    limits = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    intake = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    created_at = technical(models.DateTimeField())
    # As a page shows them: pieces of its compartments and devices, and the limits of the site and these compartments.
    compartments: "Piece[Compartment]"
    devices: "Piece[Device]"
    ranges: list[dict[str, object]]

    class Meta:
        db_table = "greenhouse_site"


class Compartment(models.Model):
    """A part of a site with a climate of its own, and target ranges of its own where they are set."""

    belongs = Belongs(
        Owner.ORGANISATION,
        "names of compartments, and their target ranges",
        WORKED_WITH,
    )
    stays = "as long as the organisation has it"
    row_access = RowAccess(support=Support("climate", changes=True))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    name = SealedText(SHOWN, key_owner="organisation_id")
    limits = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "greenhouse_compartment"


class Device(models.Model):
    """Something that sends readings. Its key is known to the crop plane only, as a hash."""

    belongs = Belongs(
        Owner.ORGANISATION,
        "names of devices",
        WORKED_WITH,
    )
    stays = "as long as the organisation has it"
    row_access = RowAccess(support=Support("climate", changes=True))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    compartment = technical(models.ForeignKey(Compartment, null=True, on_delete=models.CASCADE))
    name = SealedText(SHOWN, key_owner="organisation_id")
    created_at = technical(models.DateTimeField())
    revoked_at = technical(models.DateTimeField(null=True))
    left_out: str  # As a page shows it: names of the text fields that it sends.

    class Meta:
        db_table = "greenhouse_device"


class UploadState(models.TextChoices):
    """Where a file stands on its way in."""

    NEW = "new"
    QUEUED = "queued"
    READING = "reading"
    TAKEN = "taken"
    FAILED = "failed"
    STOPPED = "stopped"
    UNDOING = "undoing"
    UNDONE = "undone"


class Upload(models.Model):
    """A file on its way in: sealed as it came (`blob`), how it is read (`layout`), then what came of it (`report`).

    `proposal`: how it would be read and its first rows, so that a page shows it without reading the file again. `runs`: how often
    its import was begun; the crop plane knows by it whether a run is repeated. `taken_at`: when a run last ended well.
    """

    belongs = Belongs(
        Owner.ORGANISATION,
        "files of readings: their names, every cell of them, how they are read, and reports",
        "They are the organisation's records of its crop. That you uploaded one is an event, which you see here.",
    )
    row_access = RowAccess(owner_reads=True)  # How many have outlived their rule is counted over all customers.
    kept = (Kept("created_at", 365, "it was uploaded"),)
    emptied = Emptied("created_at", FILE_DAYS, "it was uploaded", ("blob", "proposal"))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    compartment = technical(models.ForeignKey(Compartment, null=True, on_delete=models.CASCADE))
    name = SealedText(SHOWN, key_owner="organisation_id")
    blob = blob_ref(models.CharField(max_length=16, blank=True), key_owner="organisation_id")
    proposal = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    layout = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    report = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    state = technical(
        models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.NEW), OneOf(UploadState.values)
    )
    percent = technical(models.PositiveSmallIntegerField(default=0))
    runs = technical(models.PositiveIntegerField(default=0))
    created_at = technical(models.DateTimeField())
    taken_at = technical(models.DateTimeField(null=True))
    undone_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "greenhouse_upload"


class AmendmentKind(models.TextChoices):
    """What is done to stored readings."""

    DELETE = "delete"
    MARK = "mark"
    UNMARK = "unmark"
    SHIFT = "shift"
    CONVERT = "convert"


class AmendmentState(models.TextChoices):
    """Where an amendment stands: shown only, under way, done, given up, being undone, undone."""

    SHOWN = "shown"
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


class Amendment(models.Model):
    """A correction of stored readings of some series of a site, within a span, with its reason.

    `series`: id, title and source of each. `details`: shift_s, or zone,
    read_as and steps (from epoch s, s) of a shift; unit, factor and offset; only, the readings (series, ns) that are
    unmarked. `report`: what it would do, and did.
    """

    belongs = Belongs(
        Owner.ORGANISATION,
        "corrections of readings, with their reasons",
        "They are the organisation's record of what was changed in its readings, and why. That you made one is an event, "
        "which you see here.",
    )
    stays = "as long as the organisation has it"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    kind = technical(models.CharField(max_length=10, choices=AmendmentKind.choices), OneOf(AmendmentKind.values))
    series = SealedJson(SHOWN, key_owner="organisation_id")
    details = SealedJson(SHOWN, key_owner="organisation_id")
    reason = SealedText(SHOWN, key_owner="organisation_id")
    report = SealedJson(SHOWN, key_owner="organisation_id", null=True)
    state = technical(
        models.CharField(max_length=10, choices=AmendmentState.choices, default=AmendmentState.SHOWN),
        OneOf(AmendmentState.values),
    )
    starts_at = technical(models.DateTimeField())
    ends_at = technical(models.DateTimeField())
    created_at = technical(models.DateTimeField())
    done_at = technical(models.DateTimeField(null=True))

    @property
    def is_lapsed(self) -> bool:
        """Whether it was shown too long ago to be done."""
        waits = self.state in (AmendmentState.SHOWN, AmendmentState.FAILED)
        return waits and clock.now() >= self.created_at + SHOWN_FOR

    class Meta:
        db_table = "greenhouse_amendment"


class Template(models.Model):
    """How files of one kind are read, saved under a name; `layout` holds their headings, by which they are known again."""

    belongs = Belongs(
        Owner.ORGANISATION,
        "names of templates, and the headings that they hold",
        WORKED_WITH,
    )
    stays = "as long as the organisation has it"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(SHOWN, key_owner="organisation_id")
    layout = SealedJson(SHOWN, key_owner="organisation_id")
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "greenhouse_template"
