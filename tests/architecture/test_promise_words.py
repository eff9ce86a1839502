"""Everything that the checks of promises say is marked for translation, and nothing else is; pages say it in German."""

import ast
import re
from pathlib import Path

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.utils import translation

import glasshouse.promises
from glasshouse.promises.register import REGISTER
from glasshouse.web.promise_sentences import SENTENCES
from glasshouse.web.promise_words import PHRASES, PREFIXES, PROMISES, in_words

SOURCE = Path(glasshouse.promises.__file__).parent
FILES = [
    file for file in sorted(SOURCE.rglob("*.py")) if not file.match("breakages/*.py") and file.name != "breakage.py"
]
# Functions of findings, with the place and the name of each argument that people read.
SAYING = {
    "expect": ((0, "step"), (2, "instead")),
    "note": ((0, "line"),),
    "tell": ((0, "line"),),
    "cannot_tell": ((0, "line"), (0, "figure")),
    "judged": ((0, "figure"),),
    "nothing_to_check": ((0, "figure"),),
    "broken_off": ((0, "reason"),),
    "judge": ((1, "figure"),),
}
SLOT = re.compile(r"%\(\w\)s")
ADDRESS = "probe%(a)s@canary.invalid"


def texts_of(node: ast.expr, names: dict[str, set[str]]) -> set[str]:
    """The texts that an expression may be, with %(a)s for the first value in it; none of what only values tell."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.JoinedStr):
        slots = iter("abcdefgh")
        return {"".join(str(p.value) if isinstance(p, ast.Constant) else f"%({next(slots)})s" for p in node.values)}
    if isinstance(node, ast.IfExp):
        return texts_of(node.body, names) | texts_of(node.orelse, names)
    if isinstance(node, ast.BoolOp):
        return {text for value in node.values for text in texts_of(value, names)}
    return names.get(node.id, set()) if isinstance(node, ast.Name) else set()


def arguments(call: ast.Call) -> list[ast.expr]:
    """What of a call people read."""
    function = call.func
    name = getattr(function, "attr", "") or getattr(function, "id", "")
    if name == "check":
        told = [keyword.value for keyword in call.keywords if keyword.arg in ("steps", "oracle")]
        return [part for value in told for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
    places = SAYING.get(name, ())
    return [
        argument
        for place, keyword in places
        for argument in (*call.args[place : place + 1], *(k.value for k in call.keywords if k.arg == keyword))
    ]


def said_in(source: str) -> set[str]:
    """Every text that a module gives to what people read."""
    nodes = list(ast.walk(ast.parse(source)))
    names: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, set()).update(texts_of(node.value, {}))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    texts = {text for call in calls for argument in arguments(call) for text in texts_of(argument, names)}
    return {text for text in texts if re.search(r"[A-Za-z]{2}", SLOT.sub("", text))}


def test_the_list_is_what_the_checks_say() -> None:
    said = {text for file in FILES for text in said_in(file.read_text())} - {ADDRESS}
    assert len(said) > 500
    assert said - {*SENTENCES} == set(), "mark them in web/promise_sentences.py"
    assert {*SENTENCES} - said == set(), "nothing says them any more"
    assert {*REGISTER.values()} == {*PROMISES}


def test_each_phrase_stands_in_the_source() -> None:
    nodes = [node for file in FILES for node in ast.walk(ast.parse(file.read_text()))]
    texts = "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    pieces = {piece.strip(" .:();,") for phrase in (*PHRASES, *PREFIXES) for piece in re.split(r"%\(\w\)s| \(", phrase)}
    assert {piece for piece in pieces if len(piece) > 1 and piece not in texts} == set()


def test_what_is_said_is_found_with_its_values() -> None:
    code = (
        'steps.expect(f"none of {count} rows", not wrong, f"{len(wrong)} are")\n'
        'step = "this is so" if x else f"{y} is so"\n'
        "expect(step)"
    )
    assert said_in(code) == {"none of %(a)s rows", "%(a)s are", "this is so", "%(a)s is so"}


GERMAN = {
    "each of 12345 sealed values in 67 columns that a raw search finds is in the file for programs": (
        "Jeder von 12.345 versiegelten Werten in 67 Spalten, die eine Rohsuche findet, steht in der Datei für Programme"
    ),
    "as promised: an invitation works once": "wie versprochen: Eine Einladung gilt einmal",
    "NOT as promised: guessing is slowed within 10 tries, wherever they come from (3 were not)": (
        "NICHT wie versprochen: Raten wird innerhalb von 10 Versuchen gebremst, woher sie auch kommen (3 wurden es nicht)"
    ),
    "not so: an invitation works once; each announcement has its mail: fewer than 5 have none": (
        "nicht so: Eine Einladung gilt einmal; Zu jeder Ankündigung gibt es die E-Mail: weniger als 5 haben keine"
    ),
    "1074 cells of role × address × customer; 26 of 26 steps as promised": (
        "1.074 Felder aus Rolle × Adresse × Kunde; 26 von 26 Schritten wie versprochen"
    ),
    "no significant version so far; the database refuses one that comes too early; 9 of 9 steps as promised": (
        "bisher keine wesentliche Fassung; die Datenbank lehnt eine ab, die zu früh kommt; 9 von 9 Schritten wie versprochen"
    ),
    "not checked since 2026-11-30 08:15 UTC": "nicht geprüft seit 30. November 2026, 08:15 UTC",
    "as promised: without an invitation, no page of the customer opens to support": (
        "wie versprochen: Ohne Einladung: Keine Seite des Kunden öffnet sich dem Support"
    ),
    "as promised: no row of access_request where decided_at IS NULL is kept more than 1095 days after created_at, "
    "but where a legal hold is on it": (
        "wie versprochen: Keine Zeile von access_request where decided_at IS NULL ist länger als 1.095 Tage nach created_at "
        "gespeichert, außer wo eine gesetzliche Aufbewahrungspflicht gilt"
    ),
    "as promised: of mail_message.subject it says: delivering the mail, from us, to the operator's mail server": (
        "wie versprochen: Zu mail_message.subject sagt sie: die E-Mail zustellen "
        "(Herkunft: wir; Empfänger: Mailserver des Betreibers)"
    ),
    "what an older version said": "what an older version said",
    "": "",
}


@pytest.mark.parametrize("text", GERMAN)
def test_a_result_is_said_in_the_readers_language_and_numbers(text: str) -> None:
    with translation.override("de"):
        assert in_words(text) == GERMAN[text]


def test_in_english_a_result_is_as_the_check_says_it_but_for_numbers() -> None:
    with translation.override("en"):
        assert in_words("1074 cells of role × address × customer") == "1,074 cells of role × address × customer"
        for text in (*SENTENCES, *PROMISES):
            if "%(" not in text:
                assert in_words(text) == text
