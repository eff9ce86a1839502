"""What hangs is found out and started again, with an event; what is slow to start, or waits for another part, is left alone."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from glasshouse.operations.health import Patience, Probe, UnwellError, heartbeat
from glasshouse.operations.heartbeat import Heart
from glasshouse.operations.installation import Installation
from glasshouse.operations.processes import Part, Supervisor

QUICK = Patience(every_s=0.05, deadline_s=0.1, failures=3, start_s=100)


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def well(deadline_s: float) -> None:
    return


def unwell(deadline_s: float) -> None:
    raise OSError


def test_a_part_is_judged_only_after_it_was_well_or_far_too_late() -> None:
    clock = Clock()
    probe = Probe(unwell, QUICK, clock=clock)
    probe.started()
    for _ in range(20):
        probe.ask()
    assert not probe.hangs
    clock.now_s = 101
    assert probe.hangs
    probe.started()
    assert not probe.hangs
    probe.check = well
    probe.ask()
    probe.check = unwell
    for _ in range(2):
        probe.ask()
    assert not probe.hangs
    probe.ask()
    assert probe.hangs


def test_a_probe_that_hangs_counts_as_failed_and_no_second_one_is_begun() -> None:
    go_on, begun = threading.Event(), []

    def stuck(deadline_s: float) -> None:
        begun.append(1)
        go_on.wait(10)

    probe = Probe(stuck, Patience(0.01, 0.02, 3, 100))
    probe.started()
    probe.was_well = True
    for _ in range(3):
        probe.ask()
    go_on.set()
    assert probe.hangs
    assert len(begun) == 1


def test_a_part_that_waits_for_another_one_is_left_alone() -> None:
    store = Probe(unwell, QUICK)
    web = Probe(unwell, QUICK, needs=(store,))
    for probe in (store, web):
        probe.started()
        probe.was_well = True
    for _ in range(9):
        store.ask()
        web.ask()
    assert store.hangs
    assert not web.hangs


def test_a_machine_that_slept_makes_nothing_look_hung() -> None:
    clock = Clock()

    def asleep(deadline_s: float) -> None:
        clock.now_s += 3600
        raise OSError

    probe = Probe(asleep, QUICK, clock=clock)
    probe.started()
    probe.was_well = True
    for _ in range(9):
        probe.ask()
    assert not probe.hangs


def test_the_heart_stops_when_one_loop_hangs(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "beat"
    heart = Heart(clock)
    with heart.working("mail", 900):
        assert heart.beat(file)
        clock.now_s = 901
        heart.alive("others", 900)
        assert not heart.beat(file)
        assert heart.hung() == ["mail"]
    assert heart.beat(file)
    file.write_text(repr(time.monotonic()))
    heartbeat(file)(1)
    file.write_text(repr(time.monotonic() - 31))
    with pytest.raises(UnwellError):
        heartbeat(file)(1)


def test_a_heartbeat_that_is_no_plain_file_is_no_heartbeat(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "heartbeat", tmp_path / "elsewhere"
    elsewhere.write_text(repr(time.monotonic()))
    file.symlink_to(
        elsewhere
    )  # Who takes the web part over may put anything into its folder, also a link to /dev/zero.
    with pytest.raises(OSError, match="symbolic links"):
        heartbeat(file)(1)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UnwellError):
        heartbeat(file)(1)
    file.unlink()
    file.write_bytes(bytes(1000))
    with pytest.raises(ValueError, match="could not convert"):
        heartbeat(file)(1)


def test_a_folder_in_the_place_of_a_heartbeat_stops_no_start(tmp_path: Path) -> None:
    from glasshouse.operations.service import _clear_temporary

    (tmp_path / "run" / "web" / "heartbeat-2" / "more").mkdir(parents=True)
    (tmp_path / "run" / "web" / "heartbeat").symlink_to(tmp_path)
    _clear_temporary(tmp_path)
    assert list((tmp_path / "run" / "web").iterdir()) == []


@pytest.mark.slow
def test_what_hangs_is_stopped_with_all_that_it_started_and_started_again(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    script = (
        "import os,signal,subprocess,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"child = subprocess.Popen(['sleep','60'], start_new_session=True); open('{tmp_path}/'+str(os.getpid()),'w')"
        ".write(str(child.pid)); time.sleep(60)"
    )
    hanging = threading.Event()

    def check(deadline_s: float) -> None:
        if hanging.is_set() or not list(tmp_path.iterdir()):
            raise OSError

    probe = Probe(check, QUICK)
    supervisor = Supervisor(
        say=lambda text: None, noted=lambda part, reason, code: told.append((part, reason)), hang_grace_s=0.1
    )
    supervisor.add(Part("web", [sys.executable, "-c", script], dict(os.environ), probe=probe))
    watch = threading.Thread(target=supervisor.watch, daemon=True)
    watch.start()
    try:
        until(lambda: probe.was_well)
        first = supervisor.parts[0].child
        assert first
        grandchild = int((tmp_path / str(first.pid)).read_text())
        hanging.set()
        until(lambda: supervisor.parts[0].child is not first)
        hanging.clear()
        assert told == [("web", "hung")]
        until(lambda: not alive(grandchild))
    finally:
        supervisor.parts[0].stop = signal.SIGKILL
        supervisor.stop()
        watch.join(5)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(ready: Callable[[], bool], most_s: float = 90) -> None:
    ends = time.monotonic() + most_s
    while not ready():
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.1)


@pytest.mark.usefixtures("home")
def test_a_note_that_cannot_be_read_stops_nothing() -> None:
    from django.conf import settings

    from glasshouse.events.models import Event
    from glasshouse.operations import restarts

    data = Path(settings.DATA_FOLDER)
    folder = restarts.folder_in(data)
    folder.mkdir(parents=True, exist_ok=True)
    forged = {"part": "web", "reason": "anna@secret.example", "code": 0, "at": "2026-01-01T00:00:00+00:00"}
    for number, text in enumerate(("", "[]", "{}", json.dumps(forged), json.dumps(forged | {"part": []}))):
        (folder / f"000000000000000{number}.json").write_text(text)
    restarts.leave(data, "inbound smtp", "ended", -9)
    until(lambda: restarts.record_restarts() == 0 and not list(folder.glob("*.json")))
    events = Event.objects.using("relay").filter(kind="operations:part:restart")
    assert [event.facts for event in events if event.facts["part"] == "inbound-smtp" and event.facts["code"] == -9]
    assert not [event for event in events if "secret" in str(event.facts)]
    for path in folder.glob("*.bad"):
        path.unlink()


def test_a_web_part_that_is_stopped_is_started_again_and_the_event_is_there(
    home: Installation, web: Callable[..., httpx.Client]
) -> None:
    from glasshouse.events.models import Event
    from glasshouse.operations import restarts
    from glasshouse.operations.health import https
    from tests.repairs.test_web_door import _web_process

    process = _web_process(home)
    group = os.getpgid(process)
    check = https(home.web_door, home.keys / "tls")
    check(10)
    before = Event.objects.using("relay").filter(kind="operations:part:restart").count()
    os.killpg(group, signal.SIGSTOP)

    def renewed() -> bool:
        restarts.record_restarts()  # as the schedule does in a service of customers
        events = Event.objects.using("relay").filter(kind="operations:part:restart").order_by("-at")
        return events.count() > before and events[0].facts["part"] == "web" and events[0].facts["reason"] == "hung"

    until(renewed, 90)

    def answers() -> bool:
        try:
            return web().get("/health").status_code == 200
        except httpx.TransportError:
            return False

    until(answers, 60)
    assert not alive(process)
