"""Checks of retention rules and deletion runs: PRI-18, PRI-19."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.mail.models import Message
from glasshouse.promises import evidence
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.retention import api as retention
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import kept_of
from glasshouse.vault.envelope import KeyDestroyedError

GRACE = timedelta(days=2)  # A deletion run comes once a day.


@check("PRI-18")
def retention_rules() -> Finding:
    """No row has outlived its rule by more than two days, unless it is held."""
    overdue = {table: count for table, count in retention.due(GRACE).items() if count}
    ruled = sum(bool(kept_of(model)) for model in retention.ours())
    tables = ", ".join(f"{count} rows of {table}" for table, count in overdue.items())
    return judge(
        not overdue,
        f"too old: {tables}" if overdue else f"0 rows older than their rule in {ruled} tables that have one",
    )


@check("PRI-19")
def deletion_run() -> Finding:
    """A row that has outlived its rule is gone after a deletion run, and its key with it."""
    key_owner, canary = KeyOwnerId(new_id()), f"canary{new_id()}"
    old = clock.now() - timedelta(days=400)
    with transaction.atomic():
        row = Message.objects.create(
            key_owner=key_owner,
            kind="probe",
            address=canary,
            subject=canary,
            body=canary,
            created_at=old,
            next_try_at=old,
            sent_at=old,
        )
    vault.age(key_owner, old)
    retention.run_deletions()
    there = Message.objects.filter(id=row.id).exists()
    opened = _opens(row)
    readable = evidence.holding(Path(settings.DATA_FOLDER), [canary]).names
    wrong = [
        text
        for text, bad in (("the row is there", there), ("its key opens it", opened), ("it is readable", bool(readable)))
        if bad
    ]
    return judge(
        not wrong,
        f"after a deletion run {', '.join(wrong)}"
        if wrong
        else "a probe row and its key were gone after a deletion run",
    )


def _opens(row: Message) -> bool:
    vault.forget_opened()
    try:
        vault.seal(b"x", place=("mail_message", "body", row.key_owner))
    except KeyDestroyedError:
        return False
    return True
