"""Everything personal that is held, by category."""

from glasshouse.vault.datamap import NAMES, Class, people_rows


def categories() -> list[tuple[str, str]]:
    """(category, its plain name) of everything personal that is held."""
    found = {one.entry.category for one in people_rows([]) if one.entry and one.entry.classification is Class.PERSONAL}
    return sorted(((one, NAMES[one]) for one in found), key=lambda pair: pair[1])
