"""`glasshouse up`: prepare the installation, start every part, tell when the front door is open."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from glasshouse.operations import health, key_move, keystore, postgres, restarts, stamp, tls, variables
from glasshouse.operations import heartbeat as heart
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor, holding

Say = Callable[[str], None]
PATIENCE = health.Patience()  # with a part that does not answer; tests have less
EARLIER_PARTS_S = 10.0
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def base_environment() -> dict[str, str]:
    """What every part is given of our own environment: no secret of anybody's shell travels along."""
    inherited = {name: os.environ[name] for name in NEEDED if name in os.environ}
    return inherited | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def people_environment(home: Installation) -> dict[str, str]:
    """The environment of the people plane's parts."""
    return base_environment() | variables.passed() | home.environment() | {"TMPDIR": str(home.data / "tmp" / "people")}


def run_module(home: Installation, module: str, role: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of ours to its end, beside the parts. role: of the database; what it wrote is in the answer."""
    environment = people_environment(home) | {"GLASSHOUSE_ROLE": role}
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, capture_output=True, text=True)


def _refuse_bad_settings(home: Installation) -> None:
    """Have the settings read once, before any part does. Raises InstallationError with what is wrong."""
    finished = run_module(home, "glasshouse.operations.try_settings", "app")
    if finished.returncode:
        raise InstallationError(finished.stderr.strip()[-2000:])


def _clear_temporary(data: Path) -> None:
    """Fresh folders for what a part may write for a moment, inside the data folder; what a killed part left there is removed."""
    for folder in (data / "tmp" / "people", data / "tmp" / "crops", data / "spool"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
    (data / "tmp").chmod(0o711)
    (data / "run").mkdir(mode=0o700, exist_ok=True)
    heart.file_in(data).unlink(missing_ok=True)  # Monotonic time begins anew with the machine.


@contextmanager
def running(home: Installation, say: Say) -> Iterator[Supervisor]:
    """Every part up and answering inside the block; all of them stopped after it. Raises InstallationError."""
    variables.refuse_unknown()
    home.prepare()
    _refuse_bad_settings(home)
    supervisor = Supervisor(say=say, noted=lambda part, reason, code: restarts.leave(home.data, part, reason, code))
    with holding(home.data, home.keystore):
        try:
            _wait_for_earlier_parts(home)
            _clear_temporary(home.data)
            for port in (home.port, home.crops_port, home.mail_port):
                _refuse_taken(port)
            tls.ensure(home.keys / "tls")
            _start(home, supervisor, say)
            yield supervisor
        finally:
            with uninterrupted(signal.SIGTERM, signal.SIGHUP):
                supervisor.stop()


@contextmanager
def uninterrupted(*signals: signal.Signals) -> Iterator[None]:
    """A second Ctrl-C, or one of the signals, does not cut the stop off: the parts that it has not come to would live on.

    The handlers of before are put back: programs started later inherit them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *signals)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(home: Installation, supervisor: Supervisor, say: Say) -> None:
    logs = home.data / "logs"
    logs.mkdir(exist_ok=True, mode=0o700)
    python = [sys.executable, "-m"]
    store, keys_probe, crops_probe, web, inbound_smtp, worker = _probes(home)
    for cluster, probe in zip(postgres.stores(home), (store, keys_probe), strict=True):
        say(cluster.name)
        start_store(home, cluster, supervisor, probe)
    key_move.refuse_lost(home)
    say("tables")
    migrate(home)
    say("ledger of erasures")
    catch_up(home)
    say("crops service")
    crops = base_environment() | home.crops_environment() | {"TMPDIR": str(home.data / "tmp" / "crops")}
    supervisor.add(Part("crops", [*python, "crops"], crops, log=logs / "crops.log", probe=crops_probe))
    say("web, mail, worker")
    people = people_environment(home)
    supervisor.add(Part("web", [*python, "glasshouse.operations.web"], people, log=logs / "web.log", probe=web))
    supervisor.add(
        Part(
            "inbound smtp",
            [*python, "glasshouse.operations.inbound_smtp"],
            people,
            log=logs / "inbound-smtp.log",
            probe=inbound_smtp,
        )
    )
    supervisor.add(
        Part(
            "worker",
            [*python, "glasshouse.operations.worker"],
            people | {"GLASSHOUSE_ROLE": "job"},
            log=logs / "worker.log",
            probe=worker,
        )
    )
    wait_until_open(home, supervisor)


def start_store(
    home: Installation,
    cluster: postgres.Cluster,
    supervisor: Supervisor,
    probe: health.Probe | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Start one of the stores, with its roles. options: of PostgreSQL, besides ours. Raises InstallationError."""
    log = home.data / "logs" / ("keystore.log" if cluster.database == postgres.VAULT else "store.log")
    command, user = [*postgres.prepare(cluster), *options], postgres.system_user(cluster)
    supervisor.add(Part(cluster.name, command, base_environment(), signal.SIGINT, user, log=log, probe=probe))
    try:
        _until(cluster.answers, f"the {cluster.name}", supervisor)
    except InstallationError as error:
        if cluster.database == postgres.VAULT:
            raise keystore.damaged(home, str(error)) from error
        raise
    postgres.make_roles(cluster)


def move_keys(home: Installation) -> None:
    """Finish moving the keys of an earlier version's data into the key store, with no door open. Raises InstallationError."""
    if not (home.data / "people" / "PG_VERSION").exists():
        raise InstallationError(
            f"There is no data in {home.data}, so nothing was done. Name the right folder with --data."
        )
    home.prepare()
    _refuse_bad_settings(home)
    supervisor = Supervisor(say=lambda text: None)
    with holding(home.data, home.keystore):
        try:
            _clear_temporary(home.data)
            (home.data / "logs").mkdir(exist_ok=True, mode=0o700)
            for cluster in postgres.stores(home):
                start_store(home, cluster, supervisor)
            key_move.refuse_lost(home)
            migrate(home)
            catch_up(home)
        finally:
            with uninterrupted(signal.SIGTERM, signal.SIGHUP):
                supervisor.stop()


def catch_up(home: Installation) -> None:
    """Carry out what the ledger tells and this data has not done, before any door opens.

    Raises KeyStoreError, InstallationError.
    """
    if keystore.is_carried_out(home):
        return
    finished = run_module(home, "glasshouse.operations.catch_up", "job")
    if finished.returncode:
        said = finished.stderr.strip()[-2000:]
        raise InstallationError(
            f"Erasures that the ledger names could not be carried out, so nothing is opened: {said}"
        )


def wait_until_open(home: Installation, supervisor: Supervisor) -> None:
    """Wait until the doors answer. Raises InstallationError."""
    _until(lambda: _answers(home, home.crops_port), "the crops service", supervisor)
    _until(lambda: _answers(home, home.port), "the web door", supervisor)
    _until(lambda: not is_free(home.mail_port), "inbound SMTP", supervisor)


def _probes(home: Installation) -> tuple[health.Probe, ...]:
    """Probes of the people store, the key store, crops, web, inbound SMTP and worker."""
    authority = home.keys / "tls" / "ca.crt"
    store, keys = (health.Probe(health.store(each.sockets, each.admin), PATIENCE) for each in postgres.stores(home))
    return (
        store,
        keys,
        health.Probe(health.https(home.crops_origin, authority), PATIENCE),
        health.Probe(health.https(home.origin, authority), PATIENCE, needs=(store, keys)),
        health.Probe(health.smtp(home.mail_port), PATIENCE),
        health.Probe(health.heartbeat(heart.file_in(home.data)), PATIENCE, needs=(store, keys)),
    )


def migrate(home: Installation) -> None:
    """Bring tables, rights and policies to this version's state; nothing is done where they are."""
    if stamp.is_current(home):
        return
    finished = run_module(home, "glasshouse.operations.migrate", "owner")
    if finished.returncode:
        raise InstallationError(f"The tables could not be brought up to date: {finished.stderr.strip()[-2000:]}")
    key_move.finish(home)
    postgres.discard_old_log(postgres.people_store(home))
    stamp.write(home)


def _wait_for_earlier_parts(home: Installation) -> None:
    """Wait a while for what a killed supervisor left: its parts end by themselves, but not in the same moment.

    Where no store was ever made, nothing ran before: whoever has a port then is another program.
    """
    if not (home.data / "people" / "PG_VERSION").exists():
        return
    ends = time.monotonic() + EARLIER_PARTS_S
    ports = (home.port, home.crops_port, home.mail_port)
    clusters = postgres.stores(home)
    while (any(cluster.is_alive() for cluster in clusters) or not all(map(is_free, ports))) and time.monotonic() < ends:
        time.sleep(0.1)


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _refuse_taken(port: int) -> None:
    """Raises InstallationError where another program listens on the port."""
    if not is_free(port):
        raise InstallationError(f"Port {port} is taken by another program. Name another one with --port.")


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
