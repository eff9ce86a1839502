"""Breakages of the separation of the crop plane from data about people: SEC-10."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import Breakage, Database, Environment, Place


@contextmanager
def _crop_key_among_peoples(place: Place) -> Iterator[None]:
    target = place.keys / "people" / "disk.key"
    shutil.copy(place.keys / "crops" / "disk.key", target)
    try:
        yield
    finally:
        target.unlink()


@contextmanager
def _open_keys(place: Place) -> Iterator[None]:
    folder = place.keys / "crops"
    keys = list(folder.iterdir())
    modes = {path: path.stat().st_mode & 0o777 for path in (place.keys, folder, *keys)}
    for path in modes:
        path.chmod(0o755)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


BREAKAGES = (
    Breakage(
        "SEC-10",
        "the application may open the key store",
        Database(
            "CREATE ROLE glasshouse_app LOGIN; GRANT CONNECT ON DATABASE vault TO glasshouse_app",
            "REVOKE CONNECT ON DATABASE vault FROM glasshouse_app; DROP ROLE glasshouse_app",
            "vault",
        ),
        quick=True,
    ),
    Breakage(
        "SEC-10",
        "whoever holds the keys may take lines out of the ledger of erasures",
        Database(
            "GRANT DELETE ON vault_ledger TO glasshouse_vault",
            "REVOKE DELETE ON vault_ledger FROM glasshouse_vault",
            "vault",
        ),
    ),
    Breakage(
        "SEC-10",
        "every process may enter a line of the ledger for anybody",
        Database(
            "GRANT EXECUTE ON FUNCTION glasshouse_enter(text, text) TO glasshouse_vault",
            "REVOKE EXECUTE ON FUNCTION glasshouse_enter(text, text) FROM glasshouse_vault",
            "vault",
        ),
    ),
    Breakage(
        "SEC-10",
        "every process may delete keys",
        Database(
            "GRANT DELETE ON vault_data_key TO glasshouse_vault",
            "REVOKE DELETE ON vault_data_key FROM glasshouse_vault",
            "vault",
        ),
    ),
    Breakage(
        "SEC-10",
        "a page may overwrite a key",
        Database(
            "GRANT UPDATE (wrapped) ON vault_data_key TO glasshouse_erasure",
            "REVOKE UPDATE (wrapped) ON vault_data_key FROM glasshouse_erasure",
            "vault",
        ),
    ),
    Breakage(
        "SEC-10",
        "the relay of events may read persons",
        Database(
            "GRANT SELECT ON accounts_person TO glasshouse_relay",
            "REVOKE SELECT ON accounts_person FROM glasshouse_relay",
        ),
    ),
    Breakage(
        "SEC-10",
        "a key of the crop plane lies among the people plane's",
        Environment(_crop_key_among_peoples),
    ),
    Breakage("SEC-10", "every user of the machine may read the crop plane's keys", Environment(_open_keys)),
)
