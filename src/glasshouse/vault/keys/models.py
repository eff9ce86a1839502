"""The tables of the key store: wrapped data keys and the ledger of erasures. A cluster of its own holds them (ADR 28)."""

from django.db import models
from django.db.models.functions import Now

from glasshouse.vault.classification import technical
from glasshouse.vault.content import Hash, Id, OneOf
from glasshouse.vault.keys.kinds import LineKind


class DataKey(models.Model):
    """One generation of a key owner's data key. `wrapped` is emptied when the key is destroyed.

    `stored_at`: when the row came, by the database's own clock; nobody can change it.
    """

    stays = "as long as a row is sealed with it; a destroyed key's row stays, empty"
    key_owner = technical(models.CharField(max_length=32), Id())
    generation = technical(models.PositiveSmallIntegerField())
    wrapped = technical(models.BinaryField())
    root_generation = technical(models.PositiveIntegerField())
    created_at = technical(models.DateTimeField())
    destroyed_at = technical(models.DateTimeField(null=True))
    stored_at = technical(models.DateTimeField(db_default=Now()))

    class Meta:
        db_table = "vault_data_key"
        constraints = [models.UniqueConstraint(fields=["key_owner", "generation"], name="one_key_a_generation")]


class LineFields(models.Model):
    """What a line of the ledger says: the key store holds the lines, the data a copy of each that it has carried out."""

    number = technical(models.PositiveIntegerField(primary_key=True))
    kind = technical(models.CharField(max_length=16), OneOf(LineKind))
    subject = technical(models.CharField(max_length=32), Id())
    at = technical(models.DateTimeField())
    previous = technical(models.CharField(max_length=64), Hash())
    hash = technical(models.CharField(max_length=64), Hash())

    class Meta:
        abstract = True


class LedgerLine(LineFields):
    """A line of the ledger. `glasshouse_enter` of the database writes it, and nothing changes or deletes it."""

    stays = "for ever, as opaque ids: what was erased stays erased after a restore"

    class Meta:
        db_table = "vault_ledger"
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="one_line_a_subject")]
        indexes = [
            models.Index(fields=["subject"], name="ledger_by_subject"),
            models.Index(fields=["kind", "at"], name="ledger_by_kind"),
        ]


class KeyStoreState(models.Model):
    """One row: which installation the key store belongs to."""

    stays = "for ever: one row about the installation"
    id = technical(models.PositiveSmallIntegerField(primary_key=True, default=1))
    installation = technical(models.CharField(max_length=16), Id())

    class Meta:
        db_table = "vault_state"
