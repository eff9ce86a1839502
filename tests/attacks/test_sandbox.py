"""The sandbox, against a worker that was taken over: what it can reach, what it costs, what is left of it."""

import gc
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crop_contract import sandbox, sandbox_kernel, sandbox_process
from crop_contract.sandbox import Limits

ROOT = Path(__file__).parents[2]
PATH = f"{sandbox_process.SOURCE}:{ROOT}"
LIMITS = Limits(cpu_s=2, whole_s=20, memory_bytes=512 << 20, answer_bytes=4 << 20)
SYSTEM_PYTHON = "/usr/bin/python3"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
pytestmark = pytest.mark.slow  # Each test starts a process.


@pytest.fixture(autouse=True)
def _worker_at_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process finds the worker of the tests; when a test is over, no process of its sandbox runs."""
    monkeypatch.setitem(sandbox_process.ENVIRONMENT, "PYTHONPATH", PATH)
    before = sandboxes()
    yield
    if not sandboxes() <= before:
        gc.collect()  # A run that was left in the middle ends with its iterator.
    assert sandboxes() <= before


def sandboxes() -> set[int]:
    """Process ids of sandboxes that this process started, and that run, at whatever remove."""
    assert Path(f"/proc/self/task/{os.getpid()}/children").exists(), "this system tells no children"
    found, waiting = set(), [os.getpid()]
    while waiting:
        children = children_of(waiting.pop())
        found |= children
        waiting += children
    return {pid for pid in found if b"crop_contract.sandbox_child" in command_of(pid)}


def children_of(pid: int) -> set[int]:
    children: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children |= {int(number) for number in path.read_text().split()}
    return children


def command_of(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def act(name: str, argument: object = "", limits: Limits = LIMITS, body: tuple[bytes, ...] = (), **more: Any) -> Any:
    """The one answer of the worker; None where it gave none."""
    order = {"act": name, "argument": str(argument)}
    answers = list(sandbox.run("tests.attacks.hostile", order, body, limits, **more))
    assert len(answers) < 2
    return json.loads(answers[0]) if answers else None


def broken_limit(name: str, **limits: Any) -> str:
    from dataclasses import replace

    with pytest.raises(sandbox.LimitError) as error:
        act(name, limits=replace(LIMITS, **limits))
    return error.value.limit


# -- what it costs -------------------------------------------------------------------------------------------------


def test_a_loop_ends_with_its_processor_seconds_also_a_deaf_one() -> None:
    assert broken_limit("loop", cpu_s=1) == "cpu_s"
    assert broken_limit("loop_deaf", cpu_s=1) == "cpu_s"


def test_waiting_ends_at_the_deadline_also_in_silence() -> None:
    started = time.monotonic()
    assert broken_limit("sleep", whole_s=2) == "whole_s"
    assert broken_limit("sleep_in_silence", whole_s=2) == "whole_s"
    assert time.monotonic() - started < 30


def test_memory_is_bounded() -> None:
    assert broken_limit("allocate", memory_bytes=256 << 20) == "memory_bytes"


def test_answers_are_bounded_by_what_is_sent_and_by_what_is_claimed() -> None:
    assert broken_limit("answer_without_end") == "answer_bytes"
    assert broken_limit("claim_long_answer") == "answer_bytes"


def test_a_file_that_nobody_takes_does_not_hold_us() -> None:
    pieces = (b"x" * (1 << 20) for _ in range(64))
    order = {"act": "end_silently", "argument": "0"}
    assert list(sandbox.run("tests.attacks.hostile", order, pieces, LIMITS)) == []
    with pytest.raises(sandbox.BrokenError, match="ModuleNotFoundError"):
        list(sandbox.run("tests.attacks.no_such_module", {}, [b"x" * (4 << 20)], LIMITS))


@pytest.mark.parametrize("name", ["fork", "thread", "program", "replace_itself"])
def test_it_starts_no_process_no_thread_and_no_program(name: str) -> None:
    assert "refused" in act(name)


def test_it_opens_few_files() -> None:
    assert 32 < act("open_many") <= LIMITS.open_files


def test_it_cannot_take_its_limits_back() -> None:
    with pytest.raises(sandbox.BrokenError, match="ValueError"):
        act("raise_limits")


# -- what it reaches -----------------------------------------------------------------------------------------------


def test_it_writes_no_file_anywhere_and_removes_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    old = tmp_path / "old"
    old.write_bytes(b"old")
    old.chmod(0o666)
    for name in ("old", "new"):
        assert "refused" in act("write_file", tmp_path / name)
    assert "refused" in act("remove_file", old)
    assert "refused" in act("write_temporary")
    assert "refused" in act("write_memory_file")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_bytes() == b"old"


def test_it_reads_no_file_but_our_code(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    secret = tmp_path / "root.key"
    secret.write_bytes(b"a secret")
    secret.chmod(0o644)  # The rights of the file do not keep it out.
    assert act("read_file", secret) == {"refused": 13}
    assert act("list_folder", tmp_path) == {"refused": 13}
    for path in ("/etc/passwd", f"/proc/{os.getpid()}/environ", f"/proc/{os.getpid()}/maps", "/proc/self/environ"):
        assert act("read_file", path) == {"refused": 13}, path


def test_it_opens_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "refused" in act("connect", server.getsockname()[1])
    assert "refused" in act("connect_by_path", "/run/systemd/private")
    assert "refused" in act("listen")


def test_it_reaches_no_other_process() -> None:
    for name in ("signal_process", "look_into_process"):
        assert act(name, os.getpid()) == {"refused": 1}, name
    assert act("new_namespace") == {"refused": 1}


def test_it_has_no_environment_of_ours_and_no_open_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GLASSHOUSE_PROBE", "a secret")
    assert set(act("tell_environment")) <= set(sandbox_process.ENVIRONMENT) | {"LC_CTYPE"}
    with (tmp_path / "open").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        assert act("tell_open_files") == []


@as_root
def test_it_runs_as_a_user_of_its_own_for_good() -> None:
    user, effective, group, groups = act("tell_user")
    assert user == effective == group >= sandbox_kernel.FIRST_USER
    assert groups == []
    assert act("become_root") == {"refused": 1}
    assert act("no_new_rights") == 1


@as_root
def test_the_kernel_says_so_too_of_the_process_that_runs() -> None:
    """What the worker says of itself may be a lie; here the kernel is asked, from outside."""
    seen: list[dict[str, str]] = []

    def look(content: bytes) -> None:
        (pid,) = sandboxes()
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        names = ("net", "ipc", "uts")
        seen.append(status | {name: str((Path("/proc") / str(pid) / "ns" / name).readlink()) for name in names})
        raise KeyError("seen")

    with pytest.raises(KeyError):
        act("sleep", note=look)
    (status,) = seen
    assert (status["NoNewPrivs"], status["Seccomp"], status["Threads"]) == ("1", "2", "1")
    assert {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert status["Groups"].strip() == ""
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    for name in ("net", "ipc", "uts"):
        assert status[name] != str((Path("/proc/self/ns") / name).readlink()), name


# -- each wall by itself: another one would hide that it fell ----------------------------------------------------------


@pytest.mark.parametrize("alone", ["leave_network", "confine_files", "filter_system_calls"])
def test_a_wall_holds_without_the_others(alone: str, tmp_path: Path) -> None:
    """In a forked process, as root or not, with one restriction only."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import os, socket, sys\n"
            "from crop_contract import sandbox_kernel as kernel\n"
            f"held = {{'leave_network': kernel.leave_network, 'filter_system_calls': lambda: kernel.renounce_rights() and "
            f"kernel.filter_system_calls(), 'confine_files': lambda: kernel.renounce_rights() and "
            f"kernel.confine_files(['/usr/lib'])}}[{alone!r}]()\n"
            "def tried(act):\n"
            "    try:\n"
            "        act()\n"
            "    except OSError as error:\n"
            "        return error.errno\n"
            "    return 0\n"
            f"connected = tried(lambda: socket.create_connection(('127.0.0.1', {port}), 5))\n"
            f"read = tried(lambda: open({str(secret)!r}).read())\n"
            f"wrote = tried(lambda: open({str(tmp_path / 'new')!r}, 'w'))\n"
            f"signalled = tried(lambda: os.kill({os.getpid()}, 0))\n"
            "print(held, connected, read, wrote, signalled)\n"
        )
        done = subprocess.run(
            [sys.executable, "-B", "-P", "-c", script],
            env={"PYTHONPATH": PATH},
            capture_output=True,
            text=True,
            check=True,
        )
    held, connected, read, wrote, signalled = done.stdout.split()
    assert held == "True"
    outcome = {"connected": connected, "read": read, "wrote": wrote, "signalled": signalled}
    expected = {
        "leave_network": {"connected": "101", "read": "0", "wrote": "0", "signalled": "0"},
        "confine_files": {"connected": "13", "read": "13", "wrote": "13", "signalled": "1"},
        "filter_system_calls": {"connected": "1", "read": "0", "wrote": "13", "signalled": "1"},
    }[alone]
    assert outcome == expected


@as_root
@pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason="needs a Python that every user may start")
def test_without_root_the_weaker_mode_is_named_and_holds(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    secret = tmp_path / "root.key"
    secret.write_bytes(b"a secret")
    os.chown(secret, 65_534, 65_534)  # Its own user's: the rights of the file would let it in.
    secret.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as server:
        acts = [
            f"connect={server.getsockname()[1]}",
            f"read_file={secret}",
            f"write_file={tmp_path}/x",
            "fork=",
            "thread=",
        ]
        done = subprocess.run(
            [SYSTEM_PYTHON, "-B", "-P", "-m", "tests.attacks.hostile", *acts, f"signal_process={os.getpid()}", "loop="],
            env={"PYTHONPATH": PATH},
            user=65_534,
            group=65_534,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
    said = json.loads(done.stdout)
    assert (said.pop("missing"), said.pop("mode")) == (["user"], "without an own user")
    assert said.pop("loop") == "LimitError('The limit cpu_s was broken.')"
    assert all("refused" in answer[0] for answer in said.values()), said


@as_root
def test_here_every_restriction_holds() -> None:
    assert sandbox.restrictions().missing == []
    assert sandbox.restrictions().mode == "full"


def test_a_restriction_that_does_not_hold_is_named() -> None:
    assert sandbox._restrictions(b'{"network": true, "limits": true, "files": "yes"}').missing == [
        "user", "rights", "files", "calls"
    ]  # fmt: skip
    assert sandbox._restrictions(b"[" * 100_000).mode == "weaker"


# -- what it says --------------------------------------------------------------------------------------------------


def test_nothing_that_it_says_breaks_us() -> None:
    order = {"act": "answer_nonsense"}
    for nonsense in ("", "x", "D", "D\0\0\0\0\0\0\0\5cut"):
        assert list(sandbox.run("tests.attacks.hostile", order | {"argument": nonsense}, [], LIMITS)) == []
    for nonsense in ("R\0\0\0\0\0\0\0\1{", "B\0\0\0\0\0\0\0\1[", "R\0\0\0\0\0\0\0\0", "M" + "\x7f" * 8):
        with pytest.raises(sandbox.SandboxError):
            list(sandbox.run("tests.attacks.hostile", order | {"argument": nonsense}, [], LIMITS))
    for refusal in ("[" * 100_000, '{"text": "\\ud800\\u0000", "field": 7}', "null", '{"text": 1e400}'):
        with pytest.raises(sandbox.SandboxError) as error:
            act("refuse_with_nonsense", refusal)
        assert str(error.value).encode() is not None
        assert "\0" not in str(error.value)
    with pytest.raises(sandbox.RefusedError, match="Row 3"):
        act("refuse", "Row 3 is wrong.")


def test_an_error_of_the_worker_leaves_without_its_words() -> None:
    word = secrets.token_hex(8)
    with pytest.raises(sandbox.BrokenError, match=r"ZeroDivisionError in hostile\.py") as error:
        act("fail", word)
    assert word not in str(error.value)
    with pytest.raises(sandbox.BrokenError, match=r"^unknown$"):
        act("break_with_nonsense", f'"{word} in hostile.py:1: Jan Jansen"')
    with pytest.raises(sandbox.BrokenError, match="status -11"):
        act("crash")
    with pytest.raises(sandbox.BrokenError, match="status 3"):
        act("end_silently", 3)


# -- its end -------------------------------------------------------------------------------------------------------


def test_it_is_killed_in_the_middle_and_that_is_said() -> None:
    def kill(content: bytes) -> None:
        for pid in sandboxes():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(sandbox.KilledError):
        act("sleep", note=kill)


def test_who_goes_away_takes_it_along() -> None:
    def leave(content: bytes) -> None:
        raise KeyError("left")

    with pytest.raises(KeyError):
        act("sleep", note=leave)
    answers = sandbox.run("tests.attacks.hostile", {"act": "answer_without_end"}, [], LIMITS)
    next(answers)
    answers.close()


def test_it_ends_with_a_parent_that_is_killed() -> None:
    script = (
        "from crop_contract import sandbox, sandbox_process\n"
        f"sandbox_process.ENVIRONMENT['PYTHONPATH'] = {PATH!r}\n"
        "limits = sandbox.Limits(cpu_s=5, whole_s=60, memory_bytes=512 << 20, answer_bytes=1000)\n"
        "order, say = {'act': 'sleep'}, lambda said: print('asleep', flush=True)\n"
        "list(sandbox.run('tests.attacks.hostile', order, [], limits, note=say))\n"
    )
    parent = subprocess.Popen([sys.executable, "-B", "-c", script], env={"PYTHONPATH": PATH}, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"asleep\n"
    (child,) = sandboxes()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    ends = time.monotonic() + 60
    while b"sandbox_child" in command_of(child):
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_several_at_once_do_not_meet() -> None:
    said: list[Any] = []
    threads = [threading.Thread(target=lambda: said.append(act("tell_open_files"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [[]] * 6
