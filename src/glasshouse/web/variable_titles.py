"""Titles of variables in the reader's language. `crop_contract`, which has them, knows nothing of languages."""

from functools import lru_cache

from django.utils.translation import get_language, gettext, gettext_noop

from crop_contract.variables import VARIABLES

# Each title of `crop_contract.variables`, or what stands before its element ("Drain water: Ca").
TITLES = {
    gettext_noop("Absolute humidity"),
    gettext_noop("Acid"),
    gettext_noop("Air temperature"),
    gettext_noop("Bite (force)"),
    gettext_noop("CO2 concentration"),
    gettext_noop("CO2 dosed"),
    gettext_noop("Daily light integral"),
    gettext_noop("Dew point"),
    gettext_noop("Drain"),
    gettext_noop("Drain water"),
    gettext_noop("Dry matter of the fruit"),
    gettext_noop("Electricity, off-peak"),
    gettext_noop("Electricity, peak"),
    gettext_noop("Flavour score"),
    gettext_noop("Fruit weight, class A"),
    gettext_noop("Fruit weight, class B"),
    gettext_noop("Fruits, class A"),
    gettext_noop("Fruits, class B"),
    gettext_noop("Global radiation"),
    gettext_noop("Harvest, class A"),
    gettext_noop("Harvest, class B"),
    gettext_noop("Heat"),
    gettext_noop("Humidity deficit"),
    gettext_noop("Illuminance"),
    gettext_noop("Irrigation"),
    gettext_noop("Irrigation water"),
    gettext_noop("Juice"),
    gettext_noop("Outdoor absolute humidity"),
    gettext_noop("Outdoor humidity"),
    gettext_noop("Outdoor photosynthetic radiation"),
    gettext_noop("Outdoor temperature"),
    gettext_noop("Photosynthetic radiation"),
    gettext_noop("Plant density"),
    gettext_noop("Plant temperature"),
    gettext_noop("Radiation sum"),
    gettext_noop("Rain"),
    gettext_noop("Relative humidity"),
    gettext_noop("Sky infrared (pyrgeometer)"),
    gettext_noop("Slab EC"),
    gettext_noop("Slab temperature"),
    gettext_noop("Slab water content"),
    gettext_noop("Soil temperature"),
    gettext_noop("Soluble solids (Brix)"),
    gettext_noop("Stem density"),
    gettext_noop("Stem growth"),
    gettext_noop("Stem thickness"),
    gettext_noop("Truss development time"),
    gettext_noop("Trusses harvested"),
    gettext_noop("Trusses set (sum)"),
    gettext_noop("Vapour pressure deficit"),
    gettext_noop("Wind direction"),
    gettext_noop("Wind speed"),
}


def variable_title(title: str) -> str:
    """A variable's title in the reader's language; what is no variable's, such as a column of a file, as it is written."""
    whole, _, element = title.partition(": ")
    if title in TITLES:
        return gettext(title)
    return f"{gettext(whole)}: {element}" if element and whole in TITLES else title


def variable_choices() -> tuple[tuple[str, str], ...]:
    """What a column of a file may mean: "-" (left out), then each variable's id, with its title in the reader's language."""
    return _choices(get_language() or "en")


@lru_cache(maxsize=16)
def _choices(_language: str) -> tuple[tuple[str, str], ...]:
    titles = sorted((variable_title(variable.title), variable.id, variable.symbol) for variable in VARIABLES.values())
    choices = ((name, f"{title} ({symbol})" if symbol else title) for title, name, symbol in titles)
    return (("-", gettext("left out")), *choices)


def variable_of(text: str) -> str:
    """The variable that a form says: by its id, or as `variable_choices` shows it; what is neither stays as it is."""
    plain = text.strip()
    if plain in VARIABLES:
        return plain
    by_label = {label.casefold(): name for name, label in variable_choices()}
    return by_label.get(plain.casefold(), plain)
