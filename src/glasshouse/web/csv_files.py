"""Files for spreadsheets.

A text that begins like a formula would be run by a spreadsheet. That holds for each cell that it makes of the text: some take a
semicolon or a tab for the separator, whatever stands between ours. Source: OWASP ASVS 5.0, 1.2.10.
"""

import re

CSV = "text/csv; charset=utf-8"
# The place before a formula: at the beginning, or after what may end a cell or a row; with spaces or quotes in between.
BEFORE_FORMULA = re.compile('(^|[;|\t\r\n])(?=[\\s"]*[=+\\-@\uff1d\uff0b\uff0d\uff20])')


def cell(value: object) -> object:
    """A cell for a CSV file that a spreadsheet will open: an apostrophe stands before each formula in a text."""
    return BEFORE_FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


class Echo:
    """What a CSV writer writes to where its lines are sent at once: hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        """The line."""
        return line
