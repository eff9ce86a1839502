"""Restrictive policies that hide what may be stored only, written from the models: whoever adds a table of persons gets them.

Restricted rows can be added, for storing goes on, and neither read, changed nor deleted, whoever asks; their person's own acts
aside (`accounts.own`). Source: PRI-23; GDPR Art. 18.
"""

from django.apps import apps
from django.db import connections

from glasshouse.access.policies import NAMES, condition
from glasshouse.vault.declarations import models_by_address
from glasshouse.vault.fields import holder_column

# Tables whose rows stay open though the use of their holder's data is restricted: the person's own way in, read only against a
# secret that the person shows; what says that something is restricted, held or asked for; mails that the law or the person wants.
OPEN_THOUGH_RESTRICTED = {
    "accounts_browser",
    "accounts_second_step",
    "accounts_session",
    "accounts_ticket",
    "consent_restriction",
    "consent_stance",
    "retention_hold",
}
OWED_MAILS = "('announcement', 'change', 'privacy', 'reset', 'restriction', 'second-step', 'sign-up', 'text')"
UNRESTRICTED = "({holder} NOT IN (SELECT glasshouse_restricted()))"


def restrictable() -> dict[str, str]:
    """Table -> the column with the person whose restriction hides its rows."""
    found = {}
    for model in apps.get_models():
        table = model._meta.db_table
        ours = model.__module__.startswith("glasshouse.") and table not in OPEN_THOUGH_RESTRICTED
        if ours and not condition(model) and (column := holder_column(model)):
            found[table] = str(getattr(model._meta.get_field(column), "column", column))
    return found


def hidden_by_address() -> set[str]:
    """Tables with rows that speak of a restricted person's address under another key, and are hidden with it."""
    return {model._meta.db_table for model, declared in models_by_address() if declared.hidden}


NOT_ADDRESSED = "(address_hash IS NULL OR address_hash NOT IN (SELECT glasshouse_restricted_addresses()))"


def unrestricted(table: str, holder: str = "") -> str:
    """Which rows of a table are open as far as restrictions go."""
    parts = [UNRESTRICTED.format(holder=holder)] if holder else []
    shown = " AND ".join([*parts, NOT_ADDRESSED] if table in hidden_by_address() else parts)
    return f"(({shown}) OR kind IN {OWED_MAILS})" if table == "mail_message" else f"({shown})"


def unrestricted_policy(table: str, holder: str = "") -> str:
    """The statement that makes the restrictive policy of a table."""
    return (
        f"CREATE POLICY unrestricted ON {table} AS RESTRICTIVE TO glasshouse_app "
        f"USING {unrestricted(table, holder)} WITH CHECK (true)"
    )


def _restriction(table: str, holder: str) -> list[str]:
    """Restricted rows are there for storing only: they can be added, and neither read, changed nor deleted."""
    sql = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        *(f"DROP POLICY IF EXISTS {name} ON {table}" for name in NAMES),
        f"CREATE POLICY all_rows ON {table} TO glasshouse_app USING (true) WITH CHECK (true)",
        unrestricted_policy(table, holder),
    ]
    if table == "mail_message":
        sql.append(
            f"CREATE POLICY unobjected ON {table} AS RESTRICTIVE FOR INSERT TO glasshouse_app "
            "WITH CHECK (purpose = '' OR NOT glasshouse_objected(holder, purpose))"
        )
    return sql


def apply() -> None:
    """Write the policies; safe to run again. Needs the owner's connection, after the policies of the customers' tables."""
    sql = [statement for table, holder in restrictable().items() for statement in _restriction(table, holder)]
    with connections["default"].cursor() as cursor:
        for statement in [*sql, unrestricted_policy("access_invitation")]:
            cursor.execute(statement)
