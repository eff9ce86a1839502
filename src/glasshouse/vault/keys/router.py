"""Sends the key table to its own database and keeps everything else out of it."""

from typing import Any

from glasshouse.vault.keys.guards import LEDGER


class KeysRouter:
    """Database router: app `vault_keys` lives in `vault`, all else in `default`; nothing joins the two."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Name of the database that holds the model."""
        return "vault" if model._meta.app_label == "vault_keys" else "default"

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        """Only rows of one database may point at each other."""
        return self.db_for_read(first) == self.db_for_read(second)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Each table is made in the database that holds it, and in no other; `ledger` is the same one by another role."""
        if db == LEDGER:
            return False
        return (db == "vault") == (app_label == "vault_keys")
