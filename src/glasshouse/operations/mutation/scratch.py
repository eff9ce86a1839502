"""The scratch service: a copy of the source, fresh folders and keys, free ports, its own supervisor; gone at the end.

Rules: it is always made here, never found: a folder that holds anything is refused, so no breakage can meet a customer. None of
our own variables is passed on to it, so that it knows neither the operator's mail server nor any other way out.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import IO, Any, NamedTuple

import psycopg

from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.mutation.mail_server import MailServer
from glasshouse.operations.ports import is_free
from glasshouse.operations.service import uninterrupted

SOURCE = Path(__file__).resolve().parents[3]
# Its checks run when they are asked to, and at no other time.
LEFT_OUT = Path("glasshouse") / "promises" / "schedule.py"
# Below the ports that systems give to outgoing connections, and apart from those of the tests.
FIRST_PORT, LAST_PORT, PORTS = 12_000, 19_990, 4
STOP_S, CHECK_S = 60.0, 600.0
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
OF_AN_INSTALLATION = ("running.lock", "people/PG_VERSION", "people/lookup.key", "tls/ca.key")


class ScratchError(InstallationError):
    """The scratch service cannot be made, or does not do as it is told."""


class Result(NamedTuple):
    """What a check of the scratch service said."""

    state: str
    figure: str


def refuse_used(folder: Path) -> None:
    """Raises ScratchError for a folder that holds anything, or that lies within the data or the keys of an installation."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScratchError(
            f"{folder} is not empty. Breakages are applied to a fresh scratch service only: name a folder that is not there yet."
        )
    for parent in folder.resolve().parents:
        if any((parent / name).exists() for name in OF_AN_INSTALLATION):
            raise ScratchError(f"{folder} lies within {parent}, which belongs to an installation. Name another folder.")


def free_port() -> int:
    """The first of PORTS free ports side by side. Raises ScratchError."""
    ports = list(range(FIRST_PORT, LAST_PORT, 10))
    SystemRandom().shuffle(ports)
    for port in ports:
        if all(map(is_free, range(port, port + PORTS))):
            return port
    raise ScratchError("No free ports side by side are left for the scratch service.")


@dataclass(slots=True)
class Scratch:
    """A running scratch service. variables: with which the parts run now, and the checks. Is a `Place` for breakages."""

    folder: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    _child: subprocess.Popen[str] | None = None
    _mail_server: MailServer | None = None
    _processes: dict[str, int] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The copied source."""
        return self.folder / "src"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def keys(self) -> Path:
        """The folder of the keys."""
        return self.folder / "keys"

    @property
    def crops_port(self) -> int:
        """Port of the crops service."""
        return self.port + 1

    @property
    def mail_port(self) -> int:
        """Port of inbound SMTP."""
        return self.port + 2

    def start(self) -> None:
        """Copy the source, start every part, make the cases. Raises ScratchError."""
        shutil.copytree(SOURCE, self.source, ignore=shutil.ignore_patterns("__pycache__"))
        (self.source / LEFT_OUT).unlink()
        self.variables = {
            "GLASSHOUSE_SMTP_HOST": "localhost",
            "GLASSHOUSE_SMTP_PORT": str(self.port + 3),
            "GLASSHOUSE_SMTP_CA": str(self.keys / "tls" / "ca.crt"),
        }
        command = [sys.executable, "-m", "glasshouse.operations.mutation.supervisor", *self._place()]
        with (self.folder / "supervisor.log").open("ab") as log:
            self._child = subprocess.Popen(
                command,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C reaches us alone; the end of its input ends it.
            )
        self._answer()
        self._mail_server = MailServer(self.port + 3, self.keys / "tls")
        self._mail_server.start()
        self._python("-m", "glasshouse.cli.cases", *self._place())

    def stop(self) -> None:
        """Stop every part. Safe to repeat."""
        if self._mail_server is not None:
            self._mail_server.stop()
        if (child := self._child) is None:
            return
        for pid in self._processes.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)  # A breakage may have stopped it.
        with suppress(OSError):
            _stream(child.stdin).close()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _stream(child.stdout).close()
        self._child = None

    def check(self, promises: Sequence[str]) -> dict[str, Result]:
        """Run checks by the copy's own command line, all of them where none is named; results by promise. Raises ScratchError."""
        rows = json.loads(self._python("-m", "glasshouse.cli", "promises", *self._options(), "--json", *promises))
        return {row["id"]: Result(row["state"], row["figure"]) for row in rows if row["state"] != "not checked"}

    def restart(self, parts: Sequence[str], variables: Mapping[str, str | None] = {}, user: str = "") -> None:
        """Start parts again, with other variables (None: without it), and wait for their doors. Raises ScratchError.

        user: the part as whose user they run; each as its own unless named.
        """
        self._tell({"verb": "restart", "parts": list(parts), "variables": dict(variables), "user": user})

    def migrate(self) -> None:
        """Bring tables, rights and policies to the state that the copied source wants. Raises ScratchError."""
        self._tell({"verb": "migrate"})

    def process_of(self, part: str) -> int:
        """The process number of a part."""
        return self._processes[part]

    def execute(self, sql: str, database: str = "people") -> None:
        """Execute SQL as the store's administrator. Raises ScratchError."""
        try:
            with postgres.store_of(self._home, database).administering(database) as link:
                link.execute(sql.encode())  # of our own breakages; several statements at once are one transaction
        except psycopg.Error as error:
            raise ScratchError(f"The database refused the breakage: {error}") from error

    @property
    def _home(self) -> Installation:
        return Installation(self.data, self.keys, self.port, self.crops_port, self.mail_port, demo=True)

    def without_mail_server(self) -> AbstractContextManager[None]:
        """While the block lasts, the mail server is not there."""
        if self._mail_server is None:
            raise ScratchError("The scratch service does not run.")
        return self._mail_server.away()

    def _place(self) -> list[str]:
        return [str(self.data), str(self.keys), str(self.port)]

    def _options(self) -> list[str]:
        return ["--data", str(self.data), "--keys", str(self.keys), "--port", str(self.port), "--demo"]

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return inherited | self.variables | {"PYTHONPATH": str(self.source)}

    def _python(self, *arguments: str) -> str:
        finished = subprocess.run(
            [sys.executable, *arguments],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=CHECK_S,
        )
        if finished.returncode not in (0, 1):
            raise ScratchError(f"The scratch service's own command failed: {finished.stderr.strip()[-2000:]}")
        return finished.stdout

    def _tell(self, command: dict[str, object]) -> None:
        if self._child is None:
            raise ScratchError("The scratch service does not run.")
        try:
            _stream(self._child.stdin).write(json.dumps(command) + "\n")
            _stream(self._child.stdin).flush()
        except OSError as error:
            raise ScratchError("The scratch service has ended.") from error
        self._answer()

    def _answer(self) -> None:
        line = _stream(self._child.stdout).readline() if self._child else ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it has ended"}
        if "error" in answer:
            raise ScratchError(f"The scratch service: {answer['error']}. Its own words are in {self.folder}.")
        self._processes = answer["processes"]


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ScratchError("The scratch service does not run.")
    return stream


@contextmanager
def scratch(folder: Path | None) -> Iterator[Scratch]:
    """A running scratch service for the length of the block, in a folder that is removed with all in it. None: a temporary one.

    Raises ScratchError.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="glasshouse-mutate-"))
    else:
        refuse_used(folder)
        folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    folder.chmod(0o755)  # The store has a user of its own.
    service = Scratch(folder, free_port())
    try:
        service.start()
        yield service
    finally:
        with uninterrupted(signal.SIGTERM, signal.SIGHUP):
            service.stop()
            shutil.rmtree(folder, ignore_errors=True)
