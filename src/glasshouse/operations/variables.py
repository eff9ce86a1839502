"""The environment variables of an installation. The settings module is the one place that says which there are.

What it reads is passed on to every part, so no variable can be read and forgotten on the way; what it does not read is refused,
so that a misspelt name does not go unnoticed.
"""

import ast
import difflib
import os
from functools import cache
from pathlib import Path

from glasshouse.operations import configuration
from glasshouse.operations.installation import LIMITS, InstallationError

PREFIX = "GLASSHOUSE_"
SETTINGS = Path(__file__).parents[1] / "web" / "settings.py"
# Set by `Installation.environment`, and by the start itself: never taken over from outside.
OF_THE_START = frozenset(
    PREFIX + name
    for name in (
        "CROPS_ORIGIN",
        "CROPS_REACHED",
        "DATA",
        "DEMO",
        "DOOR",
        "KEYS",
        "KEYSTORE",
        "KEYS_SERVER",
        "MAIL_PORT",
        "ONE_USER",
        "ORIGIN",
        "PEOPLE_SERVER",
        "PROCESS",
        "PROXY_DOOR",
        "ROLE",
        "TESTING",
        "TLS",
        "WEB_LISTENS",
        "WEB_REACHED",
    )
)
# Read by the command line alone.
OF_THE_COMMAND_LINE = frozenset(PREFIX + name for name in ("CHROMIUM", "PASSWORD", "ROOT", "TOKEN"))
# Who runs the installation: the privacy notice must say it, and says plainly what is missing.
OF_THE_OPERATOR = {
    "GLASSHOUSE_OPERATOR_NAME": "its name",
    "GLASSHOUSE_OPERATOR_ADDRESS": "its postal address",
    "GLASSHOUSE_PRIVACY_OFFICER": "its privacy officer",
    "GLASSHOUSE_PRIVACY_ADDRESS": "its privacy address",
    "GLASSHOUSE_SUPERVISORY_AUTHORITY": "the supervisory authority",
}
# Limits of the crops service, which `Installation.crops_environment` passes on under names of its own.
OF_THE_CROPS = frozenset(PREFIX + name for name in LIMITS)


@cache
def read_by(module: Path) -> frozenset[str]:
    """The names of our variables that stand in a module's source."""
    nodes = ast.walk(ast.parse(module.read_text()))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return frozenset(text for text in texts if text.startswith(PREFIX) and text.replace("_", "").isalnum())


def passed() -> dict[str, str]:
    """The variables of our own environment that the parts of the people plane are given: all that the settings read."""
    names = read_by(SETTINGS) - OF_THE_START
    return {name: os.environ[name] for name in sorted(names) if name in os.environ}


def refuse_unknown() -> None:
    """Check that something reads every variable of Glasshouse in the environment, and what only the crop plane reads.

    Raises InstallationError.
    """
    known = read_by(SETTINGS) | OF_THE_START | OF_THE_COMMAND_LINE | OF_THE_CROPS | configuration.VARIABLES
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known - OF_THE_START, n=1, cutoff=0)
            raise InstallationError(
                f"The environment variable {name} is not known. Did you mean {near[0]}? Correct it or unset it."
            )
    for name in sorted(OF_THE_CROPS & os.environ.keys()):
        text = os.environ[name]
        if text and not (text.isascii() and text.isdecimal() and int(text[:12]) >= 1):
            raise InstallationError(f"{name} is {text[:40]!r}. Write a whole number of 1 or more, or unset it.")


def unnamed_operator() -> list[str]:
    """What the operator of this installation has not said of itself in our own environment, with the variable that says it."""
    return [f"{what} ({name})" for name, what in OF_THE_OPERATOR.items() if not os.environ.get(name, "").strip()]
