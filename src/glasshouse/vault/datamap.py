"""The data map: what each stored field is, whom it is about, why it is held, for how long, and who gets it.

A field's declaration is its entry: `sealed(...)`, `technical(...)` and `hashed(...)` in `vault.fields` attach an Entry to
the field, and everything else (forms, notice, record of processing, erasure) is read from here.
Source: DESIGN, "The data map"; GDPR Art. 30; categories from the fideslang taxonomy.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from django.apps import apps
from django.db import models

from glasshouse.vault.taxonomy import CATEGORIES

# Category -> its plain name: our own words where the taxonomy's are none that people use.
NAMES = CATEGORIES | {
    "user.account": "What you gave to begin an account",
    "user.account.settings": "What you accepted",
    "user.authorization": "Means of signing in",
    "user.authorization.credentials": "Means of two-step verification",
    "user.authorization.password": "Password, as a hash",
    "user.behavior": "Activity",
    "user.contact": "Contact details",
    "user.contact.email": "Email address",
    "user.contact.phone_number": "Telephone number",
    "user.content.private": "What was written",
    "user.device": "Kind of browser or device",
    "user.device.ip_address": "Network that you came from",
    "user.name": "Name",
    "user.privacy_preferences": "Your choices",
    "user.unique_id.pseudonymous": "Pseudonym",
    "user.workplace": "About the organisation",
}


class Class(StrEnum):
    """Classification of a field: decides whether its values are sealed, and who may learn them."""

    ANONYMOUS = "anonymous"
    CONFIDENTIAL = "confidential"
    CROP = "crop"
    PERSONAL = "personal"
    TECHNICAL = "technical"


class Subject(StrEnum):
    """Whom a field is about."""

    CUSTOMER = "customer"
    NOBODY = "nobody"
    PERSON = "person"


class Basis(StrEnum):
    """Legal basis of processing. Source: GDPR Art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal obligation"
    LEGITIMATE_INTEREST = "legitimate interest"
    NONE = "none needed"


class OnErasure(StrEnum):
    """What the erasure of its person or organisation does to a field."""

    DELETE = "delete"
    KEEP = "keep"
    KEY_DESTROYED = "key destroyed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one stored field is. `category` is a fideslang key; the rest are plain words. source: who it comes from.

    need: what cannot work without it; "": it may be withheld.
    rectified_by: where a person puts it right by their own hand; "": it is a record of what happened, or a secret, and is put
    right by being made anew, or by a request.
    """

    classification: Class
    category: str
    subject: Subject
    purpose: str
    basis: Basis
    retention: str
    erasure: OnErasure
    recipients: tuple[str, ...] = ()
    source: str = "you"
    need: str = ""
    rectified_by: str = ""

    def __post_init__(self) -> None:
        if self.category not in NAMES:
            raise ValueError(f"{self.category!r} is not a category of the fideslang taxonomy.")


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a row is kept: so many days after the time in a column (while that is empty: without end).

    A model's `kept` holds its rules. The deletion run carries them out; the texts of the data map are made from them. A model of
    which they do not end every row says by `stays`, in plain words, why, and with what its rows go.
    while_empty: a column; the rule counts only as long as nothing is in it ("": always).
    """

    column: str
    days: int
    beginning: str
    while_empty: str = ""

    def __str__(self) -> str:
        return self.beginning if not self.days else f"{_span(self.days)} after {self.beginning}"


@dataclass(frozen=True, slots=True)
class Emptied:
    """Columns that end before their row does: so many days after the time in a column they are emptied, and their files removed.

    A model's `emptied` holds it. The deletion run carries it out.
    """

    column: str
    days: int
    beginning: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{_span(self.days)} after {self.beginning}"


@dataclass(frozen=True, slots=True)
class Counted:
    """What stays of a model's rows as numbers: how many a year, by these columns, of groups of at least K; nothing of anybody.

    year: the column with the time that decides the year.
    """

    year: str
    by: tuple[str, ...]


K = 5  # Fewer alike are no statistic but somebody.


def _span(days: int) -> str:
    if days % 365 == 0:
        return f"{days // 365} year{'s' if days > 365 else ''}"
    return f"{days} day{'s' if days > 1 else ''}"


def kept_of(model: "type[models.Model]") -> tuple[Kept, ...]:
    """The rules by which rows of a model end; empty: with what they belong to."""
    declared: tuple[Kept, ...] = getattr(model, "kept", ())
    return declared


def emptied_of(model: "type[models.Model]") -> Emptied | None:
    """Which columns of a model end before their row does; None: none."""
    declared: Emptied | None = getattr(model, "emptied", None)
    return declared


def stays_of(model: "type[models.Model]") -> str:
    """Why rows of a model have no end of their own, in plain words; "": each ends by a rule of `kept`."""
    declared: str = getattr(model, "stays", "")
    return declared


def counted_of(model: "type[models.Model]") -> Counted | None:
    """What stays of a model's rows as numbers; None: nothing."""
    declared: Counted | None = getattr(model, "counted", None)
    return declared


TECHNICAL = Entry(
    classification=Class.TECHNICAL,
    category="system.operations",
    subject=Subject.NOBODY,
    purpose="running the service",
    basis=Basis.NONE,
    retention="with the row it belongs to",
    erasure=OnErasure.DELETE,
)

PUBLISHED = Entry(
    classification=Class.ANONYMOUS,
    category="system.operations",
    subject=Subject.NOBODY,
    purpose="telling everybody what holds",
    basis=Basis.NONE,
    retention="for ever: what held when must be shown",
    erasure=OnErasure.KEEP,
)


def personal(
    category: str,
    purpose: str,
    *,
    retention: str = "as long as the row is kept",
    basis: Basis = Basis.CONTRACT,
    recipients: tuple[str, ...] = (),
    source: str = "you",
    need: str = "",
    rectified_by: str = "",
    erasure: OnErasure = OnErasure.KEY_DESTROYED,
) -> Entry:
    """Entry of a field that speaks of a person. recipients: who outside the service gets it; the rest: see `Entry`."""
    return Entry(
        Class.PERSONAL,
        category,
        Subject.PERSON,
        purpose,
        basis,
        retention,
        erasure,
        recipients,
        source,
        need,
        rectified_by,
    )


def confidential(
    purpose: str,
    *,
    category: str = "user.workplace",
    retention: str = "as long as the agreement runs",
    basis: Basis = Basis.CONTRACT,
    source: str = "you",
    need: str = "",
) -> Entry:
    """Entry of a field that speaks of a customer. source: who it comes from."""
    return Entry(
        Class.CONFIDENTIAL,
        category,
        Subject.CUSTOMER,
        purpose,
        basis,
        retention,
        OnErasure.KEY_DESTROYED,
        source=source,
        need=need,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One column of one store, with its entry (None: unmapped, which a test refuses)."""

    store: str
    table: str
    column: str
    sealed: bool
    entry: Entry | None

    def as_json(self) -> dict[str, object]:
        """The row as plain values for JSON."""
        head = {"store": self.store, "table": self.table, "column": self.column, "sealed": self.sealed}
        return head | (asdict(self.entry) if self.entry else {"classification": "unclassed"})


def entry_of(field: "models.Field[Any, Any]") -> Entry | None:
    """The entry that the field's declaration carries. Keys to other rows are technical by nature."""
    declared: Entry | None = getattr(field, "entry", None)
    if declared is None and (field.is_relation or isinstance(field, models.AutoField)):
        return TECHNICAL
    return declared


def place(model: str, field: str) -> str:
    """table.column of a field. model: "app_label.Model", as Django names it, so that no area names another's table."""
    meta = apps.get_model(model)._meta
    return f"{meta.db_table}.{meta.get_field(field).column}"


def _with_period(field: "models.Field[Any, Any]", model: "type[models.Model]") -> Entry | None:
    entry, rules, emptied = entry_of(field), kept_of(model), emptied_of(model)
    if entry and emptied and field.name in emptied.columns:
        return replace(entry, retention=str(emptied))
    if not entry or not rules:
        return entry
    # Rows that stay while something goes on are told of so; what ends them by itself comes after it.
    return replace(entry, retention="; ".join([*filter(None, [stays_of(model)]), ", or ".join(map(str, rules))]))


def people_rows(third_party: Iterable[Row]) -> list[Row]:
    """The map of the people store: our own models, then the tables that libraries bring."""
    rows = [
        Row(
            store="vault" if model._meta.app_label == "vault_keys" else "people",
            table=model._meta.db_table,
            column=str(field.column),
            sealed=bool(getattr(field, "is_sealed", False)),
            entry=_with_period(field, model),
        )
        for model in apps.get_models()
        if model.__module__.startswith("glasshouse.") and model._meta.managed
        for field in model._meta.local_concrete_fields
    ]
    return sorted([*rows, *third_party], key=lambda row: (row.store, row.table, row.column))
