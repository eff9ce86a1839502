"""The variables that growers measure: names, units, and the range outside which a value is implausible."""

from dataclasses import dataclass

SYMBOLS = {
    "1/m**2": "1/m²",
    "L/m**2": "L/m²",
    "MJ/m**2": "MJ/m²",
    "W/m**2": "W/m²",
    "cm/week": "cm/week",
    "deg": "°",
    "degC": "°C",
    "delta_degC": "°C",
    "g/m**3": "g/m³",
    "J/cm**2": "J/cm²",
    "kWh/m**2": "kWh/m²",
    "kg/m**2": "kg/m²",
    "klx": "klx",
    "micromole/L": "µmol/L",
    "micromole/m**2/s": "µmol/m²/s",
    "millimole/L": "mmol/L",
    "mol/m**2/day": "mol/m²/d",
    "percent": "%",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One measured quantity. unit: as pint writes it; least, most: plausible range in that unit; names: other names of it."""

    id: str
    title: str
    unit: str
    least: float
    most: float
    colour: str
    names: tuple[str, ...] = ()

    @property
    def symbol(self) -> str:
        """The unit as people write it, as in "µmol/m²/s"."""
        return SYMBOLS.get(self.unit, self.unit)


CLIMATE = (
    Variable("air_temp", "Air temperature", "degC", -40, 65, "#c2410c", ("temperature", "temp", "t_air", "tair", "ta")),
    Variable(
        "air_rh", "Relative humidity", "percent", 0, 105, "#0369a1", ("humidity", "rh", "rhair", "relative_humidity")
    ),
    Variable(
        "vpd", "Vapour pressure deficit", "kPa", 0, 10, "#7c3aed", ("vapour_pressure_deficit", "vapor_pressure_deficit")
    ),
    Variable("dew_point", "Dew point", "degC", -50, 40, "#0f766e", ("dewpoint", "td")),
    Variable("humidity_deficit", "Humidity deficit", "g/m**3", 0, 80, "#6d28d9", ("hd", "hdair")),
    Variable("abs_humidity", "Absolute humidity", "g/m**3", 0, 80, "#1e40af", ("abshum", "absolute_humidity")),
    Variable("co2", "CO2 concentration", "ppm", 150, 10000, "#57534e", ("co2air", "carbon_dioxide")),
    Variable("par", "Photosynthetic radiation", "micromole/m**2/s", 0, 3000, "#a16207", ("ppfd", "tot_par")),
    Variable("dli", "Daily light integral", "mol/m**2/day", 0, 90, "#ca8a04", ("daily_light_integral",)),
    Variable("illuminance", "Illuminance", "klx", 0, 200, "#b45309", ("solar_radiation", "lux", "light")),
    Variable(
        "plant_temp",
        "Plant temperature",
        "degC",
        -20,
        65,
        "#15803d",
        ("plant_temperature", "leaf_temp", "leaf_temperature"),
    ),
)
ROOTS = (
    Variable("slab_ec", "Slab EC", "dS/m", 0, 20, "#6d28d9", ("ec", "ec_slab")),
    Variable(
        "slab_wc",
        "Slab water content",
        "percent",
        0,
        100,
        "#1d4ed8",
        ("wc", "wc_slab", "water_content", "vwc", "substrate_vwc"),
    ),
    Variable("slab_temp", "Slab temperature", "degC", -10, 60, "#be123c", ("t_slab", "substrate_temperature")),
    Variable("soil_temp", "Soil temperature", "degC", -20, 60, "#9f1239", ("soil_temperature", "t_soil")),
    Variable("ph", "pH", "", 0, 14, "#0f766e"),
    Variable("irrigation", "Irrigation", "L/m**2", 0, 100, "#0e7490", ("irr",)),
    Variable("drain", "Drain", "L/m**2", 0, 100, "#155e75"),
)
OUTDOORS = (
    Variable("outdoor_temp", "Outdoor temperature", "degC", -60, 60, "#9a3412", ("tout",)),
    Variable("outdoor_rh", "Outdoor humidity", "percent", 0, 105, "#075985", ("rhout",)),
    Variable("outdoor_abs_humidity", "Outdoor absolute humidity", "g/m**3", 0, 60, "#1e40af", ("abshumout",)),
    Variable("global_radiation", "Global radiation", "W/m**2", 0, 1500, "#ca8a04", ("iglob", "radiation")),
    Variable("outdoor_par", "Outdoor photosynthetic radiation", "micromole/m**2/s", 0, 3000, "#a16207", ("parout",)),
    Variable("radiation_sum", "Radiation sum", "J/cm**2", 0, 4500, "#854d0e", ("radsum",)),
    Variable("net_infrared", "Sky infrared (pyrgeometer)", "W/m**2", -300, 100, "#7f1d1d", ("pyrgeo",)),
    Variable("rain", "Rain", "", 0, 1000, "#1d4ed8"),
    Variable("wind_speed", "Wind speed", "m/s", 0, 80, "#475569", ("windsp", "wind")),
    Variable("wind_direction", "Wind direction", "deg", 0, 360, "#64748b", ("winddir",)),
)
CROP = (
    Variable("stem_growth", "Stem growth", "cm/week", 0, 60, "#15803d", ("stem_elong", "stem_elongation")),
    Variable("stem_thickness", "Stem thickness", "mm", 0, 40, "#166534", ("stem_thick",)),
    Variable("trusses", "Trusses set (sum)", "", 0, 100, "#be123c", ("cum_trusses",)),
    Variable("stem_density", "Stem density", "1/m**2", 0, 20, "#4d7c0f", ("stem_dens",)),
    Variable("plant_density", "Plant density", "1/m**2", 0, 50, "#3f6212", ("plant_dens",)),
    Variable("harvest", "Harvest, class A", "kg/m**2", 0, 20, "#b91c1c", ("proda", "production", "yield")),
    Variable("harvest_b", "Harvest, class B", "kg/m**2", 0, 20, "#b45309", ("prodb",)),
    Variable("trusses_harvested", "Trusses harvested", "", 0, 50, "#9f1239", ("avg_nr_harvested_trusses",)),
    Variable("truss_days", "Truss development time", "day", 0, 200, "#a16207", ("truss_development_time",)),
    Variable("fruits", "Fruits, class A", "", 0, 100_000, "#dc2626", ("nr_fruits_classa",)),
    Variable("fruits_b", "Fruits, class B", "", 0, 100_000, "#ea580c", ("nr_fruits_classb",)),
    Variable("fruit_weight", "Fruit weight, class A", "g", 0, 200_000, "#e11d48", ("weight_fruits_classa",)),
    Variable("fruit_weight_b", "Fruit weight, class B", "g", 0, 200_000, "#c2410c", ("weight_fruits_classb",)),
    Variable("flavour", "Flavour score", "", 0, 100, "#be185d"),
    Variable("sugar", "Soluble solids (Brix)", "percent", 0, 30, "#a21caf", ("tss", "brix")),
    Variable("acid", "Acid", "millimole/L", 0, 1000, "#4d7c0f"),
    Variable("juice", "Juice", "percent", 0, 100, "#0e7490"),
    Variable("bite", "Bite (force)", "", 0, 1000, "#57534e"),
    Variable("dry_matter", "Dry matter of the fruit", "percent", 0, 40, "#78350f", ("dmc_fruit",)),
)
RESOURCES = (
    Variable("heat", "Heat", "MJ/m**2", 0, 50, "#b91c1c", ("heat_cons",)),
    Variable("electricity_peak", "Electricity, peak", "kWh/m**2", 0, 10, "#7c3aed", ("elechigh",)),
    Variable("electricity_offpeak", "Electricity, off-peak", "kWh/m**2", 0, 10, "#4338ca", ("eleclow",)),
    Variable("co2_dosed", "CO2 dosed", "kg/m**2", 0, 5, "#44403c", ("co2_cons",)),
)
IONS = {
    "millimole/L": ("NH4", "K", "Na", "Ca", "Mg", "Si", "NO3", "Cl", "SO4", "HCO3", "PO4"),
    "micromole/L": ("Fe", "Mn", "Zn", "B", "Cu", "Mo"),
}
WATERS = (("irr", "Irrigation water", "#0e7490"), ("drain", "Drain water", "#155e75"))
LABORATORY = tuple(
    variable
    for water, title, colour in WATERS
    for variable in (
        Variable(f"{water}_ph", f"{title}: pH", "", 0, 14, colour),
        Variable(f"{water}_ec", f"{title}: EC", "dS/m", 0, 20, colour),
        *(
            Variable(f"{water}_{ion.lower()}", f"{title}: {ion}", unit, 0, 500, colour)
            for unit, ions in IONS.items()
            for ion in ions
        ),
    )
)
VARIABLES = {variable.id: variable for variable in (*CLIMATE, *ROOTS, *OUTDOORS, *CROP, *RESOURCES, *LABORATORY)}
_BY_NAME = {name: variable for variable in VARIABLES.values() for name in (variable.id, *variable.names)}


def recognise(name: str) -> Variable | None:
    """The variable that the name of a field or column most likely means; None if none is known.

    Case, a "%" and a number at the end of the name do not matter.
    """
    normal = name.strip(" %").lower().replace(" ", "_")
    bare = normal.rstrip(
        "0123456789"
    )  # No regular expression: a device chooses its fields' names, and they may be long.
    if bare != normal and bare.endswith("_"):
        bare = bare[:-1]
    return _BY_NAME.get(normal) or _BY_NAME.get(bare)
