"""Legal holds, certificates of deletion runs, and statistics, which stay when the rows go."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import RowAccess
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Code, Facts
from glasshouse.vault.datamap import K, Kept, confidential
from glasshouse.vault.declarations import Belongs, Owner, Writer
from glasshouse.vault.fields import SealedText


class LegalHold(models.Model):
    """A legal hold: nothing of this key owner (a person or a customer) is deleted until it ends."""

    belongs = Belongs(
        Owner.OPERATOR,
        "reasons of legal holds",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    row_access = RowAccess(open_though_restricted="it says what is kept, and why")
    kept = (Kept("ends_at", 1095, "it ended, to be able to show why something was not deleted"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    owner = technical(models.CharField(max_length=16))
    reason = SealedText(confidential("telling why the law makes us keep it", source="us"), key_owner="key_owner")
    created_at = technical(models.DateTimeField())
    ends_at = technical(models.DateTimeField())

    class Meta:
        db_table = "retention_hold"


class Statistic(models.Model):
    """How many rows of a table there were in a year, alike in some columns: what stays when the rows go.

    A group of fewer than K is not kept; the database refuses it.
    """

    stays = "for ever: numbers of groups of five and more, which lead to nobody"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    table = technical(models.CharField(max_length=60), Code())
    year = technical(models.PositiveSmallIntegerField())
    group = technical(models.JSONField(default=dict), Facts())
    count = technical(models.PositiveIntegerField())

    class Meta:
        db_table = "retention_statistic"
        constraints = [
            models.CheckConstraint(condition=models.Q(count__gte=K), name="nobody_alone"),
            models.UniqueConstraint(fields=["table", "year", "group"], name="one_count_a_group"),
        ]


class DeletionRun(models.Model):
    """What one deletion run deleted, by table; and how many keys that no row was sealed with any more it destroyed."""

    stays = "for ever: counts by table, which show that rows went"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    at = technical(models.DateTimeField(db_index=True))
    rows = technical(models.JSONField(default=dict), Facts())
    keys = technical(models.PositiveIntegerField(default=0))

    class Meta:
        db_table = "retention_sweep"
