"""Import every module of a package in a process of its own, for `glasshouse dev`, and see whether a migration is missing.

`python -P try_import.py SOURCE PACKAGE …`: what is wrong is printed in one line, with the exit code 1. It is run by its path and
imports nothing of ours by itself, so that it works while everything else is broken.
"""

import importlib
import os
import pkgutil
import sys
import traceback
from pathlib import Path


def _import_all(package: str) -> None:
    """Import a package with all modules below it, but the commands: those do something when they are run."""

    def failed(_: str) -> None:
        raise

    module = importlib.import_module(package)
    for module_info in pkgutil.walk_packages(module.__path__, f"{package}.", failed):
        if module_info.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module_info.name)


def _without_migration() -> list[str]:
    """Labels of the areas whose models have changed since their last migration. Asks no database."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(loader.graph)
    return sorted(changes)


def _described(error: BaseException, source: str) -> str:
    """An error in one line: the file of ours that it comes from, the line there, and what is wrong."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(source)]
    ours = [frame for frame in frames if frame.filename != str(Path(__file__).resolve())]
    place = f"{ours[-1].filename}, line {ours[-1].lineno}: " if ours else ""
    return f"{place}{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def main(source: str, packages: list[str]) -> int:
    """Print what is wrong, and return the exit code."""
    uses_django = "DJANGO_SETTINGS_MODULE" in os.environ
    try:
        if uses_django:
            importlib.import_module("django").setup()
        for package in packages:
            _import_all(package)
        areas = _without_migration() if uses_django else []
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it would end the part
        print(_described(error, source))
        return 1
    if areas:
        commands = ", ".join(f"./glasshouse makemigrations {area}" for area in areas)
        print(f"models have changed and their migration is missing: run {commands}")
    return 1 if areas else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
