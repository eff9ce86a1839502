"""What a member pinned, and on which days they opened a place's charts."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.personalisation.rules import DAYS
from glasshouse.vault.classification import technical
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.fields import SealedJson

RECORD = personal(
    "user.behavior",
    "fitting the order of pages to what the person uses",
    basis=Basis.LEGITIMATE_INTEREST,
    rectified_by="the page of what is fitted",
)


class Pins(models.Model):
    """What a person pinned in one organisation. pins: ids by kind (of `rules.Pinned`), in the order in which they are shown."""

    kept = (Kept("used_at", 365, "you last pinned something there, or opened a chart"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    customer = technical(models.CharField(max_length=16))
    pins = SealedJson(RECORD, key_owner="key_owner")
    used_at = technical(models.DateTimeField())

    class Meta:
        db_table = "personalisation_pins"
        constraints = [models.UniqueConstraint(fields=["key_owner", "customer"], name="pins_once")]


class DayOfUse(models.Model):
    """The places of one organisation whose charts a person opened on one day. places: their ids. at: when the day began, UTC."""

    kept = (Kept("at", DAYS, "the day"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    customer = technical(models.CharField(max_length=16))
    places = SealedJson(RECORD, key_owner="key_owner")
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "personalisation_day"
        constraints = [models.UniqueConstraint(fields=["key_owner", "customer", "at"], name="day_of_use_once")]
