"""The file reader, as checks ask it: what lies in the files of all stores and in the processes of all parts.

A check runs in the worker, whose user may read neither. `file_reading.py` says what the reader answers, and what it never does.
"""

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from glasshouse.kernel import users
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.places import reader_socket_folder
from glasshouse.promises.file_reading import EVERYWHERE, IN_CROPS, IN_LOGS
from glasshouse.promises.findings import Steps

SOCKET = "socket"
QUIET_S, WHOLE_S = 30.0, 600.0  # without a sign of progress; in all
MOST_LINE = 4 << 20
BUSY_S = 0.2


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found. places: those that hold a text; count: files that were read; passed: that nobody had changed since
    they were read; left: old files for which there was no time.
    """

    count: int
    passed: int
    left: int
    places: list[str]

    @property
    def extent(self) -> str:
        """How many files were looked at, in words."""
        old = f"{self.passed} that nobody changed since they were read" if self.passed else ""
        left = f"{self.left} older than the texts, to be read by the next looks" if self.left else ""
        more = ", ".join(filter(None, (old, left)))
        return f"{self.count} files{f' (besides {more})' if more else ''}"


@dataclass(frozen=True, slots=True)
class CropFiles:
    """Files of the crop store's disk. unsealed: those without the engine's mark of an encrypted file."""

    count: int
    unsealed: list[str]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file or folder of the keys, as the kernel tells of it. mode: with the bits of its kind."""

    name: str
    uid: int
    gid: int
    mode: int

    @property
    def is_open(self) -> bool:
        """Whether others than its owner, and the parts that it is for, may use it."""
        return users.is_open(self.mode, self.gid)


@dataclass(frozen=True, slots=True)
class Keys:
    """How the keys lie. shared: how many are in more than one file; linked: how many links of the data folder lead to them."""

    lying: list[KeyFile]
    shared: int
    linked: int


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this deployment.

    part: "" for one that is none itself; users: real, effective, saved, of files; capabilities: bits of the effective ones.
    key_places: the planes whose keys' place it was started with; open: its files below the folders of data and keys.
    listens_at: (address, port).
    """

    number: int
    program: str
    part: str
    users: list[int]
    groups: list[int]
    capabilities: int
    key_places: list[str]
    open: list[str]
    listens_at: list[tuple[str, int]]


def look(texts: list[str], *, began: float, secrets: tuple[bytes, ...] = ()) -> Search:
    """Search for texts wherever processes of ours can write, and for the bytes of secrets. began: epoch s; no text is older.

    Raises UnavailableError.
    """
    return _search(EVERYWHERE, texts, began, secrets)


def tell_elsewhere(steps: Steps) -> None:
    """Tell, after a look, which stores' files it could not see, so that the promise is not verified by looking past them."""
    servers = {"people store": settings.PEOPLE_SERVER, "key store": settings.KEYS_SERVER}
    if elsewhere := " and the ".join(store for store, server in servers.items() if server):
        # In one line: the figure of a check holds three hundred characters.
        steps.cannot_tell(
            f"the files of the {elsewhere} lie on servers of the operator's, where nothing of ours reads them"
        )


def look_in_crops(texts: list[str], *, began: float) -> Search:
    """The same in what the crop plane has written since then. Raises UnavailableError."""
    return _search(IN_CROPS, texts, began)


def look_in_logs(texts: list[str], *, began: float) -> Search:
    """The same in what has been logged since then. Raises UnavailableError."""
    return _search(IN_LOGS, texts, began)


def _search(within: str, texts: list[str], began: float, secrets: tuple[bytes, ...] = ()) -> Search:
    question = {"verb": "search", "within": within, "texts": texts, "began": began}
    return Search(**_ask(question | {"secrets": [secret.hex() for secret in secrets]}))


def crop_files() -> CropFiles:
    """The files of the crop store's disk. Raises UnavailableError."""
    return CropFiles(**_ask({"verb": "crop files"}))


def keys() -> Keys:
    """How the keys of both planes, of the stores and of the listeners lie. Raises UnavailableError."""
    facts = _ask({"verb": "keys"})
    return Keys([KeyFile(**fact) for fact in facts["lying"]], facts["shared"], facts["linked"])


def processes() -> list[Process]:
    """The processes of this deployment on this machine. Raises UnavailableError where there is none, or none may be looked at."""
    return [
        Process(**fact | {"listens_at": [(str(address), int(port)) for address, port in fact["listens_at"]]})
        for fact in _ask({"verb": "processes"})
    ]


def openable(process: Process) -> list[str] | None:
    """What the user of a process can open, tried as that user: "keys/FOLDER/FILE", "data/FOLDER/" and the like.

    None: nobody may become that user here. Raises UnavailableError.
    """
    names: list[str] | None = _ask({"verb": "trial", "process": process.number})
    return names


def ask(data: Path, question: dict[str, Any], *, whole_s: float = WHOLE_S) -> Any:
    """The reader's answer. data: whose reader; whole_s: how long to wait. Raises UnavailableError.

    Ending earlier hangs up, and the reader ends its work with that.
    """
    ends = time.monotonic() + whole_s
    while time.monotonic() < ends:
        try:
            said = _heard(reader_socket_folder(data) / SOCKET, question, ends)
        except (OSError, ValueError) as error:
            raise UnavailableError("The file reader does not answer.") from error
        if "answer" in said:
            return said["answer"]
        if said.get("error") != "busy":
            raise UnavailableError(f"The file reader could not look: {said.get('error')}.")
        time.sleep(BUSY_S)
    raise UnavailableError("The file reader has too much to do.")


def _heard(path: Path, question: dict[str, Any], ends: float) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(QUIET_S)
        link.connect(str(path))
        with suppress(BrokenPipeError):  # It is busy, and has said so already.
            link.sendall(json.dumps(question).encode() + b"\n")
        with link.makefile("rb") as lines:
            while time.monotonic() < ends:
                said = json.loads(lines.readline(MOST_LINE) or b"null")
                if not isinstance(said, dict):
                    raise ValueError("It hung up.")
                if "progress" not in said:
                    return said
    raise TimeoutError


def _ask(question: dict[str, Any]) -> Any:
    return ask(Path(settings.DATA_FOLDER), question)
