"""Units of measurement as people write them in a heading or a form, looked up in a table: nothing of theirs is computed.

A unit is one spelling of one dimension, with the factor and the offset that lead to the dimension's base unit. A text is first
brought into one form (`_canonical`: superscripts, spaces, "m-2" and "per m²" become "/m2"), then looked up as written, then
without regard to case where that cannot be taken for another unit. Factors: SI brochure, 9th edition; NIST SP 811, appendix B.
"""

# Long because the tables of spellings are one.
import re
import unicodedata
from functools import cache
from itertools import product
from typing import NamedTuple

from glasshouse.kernel.errors import InvalidError

LONGEST_UNIT = 40  # characters; a longer text is no unit
Factors = dict[str, float]

AREA: Factors = {"m2": 1, "sqm": 1, "cm2": 1e-4, "mm2": 1e-6, "dm2": 1e-2, "ft2": 0.3048**2, "ha": 1e4, "hectare": 1e4}
AREA |= {"acre": 4046.8564224, "ac": 4046.8564224, "square_meter": 1, "square_metre": 1}
DURATION: Factors = {"s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "minute": 60, "minutes": 60}
DURATION |= dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0)
DURATION |= dict.fromkeys(("d", "day", "days"), 86_400.0) | dict.fromkeys(("week", "weeks", "wk"), 604_800.0)
LENGTH: Factors = {"m": 1, "dm": 0.1, "cm": 0.01, "mm": 1e-3, "um": 1e-6, "micron": 1e-6, "km": 1e3}
LENGTH |= {"meter": 1, "metre": 1, "meters": 1, "metres": 1, "centimeter": 0.01, "centimetre": 0.01}
LENGTH |= {
    "millimeter": 1e-3,
    "millimetre": 1e-3,
    "millimeters": 1e-3,
    "millimetres": 1e-3,
    "mile": 1609.344,
    "mi": 1609.344,
}
LENGTH |= dict.fromkeys(("in", "inch", "inches"), 0.0254) | dict.fromkeys(("ft", "foot", "feet"), 0.3048)
VOLUME: Factors = {"m3": 1, "dm3": 1e-3, "cm3": 1e-6, "mm3": 1e-9, "cc": 1e-6, "ft3": 0.3048**3}
VOLUME |= dict.fromkeys(("l", "L", "liter", "litre", "liters", "litres"), 1e-3) | {"dl": 1e-4, "dL": 1e-4}
VOLUME |= {"cl": 1e-5, "cL": 1e-5, "ml": 1e-6, "mL": 1e-6, "ul": 1e-9, "uL": 1e-9, "hl": 0.1, "hL": 0.1}
MASS_G: Factors = {"g": 1, "kg": 1e3, "mg": 1e-3, "ug": 1e-6, "gram": 1, "grams": 1, "gramme": 1, "kilogram": 1e3}
MASS_G |= {"kilograms": 1e3, "milligram": 1e-3, "milligrams": 1e-3, "microgram": 1e-6, "micrograms": 1e-6}
MASS_G |= dict.fromkeys(("t", "tonne", "tonnes", "metric_ton"), 1e6) | {"short_ton": 907_184.74}
MASS_G |= dict.fromkeys(("lb", "lbs", "pound", "pounds"), 453.59237) | dict.fromkeys(("oz", "ounce"), 28.349523125)
ENERGY_J: Factors = {"J": 1, "mJ": 1e-3, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9, "joule": 1, "joules": 1, "kilojoule": 1e3}
ENERGY_J |= {"megajoule": 1e6, "Ws": 1, "Wh": 3600, "kWh": 3.6e6, "MWh": 3.6e9, "watt_hour": 3600}
ENERGY_J |= {"kilowatt_hour": 3.6e6, "cal": 4.184, "kcal": 4184, "BTU": 1055.056, "Btu": 1055.056}
POWER_W: Factors = {"W": 1, "mW": 1e-3, "kW": 1e3, "MW": 1e6, "watt": 1, "watts": 1, "kilowatt": 1e3}
AMOUNT_MOL: Factors = {"mol": 1, "mole": 1, "moles": 1, "mols": 1, "umols": 1e-6, "E": 1, "mE": 1e-3, "uE": 1e-6}
AMOUNT_MOL |= dict.fromkeys(("mmol", "mmole", "mmoles", "millimol", "millimole", "millimoles"), 1e-3)
AMOUNT_MOL |= dict.fromkeys(("umol", "umole", "umoles", "micromol", "micromole", "micromoles"), 1e-6)
AMOUNT_MOL |= {"nmol": 1e-9, "kmol": 1e3}
CONDUCTANCE_S: Factors = {"S": 1, "dS": 0.1, "mS": 1e-3, "uS": 1e-6, "siemens": 1, "decisiemens": 0.1}
CONDUCTANCE_S |= {"millisiemens": 1e-3, "microsiemens": 1e-6, "mho": 1, "mmho": 1e-3, "umho": 1e-6}
PRESSURE_PA: Factors = {"Pa": 1, "hPa": 100, "kPa": 1e3, "MPa": 1e6, "mPa": 1e-3, "pascal": 1, "hectopascal": 100}
PRESSURE_PA |= {"kilopascal": 1e3, "bar": 1e5, "mbar": 100, "mb": 100, "millibar": 100, "dbar": 1e4, "N/m2": 1}
PRESSURE_PA |= {"psi": 6894.757293168361, "atm": 101_325, "torr": 101_325 / 760, "mmHg": 133.322387415}
PRESSURE_PA |= {"inHg": 3386.388640341, "cmH2O": 98.0665, "mmH2O": 9.80665}
ANGLE_DEG: Factors = {
    "deg": 1,
    "°": 1,
    "degree": 1,
    "degrees": 1,
    "rad": 57.29577951308232,
    "radian": 57.29577951308232,
}
ANGLE_DEG |= {"radians": 57.29577951308232, "grad": 0.9, "gon": 0.9}
LIGHT_LX: Factors = {"lx": 1, "lux": 1, "klx": 1e3, "klux": 1e3, "kilolux": 1e3, "lm/m2": 1, "lumen/m2": 1}
LIGHT_LX |= dict.fromkeys(("fc", "footcandle", "footcandles", "foot_candle", "foot_candles"), 10.763910416709722)
PERCENT: tuple[str, ...] = (
    "%",
    "percent",
    "pct",
    "% RH",
    "RH %",
    "% r.h.",
    "% rel. hum.",
    "% vol",
    "vol %",
    "% v/v",
    "% VWC",
    "% w/w",
)
PERCENT += (
    "% VWC",
    "% w/w",
    "% rF",
    "% r.F.",
    "% rel",
    "% rel. F.",
    "% RV",
    "% HR",
    "% UR",
    "prozent",
    "procent",
    "% Hr",
    "%WC",
)
SHARE: Factors = dict.fromkeys((*PERCENT, "g/100g", "g/100ml", "°Brix", "°Bx", "Brix", "degBrix"), 0.01)
SHARE |= dict.fromkeys(("1", "fraction", "ratio", "dimensionless", "kg/kg", "g/g", "mol/mol", "cm/cm", "mm/mm"), 1.0)
SHARE |= dict.fromkeys(("m3/m3", "cm3/cm3", "cc/cc", "mm3/mm3", "dm3/dm3", "ft3/ft3", "l/l", "ml/ml"), 1.0)
SHARE |= dict.fromkeys(("permille", "‰", "g/kg", "mg/g", "mmol/mol", "ml/l", "mm/m", "l/m3"), 1e-3)
SHARE |= dict.fromkeys(("ppm", "ppmv", "ppm CO2", "vpm", "umol/mol", "mg/kg", "ug/g", "ml/m3", "ul/l"), 1e-6)
SHARE |= {"ppb": 1e-9, "ppbv": 1e-9, "nmol/mol": 1e-9}
EACH = ("1", "#", "no", "nr", "pcs", "count", "stem", "stems", "plant", "plants", "head", "heads", "truss", "trusses")
DEGREES = ("°{}", "o{}", "grad {}", "gr {}", "deg{}", "deg {}", "degree{}", "degrees{}", "degree_{}", "*{}", "{}")
KELVIN = ("K", "kelvin", "kelvins", "degK", "°K")
EXACT_CASE = frozenset({"M", "mM", "uM", "nM", "E", "mE", "uE"})  # "mm" is no "mM", "m" no "M"


class UnknownUnitError(InvalidError):
    """A text that is no unit of this quantity."""


def _per(numerator: Factors, *denominators: Factors) -> Factors:
    """Every spelling of numerator / denominator / …, with its factor to the base unit."""
    spelled: Factors = {}
    for (name, factor), *below in product(numerator.items(), *(denominator.items() for denominator in denominators)):
        divisor = 1.0
        for _, value in below:
            divisor *= value
        names = [part for part, _ in below]
        spelled["/".join((name, *names))] = factor / divisor
        # "Wm-2", "umolm-2s-1", with no space between: known as a whole, so that no text is cut up by guess.
        spelled[name + "".join(_inverse(part) for part in names)] = factor / divisor
    return spelled


def _inverse(unit: str) -> str:
    """ "m2" as "m-2", "s" as "s-1"."""
    return f"{unit[:-1]}-{unit[-1]}" if unit[-1].isdecimal() else f"{unit}-1"


class Conversion(NamedTuple):
    """From one unit to another: value × factor + offset."""

    factor: float
    offset: float


UNCHANGED = Conversion(1.0, 0.0)


def _temperature() -> dict[str, Conversion]:
    spelled = dict.fromkeys(KELVIN, Conversion(1.0, -273.15))
    scales = {"C": UNCHANGED, "F": Conversion(5 / 9, -160 / 9), "R": Conversion(5 / 9, -273.15)}
    spelled |= {form.format(letter): conversion for letter, conversion in scales.items() for form in DEGREES}
    for name, letter in (("celsius", "C"), ("centigrade", "C"), ("fahrenheit", "F"), ("rankine", "R")):
        spelled |= {form.format(name): scales[letter] for form in DEGREES}
    return spelled


def _dimensions() -> dict[str, Factors]:
    """By dimension, spelling -> factor to the base unit that the dimension is named for."""
    per_area = dict.fromkeys(EACH, 1.0)
    return {
        "count": dict.fromkeys(("1", "-", "#", "pH", "no", "nr", "pcs", "count", "score", "dimensionless"), 1.0),
        "1/m2": _per(per_area, {name: AREA[name] for name in ("m2", "cm2", "ha", "ft2", "acre")}),
        "share": SHARE,
        "J/m2": _per(ENERGY_J, AREA) | {"langley": 41_840.0, "ly": 41_840.0},
        "W/m2": _per(POWER_W, AREA) | _per(ENERGY_J, AREA, DURATION),
        "m": LENGTH | _per(VOLUME, AREA),
        "m/s": _per(LENGTH, DURATION) | _per(VOLUME, AREA, DURATION) | _speeds(),
        "S/m": _per(
            CONDUCTANCE_S, {"m": 1, "cm": 0.01, "meter": 1, "metre": 1, "centimeter": 0.01, "centimetre": 0.01}
        ),
        "s": DURATION,
        "deg": ANGLE_DEG,
        "g": MASS_G,
        "g/m3": _per(MASS_G, VOLUME),
        "Pa": PRESSURE_PA,
        "kg/m2": _per({name: grams / 1000 for name, grams in MASS_G.items()}, AREA),
        "lx": LIGHT_LX,
        "mol/m3": _per(AMOUNT_MOL, VOLUME) | {"M": 1e3, "mM": 1.0, "uM": 1e-3, "nM": 1e-6},
        "mol/m2/s": _per(AMOUNT_MOL, AREA, DURATION),
    }


def _speeds() -> Factors:
    knots = dict.fromkeys(("kn", "kt", "kts", "knot", "knots"), 1852 / 3600)
    return knots | {"mph": 0.44704, "kph": 1 / 3.6, "kmh": 1 / 3.6, "fpm": 0.00508, "mps": 1.0}


# The dimension of each unit that a variable of the catalogue has.
OF_CATALOGUE = {
    "": "count",
    "1/m**2": "1/m2",
    "percent": "share",
    "ppm": "share",
    "J/cm**2": "J/m2",
    "MJ/m**2": "J/m2",
    "kWh/m**2": "J/m2",
    "W/m**2": "W/m2",
    "L/m**2": "m",
    "mm": "m",
    "cm/week": "m/s",
    "m/s": "m/s",
    "dS/m": "S/m",
    "day": "s",
    "deg": "deg",
    "degC": "temperature",
    "g": "g",
    "g/m**3": "g/m3",
    "kPa": "Pa",
    "kg/m**2": "kg/m2",
    "klx": "lx",
    "micromole/L": "mol/m3",
    "millimole/L": "mol/m3",
    "micromole/m**2/s": "mol/m2/s",
    "mol/m**2/day": "mol/m2/s",
}
_SIGNS = str.maketrans({"º": "°", "˚": "°", "·": " ", "⋅": " ", "∙": " ", "•": " ", "×": " ", "Â": "", "\u200b": ""})
_MINUS = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "‑": "-", "⁄": "/", "∕": "/", "μ": "u", "[": "", "]": "", "^": ""}
)


def _canonical(text: str) -> str:
    """One form for every way of writing a unit: numerator, then each denominator after a "/", sorted; "" if it is too long.

    Linear in the text, whose length is bounded: only characters are exchanged, no number in it is ever computed with.
    """
    if len(text) > LONGEST_UNIT:
        return ""
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_MINUS).strip()
    if len(plain) > 2 * LONGEST_UNIT:  # Some characters stand for many.
        return ""
    if plain[:1] == "*" and plain[1:2] != "*":
        plain = f"°{plain[1:].lstrip()}"  # "*C": a logger's degree sign
    plain = plain.replace("**", "").replace("*", " ").replace(".", " ")
    plain = " ".join("/" if word.casefold() == "per" else word for word in plain.split())
    over, slash, under = plain.partition("/(")
    if slash:
        plain = f"{over}/{under.rstrip(')').replace(' ', '/')}"
    over, *below = (part.strip() for part in plain.split("/"))
    above = []
    for word in over.split():
        power = re.fullmatch(r"([^\d-]{1,20})-(\d)", word)
        if power:
            below.append(power[1] + power[2].replace("1", ""))
        else:
            above.append(word)
    below = [part for word in below for part in _apart(word.replace(" ", ""))]
    return "/".join(["".join(above) or "1", *sorted(below)]) if above or below else ""


def _apart(word: str) -> list[str]:
    """The two units of "m2s" or "m²d" below the line of a fraction."""
    match = re.fullmatch(r"([a-zA-Z]{1,3}[23])([a-zA-Z]{1,4})", word)
    return [match[1], match[2]] if match else [word]


@cache
def _table() -> dict[str, dict[str, Conversion]]:
    """By dimension, canonical spelling -> (factor, offset) to the base unit."""
    lines = {
        name: {spelling: Conversion(float(factor), 0.0) for spelling, factor in table.items()}
        for name, table in _dimensions().items()
    }
    lines["temperature"] = _temperature()
    return {
        name: {_canonical(spelling): conversion for spelling, conversion in table.items()}
        for name, table in lines.items()
    }


@cache
def _folded() -> dict[str, dict[str, Conversion]]:
    """The same without regard to case, leaving out what would then mean two things."""
    folded: dict[str, dict[str, Conversion]] = {}
    for dimension, table in _table().items():
        meanings: dict[str, set[Conversion]] = {}
        for spelling, conversion in table.items():
            if spelling.split("/")[0] not in EXACT_CASE:
                meanings.setdefault(spelling.casefold(), set()).add(conversion)
        folded[dimension] = {spelling: lines.pop() for spelling, lines in meanings.items() if len(lines) == 1}
    return folded


def conversion_to(source_unit: str, unit: str) -> Conversion:
    """The conversion from a unit as written to a unit of the catalogue. Raises UnknownUnitError."""
    dimension = OF_CATALOGUE[unit]
    table, spelling = _table()[dimension], _canonical(source_unit)
    conversion = table.get(spelling)
    if conversion is None and spelling.partition("/")[0] not in EXACT_CASE:
        conversion = _folded()[dimension].get(spelling.casefold())
    if conversion is None:
        message = "%(unit)s is not known as a unit of this quantity."
        raise UnknownUnitError(message, field="unit", values={"unit": repr(source_unit[:LONGEST_UNIT])})
    target = table[_canonical(unit or "1")]
    return Conversion(conversion.factor / target.factor, (conversion.offset - target.offset) / target.factor)


# What measures what no variable of the catalogue does: kept beside its values as it is written, never converted.
SHOWN_ONLY = {
    "mv",
    "v",
    "a",
    "ma",
    "kw",
    "kwh",
    "wh",
    "w",
    "mw",
    "mwh",
    "hz",
    "khz",
    "rpm",
    "db",
    "dbm",
    "ntu",
    "m3",
    "m3/h",
    "ms",
}
SHOWN_ONLY |= {
    "us",
    "m3/min",
    "l",
    "ml",
    "l/h",
    "l/min",
    "l/s",
    "m3/s",
    "l/hr",
    "gpm",
    "cfm",
    "j",
    "kj",
    "mj",
    "kg/h",
    "g/h",
    "bpm",
}
SHOWN_ONLY |= {
    "umol",
    "mol",
    "µs",
    "cbar",
    "cb",
    "db(a)",
    "nm",
    "kohm",
    "ohm",
    "va",
    "kva",
    "lm",
    "g/l",
    "l/plant",
    "ml/plant",
}
# Spellings that people write in brackets for other things: least, inside, number, left, a plant, trap counts.
NO_UNITS_IN_NAMES = {
    "1",
    "-",
    "#",
    "no",
    "nr",
    "count",
    "score",
    "dimensionless",
    "ratio",
    "fraction",
    "pcs",
    "in",
    "t",
    "ac",
    "mi",
}
NO_UNITS_IN_NAMES |= {
    "min",
    "s",
    "h",
    "d",
    "sec",
    "day",
    "days",
    "hour",
    "hours",
    "week",
    "minute",
    "second",
    "r",
    "l",
    "ly",
    "fc",
}
NO_UNITS_IN_NAMES |= {
    "plant",
    "plants",
    "stem",
    "stems",
    "head",
    "heads",
    "truss",
    "trusses",
    "m",
    "e",
    "foot",
    "ph",
    "cc",
    "wk",
    "kt",
}


@cache
def is_unit(text: str) -> bool:
    """Whether a text in a heading is a unit. What could as well be part of a name is none."""
    plain_text = text.strip()
    if not plain_text or len(plain_text) > LONGEST_UNIT or plain_text.isdecimal():
        return False
    if plain_text.casefold() in NO_UNITS_IN_NAMES:
        return False
    spelling = _canonical(plain_text)
    if spelling.casefold() in SHOWN_ONLY:
        return True
    exact = spelling.partition("/")[0] in EXACT_CASE
    return any(
        spelling in table or (not exact and spelling.casefold() in _folded()[dimension])
        for dimension, table in _table().items()
        if dimension != "count"
    )


def convertible(source_unit: str, unit: str) -> bool:
    """Whether a unit as written measures the same quantity as a unit of the catalogue."""
    try:
        conversion_to(source_unit, unit)
    except UnknownUnitError:
        return False
    return True


def to_unit(value: float, source_unit: str, unit: str) -> float:
    """A value in the unit as written, in `unit`; without a unit it is taken to be in `unit` already. Raises UnknownUnitError."""
    if not source_unit:
        return value
    conversion = conversion_to(source_unit, unit)
    return value if conversion == UNCHANGED else round(value * conversion.factor + conversion.offset, 9)
