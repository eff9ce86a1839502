"""Exports, and how far each erasure is."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.classification import blob_ref, technical
from glasshouse.vault.content import ID, Matching
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.fields import SealedText


class Export(models.Model):
    """An export of a person's data, sealed under the person's own key, until its link runs out.

    `blob` is empty while it is being made; `done` of `total` rows are in it so far.
    """

    kept = (Kept("expires_at", 1, "its link ran out"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(
        personal("user.content.private", "handing the copy over", basis=Basis.LEGAL_OBLIGATION), key_owner="key_owner"
    )
    blob = blob_ref(models.CharField(max_length=16, blank=True), key_owner="key_owner")
    account = technical(models.CharField(max_length=16, blank=True))
    total = technical(models.PositiveIntegerField(default=0))
    done = technical(models.PositiveIntegerField(default=0))
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        app_label = "rights"
        db_table = "rights_copy"


class Erasure(models.Model):
    """One erasure: opaque ids only, kept for ever, so that it can be finished after a crash and done again after a restore.

    It lies with the data; the line of the ledger, which is written before it, does not.
    `person`: whose key is destroyed; of a guest, each key that sealed rows of the address. `account`: "" for a guest.
    """

    stays = "for ever, as opaque ids: it must be done again after a restore"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    person = technical(models.CharField(max_length=16, unique=True))
    account = technical(models.CharField(max_length=16), Matching(f"({ID})?"))  # Empty: of somebody without one.
    begun_at = technical(models.DateTimeField())
    done_at = technical(models.DateTimeField(null=True, db_index=True))
    rows = technical(models.PositiveIntegerField(default=0))
    total = technical(models.PositiveIntegerField(default=0))

    class Meta:
        app_label = "rights"
        db_table = "rights_erasure"
