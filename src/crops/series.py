"""Series: the streams of readings, and where they come from. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from crops.limits import Origin


@dataclass(frozen=True, slots=True)
class Series:
    """One stream of readings. id: its number in the store; tags: measurement and tags, as they were sent."""

    id: int
    origin: Origin
    tags: str
    field: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, for answers and for the log."""
        return {"id": self.id, "tags": self.tags, "field": self.field} | asdict(self.origin)


def origin_of(row: dict[str, Any]) -> Origin:
    """The origin that a stored row of a series or of a token names."""
    return Origin(row["tenant"], row["site"], row["device"], row["compartment"])


class WholeRows(NamedTuple):
    """One stored row of each series, and those of them that are stored together with an empty row."""

    rows: list[dict[str, Any]]
    overwritten: list[dict[str, Any]]


def whole_rows(stored: Iterable[dict[str, Any]]) -> WholeRows:
    """The valid row of each series: a full row if there is one, else an empty row, which says only that its number was used.

    Earlier versions stored an empty row for a series in use when another customer was deleted.
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
