"""`glasshouse up`: prepare the installation, start every part, tell when the front door is open."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from glasshouse.cli import postgres, tls
from glasshouse.cli.installation import Installation, InstallationError
from glasshouse.cli.processes import Part, Supervisor, lock
from glasshouse.kernel.places import socket_folder

Say = Callable[[str], None]
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
TEXTS = (
    "GLASSHOUSE_TEXT_PROVIDER",
    "GLASSHOUSE_TEXT_SECRET",
    "GLASSHOUSE_TEXT_COUNTRIES",
    "GLASSHOUSE_TEXTS_A_COUNTRY_A_DAY",
)
PASSED = (
    *TEXTS,
    "GLASSHOUSE_SMTP_HOST",
    "GLASSHOUSE_SMTP_PORT",
    "GLASSHOUSE_SMTP_USER",
    "GLASSHOUSE_SMTP_PASSWORD",
    "GLASSHOUSE_SMTP_CA",
)


def base_environment() -> dict[str, str]:
    """What every part is given of our own environment: no secret of anybody's shell travels along."""
    ours = {name: os.environ[name] for name in NEEDED if name in os.environ}
    return ours | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def people_environment(home: Installation) -> dict[str, str]:
    """The environment of the people plane's parts."""
    mail = {name: os.environ[name] for name in (*PASSED, "GLASSHOUSE_MAIL_FROM") if name in os.environ}
    return base_environment() | mail | home.environment()


@contextmanager
def running(home: Installation, say: Say) -> Iterator[Supervisor]:
    """Every part up and answering inside the block; all of them stopped after it. Raises InstallationError."""
    home.prepare()
    held = lock(home.data)
    supervisor = Supervisor(say=say)
    try:
        _free(home.port)
        _free(home.crops_port)
        _free(home.mail_port)
        tls.ensure(home.keys / "tls")
        _start(home, supervisor, say)
        yield supervisor
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN) if _main_thread() else None
        supervisor.stop()
        held.close()


def _main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


def _start(home: Installation, supervisor: Supervisor, say: Say) -> None:
    logs = home.data / "logs"
    logs.mkdir(exist_ok=True, mode=0o700)
    python = [sys.executable, "-m"]
    say("people store")
    supervisor.add(
        Part(
            "people store",
            postgres.prepare(home),
            base_environment(),
            signal.SIGINT,
            postgres.store_user(),
            log=logs / "store.log",
        )
    )
    _until(lambda: _store_answers(home), "the people store", supervisor)
    postgres.make_roles(home)
    say("tables")
    migrate(home)
    say("crops service")
    crops = base_environment() | home.crops_environment()
    supervisor.add(Part("crops", [*python, "crops"], crops, log=logs / "crops.log"))
    say("web, mail, worker")
    people = people_environment(home)
    supervisor.add(Part("web", [*python, "glasshouse.cli.web"], people, log=logs / "web.log"))
    supervisor.add(Part("postbox", [*python, "glasshouse.cli.postbox"], people, log=logs / "postbox.log"))
    supervisor.add(Part("worker", [*python, "glasshouse.cli.worker"], people, log=logs / "worker.log"))
    _until(lambda: _answers(home, home.crops_port), "the crops service", supervisor)
    _until(lambda: _answers(home, home.port), "the web door", supervisor)


def migrate(home: Installation) -> None:
    """Bring tables, rights and policies to this version's state; nothing is done where they are."""
    stamp, wanted = home.data / "tables.json", _version()
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return
    command = [sys.executable, "-m", "glasshouse.cli.migrate"]
    done = subprocess.run(
        command, env=people_environment(home) | {"GLASSHOUSE_OWNER": "1"}, capture_output=True, text=True
    )
    if done.returncode:
        raise InstallationError(f"The tables could not be brought up to date: {done.stderr.strip()[-2000:]}")
    postgres.discard_old_log(home)
    stamp.write_text(json.dumps(wanted))


def _version() -> dict[str, int]:
    package = Path(__file__).parent.parent
    files = [*package.rglob("migrations/*.py"), package / "access" / "policies.py"]
    return {str(path.relative_to(package)): path.stat().st_size for path in sorted(files)}


def _free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise InstallationError(f"Port {port} is taken by another program. Name another one with --port.") from None


def _store_answers(home: Installation) -> bool:
    admin = (home.keys / "store" / "admin.secret").read_text()
    try:
        psycopg.connect(
            host=str(socket_folder(home.data)), user="glasshouse_admin", password=admin, dbname="postgres"
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _answers(home: Installation, port: int) -> bool:
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as link:
            trust.wrap_socket(link, server_hostname="localhost").close()
    except OSError:
        return False
    return True


def _until(ready: Callable[[], bool], what: str, supervisor: Supervisor, most_s: float = 60) -> None:
    ends = time.monotonic() + most_s
    while not ready():
        dead = [part for part in supervisor.parts if part.child and part.child.poll() is not None]
        if dead or time.monotonic() > ends:
            where = ", ".join(str(part.log) for part in dead or supervisor.parts[-1:])
            raise InstallationError(f"{what} did not start. Its own words are in {where}.")
        time.sleep(0.05)
