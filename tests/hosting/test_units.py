"""The systemd unit: how much it exposes, and that a whole service lives within it, with two web processes and two workers.

One start serves all: what the unit allows, how the service manager is told, what several processes share, what one's end leaves.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from glasshouse.kernel import programs
from glasshouse.operations.installation import Installation
from glasshouse.operations.service_manager import ServiceManager
from tests import prepared
from tests.conftest import administering
from tests.hosting import confined
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
UNIT = ROOT / "deploy" / "glasshouse.service"
CLI = [sys.executable, "-m", "glasshouse.cli"]
MOST_EXPOSED = 3.0
PASSWORD = "tall-greenhouse-lamps-42"
HELD = "SELECT pid, count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted GROUP BY pid"
RESTARTS = "SELECT count(*) FROM events_event WHERE kind = 'operations:part:restart'"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed here")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start parts as users of their own")


# -- what it says ----------------------------------------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_rates_each_unit_below_three(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True
    )
    rated = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert rated and float(rated[1]) < MOST_EXPOSED, done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_knows_every_setting_of_each_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/glasshouse/glasshouse", str(ROOT / "glasshouse")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_what_a_person_must_look_at_is_not_started_again() -> None:
    settings = confined.read(UNIT)
    assert settings["ExecStart"] == ["/opt/glasshouse/glasshouse up"] and settings["Type"] == ["notify"]
    assert settings["Restart"] == ["on-failure"] and settings["RestartPreventExitStatus"] == ["2 3 4"]
    assert settings["StartLimitBurst"] == ["5"] and settings["KillMode"] == ["mixed"]
    assert "RestrictSUIDSGID" not in settings  # Three parts share folders by their group.


def test_what_the_stores_need_outside_an_installation_can_be_made_under_the_unit_or_is_made_before() -> None:
    """The service that tests confine finds both there already, as long as the machine ever started one by root."""
    written = [Path("/var/lib") / name for name in confined.read(UNIT)["StateDirectory"][0].split()]
    assert programs.COPIES in written
    steps = (ROOT / "docs" / "hosting.md").read_text().partition("## By systemd")[2].partition("\n## ")[0]
    for name in (programs.PEOPLE_USER, programs.KEYS_USER):
        assert re.search(rf"[` ]{name}`", steps), name


# -- how the service manager is told ---------------------------------------------------------------------------------


@contextmanager
def listening(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A service manager: what it tells a service, and what it is told."""
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(folder / "notify"))

        def listen() -> None:
            with suppress(OSError):
                while True:
                    told.extend(link.recv(4096).decode().splitlines())

        threading.Thread(target=listen, daemon=True).start()
        yield {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "2000000"}, told


def test_the_manager_is_told_and_asks_for_a_reload_and_without_one_nothing_changes(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGHUP)
    ServiceManager.of({}).opened()
    assert signal.getsignal(signal.SIGHUP) == before
    for environment in ({"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        ServiceManager.of(environment).stopping()
    try:
        with listening(tmp_path) as (variables, told):
            other = ServiceManager.of(variables | {"WATCHDOG_PID": "1"})
            assert other.watchdog_s == 0
            manager = ServiceManager.of(variables | {"WATCHDOG_PID": str(os.getpid())})
            manager.opened()
            for _ in range(3):
                manager.alive()
            assert not manager.asked_to_reload()
            os.kill(os.getpid(), signal.SIGHUP)
            assert manager.asked_to_reload() and not manager.asked_to_reload()
            manager.stopping()
            _until(lambda: "STOPPING=1" in told, 5)
            assert told.count("READY=1") == 1 and told.count("WATCHDOG=1") == 1
    finally:
        signal.signal(signal.SIGHUP, before)


# -- a whole service within it ---------------------------------------------------------------------------------------


class Running:
    """A service of the unit with two web processes and two workers."""

    def __init__(
        self, home: Installation, told: list[str], process: "subprocess.Popen[str]", variables: dict[str, str]
    ):
        self.home, self.told, self.process, self.variables = home, told, process, variables
        self.trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")

    def client(self) -> httpx.Client:
        """A browser with a connection of its own."""
        return httpx.Client(base_url=self.home.origin, verify=self.trust, timeout=90)

    def rows(self, sql: str) -> list[tuple[int, ...]]:
        with administering(self.home) as link:
            return link.execute(sql.encode()).fetchall()

    def processes(self, module: str) -> set[int]:
        """The numbers of the processes that run a module, those below them included."""
        found = set()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                ours = f"GLASSHOUSE_DATA={self.home.data}".encode() in path.read_bytes().split(b"\0")
                if ours and module in (path.parent / "cmdline").read_text():
                    found.add(int(path.parent.name))
        return found

    def answering(self, client: httpx.Client) -> int:
        """The web process at the other end of a client's connection."""
        pool = client._transport._pool  # type: ignore[attr-defined]
        link = pool.connections[0]._connection._network_stream.get_extra_info("socket")
        near, far = link.getsockname()[1], link.getpeername()[1]
        wanted = (f"0100007F:{far:04X}", f"0100007F:{near:04X}")
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inode = next(fields[9] for fields in lines if (fields[1], fields[2]) == wanted)
        for number in self.processes("") | _children(self.processes("operations.web")):
            with suppress(OSError):
                for handle in Path(f"/proc/{number}/fd").iterdir():
                    if str(handle.readlink()) == f"socket:[{inode}]":
                        return number
        raise AssertionError("Nobody holds the other end.")


def _children(parents: set[int]) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) in parents:
                found.add(int(path.parent.name))
    return found


def _until(is_so: Callable[[], bool], most_s: float = 60) -> None:
    ends = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < ends, "It did not come to pass."
        time.sleep(0.1)


@pytest.fixture(scope="module")
def place() -> Iterator[Running]:
    """The service, started as the unit says, all but the places of its folders."""
    with tempfile.TemporaryDirectory(
        prefix="glasshouse-unit-", dir=prepared.apart(), ignore_cleanup_errors=True
    ) as name:
        folder, port = Path(name), free_ports()
        folder.chmod(0o711)
        home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=False)
        prepared.take(home)
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": "/",
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "GLASSHOUSE_DATA_FOLDER": str(home.data),
            "GLASSHOUSE_KEYS_FOLDER": str(home.keys),
            "GLASSHOUSE_PORT": str(port),
            "GLASSHOUSE_WEB_PROCESSES": "2",
            "GLASSHOUSE_WORKERS": "2",
        }
        with listening(folder) as (of_manager, told):
            settings = confined.read(UNIT)
            program, *arguments = settings["ExecStart"][0].split()
            assert program == "/opt/glasshouse/glasshouse"
            command = [sys.executable, "-m", "tests.hosting.confined", str(UNIT), str(folder), *CLI, *arguments]
            process = subprocess.Popen(
                command,
                env=variables | of_manager,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                _until(lambda: "READY=1" in told or process.poll() is not None, 120)
                if process.poll() == confined.NOT_POSSIBLE:
                    pytest.skip("This machine lets nobody see files as a unit does.")
                assert process.poll() is None, process.stdout and process.stdout.read()
                yield Running(home, told, process, variables)
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait(90)
            assert "STOPPING=1" in told and process.returncode == 0


@needs_systemd
@needs_root
@pytest.mark.xdist_group("unit")
def test_a_whole_service_lives_within_the_unit_and_its_processes_share_what_they_know(place: Running) -> None:
    assert f"MAINPID={place.process.pid}" in place.told
    _until(lambda: "WATCHDOG=1" in place.told)
    made = subprocess.run(
        [*CLI, "staff", "petra@operator.example", "--name", "Petra", "--role", "privacy"],
        env=place.variables | {"GLASSHOUSE_PASSWORD": PASSWORD},
        input=f"{PASSWORD}\n{PASSWORD}\n",
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    by_process: dict[int, httpx.Client] = {}
    for _ in range(60):
        client = place.client()
        assert client.get("/sign-in").status_code == 200
        by_process.setdefault(place.answering(client), client)
        if len(by_process) == 2:
            break
    assert len(by_process) == 2
    first, second = by_process.values()
    # A session made at one is known at the other; tries that one counted count at the other.
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', first.get("/sign-in").text)
    assert token
    form = {"address": "petra@operator.example", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    signed = first.post("/sign-in", data=form, headers={"Referer": f"{place.home.origin}/sign-in"})
    assert signed.status_code == 302, signed.text
    for name, value in first.cookies.items():
        second.cookies.set(name, value)
    with place.client() as nobody:
        assert welcome(first) == welcome(second) != welcome(nobody)
    _one_end_is_nobody_elses(place, by_process)
    _each_job_is_one_workers(place)
    place.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert place.process.poll() is None


def welcome(client: httpx.Client) -> tuple[int, str]:
    """How a client is met at a page of the account: staff are led to set up two-step verification, strangers to sign in."""
    answer = client.get("/account/security")
    return answer.status_code, answer.headers.get("location", "")


def _one_end_is_nobody_elses(place: Running, by_process: dict[int, httpx.Client]) -> None:
    """A web process is killed: the other goes on, the killed one comes back, and it is recorded once by two workers."""
    killed, other = by_process
    os.kill(killed, signal.SIGKILL)
    lasting = by_process[other]
    known = welcome(lasting)
    for _ in range(20):
        assert welcome(lasting) == known
        assert _welcome_anew(place, lasting) == known
    _until(lambda: place.rows(RESTARTS) == [(1,)])
    time.sleep(5)
    assert place.rows(RESTARTS) == [(1,)]


def _welcome_anew(place: Running, lasting: httpx.Client) -> tuple[int, str]:
    """How a new connection is met. What waited for the killed process is reset, and comes again."""
    for _ in range(5):
        with place.client() as fresh, suppress(httpx.ConnectError):
            fresh.cookies = lasting.cookies
            return welcome(fresh)
    raise AssertionError("no connection reaches a web process")


def _each_job_is_one_workers(place: Running) -> None:
    """Both workers have jobs; what one had when it was killed, scheduled or queued, is done by another."""
    _until(lambda: len(place.rows(HELD)) == 2)
    (worker,) = place.rows("SELECT id FROM procrastinate_workers ORDER BY id LIMIT 1")[0]
    before = {backend for backend, _ in place.rows(HELD)}
    for number in place.processes("operations.worker"):
        os.kill(number, signal.SIGKILL)
        break
    _until(lambda: len({backend for backend, _ in place.rows(HELD)} & before) == 1)
    with administering(place.home) as link:
        link.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = %s", [worker]
        )
        link.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) "
            "VALUES ('imports', 'rights.fill_copy', '{\"copy\": \"of-nobody\"}', 'doing', %s)",
            [worker],
        )
    _until(lambda: place.rows("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'rights.fill_copy'") == [(0,)])
