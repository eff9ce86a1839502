"""The key table. It lives in the database `vault`, under a role of its own."""

from django.db import models

from glasshouse.vault.classification import technical
from glasshouse.vault.content import Id


class DataKey(models.Model):
    """One generation of a key owner's data key. `wrapped` is emptied when the key is destroyed."""

    stays = "as long as a row is sealed with it; a destroyed key's row stays, empty"
    key_owner = technical(models.CharField(max_length=32), Id())
    generation = technical(models.PositiveSmallIntegerField())
    wrapped = technical(models.BinaryField())
    root_generation = technical(models.PositiveIntegerField())
    created_at = technical(models.DateTimeField())
    destroyed_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "vault_data_key"
        constraints = [models.UniqueConstraint(fields=["key_owner", "generation"], name="one_key_a_generation")]
