"""The sandbox starter, against who may not call it, who calls it wrongly, and a worker that was taken over.

Source: decision record 43.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from crop_contract import sandbox, sandbox_kernel, sandbox_process
from crop_contract.sandbox import Limits
from glasshouse.kernel import closed_folders, users
from glasshouse.kernel.places import starter_socket
from glasshouse.operations.installation import Installation
from glasshouse.operations.sandbox_starter import ASKS_WITHIN_S, MOST_CHILDREN, MOST_OF_ONE, is_alive
from tests.attacks.test_process_users import run_as, user_of
from tests.attacks.test_sandbox import PATH, children_of
from tests.prepared import apart

LIMITS = Limits(cpu_s=2, whole_s=20, memory_bytes=512 << 20, answer_bytes=1 << 20)
PROGRAM = (
    "from crop_contract import sandbox_process\n"
    f"sandbox_process.ENVIRONMENT['PYTHONPATH'] = {PATH!r}\n"
    "from glasshouse.operations import sandbox_starter\n"
    "sandbox_starter.main()\n"
)
pytestmark = [
    pytest.mark.slow,  # Each test starts processes.
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another user"),
]
Place = tuple[Path, "subprocess.Popen[bytes]"]


@contextmanager
def running_starter() -> Iterator[Place]:
    """A starter with the user and the rights that the service gives it."""
    user = user_of(users.STARTER)
    with tempfile.TemporaryDirectory(prefix="glasshouse-starter-", dir=apart()) as name:
        path = starter_socket(Path(name))
        path.parent.mkdir(parents=True)
        for folder in (Path(name), path.parent.parent):
            folder.chmod(0o711)
        os.chown(path.parent, user.uid, users.number(users.PEOPLE))
        path.parent.chmod(0o2710)
        plan = closed_folders.closed([*closed_folders.of_code(), path.parent, Path(__file__).parents[2]])

        def become() -> None:
            closed_folders.open_up(plan)
            users.become(user)

        environment = {"GLASSHOUSE_DATA": name, "PYTHONPATH": PATH}
        process = subprocess.Popen(
            [sys.executable, "-B", "-c", PROGRAM],
            env=environment,
            cwd="/",
            preexec_fn=become,
            stdout=subprocess.DEVNULL,
        )
        try:
            until(path.is_socket)
            yield path, process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def one_starter() -> Iterator[Place]:
    with running_starter() as place:
        yield place


@pytest.fixture
def starter(one_starter: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """This process is the starter's caller."""
    monkeypatch.setenv(sandbox_process.STARTER, str(one_starter[0]))
    yield one_starter
    assert is_alive(one_starter[0], 10), "nothing that a test does ends the starter"


def until(what: Callable[[], Any], most_s: float = 90) -> None:
    ends = time.monotonic() + most_s
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.02)


def act(name: str, argument: object = "", limits: Limits = LIMITS, **more: Any) -> Any:
    answers = list(sandbox.run("tests.attacks.hostile", {"act": name, "argument": str(argument)}, (), limits, **more))
    return json.loads(answers[0]) if answers else None


# -- what it gives ---------------------------------------------------------------------------------------------------


def test_each_file_has_a_user_of_its_own_and_all_restrictions(starter: Place) -> None:
    assert sandbox.restrictions().mode == "full"
    numbers = []

    def look(_: bytes) -> None:
        (child,) = children_of(starter[1].pid)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
        real, effective, saved, _ = map(int, status["Uid"].split())
        assert real == effective == saved and status["Groups"].strip() == ""
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        numbers.append(real)
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            act("sleep", note=look)
        until(lambda: not children_of(starter[1].pid))
    assert len(set(numbers)) == 2
    assert set(numbers) < set(range(sandbox_kernel.FIRST_USER, sandbox_kernel.FIRST_USER + sandbox_kernel.USERS))


def test_limits_hold_and_are_named_as_without_it(starter: Place) -> None:
    for limit, name, bound in (("cpu_s", "loop", 1), ("whole_s", "sleep", 2), ("memory_bytes", "allocate", 256 << 20)):
        with pytest.raises(sandbox.LimitError) as error:
            act(name, limits=Limits(**{**{each: getattr(LIMITS, each) for each in LIMITS.__slots__}, limit: bound}))
        assert error.value.limit == limit
    until(lambda: not children_of(starter[1].pid))


def test_a_child_ends_with_its_caller_and_with_the_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_starter() as starter:
        monkeypatch.setenv(sandbox_process.STARTER, str(starter[0]))
        ends_with_both(starter)


def ends_with_both(starter: Place) -> None:
    program = (
        "from crop_contract import sandbox\n"
        "limits = sandbox.Limits(cpu_s=5, whole_s=60, memory_bytes=512 << 20, answer_bytes=1000)\n"
        "list(sandbox.run('tests.attacks.hostile', {'act': 'sleep'}, [], limits, note=lambda said: print('on', flush=True)))\n"
    )
    environment = {"PYTHONPATH": PATH, sandbox_process.STARTER: str(starter[0])}
    caller = subprocess.Popen([sys.executable, "-B", "-c", program], env=environment, stdout=subprocess.PIPE)
    assert caller.stdout is not None and caller.stdout.readline() == b"on\n"
    assert len(children_of(starter[1].pid)) == 1
    caller.kill()
    caller.wait()
    until(lambda: not children_of(starter[1].pid))
    kill = threading.Timer(0.5, starter[1].kill)

    def note(_: bytes) -> None:
        if not kill.is_alive():
            kill.start()

    with pytest.raises(sandbox.KilledError):
        act("sleep", note=note)
    with pytest.raises(sandbox.NotStartedError):
        act("sleep")


# -- who calls -------------------------------------------------------------------------------------------------------


def test_who_may_not_call_is_told_nothing(starter: Place) -> None:
    for name in (users.CROPS, users.READER):
        assert run_as(user_of(name), lambda: is_alive(starter[0], 5)) == "PermissionError"
    for name in (users.WEB, users.MAIL, users.WORKER):
        assert run_as(user_of(name), lambda: is_alive(starter[0], 5)) == "True"
    stranger = users.PartUser(
        users.number(users.CROPS), users.number(users.PEOPLE)
    )  # The folder's group alone is not enough.
    assert run_as(stranger, lambda: is_alive(starter[0], 5)) in ("False", "ConnectionResetError", "BrokenPipeError")


@pytest.mark.parametrize("said", [b"", b"start\n", b"start", b"x" * 5000, b'{"command": ["/bin/sh"]}\n'])
def test_who_asks_wrongly_is_hung_up_on_and_the_next_is_served(starter: Place, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(starter[0]))
        link.settimeout(ASKS_WITHIN_S * 3)
        if said:
            link.sendall(said)
        with suppress(ConnectionResetError):
            assert link.recv(100) == b""
    assert act("tell_environment") is not None
    assert len(list(Path(f"/proc/{starter[1].pid}/fd").iterdir())) < 12, "nothing that was handed over stays open"


def test_pipes_of_a_wrong_number_start_nothing_and_are_closed(starter: Place) -> None:
    for count in (1, 3, 40):
        pipes = [os.pipe() for _ in range(count)]
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(starter[0]))
            socket.send_fds(link, [b"start\n"], [end for end, _ in pipes])
            link.settimeout(10)
            with suppress(ConnectionResetError):
                assert link.recv(100) == b""
        for end in (each for pair in pipes for each in pair):
            os.close(end)
    assert not children_of(starter[1].pid)
    assert len(list(Path(f"/proc/{starter[1].pid}/fd").iterdir())) < 12


def lingering() -> tuple[socket.socket, socket.socket]:
    """A connection whose last close waits a minute, for its other end, which comes second, reads nothing; that end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mine = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    mine.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            mine.send(bytes(65536))
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    return mine, other


@pytest.mark.parametrize("count", [1, 2, 3, 40])
@pytest.mark.parametrize("said", [b"start\n", b"", b"nonsense\n"])
def test_a_connection_that_does_not_end_holds_up_nobody(starter: Place, said: bytes, count: int) -> None:
    """Whoever closes it last waits: the starter, once its caller has gone."""
    path, process = starter
    pairs = [lingering() for _ in range(count)]
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        process.send_signal(signal.SIGSTOP)
        socket.send_fds(link, [said or b"x"], [mine.fileno() for mine, _ in pairs])
        for mine, _ in pairs:
            mine.close()  # The starter's is the last one now.
        if not said:
            link.close()  # It has not read the message yet.
        process.send_signal(signal.SIGCONT)
        assert is_alive(path, 5)
    assert is_alive(path, 5)
    for _, other in pairs:
        other.close()
    until(lambda: len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 12)


def test_too_many_at_once_are_refused_and_hold_up_nobody_afterwards(starter: Place) -> None:
    held = [sandbox_process.start() for _ in range(MOST_CHILDREN)]
    with pytest.raises(sandbox_process.NoProcessError):
        sandbox_process.start()
    for child in held:
        child.kill()
    assert {child.wait().status for child in held} == {-signal.SIGKILL}
    assert act("tell_environment") is not None


# -- in the service --------------------------------------------------------------------------------------------------


def test_a_part_that_holds_all_it_can_leaves_places_to_the_others(starter: Place) -> None:
    (ends, end), told = os.pipe(), list[str]()

    def hold() -> int:
        held: list[sandbox_process.Child] = []
        with suppress(sandbox_process.NoProcessError):
            while len(held) < MOST_CHILDREN:
                held.append(sandbox_process.start())
        os.read(ends, 1)
        return len(held)

    web = threading.Thread(target=lambda: told.append(run_as(user_of(users.WEB), hold)))
    web.start()
    try:
        until(lambda: len(children_of(starter[1].pid)) == MOST_OF_ONE)
        assert run_as(user_of(users.MAIL), lambda: sandbox_process.start().parent) == str(starter[1].pid)
    finally:
        os.write(end, b".")
        web.join()
        os.close(ends)
        os.close(end)
    assert told == [str(MOST_OF_ONE)]
    until(lambda: not children_of(starter[1].pid))


def test_files_are_read_through_it_in_the_service(home: Installation) -> None:
    path = starter_socket(home.data)
    environment = {"PYTHONPATH": sandbox_process.SOURCE, sandbox_process.STARTER: str(path)}
    program = "from crop_contract import sandbox; print(sandbox.restrictions().mode)"
    plan = closed_folders.closed([*closed_folders.of_code(), path.parent])

    def become() -> None:
        closed_folders.open_up(plan)
        users.become(user_of(users.WEB))

    command = [sys.executable, "-B", "-c", program]
    ran = subprocess.run(
        command, env=environment, cwd="/", preexec_fn=become, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "full", ran.stderr
