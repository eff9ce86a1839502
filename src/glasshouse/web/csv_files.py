"""Files for spreadsheets."""

CSV, FORMULA = "text/csv; charset=utf-8", ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """A cell for a CSV file that a spreadsheet will open."""
    # A text that begins like a formula would be run by a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value


class Echo:
    """What a CSV writer writes to where its lines are sent at once: hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        """The line."""
        return line
