"""Everything held of a data subject, from the data map: what is sealed under the person's key, and what belongs to the account.

A new field with an entry in the data map is in the view, the export and the erasure by that alone. Source: PRI-21; GDPR Art. 15.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from django.db import models

from glasshouse.access import api as access
from glasshouse.accounts.models import Account, Person
from glasshouse.events import api as events
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail.rules import masked
from glasshouse.retention.api import ours
from glasshouse.rowsecurity.policies import customer_models, customer_tables
from glasshouse.subject import items
from glasshouse.subject.items import HASH, Item
from glasshouse.vault import blobs
from glasshouse.vault.datamap import NAMES, Class, Entry, people_rows, place
from glasshouse.vault.declarations import (
    ByAddress,
    ErasedBy,
    Writer,
    models_by_address,
    models_that_belong,
    models_written_by_members,
    shows_nobody,
    written_by,
)
from glasshouse.vault.fields import AT_ONCE, SealedField, each_readable, key_owner_column

# Keys of sealed values that are not shown: secrets, and whose account a link belongs to, who may be somebody else.
MASKED = ("seed", "key", "password", "account")


def _entries() -> dict[tuple[str, str], Entry]:
    return {(row.table, row.column): row.entry for row in people_rows([]) if row.entry}


def _item(row: models.Model, field: "models.Field[object, object]", entry: Entry) -> Item:
    value = getattr(row, str(field.name))
    shown = HASH if not isinstance(field, SealedField) else _plain(value)
    if field.name in getattr(row, "holds_links", ()):
        shown = masked(shown, codes=getattr(row, "holds_codes", False))
    since = getattr(row, "created_at", None)
    label = NAMES.get(entry.category, entry.category)
    where = f"{row._meta.db_table}.{field.column}"
    source = _source(row, str(field.name), entry)
    return Item(
        where,
        entry.category,
        label,
        shown,
        entry.purpose,
        entry.basis,
        entry.retention,
        _recipients(row, str(field.name), entry),
        source,
        since,
    )


def _source(row: models.Model, field: str, entry: Entry) -> str:
    """Who a value comes from: as the row itself knows, or as the data map says of all rows."""
    known = getattr(row, "source_of", None)
    return (known(field) if known else "") or entry.source


def _recipients(row: models.Model, field: str, entry: Entry) -> tuple[str, ...]:
    """Who gets a value: as the row itself knows, or as the data map says of all rows."""
    known = getattr(row, "recipients_of", None)
    return tuple(known(field)) if known and entry.recipients else entry.recipients


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {'•••' if key in MASKED else part}" for key, part in value.items())
    return str(value)


def held_models() -> list[type[models.Model]]:
    """Models whose rows may be sealed under a person's key."""
    return [model for model in ours() if key_owner_column(model) and model._meta.db_table not in customer_tables()]


def purposes_of(model: type[models.Model]) -> str:
    """What a model's personal fields are for, in the words of the data map, with "; " between them."""
    entries = [
        getattr(field, "entry", None) for field in model._meta.local_concrete_fields if isinstance(field, SealedField)
    ]
    return "; ".join(dict.fromkeys(entry.purpose for entry in entries if entry))


def tables() -> set[str]:
    """Tables whose rows may be sealed under a person's key."""
    return {model._meta.db_table for model in held_models()}


def count_of(person: str) -> int:
    """How many rows are sealed under the person's key: what an export or an erasure has to go through."""
    return sum(model._default_manager.filter(**{key_owner_column(model): person}).count() for model in held_models())


def rows_of(person: str) -> Iterator[models.Model]:
    """Every row that is sealed under the person's key."""
    for model in held_models():
        rows = model._default_manager.filter(**{key_owner_column(model): person})
        yield from rows.prefetch_related(*_told_by(model)).iterator(chunk_size=AT_ONCE)


def _told_by(model: type[models.Model]) -> list[str]:
    """The rows beside a model's that its `source_of` asks: they are read for many at once."""
    related = [str(part.name) for part in model._meta.local_concrete_fields if part.is_relation]
    return related if hasattr(model, "source_of") else []


def _items_of(row: models.Model, entries: dict[tuple[str, str], Entry]) -> Iterator[Item]:
    for field in row._meta.local_concrete_fields:
        entry = entries.get((row._meta.db_table, str(field.column)))
        if (
            entry
            and entry.classification in (Class.PERSONAL, Class.CONFIDENTIAL)
            and getattr(row, str(field.attname)) is not None
        ):
            yield _item(row, field, entry)


def view(actor: Actor) -> Iterator[Item]:
    """Everything held of the actor's person. Raises NotFoundError."""
    person = Person.objects.filter(id=actor.person).first()
    if person is None:
        raise NotFoundError
    entries = _entries()
    for row in rows_of(person.id):
        yield from _items_of(row, entries)
    for account in Account.objects.filter(person=person):
        yield from _items_of(account, entries)
    for row in each_readable(addressed(person)):
        yield from _items_of(row, entries)
    yield from _written(actor, entries)
    yield from _stays_of(person.address_hash, entries)
    yield from _stays_under(person, entries)
    yield from items.of_disclosures(person.id, person.address_hash)
    yield from items.of_memberships(actor)
    yield from items.of_legal_holds(person.id)
    for event in events.each_of_actor(str(actor.account)):
        purpose = "what you did, for security: opaque ids only"
        yield Item(
            place("events.Event", "kind"),
            "user.behavior",
            "Activity",
            event.kind,
            purpose,
            "legitimate interest",
            "kept, without your name",
            (),
            "your use of the service",
            event.at,
        )


def rows_written_by(account: str) -> Iterator[models.Model]:
    """Customers' rows, of all organisations, that hold what the member with an account wrote."""
    for model, declared in models_written_by_members():
        yield from _by_function(model, declared.function, account)


def _by_function(model: type[models.Model], function: str, value: str) -> Iterator[models.Model]:
    """The rows that an SQL function finds by a value, in the order of their keys; each piece in a transaction of its own."""
    key, after = str(model._meta.pk.column), ""
    # The least row is more than "", since keys of such tables are texts that are not empty.
    statement = f"SELECT * FROM {function}(%s) AS held WHERE held.{key} > %s ORDER BY held.{key} LIMIT {AT_ONCE}"
    while True:
        with access.organisation_transaction(JOB):
            rows = list(model._default_manager.raw(statement, [value, after]))
            models.prefetch_related_objects(rows, *_told_by(model))
        yield from rows
        if len(rows) < AT_ONCE:
            return
        after = str(rows[-1].pk)


def _written(actor: Actor, entries: dict[tuple[str, str], Entry]) -> Iterator[Item]:
    """What the actor wrote in organisations, where the row knows who wrote it."""
    for row in each_readable(rows_written_by(str(actor.account))):
        declared = written_by(type(row))
        for item in _items_of(row, entries) if declared else ():
            if declared and item.place.rpartition(".")[2] in declared.fields:
                yield replace(item, source="you")


class Belonging(NamedTuple):
    """Kinds of texts of somebody else's: whose they are and why, and what they are; all in plain words.

    in_export: they name their writer, and so are among that person's data, and in the export, too.
    """

    owner: str
    why: str
    kinds: list[str]
    in_export: bool


def belonging(actor: Actor) -> list[Belonging]:
    """What the actor may have typed and is somebody else's, with whom it stays when the actor's person is erased."""
    writer = Writer.STAFF if actor.kind is ActorKind.STAFF else Writer.MEMBER
    kinds: dict[tuple[str, str, bool], list[str]] = {}
    for model, declared in models_that_belong():
        if writer in declared.writers:
            key = (str(declared.owner), declared.why, written_by(model) is not None)
            kinds.setdefault(key, []).append(declared.what)
    return sorted(Belonging(owner, why, sorted(of_owner), named) for (owner, why, named), of_owner in kinds.items())


def held_at(address_hash: str) -> Iterator[Item]:
    """Everything held of a guest. address_hash: the keyed hash of the address that they confirmed."""
    entries = _entries()
    for row in each_readable(addressed_to(address_hash)):
        yield from _items_of(row, entries)
    yield from _stays_of(address_hash, entries)
    yield from items.of_disclosures("", address_hash)


class HeldFile(NamedTuple):
    """A file that somebody sent us. name: as they named it."""

    id: str
    name: str
    body: Iterator[bytes]


def files_at(address_hash: str) -> Iterator[HeldFile]:
    """The files that whoever confirmed an address sent us, opened one after the other; of models with a `sent_file`."""
    for model, declared in models_by_address():
        for row in each_readable(_rows_at(model, declared, address_hash)) if hasattr(model, "sent_file") else ():
            name, blob = row.sent_file  # type: ignore[attr-defined]  # what such a model declares
            if blob:
                yield HeldFile(str(row.pk), name, blobs.read(blob, KeyOwnerId(key_owner_of(row))))


def _stays_of(address_hash: str, entries: dict[tuple[str, str], Entry]) -> Iterator[Item]:
    """What stays of an address after an erasure: what was asked and decided, and what authorities asked about it."""
    for model, declared in models_by_address():
        if declared.erased_by is ErasedBy.NOBODY:
            for row in each_readable(_rows_at(model, declared, address_hash)):
                yield from _items_of(row, entries)


def _stays_under(person: Person, entries: dict[tuple[str, str], Entry]) -> Iterator[Item]:
    """What names the person by id and another address by its hash: a disclosure of a mail to an address that they gave up."""
    for model, declared in models_by_address():
        names_person = any(field.name == "key_owner" for field in model._meta.local_concrete_fields)
        if declared.erased_by is ErasedBy.NOBODY and names_person and key_owner_column(model) != "key_owner":
            rows = model._default_manager.filter(key_owner=person.id).exclude(**{declared.hash: person.address_hash})
            shown = rows.exclude(**{declared.once_filled: None}) if declared.once_filled else rows
            for row in each_readable(shown.iterator(chunk_size=AT_ONCE)):
                yield from _items_of(row, entries)


def addressed(person: Person, *, whole: bool = False) -> Iterator[models.Model]:
    """Rows that speak of the person's confirmed address under other keys than the person's; see addressed_to."""
    return addressed_to(person.address_hash, but=person.id, whole=whole)


def addressed_to(address_hash: str, *, but: str = "", whole: bool = False) -> Iterator[models.Model]:
    """Rows that speak of a confirmed address under other keys than `but`, and end with an erasure; read in pieces.

    whole: also those that are not shown, because nobody has confirmed them. An erasure takes them too.
    """
    for model, declared in models_by_address():
        if declared.erased_by is not ErasedBy.NOBODY:
            for row in _rows_at(model, replace(declared, once_filled="") if whole else declared, address_hash):
                if not but or key_owner_of(row) != but:
                    yield row


def _rows_at(model: type[models.Model], declared: ByAddress, address_hash: str) -> Iterator[models.Model]:
    """A model's rows that speak of an address, without those that may not be shown yet; read in pieces."""
    if declared.function:
        return _by_function(model, declared.function, address_hash)
    rows = model._default_manager.filter(**{declared.hash: address_hash}).prefetch_related(*_told_by(model))
    shown = rows.exclude(**{declared.once_filled: None}) if declared.once_filled else rows
    return shown.iterator(chunk_size=AT_ONCE)


def key_owner_of(row: models.Model) -> str:
    """The id of whose key seals a row."""
    return str(getattr(row, key_owner_column(type(row)), ""))


class ViewCoverage(NamedTuple):
    """How many personal columns the people store has, and those that the view does not reach ("table.column")."""

    total: int
    missing: list[str]


def view_coverage() -> ViewCoverage:
    """Which personal columns the view reaches. Source: PRI-21."""
    customers = customer_models()
    reached = {Account._meta.db_table, *tables()}
    # Where rows may lie under a person's own key, finding them by the address alone would miss those.
    reached |= {
        model._meta.db_table for model, _ in models_by_address() if model in customers or not key_owner_column(model)
    }
    reached |= {model._meta.db_table for model in ours() if shows_nobody(model)}
    personal = [row for row in people_rows([]) if row.entry and row.entry.classification is Class.PERSONAL]
    missing = [f"{row.table}.{row.column}" for row in personal if row.table not in reached]
    return ViewCoverage(len(personal), missing)
