"""Event rows, insert-only for the application, and the chain that the relay lays over them."""

from django.db import models

from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import App, RowAccess, Support
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Facts, Id, OneOf

OF_REQUESTS = "rights:"


class Event(models.Model):
    """One thing that happened. Opaque ids only: it outlives what it speaks of."""

    stays = "for ever, as opaque ids: what happened must be shown"
    row_access = RowAccess(
        App.APPEND,
        write="organisation_id IS NULL OR ({rows})",  # One of no customer (a refused sign-in) is read by the relay alone.
        support=Support("events"),
        owner_reads=True,  # Whether an organisation has a history in the chain.
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    at = technical(models.DateTimeField())
    kind = technical(models.CharField(max_length=60), OneOf(Kind))
    actor = technical(models.CharField(max_length=16), Id(*ActorKind))
    organisation_id = technical(models.CharField(max_length=16, null=True))
    subject = technical(models.CharField(max_length=16), Id("unknown"))
    facts = technical(models.JSONField(default=dict), Facts())

    class Meta:
        db_table = "events_event"
        indexes = [
            models.Index(fields=["organisation_id", "-at", "-id"], name="events_index_organisation"),
            models.Index(fields=["actor", "-at", "-id"], name="events_index_actor"),
            # What happened to a privacy request: few of all events.
            models.Index(
                fields=["subject", "at", "id"],
                name="events_index_of_requests",
                condition=models.Q(kind__startswith=OF_REQUESTS),
            ),
        ]


class Unchained(models.Model):
    """The outbox: an event that the relay has still to chain. A trigger of the event table writes it, and nobody else.

    It becomes visible together with its event, whenever that transaction ends, so none can be overtaken. `lost`: the relay did
    not find the event any more; the row stays and `verify` tells of it. `probe_id`: the event is a promise check's own; it is not
    chained, and is deleted with the probe.
    """

    stays = "until it is chained"
    row_access = RowAccess(App.NOTHING)
    number = technical(models.BigAutoField(primary_key=True))
    event_id = technical(models.CharField(max_length=16))
    lost = technical(models.BooleanField(db_default=False))
    probe_id = technical(models.CharField(max_length=16, null=True))

    class Meta:
        db_table = "events_unchained"
        constraints = [models.UniqueConstraint(fields=["event_id"], name="an_event_waits_once")]
        indexes = [models.Index(fields=["number"], condition=models.Q(lost=False), name="events_index_outbox")]


class Link(models.Model):
    """The event's place in the chain: the hash of the link before it, of the event's own content and of when it was chained."""

    stays = "for ever, as opaque ids: what happened must be shown"
    row_access = RowAccess(App.READ)
    number = technical(models.BigIntegerField(primary_key=True))
    event_id = technical(models.CharField(max_length=16, unique=True))
    before = technical(models.CharField(max_length=64))
    hash = technical(models.CharField(max_length=64))
    chained_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "events_link"
        indexes = [models.Index(fields=["chained_at", "number"], name="events_index_chained_at")]


class Root(models.Model):
    """The chain's hash at the end of a day (UTC), published: whoever kept a copy can tell whether anything before it changed.

    `number`: the last link that was chained by the end of that day. `published_at`: later than the day after, where the relay
    did not run; null for roots from before this column.
    """

    stays = "for ever, as opaque ids: what happened must be shown"
    row_access = RowAccess(App.READ)
    day = technical(models.DateField(primary_key=True))
    number = technical(models.BigIntegerField())
    hash = technical(models.CharField(max_length=64))
    published_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "events_root"
