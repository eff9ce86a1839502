"""`glasshouse up`: prepare the installation, start every part, tell when the front door is open."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from crop_contract import sandbox_process
from glasshouse.kernel import closed_folders, process_number, users
from glasshouse.kernel.doors import Door, trust
from glasshouse.kernel.places import starter_socket
from glasshouse.kernel.process_number import ALONE, ProcessNumber
from glasshouse.kernel.users import PartUser
from glasshouse.operations import (
    database,
    health,
    key_move,
    keystore,
    major_upgrade,
    owners,
    ports,
    postgres,
    restarts,
    stamp,
    tls,
    variables,
    watched,
)
from glasshouse.operations import heartbeat as heart
from glasshouse.operations.installation import CatchUpError, Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor, holding
from glasshouse.vault.put_aside import KEY_BACKUP_DAYS, remove_put_aside

Say = Callable[[str], None]
PATIENCE = health.Patience()  # with a part that does not answer; tests have less
EARLIER_PARTS_S = 20.0  # They end within 15 s (`crop_contract/processes.py`).
CATCH_UP_QUIET_S = heart.LEAST_S  # as long as one item of a job may take
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def base_environment() -> dict[str, str]:
    """What every part is given of our own environment: no secret of anybody's shell travels along."""
    inherited = {name: os.environ[name] for name in NEEDED if name in os.environ}
    return inherited | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def people_environment(home: Installation) -> dict[str, str]:
    """The environment of the people plane's parts, and of programs that a start runs."""
    return base_environment() | variables.passed() | home.environment() | {"TMPDIR": str(owners.temporary_folder(home))}


def run_module(home: Installation, module: str, role: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of ours to its end, beside the parts. role: of the database; what it wrote is in the answer."""
    environment = people_environment(home) | {"GLASSHOUSE_ROLE": role}
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, capture_output=True, text=True)


def refuse_bad_settings(home: Installation) -> None:
    """Have the settings read once, before any part does. Raises InstallationError with what is wrong."""
    finished = run_module(home, "glasshouse.operations.try_settings", "app")
    if finished.returncode:
        raise InstallationError(finished.stderr.strip()[-2000:])


def _clear_temporary(data: Path) -> None:
    """Remove what a killed part left of what it writes for a moment, inside the data folder; `owners.settle` makes it anew."""
    for folder in (data / "tmp", data / "spool", data / "run" / "copies", *(data / "run").glob("copy-*")):
        shutil.rmtree(folder, ignore_errors=True)
    for part in (users.WEB, users.WORKER):  # Monotonic time begins anew with the machine.
        for file in heart.folder_in(data, part).glob(f"{heart.NAME}*"):
            if file.is_dir() and not file.is_symlink():  # The part's own doing, which shall stop no start.
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)


@contextmanager
def running(home: Installation, say: Say) -> Iterator[Supervisor]:
    """Every part up and answering inside the block; all of them stopped after it. Raises InstallationError."""
    variables.refuse_unknown()
    major_upgrade.refuse_unfinished(home)
    home.prepare()
    refuse_bad_settings(home)
    supervisor = Supervisor(say=say, noted=lambda part, reason, code: restarts.leave(home.data, part, reason, code))
    if users.are_apart():
        days = int(os.environ.get("GLASSHOUSE_KEY_BACKUP_DAYS") or KEY_BACKUP_DAYS)
        supervisor.hourly = partial(remove_put_aside, home.keystore, days)
    with holding(home.data, home.keystore):
        try:
            _wait_for_earlier_parts(home)
            _clear_temporary(home.data)
            for port in home.door_ports:
                ports.refuse_taken(port, home.doors.bind)
            ports.refuse_taken(home.mail_port)
            tls.ensure(home.keys / "tls", home.hosts, home.doors.certificate)
            tls.take_proxy_authority(home.keys / "tls", home.doors.proxy)
            _choose_users(home)
            database.take_authorities(home)
            owners.settle(home)
            _start(home, supervisor, say)
            yield supervisor
        finally:
            with uninterrupted(signal.SIGTERM, signal.SIGHUP):
                supervisor.stop()
            os.environ.pop(users.TOGETHER, None)


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
    supervisor.forks.begin(home.data / "logs" / "fork-server.log")  # It reads while the stores start.
    store, keys_probe, reader, crops, inbound_smtp = _probes(home)
    for cluster, probe in zip(postgres.stores(home), (store, keys_probe), strict=True):
        say(cluster.name)
        start_store(home, cluster, supervisor, probe)
    database.refuse_other(home)
    key_move.refuse_lost(home)
    say("tables")
    migrate(home)
    say("ledger of erasures")
    catch_up(home)
    say("file reader")
    people = people_environment(home)
    bare = base_environment() | home.reader_environment()
    supervisor.add(_part(home, users.READER, "glasshouse.operations.file_reader", bare, reader))
    if users.are_apart():
        _start_starter(home, supervisor)
        people[sandbox_process.STARTER] = str(starter_socket(home.data))
    say("crops service")
    plane = base_environment() | home.crops_environment()
    supervisor.add(_part(home, users.CROPS, "crops", plane, crops, home.crops_port))
    say("web, mail, worker")
    door = people | {"GLASSHOUSE_DOOR": "1"}
    stores = (store, keys_probe)
    for each in process_number.side_by_side(home.web_processes):
        web = health.Probe(_web_check(home, each), PATIENCE, needs=stores)
        supervisor.add(_part(home, users.WEB, "glasshouse.operations.web", door, web, home.port, each))
    if proxy := home.doors.proxy:
        # It takes no connection without a certificate, so its heart says how it is.
        last = ProcessNumber(home.web_processes + 1, home.web_processes + 1)
        web = health.Probe(_web_check(home, last), PATIENCE, needs=stores)
        at_proxy = door | {"GLASSHOUSE_PROXY_DOOR": str(proxy.port)}
        supervisor.add(_part(home, users.WEB, "glasshouse.operations.web", at_proxy, web, proxy.port, last))
    supervisor.add(_part(home, users.MAIL, "glasshouse.operations.inbound_smtp", door, inbound_smtp, home.mail_port))
    job = people | {"GLASSHOUSE_ROLE": "job"}
    for each in process_number.side_by_side(home.workers):
        beats = health.heartbeat(heart.file_in(home.data, users.WORKER, each.number))
        worker = health.Probe(beats, PATIENCE, needs=stores)
        supervisor.add(_part(home, users.WORKER, "glasshouse.operations.worker", job, worker, number=each))
    wait_until_open(home, supervisor)


def _start_starter(home: Installation, supervisor: Supervisor) -> None:
    """The sandbox starter, which reaches our code and its socket, and waits until it answers. Raises InstallationError."""
    probe = health.Probe(health.sandbox_starter(home.data), PATIENCE)
    bare = base_environment() | home.starter_environment()
    part = _part(home, users.STARTER, "glasshouse.operations.sandbox_starter", bare, probe)
    part.opened = closed_folders.closed([*closed_folders.of_code(), starter_socket(home.data).parent])
    supervisor.add(part)
    _until(lambda: starter_socket(home.data).is_socket(), part.name, supervisor)


def _part(
    home: Installation,
    name: str,
    module: str,
    environment: dict[str, str],
    probe: health.Probe,
    port: int | None = None,
    number: ProcessNumber = ALONE,
) -> Part:
    """A part that runs a module of ours, as its own user where we are root. port: that it listens on; number: of several."""
    user, folder = users.of(name, port), str(owners.temporary_folder(home, name))
    environment = environment | {"TMPDIR": folder} | ({"HOME": folder} if user else {}) | number.variables()
    name = name if number.number == 1 else f"{name} {number.number}"
    log = home.data / "logs" / f"{name.replace(' ', '-')}.log"
    command = [sys.executable, "-m", module]
    return Part(name, command, environment, user=user, log=log, probe=probe, opened=_opened(home) if user else {})


def _opened(home: Installation) -> closed_folders.Plan:
    """What the parts' users need below folders that are closed to them."""
    folders = [home.keys, home.data, home.keystore]
    authority = Path(os.environ.get("GLASSHOUSE_SMTP_CA") or home.keys)
    foreign = [] if any(authority.resolve().is_relative_to(folder.resolve()) for folder in folders) else [authority]
    return closed_folders.closed([*closed_folders.of_code(), *folders, *foreign])


def _choose_users(home: Installation) -> None:
    """Have all parts of a demo run as root, where users of their own could not run our code with the Python that we run.

    Raises InstallationError where a real service's could not.
    """
    os.environ.pop(users.TOGETHER, None)
    user, plan = users.of(users.WEB), _opened(home)
    if user is None:
        return

    def become(user: PartUser = user) -> None:
        closed_folders.open_up(plan)
        users.become(user)

    program = "import sys, crop_contract, django; print(sys.version)"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", program],
            env=base_environment() | {"HOME": "/"},
            cwd="/",
            preexec_fn=become,
            capture_output=True,
            text=True,
        )
        reached = tried.stdout.strip() == sys.version
    except (OSError, subprocess.SubprocessError):
        reached = False
    if not reached and home.demo:
        os.environ[users.TOGETHER] = "1"
    elif not reached:
        closed = " ".join(map(str, plan)) or str(closed_folders.SOURCE)
        raise InstallationError(
            f"The parts run as users of their own (from number {user.uid} on), who cannot run what we run: {closed} is closed to "
            f"them. Move the checkout and Python elsewhere, or run: chmod o+x {closed}"
        )


def start_store(
    home: Installation,
    cluster: postgres.Cluster,
    supervisor: Supervisor,
    probe: health.Probe | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Start one of the stores, with its roles; the operator's own is only looked at, and prepared.

    options: of PostgreSQL, besides ours. Raises InstallationError.
    """
    if cluster.server:
        database.ready(home, cluster)
        if probe:
            supervisor.observe(probe)
        return
    log = home.data / "logs" / ("keystore.log" if cluster.database == postgres.VAULT else "store.log")
    command, store_user = [*postgres.prepare(cluster), *options], postgres.system_user(cluster)
    user = PartUser(*store_user) if store_user else None
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
    major_upgrade.refuse_unfinished(home)
    home.prepare()
    refuse_bad_settings(home)
    supervisor = Supervisor(say=lambda text: None)
    with holding(home.data, home.keystore):
        try:
            _clear_temporary(home.data)
            database.take_authorities(home)
            owners.settle(home)
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

    It may take as long as there is to do. One that makes no progress for CATCH_UP_QUIET_S is stopped.
    Raises KeyStoreError, CatchUpError.
    """
    if keystore.is_carried_out(home):
        return
    environment = people_environment(home) | {"GLASSHOUSE_ROLE": "job"}
    command = [sys.executable, "-m", "glasshouse.operations.catch_up"]
    ended = watched.run(command, environment, quiet_s=CATCH_UP_QUIET_S)
    if ended.code == 0:
        return
    said = ended.errors[-2000:]
    if ended.code is None:
        said = (
            f"it made no progress for {CATCH_UP_QUIET_S:.0f} s and was stopped. What was done stays done: start again to go on. "
            f"If it stops again, {home.data / 'logs' / 'store.log'} may say what the database waits for. {said}"
        )
    raise CatchUpError(f"Erasures that the ledger names could not be carried out, so nothing is opened: {said}")


def wait_until_open(home: Installation, supervisor: Supervisor) -> None:
    """Wait until the doors answer. Raises InstallationError."""
    _until(lambda: _answers(home, home.crops_door), "the crops service", supervisor)
    _until(lambda: _answers(home, home.web_door), "the web door", supervisor)
    _until(lambda: not ports.is_free(home.mail_port), "inbound SMTP", supervisor)
    if proxy := home.doors.proxy:
        _until(lambda: not ports.is_free(proxy.port, home.doors.reached_at), "the proxy's door", supervisor)


def _probes(home: Installation) -> tuple[health.Probe, ...]:
    """Probes of the people store, the key store, the file reader, crops and inbound SMTP."""
    certificates = home.keys / "tls"
    store, keys = (health.Probe(health.store(each), PATIENCE) for each in postgres.stores(home))
    return (
        store,
        keys,
        health.Probe(health.file_reader(home.data), PATIENCE),
        health.Probe(health.https(home.crops_door, certificates), PATIENCE),
        health.Probe(health.smtp(home.mail_port), PATIENCE),
    )


def _web_check(home: Installation, process: ProcessNumber) -> health.Check:
    """Whether a web process is well. Several share a port, so that nobody can ask one of them there: each has a heartbeat."""
    if process.of == 1:
        return health.https(home.web_door, home.keys / "tls")
    return health.heartbeat(heart.file_in(home.data, users.WEB, process.number))


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
    if not home.was_started:
        return
    ends = time.monotonic() + EARLIER_PARTS_S
    taken = (home.port, home.crops_port, home.mail_port)
    clusters = postgres.stores(home)
    while (
        any(cluster.is_alive() for cluster in clusters) or not all(map(ports.is_free, taken))
    ) and time.monotonic() < ends:
        time.sleep(0.1)


def _answers(home: Installation, door: Door) -> bool:
    try:
        with socket.create_connection((door.address, door.port), 1) as link:
            trust(home.keys / "tls").wrap_socket(link, server_hostname=door.host).close()
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
