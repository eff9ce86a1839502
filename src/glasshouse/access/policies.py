"""Row-level security, written from the models: whoever adds a customer table gets its policy, and cannot forget it.

Policies are forced, so that even the owner of the tables is held by them; the application's roles own nothing.
"""

from django.apps import apps
from django.db import connections, models

ORGANISATION = "nullif(current_setting('glasshouse.organisation', true), '')"
ACCOUNT = "nullif(current_setting('glasshouse.account', true), '')"
# What the application may do beyond reading, by table; every other table: insert, update, delete.
APPEND_ONLY = {"events_event"}
UNTOUCHABLE = {"events_link", "events_root", "django_migrations"}


def condition(model: type[models.Model]) -> str | None:
    """Which rows of a customer table the acting organisation (or account) sees; None for a table of no customer."""
    table = model._meta.db_table
    if table == "access_organisation":
        mine = f"SELECT organisation_id FROM access_membership WHERE account_id = {ACCOUNT}"
        return f"id = {ORGANISATION} OR id IN ({mine})"
    if table == "access_membership":
        return f"organisation_id = {ORGANISATION} OR account_id = {ACCOUNT}"
    if any(field.column == "organisation_id" for field in model._meta.local_concrete_fields):
        return f"organisation_id = {ORGANISATION}"
    return None


def customer_tables() -> dict[str, str]:
    """Customer table -> which rows may be seen."""
    ours = (model for model in apps.get_models() if model.__module__.startswith("glasshouse."))
    found = {model._meta.db_table: condition(model) for model in ours}
    return {table: rows for table, rows in found.items() if rows}


def statements(tables: list[str]) -> list[str]:
    """All SQL that gives the people store its rights and policies; safe to run again."""
    sql = [
        "GRANT USAGE ON SCHEMA public TO glasshouse_app, glasshouse_relay, glasshouse_support",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_app",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM glasshouse_app, glasshouse_relay, glasshouse_support",
        "GRANT SELECT ON events_event, events_link, events_root TO glasshouse_relay",
        "GRANT INSERT ON events_link, events_root TO glasshouse_relay",
    ]
    for table in tables:
        rights = "SELECT" if table in UNTOUCHABLE else "SELECT, INSERT"
        if table not in UNTOUCHABLE | APPEND_ONLY:
            rights += ", UPDATE, DELETE"
        sql.append(f"GRANT {rights} ON {table} TO glasshouse_app")
    for table, rows in customer_tables().items():
        # An event of no customer (a refused sign-in) may be written, and is read by the relay alone.
        # An organisation's first membership is written while its id is already the acting one.
        may_write = f"organisation_id IS NULL OR {rows}" if table == "events_event" else rows
        if table == "access_membership":
            may_write = f"organisation_id = {ORGANISATION}"
        if table == "access_organisation":
            may_write = f"id = {ORGANISATION}"
        sql += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS own_rows ON {table}",
            f"CREATE POLICY own_rows ON {table} TO glasshouse_app USING ({rows}) WITH CHECK ({may_write})",
        ]
    sql += [
        "DROP POLICY IF EXISTS relay_reads ON events_event",
        "CREATE POLICY relay_reads ON events_event FOR SELECT TO glasshouse_relay USING (true)",
    ]
    return sql


def apply() -> None:
    """Give both databases their rights and policies. Needs the owner's connection."""
    with connections["default"].cursor() as cursor:
        for statement in statements(connections["default"].introspection.table_names(cursor)):
            cursor.execute(statement)
    with connections["vault"].cursor() as cursor:
        cursor.execute("GRANT USAGE ON SCHEMA public TO glasshouse_vault")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data_key TO glasshouse_vault")
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO glasshouse_vault")
