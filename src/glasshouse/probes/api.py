"""Verbs of probes: begin one, mark what it brings, remove all of it. For jobs; the database refuses them to every other role.

Nobody may begin a probe from a page. Source: docs/adr/0027.
"""

from datetime import datetime

from django.db import connection, connections, models

from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as
from glasshouse.vault import api as vault

ABANDONED = "12 minutes"  # longer than any check takes, and sooner than its mail would count as late


def begin(address_hashes: list[str], *, sink_port: int) -> str:
    """Begin a probe; returns its id. address_hashes: keyed hashes of the addresses that it will use, which nobody has.

    sink_port: of the SMTP listener on loopback that takes its mail. Raises DatabaseError where a person has an address.
    """
    probe = new_id()
    _call("glasshouse_begin_probe", probe, sink_port, address_hashes)
    return probe


def mark_hashes(probe: str, hashes: list[str]) -> None:
    """Mark further keyed hashes as the probe's: of addresses, or those by which its tries are counted."""
    _call("glasshouse_mark_hashes", probe, hashes)


def date(row: str, table: str, column: str, moment: datetime) -> None:
    """Date a row of a probe, as if it were older or younger, for no check moves the clock. row: its id. moment: aware.

    Raises DatabaseError for a row of anybody else, and for a column that holds no time.
    """
    _call("glasshouse_date_probe", row, table, column, moment)


def sink_port(address_hash: str) -> int | None:
    """Port of the listener on loopback that takes the mail to a probe's address; None: it is no probe's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_probe_sink(%s)", [address_hash])
        port = cursor.fetchone()[0]
    return None if port is None else int(port)


def marked(ids: list[str], *, using: str) -> dict[str, str]:
    """The marks (`table:id`) of rows with these ids -> the probe of each. using: the connection of the role that asks."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT mark, probe FROM glasshouse_marked(%s)", [ids])
        return dict(cursor.fetchall())


def apart_for_ever(*, using: str) -> list[str]:
    """Ids of events that are kept out of the chain for a probe which is gone, or should be. using: the relay's connection."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_apart_for_ever()")
        return [str(row[0]) for row in cursor.fetchall()]


def organisations(probe: str) -> list[str]:
    """Organisations of the probe that are still there."""
    return _values("glasshouse_probes_organisations", probe)


def ids_by_table(probe: str) -> dict[str, list[str]]:
    """Table -> ids of the probe's rows of it, of rows that are there and of rows that were; of the tables that have any."""
    ids: dict[str, list[str]] = {}
    for value in _values("glasshouse_probes_marks", probe):
        table, number = value.split(":", 1)
        ids.setdefault(table, []).append(number)
    return ids


def ids(probe: str, *tables: str) -> list[str]:
    """Ids of the probe's rows of these tables, of rows that are there and of rows that were."""
    by_table = ids_by_table(probe)
    return [number for table in tables for number in by_table.get(table, ())]


def key_owners(probe: str) -> list[str]:
    """Whose keys are the probe's: its persons, its organisations, and whatever was asked for at its addresses."""
    from glasshouse.probes.sql import KEY, own_keys  # It reads the models, which must be there.

    return ids(probe, KEY, *own_keys())


def key_owners_among(names: list[str]) -> set[str]:
    """Those among key owners that are a probe's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_probes_key_owners(%s)", [names])
        return {str(row[0]) for row in cursor.fetchall()}


def began_at(probe: str) -> datetime | None:
    """When a probe began; None: it is gone."""
    with connected_as(DatabaseRole.JOB), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM glasshouse_probe_began(%s)", [probe])
        row = cursor.fetchone()
    return row[0] if row else None


def abandoned() -> list[str]:
    """Probes whose check was cut off."""
    return _values("glasshouse_probes_older", ABANDONED)


def living() -> list[str]:
    """Probes that are there now."""
    return _values("glasshouse_probes_older", "0 seconds")


def hidden_from(account: str, model: type[models.Model]) -> set[str]:
    """Ids of the rows of a model that a page leaves out for an account: those of promise checks that run now.

    A check's own account ("" is nobody's) is shown everything, for the check judges by what its pages say.
    """
    from glasshouse.probes.sql import NAMES  # It reads the models, which must be there.

    hidden: set[str] = set()
    for probe in living():
        if account and account in ids(probe, NAMES["account"]):
            return set()
        hidden.update(ids(probe, model._meta.db_table))
    return hidden


def beside(account: str, model: type[models.Model]) -> set[str] | None:
    """Ids of the rows of a model that belong to the same promise check as an account; None where it belongs to none."""
    from glasshouse.probes.sql import NAMES  # It reads the models, which must be there.

    for probe in living():
        if account and account in ids(probe, NAMES["account"]):
            return set(ids(probe, model._meta.db_table))
    return None


def remove(probe: str) -> None:
    """Delete every row that is the probe's, its events, then its keys, its marks last. Safe to repeat, wherever it broke off."""
    began = began_at(probe)
    if began is None:
        return
    with connected_as(DatabaseRole.JOB), connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_remove_probe(%s)", [probe])
        key_owners = cursor.fetchone()[0]
    vault.remove_probe_keys([KeyOwnerId(owner) for owner in key_owners], made_since=began)
    _call("glasshouse_end_probe", probe)


def _call(function: str, *arguments: str | int | list[str] | datetime) -> None:
    with connected_as(DatabaseRole.JOB), connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({', '.join(['%s'] * len(arguments))})", list(arguments))


def _values(function: str, argument: str) -> list[str]:
    with connected_as(DatabaseRole.JOB), connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [argument])
        return [str(row[0]) for row in cursor.fetchall()]
