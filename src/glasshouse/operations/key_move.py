"""From earlier versions' data, where the key table lay in the people store, to the key store.

Expand, copy, remove: the key store is made, the keys are copied in one transaction (a store that holds none of them afterwards
belongs to another installation, and is refused), the ledger is filled with what was erased so far, every key is wrapped by a new
root key, and only then the old table goes, with the log that held it. Each step can be cut off; the next start, or
`glasshouse keys move`, goes on. Copies of the data from before hold keys that the old root key wrapped, and that one is gone.
Source: docs/adr/0028.
"""

from typing import Any

import psycopg

from glasshouse.kernel.errors import GlasshouseError
from glasshouse.operations import keystore, postgres
from glasshouse.operations.installation import Installation
from glasshouse.vault.keys import questions
from glasshouse.vault.keys.guards import LEDGER


class MoveError(GlasshouseError):
    """The keys were not moved; the message says why. Nothing was removed."""

    status = 500


def refuse_lost(home: Installation) -> None:
    """Refuse data whose keys are nowhere. Both stores must run. Raises KeyStoreError."""
    people, there = postgres.people_store(home), _tables(postgres.key_store(home), postgres.VAULT)
    if questions.STATE in there and (lost := set(questions.TABLES) - there):
        raise keystore.damaged(home, f"its table {min(lost)} is gone.")
    if people.has(postgres.VAULT) or there >= set(questions.TABLES):
        return
    if "django_migrations" in _tables(people, postgres.PEOPLE):
        raise keystore.damaged(home, "it is empty, but there is data that was sealed with its keys.")


def _tables(cluster: postgres.Cluster, database: str) -> set[str]:
    with cluster.administering(database) as link:
        rows = link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {str(name) for (name,) in rows}


def copy() -> None:
    """Copy the keys of the old table into the key store, once. In the process that migrates.

    Raises MoveError where the key store holds none of them.
    """
    from django.db import transaction

    from glasshouse.vault.keys.models import DataKey

    if not is_left():
        return
    old = _old_rows()
    if not DataKey.objects.exists():
        with transaction.atomic(using="vault"):
            DataKey.objects.bulk_create([DataKey(**row, stored_at=row["created_at"]) for row in old], batch_size=1000)
            copied = list(DataKey.objects.order_by("id").values(*questions.OLD_COLUMNS))
            if sorted(map(_whole, copied)) != sorted(map(_whole, old)):
                raise MoveError("What was copied to the key store is not what the old table holds. Nothing was moved.")
    there = set(DataKey.objects.values_list("key_owner", "generation"))
    missing = [row for row in old if (row["key_owner"], row["generation"]) not in there]
    if old and len(missing) == len(old):
        raise MoveError("The key store holds none of the keys of this data: it belongs to another installation.")


def is_left() -> bool:
    """Whether the old table is still there. In the process that migrates. On a server of the operator's there never was one."""
    from django.conf import settings
    from django.db import connections

    if settings.PEOPLE_SERVER:
        return False
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = 'vault'")
        return bool(cursor.fetchone()[0])


def _old_rows() -> list[dict[str, Any]]:
    from django.conf import settings

    people = settings.DATABASES["default"]
    with psycopg.connect(
        host=str(people["HOST"]), user=str(people["USER"]), password=str(people["PASSWORD"]), dbname="vault"
    ) as link:
        names = {str(row[0]) for row in link.execute(questions.OLD_NAMES)}
        if not names:
            return []
        question = questions.OLD_KEYS["key_owner" if "key_owner" in names else "holder"]
        return [dict(zip(questions.OLD_COLUMNS, row, strict=True)) for row in link.execute(question)]


def _whole(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row's values in one order and one type, so that two can be compared."""
    values = [row[name] for name in questions.OLD_COLUMNS]
    return tuple(bytes(value) if isinstance(value, bytes | memoryview) else value for value in values)


def adopt() -> None:
    """Give key store and data one id, and the ledger a line for each key that was destroyed so far.

    In the process that migrates.
    """
    from django.db import transaction

    from glasshouse.kernel.ids import new_id
    from glasshouse.ledger import api as ledger
    from glasshouse.ledger.models import InstallationId
    from glasshouse.subject.models import Erasure
    from glasshouse.vault import api as vault
    from glasshouse.vault.keys.kinds import LineKind
    from glasshouse.vault.keys.models import DataKey, KeyStoreState, LedgerLine

    moving = is_left()
    state, _ = KeyStoreState.objects.get_or_create(id=1, defaults={"installation": new_id()})
    InstallationId.objects.get_or_create(id=1, defaults={"installation": state.installation})
    if not moving:
        return
    if not LedgerLine.objects.exists():
        with transaction.atomic(using=LEDGER):
            for person in Erasure.objects.order_by("begun_at").values_list("person", flat=True):
                ledger.enter(LineKind.ERASURE, person)
            erased = set(LedgerLine.objects.using(LEDGER).values_list("subject", flat=True))
            destroyed = DataKey.objects.exclude(destroyed_at=None).order_by("destroyed_at", "id")
            for owner in dict.fromkeys(destroyed.values_list("key_owner", flat=True)):
                if owner not in erased:
                    ledger.enter(LineKind.UNUSED, owner)
    if _opens_as_before():
        for _ in vault.rotate_root(keep_old=False):
            pass
    roots = vault.roots()  # A move that was cut off at its end leaves the old ones.
    for number in set(roots.generations()) - {roots.current()} - vault.roots_in_use():
        roots.remove(number)


def _opens_as_before() -> bool:
    """Whether a key in the key store is wrapped as in the old table: whoever has a copy of that could open it."""
    from glasshouse.vault.keys.models import DataKey

    wrapped = [row["wrapped"] for row in _old_rows() if row["wrapped"]]
    return DataKey.objects.filter(wrapped__in=wrapped).exists()


def finish(home: Installation) -> None:
    """Remove the old table, after everything is in the key store. Both stores must run."""
    people = postgres.people_store(home)
    if people.has(postgres.VAULT):
        with people.administering() as link:
            link.execute("DROP DATABASE vault WITH (FORCE)")
            link.execute("DROP ROLE IF EXISTS glasshouse_vault")
    home.note_moved()
