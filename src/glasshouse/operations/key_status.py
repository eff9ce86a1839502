"""What can be told of a key store: from its database where it runs, and of its backups and the keys of days from the files."""

from typing import Any

import psycopg

from glasshouse.operations import keystore, postgres
from glasshouse.operations.installation import Installation, KeyStoreError
from glasshouse.vault import backup_file
from glasshouse.vault.keys import questions
from glasshouse.vault.root import FileRootKeys


def look(home: Installation) -> dict[str, Any]:
    """Facts by name, as JSON can hold them. Nothing secret is among them."""
    roots = FileRootKeys(home.keys / "people")
    facts: dict[str, Any] = {
        "folder": str(home.keystore),
        **({"database": f"{server.database} at {', '.join(server.hosts)}"} if (server := home.databases.keys) else {}),
        "state": _state(home),
        "root_keys": [f"root-{number}" for number in roots.generations()],
        "root_keys_kept_for_backups": [f"root-{number}" for number in sorted(roots.retired())],
        "days_whose_backups_open": sorted(path.stem for path in home.day_keys.glob("*.key")),
        "backups": _backups(home),
        "put_aside": [str(path) for path in sorted(home.keystore.glob("cluster.damaged-*"))],
    }
    return facts | _counts(home)


def _state(home: Installation) -> str:
    if not home.databases.keys and not (home.keystore / "cluster" / "PG_VERSION").exists():
        return "missing" if home.is_moved else "not made yet"
    try:
        if not all(cluster.answers() for cluster in postgres.stores(home)):
            return "not running"
        return (
            "whole" if keystore.is_carried_out(home) else "whole; the data has erasures to carry out at the next start"
        )
    except KeyStoreError as error:
        return str(error)
    except psycopg.Error as error:
        return f"cannot be looked at: {type(error).__name__}"


def _counts(home: Installation) -> dict[str, Any]:
    try:
        with postgres.key_store(home).administering(postgres.VAULT) as link:
            living, destroyed, lines = link.execute(questions.COUNTS).fetchone() or (0, 0, 0)
    except (OSError, psycopg.Error):
        return {}
    return {"living_keys": living, "destroyed_keys": destroyed, "lines_of_the_ledger": lines}


def _backups(home: Installation) -> list[str]:
    return [
        f"{path.name}: {header.keys} keys, {header.lines} lines, day key of {header.day}"
        if header
        else f"{path.name}: damaged"
        for path, header in backup_file.files_in(home.key_backups)
    ]
