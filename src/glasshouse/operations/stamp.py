"""Whether tables, rights and policies of the running store are those of this version.

Rules: both databases carry the stamp themselves, as their comment, so that it goes where the data goes, and is gone where a dump
was restored. It is written after all is done, and holds two hashes: of everything that rights and policies come from, and of what
the database's catalogue says of them; a policy that somebody dropped is noticed as well as one that changed.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path

from psycopg import sql

from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation

PACKAGE = Path(__file__).parents[1]
DATABASES = (postgres.PEOPLE, postgres.VAULT)
# What brings tables, or compiles SQL, besides our own source.
LIBRARIES = ("django", "procrastinate", "psycopg")
# Everything that decides who may read or write what, in an order of its own.
CATALOGUE = """
SELECT concat_ws('|', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL SELECT concat_ws('|', 'table', relname, relowner, relacl, relrowsecurity, relforcerowsecurity) FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
UNION ALL SELECT concat_ws('|', 'column', attrelid::regclass, attname, attacl) FROM pg_attribute
  WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND attacl IS NOT NULL
UNION ALL SELECT concat_ws('|', 'function', oid::regprocedure, proowner, proacl, prosecdef, proconfig, prosrc) FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws('|', 'trigger', tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger
  WHERE NOT tgisinternal
UNION ALL SELECT concat_ws('|', 'check', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype = 'c'
UNION ALL SELECT concat_ws('|', 'schema', nspname, nspacl) FROM pg_namespace WHERE nspname = 'public'
ORDER BY 1
"""


def is_current(home: Installation) -> bool:
    """Whether both databases carry the stamp of this version, and their catalogues are as they were when it was written."""
    return all(_written(home, database) == _wanted(home, database) for database in DATABASES)


def is_written(home: Installation) -> bool:
    """Whether the people store was ever brought up to date whole, by whichever version."""
    return _written(home, postgres.PEOPLE) != ""


def write(home: Installation) -> None:
    """Stamp both databases. To be called when everything is done."""
    for database in DATABASES:
        with postgres.store_of(home, database).administering(database) as link:
            link.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(link.info.dbname), sql.Literal(_wanted(home, database))
                )
            )


def source_hash(package: Path = PACKAGE) -> str:
    """SHA-256, hex, of all that tables, rights and policies can come from: our source and texts, and the libraries' versions.

    The whole source, for policies are compiled from the models' declarations, wherever those stand.
    """
    whole = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".sql", ".md", ".change")):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(package)} {len(content)}\n".encode() + content)
    for library in LIBRARIES:
        whole.update(f"{library} {version(library)}\n".encode())
    return whole.hexdigest()


def _wanted(home: Installation, database: str) -> str:
    catalogue = hashlib.sha256()
    with postgres.store_of(home, database).administering(database) as link:
        for (row,) in link.execute(CATALOGUE):
            catalogue.update(f"{row}\n".encode())
    return f"Glasshouse: source {source_hash()}, catalogue {catalogue.hexdigest()}"


def _written(home: Installation, database: str) -> str:
    with postgres.store_of(home, database).administering(database) as link:
        row = link.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    return str(row[0] or "") if row else ""
