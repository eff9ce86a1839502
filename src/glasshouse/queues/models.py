"""Items that failed. Opaque ids, an error's class and a place in our code: nothing of anybody."""

from django.db import models
from django.db.models import Q

from glasshouse.kernel.ids import new_id
from glasshouse.queues.rules import MOST_COUNTED, PLACE, QUEUE, REASON
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Code, Matching
from glasshouse.vault.datamap import Kept


class Failure(models.Model):
    """One item of a queue that was begun and is not done: how often it was tried, when it is tried next, why it failed.

    `set_aside_at`: since when nothing tries it any more. `seen_at`: since when staff leave it so.
    """

    kept = (Kept("tried_at", 365, "its last try"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    queue = technical(models.CharField(max_length=40), Code())
    item = technical(models.CharField(max_length=64), Matching("[a-z0-9_.:-]+|(SEC|PRI)-[0-9]{2}"))
    tries = technical(models.PositiveSmallIntegerField(default=0))
    tried_at = technical(models.DateTimeField())
    next_try_at = technical(models.DateTimeField())
    reason = technical(models.CharField(max_length=60, blank=True), Matching(REASON))
    place = technical(models.CharField(max_length=80, blank=True), Matching(PLACE))
    set_aside_at = technical(models.DateTimeField(null=True))
    seen_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "queues_failure"
        constraints = [
            models.UniqueConstraint(fields=["queue", "item"], name="one_failure_an_item"),
            models.CheckConstraint(
                condition=Q(seen_at__isnull=True) | Q(set_aside_at__isnull=False), name="seen_if_set_aside"
            ),
            models.CheckConstraint(condition=Q(tries__lte=MOST_COUNTED), name="tries_bounded"),
            # Nothing but names of our own code: no text of an error, which may hold personal data.
            models.CheckConstraint(condition=Q(queue__regex=QUEUE), name="failure_queue_is_a_name"),
            models.CheckConstraint(condition=Q(reason__regex=REASON), name="failure_reason_is_a_class"),
            models.CheckConstraint(condition=Q(place__regex=PLACE), name="failure_place_is_in_our_code"),
        ]
