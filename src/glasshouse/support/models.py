"""Grants, by which a customer lets support in, and the record of what support saw."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.support.rules import AREA_TITLES, RECORDED
from glasshouse.vault.classification import technical
from glasshouse.vault.content import EachMatching, OneOf, SomeOf
from glasshouse.vault.datamap import confidential
from glasshouse.vault.declarations import Belongs, Owner, Writer, WrittenBy
from glasshouse.vault.fields import SealedText


class Grant(models.Model):
    """A customer's leave for support to see (or change) some areas at some sites for some time.

    `staff`: one account of the staff, or empty for the team. It counts from `approved_at` on, between `starts_at` and
    `ends_at`, until `revoked_at`; `change` counts only with the countersignature of somebody else of the staff. Whether it is
    live is decided in the database (sql.py).
    """

    written_by_member = WrittenBy("asked_by", ("reason",), "glasshouse_grants_by")
    belongs = Belongs(
        Owner.ORGANISATION,
        "reasons for which support was let in",
        "They are the organisation's record of who was let in, and why.",
        (Writer.MEMBER, Writer.STAFF),
    )
    stays = "as long as the agreement runs: its record of who was let in, and saw what"
    row_access = RowAccess(owner_reads=True)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    staff = technical(models.CharField(max_length=16, blank=True))
    areas = technical(ArrayField(models.CharField(max_length=20)), SomeOf(AREA_TITLES))
    sites = technical(ArrayField(models.CharField(max_length=16), null=True), EachMatching())
    change = technical(models.BooleanField(default=False))
    emergency = technical(models.BooleanField(default=False))
    reason = SealedText(confidential("telling why support was let in"), key_owner="organisation_id")
    asked_by = technical(models.CharField(max_length=16))
    created_at = technical(models.DateTimeField())
    starts_at = technical(models.DateTimeField())
    ends_at = technical(models.DateTimeField())
    approved_at = technical(models.DateTimeField(null=True))
    approved_by = technical(models.CharField(max_length=16, blank=True))
    countersigned_by = technical(models.CharField(max_length=16, blank=True))
    revoked_at = technical(models.DateTimeField(null=True))
    revoked_by = technical(models.CharField(max_length=16, blank=True))

    class Meta:
        db_table = "support_grant"


class RecordAccess(models.Model):
    """One thing that support looked at or changed. Insert-only; read by the customer."""

    stays = "as long as the agreement runs: its record of who was let in, and saw what"
    row_access = RowAccess(App.APPEND)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    staff = technical(models.CharField(max_length=16))
    what = technical(models.CharField(max_length=40), OneOf(RECORDED))
    ids = technical(ArrayField(models.CharField(max_length=60)), EachMatching("[a-z0-9_.:-]+"))
    at = technical(models.DateTimeField(db_index=True))

    class Meta:
        db_table = "support_seen"
