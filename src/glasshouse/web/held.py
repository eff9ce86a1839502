"""The data that is held of a data subject, as `held.html` shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.http import QueryDict

from glasshouse.kernel.pieces import PIECE, Piece
from glasshouse.subject.items import HASH, Item
from glasshouse.web.forms import small_number

FIRST = 20  # values of each purpose on the page of all of them


class Common(NamedTuple):
    """What is the same of all values of a purpose, and so is said once; None for what differs, and is said of each."""

    source: str | None
    basis: str | None
    retention: str | None
    recipients: tuple[str, ...] | None


class Group(NamedTuple):
    """Values that are held for one purpose. items: a piece of them; more: how many others there are; common: what is said once.

    total: how many there are in all.
    """

    purpose: str
    items: Piece[Item]
    more: int
    common: Common
    total: int


@dataclass
class _Gathered:
    """What is gathered of a purpose while everything held is read: no more values than a page shows.

    after: the number of the value after which they begin; most: how many; differing: fields that are not the same of all.
    """

    after: int
    most: int
    shown: list[Item] = field(default_factory=list)
    total: int = 0
    is_hashes: bool = True
    first: Item | None = None
    differing: set[str] = field(default_factory=set)

    def add(self, item: Item) -> None:
        """One more value."""
        if self.after <= self.total < self.after + self.most:
            self.shown.append(item)
        self.total += 1
        self.first = self.first or item
        self.is_hashes = self.is_hashes and item.value == HASH
        self.differing |= {name for name in Common._fields if getattr(item, name) != getattr(self.first, name)}

    def common(self) -> Common:
        """What is the same of all values."""
        return Common(
            **{name: None if name in self.differing else getattr(self.first, name) for name in Common._fields}
        )


def grouped(items: Iterable[Item], asked: QueryDict) -> dict[str, object]:
    """Items as `held.html` shows them: by purpose, the first of many, or one purpose whole, in pieces.

    They are read one after the other, and no more are kept than the page shows.
    asked: of the page's address, `purpose` and `values`: the number of the value after which the piece begins.
    """
    purpose, after = asked.get("purpose", ""), small_number(asked.get("values", ""))
    by_purpose: dict[str, _Gathered] = {}
    of_purpose = _Gathered(after, PIECE)
    from_first = _Gathered(0, PIECE)  # Where there are not so many values, the piece begins with the first.
    for item in items:
        by_purpose.setdefault(item.purpose, _Gathered(0, FIRST)).add(item)
        if item.purpose == purpose:
            of_purpose.add(item)
            from_first.add(item)
    count = sum(each.total for each in by_purpose.values())
    if of_purpose.total:
        piece = of_purpose if 0 < after < of_purpose.total else from_first
        return {"groups": [_whole(purpose, piece)], "count": count, "purpose": purpose}
    groups = [
        Group(name, Piece(each.shown), max(0, each.total - FIRST), each.common(), each.total)
        for name, each in sorted(by_purpose.items(), key=lambda pair: (pair[1].is_hashes, pair[0]))
    ]
    return {"groups": groups, "count": count}


def _whole(purpose: str, gathered: _Gathered) -> Group:
    """A piece of a purpose that is shown whole."""
    end = gathered.after + len(gathered.shown)
    piece = Piece(
        gathered.shown, str(end) if end < gathered.total else "", str(gathered.after) if gathered.after else ""
    )
    return Group(purpose, piece, 0, gathered.common(), gathered.total)
