"""Files of climate computers and loggers with their truth: what the reader makes of each, and whether that is right.

Right: nothing needs to be asked, every reading of the truth is there with its value, time, name and unit, nothing else is,
and rows and cells add up. Refused: the reader said that it cannot, or asked. Wrong: everything else, which is the worst: the
report says all is well.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.greenhouse.files import FileChoices, Layout, Reading, proposal_of, read
from glasshouse.kernel.errors import InvalidError

CASES = Path(__file__).parent / "cases" / "files"
TRUTH: dict[str, dict[str, Any]] = json.loads((CASES / "expected.json").read_text())
NAMES: dict[str, dict[str, Any]] = json.loads((CASES / "names.json").read_text())
# Half of the last digit that a file in °F writes.
NEAR = 0.06


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a file: "right", "wrong" or "refused", and why."""

    result: str
    why: str = ""


def judged(name: str) -> Judgement:
    """What the reader makes of one file."""
    truth = TRUTH[name]
    body = (CASES / name).read_bytes()
    try:
        proposal = proposal_of(body, zone=truth["zone"], choices=FileChoices())
        if proposal.problem or proposal.layout.asks:
            return Judgement("refused", proposal.problem or f"asks for {', '.join(proposal.layout.asks)}")
        layout = proposal.layout
        reading = read(body, layout)
    except InvalidError as error:
        return Judgement("refused", str(error))
    problem = _names_wrong(name, layout) or _readings_wrong(name, reading) or unbalanced(layout, reading)
    return Judgement("wrong", problem) if problem else Judgement("right")


def _names_wrong(name: str, layout: Layout) -> str:
    """What is wrong with the columns that are taken: their names, units and variables, and what is left out."""
    expected = NAMES[name]
    taken = {column.name: [column.unit, column.variable] for column in layout.columns}
    columns = {column: [unit, variable] for column, unit, variable in expected["columns"]}
    if taken != columns:
        return f"columns {taken} instead of {columns}"
    left_out = [column.name for column in layout.left_out]
    return "" if left_out == expected["left_out"] else f"left out {left_out} instead of {expected['left_out']}"


def _readings_wrong(name: str, reading: Reading) -> str:
    expected = NAMES[name]
    for column, ours in expected["truth"].items():
        points = Counter((at, round(value, 4)) for at, heading, value in TRUTH[name]["expected"] if heading == column)
        found = {(int(at), round(value, 4)) for at, value in reading.points.get(ours, [])}
        for at, value in points:
            if not any(at == there and abs(value - number) < NEAR for there, number in found):
                return f"{ours}: no {value} at {at}"
        if len(found) != len(points) and ours not in expected.get("more_readings", ()):
            return f"{ours}: {len(found)} readings instead of {len(points)}"
    return ""


def unbalanced(layout: Layout, reading: Reading) -> str:
    """Where rows or cells of a file are neither taken nor told of; "" where the sums add up."""
    points = sum(map(len, reading.points.values()))
    cell_issues = reading.left_out - reading.refused - reading.wide
    if reading.cells != points + reading.empty + cell_issues:
        return f"{reading.cells} cells, but {points} readings, {reading.empty} empty, {cell_issues} with an issue"
    whole_rows = {issue.row for issue in reading.issues if not issue.kept and not issue.column}
    if len(whole_rows) - reading.wide != reading.refused and len(reading.issues) < 20_000:
        return f"{reading.refused} rows left out, {len(whole_rows)} listed"
    places = {column.index for column in (*layout.columns, *layout.left_out)}
    places |= {layout.time_column, layout.clock_column, *layout.name_columns}
    headings = layout.headings if layout.heading_rows else ()
    missing = [heading for i, heading in enumerate(headings) if i not in places and heading]
    return f"nothing is said of {missing}" if missing else ""
