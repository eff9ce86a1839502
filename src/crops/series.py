"""Series: one stream of readings each, with where it comes from. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from crops.limits import Origin


@dataclass(frozen=True, slots=True)
class Series:
    """One stream of readings."""

    id: int
    origin: Origin
    tags: str
    field: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, for answers and for the log."""
        return {"id": self.id, "tags": self.tags, "field": self.field} | asdict(self.origin)


def origin_of(row: dict[str, Any]) -> Origin:
    return Origin(row["tenant"], row["site"], row["device"], row["compartment"])


class WholeRows(NamedTuple):
    """One stored row for each series, and those of them beside which an empty one is stored."""

    rows: list[dict[str, Any]]
    overwritten: list[dict[str, Any]]


def whole_rows(stored: Iterable[dict[str, Any]]) -> WholeRows:
    """The row that counts of each series: a full one before an empty one, which says only that its number was given.

    Earlier versions put an empty row over that of a live series, when another customer was forgotten.
    """
    rows: dict[int, dict[str, Any]] = {}
    empty: set[int] = set()
    for row in stored:
        number = int(row["id"])
        if not row["tenant"]:
            empty.add(number)
        if row["tenant"] or number not in rows:
            rows[number] = row
    return WholeRows(list(rows.values()), [row for number, row in rows.items() if number in empty and row["tenant"]])
