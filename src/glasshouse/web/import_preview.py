"""What the preview of an import shows: how the file is read, its columns, times by both clocks, a chart, and doubts."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext, gettext_lazy

from glasshouse.greenhouse import import_results, imports, layout_choices
from glasshouse.greenhouse.file_shapes import (
    DELIMITERS,
    DOUBTS,
    EXCHANGED,
    FAR,
    IMPLAUSIBLE,
    REPEATED,
    Column,
    Layout,
    Series,
)
from glasshouse.greenhouse.file_times import TIME_FORMATS, Clock, TimeIssue, WallReader, is_storable, local, zone_of
from glasshouse.greenhouse.import_results import IssueGroup
from glasshouse.greenhouse.imports import SHOWN_COLUMNS
from glasshouse.greenhouse.rules import sparkline
from glasshouse.greenhouse.tables import ENCODINGS

THOUSANDS = {"": gettext_lazy("none, or a space"), ".": gettext_lazy("point"), ",": gettext_lazy("comma")}
ROWS_SHOWN, COLUMNS_SHOWN = 5, 8  # of the preview of times and values
WIDE_FROM = 25  # From so many columns on one list of variables serves all of them: a page would else be megabytes.
DOUBT_TITLES = {
    EXCHANGED: gettext_lazy("rows whose day and month may be exchanged"),
    REPEATED: gettext_lazy("rows with the time of an earlier row"),
    FAR: gettext_lazy("rows whose time lies far from all others"),
    IMPLAUSIBLE: gettext_lazy("values that are implausible"),
}
CHARTS, CHART_POINTS = 12, 120  # lines, and points of each
CHART_WIDTH, CHART_HEIGHT = 240, 40


class ColumnShown(NamedTuple):
    """A column of the file: its key in the form, as proposed, as chosen, its first readings.

    line: their course, an SVG path; least, most: what it lies between.
    """

    key: str
    proposed: Column
    chosen: Column
    readings: list[float]
    line: str
    least: float | None
    most: float | None


class Doubt(NamedTuple):
    """Doubtful rows or values that a person may leave out.

    key: in the form, behind "leave-"; group: None where the first rows hold none.
    """

    key: str
    column: str
    title: str
    group: IssueGroup | None
    is_left_out: bool


def shown(preview: imports.ImportPreview, chosen: Layout | None) -> dict[str, object]:
    """What the page shows: of a wide file only its first columns, so that its size is bounded whatever is in the file."""
    layout = chosen or preview.layout
    headings = list(enumerate(layout.headings))
    cells = max(map(len, preview.rows), default=0)
    columns = _columns(preview, chosen)
    taken = dict(zip(layout_choices.column_keys(layout), layout.columns, strict=True))
    left_out = [(str(left.index), left, taken.get(str(left.index))) for left in preview.layout.left_out]
    groups = import_results.grouped_issues(preview.reading.issues)
    doubts = _doubts(preview, layout, groups)
    shown_as_doubts = {id(doubt.group) for doubt in doubts}
    return {"upload": preview.upload, "layout": layout, "columns": columns} | {
        "left_out": left_out[:SHOWN_COLUMNS],
        "is_wide": len(columns) + min(len(left_out), SHOWN_COLUMNS) >= WIDE_FROM,
        "delimiters": [(value, gettext(text)) for value, text in DELIMITERS.items()],
        "encodings": ENCODINGS,
        "time_formats": [(value, gettext(text)) for value, text in TIME_FORMATS.items()],
        "thousands": THOUSANDS.items(),
        "proposed": _proposed(layout),
        "sheets": preview.sheets,
        "notes": preview.notes,
        "no_table": preview.problem,
        "rows": [(number, row[:SHOWN_COLUMNS]) for number, row in enumerate(preview.rows, 1)],
        "headings": [pair for pair in headings if pair[0] < SHOWN_COLUMNS or pair[0] == layout.time_column],
        "time_heading": dict(headings).get(layout.time_column, ""),
        "heading_row": layout.heading_rows[0] + 1 if layout.heading_rows else 0,
        "more_columns": len(preview.layout.columns) - len(columns),
        "more_cells": max(0, cells - SHOWN_COLUMNS),
        "template_name": preview.template,
        "orders": _orders(preview),
        "times": _times(preview),
        "value_columns": [column.name for column in preview.layout.columns[:COLUMNS_SHOWN]],
        "chart": _chart(preview, columns),
        "doubts": doubts,
        "issues": [group for group in groups if id(group) not in shown_as_doubts][:20],
    }


def _columns(preview: imports.ImportPreview, chosen: Layout | None) -> list[ColumnShown]:
    layout = chosen or preview.layout
    taken = dict(zip(layout_choices.column_keys(layout), layout.columns, strict=True))
    columns = []
    keys = zip(layout_choices.column_keys(preview.layout), preview.layout.columns, strict=True)
    for number, (key, column) in enumerate(keys):
        if number >= SHOWN_COLUMNS:
            break
        points = preview.reading.points.get(column.name, Series())
        as_chosen = taken.get(key, replace(column, variable="-") if chosen else column)
        line = _line(points) if number < CHARTS else ""
        bounds = (min(points.values), max(points.values)) if line else (None, None)
        columns.append(ColumnShown(key, column, as_chosen, [value for _, value in points[:3]], line, *bounds))
    return columns


def _line(points: Series) -> str:
    """The course of a column's first readings: of each piece of time its lowest and highest, so that none is smoothed away."""
    rows = sorted(points)
    if len(rows) < 2 or rows[0][0] == rows[-1][0]:
        return ""
    start, end = rows[0][0], rows[-1][0]
    pieces: dict[int, list[tuple[float, float]]] = {}
    for at, value in rows:
        pieces.setdefault(int((at - start) / (end - start) * (CHART_POINTS / 2 - 1)), []).append((at, value))
    thinned: list[list[float]] = []
    for piece in pieces.values():
        ends = {min(piece, key=lambda row: row[1]), max(piece, key=lambda row: row[1])}
        thinned += [[at, value] for at, value in sorted(ends)]
    return sparkline(thinned, start, end, (end - start) / 4, CHART_WIDTH, CHART_HEIGHT)


def _chart(preview: imports.ImportPreview, columns: list[ColumnShown]) -> dict[str, str]:
    """From when to when the lines go, by the clock of the file and by that of the site; nothing where there is none."""
    moments = [
        at
        for column in columns[:CHARTS]
        if column.line
        for at, _ in preview.reading.points.get(column.proposed.name, Series())
    ]
    if not moments:
        return {}
    clocks = {"file": zone_of(preview.layout.zone), "site": zone_of(str(preview.upload.site.facts["time_zone"]))}
    form = "%Y-%m-%d %H:%M"
    return {
        f"{clock}_{end}": datetime.fromtimestamp(at, UTC).astimezone(zone).strftime(form)
        for clock, zone in clocks.items()
        for end, at in (("start", min(moments)), ("end", max(moments)))
    }


def _doubts(preview: imports.ImportPreview, layout: Layout, groups: list[IssueGroup]) -> list[Doubt]:
    """What may be left out: doubts in the first rows, those that an earlier run of this file reported, and those chosen."""
    report = preview.upload.report
    before = import_results.grouped(imports.issues_of(report)) if report else []
    doubts: dict[str, Doubt] = {}
    for name, text in DOUBTS.items():
        group = _with_text(groups, text)
        if group or _with_text(before, text) or name in layout.leave_out:
            doubts[name] = Doubt(name, "", str(DOUBT_TITLES[name]), group, name in layout.leave_out)
    in_layout = dict(zip(layout_choices.column_keys(layout), layout.columns, strict=True))
    for key, column in zip(layout_choices.column_keys(preview.layout), preview.layout.columns, strict=True):
        chosen = in_layout.get(key, column)
        of_column = [group for group in groups if group.column == column.name]
        earlier = [group for group in before if group.column in (column.name, chosen.name)]
        group = _with_text(of_column, IMPLAUSIBLE)
        if group or _with_text(earlier, IMPLAUSIBLE) or chosen.leave_implausible:
            title = str(DOUBT_TITLES[IMPLAUSIBLE])
            doubts[key] = Doubt(key, column.name, title, group, chosen.leave_implausible)
    return list(doubts.values())[:SHOWN_COLUMNS]


def _with_text(groups: Iterable[IssueGroup], text: str) -> IssueGroup | None:
    return next((group for group in groups if group.said.text == text), None)


def _proposed(layout: Layout) -> dict[str, str]:
    """What was found in the file, as a form names it."""
    mark = gettext("comma") if layout.decimal == "," else gettext("point")
    as_found = gettext("as found: %(value)s") % {"value": mark}
    return {
        "delimiter": gettext(DELIMITERS[layout.delimiter]) if layout.delimiter in DELIMITERS else "",
        "time_format": gettext(TIME_FORMATS[layout.time_format]) if layout.time_format in TIME_FORMATS else "",
        "thousands": str(THOUSANDS.get(layout.thousands, "")),
        "decimal": gettext("choose") if "decimal" in layout.asks else as_found,
    }


def _rows_of_readings(preview: imports.ImportPreview) -> list[list[str]]:
    return [row for row in preview.rows[preview.layout.rows_above :] if row][:ROWS_SHOWN]


def _cell(row: list[str], column: int) -> str:
    return row[column] if 0 <= column < len(row) else ""


def _orders(preview: imports.ImportPreview) -> list[tuple[str, list[str]]]:
    """Where the order of the dates is open: each form with what the first rows would mean by it."""
    layout = preview.layout
    if "time_format" not in layout.asks:
        return []
    orders = []
    for name in ("dmy", "mdy", "iso"):
        reader = WallReader(name)
        walls = [
            reader.wall(_cell(row, layout.time_column), _cell(row, layout.clock_column))
            for row in _rows_of_readings(preview)
        ]
        known = [wall for wall in walls if wall and is_storable(wall.seconds)]  # No other can be written as a date.
        if len(known) == len(walls):
            orders.append((gettext(TIME_FORMATS[name]), [_day(local(wall.seconds)) for wall in known]))
    return orders


def _day(at: datetime) -> str:
    from django.utils.dateformat import format as date_format

    return date_format(at, "j F Y H:i")


def _times(preview: imports.ImportPreview) -> list[dict[str, Any]]:
    """The first rows: their time as the file writes it, by the clock of the site and in UTC, and their first values."""
    layout, site = preview.layout, zone_of(str(preview.upload.site.facts["time_zone"]))
    reader = WallReader(layout.time_format or "iso")
    clock = Clock(zone_of(layout.zone), newest_first=layout.newest_first, step_s=layout.step_s)
    names = [column.name for column in layout.columns[:COLUMNS_SHOWN]]
    values = [dict(preview.reading.points.get(name, Series())[: 4 * ROWS_SHOWN]) for name in names]
    rows = []
    for row in _rows_of_readings(preview):
        text, clock_text = _cell(row, layout.time_column), _cell(row, layout.clock_column)
        written = f"{text} {clock_text}".strip()
        try:
            at_s = clock.moment(reader.wall(text, clock_text), written)
        except TimeIssue:
            continue
        by_site = datetime.fromtimestamp(at_s, UTC).astimezone(site).strftime("%Y-%m-%d %H:%M:%S")
        cells = [(name, of.get(at_s, "")) for name, of in zip(names, values, strict=True)]
        rows.append({"written": written[:40], "site": by_site, "at": at_s, "cells": cells})
    return rows
