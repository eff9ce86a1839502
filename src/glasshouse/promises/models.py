"""The history of the checks."""

from django.db import models

from glasshouse.promises.findings import State
from glasshouse.vault.classification import published, technical
from glasshouse.vault.content import Matching, OneOf
from glasshouse.vault.datamap import Kept


class Result(models.Model):
    """A time in which a promise stood in one state: from `since` to `checked_at`, its newest check.

    `figure`, `evidence`: of that check.

    So a check that finds the same again adds no row, and the rows of a promise are its history. `since`: null in rows from before
    this column, which are one check each.
    """

    kept = (Kept("checked_at", 730, "the check"),)
    promise = technical(models.CharField(max_length=6, db_index=True), Matching("(SEC|PRI)-[0-9]{2}"))
    state = technical(models.CharField(max_length=16), OneOf(State))
    figure = published(models.CharField(max_length=300))
    evidence = published(models.TextField(db_default=""))
    since = technical(models.DateTimeField(null=True))
    checked_at = technical(models.DateTimeField(db_index=True))

    class Meta:
        db_table = "promises_result"
