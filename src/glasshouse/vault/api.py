"""Verbs of the vault: make, rotate and destroy a key owner's key; seal and open; hash for look-up."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import F, Max

from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.vault import envelope
from glasshouse.vault.envelope import KeyDestroyedError, KeyLostError
from glasshouse.vault.keys import questions
from glasshouse.vault.keys.guards import LEDGER
from glasshouse.vault.root import FileRootKeys, read_secret

log = structlog.stdlib.get_logger("glasshouse.vault")
AT_ONCE = 200_000  # rewriting so many keys takes less than a second
_opened: dict[tuple[str, int], tuple[float, bytes]] = {}
_newest: dict[str, tuple[float, int]] = {}
_all_open: dict[str, float] = {}  # key owners all of whose keys were opened together, and until when that holds
_lock = threading.Lock()
_roots: FileRootKeys | None = None


def roots() -> FileRootKeys:
    """The root keys of this installation."""
    global _roots
    if _roots is None or _roots.folder != settings.KEYS_FOLDER:
        _roots = FileRootKeys(settings.KEYS_FOLDER)
    return _roots


def _keys() -> Any:
    # The key model stands above the fields that it is declared with; it is looked up when first used.
    from glasshouse.vault.keys.models import DataKey

    return DataKey


def _remember(key_owner: str, generation: int, key: bytes) -> bytes:
    with _lock:
        if len(_opened) > 10_000:
            _opened.clear()
            _all_open.clear()
        _opened[key_owner, generation] = (time.monotonic() + settings.DATA_KEYS_KEPT_S, key)
    return key


def _forget(key_owner: str, *, before: int = 256) -> None:
    with _lock:
        _newest.pop(key_owner, None)
        _all_open.pop(key_owner, None)
        for key in [key for key in _opened if key[0] == key_owner and key[1] < before]:
            del _opened[key]


def _call(function: str, *arguments: str | int | list[KeyOwnerId] | datetime) -> None:
    """Call a function of the key store, on the connection of the role that may end keys (`keys/guards.py`)."""
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {function}({', '.join(['%s'] * len(arguments))})", list(arguments))


def forget_opened() -> None:
    """Drop every opened data key from this process's memory."""
    with _lock:
        _opened.clear()
        _newest.clear()
        _all_open.clear()


def _make(key_owner: str, generation: int) -> bytes:
    key, root = envelope.new_key(), roots().current()
    _keys().objects.create(
        key_owner=key_owner,
        generation=generation,
        wrapped=envelope.wrap(roots().key(root), key, key_owner=key_owner, generation=generation),
        root_generation=root,
        created_at=clock.now(),
    )
    return key


def ensure_key(key_owner: KeyOwnerId) -> int:
    """The key owner's current generation, made if the key owner has no key yet. Raises KeyDestroyedError.

    That is the newest living one: an older one lives beside a destroyed one only where a restore found that one lost.
    """
    newest = _newest_of(key_owner)
    if newest is None:
        try:
            with transaction.atomic(using="vault"):
                _remember(key_owner, 1, _make(key_owner, 1))
            return 1
        except IntegrityError:
            newest = _newest_of(key_owner)
            if newest is None:  # Nobody else made it in this moment: the database refuses it, and would again.
                raise
    if newest.destroyed_at:
        raise KeyDestroyedError(
            "The key for this is destroyed, or was lost with the key store: nothing more can be stored under it."
        )
    return int(newest.generation)


def _newest_of(key_owner: str) -> Any:
    """The row of the key owner's newest living key, else of the newest destroyed one; None where there is none."""
    return (
        _keys()
        .objects.filter(key_owner=key_owner)
        .order_by(F("destroyed_at").desc(nulls_first=True), "-generation")
        .first()
    )


def _key(key_owner: str, generation: int) -> bytes:
    cached = _opened.get((key_owner, generation))
    if cached and cached[0] > time.monotonic():
        return cached[1]
    row = _keys().objects.filter(key_owner=key_owner, generation=generation).first()
    if row is None:
        raise KeyLostError(
            "The key of this data is not in the key store any more: it was made after the backup that was brought back. "
            "The data cannot be read any more."
        )
    if row.destroyed_at:
        raise KeyDestroyedError(
            "The key of this data is destroyed, or was lost with the key store: the data cannot be read any more."
        )
    opened = envelope.unwrap(
        roots().key(row.root_generation), bytes(row.wrapped), key_owner=key_owner, generation=generation
    )
    return _remember(key_owner, generation, opened)


def open_keys(owners: set[KeyOwnerId]) -> None:
    """Open the data keys of many key owners with one query, before a list of their sealed values is read.

    A key that is destroyed or missing is left out: opening a value of its owner raises the error.
    """
    closed = [owner for owner in owners if not _is_open(owner)]
    for row in _keys().objects.filter(key_owner__in=closed, destroyed_at=None) if closed else ():
        opened = envelope.unwrap(
            roots().key(row.root_generation), bytes(row.wrapped), key_owner=row.key_owner, generation=row.generation
        )
        _remember(row.key_owner, row.generation, opened)
        with _lock:
            _all_open[row.key_owner] = time.monotonic() + settings.DATA_KEYS_KEPT_S


def with_key(owners: set[KeyOwnerId]) -> set[KeyOwnerId]:
    """Those of these key owners that have a key which is not destroyed; no key is opened."""
    rows = _keys().objects.filter(key_owner__in=owners, destroyed_at=None)
    return set(map(KeyOwnerId, rows.values_list("key_owner", flat=True)))


def _is_open(owner: str) -> bool:
    return _all_open.get(owner, 0.0) > time.monotonic()


def _current(key_owner: str) -> int:
    cached = _newest.get(key_owner)
    if cached and cached[0] > time.monotonic():
        return cached[1]
    generation = ensure_key(KeyOwnerId(key_owner))
    with _lock:
        if len(_newest) > 10_000:
            _newest.clear()
        _newest[key_owner] = (time.monotonic() + settings.DATA_KEYS_KEPT_S, generation)
    return generation


def seal(plain: bytes, *, place: tuple[str, str, str]) -> bytes:
    """Seal plain for (table, column, key owner); the key owner's key is made if there is none. Raises KeyDestroyedError."""
    key_owner = place[2]
    generation = _current(key_owner)
    return envelope.seal(_key(key_owner, generation), generation, plain, place=place)


def is_readable(key_owner: KeyOwnerId, generation: int) -> bool:
    """Whether what is sealed with this generation of a key owner's key can be read still: its key is not destroyed or lost.

    A key that is damaged is no erasure: whoever reads the value meets the error.
    """
    try:
        _key(key_owner, generation)
    except KeyDestroyedError:
        return False
    except envelope.SealBrokenError:
        return True
    return True


def open_sealed(sealed: bytes, *, place: tuple[str, str, str]) -> bytes:
    """Plain bytes of a sealed value. Raises SealBrokenError, KeyDestroyedError, KeyLostError."""
    return envelope.open_sealed(_key(place[2], envelope.generation_of(sealed)), sealed, place=place)


def destroy(key_owner: KeyOwnerId) -> None:
    """Destroy all generations of a key owner's key: its data is unreadable from now on; in a copy of it, once no backup of the
    key store that holds the key can be opened (KEY_BACKUP_DAYS). Source: PRI-24.
    """
    _call("glasshouse_destroy_keys", key_owner, clock.now())
    _forget(key_owner)


def destroy_named(*, but: list[str]) -> int:
    """Destroy every key that was made before the ledger named its owner, as after a restore; returns how many.

    but: key owners whose line is not carried out.
    """
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(questions.DESTROY_NAMED, [but])
        count = cursor.rowcount
    forget_opened()
    return int(count)


def clean(*, large: bool = False) -> None:
    """Rewrite the table of keys and end its log, so that neither holds the bytes of a key that was destroyed.

    VACUUM alone would leave stale bytes in the gap of a page. Where somebody uses the table for long, the next call does it.
    large: also a table of more than AT_ONCE keys, which nobody can use for some seconds then. Source: PRI-24; docs/adr/0028.
    """
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(questions.SIZE)
        if not large and cursor.fetchone()[0] > AT_ONCE:
            return
        cursor.execute("SET lock_timeout = '5s'")
        try:
            for statement in questions.CLEAN:
                cursor.execute(statement)
        except OperationalError:
            log.warning("the table of keys is in use; it is rewritten at the next occasion")
        finally:
            cursor.execute("RESET lock_timeout")


_cleaned_since_start = False


def clean_large() -> None:
    """As `clean`, at the start for what was cut off, and where keys were destroyed lately. For the worker, each hour."""
    global _cleaned_since_start
    recent = _keys().objects.filter(destroyed_at__gt=clock.now() - timedelta(hours=2))
    if not _cleaned_since_start or recent.exists():
        clean(large=True)
        _cleaned_since_start = True


def remove_probe_keys(owners: list[KeyOwnerId], *, made_since: datetime) -> None:
    """Delete the keys of promise checks' own persons and customers. A real key owner's row stays, as destroyed, for ever.

    made_since: when the probe began; an older key is nobody's probe's, whoever says so, and stays. Of a probe that was left for
    longer than checks live, the database destroys the key instead, after a line of the ledger, and its row stays too.
    """
    probes = sorted(set(owners) - set(older_owners(owners, made_since)))
    _call("glasshouse_remove_keys", probes)
    for owner in probes:
        _forget(owner)


def older_owners(owners: list[KeyOwnerId], before: datetime) -> list[KeyOwnerId]:
    """Those among key owners who had a key before a moment, destroyed or not."""
    rows = _keys().objects.filter(key_owner__in=owners, created_at__lt=before)
    return [KeyOwnerId(owner) for owner in rows.values_list("key_owner", flat=True).distinct()]


class Progress(NamedTuple):
    """How many data keys of how many are wrapped anew."""

    done: int
    total: int


def rotate_root(*, keep_old: bool = True) -> Iterator[Progress]:
    """Make a new root key and wrap every data key anew with it; yields how far it is.

    Safe to stop and to run again: each row says which root key wraps it. keep_old: old root keys that wrap nothing any more are
    retired, for backups of the key store need them until those lapse; else they are destroyed. Source: SEC-08, SEC-12.
    """
    table, keys = _keys(), roots()
    behind = table.objects.filter(destroyed_at=None).exclude(root_generation=keys.current())
    # A rotation that was interrupted is finished first, with the root key it had made.
    target = keys.current() if behind.exists() else keys.add()
    rows = table.objects.filter(destroyed_at=None).exclude(root_generation=target)
    total = rows.count()
    for count, row in enumerate(rows.order_by("id").iterator(chunk_size=500), 1):
        opened = envelope.unwrap(
            keys.key(row.root_generation), bytes(row.wrapped), key_owner=row.key_owner, generation=row.generation
        )
        wrapped = envelope.wrap(keys.key(target), opened, key_owner=row.key_owner, generation=row.generation)
        living = table.objects.using(LEDGER).filter(destroyed_at=None)
        living.filter(id=row.id, root_generation=row.root_generation).update(wrapped=wrapped, root_generation=target)
        yield Progress(count, total)
    in_use = roots_in_use()
    for number in keys.generations():
        if number != target and number not in in_use:
            if keep_old:
                keys.retire(number, clock.now())
            else:
                keys.remove(number)
    clean()
    yield Progress(total, total)


def roots_in_use() -> set[int]:
    """Numbers of the root keys that wrap a living data key."""
    return set(_keys().objects.filter(destroyed_at=None).values_list("root_generation", flat=True).distinct())


def new_generation(key_owner: KeyOwnerId) -> int:
    """Give a key owner a new data key for all that is sealed from now on; older ones stay for reading."""
    newest = _keys().objects.filter(key_owner=key_owner).aggregate(newest=Max("generation"))["newest"] or 0
    if newest >= 255:
        raise KeyDestroyedError("This key owner's key was rotated 255 times: erase old generations first.")
    _make(key_owner, newest + 1)
    _forget(key_owner)
    return int(newest) + 1


def replace_destroyed(key_owner: KeyOwnerId) -> int:
    """A new key for an owner whose keys are all destroyed; what was sealed under those stays unreadable. Returns its generation.

    For migrations only: whoever destroyed the key did so before the row's values, which are still in the clear, were sealed.
    Raises KeyDestroyedError where no generation is left.
    """
    rows = _keys().objects.filter(key_owner=key_owner)
    if living := rows.filter(destroyed_at=None).aggregate(newest=Max("generation"))["newest"]:
        return int(living)
    newest = rows.aggregate(newest=Max("generation"))["newest"] or 0
    if newest >= 255:
        raise KeyDestroyedError("This key owner had 255 keys, and all are destroyed.")
    _make(key_owner, newest + 1)
    _forget(key_owner)
    return int(newest) + 1


def generations_of(key_owner: KeyOwnerId) -> list[int]:
    """Generations of the key owner's living data keys, ascending."""
    rows = _keys().objects.filter(key_owner=key_owner, destroyed_at=None).order_by("generation")
    return list(rows.values_list("generation", flat=True))


def retire_generations(key_owner: KeyOwnerId, *, before: int) -> None:
    """Delete the data keys of a key owner older than `before`, after everything under them was sealed anew.

    Nothing is deleted where no newer key lives. Only the caller knows that nothing is sealed with the older ones any more.
    """
    _call("glasshouse_retire_keys", key_owner, before)
    _forget(key_owner, before=before)


def key_owners(before: datetime | None = None) -> list[KeyOwnerId]:
    """Every key owner with a living key; before: of those made before a moment."""
    rows = _keys().objects.filter(destroyed_at=None)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    return [
        KeyOwnerId(key_owner) for key_owner in rows.order_by("key_owner").values_list("key_owner", flat=True).distinct()
    ]


def age(key_owner: KeyOwnerId, made_at: datetime) -> None:
    """Set when a key owner's keys were made, for the probe that checks that unused keys are destroyed. made_at: aware UTC."""
    _keys().objects.using(LEDGER).filter(key_owner=key_owner).update(created_at=made_at)


_lookup: bytes | None = None


def lookup(purpose: str, value: str) -> str:
    """Keyed hash of a value, hex, 64 characters: the companion column by which a sealed value is found."""
    global _lookup
    if _lookup is None:
        _lookup = read_secret(settings.KEYS_FOLDER / "lookup.key")
    return envelope.lookup_hash(_lookup, purpose, value)
