"""The data that is held of a data subject, as `held.html` shows it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.http import QueryDict

from glasshouse.kernel.pieces import Piece, piece_of_list
from glasshouse.subject.items import HASH, Item

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


def grouped(items: Iterable[Item], asked: QueryDict) -> dict[str, object]:
    """Items as `held.html` shows them: by purpose, the first of many, or one purpose whole, in pieces.

    asked: of the page's address, `purpose` and `values`: the number of the value after which the piece begins.
    """
    by_purpose: dict[str, list[Item]] = {}
    for item in items:
        by_purpose.setdefault(item.purpose, []).append(item)
    purpose, count = asked.get("purpose", ""), sum(map(len, by_purpose.values()))
    if purpose in by_purpose:
        of_purpose = by_purpose[purpose]
        numbers = piece_of_list(range(1, len(of_purpose) + 1), asked.get("values", ""), str)
        piece = numbers.of([of_purpose[number - 1] for number in numbers])
        return {
            "groups": [Group(purpose, piece, 0, _common(of_purpose), len(of_purpose))],
            "count": count,
            "purpose": purpose,
        }
    groups = [
        Group(
            name,
            Piece(of_purpose[:FIRST]),
            max(0, len(of_purpose) - FIRST),
            _common(of_purpose),
            len(of_purpose),
        )
        for name, of_purpose in sorted(by_purpose.items(), key=_place)
    ]
    return {"groups": groups, "count": count}


def _place(group: tuple[str, list[Item]]) -> tuple[bool, str]:
    """By name; what only finds something else, by hashes that tell nobody anything, stands last."""
    purpose, items = group
    return all(item.value == HASH for item in items), purpose


def _common(items: list[Item]) -> Common:
    sets: dict[str, set[Any]] = {name: {getattr(item, name) for item in items} for name in Common._fields}
    return Common(**{name: values.pop() if len(values) == 1 else None for name, values in sets.items()})
