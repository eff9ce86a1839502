"""The fork server: a part that is forked of it is what one that was started as a program is, and it never holds a secret."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glasshouse.kernel import users
from glasshouse.kernel.users import PartUser
from glasshouse.operations import fork_server, forked, service
from glasshouse.operations.fork_server import Order
from glasshouse.operations.forked import ForkServer, NotForkedError
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import Part, Supervisor
from glasshouse.promises import processes
from tests.scratch import HOME

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Parts are forked on Linux only.")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into the memory of all parts")
# A part of the test: it tells what it is, and ends by its argument of the environment.
PROBE = """
import json, os, signal, sys, threading
from pathlib import Path
import tempfile
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
told = {
    "status": {name: status[name].split() for name in STATUS},
    "argv": sys.argv, "environ": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "name": __name__,
    "ours": sorted(name for name in sys.modules if name.partition(".")[0] in ("glasshouse", "crops", "crop_contract")),
    "files": sorted(path.name for path in Path("/proc/self/fd").iterdir() if path.exists()),
    "limit": Path("/proc/self/limits").read_text().split("Max open files")[1].split()[:2],
    "session": os.getsid(0) == os.getpid(), "temporary": tempfile.gettempdir(), "threads": threading.active_count(),
    "own": os.access("/proc/self/fd", os.R_OK), "pid": os.getpid(),
}
print(json.dumps(told), flush=True)
if os.environ.get("ENDS"):
    sys.exit(int(os.environ["ENDS"]))
signal.pause()
"""
STATUS = (
    *("Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"),
    *("SigBlk", "SigIgn", "SigCgt"),
)


@pytest.fixture
def forks() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.end()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with the module of a part, which any user can read."""
    folder = Path("/tmp") if os.geteuid() == 0 else tmp_path
    folder = folder / f"glasshouse-forked-{os.getpid()}"
    folder.mkdir(exist_ok=True, mode=0o755)
    (folder / "probe_part.py").write_text(f"STATUS = {STATUS}\n{PROBE}")
    yield folder
    shutil.rmtree(folder)


def part_of(place: Path, *, is_forked: bool, user: PartUser | None = None, **variables: str) -> Part:
    environment = {
        "PYTHONPATH": str(place),
        "PATH": os.environ["PATH"],
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        **variables,
    }
    command = [sys.executable, "-m", "probe_part"]
    log = place / f"{'forked' if is_forked else 'program'}.log"
    log.unlink(missing_ok=True)
    return Part("web" if is_forked else "probe", command, environment, user=user, log=log)


def told(part: Part) -> dict[str, object]:
    assert part.log
    log = part.log
    until(lambda: log.read_text().endswith("\n"))
    facts: dict[str, object] = json.loads(log.read_text())
    return facts


def until(ready: Callable[[], bool], most_s: float = 120) -> None:
    ends = time.monotonic() + most_s
    while not ready():
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ours", pytest.param("apart", marks=needs_root)])
def test_a_forked_part_is_what_one_that_is_started_as_a_program_is(forks: ForkServer, place: Path, kind: str) -> None:
    """SEC-10: the same user, groups, rights, limits and signals, nothing open that is another's, none of our modules."""
    user = None if kind == "ours" else PartUser(61_900, 61_900, (61_901,), (users.NET_BIND_SERVICE,), 0o007)
    facts = {}
    for is_forked in (True, False):
        part = part_of(place, is_forked=is_forked, user=user)
        part.forks = forks
        part.start()
        assert part.child and isinstance(part.child, forked.ForkedChild) == is_forked
        facts[is_forked] = told(part)
        pid = part.child.pid
        assert facts[is_forked].pop("pid") == pid
        shown = processes.started_with(pid)
        environment = {entry for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry}
        assert environment == {f"{name}={value}".encode() for name, value in part.environment.items()}
        assert processes.program_of(pid) == "probe_part" and b"fork_server" not in shown
        assert Path(f"/proc/{pid}").stat().st_uid == (user.uid if user else os.geteuid())
        part.end()
        assert part.child.poll() == -signal.SIGTERM
    assert facts[True].pop("path")[0] == facts[False].pop("path")[1] == str(place)  # type: ignore[index]
    assert facts[True] == facts[False]


@pytest.mark.slow
def test_its_end_is_told_with_its_code(forks: ForkServer, place: Path) -> None:
    part = part_of(place, is_forked=True, ENDS="3")
    part.forks = forks
    part.start()
    assert part.child and part.child.wait(120) == 3 and part.child.poll() == 3
    part.child.send_signal(signal.SIGTERM)  # Of one that has ended: nobody is meant.


@pytest.mark.slow
def test_parts_die_with_the_fork_server_and_are_started_again(place: Path) -> None:
    restarts: list[tuple[str, str, int | None]] = []
    supervisor = Supervisor(
        say=lambda text: None, noted=lambda part, reason, code: restarts.append((part, reason, code))
    )
    part = part_of(place, is_forked=True)
    try:
        supervisor.add(part)
        first = part.child
        assert isinstance(first, forked.ForkedChild)
        told(part)
        parent = int(Path(f"/proc/{first.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)

        def look() -> None:
            supervisor.ending = part.child is not first

        supervisor.watch(look)
        assert restarts == [("web", "ended", forked.LOST)]
        assert isinstance(part.child, forked.ForkedChild) and part.child.poll() is None
        assert not is_alive(first.pid)
    finally:
        supervisor.stop()


@pytest.mark.slow
def test_a_part_that_does_not_end_is_ended_by_force_also_before_it_leads_a_group() -> None:
    """A forked part leads a group of its own a moment after it is there."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.read(1)
        part = Part("web", [], {})
        part.child = child
        try:
            part.end(grace_s=0.1)
            assert child.poll() == -signal.SIGKILL
        finally:
            child.kill()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_with_more_environment_than_there_is_room_for_it_is_started_as_a_program(
    forks: ForkServer, place: Path
) -> None:
    part = part_of(place, is_forked=True, MUCH="x" * fork_server.ENVIRONMENT_ROOM)
    part.forks = forks
    part.start()
    assert isinstance(part.child, subprocess.Popen)
    assert told(part)["environ"]["MUCH"]  # type: ignore[index]
    part.end()


def test_no_command_but_a_module_of_this_python_is_forked(forks: ForkServer) -> None:
    order = Order(["/bin/sh", "-c", "true"], {}, None, {}, resource.RLIMIT_NOFILE, signal.SIGTERM)
    with pytest.raises(NotForkedError):
        forks.start(order, None)


# -- what it has read ------------------------------------------------------------------------------------------------


def modules_after(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sys.modules)"
    environment = service.people_environment(HOME)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def of_others(modules: set[str]) -> set[str]:
    """Those that are no module of ours, of Python itself, or of a library that wants the settings to be read."""
    wants_settings = ("ninja", "procrastinate.contrib")
    taken_along = ("rich", "click", "pygments", "markdown_it", "mdurl")  # by a library, where they are there
    return {
        name
        for name in modules
        if name.partition(".")[0] not in sys.stdlib_module_names
        and name.partition(".")[0] not in (*fork_server.OURS, *taken_along)
        and not name.startswith(wants_settings)
    }


@pytest.mark.slow
def test_it_reads_the_libraries_of_the_parts_and_nothing_that_none_of_them_uses() -> None:
    read = modules_after("from glasshouse.operations import fork_server; fork_server.read_libraries()")
    begin = "import django; django.setup()"
    web = modules_after(
        f"{begin}; import glasshouse.web.asgi, glasshouse.operations.web, granian.server; from django.urls import "
        "get_resolver; get_resolver().url_patterns"
    )
    worker = modules_after(
        f"{begin}; import glasshouse.operations.worker; from glasshouse.kernel.schedule import scheduled; scheduled()"
    )
    mail = modules_after("import glasshouse.operations.inbound_smtp; import django; django.setup()")
    used = web | worker | mail
    unused = [name for name in fork_server.LIBRARIES if name not in used]
    assert not unused
    left = of_others(used) - read
    assert len(left) < len(of_others(used)) / 20, sorted(left)


@pytest.mark.slow
def test_it_has_read_no_settings_and_none_of_our_areas_and_has_one_thread() -> None:
    code = (
        "from glasshouse.operations import fork_server; fork_server.read_libraries(); from pathlib import Path;"
        "assert len(list(Path('/proc/self/task').iterdir())) == 1"
    )
    ours = {name for name in modules_after(code) if name.partition(".")[0] in fork_server.OURS}
    areas = {".".join(name.split(".")[:2]) for name in ours}
    assert areas <= {
        "glasshouse",
        "crop_contract",
        "glasshouse.kernel",
        "glasshouse.operations",
        "crop_contract.sandbox_kernel",
        "crop_contract.stacks",
    }


# -- in a running service --------------------------------------------------------------------------------------------


def parent_of(number: int) -> int:
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


@needs_root
def test_in_a_service_it_holds_no_key_and_no_connection_and_the_crop_plane_is_none_of_its_own(
    home: Installation,
) -> None:
    """SEC-10: neither its memory nor what it has open holds anything of a part, before or after it forked them."""
    programs = {processes.program_of(number): number for number in processes.numbers_of(home.data)}
    server = programs["fork_server"]
    assert all(server in (parent_of(programs[name]), programs[name]) for name in ("inbound_smtp", "worker"))
    apart = ("crops", "file_reader", "sandbox_starter")
    assert server not in {parent_of(programs[name]) for name in apart if name in programs}
    secrets = {
        path: path.read_bytes().strip() for path in home.keys.rglob("*") if path.is_file() and path.suffix != ".crt"
    }
    secrets = {path: content for path, content in secrets.items() if len(content) >= 16}
    assert secrets
    memory = memory_of(server)
    assert not [path.name for path, content in secrets.items() if content in memory]
    assert str(home.data).encode() not in memory.replace(str(home.data / "logs").encode(), b"")
    key = secrets[home.keys / "people" / "django.key"]
    assert key in memory_of(programs["worker"])  # What is looked for would be found.
    linked = [path.readlink() for path in Path(f"/proc/{server}/fd").iterdir()]
    files = [str(path) for path in linked if not str(path).startswith(("/dev/", "anon_inode:", "socket:"))]
    assert all(Path(path).parent == home.data / "logs" for path in files)


def memory_of(number: int) -> bytes:
    """What a process has in memory that it may write to."""
    content = b""
    with Path(f"/proc/{number}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{number}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(number, 16) for number in place.split("-"))
            memory.seek(begin)
            try:
                content += memory.read(end - begin)
            except OSError:
                continue
    return content
