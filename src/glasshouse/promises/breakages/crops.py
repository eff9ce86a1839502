"""Breakages of the separation of the crop plane from data about people: SEC-10."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.kernel import users
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


@contextmanager
def _as_one_user(place: Place) -> Iterator[None]:
    place.restart(("inbound smtp",), user="web")
    try:
        yield
    finally:
        place.restart(("inbound smtp",))


@contextmanager
def _given_to_group_of(place: Place, part_or_group: str, names: tuple[str, ...]) -> Iterator[None]:
    """Files, and folders that are named first, open to one of the parts' groups, too."""
    paths = [place.keys / name for name in names]
    before = [(path, path.stat()) for path in paths]
    for path, facts in before:
        os.chown(path, -1, users.number(part_or_group))
        path.chmod(stat.S_IMODE(facts.st_mode) | (0o050 if path.is_dir() else 0o040))
    try:
        yield
    finally:
        for path, facts in before:
            os.chown(path, -1, facts.st_gid)
            path.chmod(stat.S_IMODE(facts.st_mode))


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
    Breakage("SEC-10", "the mail listener runs as the web part's user", Environment(_as_one_user), needs_root=True),
    Breakage(
        "SEC-10",
        "the group of the people plane may read the crop plane's keys",
        Environment(
            lambda place: _given_to_group_of(place, users.PEOPLE, ("crops", "crops/wal.key", "crops/disk.key"))
        ),
        needs_root=True,
    ),
    Breakage(
        "SEC-10",
        "the web part may read the secret of the role that ends keys",
        Environment(lambda place: _given_to_group_of(place, users.DOORS, ("people/ledger.secret",))),
        quick=True,
        needs_root=True,
    ),
)
