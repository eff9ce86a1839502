"""What a store must be like that is not ours: roles, database, rights, settings. The embedded ones are made that way by us.

Each need has a question that tells whether it is missing, and the statement that makes it. The service runs those that its DSN's
user may; the others, and all that is about the whole server, a database administrator runs (`glasshouse database sql`).
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator
from typing import NamedTuple

from glasshouse.operations.postgres import NO_LARGE_OBJECTS, VAULT, Cluster

LEAST_VERSION = 17  # The right MAINTAIN, and memberships that are not inherited.
LEAST_CONNECTIONS = 100
QUIETLY = "SET client_min_messages = warning;"
ROUNDS = 4096  # of SCRAM, as PostgreSQL has it; the passwords are 256 random bits
ATTRIBUTES = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolbypassrls", "rolreplication")
# Of a statement that fails, or takes long, nothing is logged: it may quote rows and values. Setting -> (what we set, what else is
# safe).
QUIET = {
    "log_min_messages": ("log", ("fatal", "panic")),
    "log_min_error_statement": ("panic", ("fatal",)),
    "log_error_verbosity": ("terse", ()),
    "log_parameter_max_length": ("0", ()),
    "log_parameter_max_length_on_error": ("0", ()),
    "log_statement": ("none", ()),
    "log_min_duration_statement": ("-1", ()),
    "log_min_duration_sample": ("-1", ()),
    "log_transaction_sample_rate": ("0", ()),
    "debug_print_parse": ("off", ()),
    "debug_print_rewritten": ("off", ()),
    "debug_print_plan": ("off", ()),
}
# Of extensions, where they are loaded.
QUIET_EXTENSIONS = {"auto_explain.log_min_duration": "-1", "pgaudit.log": "none"}
# Of the key store nothing that was deleted stays. Setting of the whole server -> what it must be.
FORGETTING = {"archive_mode": "off", "wal_recycle": "off", "wal_keep_size": "0"}
# An inactive slot keeps the log for ever; a logical one, and a publication, carry keys elsewhere.
KEEPING_SLOTS = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE NOT active OR slot_type = 'logical')"
PUBLICATIONS = "SELECT EXISTS (SELECT FROM pg_publication)"


class Need(NamedTuple):
    """One thing that must hold. what: in words; missing: a question, true where it does not hold; statement: makes it.

    inside: asked and made in the store's own database. once: the statement fails where it holds already.
    """

    what: str
    missing: str
    statement: str
    inside: bool = False
    once: bool = False


def roles(cluster: Cluster) -> tuple[str, ...]:
    """The roles that a store of the operator's needs: nobody copies its files."""
    return tuple(role for role in cluster.roles if role != "backup")


def verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL keeps of a password, and what lets nobody sign in: so no statement, and no log of one, has the password.

    Source: RFC 5803.
    """
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ROUNDS, *parts)


def quoted(name: str) -> str:
    """An identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text of SQL."""
    return "'" + value.replace("'", "''") + "'"


def named(cluster: Cluster) -> tuple[str, ...]:
    """Its roles' names."""
    return tuple(f"glasshouse_{role}" for role in roles(cluster))


def of_server(cluster: Cluster, database: str) -> Iterator[Need]:
    """Roles, memberships and the database, in the order in which they are made."""
    for role in roles(cluster):
        name = f"glasshouse_{role}"
        yield Need(
            f"the role {name}",
            f"SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}' AND rolcanlogin)",
            f"CREATE ROLE {name} LOGIN PASSWORD '{verifier(cluster.secret(role).read_text())}'",
            once=True,
        )
        yield Need(
            f"that {name} has no attribute that breaks the rules",
            f"SELECT {' OR '.join(ATTRIBUTES)} FROM pg_roles WHERE rolname = '{name}'",
            f"ALTER ROLE {name} NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS NOREPLICATION",
        )
    yield from _memberships(cluster)
    base, text = quoted(database), literal(database)
    yield Need(
        f"the database {database}",
        f"SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = {text})",
        f"CREATE DATABASE {base} OWNER glasshouse_owner TEMPLATE template0 ENCODING 'UTF8' "
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C.UTF-8'",
        once=True,
    )
    yield Need(
        f"that {database} belongs to glasshouse_owner",
        f"SELECT datdba <> 'glasshouse_owner'::regrole FROM pg_database WHERE datname = {text}",
        f"ALTER DATABASE {base} OWNER TO glasshouse_owner",
    )
    yield Need(
        f"that nobody else enters {database}",
        f"SELECT has_database_privilege('public', {text}, 'CONNECT') OR has_database_privilege('public', {text}, 'TEMPORARY')",
        f"REVOKE ALL ON DATABASE {base} FROM PUBLIC",
    )
    for name in named(cluster):
        yield Need(
            f"that {name} may enter {database}",
            f"SELECT NOT has_database_privilege('{name}', {text}, 'CONNECT')",
            f"GRANT CONNECT ON DATABASE {base} TO {name}",
        )


def _memberships(cluster: Cluster) -> Iterator[Need]:
    if cluster.database == VAULT:
        for name in ("glasshouse_ledger", "glasshouse_erasure", "glasshouse_owner"):
            yield Need(
                f"that {name} may have the log shortened after a key is destroyed",
                f"SELECT NOT pg_has_role('{name}', 'pg_checkpoint', 'USAGE')",
                f"GRANT pg_checkpoint TO {name}",
            )
        allowed = "roleid = 'pg_checkpoint'::regrole"
    else:
        for name in ("glasshouse_app", "glasshouse_person", "glasshouse_job"):
            yield Need(
                f"that {name} may become glasshouse_support, and has none of its rights before",
                f"SELECT NOT pg_has_role('{name}', 'glasshouse_support', 'SET') "
                f"OR pg_has_role('{name}', 'glasshouse_support', 'USAGE')",
                f"GRANT glasshouse_support TO {name} WITH INHERIT FALSE, SET TRUE",
            )
        for name in ("glasshouse_person", "glasshouse_job"):
            yield Need(
                f"that {name} has the rights of glasshouse_app, and cannot become it",
                f"SELECT NOT pg_has_role('{name}', 'glasshouse_app', 'USAGE') OR pg_has_role('{name}', 'glasshouse_app', 'SET')",
                f"GRANT glasshouse_app TO {name} WITH INHERIT TRUE, SET FALSE",
            )
        allowed = "roleid IN ('glasshouse_support'::regrole, 'glasshouse_app'::regrole)"
    members = ", ".join(f"'{name}'::regrole" for name in named(cluster))
    yield Need(
        "that our roles have the rights of no other role",
        f"SELECT EXISTS (SELECT FROM pg_auth_members WHERE member IN ({members}) AND NOT {allowed})",
        "DO $$ DECLARE more record; BEGIN FOR more IN "
        "SELECT roleid::regrole AS whose, member::regrole AS who FROM pg_auth_members "
        f"WHERE member IN ({members}) AND NOT {allowed} LOOP "
        "EXECUTE format('REVOKE %s FROM %s', more.whose, more.who); END LOOP; END $$",
    )


def of_database(cluster: Cluster, database: str) -> Iterator[Need]:
    """Rights and settings inside the database."""
    base = quoted(database)
    yield Need(
        "that only its owner makes tables in the schema public",
        "SELECT has_schema_privilege('public', 'public', 'CREATE')",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        inside=True,
    )
    yield Need(
        "that nobody makes large objects, which lie in no table that a policy or a retention rule knows",
        "SELECT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND "
        "(proname LIKE 'lo\\_%' OR proname IN ('loread', 'lowrite')) AND has_function_privilege('public', oid, 'EXECUTE'))",
        " ".join(NO_LARGE_OBJECTS.split()),
        inside=True,
    )
    for setting, (wanted, also) in QUIET.items():
        safe = ", ".join(literal(value) for value in (wanted, *also))
        yield Need(
            f"{setting} = {wanted}, so that no value of a row gets into the server's log",
            f"SELECT current_setting('{setting}') NOT IN ({safe})",
            f"ALTER DATABASE {base} SET {setting} = '{wanted}'",
            inside=True,
        )
    for setting, wanted in QUIET_EXTENSIONS.items():
        yield Need(
            f"{setting} = {wanted}, so that no value of a row gets into the server's log",
            f"SELECT coalesce(current_setting('{setting}', true), '') NOT IN ('', '{wanted}')",
            f"ALTER DATABASE {base} SET {setting} = '{wanted}'",
            inside=True,
            once=True,
        )
    if cluster.database == VAULT:
        for name in ("glasshouse_ledger", "glasshouse_erasure", "glasshouse_owner"):
            yield Need(
                f"that {name} may switch the log after a key is destroyed",
                f"SELECT NOT has_function_privilege('{name}', 'pg_catalog.pg_switch_wal()', 'EXECUTE')",
                f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal() TO {name}",
                inside=True,
            )


def of_whole_server(cluster: Cluster) -> Iterator[Need]:
    """What concerns everybody on the server, so that only a person decides it. Asked of each host that answers."""
    if cluster.database != VAULT:
        return
    for setting, wanted in FORGETTING.items():
        yield Need(
            f"{setting} = {wanted}, so that a destroyed key does not stay in the server's log",
            f"SELECT current_setting('{setting}') <> '{wanted}'",
            f"ALTER SYSTEM SET {setting} = '{wanted}'",
        )
    yield Need(
        "that no replication slot keeps the log, or carries keys elsewhere",
        KEEPING_SLOTS,
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active OR slot_type = 'logical'",
    )
    yield Need(
        "that nothing of the key store is published",
        PUBLICATIONS,
        "DO $$ DECLARE p name; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); "
        "END LOOP; END $$",
    )


def script(cluster: Cluster, database: str) -> list[str]:
    """All of it as lines for psql, which may be run again. It has no password: what stands in it lets nobody sign in."""
    lines = [
        f"-- The {cluster.name} of Glasshouse. For psql, as a superuser, connected to any database; it may be run again.",
        "-- It has no password in it: SCRAM-SHA-256$... is what the server keeps of one, and lets nobody sign in.",
        "\\set ON_ERROR_STOP on",
        QUIETLY,
    ]
    lines += [_line(need) for need in of_server(cluster, database)]
    lines += [
        f"ALTER ROLE glasshouse_{role} PASSWORD '{verifier(cluster.secret(role).read_text())}';"
        for role in roles(cluster)
    ]
    lines += [f"\\connect {quoted(database)}", QUIETLY]
    lines += [_line(need) for need in of_database(cluster, database)]
    lines.append(
        "-- Our roles enter no other database. Whoever else uses these two needs a GRANT CONNECT of its own then."
    )
    lines.append("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;")
    if whole := list(of_whole_server(cluster)):
        lines.append("-- For the whole server, on each of its hosts; archive_mode counts after a restart.")
        lines += [_line(need) for need in whole]
        lines.append("SELECT pg_reload_conf();")
    return lines


def _line(need: Need) -> str:
    if not need.once:
        return f"{need.statement};"
    condition = need.missing.removeprefix("SELECT ")
    return f"SELECT {literal(need.statement)} WHERE {condition} \\gexec"
