"""The field's variables: what they are called, their unit, and the range outside which a reading is implausible."""

from dataclasses import dataclass

SYMBOLS = {
    "L/m**2": "L/m²",
    "W/m**2": "W/m²",
    "degC": "°C",
    "micromole/m**2/s": "µmol/m²/s",
    "percent": "%",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One measured quantity. unit as pint reads it; least and most: plausible range in that unit; colour: CSS hex."""

    id: str
    title: str
    unit: str
    least: float
    most: float
    colour: str
    names: tuple[str, ...] = ()

    @property
    def symbol(self) -> str:
        """The unit as people write it."""
        return SYMBOLS.get(self.unit, self.unit)


VARIABLES = {
    variable.id: variable
    for variable in (
        Variable("air_temp", "Air temperature", "degC", -40, 65, "#c2410c", ("temperature", "temp", "t_air", "tair")),
        Variable(
            "air_rh",
            "Relative humidity",
            "percent",
            0,
            105,
            "#0369a1",
            ("humidity", "rh", "rhair", "relative_humidity"),
        ),
        Variable("co2", "CO2 concentration", "ppm", 150, 10000, "#57534e", ("co2air", "carbon_dioxide")),
        Variable(
            "par", "Photosynthetic radiation", "micromole/m**2/s", 0, 3000, "#a16207", ("ppfd", "parout", "tot_par")
        ),
        Variable("slab_ec", "Slab EC", "dS/m", 0, 20, "#6d28d9", ("ec", "ec_slab1", "ec_slab2")),
        Variable(
            "slab_wc",
            "Slab water content",
            "percent",
            0,
            100,
            "#1d4ed8",
            ("wc", "wc_slab1", "wc_slab2", "water_content", "vwc"),
        ),
        Variable(
            "slab_temp",
            "Slab temperature",
            "degC",
            -10,
            60,
            "#be123c",
            ("t_slab1", "t_slab2", "soil_temp", "soil_temperature", "substrate_temperature"),
        ),
        Variable("ph", "pH", "", 0, 14, "#0f766e"),
        Variable("irrigation", "Irrigation", "L/m**2", 0, 100, "#0e7490", ("irr",)),
        Variable("drain", "Drain", "L/m**2", 0, 100, "#155e75"),
        Variable("global_radiation", "Global radiation", "W/m**2", 0, 1500, "#ca8a04", ("iglob", "radiation")),
        Variable("outdoor_temp", "Outdoor temperature", "degC", -60, 60, "#9a3412", ("tout",)),
    )
}
_BY_NAME = {name: v for v in VARIABLES.values() for name in (v.id, *v.names)}


def recognise(name: str) -> Variable | None:
    """The variable that a field or column name most likely means; None if it is not in the catalogue."""
    return _BY_NAME.get(name.strip().lower().replace(" ", "_"))
