"""The command itself: started, refused a second time, stopped by Ctrl-C with nothing left running."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folders() -> Iterator[list[str]]:
    """The options of an installation of its own."""
    with tempfile.TemporaryDirectory(prefix="glasshouse-start-", ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)
        yield ["--data", f"{scratch}/data", "--keys", f"{scratch}/keys", "--port", str(free_ports())]


def command(*words: str, **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    for name in [
        name for name in environment if name.startswith(("GLASSHOUSE_D", "GLASSHOUSE_K", "GLASSHOUSE_T", "DJANGO_"))
    ]:
        del environment[name]
    environment |= variables
    return subprocess.Popen(
        [sys.executable, "-m", "glasshouse.cli", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # Ctrl-C counts, whatever started the tests.
    )


def running(data: str) -> list[str]:
    """Command lines of the processes that work on a data folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            told = path.joinpath("environ").read_bytes() + path.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if data.encode() in told and int(path.name) != os.getpid():
            found.append(path.joinpath("cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.slow
def test_up_refuses_a_second_start_and_leaves_nothing_behind(folders: list[str]) -> None:
    service = command("up", *folders)
    try:
        said = ""
        assert service.stdout
        while "Ctrl-C stops it" not in said:
            line = service.stdout.readline()
            assert line, said
            said += line
        assert "No mail server is named" in said
        assert len(running(folders[1])) >= 4
        second = command("up", *folders)
        words, _ = second.communicate(timeout=90)
        assert second.returncode == 2
        assert "running on" in words
        assert "already" in words
        service.send_signal(signal.SIGINT)
        time.sleep(0.3)
        service.send_signal(signal.SIGTERM)  # Who asks twice does not cut the stop off: parts would live on.
        service.communicate(timeout=120)  # each of five parts is given 20 s
        ends = time.monotonic() + 60
        while left := running(folders[1]):
            assert time.monotonic() < ends, left
            time.sleep(0.1)
        words = said_by("keys", "backup", *folders)
        assert f"{folders[1]} does not answer" in words and "./glasshouse up" in words
    finally:
        service.kill()


def said_by(*words: str, **variables: str) -> str:
    """What a command says that is not done. variables: further ones of its environment."""
    finished = command(*words, **variables)
    said, _ = finished.communicate(timeout=120)
    assert finished.returncode == 2 and "Traceback" not in said, said
    return " ".join(said.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLASSHOUSE_KEY_BACKUP_DAYS", "abc"),
        ("GLASSHOUSE_KEY_BACKUP_DAYS", "0"),
        ("GLASSHOUSE_KEY_BACKUP_DAYS", "-3"),
        ("GLASSHOUSE_SMTP_PORT", "70000"),
        ("GLASSHOUSE_TEXTS_A_COUNTRY_A_DAY", "²"),
        ("GLASSHOUSE_SERIES_PER_DEVICE", "many"),
        ("GLASSHOUSE_CONNECTIONS_A_CLIENT", "all"),
        ("GLASSHOUSE_PRIVACY_ADDRESS", "nobody"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_before_any_part_starts(
    folders: list[str], name: str, value: str
) -> None:
    words = said_by("up", *folders, **{name: value})
    assert name in words, words
    assert value in words or name == "GLASSHOUSE_PRIVACY_ADDRESS", words
    assert running(folders[1]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("keys", "status"), ("keys", "backup"), ("keys", "move"), ("erase", "a@b.example"), ("promises",)]
)
def test_where_nothing_was_ever_started_commands_say_so_and_make_nothing(
    folders: list[str], words: tuple[str, ...]
) -> None:
    said = said_by(*words, *folders)
    assert f"in {folders[1]}" in said and "There is no" in said, said
    assert list(Path(folders[1]).parent.iterdir()) == []


@pytest.mark.slow
def test_a_taken_port_is_named(folders: list[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", int(folders[5]))):
        service = command("up", *folders)
        words, _ = service.communicate(timeout=90)
    assert service.returncode == 2
    assert f"Port {folders[5]} is taken" in words


def test_a_stop_puts_the_handler_of_interrupts_back() -> None:
    """What is started afterwards by the same program would ignore Ctrl-C otherwise."""
    from glasshouse.operations.service import uninterrupted

    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before
