"""What the sandbox costs a small file: its start alone, a CSV, a workbook, a mail; and the same work without it."""

import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO

from rich.console import Console
from rich.table import Table

from crop_contract import sandbox

ROUNDS = 15
CSV = b"time,temp\n" + b"".join(b"2024-05-31 %02d:00,2%d.5\n" % (hour, hour % 10) for hour in range(24))
MAIL = b"From: jan@x.example\r\nSubject: hello\r\n\r\nPlease send me my data.\r\n"


def main() -> None:
    """Measure and print the table; the median and the slowest of ROUNDS, in milliseconds."""
    from glasshouse.greenhouse import file_process, files
    from glasshouse.greenhouse.files import NO_CHOICES
    from glasshouse.operations import inbound_mail, mail_reading

    book = _workbook()
    rows: list[tuple[str, Callable[[], object]]] = [
        ("an empty process of Python", _empty),
        ("the sandbox, without work", sandbox.restrictions),
        ("proposal of a small CSV", lambda: file_process.propose([CSV], "Europe/Rome", NO_CHOICES)),
        ("… in this process", lambda: files.propose(CSV, zone="Europe/Rome")),
        ("proposal of a small workbook", lambda: file_process.propose([book], "Europe/Rome", NO_CHOICES)),
        ("… in this process", lambda: files.propose(book, zone="Europe/Rome")),
        ("a small mail", lambda: mail_reading.read(MAIL)),
        ("… in this process", lambda: inbound_mail.read(MAIL)),
    ]
    table = Table("", "median, ms", "slowest, ms", title=f"Restrictions: {sandbox.restrictions().mode}")
    for name, work in rows:
        work()
        times = [_timed(work) for _ in range(ROUNDS)]
        table.add_row(name, f"{1000 * statistics.median(times):.1f}", f"{1000 * max(times):.1f}")
    Console().print(table)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _empty() -> None:
    import subprocess

    subprocess.run([sys.executable, "-B", "-P", "-s", "-c", ""], env=sandbox.ENVIRONMENT, check=True)


def _workbook() -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), BytesIO()
    for row in CSV.decode().splitlines():
        book.worksheets[0].append(row.split(","))
    for number, row in enumerate(book.worksheets[0].iter_rows(min_row=2), 1):
        row[1].value = number / 2
    book.save(out)
    return out.getvalue()
