"""Which release of Glasshouse this is, and whether it runs from a clone of the source or was installed from a wheel."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from glasshouse.kernel.errors import GlasshouseError

NAME, UNKNOWN = "glasshouse", "unknown"
SOURCE = Path(__file__).resolve().parents[2]


class CloneNeededError(GlasshouseError):
    """The command works on the source, and there is none: Glasshouse was installed from a wheel."""

    def __init__(self, command: str) -> None:
        super().__init__(
            f"“glasshouse {command}” works on the source, and this Glasshouse was installed from a wheel. "
            f"Clone the repository, and run ./glasshouse {command} there."
        )


def clone() -> Path | None:
    """The folder of the clone whose source this code is; None where it was installed, or was copied without its project."""
    root = SOURCE.parent
    return root if SOURCE.name == "src" and (root / "pyproject.toml").is_file() else None


def needed_clone(command: str) -> Path:
    """As `clone`, for a command that cannot do without. Raises CloneNeededError."""
    if (root := clone()) is None:
        raise CloneNeededError(command)
    return root


def program() -> str:
    """The command as it is typed: `./glasshouse` in a clone, `glasshouse` where it was installed."""
    return NAME if clone() is None else f"./{NAME}"


@cache
def version() -> str:
    """The version of this code: what `pyproject.toml` of the clone says, else the installed package's metadata."""
    if root := clone():
        return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])
    try:
        return installed_version(NAME)
    except PackageNotFoundError:  # A copy of the source, as `glasshouse mutate` makes one.
        return UNKNOWN


def lock() -> Path:
    """The file that names every dependency with its version and hashes: in the clone, or as the wheel brought it."""
    root = clone()
    return root / "requirements" / "main.lock" if root else SOURCE / NAME / "main.lock"
