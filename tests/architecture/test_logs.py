"""What may stand in a log, and in which form."""

import ast
import functools
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from crop_contract import logs
from glasshouse.operations.installation import Installation
from tests.architecture.parsed import nodes_in

SOURCE = Path(__file__).resolve().parents[2] / "src"
FILES = sorted(path for name in ("crop_contract", "crops", "glasshouse") for path in (SOURCE / name).rglob("*.py"))
SECRET = "@" + "secret.example"  # in two pieces, for a stack shows lines of code
LEVELS = {"debug", "info", "warning", "error", "critical"}
# What a value of an event may be: an opaque id, a number, or a name of our own code. Look at a new key before it stands here.
KEYS = {
    "device": "the opaque id of a device",
    "error": "the class of an error",
    "item": "the opaque id of a queue's item",
    "job": "a job's name, or its number",
    "jobs": "names of jobs",
    "limit": "the name of a limit of ours",
    "limit_s": "a number",
    "mail": "the opaque id of a mail",
    "number": "the number of an error, drawn by lot; or how many connections were ended",
    "promise": "the id of a promise",
    "queue": "a queue's name",
    "reason": "one of our own reasons",
    "size_bytes": "a number",
    "stack": "what stack_of gives",
    "table": "a table's name",
    "tries": "a number",
    "where": "a route's name, or a place in our code",
}


@functools.cache
def nodes() -> list[tuple[Path, ast.AST]]:
    """Every node of the whole source, with its file."""
    return nodes_in(FILES)


@functools.cache
def calls() -> list[tuple[str, ast.Call]]:
    """Every call of a method, with its place."""
    return [
        (f"{file.relative_to(SOURCE)}:{node.lineno}", node)
        for file, node in nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


@functools.cache
def logged() -> list[tuple[str, ast.Call]]:
    """Every call that writes into the log, with its place."""
    writes = LEVELS | {"exception", "log", "warn", "fatal", "msg", "bind"}
    return [
        (place, call)
        for place, call in calls()
        if call.func.attr in writes  # type: ignore[attr-defined]
        and ast.unparse(call.func).partition(".")[0] in ("log", "logger", "logging", "structlog")
    ]


def test_nothing_writes_the_text_of_an_error_into_the_log() -> None:
    """The text of an error may hold personal data: `crop_contract.stacks.stack_of` gives what may be logged of it."""
    wrong = [place for place, call in logged() if call.func.attr not in LEVELS]  # type: ignore[attr-defined]
    texts = ("format_exc", "format_exception", "print_exc", "print_exception")
    wrong += [place for place, call in calls() if ast.unparse(call.func) in [f"traceback.{name}" for name in texts]]
    assert wrong == []


def test_an_event_is_a_fixed_text_and_its_values_have_known_names() -> None:
    assert len(logged()) > 20
    wrong = [
        place
        for place, call in logged()
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or "%" in str(call.args[0].value)
        or not {keyword.arg for keyword in call.keywords} <= set(KEYS)
    ]
    assert wrong == []
    used = {keyword.arg for _, call in logged() for keyword in call.keywords}
    assert set(KEYS) == used, "a key that nothing writes any more goes from the list"


def test_stacks_come_from_stack_of() -> None:
    stacks = [
        (place, ast.unparse(keyword.value))
        for place, call in logged()
        for keyword in call.keywords
        if keyword.arg == "stack"
    ]
    assert [place for place, value in stacks if value not in ("stack_of(error)", "stack")] == []


def test_loggers_are_made_by_structlog() -> None:
    own = SOURCE / "crop_contract" / "logs.py"
    wrong = [
        str(file.relative_to(SOURCE))
        for file, node in nodes()
        if file != own and isinstance(node, ast.Import) and any(alias.name == "logging" for alias in node.names)
    ]
    assert wrong == []


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[list[logging.LogRecord]]:
    """The records of the logger "test"."""
    handler = Kept()
    logging.getLogger("test").addHandler(handler)
    yield handler.records
    logging.getLogger("test").removeHandler(handler)


def broken() -> None:
    """Raises an error whose text, and whose cause's, is nobody's business."""
    try:
        raise KeyError(f"anna{SECRET}")
    except KeyError as error:
        raise ValueError(f"jan{SECRET}") from error


def test_a_record_in_a_file_is_one_line_of_json(kept: list[logging.LogRecord]) -> None:
    logs.configure()
    structlog.stdlib.get_logger("test").error("mail not sent", mail="0" * 16, tries=3, stack="a\nb\n")
    line = logs.formatter(readable=False).format(kept[0])
    assert "\n" not in line
    record = json.loads(line)
    assert list(record)[:4] == ["at", "level", "logger", "event"]
    assert record.pop("at").endswith("Z")
    assert record == {
        "level": "error",
        "logger": "test",
        "event": "mail not sent",
        "mail": "0" * 16,
        "tries": 3,
        "stack": "a\nb\n",
    }


def test_a_record_on_a_terminal_is_for_a_person(kept: list[logging.LogRecord]) -> None:
    logs.configure()
    structlog.stdlib.get_logger("test").error("mail not sent", mail="0" * 16, stack="first\nsecond\n")
    text = logs.formatter(readable=True).format(kept[0])
    assert "mail not sent" in text
    assert "first\nsecond" in text
    assert not text.startswith("{")


@pytest.mark.parametrize("readable", [True, False])
def test_a_record_of_a_library_has_the_stack_of_its_error_and_not_its_text(
    kept: list[logging.LogRecord], readable: bool
) -> None:
    logs.configure()
    try:
        broken()
    except ValueError:
        logging.getLogger("test").exception("job %s ended", 7, stack_info=True)
    line = logs.formatter(readable=readable).format(kept[0])
    assert "job 7 ended" in line
    assert "in broken" in line
    assert "builtins.ValueError" in line
    assert "builtins.KeyError" in line
    assert SECRET not in line


def test_a_value_that_is_no_text_and_no_number_is_named_and_not_shown(kept: list[logging.LogRecord]) -> None:
    logs.configure()
    structlog.stdlib.get_logger("test").error("odd", item=ValueError("jan@secret.example"))
    assert json.loads(logs.formatter(readable=False).format(kept[0]))["item"] == "ValueError"


def test_what_is_silent_writes_nothing_and_the_rest_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(("test.silent",))
    logs.configure(("test.silent",))
    logging.getLogger("test.silent").error("https://localhost/reset/secret")
    structlog.stdlib.get_logger("test.loud").error("loud")
    structlog.stdlib.get_logger("test.loud").info("quiet")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "loud"


def test_a_record_that_breaks_is_told_of_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logs._StandardError()
    handler.setFormatter(logs.formatter(readable=False))
    handler.handle(logging.LogRecord("test", logging.ERROR, "", 1, "%d", (SECRET,), None))
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "record not written"
    assert SECRET not in line


def test_logs_that_cannot_be_written_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    class Full:
        def write(self, text: str) -> None:
            tried.append(text)
            raise OSError

        def isatty(self) -> bool:
            return False

    logs.configure()
    monkeypatch.setattr(sys, "stderr", Full())
    structlog.stdlib.get_logger("test.loud").error("loud")
    assert tried, "it was written, and that failed"


def test_what_nothing_catches_is_written_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))  # So that it is put back.
    logs.configure()
    logs.take_uncaught()
    for target in (broken, sys.exit):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    try:
        broken()
    except ValueError:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # an error is under way

    class Unraisable:
        def __del__(self) -> None:
            broken()

    Unraisable()
    written = capsys.readouterr().err
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["error that nothing caught"] * 3
    assert written.count("builtins.ValueError") == 3
    assert SECRET not in written


def test_each_part_writes_lines_of_json(home: Installation) -> None:
    files = [home.data / "logs" / f"{part}.log" for part in ("crops", "inbound-smtp", "web", "worker")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) > 2, "the HTTP servers tell at least that they start"
    for line in lines:
        assert {"at", "level", "logger", "event"} <= set(json.loads(line)), line
