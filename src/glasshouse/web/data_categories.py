"""Everything personal that is held, by category."""

from typing import NamedTuple

from glasshouse.vault.datamap import NAMES, Class, people_rows


class Category(NamedTuple):
    """A category of personal data, and its name in plain words."""

    id: str
    name: str


def categories() -> list[Category]:
    """The categories of everything personal that is held, by name."""
    entries = [column.entry for column in people_rows([]) if column.entry]
    categories_held = {entry.category for entry in entries if entry.classification is Class.PERSONAL}
    return sorted((Category(id, NAMES[id]) for id in categories_held), key=lambda category: category.name)
