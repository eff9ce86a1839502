"""Runs of promise checks that walk through the front door, and what belongs to each."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Matching

MARK = "[a-z_]{1,40}:([0-9a-hjkmnp-tv-z]{16}|[0-9a-f]{64}|[0-9]{1,20})"


class Probe(models.Model):
    """One run of a check, from its begin until all of it is removed. `sink_port`: of the listener on loopback for its mail."""

    stays = "as long as a check runs"
    row_access = RowAccess(App.NOTHING)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    sink_port = technical(models.PositiveIntegerField())
    began_at = technical(models.DateTimeField())

    class Meta:
        db_table = "probes_probe"


class Mark(models.Model):
    """What belongs to a probe, and as what: `table:id` of a row, `hash:…` of an address or of tries, `key:id` of a key owner.

    Triggers write it. As the kind is part of it, a row that bears the id of something else marks nothing but itself. `probe_id`
    is no foreign key: a transaction of somebody else that wrote a mark must not fail because the probe went meanwhile.
    """

    stays = "as long as a check runs"
    row_access = RowAccess(App.NOTHING)
    value = technical(models.CharField(primary_key=True, max_length=120), Matching(MARK))
    probe_id = technical(models.CharField(max_length=16, db_index=True))

    class Meta:
        db_table = "probes_mark"
