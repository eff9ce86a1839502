"""Work on a customer's file, in the sandbox only: `propose` and `read` of `files.py`, their answers as frames."""

from dataclasses import asdict
from typing import Any

from crop_contract.sandbox_work import Answer, Refused
from glasshouse.greenhouse import files
from glasshouse.greenhouse.file_shapes import COUNTS, FileChoices, Layout, Reading
from glasshouse.greenhouse.file_times import zone_of
from glasshouse.greenhouse.statements import statement_of
from glasshouse.kernel.errors import InvalidError


def prepare(request: dict[str, Any]) -> None:
    """Bring into memory what cannot be opened later: the library that reads workbooks, and the time zone."""
    if request["workbook"]:
        from glasshouse.greenhouse import tables

        tables.prepare()
    zone_of(request["zone"])


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Answer a proposal, or (with a layout in the request) a reading. Raises Refused."""
    try:
        if request["layout"] is None:
            choices = FileChoices(**request["choices"])
            answer.json(files.proposal_of(body, zone=request["zone"], choices=choices).as_json())
        else:
            reading = files.read(body, Layout.from_json(request["layout"]), lambda *done: answer.note(done))
            _send(reading, answer)
    except InvalidError as error:
        said = statement_of(error)
        raise Refused(said.text, error.field, dict(said.values)) from None


def _send(reading: Reading, answer: Answer) -> None:
    counts = {name: getattr(reading, name) for name in COUNTS}
    issues = [asdict(issue) for issue in reading.issues]
    answer.json(counts | {"series": list(reading.points), "issues": issues})
    for series in reading.points.values():
        answer.send(memoryview(series.times).cast("B"))
        answer.send(memoryview(series.values).cast("B"))
