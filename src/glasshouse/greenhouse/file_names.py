"""Headings of a table: which rows they are, and what each says: a name, and a unit only where it is one. Without I/O."""

import re
from collections import Counter
from typing import NamedTuple

from glasshouse.greenhouse.units import LONGEST_UNIT, is_unit

CONTROL = re.compile(r"[\x00-\x1f\x7f]+")  # The end of a line within a heading would end its name elsewhere.
LONGEST_HEADING = 300  # characters; a longer heading is cut
BRACKETS = re.compile(r"[(\[]([^()\[\]]{1,40})[)\]]")
DASHED = re.compile(r"(.*\S)\s+-\s+(\S.{0,30})$")
COMMA_UNIT = re.compile(r"(.+?),\s*([^,()\[\]]{1,30}?)\s*((?:[(\[].*)?)$")
STRONG = re.compile(r"[°%/²³µμ]|\*[CF]$")
STRONG_WORDS = {
    "kpa",
    "hpa",
    "mbar",
    "ppm",
    "lux",
    "klux",
    "degc",
    "degf",
    "mmhg",
    "inhg",
    "celsius",
    "fahrenheit",
    "ppb",
}
MOST_HEADING_ROWS = 4
COUNTER = re.compile(
    r"(read_?no|no|nr|index|id|#|record|rn|record ?(number|no|nr)|rij|regel|volgnummer|lfd\.? ?nr|"
    r"row|line|sample ?(no|nr|number)|table|n°|num(ber|ero|éro)?)\.?"
)
SERIAL_NUMBER = re.compile(
    r"(serial|s/n|sn|serie|série|seriennummer|serienummer)[ ._-]*(number|no|nr|nummer)?\.?", re.IGNORECASE
)


class Heading(NamedTuple):
    """What stands above a column: as written, its name without the unit, and the unit."""

    text: str
    name: str
    unit: str


def plain(text: str) -> str:
    """A heading in one line."""
    return " ".join(CONTROL.sub(" ", text[:LONGEST_HEADING]).split())


def split_unit(text: str) -> tuple[str, str]:
    """The name and the unit of a heading; what is no unit stays in the name."""
    for match in reversed(list(BRACKETS.finditer(text))):
        inside = match[1].strip()
        if is_unit(inside):
            return " ".join((text[: match.start()] + " " + text[match.end() :]).split()), inside[:LONGEST_UNIT]
    for pattern in (DASHED, COMMA_UNIT):
        result = pattern.match(text)
        if result and is_unit(result[2]):
            rest = result[3] if pattern is COMMA_UNIT else ""
            return f"{result[1]} {rest}".strip(), result[2]
    first, _, behind = text.partition(" ")
    if behind and _is_strong(first):
        return behind.strip(" -:"), first
    before, _, last = text.rpartition(" ")
    if before and _is_strong(last):
        return before.rstrip(" -:,"), last
    if len(text) > 1 and text.endswith("%"):
        return text[:-1].rstrip(" _-"), "%"
    return text, ""


def _is_strong(word: str) -> bool:
    """Whether a word beside a name, without brackets, can only be a unit."""
    return (bool(STRONG.search(word)) or word.casefold() in STRONG_WORDS) and is_unit(word)


def is_units_row(cells: list[str]) -> bool:
    """Whether a row above the readings holds units."""
    written = [cell.strip(" ()[]") for cell in cells if cell.strip()]
    known = sum(is_unit(cell) or cell.casefold() in ("", "ts", "rn", "-", "%", "ph") for cell in written)
    return bool(written) and known > len(written) / 2 and any(is_unit(cell) for cell in written)


def heading_rows(rows: list[list[str]], first_row: int, width: int, time_column: int) -> list[int]:
    """The places of the rows that are the table's headings, top first. rows: from the file's beginning."""
    if first_row >= 4 and rows[0][:1] == ["TOA5"]:
        return [1]
    result: list[int] = []
    for place in range(first_row - 1, max(-1, first_row - 1 - MOST_HEADING_ROWS), -1):
        row = rows[place]
        written = [cell for cell in row[:width] if cell]
        if not written and not result:
            continue  # Empty rows between the heading and its table.
        if not written or (result and not _is_upper(rows, place, result, width, time_column)):
            break
        if not result and len(written) == 1 and width > 2:
            break  # A title, not a heading.
        result.insert(0, place)
    return result


def _is_upper(rows: list[list[str]], place: int, result: list[int], width: int, time_column: int) -> bool:
    """Whether a row above heading rows is one itself, and not a line of what stands before the table."""
    row = rows[place]
    if row[:1] and row[0].startswith("#"):
        return False
    others = [i for i in range(width) if i != time_column]
    filled = [i for i in others if i < len(row) and row[i]]
    named = any(time_column < len(rows[upper]) and rows[upper][time_column] for upper in result)
    has_time = time_column < len(row) and bool(row[time_column])
    if is_units_row([cell for i, cell in enumerate(rows[result[0]]) if i != time_column]) and len(result) == 1:
        return bool(filled)
    if not named and has_time and filled:
        return True
    if filled and not row[0]:  # What stands before a table begins at the left.
        return True
    if width <= 2:
        return not has_time and bool(filled)
    if not has_time and filled and not named:
        return True
    reaches_end = bool(others) and others[-1] in filled
    return reaches_end and 2 * len(filled) > len(others)


def headings(
    rows: list[list[str]], places: list[int], units_row: int, width: int, time_columns: set[int]
) -> list[Heading]:
    """What stands above each of `width` columns. units_row: the place of the row of units, or -1."""
    texts: list[list[str]] = [[] for _ in range(width)]
    for place in places:
        if place == units_row:
            continue
        row = [plain(cell) for cell in rows[place][:width]]
        if len(row) < width and place == places[-1] and len(row) > 1:
            # A slip of the keys: two headings with a tab between them instead of the delimiter.
            row = [part.strip() for cell in rows[place] for part in cell.split("\t")][:width]
        row += [""] * (width - len(row))
        last_written = ""
        merged = place != [p for p in places if p != units_row][-1]
        for column, cell in enumerate(row):
            if column in time_columns:
                last_written = ""
            elif merged:  # The first cell of merged ones holds their text.
                last_written = cell or last_written
                cell = last_written
            if cell and cell not in texts[column]:
                texts[column].append(cell)
    units = [cell.strip(" ()[]") for cell in rows[units_row]] if units_row >= 0 else []
    return _headings_of(texts, [unit if is_unit(unit) else "" for unit in units])


def _headings_of(texts: list[list[str]], units: list[str]) -> list[Heading]:
    result = []
    for column, parts in enumerate(texts):
        names, unit = [], units[column] if column < len(units) else ""
        for part in parts:
            name, own = split_unit(part) if not unit or not own_unit(part, unit) else (own_unit(part, unit), unit)
            unit = unit or own
            names.append(name if own == unit or not own else part)
        result.append(Heading(" ".join(parts), " ".join(name for name in names if name), unit))
    return _letters_that_are_names(result)


def own_unit(part: str, unit: str) -> str:
    """A heading without the unit that its table names for it; "" where it does not stand in it."""
    name, own = split_unit(part)
    return name if own and own == unit else ""


def _letters_that_are_names(result: list[Heading]) -> list[Heading]:
    """ "Temp (A)", "Temp (B)", "Temp (C)": the C is no unit where its neighbours have letters that are none."""
    bases = Counter()  # type: ignore[var-annotated]
    for heading in result:
        match = BRACKETS.search(heading.text)
        if match and len(match[1].strip()) == 1 and not heading.unit:
            bases[" ".join(BRACKETS.sub(" ", heading.text).split()).casefold()] += 1
    return [
        Heading(heading.text, heading.text, "")
        if len(heading.unit) == 1 and heading.unit.isalpha() and bases[heading.name.casefold()]
        else heading
        for heading in result
    ]


def is_counter(heading: Heading) -> bool:
    """Whether a heading names a count of rows, or a serial number."""
    text = heading.text.strip().casefold()
    return bool(COUNTER.fullmatch(text) or SERIAL_NUMBER.fullmatch(text))
