"""The promise checks, one module an area. A check is found because its module stands in this folder."""

import importlib
import pkgutil


def load() -> None:
    """Import every module of this package; each registers its checks. Raises RegistrationError, or what an import raises."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
