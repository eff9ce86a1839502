"""Runs of promise checks that walk through the front door, and what belongs to each."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Matching

MARK = "[0-9a-hjkmnp-tv-z]{16}|[0-9a-f]{64}|[a-z_]{1,40}:[0-9]{1,20}"


class Probe(models.Model):
    """One run of a check, from its begin until all of it is removed. `sink_port`: of the listener on loopback for its mail."""

    row_access = RowAccess(App.NOTHING)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    sink_port = technical(models.PositiveIntegerField())
    began_at = technical(models.DateTimeField())

    class Meta:
        db_table = "probes_probe"


class Mark(models.Model):
    """An id, a keyed hash, or `table:number` of a row without an id, that belongs to a probe. Triggers write it."""

    row_access = RowAccess(App.NOTHING)
    value = technical(models.CharField(primary_key=True, max_length=64), Matching(MARK))
    probe = technical(models.ForeignKey(Probe, on_delete=models.CASCADE))

    class Meta:
        db_table = "probes_mark"
