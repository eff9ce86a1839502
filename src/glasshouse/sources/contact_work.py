"""Work on a file of contacts, in the sandbox only: `rules.contacts`, and what is wrong with each row."""

from dataclasses import asdict
from typing import Any

from crop_contract.sandbox_work import Answer, Refused
from glasshouse.kernel.text import is_line
from glasshouse.sources import rules


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Answer each row with its flaw. Raises Refused."""
    try:
        rows = rules.contacts(body.decode(errors="replace"))
    except rules.FileError as error:
        raise Refused(str(error)) from None
    answer.json([_judged(row) for row in rows])


def _judged(row: rules.Row) -> dict[str, Any]:
    flaw = rules.flaw(row) if is_line(row.address) else "the address has characters that are no text"
    return asdict(row) | {"flaw": flaw} | ({"address": "", "values": {}} if flaw else {})
