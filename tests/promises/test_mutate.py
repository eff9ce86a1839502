"""`glasshouse mutate`: every check notices the breakages of its promise, on a scratch service that is gone afterwards.

The two lists are there to shrink: whoever mends a check deletes what it notices from known_missed.py.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glasshouse.cli.mutate import mutate
from glasshouse.operations.mutation import applying, runner, together
from glasshouse.operations.mutation.runner import Outcome, Runner, Trial
from glasshouse.operations.mutation.scratch import SOURCE, Result, ScratchError, free_port, refuse_used, scratch
from glasshouse.promises.breakage import Breakage, Code, Configuration, Database, Environment, Kind, changed_rows
from glasshouse.promises.breakages import BreakageError, load
from tests.promises.known_missed import KNOWN_MISSED

LEAST, LEAST_KINDS = 3, 2
# Promises with a check and fewer than three breakages, or with breakages of one kind only.
LACKING: set[str] = set()


def checked() -> set[str]:
    from glasshouse.promises import registry, runner

    assert runner.run
    return set(registry.CHECKS)


def breakages() -> list[Breakage]:
    return load()


# -- what is declared ----------------------------------------------------------------------------------------------


def test_every_text_that_a_breakage_replaces_stands_exactly_once_in_its_file() -> None:
    wrong = []
    for breakage in breakages():
        if isinstance(breakage.change, Code):
            count = (SOURCE / breakage.change.file).read_text().count(breakage.change.before)
            if count != 1:
                wrong.append(f"{breakage.name}: {count} times in {breakage.change.file}")
    assert wrong == []


def test_every_changed_python_file_can_still_be_read() -> None:
    for breakage in breakages():
        if isinstance(breakage.change, Code) and breakage.change.file.endswith(".py"):
            text = (SOURCE / breakage.change.file).read_text()
            compile(text.replace(breakage.change.before, breakage.change.after), breakage.name, "exec")


def test_every_checked_promise_has_three_breakages_of_two_kinds() -> None:
    kinds: dict[str, list[Kind]] = defaultdict(list)
    for breakage in breakages():
        kinds[breakage.promise].append(breakage.kind)
    few = {promise for promise in checked() if len(kinds[promise]) < LEAST or len(set(kinds[promise])) < LEAST_KINDS}
    assert few == LACKING, "Add breakages, or take what has enough of them off the list."


def test_no_promise_without_a_check_has_a_breakage() -> None:
    assert {breakage.promise for breakage in breakages()} <= checked()


def test_what_is_tried_in_every_run_starts_no_part_again() -> None:
    for breakage in breakages():
        if breakage.quick:
            change = breakage.change
            assert not isinstance(change, Configuration), breakage.name
            assert not isinstance(change, Code) or not (change.parts or change.tables), breakage.name


def test_the_list_of_what_is_missed_names_breakages_that_exist() -> None:
    assert KNOWN_MISSED.keys() <= {breakage.name for breakage in breakages()}
    assert all(KNOWN_MISSED.values())


@pytest.mark.parametrize(
    ("added", "word"),
    [
        (Breakage("SEC-99", "nothing", Database("SELECT 1")), "SEC-99, which is not in the register"),
        (Breakage("SEC-01", "nothing", Database("SELECT 1"), also=("PRI-77",)), "PRI-77"),
    ],
)
def test_a_breakage_of_no_promise_is_refused(monkeypatch: pytest.MonkeyPatch, added: Breakage, word: str) -> None:
    from glasshouse.promises.breakages import organisations

    monkeypatch.setattr(organisations, "BREAKAGES", (added,))
    with pytest.raises(BreakageError, match=word):
        load()


def test_two_breakages_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.breakages import organisations

    monkeypatch.setattr(organisations, "BREAKAGES", (organisations.BREAKAGES[0],) * 2)
    with pytest.raises(BreakageError, match="There are two breakages called"):
        load()


# -- where it may be applied ---------------------------------------------------------------------------------------


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "somebody's").write_text("data")
    with pytest.raises(ScratchError, match="not empty"), scratch(tmp_path):
        raise AssertionError("entered")
    assert (tmp_path / "somebody's").exists()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScratchError):
        refuse_used(tmp_path / "file")


@pytest.mark.parametrize("mark", ["running.lock", "people/PG_VERSION", "people/lookup.key", "tls/ca.key"])
def test_a_folder_within_an_installation_is_refused(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).write_text("")
    with pytest.raises(ScratchError, match="belongs to an installation"), scratch(tmp_path / "deep" / "er"):
        raise AssertionError("entered")
    assert not (tmp_path / "deep").exists()


def test_the_folder_is_removed_when_the_service_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.operations.mutation import scratch as module

    monkeypatch.setattr(module, "SOURCE", tmp_path / "nothing")
    with pytest.raises(OSError, match="nothing"), scratch(tmp_path / "new"):
        raise AssertionError("entered")
    assert not (tmp_path / "new").exists()


def test_no_variable_of_ours_reaches_the_scratch_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.operations.mutation.scratch import Scratch

    monkeypatch.setenv("GLASSHOUSE_SMTP_HOST", "mail.operator.example")
    monkeypatch.setenv("GLASSHOUSE_TEXT_PROVIDER", "twilio:a:b")
    environment = Scratch(tmp_path, 1)._environment()
    assert {name for name in environment if name.startswith("GLASSHOUSE_")} == set()
    assert environment["PYTHONPATH"] == str(tmp_path / "src")


def test_ports_are_free_and_side_by_side() -> None:
    assert 12_000 <= free_port() < 20_000


# -- applied and taken back ----------------------------------------------------------------------------------------


class Fake:
    """A scratch service that notes what it is told. red: the promises whose checks say *not verified* now."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.source = folder
        self.variables = {"GLASSHOUSE_SMTP_HOST": "localhost"}
        self.told: list[object] = []
        self.red: dict[str, str] = {}

    def execute(self, sql: str, database: str = "people") -> None:
        self.told.append((database, sql))

    def restart(self, parts: Sequence[str], variables: Mapping[str, str | None] = {}) -> None:
        self.told.append((tuple(parts), dict(variables)))

    def migrate(self) -> None:
        self.told.append("migrate")

    def check(self, promises: Sequence[str]) -> dict[str, Result]:
        self.told.append(tuple(promises))
        return {
            one: Result(self.red.get(one, "verified"), "figure") for one in promises or ("SEC-01", "SEC-02", "SEC-03")
        }


@contextmanager
def applied(fake: Fake, change: Any) -> Iterator[None]:
    with applying.applied(fake, Breakage("SEC-01", "x", change)):  # type: ignore[arg-type]
        yield


def test_code_is_changed_in_the_copy_and_put_back_whatever_happens(tmp_path: Path) -> None:
    fake, file = Fake(tmp_path), tmp_path / "a.py"
    file.write_text("x = 1\ny = 2\n")
    with pytest.raises(ZeroDivisionError), applied(fake, Code("a.py", "x = 1", "x = 3", ("web",), tables=True)):
        assert file.read_text() == "x = 3\ny = 2\n"
        raise ZeroDivisionError
    assert file.read_text() == "x = 1\ny = 2\n"
    assert fake.told == ["migrate", (("web",), {})] * 2


def test_each_writing_has_another_time_so_that_python_notices(tmp_path: Path) -> None:
    times = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        applying.write(tmp_path / "a.py", text)
        times.append(int((tmp_path / "a.py").stat().st_mtime))
    assert len(set(times)) == 3


@pytest.mark.parametrize("text", ["y = 2\n", "x = 1\nx = 1\n"])
def test_a_text_that_does_not_stand_there_once_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(ScratchError, match=r"times in a\.py"), applied(Fake(tmp_path), Code("a.py", "x = 1", "x = 2")):
        raise AssertionError("applied")


def test_a_database_is_mended_by_its_own_sql_and_by_the_step_that_brings_tables_up_to_date(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    with pytest.raises(ZeroDivisionError), applied(fake, Database("BREAK", "MEND", "vault")):
        assert fake.told == [("vault", "BREAK")]
        raise ZeroDivisionError
    assert fake.told == [("vault", "BREAK"), ("vault", "MEND"), "migrate"]


def test_variables_are_put_back(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    change = Configuration({"GLASSHOUSE_SMTP_HOST": "", "GLASSHOUSE_COUNTRY": "DE"}, ("worker",))
    with pytest.raises(ZeroDivisionError), applied(fake, change):
        assert fake.variables == {"GLASSHOUSE_SMTP_HOST": "", "GLASSHOUSE_COUNTRY": "DE"}
        raise ZeroDivisionError
    assert fake.variables == {"GLASSHOUSE_SMTP_HOST": "localhost"}
    assert fake.told[-1] == (("worker",), {"GLASSHOUSE_SMTP_HOST": "localhost", "GLASSHOUSE_COUNTRY": None})


def test_changed_rows_are_stored_beside_and_put_back() -> None:
    change = changed_rows("mail_message", "kind = 'x'", sent_at="NULL", tries="3")
    assert "CREATE TABLE broken.rows AS SELECT id, sent_at, tries FROM mail_message WHERE kind = 'x'" in change.sql
    assert "SET sent_at = NULL, tries = 3 WHERE" in change.sql
    assert "SET sent_at = r.sent_at, tries = r.tries FROM broken.rows r" in change.undo
    assert change.undo.endswith("DROP SCHEMA broken CASCADE")


# -- what comes of a breakage --------------------------------------------------------------------------------------


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    """The scratch services that a runner makes."""
    made: list[Fake] = []

    @contextmanager
    def make(folder: Path | None) -> Iterator[Fake]:
        made.append(Fake(tmp_path))
        try:
            yield made[-1]
        finally:
            made[-1].told.append("gone")

    monkeypatch.setattr(runner, "scratch", make)
    return made


def turning(*promises: str, stays: bool = False, state: str = "not verified") -> Environment:
    """A breakage that turns checks red, and may leave them so."""

    @contextmanager
    def change(place: Any) -> Iterator[None]:
        place.red |= dict.fromkeys(promises, state)
        yield
        if not stays:
            place.red.clear()

    return Environment(change)  # type: ignore[arg-type]


def outcomes(*breakages: Breakage, **options: Any) -> list[Trial]:
    return list(Runner(breakages, **options).run())


def test_a_breakage_that_turns_its_check_red_is_caught(fakes: list[Fake]) -> None:
    (trial,) = outcomes(Breakage("SEC-01", "a", turning("SEC-01")))
    assert (trial.outcome, trial.also_red) == (Outcome.CAUGHT, [])
    assert fakes[0].told == [("SEC-01",), ("SEC-01",), ("SEC-01",), "gone"]


@pytest.mark.parametrize("state", ["verified", "cannot tell", "nothing to check"])
@pytest.mark.usefixtures("fakes")
def test_only_not_verified_counts_as_noticed(state: str) -> None:
    (trial,) = outcomes(Breakage("SEC-01", "a", turning("SEC-01", state=state)))
    assert trial.outcome is Outcome.MISSED


@pytest.mark.usefixtures("fakes")
def test_another_check_that_turns_red_is_told_unless_it_is_named() -> None:
    first, second = outcomes(
        Breakage("SEC-01", "a", turning("SEC-01", "SEC-02", "SEC-03"), also=("SEC-03",)),
        Breakage("SEC-01", "b", turning("SEC-01")),
        others=True,
    )
    assert (first.also_red, second.also_red) == (["SEC-02"], [])


def test_a_check_that_was_not_verified_before_is_not_tried(fakes: list[Fake]) -> None:
    (first, second) = outcomes(
        Breakage("SEC-01", "a", turning("SEC-01", stays=True)),
        Breakage("SEC-02", "b", turning()),
    )
    assert first.outcome is Outcome.STAYED
    assert second.outcome is Outcome.MISSED
    assert len(fakes) == 2, "the scratch service was made anew"
    assert fakes[0].told[-1] == "gone"


@pytest.mark.usefixtures("fakes")
def test_a_breakage_that_cannot_be_applied_is_not_tried_and_hides_no_other() -> None:
    first, second = outcomes(
        Breakage("SEC-01", "a", Code("nowhere.py", "x", "y")), Breakage("SEC-01", "b", turning("SEC-01"))
    )
    assert (first.outcome, second.outcome) == (Outcome.NOT_TRIED, Outcome.CAUGHT)


def test_what_cannot_be_taken_back_is_judged_and_the_service_made_anew(fakes: list[Fake]) -> None:
    @contextmanager
    def change(place: Any) -> Iterator[None]:
        place.red["SEC-01"] = "not verified"
        yield
        raise ScratchError("it stays")

    (trial,) = outcomes(Breakage("SEC-01", "a", Environment(change)))  # type: ignore[arg-type]
    assert (trial.outcome, len(fakes)) == (Outcome.CAUGHT, 2)


@pytest.mark.usefixtures("fakes")
def test_what_stays_broken_is_told_at_the_end_where_it_is_looked_at_once_for_all() -> None:
    found = outcomes(Breakage("SEC-01", "a", turning("SEC-01", stays=True)), each_restored=False)
    assert [trial.outcome for trial in found] == [Outcome.CAUGHT, Outcome.STAYED]


def test_who_stops_early_leaves_no_service(fakes: list[Fake]) -> None:
    trials = Runner([Breakage("SEC-01", "a", turning("SEC-01"))] * 2).run()
    next(trials)
    trials.close()
    assert fakes[0].told[-1] == "gone"


# -- what is chosen ------------------------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the breakages that the command tries; none is applied."""
    names: list[str] = []

    def run(chosen: Runner) -> Iterator[Trial]:
        for breakage in chosen.breakages:
            names.append(breakage.name)
            yield Trial(breakage.promise, breakage.name, breakage.kind, Outcome.CAUGHT, "", 0.0)

    monkeypatch.setattr(Runner, "run", run)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # The command would take those of this test process.
    return names


def test_breakages_are_chosen_by_promise_by_name_and_by_both(tried: list[str]) -> None:
    assert CliRunner().invoke(mutate, ["--breakage", "site scope is ignored", "--json"]).exit_code == 0
    assert tried == ["site scope is ignored by the application", "site scope is ignored by the database"]
    tried.clear()
    several = ["--breakage", "by the database", "--breakage", "a withdrawn token", "SEC-03"]
    assert CliRunner().invoke(mutate, several).exit_code == 0
    assert tried == ["site scope is ignored by the database", "a withdrawn token goes on working"]


def test_a_name_that_no_breakage_has_is_an_error_and_no_success(tried: list[str]) -> None:
    answer = CliRunner().invoke(mutate, ["--breakage", "a withdrawn token", "PRI-28"])
    assert answer.exit_code == 2 and "No breakage" in answer.output
    assert tried == []


def test_several_services_are_told_the_names_too(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on: list[str] = []

    def together_with(chosen: object, jobs: int, options: Sequence[str], *rest: object) -> Iterator[Trial]:
        passed_on.extend(options)
        yield from ()

    monkeypatch.setattr("glasshouse.cli.mutate.run_together", together_with)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert CliRunner().invoke(mutate, ["--jobs", "2", "--all", "--breakage", "token"]).exit_code == 0
    assert passed_on == ["--all", "--breakage", "token"]


# -- on several services at once ---------------------------------------------------------------------------------------


def test_each_promise_is_dealt_to_one_service_and_none_is_left_out() -> None:
    hands = together.dealt(breakages(), 3)
    dealt = [promise for hand in hands for promise in hand]
    assert len(hands) == 3 and sorted(dealt) == sorted({breakage.promise for breakage in breakages()})
    sizes = [sum(breakage.promise in hand for breakage in breakages()) for hand in hands]
    assert max(sizes) - min(sizes) <= 4, sizes


def test_no_more_services_than_promises_are_made() -> None:
    assert together.dealt([Breakage("SEC-01", "a", turning("SEC-01"))] * 2, 5) == [["SEC-01"]]


def _say_and_end(line: str, code: int) -> Any:
    def started(promises: Sequence[str], options: Sequence[str], folder: Path | None) -> "subprocess.Popen[str]":
        said = line.replace("PROMISE", promises[0])
        program = f"import sys; print({said!r}); sys.exit({code})"
        return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)

    return started


def test_trials_of_all_services_come_and_a_service_that_ends_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [Breakage(promise, promise, turning(promise)) for promise in ("SEC-01", "SEC-02")]
    line = json.dumps(Trial("PROMISE", "a", "database", Outcome.CAUGHT, "", 1.0).as_json())
    monkeypatch.setattr(together, "_started", _say_and_end(line, 0))
    trials = list(together.run_together(both, 2, []))
    assert sorted(trial.promise for trial in trials) == ["SEC-01", "SEC-02"]
    assert {trial.outcome for trial in trials} == {Outcome.CAUGHT}
    monkeypatch.setattr(together, "_started", _say_and_end(line, 2))
    trials = list(together.run_together(both, 2, []))
    assert [trial.outcome for trial in trials].count(Outcome.NOT_TRIED) == 2


# -- for real ------------------------------------------------------------------------------------------------------


def _report(trials: Sequence[Trial]) -> str:
    return "\n".join(f"{trial.promise} {trial.breakage}: {trial.outcome}, {trial.figure}" for trial in trials)


def _unexpected(trials: Sequence[Trial]) -> list[Trial]:
    return [
        trial
        for trial in trials
        if (trial.outcome is not Outcome.CAUGHT) is not (trial.breakage in KNOWN_MISSED)
        or trial.outcome in (Outcome.STAYED, Outcome.NOT_TRIED)
    ]


def _judge(trials: Sequence[Trial]) -> None:
    unexpected = _unexpected(trials)
    assert not unexpected, f"Mend the check, or known_missed.py:\n{_report(unexpected)}"


@pytest.mark.slow
def test_the_quick_breakages_turn_their_checks_red(capsys: pytest.CaptureFixture[str]) -> None:
    """A promise of which something unexpected came is tried once more: under load a check may not come to an end."""
    began = time.monotonic()
    quick = [breakage for breakage in breakages() if breakage.quick]
    trials = list(Runner(quick, each_restored=False).run())
    if again := {trial.promise for trial in _unexpected(trials)}:
        trials = [trial for trial in trials if trial.promise not in again]
        trials += Runner([each for each in quick if each.promise in again], each_restored=False).run()
    with capsys.disabled():
        print(f"{len(trials)} quick breakages in {time.monotonic() - began:.0f} s")
    _judge(trials)


@pytest.mark.long
def test_every_breakage_turns_its_check_red_and_no_other() -> None:
    trials = list(Runner(breakages(), others=True).run())
    _judge(trials)
    assert [(trial.breakage, trial.also_red) for trial in trials if trial.also_red] == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the store's own user can reach, as pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_a_signal_stops_and_removes_everything(open_folder: Path, number: signal.Signals, jobs: int) -> None:
    folder = open_folder / "scratch"
    command = [
        sys.executable,
        "-m",
        "glasshouse.cli",
        "mutate",
        "--quick",
        "--folder",
        str(folder),
        "--jobs",
        str(jobs),
    ]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 60
    places = [folder] if jobs == 1 else [folder / str(job + 1) for job in range(jobs)]
    while not all((place / "data/people/postmaster.pid").exists() for place in places) and time.monotonic() < ends:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(60) == 130
    assert not folder.exists()
    assert not _processes_in(folder)


def _processes_in(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(path.read_bytes().decode())
        except OSError:
            continue
    return found
