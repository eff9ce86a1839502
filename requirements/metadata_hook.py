"""Gives the wheel its dependencies: the lines of `main.in`, the one place that names them. Run by hatchling while it builds."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Requirements(MetadataHookInterface):
    """Fills in what `pyproject.toml` leaves to it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the dependencies. Raises OSError where `main.in` is not there."""
        lines = (Path(self.root) / "requirements" / "main.in").read_text().splitlines()
        metadata["dependencies"] = [line for line in (line.partition("#")[0].strip() for line in lines) if line]
