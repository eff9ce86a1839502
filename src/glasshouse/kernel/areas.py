"""Modules of a known name (`schedule.py`, `sql.py`) that areas bring: found here, listed nowhere."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.apps import apps


def modules(name: str) -> Iterator[ModuleType]:
    """The module of that name of each area that has one, in the order of the installed areas. Django must be set up."""
    for config in apps.get_app_configs():
        place = f"{config.name}.{name}"
        if config.name.startswith("glasshouse.") and find_spec(place):
            yield import_module(place)
