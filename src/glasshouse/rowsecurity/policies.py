"""From the models' declarations to PostgreSQL's rights and policies.

Policies are forced, so that even the owner of the tables is held by them; the application's roles own nothing. What a policy must
know of other rows (is this account a member, which sites does it see, is there a live grant) it asks of functions that run as the
owner, who may read tables that declare `owner_reads` (members, invitations, grants, tokens and the like), and no other row of any
customer.

Restrictive policies hide what may be stored only: rows can be added, for storing goes on, and neither read, changed nor deleted,
whoever asks; their person's own acts aside (`accounts.own`). Source: SEC-03, SEC-04, PRI-23; GDPR Art. 18.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from django.apps import apps
from django.db import connections, models, transaction
from django.db.backends.utils import CursorWrapper

from glasshouse.kernel import areas
from glasshouse.rowsecurity import columns
from glasshouse.rowsecurity.declarations import App, Sql, row_access
from glasshouse.rowsecurity.settings import NARROWED, ORGANISATION
from glasshouse.vault.declarations import models_by_address
from glasshouse.vault.fields import key_owner_column
from glasshouse.vault.keys.guards import statements as keys_statements

ROLES = "glasshouse_app, glasshouse_person, glasshouse_job, glasshouse_relay, glasshouse_support, glasshouse_auditor"
# Tables of libraries that are not as every other table: what the application may do there.
THIRD_PARTY = {"django_migrations": App.READ}
NOT_ADDRESSED = "(address_hash IS NULL OR address_hash NOT IN (SELECT glasshouse_restricted_addresses()))"


# -- what the models say -------------------------------------------------------------------------------------------


def our_models() -> Iterator[type[models.Model]]:
    """Every model of ours in the people store."""
    for model in apps.get_models():
        if model.__module__.startswith("glasshouse."):
            yield model


def site_column(model: type[models.Model]) -> str | None:
    """The column of a customer's table that names a site; None where rows belong to the whole organisation."""
    columns = {str(field.column) for field in model._meta.local_concrete_fields}
    return row_access(model).site or ("site_id" if "site_id" in columns else None)


def _inside(site: str, function: str) -> str:
    return f"((SELECT {function}) IS NULL OR {site} = ANY ((SELECT {function})::text[]))"


def condition(model: type[models.Model]) -> str | None:
    """Which rows of a customer's table whoever acts sees; None for a table of no customer."""
    if declared := row_access(model).see:
        return declared
    if not any(field.column == "organisation_id" for field in model._meta.local_concrete_fields):
        return None
    member = f"organisation_id = {ORGANISATION} AND (SELECT glasshouse_member())"
    if site := site_column(model):
        inside = _inside(site, "glasshouse_sites()")
        return f"{member} AND {inside} AND ({NARROWED} IS NULL OR {site} = ANY (string_to_array({NARROWED}, ',')))"
    return member


def customer_models() -> list[type[models.Model]]:
    """Every model whose rows belong to a customer."""
    return [model for model in our_models() if model._meta.db_table in customer_tables()]


@cache
def customer_tables() -> Mapping[str, str]:
    """Customer's table -> which rows may be seen. Models do not change while a process runs."""
    conditions = {model._meta.db_table: condition(model) for model in our_models()}
    return MappingProxyType({table: seen for table, seen in conditions.items() if seen})


def is_append_only(model: type[models.Model]) -> bool:
    """Whether the application can neither change nor delete the model's rows."""
    return row_access(model).app is App.APPEND


class SupportRows(NamedTuple):
    """Which rows of a customer's table a grant opens to support, as SQL conditions: to be read, and to be changed."""

    read: str
    change: str


def support_condition(model: type[models.Model]) -> SupportRows | None:
    """Which rows of a customer's table support reads and changes; None where no grant opens it."""
    declared = row_access(model)
    if declared.support is None:
        return None
    support = declared.support
    rows = f"{declared.organisation} = {ORGANISATION} AND (SELECT glasshouse_granted('{support.area}'))"
    changed = f"{rows} AND (SELECT glasshouse_grant_changes('{support.area}'))"
    if site := site_column(model):
        rows += f" AND {_inside(site, _grant_sites(support.area, 'false'))}"
        changed += f" AND {_inside(site, _grant_sites(support.area, 'true'))}"
    return SupportRows(rows, changed if support.changes else "false")


def _grant_sites(area: str, changing: str) -> str:
    return f"glasshouse_grant_sites('{area}', {changing})"


def restrictable() -> dict[str, str]:
    """Table -> the column with the person whose restriction hides its rows."""
    columns = {}
    for model in our_models():
        hidden = not condition(model) and not row_access(model).open_though_restricted
        if hidden and (column := key_owner_column(model)):
            columns[model._meta.db_table] = str(getattr(model._meta.get_field(column), "column", column))
    return columns


def hidden_by_address() -> set[str]:
    """Tables with rows that speak of a restricted person's address under another key, and are hidden with it."""
    return {model._meta.db_table for model, declared in models_by_address() if declared.hidden}


def area_sql() -> Iterator[Sql]:
    """What each area brings in its `sql.py`."""
    for module in areas.modules("sql"):
        yield module.SQL


class SqlFunction(NamedTuple):
    """A function of the database: the type that it returns, its body, and whether it may change rows."""

    returns: str
    body: str
    changes: bool = False


def functions() -> dict[str, SqlFunction]:
    """name(arguments) -> function, of all areas. Raises ValueError where two areas bring one."""
    by_name: dict[str, SqlFunction] = {}
    for sql in area_sql():
        if twice := by_name.keys() & (sql.functions.keys() | sql.procedures.keys()):
            raise ValueError(f"two areas bring the function {twice.pop()}")
        by_name |= {name: SqlFunction(*function) for name, function in sql.functions.items()}
        by_name |= {name: SqlFunction(*function, changes=True) for name, function in sql.procedures.items()}
    return by_name


# -- statements ----------------------------------------------------------------------------------------------------


def statements(tables: list[str]) -> list[str]:
    """All SQL that gives the people store its rights and policies; safe to run again. tables: all that the database has."""
    return [
        # A function may name one that comes after it.
        "SET LOCAL check_function_bodies = off",
        f"GRANT USAGE ON SCHEMA public TO {ROLES}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_app",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLES}",
        *_rights(tables),
        *(statement for name, function in functions().items() for statement in _function(name, function)),
        *(statement for model in customer_models() for statement in _customer_policies(model)),
        *_owner_policies(),
        *(statement for sql in area_sql() for statement in sql.statements),
        *_restrictions(),
        *_auditing(tables),
    ]


def _auditing(tables: list[str]) -> Iterator[str]:
    """The role of the promise checks reads every row, whose personal values are sealed, and changes none."""
    for table in tables:
        yield f"GRANT SELECT ON {table} TO glasshouse_auditor"
        # Also where no policy is asked for today: a table that an area protects itself would look empty to a check.
        yield f"CREATE POLICY auditor_reads ON {table} FOR SELECT TO glasshouse_auditor USING (true)"


def _rights(tables: list[str]) -> Iterator[str]:
    models_by_table = {model._meta.db_table: model for model in our_models()}
    for table in tables:
        app = row_access(models_by_table[table]).app if table in models_by_table else THIRD_PARTY.get(table, App.CHANGE)
        if app is not App.NOTHING:
            again = ", ".join(row_access(models_by_table[table]).rewritable) if table in models_by_table else ""
            yield f"GRANT {app}{f', UPDATE ({again})' if again else ''} ON {table} TO glasshouse_app"


def callers(name: str) -> tuple[str, ...]:
    """The roles that may call a function; none where only other functions call it."""
    if any(name in sql.internal for sql in area_sql()):
        return ()
    if any(name in sql.for_jobs for sql in area_sql()):
        return ("glasshouse_job",)
    if any(name in sql.for_relay for sql in area_sql()):
        return ("glasshouse_relay",)
    return ("glasshouse_app", *(("glasshouse_support",) if any(name in sql.for_support for sql in area_sql()) else ()))


def _function(name: str, function: SqlFunction) -> list[str]:
    # PL/pgSQL keeps its plans from one question to the next, and a page asks the same function for each of its questions.
    simple = function.returns in ("boolean", "text", "text[]")
    language, text = ("plpgsql", f"BEGIN RETURN ({function.body}); END") if simple else ("sql", function.body)
    if function.changes:
        language, text = "plpgsql", function.body
    return [
        f"CREATE OR REPLACE FUNCTION {name} RETURNS {function.returns} LANGUAGE {language} "
        f"{'VOLATILE' if function.changes else 'STABLE'} SECURITY DEFINER "
        f"SET search_path = public AS $$ {text} $$",
        f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
        f"REVOKE ALL ON FUNCTION {name} FROM {ROLES}",
        *(f"GRANT EXECUTE ON FUNCTION {name} TO {role}" for role in callers(name)),
    ]


def _customer_policies(model: type[models.Model]) -> list[str]:
    table, rows = model._meta.db_table, str(condition(model))
    write = row_access(model).write.replace("{rows}", rows) or rows
    sql = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY own_rows ON {table} TO glasshouse_app USING ({rows}) WITH CHECK ({write})",
    ]
    if opened := support_condition(model):
        sql += [
            f"GRANT SELECT ON {table} TO glasshouse_support",
            f"CREATE POLICY support_sees ON {table} FOR SELECT TO glasshouse_support USING ({opened.read})",
        ]
        if opened.change != "false":
            sql += [
                f"GRANT INSERT, UPDATE ON {table} TO glasshouse_support",
                f"CREATE POLICY support_changes ON {table} FOR UPDATE TO glasshouse_support "
                f"USING ({opened.change}) WITH CHECK ({opened.change})",
                f"CREATE POLICY support_adds ON {table} FOR INSERT TO glasshouse_support WITH CHECK ({opened.change})",
            ]
    return sql


def _owner_policies() -> Iterator[str]:
    for model in our_models():
        if row_access(model).owner_reads:
            yield f"CREATE POLICY owner_reads ON {model._meta.db_table} FOR SELECT TO glasshouse_owner USING (true)"


def _restrictions() -> Iterator[str]:
    """Restricted rows are there for storing only: they can be added, and neither read, changed nor deleted."""
    hidden, models_by_table = restrictable(), {model._meta.db_table: model for model in our_models()}
    for table, key_owner in hidden.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"CREATE POLICY all_rows ON {table} TO glasshouse_app USING (true) WITH CHECK (true)"
        yield unrestricted_policy(models_by_table[table], key_owner)
    for table in sorted(hidden_by_address() - hidden.keys()):
        yield unrestricted_policy(models_by_table[table])


def unrestricted_policy(model: type[models.Model], key_owner: str = "") -> str:
    """The statement that makes a table's restrictive policy. key owner: its column with the person; "": found by address only."""
    table, open_rows = model._meta.db_table, row_access(model).open_rows
    parts = [f"({key_owner} NOT IN (SELECT glasshouse_restricted()))"] if key_owner else []
    condition_sql = " AND ".join([*parts, NOT_ADDRESSED] if table in hidden_by_address() else parts)
    rows = f"(({condition_sql}) OR {open_rows})" if open_rows else f"({condition_sql})"
    return f"CREATE POLICY unrestricted ON {table} AS RESTRICTIVE TO glasshouse_app USING {rows} WITH CHECK (true)"


def apply() -> None:
    """Give the people store its rights and policies; safe to run again. Needs the owner's connection, and a transaction."""
    with connections["default"].cursor() as cursor:
        tables = connections["default"].introspection.table_names(cursor)
        for statement in [*_old_policies(cursor), *statements(tables)]:
            cursor.execute(statement)
        columns.apply(cursor, "default")


def apply_keys() -> None:
    """Give the key store's database its functions, triggers and rights; safe to run again. Needs the owner's connection."""
    with transaction.atomic(using="vault"), connections["vault"].cursor() as cursor:
        for statement in keys_statements():
            cursor.execute(statement)
        columns.apply(cursor, "vault")


def _old_policies(cursor: CursorWrapper) -> list[str]:
    """Statements that drop every policy there is: one that an earlier version made under another name would go on counting."""
    cursor.execute("SELECT format('DROP POLICY %I ON %I.%I', policyname, schemaname, tablename) FROM pg_policies")
    return [str(row[0]) for row in cursor.fetchall()]
