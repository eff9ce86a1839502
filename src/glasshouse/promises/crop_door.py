"""The live door of the crops service, as a device of a probe uses it."""

import re
from typing import Any

import httpx
from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.straight import Straight
from glasshouse.promises import sockets
from glasshouse.promises.stage import Resident

ANSWERS_S = 20.0


def device(administrator: Resident, site: str, *, name: str = "Probe") -> str:
    """Register a device by the page of sites; returns its key, which the next page shows once. Raises UnavailableError."""
    visitor = administrator.visitor
    answer = visitor.submit(administrator.page("sites"), {"name": name}, action=f"/sites/{site}/devices")
    shown_key = re.search(r"<code[^>]*>\s*(gh_[A-Za-z0-9_-]+)", visitor.follow(answer).text)
    if shown_key is None:
        raise UnavailableError(f"A new device was answered {answer.status_code}, without a key.")
    return shown_key[1]


def ask(method: str, path: str, **parts: Any) -> httpx.Response:
    """What the crops service answers, whatever it is. Raises UnavailableError."""
    try:
        way = Straight(settings.CROPS_DOOR, sockets.context())
        with httpx.Client(transport=way, timeout=ANSWERS_S) as client:
            return client.request(method, f"{settings.CROPS_ORIGIN}{path}", **parts)
    except httpx.HTTPError as error:
        raise UnavailableError(f"The crops service did not answer {method} {path[:40]}.") from error


def write(key: str, line: str) -> httpx.Response:
    """What the crops service answers to a line of readings, sent as a device does. Raises UnavailableError."""
    return ask("POST", "/api/v2/write", content=line, headers={"Authorization": f"Token {key}"})


def send(key: str, line: str) -> None:
    """Send a line of readings as a device does. Raises UnavailableError where it is not taken."""
    answer = write(key, line)
    if answer.status_code != 204:
        raise UnavailableError(f"A probe's reading was answered {answer.status_code}.")
