"""What an import sends to the crop plane, and what it reports. Without I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from crop_contract.variables import recognise
from glasshouse.greenhouse.file_shapes import MOST_ISSUES, Column, ImportIssue, Layout, Reading
from glasshouse.greenhouse.statements import Statement, stated

MOST_TEXT = 400  # characters of an issue, and of its column's name
# What differs between issues of one kind: a cell as it is written, and numbers.
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[\d.,:-]+")


def report(layout: Layout, reading: Reading, answer: dict[str, int]) -> dict[str, Any]:
    """The report of an import, as it is stored and shown. answer: of the crop plane: readings taken, new, replaced."""
    return {
        "rows": reading.rows,
        "rows_in": reading.rows - reading.refused,
        "points": answer["taken"],
        "new": answer["new"],
        "replaced": answer["replaced"],
        "flagged": reading.flagged,
        "left_out": reading.left_out,
        "rows_left_out": reading.refused,
        "cells": reading.cells,
        "points_read": sum(map(len, reading.points.values())),
        "empty": reading.empty,
        "repeats": reading.repeats,
        "columns_left_out": [asdict(column) for column in layout.left_out],
        "skipped": list(layout.skipped),
        "zone": layout.zone,
        "issues": [_bounded(issue) for issue in reading.issues[:MOST_ISSUES]],
    }


def _bounded(issue: ImportIssue) -> dict[str, Any]:
    """An issue as it is stored. Who took the reader of files over could write texts without end, for each page to load."""
    said = asdict(issue.said.bounded(MOST_TEXT))
    return {"row": issue.row, "column": issue.column[:MOST_TEXT], "said": said, "kept": issue.kept}


def said_of(issue: Mapping[str, Any]) -> Statement:
    """What a stored import issue says. Reports of versions before December 2026 hold the English text alone."""
    return stated(issue.get("said") or issue.get("text"))


class IssueGroup(NamedTuple):
    """Import issues of one kind: how many, in which column, one of them, their first rows, and whether they came in."""

    size: int
    column: str
    said: Statement
    rows: str
    came_in: bool


def grouped(issues: list[dict[str, Any]]) -> list[IssueGroup]:
    """Issues of one kind together, the most frequent first. Kinds are told apart by their texts, not by cells and numbers."""
    groups: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for issue in issues:
        said = said_of(issue)
        kind = said.text if "said" in issue else VARYING.sub("", said.text)
        groups.setdefault((issue["column"], kind, issue["kept"]), []).append(issue)
    groups_found = [
        IssueGroup(len(same), column, said_of(same[0]), ", ".join(str(issue["row"]) for issue in same[:5]), came_in)
        for (column, _, came_in), same in groups.items()
    ]
    return sorted(groups_found, key=lambda group: -group.size)


def grouped_issues(issues: Iterable[ImportIssue]) -> list[IssueGroup]:
    """Issues of a preview, which are not stored, in groups."""
    return grouped([_bounded(issue) for issue in issues])


def field_of(column: Column) -> str:
    """What a column is called in the crop plane: its variable, or its own name and unit, never taken for a variable.

    The crop plane recognises names of variables. "Temperature" in °Re would be shown in °C, "CO2" in mg/m3 as ppm.
    """
    if column.variable:
        return column.variable
    if column.unit and f"({column.unit})" not in column.name:
        return f"{column.name} ({column.unit})"
    return f"{column.name} (own name)" if recognise(column.name) else column.name


def arrow_stream(layout: Layout, reading: Reading) -> bytes:
    """An Arrow stream of (stream, time in ns, value), one batch a stream; the streams' names and fields in its metadata."""
    import numpy as np  # Here: most of our processes never import a file.
    import pyarrow as pa

    by_name = {column.name: column for column in layout.columns}
    names = [name for name, points in reading.points.items() if points]
    metadata = {"names": "\n".join(names), "fields": "\n".join(field_of(by_name[name]) for name in names)}
    schema = pa.schema([("stream", pa.int32()), ("time", pa.int64()), ("value", pa.float64())], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for number, name in enumerate(names):
            series = reading.points[name]
            times = np.rint(np.frombuffer(series.times, np.float64) * 1_000_000).astype(np.int64) * 1000
            places = np.full(len(series), number, np.int32)
            values = np.frombuffer(series.values, np.float64)
            stream.write_batch(
                pa.record_batch([pa.array(numbers) for numbers in (places, times, values)], schema=schema)
            )
    return bytes(sink.getvalue())
