"""What the ledger tells and this data has not done: after an interrupted erasure, or where an older copy was brought back.

At the start of an installation, before a door opens: every line without a mark. Once a day: every line of whom something is there
again. Each line is carried out by the verbs that did it the first time; all of them can be repeated. At a start, a line that
fails keeps the doors shut, and the others are carried out all the same.
Source: PRI-19, PRI-24; docs/adr/0028.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import structlog
from django.db import models

from glasshouse.access import api as access
from glasshouse.access.models import Organisation
from glasshouse.accounts.models import Account
from glasshouse.accounts.own import STORAGE, own
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB
from glasshouse.kernel.errors import stack_of
from glasshouse.kernel.ids import OrganisationId
from glasshouse.ledger import api as ledger
from glasshouse.ledger.rules import Line
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.retention import api as retention
from glasshouse.retention import legal_holds
from glasshouse.retention.customers import customers_with
from glasshouse.retention.legal_holds import HeldError
from glasshouse.rowsecurity.policies import customer_tables
from glasshouse.subject import erasure
from glasshouse.subject.closing import close_organisation
from glasshouse.subject.inventory import held_models
from glasshouse.subject.models import Erasure
from glasshouse.vault import api as vault
from glasshouse.vault.fields import key_owner_column, key_owner_columns
from glasshouse.vault.keys.kinds import LineKind

BATCH = 1_000
log = structlog.stdlib.get_logger("glasshouse.subject")


class Outcome(StrEnum):
    """What became of a line."""

    DONE = "done"
    HELD = "held"  # A legal hold was placed after the line: it is carried out when that ends.
    FAILED = "failed"


def carry_out(forget_readings: Callable[[str], None]) -> list[int]:
    """Carry out every line without a mark; returns the numbers of those that failed.

    forget_readings: has the crop plane forget a tenant before it answers anybody.
    """
    ledger.verify_lines()
    lines = ledger.unmarked()
    runs = [line for line in lines if line.kind is LineKind.DELETION_RUN]
    # Every line stands there because no hold stood in the way; an older copy holds as if those of before had not ended.
    for line in lines:
        legal_holds.end_older(line.subject, line.at)
    outcomes = {line: _outcome(line, forget_readings) for line in lines if line.kind is not LineKind.DELETION_RUN}
    done = [line for line, outcome in outcomes.items() if outcome is Outcome.DONE]
    _delete_under([line.subject for line in done])
    # After the rows: recipients are told while the address can still be read.
    vault.destroy_named(but=[line.subject for line in outcomes if line not in done])
    if runs:
        retention.run_deletions()
    for line in (*done, *runs):
        ledger.mark(line)
    vault.clean()
    return [line.number for line, outcome in outcomes.items() if outcome is Outcome.FAILED]


def carry_out_again() -> int:
    """Carry out once more each line of whom something is there; returns how many. For the worker, each day.

    Rows come back where somebody brings a single table back, or a process wrote late. Lines of the last hours are left out: their
    erasures may be under way still, and `erasure.erase_late` looks after them.
    """
    there: dict[str, Line] = {}
    for lines in ledger.older_lines((LineKind.ERASURE, LineKind.CLOSING), clock.now() - erasure.LATE):
        by_subject = {line.subject: line for line in lines}
        there |= {subject: by_subject[subject] for subject in _with_rows(list(by_subject))}
    # The same claim as at the first time: two processes never erase one person at once.
    return queues.each(legal_holds.ERASING, sorted(there), lambda subject: _again(there[subject]))


def _with_rows(subjects: list[str]) -> set[str]:
    """Those among erased persons and closed organisations of whom a row is there."""
    subjects_there = {str(organisation) for organisation in access.all_organisations()} & set(subjects)
    with own(STORAGE):
        for model in held_models():
            progress.report()
            column = key_owner_column(model)
            owners = model._default_manager.filter(**{f"{column}__in": subjects}).values_list(column, flat=True)
            subjects_there |= {str(owner) for owner in owners.distinct()}
    return subjects_there


def _again(line: Line) -> bool:
    legal_holds.end_older(line.subject, line.at)
    try:
        _carry_out(line, None)
    except HeldError:
        return False
    _delete_under([line.subject])
    ledger.destroy_keys([line.subject], line.kind)
    return True


def _outcome(line: Line, forget_readings: Callable[[str], None]) -> Outcome:
    progress.report()
    try:
        _carry_out(line, forget_readings)
    except HeldError:
        return Outcome.HELD
    except Exception as error:  # noqa: BLE001 - whatever it is, the other lines are carried out, and no door opens
        log.error("a line of the ledger is not carried out", number=line.number, stack=stack_of(error))
        return Outcome.FAILED
    return Outcome.DONE


def _carry_out(line: Line, forget_readings: Callable[[str], None] | None) -> None:
    with access.organisation_transaction(JOB):
        is_organisation = Organisation.objects.filter(id=line.subject).exists()
    if line.kind is LineKind.CLOSING or is_organisation:
        close_organisation(OrganisationId(line.subject), forget_readings)
    elif line.kind is LineKind.ERASURE:
        if legal_holds.on_person(line.subject):
            raise HeldError
        _erase(line.subject, forget_readings)


def _erase(key_owner: str, forget_readings: Callable[[str], None] | None) -> None:
    with own(key_owner):
        account = Account.objects.filter(person_id=key_owner).values_list("id", flat=True).first() or ""
    fields = {"account": account, "begun_at": clock.now()}
    row, _ = Erasure.objects.get_or_create(person=key_owner, defaults=fields)
    erasure.finish(row, forget_readings)


def _delete_under(key_owners: list[str]) -> None:
    """Delete every row that is sealed under one of these keys, in customers' tables too: nobody can read it any more."""
    for batch in _batches(key_owners):
        with own(STORAGE):
            for model, column in _sealed():
                progress.report()
                if model._meta.db_table not in customer_tables():
                    model._default_manager.filter(**{f"{column}__in": batch}).delete()
        rows = {
            (model, column): model._default_manager.filter(**{f"{column}__in": batch})
            for model, column in _sealed()
            if model._meta.db_table in customer_tables()
        }
        with own(STORAGE):
            for place, actors in customers_with(rows).items():
                for actor in actors:
                    with access.organisation_transaction(actor):
                        rows[place].all().delete()


def _sealed() -> Iterator[tuple[type[models.Model], str]]:
    """Each model with sealed values, and each of its columns that tells under whose key."""
    for model in retention.ours():
        for column in key_owner_columns(model):
            yield model, column


def _batches(key_owners: list[str]) -> Iterable[list[str]]:
    return (key_owners[start : start + BATCH] for start in range(0, len(key_owners), BATCH))
