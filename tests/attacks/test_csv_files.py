"""Names that people choose stay texts in the CSV files that we hand out, by whichever sign a spreadsheet separates cells.

A German Excel takes a semicolon for the separator, also in a file with commas: so a name may begin a cell in its middle.
Source: OWASP ASVS 5.0, 1.2.10; OWASP "CSV Injection".
"""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasshouse.web.csv_files import cell

SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four as wide letters of East Asia
SEPARATORS = (",", ";", "\t", "|")


def cells(value: str, separator: str) -> list[str]:
    """All cells of a row with a value, as a spreadsheet reads it by a separator."""
    written = io.StringIO(newline="")
    csv.writer(written).writerow(["place", cell(value), "end"])
    written.seek(0)
    return [text for row in csv.reader(written, delimiter=separator) for text in row]


@pytest.mark.parametrize("separator", SEPARATORS)
@given(value=st.text(alphabet="".join(SIGNS) + ";,\t|\r\n\"' a1", max_size=12))
@example(value="=1")
@example(value="north;=HYPERLINK(1)")
@example(value='north;"=1')
@example(value="north\n=1")
@example(value=" =1")
@example(value="\uff1d1")
def test_no_cell_begins_as_a_formula(value: str, separator: str) -> None:
    assert not any(text.lstrip().startswith(SIGNS) for text in cells(value, separator)), cells(value, separator)


@pytest.mark.parametrize(
    "value", ["North house", "CO2 (mg/m3)", "Tomatoes; 2nd row", "a-b", "1 = one", "", 3, -3.5, None, "Ü-Haus", "x;y"]
)
def test_what_is_no_formula_stays_as_it_is(value: object) -> None:
    assert cell(value) == value
