"""Lists in pieces: however many rows there are, a page and an answer of the people API hold a bounded number of them.

A piece ends with the id of its last row; the next begins after that row. So it costs the same for the thousandth as for the
first, and no row is left out or shown twice because others come or go meanwhile. Source: OWASP API Security Top 10, API4:2023.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from django.db.models import F, Model, Q, QuerySet, Window
from django.db.models.functions import RowNumber

PIECE = 100  # rows of a list
CHOICES = 500  # rows that a form offers to choose from, of which it has no next piece

Row = TypeVar("Row")
AnyModel = TypeVar("AnyModel", bound=Model)


class Piece(list[Row]):
    """Rows of a list. begun: the id after which they begin; after: the id by which the next piece is asked for.

    "": at the list's beginning, and at its end.
    """

    def __init__(self, rows: list[Row], after: str = "", begun: str = "") -> None:
        super().__init__(rows)
        self.after, self.begun = after, begun

    def of(self, rows: "list[Other]") -> "Piece[Other]":
        """The same piece, with what a page shows in the place of its rows."""
        return Piece(rows, self.after, self.begun)


Other = TypeVar("Other")


class Choices(list[Row]):
    """Rows that a form offers to choose from. search: the words by which they were looked for; is_cut: there are more of them."""

    def __init__(self, rows: list[Row], search: str = "", *, is_cut: bool = False) -> None:
        super().__init__(rows)
        self.search, self.is_cut = search, is_cut


def choices_of(rows: Iterable[Row], search: str, name_of: Callable[[Row], str]) -> Choices[Row]:
    """The first CHOICES rows whose name holds all words of a search, whatever their case."""
    wanted = search.casefold().split()
    fitting = (row for row in rows if all(word in name_of(row).casefold() for word in wanted))
    fitting_rows = list(islice(fitting, CHOICES + 1))
    return Choices(fitting_rows[:CHOICES], search, is_cut=len(fitting_rows) > CHOICES)


def first_of_each(rows: "QuerySet[AnyModel]", of: str, *, by: str = "created_at") -> dict[str, Piece[AnyModel]]:
    """The first piece of each list of rows that share a column, with one query for all. of: the column; by: their order."""
    number = Window(RowNumber(), partition_by=F(of), order_by=(by, "pk"))
    lists: dict[str, list[AnyModel]] = {}
    for row in rows.annotate(number_in_list=number).filter(number_in_list__lte=PIECE + 1).order_by(by, "pk"):
        lists.setdefault(str(getattr(row, of)), []).append(row)
    return {name: Piece(rows_read[:PIECE], _after(rows_read, PIECE)) for name, rows_read in lists.items()}


def _after(rows_read: list[AnyModel], most: int) -> str:
    """By which row the next piece is asked for, where one row more was read than a piece holds."""
    return str(rows_read[most - 1].pk) if len(rows_read) > most else ""


def piece_of_list(rows: Sequence[Row], after: str, key: Callable[[Row], object], most: int = PIECE) -> Piece[Row]:
    """As piece_of, of rows in an order that the database does not know. key: what a row is asked for by, such as its id."""
    keys = [str(key(row)) for row in rows] if after else []
    begin = keys.index(after) + 1 if after in keys else 0
    shown = list(rows[begin : begin + most])
    return Piece(shown, str(key(shown[-1])) if begin + most < len(rows) else "", after if begin else "")


def piece_of(
    rows: "QuerySet[AnyModel]", after: str = "", *, by: str | tuple[str, ...] = "created_at", most: int = PIECE
) -> Piece[AnyModel]:
    """The rows that come after one, in the order of a column or several, "-" before it for the newest first; then by id.

    after: its id; "", or of a row that is not there (any more): from the beginning. by: columns or annotations that are never
    empty: an empty value comes after nothing and before nothing. most: how many rows, of which one more is read.
    """
    columns = (by,) if isinstance(by, str) else by
    order = (*columns, "-pk" if columns[-1].startswith("-") else "pk")
    names = [column.removeprefix("-") for column in order]
    last = rows.filter(pk=after).order_by().values_list(*names).first() if after else None
    ordered = rows.order_by(*order)
    if last is not None:
        ordered = ordered.filter(_beyond(order, last))
    rows_read = list(ordered[: most + 1])
    return Piece(rows_read[:most], _after(rows_read, most), after if last is not None else "")


def _beyond(order: tuple[str, ...], last: tuple[object, ...]) -> Q:
    """The rows that come after one with these values."""
    beyond, same = Q(), dict[str, object]()
    for column, value in zip(order, last, strict=True):
        name, side = column.removeprefix("-"), "lt" if column.startswith("-") else "gt"
        beyond |= Q(**same, **{f"{name}__{side}": value})
        same[name] = value
    return beyond


def piece_of_lists(
    lists: Sequence[Callable[[str, int], Piece[Row]]], after: str, key: Callable[[Row], str], most: int = PIECE
) -> Piece[Row]:
    """As piece_of, of lists that follow one another: of each only what the piece holds is read.

    lists: from an id and a number of rows to the piece after it. key: the id of a row.
    """
    rows: list[Row] = []
    begun = ""
    for rows_after in lists:
        piece = rows_after("" if begun else after, most + 1 - len(rows))
        if after and not begun:
            if not piece.begun:  # The row after which the piece begins is in another list.
                continue
            begun = after
        rows += piece
        if len(rows) > most:
            break
    if after and not begun:
        return piece_of_lists(lists, "", key, most)
    return Piece(rows[:most], key(rows[most - 1]) if len(rows) > most else "", begun)
