"""Work on a list of addresses, in the sandbox only: the first cell of each row that has one."""

import csv
import io
from typing import Any

from crop_contract.sandbox_work import Answer, Refused


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Answer the first cells. Raises Refused."""
    reader = csv.reader(io.StringIO(body.decode(errors="replace").replace(";", ",")))
    try:
        answer.json([row[0].strip() for row in reader if row and row[0].strip()])
    except csv.Error as error:
        raise Refused(
            f"Line {reader.line_num} of the list is no line of a table ({error}). Write one address a line.",
            "addresses",
        ) from None
