"""Checks of what the operator's support can see: SEC-04."""

from django.db import DatabaseError, connection, transaction
from psycopg.errors import InsufficientPrivilege

from glasshouse.accounts.models import Account
from glasshouse.promises import probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.rowsecurity.policies import customer_models, customer_tables


@check("SEC-04")
def support_access() -> Finding:
    """With no grant the support role reads no row of any customer table, and can become nobody else."""
    problems: list[str] = []
    with probe.customers(1) as (customer,), transaction.atomic(), connection.cursor() as cursor:
        staff = Account.objects.exclude(staff_role="").values_list("id", flat=True).first() or ""
        cursor.execute(
            "SELECT set_config('glasshouse.organisation', %s, true), set_config('glasshouse.account', %s, true)",
            [customer.organisation, staff],
        )
        cursor.execute("SET LOCAL ROLE glasshouse_support")
        for model in customer_models():
            table = model._meta.db_table
            if (rows := _count(table)) > 0:
                problems.append(f"{rows} rows of {table}")
        cursor.execute("RESET ROLE")
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = 'glasshouse_support' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
        )
        problems[:0] = [f"{row[0]} may pass over the policies" for row in cursor.fetchall()]
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY (%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
            [list(customer_tables())],
        )
        problems += [f"{row[0]} has no forced policy" for row in cursor.fetchall()]
    return judge(
        not problems, "; ".join(problems[:3]) or f"0 rows of {len(customer_tables())} customer tables without a grant"
    )


def _count(table: str) -> int:
    with transaction.atomic():
        try:
            with connection.cursor() as inner:
                inner.execute(f"SELECT count(*) FROM {table}")
                return int(inner.fetchone()[0])
        except DatabaseError as error:
            if not isinstance(error.__cause__, InsufficientPrivilege):
                raise
            transaction.set_rollback(True)
            return 0  # No right to the table at all.
