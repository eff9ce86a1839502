"""The breakages of the promises, one module an area. A module is found because it stands in this folder."""

import importlib
import pkgutil

from glasshouse.promises.breakage import Breakage
from glasshouse.promises.register import REGISTER


class BreakageError(Exception):
    """A breakage breaks an unknown promise, or has the name of another."""


def load() -> list[Breakage]:
    """Every breakage, in the order of the promises. Raises BreakageError, or what an import raises."""
    breakages: list[Breakage] = []
    for module in pkgutil.iter_modules(__path__):
        breakages += importlib.import_module(f"{__name__}.{module.name}").BREAKAGES
    names: set[str] = set()
    for breakage in breakages:
        if unknown := {breakage.promise, *breakage.also} - REGISTER.keys():
            raise BreakageError(
                f"{breakage.name!r} breaks {', '.join(unknown)}, which is not in the register of promises."
            )
        if breakage.name in names:
            raise BreakageError(f"There are two breakages called {breakage.name!r}.")
        names.add(breakage.name)
    order = list(REGISTER)
    return sorted(breakages, key=lambda breakage: order.index(breakage.promise))
