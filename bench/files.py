"""Which files of the corpus come in rightly, and how long large ones take, beside pandas reading the same cells."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

from rich.console import Console
from rich.table import Table

ROUNDS = 3
YEAR_ROWS, CSV_ROWS = 105_120, 1_000_000


def main() -> None:
    """Judge the corpus and measure; prints two tables."""
    from tests.file_corpus import TRUTH, judged

    from glasshouse.greenhouse.files import propose, read

    console = Console()
    judgements = {name: judged(name) for name in TRUTH}
    counts = Counter(judgement.result for judgement in judgements.values())
    console.print(
        f"{counts['right']} right, {counts['wrong']} wrong, {counts['refused']} refused, of {len(TRUTH)} files"
    )
    for name, judgement in judgements.items():
        if judgement.result != "right":
            console.print(f"  {name}: {judgement.result}: {judgement.why}", soft_wrap=True)
    table = Table("", "MB", "looked at, s", "read, s", "pandas, s")
    for what, body, other in (
        (f"XLSX, a year at 5 minutes ({YEAR_ROWS:,} rows)", _workbook(), _pandas_excel),
        (f"CSV, {CSV_ROWS:,} rows", _csv(), _pandas_csv),
    ):
        layout = propose(body, zone="Europe/Amsterdam")
        looked = _best(lambda body=body: propose(body, zone="Europe/Amsterdam"))  # type: ignore[misc]
        taken = _best(lambda body=body, layout=layout: read(body, layout))  # type: ignore[misc]
        table.add_row(what, f"{len(body) / 1e6:.1f}", f"{looked:.2f}", f"{taken:.2f}", other(body))
    console.print(table)


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _workbook() -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(write_only=True), BytesIO()
    sheet = book.create_sheet("Data")
    sheet.append(["Time", "Temperature (°C)", "RH (%)", "CO2 (ppm)"])
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - local time, as in a file
    for row in range(YEAR_ROWS):
        sheet.append([start + timedelta(minutes=5 * row), 18 + row % 97 / 10, 60 + row % 301 / 10, 400 + row % 613])
    book.save(out)
    return out.getvalue()


def _csv() -> bytes:
    start = datetime(2015, 1, 1)  # noqa: DTZ001 - local time, as in a file
    rows = ["Time;Temperature (°C);RH (%);CO2 (ppm)"]
    for row in range(CSV_ROWS):
        wall = start + timedelta(minutes=5 * row)
        rows.append(
            f"{wall:%d-%m-%Y %H:%M};{18 + row % 97 / 10:.1f};{60 + row % 301 / 10:.1f};{400 + row % 613}".replace(
                ".", ","
            )
        )
    return "\n".join(rows).encode()


def _pandas_excel(body: bytes) -> str:
    return _pandas(lambda pandas: pandas.read_excel(BytesIO(body)))


def _pandas_csv(body: bytes) -> str:
    return _pandas(
        lambda pandas: pandas.read_csv(
            BytesIO(body), sep=";", decimal=",", parse_dates=["Time"], date_format="%d-%m-%Y %H:%M"
        )
    )


def _pandas(work: "Callable[[object], object]") -> str:
    try:
        import pandas
    except ImportError:
        return "not installed"
    return f"{_best(lambda: work(pandas)):.2f}"
