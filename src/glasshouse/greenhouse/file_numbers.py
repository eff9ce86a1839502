"""Numbers as files write them. Without I/O."""

import re

LONGEST_NUMBER = 64  # characters; a longer cell is no number
PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$", re.ASCII)
LEAD = re.compile(r"[+\u2212\u2013-]?[ \u00a0]?[\d.,][\d.,' \u00a0\u2009\u202f\u2019]*(?:[eE][+-]?\d+)?", re.ASCII)
GROUPED = {
    ",": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$", re.ASCII),
    ".": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?$", re.ASCII),
    " ": re.compile(r"[+-]?\d{1,3}(?: \d{3})+(?:[.,]\d*)?$", re.ASCII),
    "'": re.compile(r"[+-]?\d{1,3}(?:'\d{3})+(?:[.,]\d*)?$", re.ASCII),
}
SIGNS = str.maketrans(
    {"\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " ", "\u2019": "'"}
)
EMPTY = {
    "",
    "nan",
    "na",
    "n/a",
    "#n/a",
    "#nv",
    "#na",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "---",
    "n.a.",
    "nodata",
    "no data",
}
EMPTY |= {"#value!", "#div/0!", "#ref!", "#waarde!", "-nan", "unavailable", "unknown"}
# Sure pairs only: a word that could mean either is text.
ON = (
    "on open true yes aan ja waar an ein auf offen wahr marche ouvert oui vrai abierto si sí encendido acceso aperto ligado "
    "aberto sim wlaczony włączony otwarty tak til åben apri geöffnet geoeffnet"
)
OFF = (
    "off closed close shut false no uit dicht gesloten nee onwaar aus zu geschlossen nein falsch arrêt arret fermé ferme non "
    "faux cerrado apagado spento chiuso desligado fechado não nao wylaczony wyłączony zamkniety zamknięty nie lukket nej"
)
STATES = dict.fromkeys(ON.split(), 1.0) | dict.fromkeys(OFF.split(), 0.0)


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number, written with this decimal mark ("." or ",")."""
    return number_of(cell, decimal, "") is not None


def number_of(cell: str, decimal: str, thousands: str) -> float | None:
    """The number that a cell holds, perhaps infinite; None where it holds none.

    Spaces and apostrophes between groups of three are thousands marks in every file; a point or comma only where the file's
    thousands mark is that: it could be a decimal mark.
    """
    if len(cell) > LONGEST_NUMBER:
        return None
    text = cell.translate(SIGNS).strip()
    if len(text) > 1 and text[0] in "+-" and text[1] == " ":
        text = text[0] + text[2:]
    if " " in text or "'" in text:
        mark = " " if " " in text else "'"
        if not GROUPED[mark].match(text):
            return None
        text = text.replace(mark, "")
    if thousands and thousands in text and GROUPED[thousands].match(text):
        text = text.replace(thousands, "")
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return float(text) if PLAIN.match(text) else None


def parts_of(cell: str) -> tuple[str, str] | None:
    """The number of a cell and what is written behind it, as in "21.5 °C"; None where the cell does not begin with a number."""
    match = LEAD.match(cell)
    if match is None:
        return None
    number = match[0].rstrip(" \u00a0\u2009\u202f'\u2019")
    return number, cell[match.end() :].strip() if len(number) < len(cell) else ""


class Marks:
    """Which decimal and thousands marks the cells of a file show."""

    def __init__(self) -> None:
        self.decimal = {".": 0, ",": 0}
        self.grouped = {".": 0, ",": 0}
        self.open = {".": 0, ",": 0}  # one mark, three digits behind it: "1.234"

    def look(self, number: str) -> None:
        """Count what one number shows."""
        points, commas = number.count("."), number.count(",")
        if points and commas:
            last = "." if number.rfind(".") > number.rfind(",") else ","
            other = "," if last == "." else "."
            if number.count(last) == 1:
                self.decimal[last] += 1
                self.grouped[other] += 1
        elif points > 1 or commas > 1:
            self.grouped["." if points else ","] += 1
        elif points or commas:
            mark = "." if points else ","
            whole, _, part = number.partition(mark)
            bare = whole.lstrip("+-\u2212 ")
            if re.fullmatch(r"\d{3}", part) and re.fullmatch(r"[1-9]\d{0,2}", bare):
                self.open[mark] += 1
            else:
                self.decimal[mark] += 1

    def conclude(self) -> tuple[str, str, bool]:
        """The decimal mark, the thousands mark ("" for none), and whether nothing in the file tells which is which."""
        decimal, grouped = self.decimal, self.grouped
        if decimal[","] > decimal["."]:
            return ",", "." if grouped["."] or self.open["."] else "", False
        if decimal["."] or grouped[","]:
            return ".", "," if grouped[","] or self.open[","] else "", False
        if grouped["."]:
            return ",", ".", False
        if self.open[","] or self.open["."]:
            mark = "," if self.open[","] else "."
            return mark, "", True
        return ".", "", False
