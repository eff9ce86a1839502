"""Everything personal that is held, by category."""

from glasshouse.vault.datamap import NAMES, Class, people_rows


def categories() -> list[tuple[str, str]]:
    """(category, its plain name) of everything personal that is held."""
    entries = [column.entry for column in people_rows([]) if column.entry]
    categories_held = {entry.category for entry in entries if entry.classification is Class.PERSONAL}
    return sorted(((category, NAMES[category]) for category in categories_held), key=lambda pair: pair[1])
