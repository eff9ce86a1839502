"""A store that is the operator's own PostgreSQL server: prepared where its DSN names a user who may, and looked at at each start.

Rules of this module:

1. What is not as it must be is refused, with what, where, and the statement that a database administrator runs. No door opens.
2. The user of the DSN is asked only where something is missing: its password may be taken away after the first start.
3. A password of ours never travels and never stands in a statement: the server is given what it keeps of one.
4. What concerns everybody on a server is changed only where nothing but ours is on it.

Source: docs/adr/0038.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg

from glasshouse.kernel.servers import Server
from glasshouse.operations import database_needs as needs
from glasshouse.operations import postgres, stamp
from glasshouse.operations.database_needs import Need
from glasshouse.operations.installation import KEYS_ELSEWHERE, PEOPLE_ELSEWHERE, Installation, InstallationError
from glasshouse.operations.postgres import VAULT, Cluster, first_value
from glasshouse.vault.root import sync_folder, write_secret

Link = psycopg.Connection[Any]
MOST_SAID = 700
OTHERS: Any = "SELECT datname FROM pg_database WHERE datallowconn AND datname <> ALL (%s)"
# One of our roles may enter a database that is none of its own.
ENTERED: Any = (
    "SELECT datname FROM pg_database WHERE datallowconn AND datname <> current_database() "
    "AND has_database_privilege(%s, datname, 'CONNECT')"
)
NOT_THERE = (psycopg.errors.UndefinedObject, psycopg.errors.InvalidCatalogName)


class Fault(NamedTuple):
    """One thing that is not as it must be. statement: that a database administrator runs; "": there is none."""

    what: str
    statement: str = ""

    def __str__(self) -> str:
        # What the server keeps of a password is no secret that opens anything, but it need not stand in a log.
        shown = self.statement.partition(" PASSWORD ")[0]
        return f"{self.what}. Run: {shown};" if shown else f"{self.what}."


def setting_of(cluster: Cluster) -> str:
    """The setting that names its server."""
    return "database.keys" if cluster.database == VAULT else "database.people"


def store_word(cluster: Cluster) -> str:
    """What it is called in commands."""
    return "keys" if cluster.database == VAULT else "people"


def _server(cluster: Cluster) -> Server:
    if cluster.server is None:
        raise InstallationError(f"The {cluster.name} is the embedded one. Set {setting_of(cluster)} for another.")
    return cluster.server


def take_authorities(home: Installation) -> None:
    """Copy the authorities' certificates, and ours with their keys, to where parts can read them. Raises InstallationError."""
    for server, copy in ((home.databases.people, home.people_authority), (home.databases.keys, home.keys_authority)):
        for source, target in server.files(copy).values() if server else ():
            try:
                content, fresh = source.read_bytes(), target.with_suffix(".new")
                fresh.unlink(missing_ok=True)
                write_secret(fresh, content)
                fresh.rename(target)
            except OSError as error:
                raise InstallationError(f"{error.filename} cannot be used: {error.strerror}.") from None


def ready(home: Installation, cluster: Cluster) -> None:
    """Have the operator's server as it must be, or refuse it. Raises InstallationError."""
    _refuse_embedded(home, cluster)
    shortcomings = faults(cluster)
    if shortcomings and _server(cluster).user:
        prepare(home, cluster)
        shortcomings = faults(cluster)
    if shortcomings:
        raise InstallationError(refusal(home, cluster, shortcomings))
    folder, name = (home.keystore, KEYS_ELSEWHERE) if cluster.database == VAULT else (home.data, PEOPLE_ELSEWHERE)
    if not (folder / name).exists():
        (folder / name).touch(mode=0o644)
        sync_folder(folder)


def refusal(home: Installation, cluster: Cluster, shortcomings: Iterable[Fault]) -> str:
    """What is wrong, where, and what to do, in one text."""
    server = _server(cluster)
    lines = "".join(f"\n- {fault}" for fault in shortcomings)
    return (
        f"The {cluster.name} is database {server.database} at {', '.join(server.hosts)} ({setting_of(cluster)}), which is not as "
        f"it must be, so nothing is opened:{lines}\nAll statements, for a database administrator: "
        f"{home.command(f'database sql {store_word(cluster)}')}"
    )


def _refuse_embedded(home: Installation, cluster: Cluster) -> None:
    folder = cluster.folder
    if not (folder / "PG_VERSION").exists():
        return
    if cluster.database == VAULT:
        raise InstallationError(
            f"{folder} holds an embedded key store, but {setting_of(cluster)} names a server. To bring its keys there: take "
            f"{setting_of(cluster)} out, start, make a backup ({home.command('keys backup')}), stop, destroy {folder}, set "
            f"{setting_of(cluster)} again, and run: {home.command('keys restore')}"
        )
    raise InstallationError(
        f"{folder} holds an embedded people store, but {setting_of(cluster)} names a server. Take {setting_of(cluster)} out, "
        "or name another data folder with --data."
    )


# -- looking ---------------------------------------------------------------------------------------------------------


def said(error: BaseException) -> str:
    """An error of the server or of the way to it, on one line. libpq puts no password into it."""
    return " ".join(str(error).split())[:MOST_SAID] or type(error).__name__


def faults(cluster: Cluster) -> list[Fault]:
    """What is not as it must be, as our own roles find it. Changes nothing."""
    server = _server(cluster)
    try:
        with cluster.signed_in("owner") as link:
            shortcomings = list(_of_version(link))
            if shortcomings:
                return shortcomings
            if first_value(link, "SHOW server_encoding") != "UTF8":
                shortcomings.append(
                    Fault("its encoding is not UTF8. Make the database anew: TEMPLATE template0 ENCODING 'UTF8'")
                )
            shortcomings += [
                Fault(f"missing: {need.what}", need.statement)
                for need in (*needs.of_server(cluster, server.database), *needs.of_database(cluster, server.database))
                if _is_missing(link, need)
            ]
    except (OSError, psycopg.OperationalError) as error:
        return [Fault(f"glasshouse_owner cannot sign in ({said(error)})")]
    for role in needs.roles(cluster):
        shortcomings += [fault for fault in _of_role(cluster, role) if fault not in shortcomings]
    return shortcomings + [fault for fault in _of_hosts(cluster, server) if fault not in shortcomings]


def _is_missing(link: Link, need: Need) -> bool:
    try:
        return bool(first_value(link, need.missing))
    except NOT_THERE:  # It asks about what another need makes.
        return True


def _of_version(link: Link) -> Iterator[Fault]:
    version = link.info.server_version
    if version < needs.LEAST_VERSION * 10_000:
        yield Fault(f"it is PostgreSQL {version // 10_000}; {needs.LEAST_VERSION} or newer is needed")
        return
    if first_value(link, "SELECT pg_is_in_recovery()"):
        yield Fault("it only reads: it is a copy of another server. Name the one that is written to, or both")
    most = int(first_value(link, "SHOW max_connections"))
    if most < needs.LEAST_CONNECTIONS:
        yield Fault(
            f"it takes {most} connections; {needs.LEAST_CONNECTIONS} or more are needed, after a restart of the server",
            f"ALTER SYSTEM SET max_connections = {2 * needs.LEAST_CONNECTIONS}",
        )


def _of_role(cluster: Cluster, role: str) -> Iterator[Fault]:
    """Whether a role signs in with its own password, logs nothing, and enters no other database."""
    server, name = _server(cluster), f"glasshouse_{role}"
    try:
        with cluster.signed_in(role) as link:
            for need in needs.of_database(cluster, server.database):
                if need.statement.startswith("ALTER DATABASE") and _is_missing(link, need):
                    setting = need.statement.split(" SET ")[1]
                    yield Fault(f"missing: {need.what}, also where {name} signs in", f"ALTER ROLE {name} SET {setting}")
            others = [str(row[0]) for row in link.execute(ENTERED, [name])]
    except (OSError, psycopg.OperationalError) as error:
        yield Fault(f"{name} cannot sign in ({said(error)})")
        return
    for other in others:
        if _enters(cluster, role, other):
            yield Fault(
                f"our roles can enter the database {other}, where no policy holds them",
                f"REVOKE ALL ON DATABASE {needs.quoted(other)} FROM PUBLIC, {name}",
            )


def _enters(cluster: Cluster, role: str, database: str) -> bool:
    """Whether a role really gets in: the server's pg_hba.conf may refuse what its catalogue allows."""
    place = _server(cluster).parameters | {"dbname": database}
    try:
        psycopg.connect(
            **place,  # type: ignore[arg-type]
            user=f"glasshouse_{role}",
            password=cluster.secret(role).read_text(),
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _of_hosts(cluster: Cluster, server: Server) -> Iterator[Fault]:
    """What concerns a whole server, of each host that answers: the one that takes over must be as the one that works now."""
    for place in server.one_by_one():
        try:
            with psycopg.connect(
                **place,  # type: ignore[arg-type]
                user="glasshouse_owner",
                password=cluster.secret("owner").read_text(),
                autocommit=True,
            ) as link:
                for need in needs.of_whole_server(cluster):
                    if _is_missing(link, need):
                        yield Fault(f"missing at {place['host']}: {need.what}", need.statement)
        except psycopg.OperationalError:  # Another host answered.
            continue


# -- preparing -------------------------------------------------------------------------------------------------------


def prepare(home: Installation, cluster: Cluster) -> None:
    """Make what is missing, as far as the DSN's user may; what is left is told by `faults`. Raises InstallationError."""
    server = _server(cluster)
    password = home.databases.keys_password if cluster.database == VAULT else home.databases.people_password
    with _as_preparer(home, cluster, server, password) as link:
        version = list(_of_version(link))
        if version:
            raise InstallationError(refusal(home, cluster, version[:1]))
        is_superuser = bool(first_value(link, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
        for need in needs.of_server(cluster, server.database):
            if need.once and need.statement.startswith("CREATE DATABASE") and not is_superuser:
                # Who is no superuser makes a database for an owner only as one of its members.
                _try(link, "GRANT glasshouse_owner TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
            _make(link, need)
        is_alone = not link.execute(OTHERS, [["postgres", "template1", server.database]]).fetchone()
        if is_alone:
            _try(link, "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            for need in needs.of_whole_server(cluster):
                _make(link, need)
            _try(link, "SELECT pg_reload_conf()")
    try:
        with _signed_in_as(server.parameters, server.user, password) as link:
            for need in needs.of_database(cluster, server.database):
                _make(link, need)
            if not is_superuser:
                _try(link, "REVOKE glasshouse_owner FROM CURRENT_USER")
    except psycopg.OperationalError:  # The database could not be made: `faults` tells so.
        return


def _make(link: Link, need: Need) -> None:
    if _is_missing(link, need):
        _try(link, need.statement)


def _try(link: Link, statement: str) -> None:
    """Run a statement that may be refused: what it should have made is then found missing."""
    try:
        link.execute(statement)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return


def _signed_in_as(place: dict[str, str], user: str, password: str) -> Link:
    link: Link = psycopg.connect(
        **place,  # type: ignore[arg-type]
        user=user,
        password=password,
        autocommit=True,
    )
    return link


@contextmanager
def _as_preparer(home: Installation, cluster: Cluster, server: Server, password: str) -> Iterator[Link]:
    """A connection of the DSN's user to any database, ours where it is there. Raises InstallationError."""
    if not password:
        raise InstallationError(
            refusal(
                home,
                cluster,
                [Fault(f"{server.user} has to prepare it, and {setting_of(cluster)}_password_file names no password")],
            )
        )
    wrong: psycopg.OperationalError | None = None
    for database in (server.database, "postgres", "template1"):
        try:
            link = _signed_in_as(server.parameters | {"dbname": database}, server.user, password)
        except psycopg.OperationalError as error:
            # That ours is not there yet is no reason.
            wrong = wrong if wrong and database != "postgres" else error
            continue
        with link:
            yield link
        return
    raise InstallationError(
        refusal(home, cluster, [Fault(f"{server.user} cannot sign in ({said(wrong or OSError())})")])
    )


# -- both stores together --------------------------------------------------------------------------------------------


def refuse_other(home: Installation) -> None:
    """Refuse stores that are one server, and data that does not belong to this folder. Both must run.

    Raises InstallationError.
    """
    people, keys = postgres.stores(home)
    if people.server and keys.server:
        question = "SELECT system_identifier FROM pg_control_system()"
        with people.administering() as of_people, keys.administering() as other:
            if first_value(of_people, question) == first_value(other, question):
                raise InstallationError(
                    "database.people and database.keys lead to the same PostgreSQL server. A copy of it would have the data "
                    "together with its keys, also of whoever is erased later. Name another server for one of them."
                )
    if not people.server:
        return
    with people.administering() as link:
        is_empty = not first_value(link, "SELECT to_regclass('public.django_migrations') IS NOT NULL")
    if home.is_moved and is_empty:
        raise InstallationError(
            f"{home.data} has been used with another people store: the database {people.server.database} at "
            f"{', '.join(people.server.hosts)} is empty. Name the right one in database.people, or another folder with --data."
        )
    if not home.is_moved and stamp.is_written(home):
        raise InstallationError(
            f"The database {people.server.database} at {', '.join(people.server.hosts)} holds data, but {home.data} is new: "
            "files and readings of it are missing. Name the right folder with --data."
        )


def tried(home: Installation) -> list[str]:
    """What keeps the operator's servers from being used, without changing anything there or here: for `check-config`."""
    problems = []
    for cluster in postgres.stores(home):
        if cluster.server is None:
            continue
        try:
            _refuse_embedded(home, cluster)
        except InstallationError as error:
            problems.append(str(error))
            continue
        password = home.databases.keys_password if cluster.database == VAULT else home.databases.people_password
        is_known = os.access(cluster.secret("owner"), os.R_OK)
        shortcomings = faults(cluster) if is_known else _by_stranger(cluster.server)
        if shortcomings and cluster.server.user:
            try:
                with _as_preparer(home, cluster, cluster.server, password) as link:
                    shortcomings = list(_of_version(link))
            except InstallationError as error:
                problems.append(str(error))
                continue
        if shortcomings:
            problems.append(refusal(home, cluster, shortcomings))
    return problems


def _by_stranger(server: Server) -> list[Fault]:
    """Whether the server answers and proves who it is, asked before there is any password of ours."""
    try:
        _signed_in_as(server.parameters, "glasshouse_owner", "none yet").close()
    except psycopg.OperationalError as error:
        if "authentication failed for user" in str(error):
            return []
        return [Fault(f"it cannot be used ({said(error)})")]
    return [Fault("it lets in whoever comes, with any password. Correct its pg_hba.conf: scram-sha-256")]
