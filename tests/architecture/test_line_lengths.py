"""Pages, styles and scripts stay readable: no line is longer than 130 columns. Source: ruff holds the same for Python."""

from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "src" / "glasshouse" / "web"
MAX_COLUMNS = 130
THIRD_PARTY = {"htmx.js", "uplot.css", "uplot.js"}  # They stand here as they were published.
FILES = sorted(
    path for path in WEB.rglob("*") if path.suffix in (".css", ".html", ".js") and path.name not in THIRD_PARTY
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(WEB)))
def test_no_line_is_too_long(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS] == []


def test_the_files_are_found_and_the_third_party_ones_are_known() -> None:
    assert {".css", ".html", ".js"} == {path.suffix for path in FILES}
    assert {path.name for path in (WEB / "static").iterdir()} > THIRD_PARTY
