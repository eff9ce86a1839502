"""What is said of a file is marked for translation, each text, and is said in the reader's language, also as it was stored."""

import ast
import re
from pathlib import Path

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.utils import translation

from glasshouse.cli import catalogues
from glasshouse.greenhouse import files, import_results
from glasshouse.greenhouse.file_shapes import DELIMITERS, ImportIssue, Layout, LeftOut, Proposal
from glasshouse.greenhouse.file_times import TIME_FORMATS
from glasshouse.greenhouse.statements import Statement, stated
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.text import filled
from glasshouse.web import error_texts, file_texts
from glasshouse.web.file_texts import said

FOLDER = Path(files.__file__).parent
# Modules whose texts an import's pages say. Texts of logs, and errors that only a programmer sees, are none of these.
MODULES = [
    *sorted(path for path in FOLDER.glob("file_*.py") if path.stem != "file_work"),
    *(
        FOLDER / f"{name}.py"
        for name in (
            "files",
            "imports",
            "intake",
            "intake_folder",
            "intake_mail",
            "intake_site",
            "layout_choices",
            "sheets",
            "tables",
            "tasks",
            "whole_import",
            "zipped",
        )
    ),
]
SAYS = {"Statement", "InvalidError", "UnavailableError", "OverloadedError", "issue"}
MARK = re.compile(r"%\(\w+\)s")


def marked(*modules: object) -> set[str]:
    sources = [Path(module.__file__).read_text() for module in modules]  # type: ignore[attr-defined]
    return {entry.key.text for source in sources for entry in catalogues.of_python(source)}


def texts_of(path: Path) -> set[str]:
    """Texts with a mark, texts that are given to what says them, and constants that are whole sentences."""
    tree = ast.parse(path.read_text())
    texts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYS:
            given = [part.value for part in node.args if isinstance(part, ast.Constant)]
            texts |= {text for text in given if isinstance(text, str) and " " in text}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MARK.search(node.value):
            texts.add(node.value)
        if isinstance(node, ast.Assign | ast.Dict):
            values = node.values if isinstance(node, ast.Dict) else [node.value]
            constants = [part.value for part in values if isinstance(part, ast.Constant)]
            texts |= {text for text in constants if isinstance(text, str) and re.fullmatch(r"[A-Z].* .*[.?]", text)}
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, ast.Module)}
    return texts - docstrings


def test_each_text_of_a_file_is_marked_for_translation() -> None:
    known = marked(file_texts, error_texts)
    assert {path.stem: texts_of(path) - known for path in MODULES if texts_of(path) - known} == {}
    assert {*TIME_FORMATS.values(), *DELIMITERS.values()} <= known


def test_a_text_that_is_not_marked_is_seen() -> None:
    assert "it holds text, as in %(cell)s" in texts_of(FOLDER / "file_columns.py")
    assert "The time of day is missing" not in texts_of(FOLDER / "file_rows.py")


def test_a_note_an_issue_and_a_refusal_are_said_in_german_with_names_of_variables_and_orders() -> None:
    body = (
        "Zeit;Temp (°C)\n"
        + "".join(f"1{day}.05.2024 12:00;{20 + day}\n" for day in range(5))
        + "15.05.2024 12:00;900\n"
    )
    proposal = files.proposal_of(f"Anlage 3\n\n{body}".encode(), zone="Europe/Berlin")
    reading = files.read(f"Anlage 3\n\n{body}".encode(), proposal.layout)
    (issue,) = reading.issues
    with translation.override("de"):
        assert said(proposal.notes[0]) == "Zeile 1 über der Tabelle enthält keine Messwerte: 'Anlage 3'."
        assert said(issue.said) == "900 °C ist unplausibel (Lufttemperatur)"
        open_orders = files.OPEN_ORDERS[2]
        orders = {"order": TIME_FORMATS["dmy"], "second": TIME_FORMATS["mdy"]}
        assert "Tag/Monat/Jahr oder Monat/Tag/Jahr" in said(Statement(open_orders, orders))
        error = InvalidError("The sheet has more than %(most)s rows. Split it.", values={"most": 1_048_576})
        assert error_texts.error_text(error) == "Das Blatt hat mehr als 1.048.576 Zeilen. Teilen Sie es."
    assert said(issue.said) == issue.text == "900 °C is implausible for Air temperature"
    assert str(error) == "The sheet has more than 1,048,576 rows. Split it."


def test_words_of_a_file_are_never_translated() -> None:
    with translation.override("de"):
        assert said(Statement("it holds text, as in %(cell)s", {"cell": "comma"})) == "sie enthält Text, etwa comma"


def test_a_text_that_comes_with_other_marks_than_values_is_said_as_it_is() -> None:
    """A reader of files that was taken over may answer any text."""
    for text in ("%(no)s %s %d %", "%(cell)999999999d", "%(" * 1000):
        assert filled(text, {"cell": "x"}) == text
        assert said(Statement(text, {"cell": "x"})) == text
    assert filled("%(a)s", {"a": "%(b)s", "b": "c"}) == "%(b)s"


def test_what_earlier_versions_stored_is_still_shown() -> None:
    old = {"row": 4, "column": "temp", "text": "240 °C is implausible for air temperature", "kept": True}
    older = [old, old | {"row": 5, "text": "241 °C is implausible for air temperature"}]
    (group,) = import_results.grouped(older)
    assert (group.size, said(group.said)) == (2, "240 °C is implausible for air temperature")
    layout = files.propose(b"time,temp,note\n2024-05-31 12:00,21,a\n", zone="Europe/Rome")
    stored = layout.as_json()
    stored["left_out"] = [{"index": 2, "name": "note", "reason": "it holds text, as in 'a'"}]
    del stored["leave_out"], stored["columns"][0]["leave_implausible"]
    (left,) = Layout.from_json(stored).left_out
    assert left == LeftOut(2, "note", Statement("it holds text, as in 'a'"))
    raw = {"layout": stored, "rows": [["a"]], "notes": ["A note."], "sheets": [], "problem": "", "choices": {}}
    proposal = Proposal.from_json(raw)
    assert (said(proposal.notes[0]), proposal.problem) == ("A note.", None)
    assert Proposal.from_json(raw | {"problem": "No column."}).problem == Statement("No column.")
    with translation.override("de"):
        assert said("it is empty") == "sie ist leer"
        assert said(stated(None)) == ""


def test_a_stored_issue_is_grouped_by_its_text_whatever_a_cell_holds() -> None:
    text = "%(cell)s is not a number"
    issues = [ImportIssue(row, "t", Statement(text, {"cell": f"'say \"{row}'"}), kept=False) for row in (3, 4)]
    (group,) = import_results.grouped_issues(issues)
    assert (group.size, group.rows, group.said.text) == (2, "3, 4", text)
