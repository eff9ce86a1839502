"""Each part runs as a user of the system of its own when root started it, and can open only its own keys and folders.

As an ordinary user there is one user, and the check of SEC-10 says that it cannot tell. Source: SEC-10; decision record 34.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from glasshouse.kernel import closed_folders, users
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.places import reader_socket_folder
from glasshouse.operations import file_reader as part
from glasshouse.operations import owners, restarts, service
from glasshouse.operations.installation import Installation
from glasshouse.promises import file_reader, file_reading, findings
from glasshouse.promises.file_reading import Places, RefusedError
from tests.checking import checked
from tests.keystore.place import Place, trust
from tests.prepared import apart

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each part a user of its own")
as_ordinary = pytest.mark.skipif(os.geteuid() == 0, reason="root gives each part a user of its own")
REPLACED = "keys/people/root-1.key"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can pass through, as pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="glasshouse-users-", dir=apart(), ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run_as(user: users.PartUser, act: Callable[[], object]) -> str:
    """What an act answers as another user, in a process of its own; of an error its class."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            users.become(user)
            said = str(act())
        except Exception as error:  # noqa: BLE001 - told by its class
            said = type(error).__name__
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    os.waitpid(child, 0)
    return answer


def user_of(name: str) -> users.PartUser:
    user = users.of(name)
    assert user is not None
    return user


def by_part() -> dict[str, file_reader.Process]:
    return {process.part: process for process in file_reader.processes() if process.part}


# -- the running service ---------------------------------------------------------------------------------------------


@as_root
@pytest.mark.usefixtures("home")
def test_each_part_runs_as_a_user_of_its_own_without_any_right_of_root() -> None:
    parts = by_part()
    assert set(users.PARTS) | {"people store", "key store"} == set(parts)
    for name in users.PARTS:
        assert set(parts[name].users) == {users.number(name)}, name
        assert parts[name].capabilities == sum(1 << right for right in users.KEEPS.get(name, ())), name
    assert len({parts[name].users[0] for name in parts}) == len(parts)


@as_root
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("web", "people/ledger.secret"),
        ("web", "people/auditor.secret"),
        ("web", "people/backup.secret"),
        ("web", "crops/disk.key"),
        ("web", "store/admin.secret"),
        ("web", "store/owner.secret"),
        ("web", "tls/ca.key"),
        ("inbound smtp", "people/ledger.secret"),
        ("inbound smtp", "people/capability.key"),
        ("inbound smtp", "crops/wal.key"),
        ("worker", "crops/token.key"),
        ("worker", "store/owner.secret"),
        ("worker", "store/keystore-admin.secret"),
        ("crops", "people/root-1.key"),
        ("crops", "people/lookup.key"),
        ("crops", "people/app.secret"),
        ("crops", "store/admin.secret"),
        ("crops", "tls/ca.key"),
    ],
)
def test_a_part_cannot_read_a_key_that_is_not_its_own(home: Installation, name: str, path: str) -> None:
    assert (home.keys / path).stat().st_size > 0
    assert run_as(user_of(name), (home.keys / path).read_bytes) == "PermissionError"


@as_root
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("web", "crops"),
        ("web", "people"),
        ("web", "logs"),
        ("web", "tmp/worker"),
        ("worker", "crops"),
        ("worker", "people"),
        ("crops", "blobs"),
        ("crops", "spool"),
        ("crops", "people-socket"),
        ("crops", "tmp/web"),
        ("crops", "run/file-reader"),
        ("web", "run/file-reader"),
    ],
)
def test_a_part_cannot_look_into_a_folder_that_is_not_its_own(home: Installation, name: str, path: str) -> None:
    assert (home.data / path).is_dir()
    assert run_as(user_of(name), lambda: list((home.data / path).iterdir())) == "PermissionError"


@as_root
def test_a_part_cannot_put_anything_where_root_reads_it(home: Installation) -> None:
    """The worker owns the people plane's keys; the owner's secret is not among them, and no part changes a log or a lock."""
    assert not (home.keys / "people" / "owner.secret").exists()
    for name in users.PARTS:
        for path in (
            home.data / "planted",
            home.data / "logs" / "planted",
            home.keys / "planted",
            home.data / "run" / "planted",
        ):
            assert run_as(user_of(name), lambda path=path: path.write_text("x")) in ("PermissionError",), (name, path)


@as_root
@pytest.mark.usefixtures("home")
def test_sec_10_tries_as_each_user_and_is_verified() -> None:
    finding = checked("SEC-10")
    assert str(finding.state) == "verified", finding
    for name in ("web", "inbound smtp", "worker", "crops", "people store", "key store"):
        assert f"as promised: the user of {name} can open its own, and nothing of another part" in finding.evidence


@as_root
@pytest.mark.parametrize(
    ("path", "group", "mode", "words"),
    [
        ("people/ledger.secret", users.DOORS, 0o640, "the user of web"),
        ("people/capability.key", users.PEOPLE, 0o640, "the user of inbound smtp"),
        ("tls/ca.key", users.TLS, 0o640, "keys/tls/ca.key"),
        ("people/lookup.key", users.PEOPLE, 0o660, "their owner alone"),
        ("people/lookup.key", users.PEOPLE, 0o644, "their owner alone"),
    ],
)
def test_sec_10_sees_a_key_whose_group_or_mode_is_too_wide(
    home: Installation, path: str, group: str, mode: int, words: str
) -> None:
    key = home.keys / path
    before = key.stat()
    os.chown(key, -1, users.number(group))
    key.chmod(mode)
    try:
        finding = checked("SEC-10")
    finally:
        os.chown(key, -1, before.st_gid)
        key.chmod(stat.S_IMODE(before.st_mode))
    assert str(finding.state) == "not verified" and words in finding.figure, finding


@as_root
@pytest.mark.parametrize(("name", "number"), [("crops", "web"), ("inbound smtp", "root")])
def test_sec_10_sees_two_parts_as_one_user_and_one_as_root(home: Installation, name: str, number: str) -> None:
    """A process of a part that runs as another part's user, beside the others."""
    module = {"crops": "crops", "inbound smtp": "glasshouse.operations.inbound_smtp"}[name]
    user = users.PartUser(0, 0) if number == "root" else user_of(number)
    marked = [sys.executable, "-c", "import time; time.sleep(120)", "-m", module]
    environment = {"GLASSHOUSE_DATA": str(home.data)}

    def become() -> None:
        closed_folders.open_up(closed_folders.closed(closed_folders.of_code()))
        users.become(user)

    process = subprocess.Popen(marked, env=environment, preexec_fn=become, cwd="/")
    try:
        finding = checked("SEC-10")
    finally:
        process.kill()
        process.wait()
    assert str(finding.state) == "not verified" and "a user of its own" in finding.figure, finding
    assert name in finding.figure


@as_ordinary
@pytest.mark.usefixtures("home")
def test_sec_10_cannot_tell_where_all_parts_are_one_user() -> None:
    finding = checked("SEC-10")
    assert str(finding.state) == "cannot tell" and "not started by root" in finding.figure, finding
    assert findings.AS_PROMISED in finding.figure


def test_what_a_check_cannot_tell_hides_no_step_that_failed() -> None:
    for failed, state in ((False, "cannot tell"), (True, "not verified")):
        with findings.one_check():
            steps = findings.Steps()
            steps.expect("a step", not failed)
            steps.cannot_tell("why")
            finding = steps.judged()
        assert str(finding.state) == state
        assert findings.is_sound(finding.state, finding.figure) is not failed


# -- the file reader -------------------------------------------------------------------------------------------------


def places(home: Installation) -> Places:
    return Places(home.data, home.keys, home.keystore)


def said(home: Installation, question: bytes) -> Any:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(reader_socket_folder(home.data) / file_reader.SOCKET))
        with suppress(BrokenPipeError):  # It is busy, and has said so already.
            link.sendall(question)
        return json.loads(link.makefile("rb").readline() or b"null")


@as_root
@pytest.mark.parametrize("name", ["web", "inbound smtp", "crops"])
def test_nobody_but_the_worker_and_root_reaches_the_file_reader(home: Installation, name: str) -> None:
    question = b'{"verb": "ping"}\n'
    assert run_as(user_of("worker"), lambda: said(home, question)) == "{'answer': 'pong'}"
    assert run_as(user_of(name), lambda: said(home, question)) == "PermissionError"


def test_a_caller_whose_number_is_not_allowed_is_told_nothing(folder: Path) -> None:
    """Also where the folder of the socket lets it pass: the kernel says who calls."""
    listener = part.listen(folder / file_reader.SOCKET)
    reader = part.Reader(Places(folder, folder, folder), frozenset({os.geteuid() + 1}))
    threading.Thread(target=reader.serve, args=(listener,), daemon=True).start()
    with socket.socket(socket.AF_UNIX) as link, listener:
        link.settimeout(10)
        link.connect(str(folder / file_reader.SOCKET))
        try:
            link.sendall(b'{"verb": "ping"}\n')
            assert link.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass  # It hung up before it was told anything.


@pytest.mark.parametrize(
    "question",
    [
        b"[]\n",
        b"nonsense\n",
        b"\n",
        b'{"verb": "read", "path": "/etc/shadow"}\n',
        b'{"verb": "search", "within": "everywhere", "texts": ["root-"], "secrets": [], "began": "x"}\n',
        b'{"verb": "search", "within": "everywhere", "texts": ["short"], "secrets": [], "began": 0}\n',
        b'{"verb": "search", "within": "keys", "texts": ["long enough"], "secrets": [], "began": 0}\n',
        b'{"verb": "search", "within": "everywhere", "texts": [], "secrets": ["00"], "began": 0}\n',
        b'{"verb": "search", "within": "everywhere", "texts": [], "secrets": [], "began": 0}\n',
        b'{"verb": "trial", "process": 1}\n',
        b"{" * 100_000 + b"\n",
        b" " * (part.MOST_QUESTION + 10) + b"\n",
    ],
)
def test_the_file_reader_refuses_what_is_no_question_and_answers_the_next(home: Installation, question: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert "answer" not in (said(home, question) or {})
    assert said(home, b'{"verb": "ping"}\n') == {"answer": "pong"}


def test_too_many_patterns_are_refused(home: Installation) -> None:
    many = ["canary-pattern"] * (file_reading.MOST_PATTERNS + 1)
    with pytest.raises(RefusedError):
        file_reading.answer(
            places(home),
            {"verb": "search", "within": "crops", "texts": many, "secrets": [], "began": 0},
            lambda count: None,
        )


def test_no_answer_holds_content_of_a_file_or_of_an_environment(home: Installation) -> None:
    told = json.dumps(
        [said(home, json.dumps({"verb": verb}).encode() + b"\n") for verb in ("keys", "processes", "crop files")]
    )
    secrets = [path.read_bytes() for path in (home.keys / "people").glob("*.secret")]
    assert len(secrets) > 8
    assert not any(secret.decode() in told for secret in secrets)
    assert "PYTHONPATH" not in told and "PATH=" not in told


def test_callers_who_say_nothing_keep_nobody_out_for_long(home: Installation) -> None:
    path = str(reader_socket_folder(home.data) / file_reader.SOCKET)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(part.MOST_CALLERS)]
    try:
        for link in silent:
            link.connect(path)
        time.sleep(0.2)
        assert said(home, b'{"verb": "ping"}\n') == {"error": "busy"}
        began = time.monotonic()
        assert file_reader.ask(home.data, {"verb": "ping"}, whole_s=30) == "pong"
        assert time.monotonic() - began < 2 * part.SENT_WITHIN_S + 5
    finally:
        for link in silent:
            link.close()


def test_a_search_ends_when_its_caller_hangs_up(folder: Path) -> None:
    """It tells its progress; who is not there any more has ended it."""
    here, there = socket.socketpair(socket.AF_UNIX)
    tell = part._progress_to(here)
    there.close()
    ends = time.monotonic() + 60
    with pytest.raises(BrokenPipeError), here:
        while time.monotonic() < ends:
            tell(1)
            time.sleep(0.05)


@as_root
def test_the_file_reader_writes_nothing_and_starts_no_program(home: Installation) -> None:
    """What it could still be talked into: the kernel refuses it."""
    status = Path(f"/proc/{by_part()[users.READER].number}/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["Seccomp"].strip() == "2" and facts["NoNewPrivs"].strip() == "1"
    kept = sum(1 << capability for capability in users.READS_ALL)
    assert int(facts["CapEff"], 16) == kept == int(facts["CapBnd"], 16)


# -- start, upgrade, kill --------------------------------------------------------------------------------------------


def lying(top: Path) -> dict[str, tuple[int, int, int]]:
    """Owner, group and mode of each file and folder below top, but for what changes by itself."""
    facts = {}
    for path in (top, *top.rglob("*")):
        if "cluster" not in path.parts and "data/people/" not in f"{path}/" and "data/crops/" not in f"{path}/":
            status = path.lstat()
            facts[str(path.relative_to(top))] = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
    return facts


def all_as_root(top: Path) -> None:
    """As an earlier version left it: root's own files, 0600 and 0700; but for the stores' own folders."""
    for path in (top, *top.rglob("*")):
        if not {"cluster", "socket", "people-socket"} & set(path.parts) and "data/people" not in str(path):
            os.chown(path, 0, 0, follow_symlinks=False)
            path.chmod(0o700 if path.is_dir() else 0o600)
    top.chmod(0o711)


@contextmanager
def open_doors(place: Place) -> Iterator[None]:
    with place.doors():
        yield


@as_root
@pytest.mark.long
def test_an_installation_of_an_earlier_version_is_brought_over_at_its_start_and_again_at_the_next(folder: Path) -> None:
    place = Place(folder)
    home = place.home
    for path in (home.keys, home.data, home.keystore):
        all_as_root(path)
    (home.keys / "store" / "owner.secret").rename(home.keys / "people" / "owner.secret")
    owner_secret = (home.keys / "people" / "owner.secret").read_text()
    blob = home.data / "blobs" / "ab" / "abcdefgh"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"sealed")
    with open_doors(place):
        assert (home.keys / "store" / "owner.secret").read_text() == owner_secret
        assert run_as(user_of("web"), blob.read_bytes) == "b'sealed'"
        assert run_as(user_of("crops"), blob.read_bytes) == "PermissionError"
        grower = place.grower()
        assert place.sign_in(grower).status_code == 302
    settled = lying(home.keys)
    with open_doors(place):
        assert lying(home.keys) == settled
        assert place.sign_in(grower).status_code == 302


@as_root
@pytest.mark.slow
def test_what_commands_of_root_make_is_for_the_parts_also(folder: Path) -> None:
    place = Place(folder)
    with open_doors(place):
        grower = place.grower()
        finished = place.command("keys", "rotate")
        assert finished.returncode == 0, finished.stderr
        newest = place.home.keys / "people" / "root-2.key"
        for name in ("web", "inbound smtp", "worker"):
            assert run_as(user_of(name), lambda: len(newest.read_bytes())) == "32", name
        assert run_as(user_of("crops"), newest.read_bytes) == "PermissionError"
        assert place.sign_in(grower).status_code == 302
        backups = list(place.home.key_backups.glob("*.keys"))
        assert backups and {path.stat().st_uid for path in backups} == {users.number(users.WORKER)}
        days = list(place.home.day_keys.iterdir())
        assert days and {path.stat().st_uid for path in days} == {users.number(users.WORKER)}
        assert {stat.S_IMODE(path.stat().st_mode) for path in days} == {0o600}


@as_root
def test_what_a_command_of_root_makes_in_a_shared_folder_another_part_can_change(folder: Path) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=True)
    home.prepare()
    owners.settle(home)
    lock, blobs = home.data / "reading" / "lock", home.data / "blobs" / "ab"
    os.close(users.open_shared(lock, os.O_RDWR | os.O_CREAT))
    users.make_folder(blobs)
    os.close(users.open_shared(blobs / "blob", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    restarts.leave(home.data, "web", "ended", 1)
    (note,) = restarts.folder_in(home.data).glob("*.json")

    def changes() -> str:
        os.close(users.open_shared(lock, os.O_RDWR | os.O_CREAT))
        (blobs / "blob").unlink()
        return "changed"

    assert run_as(user_of("crops"), changes) == "PermissionError"
    assert run_as(user_of("web"), note.read_text) == "PermissionError"
    assert run_as(user_of("web"), changes) == "changed"
    assert "ended" in run_as(user_of("worker"), note.read_text)


@as_root
@pytest.mark.slow
def test_a_killed_supervisor_and_killed_parts_start_again_as_their_users(folder: Path) -> None:
    place = Place(folder)
    home = place.home
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell may have it ignored.\n"
        "from pathlib import Path; from glasshouse.operations import service; "
        "from glasshouse.operations.installation import Installation\n"
        f"home = Installation(Path({str(home.data)!r}), Path({str(home.keys)!r}), {home.port}, {home.port + 1}, {home.port + 2}, "
        "demo=True, testing=True)\n"
        "with service.running(home, lambda text: None) as parts:\n print('open', flush=True)\n parts.watch()"
    )

    def started() -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout and process.stdout.readline() == "open\n"
        return process

    def seen() -> dict[str, tuple[int, int]]:
        facts = file_reader.ask(home.data, {"verb": "processes"}, whole_s=30)
        return {fact["part"]: (fact["number"], fact["users"][0]) for fact in facts if fact["part"] in users.PARTS}

    def is_well(origin: str) -> bool:
        try:
            answer = httpx.get(f"{origin}/health", verify=trust(home), timeout=90)
        except httpx.HTTPError:
            return False
        return bool(answer.json()["status"] == "pass")

    def all_well() -> None:
        for origin in (home.origin, home.crops_origin):
            ends = time.monotonic() + 120
            while not is_well(origin):
                assert time.monotonic() < ends, origin
                time.sleep(0.5)

    first = started()
    try:
        before = seen()
        for name in ("web", "worker", "crops"):
            os.kill(before[name][0], signal.SIGKILL)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            now = seen()
            if set(now) == set(users.PARTS) and all(
                now[name][0] != before[name][0] for name in ("web", "worker", "crops")
            ):
                break
            time.sleep(0.5)
        assert {name: user for name, (_, user) in now.items()} == {name: users.number(name) for name in users.PARTS}
        os.kill(now[users.READER][0], signal.SIGKILL)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                again = seen()
                break
            except UnavailableError:
                time.sleep(0.2)
        assert again[users.READER] != now[users.READER] and again[users.READER][1] == users.number(users.READER)
        all_well()
    finally:
        first.kill()
        first.wait()
    second = started()
    try:
        assert {name: user for name, (_, user) in seen().items()} == {name: users.number(name) for name in users.PARTS}
    finally:
        second.send_signal(signal.SIGINT)
        second.wait(60)


@as_root
def test_a_link_that_a_part_put_into_its_folder_leads_root_nowhere(folder: Path) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=True)
    home.prepare()
    owners.settle(home)
    secret = folder / "of-root"
    secret.write_text("secret")
    secret.chmod(0o600)
    for link in (home.keys / "people" / "linked.secret", home.keys / "crops" / "linked.key"):
        link.symlink_to(secret)
    os.link(secret, home.keys / "people" / "hard.secret")
    owners.settle(home)
    assert (secret.stat().st_uid, stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)


@as_root
def test_a_start_that_was_cut_off_is_finished_by_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=True)
    home.prepare()
    deep = home.data / "blobs" / "ab"
    deep.mkdir(mode=0o700)
    (deep / "blob").write_bytes(b"sealed")
    honest = os.fchown

    def cut_off(handle: int, uid: int, gid: int) -> None:
        if gid == users.number(users.PEOPLE) and Path(f"/proc/self/fd/{handle}").readlink().name == "blobs":
            raise OSError(5, "cut off")
        honest(handle, uid, gid)

    monkeypatch.setattr(os, "fchown", cut_off)
    with pytest.raises(Exception, match="cut off"):
        owners.settle(home)
    monkeypatch.undo()
    owners.settle(home)
    assert run_as(user_of("web"), (deep / "blob").read_bytes) == "b'sealed'"


@as_root
def test_numbers_that_belong_to_somebody_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    somebody = pwd.getpwnam("nobody").pw_uid
    monkeypatch.setenv(users.VARIABLE, str(somebody - 3))
    with pytest.raises(users.UsersError, match="nobody"):
        users.refuse_taken()
    monkeypatch.setenv(users.VARIABLE, "61190")
    with pytest.raises(users.UsersError, match="sandbox"):
        users.refuse_taken()


@pytest.mark.parametrize("value", ["0", "999", "-5", "many", "²", "1" * 30])
def test_a_first_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(users.VARIABLE, value)
    with pytest.raises(users.UsersError, match=users.VARIABLE):
        users.first()


@as_root
def test_code_below_a_closed_folder_is_reached_and_nothing_else_of_it(folder: Path) -> None:
    closed = folder / "closed"
    (closed / "code").mkdir(parents=True)
    (closed / "code" / "program").write_text("reached")
    (closed / "secret").write_text("secret")
    (closed / "secret").chmod(0o644)
    closed.chmod(0o700)
    plan = closed_folders.closed([closed / "code"])
    assert plan == {closed: [closed / "code"]}

    def look() -> str:
        return (closed / "code" / "program").read_text() + str((closed / "secret").exists())

    def opened() -> str:
        closed_folders.open_up(plan)
        return run_as(user_of("web"), look)

    assert run_as(user_of("web"), look) == "PermissionError"
    assert run_as(users.PartUser(0, 0, capabilities=(21, users.SETUID, users.SETGID, 8)), opened) == "reachedFalse"
    assert (closed / "secret").exists()


@as_root
def test_a_start_that_the_parts_users_could_not_run_is_refused_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=False)
    monkeypatch.setattr(closed_folders, "open_up", lambda plan: (_ for _ in ()).throw(PermissionError(1, "no")))
    with pytest.raises(Exception, match="chmod o\\+x"):
        service._choose_users(home)
    assert users.are_apart()


@as_root
def test_a_demo_whose_parts_users_could_not_run_it_runs_as_one_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=True)
    monkeypatch.setattr(closed_folders, "open_up", lambda plan: (_ for _ in ()).throw(PermissionError(1, "no")))
    service._choose_users(home)
    try:
        assert not users.are_apart() and users.of(users.WEB) is None
    finally:
        os.environ.pop(users.TOGETHER)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user first")
def test_an_installation_given_to_an_ordinary_user_is_that_users_alone_again(folder: Path) -> None:
    home = Installation(folder / "data", folder / "keys", 1, 2, 3, demo=True)
    home.prepare()
    owners.settle(home)
    ordinary = users.PartUser(54_321, 54_321)
    for top in (home.data, home.keys, home.keystore):
        shutil.chown(top, ordinary.uid, ordinary.gid)
        for path in top.rglob("*"):
            os.chown(path, ordinary.uid, ordinary.gid, follow_symlinks=False)

    def settled() -> str:
        home.prepare()
        owners.settle(home)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (home.keys / "people").glob("*.*")}
        return str(modes == {0o600})

    assert run_as(ordinary, settled) == "True"
