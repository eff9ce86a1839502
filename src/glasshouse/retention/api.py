"""Verbs of retention: what is due, deletion runs, statistics. Only the models (`kept`) hold the retention rules.

A deletion run may be stopped anywhere, and run again. A key that no row is sealed with any more is destroyed, which makes old
backups of its rows unreadable. Source: PRI-18, PRI-19.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import structlog
from django.apps import apps
from django.db import connection, models, transaction

from glasshouse.access import api as access
from glasshouse.accounts.own import STORAGE, own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.ids import BlobId, KeyOwnerId, OrganisationId, new_id
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.ledger import api as ledger
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.retention import emptying, legal_holds
from glasshouse.retention.customers import Rows, all_customers, customers_with
from glasshouse.retention.models import DeletionRun, Statistic
from glasshouse.rowsecurity.policies import customer_tables
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.datamap import K, counted_of, emptied_of, kept_of
from glasshouse.vault.fields import key_owner_columns
from glasshouse.vault.keys.kinds import LineKind

BATCH = 500
# Names of queues: stored failures have them, so they stay as they are.
RUNNING, DELETING, COUNTING, ENDING_KEYS = (
    "retention.sweep",
    "retention.delete",
    "retention.count",
    "retention.end-key",
)
log = structlog.stdlib.get_logger("glasshouse.retention")
YOUNG = timedelta(days=1)  # A key may be made a moment before the row that it is for.


def ours() -> list[type[models.Model]]:
    """Every model of ours in the people store."""
    return [
        model
        for model in apps.get_models()
        if model.__module__.startswith("glasshouse.") and model._meta.app_label != "vault_keys" and model._meta.managed
    ]


def _due(model: type[models.Model], grace: timedelta) -> "models.QuerySet[models.Model]":
    moment, is_due = clock.now() - grace, models.Q(pk__in=[])
    for rule in kept_of(model):
        is_over = models.Q(**{f"{rule.column}__lt": moment - timedelta(days=rule.days)})
        is_due |= is_over & models.Q(**{rule.while_empty: None}) if rule.while_empty else is_over
    return legal_holds.without_held(model._default_manager.filter(is_due))


def _actors(rows: Mapping[type[models.Model], Rows]) -> dict[type[models.Model], list[Actor]]:
    """Model -> under whom these rows of it are reached: customers' rows one organisation at a time."""
    of_customers = {model: each for model, each in rows.items() if model._meta.db_table in customer_tables()}
    return {model: [JOB] for model in rows} | customers_with(of_customers)


def due(grace: timedelta = timedelta()) -> dict[str, int]:
    """How many rows of each table have outlived their retention rule by more than grace, without a legal hold on them."""
    tables = {model._meta.db_table: model for model in ours() if kept_of(model)}
    of_customers, now = customer_tables(), clock.now()
    with access.organisation_transaction(JOB), connection.cursor() as cursor:
        counts = {table: _due(model, grace).count() for table, model in tables.items() if table not in of_customers}
        # Counted over all customers with one question, since a policy would let a job ask of one at a time.
        cursor.execute("SELECT * FROM glasshouse_due_of_customers(%s, %s)", [now - grace, now])
        counts |= dict(cursor.fetchall())
    return {table: counts[table] for table in tables}


def run_deletions() -> DeletionRun:
    """Delete what is due, in batches; destroy the keys that no row is sealed with any more; returns the run's certificate."""
    rows: dict[str, int] = {}
    count_years()
    ending = _actors({model: _due(model, timedelta()) for model in ours() if kept_of(model)})
    emptying_of = _actors({model: emptying.due(model) for model in ours() if emptied_of(model)})
    for model in ours():
        if model in ending:
            queues.guarded(RUNNING, model._meta.db_table, partial(_delete_due, model, ending[model], rows))
        if model in emptying_of:
            queues.guarded(RUNNING, f"{model._meta.db_table}:columns", partial(_empty_due, model, emptying_of[model]))
    destroyed: list[int] = []
    queues.guarded(RUNNING, "unused keys", lambda: destroyed.append(_destroy_unused_keys()))
    keys = sum(destroyed)
    number = new_id()
    line = ledger.enter(LineKind.DELETION_RUN, number)
    with access.organisation_transaction(JOB):
        deletion_run = DeletionRun.objects.create(
            id=number, at=clock.now(), rows={table: count for table, count in rows.items() if count}, keys=keys
        )
        ledger.mark(line)
        events.record(JOB, Kind.DELETION_RUN, deletion_run.id, rows=sum(rows.values()), keys=keys)
    return deletion_run


def _delete_due(model: type[models.Model], actors: list[Actor], counts: dict[str, int]) -> None:
    for actor in actors:
        counts[model._meta.db_table] = counts.get(model._meta.db_table, 0) + _delete(model, actor)


def _empty_due(model: type[models.Model], actors: list[Actor]) -> None:
    for actor in actors:
        while True:
            progress.report()
            with access.organisation_transaction(actor):
                count = emptying.empty(legal_holds.without_held(emptying.due(model))[:BATCH])
            if count < BATCH:
                break


def count_years() -> int:
    """Count each complete year once, while its rows are still there; returns how many groups are new.

    Groups that are too small are put together; if they are too few even so, nothing of them stays. Source: PRI-19.
    """
    counts: list[int] = []
    models_by_table = {model._meta.db_table: model for model in ours() if counted_of(model)}
    queues.each(COUNTING, sorted(models_by_table), lambda table: counts.append(_count_model(models_by_table[table])))
    return sum(counts)


def _count_model(model: type[models.Model]) -> int:
    new_count, counted = 0, counted_of(model)
    if counted is None:
        return 0
    table, column = model._meta.db_table, counted.year
    counted_years = set(Statistic.objects.filter(table=table).values_list("year", flat=True))
    years = set(
        model._default_manager.filter(**{f"{column}__year__lt": clock.now().year}).values_list(
            f"{column}__year", flat=True
        )
    )
    for year in sorted(years - counted_years):
        rows = model._default_manager.filter(**{f"{column}__year": year})
        counts = rows.values(*counted.by).annotate(count=models.Count("pk")).order_by()
        groups = [Group({name: row[name] for name in counted.by}, row["count"]) for row in counts]
        new_count += _count(table, year, groups)
    return new_count


class Group(NamedTuple):
    """Rows of a year that are alike in some columns. values: of those columns; rows: how many there are."""

    values: dict[str, object]
    rows: int


def _count(table: str, year: int, groups: list[Group]) -> int:
    large = [group for group in groups if group.rows >= K]
    rest = Group({}, sum(group.rows for group in groups if group.rows < K))
    if rest.rows >= K:
        large.append(rest)
    with transaction.atomic():
        for group in large:
            Statistic.objects.create(table=table, year=year, group=group.values, count=group.rows)
    return len(large)


def statistics(after: str = "") -> Piece[Statistic]:
    """A piece of the numbers that stay, the newest year first. after: as in `piece_of`."""
    return piece_of(Statistic.objects.all(), after, by=("-year", "table", "-count"))


def run_for_probes() -> int:
    """A deletion run over the rows and keys of promise checks' own persons and customers, and of nobody else; how many went.

    It takes the same steps as the daily one, and leaves no certificate. For the worker.
    """
    total = 0
    for probe in probes.living():
        organisations, ids_by_table = probes.organisations(probe), probes.ids_by_table(probe)
        for model in ours():
            ids = ids_by_table.get(model._meta.db_table)
            if ids and kept_of(model) and isinstance(model._meta.pk, models.CharField):
                of_customer = model._meta.db_table in customer_tables()
                actors = [JOB.for_organisation(OrganisationId(id)) for id in organisations] if of_customer else [JOB]
                total += sum(_delete(model, actor, among=ids) for actor in actors)
        total += _destroy_unused_keys(among=probes.key_owners(probe))
    return total


def _delete(model: type[models.Model], actor: Actor, *, among: list[str] | None = None) -> int:
    """Delete what is due; among: of these rows only."""
    total, last = 0, None
    while True:
        progress.report()
        with access.organisation_transaction(actor):
            rows = _due(model, timedelta()).order_by("pk")
            if among is not None:
                rows = rows.filter(pk__in=among)
            batch = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", flat=True)[:BATCH])
            total += _delete_batch(model, batch)
        if len(batch) < BATCH:
            return total
        last = batch[-1]


def _delete_batch(model: type[models.Model], batch: list[object]) -> int:
    """Delete rows with their files; where one of them cannot go, all the others go. In the caller's transaction."""
    if not batch:
        return 0
    try:
        with transaction.atomic():
            _delete_rows(model, batch)
        return len(batch)
    except Exception:  # noqa: BLE001 - what it is, is noted with the row that it comes from
        log.warning("batch not deleted at once; it is deleted row by row", table=model._meta.db_table)
    rows = list(model._default_manager.filter(pk__in=batch))
    return queues.each_within(
        DELETING,
        rows,
        lambda row: _delete_rows(model, [row.pk]),
        lambda row: f"{model._meta.db_table}:{_opaque(row.pk)}",
    )


def _opaque(key: object) -> str:
    """A row's key for the list of failures; of a longer one, which may be the hash of a value, only a digest."""
    return str(key) if len(str(key)) <= 16 else sha256(str(key).encode()).hexdigest()[:16]


def _delete_rows(model: type[models.Model], keys: list[object]) -> None:
    doomed = model._default_manager.filter(pk__in=keys)
    names = blobs.of_rows(doomed)
    doomed.delete()
    for name in names:  # After the rows: what the database keeps has its file still.
        blobs.remove(BlobId(str(name)))


def _destroy_unused_keys(*, among: list[str] | None = None) -> int:
    before = clock.now() - YOUNG
    unused = set(vault.key_owners(before=before))
    if among is not None:
        unused &= set(map(KeyOwnerId, among))
    if not unused:
        return 0
    sealed = [model for model in ours() if key_owner_columns(model)]
    for_customers = [model for model in sealed if model._meta.db_table in customer_tables()]
    unused -= set(map(KeyOwnerId, legal_holds.marks()))
    unused -= _keys_in_use([model for model in sealed if model not in for_customers], JOB)
    for actor in all_customers():
        unused -= _keys_in_use(for_customers, actor)
    count = sum(
        queues.guarded(ENDING_KEYS, key_owner, partial(ledger.destroy_keys, [key_owner], LineKind.UNUSED, clean=False))
        for key_owner in sorted(unused)
    )
    vault.clean()
    return count


def _keys_in_use(among: list[type[models.Model]], actor: Actor) -> set[KeyOwnerId]:
    """Whose keys seal a row that this actor reaches, of these models."""
    rows = [
        model._default_manager.order_by().values_list(column, flat=True)
        for model in among
        for column in key_owner_columns(model)
    ]
    progress.report()
    # Restricted rows are in use as far as storing goes: a key that they are sealed with is never unused.
    with own(STORAGE), access.organisation_transaction(actor):
        return {KeyOwnerId(str(key_owner)) for key_owner in rows[0].union(*rows[1:])}


def deletion_runs(limit: int = 30) -> list[DeletionRun]:
    """The certificates of the newest deletion runs, the newest first."""
    return list(DeletionRun.objects.order_by("-at")[:limit])
