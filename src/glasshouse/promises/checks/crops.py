"""Checks of the separation of the crop plane from data about people: SEC-10."""

import psycopg
from django.conf import settings

from glasshouse.promises import evidence
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check


@check("SEC-10")
def separation() -> Finding:
    """No personal column in the crop schema; the people plane's role opens no other database and vice versa."""
    personal = [
        f"{column.table}.{column.column}"
        for column in evidence.crop_columns()
        if column.classification not in ("crop", "technical")
    ]
    crossed = [f"{role} opens {base}" for role, base in (("app", "vault"), ("vault", "people")) if _opens(role, base)]
    reachable_keys = [name for name in ("disk.key", "wal.key", "token.key") if (settings.KEYS_FOLDER / name).exists()]
    wrong = [*personal, *crossed, *reachable_keys]
    return judge(not wrong, "; ".join(wrong) or "no personal column in the crop store; 2 of 2 crossings refused")


def _opens(role: str, base: str) -> bool:
    config = settings.DATABASES["default"]
    secret = (settings.KEYS_FOLDER / f"{role}.secret").read_text()
    try:
        psycopg.connect(host=str(config["HOST"]), user=f"glasshouse_{role}", password=secret, dbname=base).close()
    except psycopg.OperationalError:
        return False
    return True
