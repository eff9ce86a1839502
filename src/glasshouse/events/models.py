"""Event rows, insert-only for the application, and the chain that the relay lays over them."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.fields import technical


class Event(models.Model):
    """One thing that happened. Opaque ids only: it outlives what it speaks of."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    at = technical(models.DateTimeField(db_index=True))
    kind = technical(models.CharField(max_length=60))
    actor = technical(models.CharField(max_length=16))
    organisation_id = technical(models.CharField(max_length=16, null=True, db_index=True))
    subject = technical(models.CharField(max_length=16))
    facts = technical(models.JSONField(default=dict))

    class Meta:
        db_table = "events_event"


class Link(models.Model):
    """The event's place in the chain: the hash of the link before it, of the event's own content and of when it was chained."""

    number = technical(models.BigIntegerField(primary_key=True))
    event_id = technical(models.CharField(max_length=16, unique=True))
    before = technical(models.CharField(max_length=64))
    hash = technical(models.CharField(max_length=64))
    chained_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "events_link"


class Root(models.Model):
    """The chain's hash at the end of a day (UTC), published: whoever kept a copy can tell whether anything before it changed."""

    day = technical(models.DateField(primary_key=True))
    number = technical(models.BigIntegerField())
    hash = technical(models.CharField(max_length=64))

    class Meta:
        db_table = "events_root"
