"""Which lines of the ledger this data has carried out."""

from django.db import models

from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Id
from glasshouse.vault.keys.models import LineFields


class LedgerMark(LineFields):
    """A line of the ledger that the data has carried out, with a copy of it: a key store that was restored lacks the newest."""

    row_access = RowAccess(App.APPEND)
    stays = "for ever, as opaque ids: what was erased stays erased after a restore"

    class Meta:
        db_table = "ledger_mark"


class InstallationId(models.Model):
    """One row: which installation this data is of. The key store has the same."""

    row_access = RowAccess(App.READ)
    stays = "for ever: one row about the installation"
    id = technical(models.PositiveSmallIntegerField(primary_key=True, default=1))
    installation = technical(models.CharField(max_length=16), Id())

    class Meta:
        db_table = "ledger_installation"
