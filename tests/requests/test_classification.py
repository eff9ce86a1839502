"""What mails are read as: real sentences in eight languages, negation, other people's letters, hostile texts."""

import json
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.requests.classification.interpretation import interpret
from glasshouse.requests.classification.own_words import own_words
from glasshouse.requests.classification.phrases import folded
from glasshouse.requests.classification.tables import FOLDER, letters_vocabulary

CASES = Path(__file__).parents[1] / "cases" / "classification"
FILES = ("given", "written_first", "held_out", "written_later")
# The given cases name kinds as the law does.
GIVEN_KINDS = {"erasure": "erase", "rectification": "correct", "objection": "object", "export": "copy"}
LANGUAGES = {"en", "de", "fr", "es", "nl", "pt", "it", "pl"}
KINDS = {"access", "copy", "correct", "erase", "object", "restrict", "breach", "question", "unclear"}


def cases(name: str) -> list[dict[str, str]]:
    return list(json.loads((CASES / f"{name}.json").read_text()))


ALL = [case for name in FILES for case in cases(name)]


@pytest.mark.parametrize("case", ALL, ids=lambda case: case["id"])
def test_a_text_is_read_as_what_it_asks(case: dict[str, str]) -> None:
    interpretation = interpret(case["text"])
    assert interpretation.kind == GIVEN_KINDS.get(case["kind"], case["kind"]), interpretation
    assert interpretation.third_person == case.get("third_person", interpretation.third_person), interpretation
    assert interpretation.language == case.get("language", interpretation.language), interpretation


def test_sentences_of_a_second_author_are_read_right_or_left_to_the_officer() -> None:
    """Judged before they were read once: then 50 of 60 were right. Whole kinds were mended since, no single sentence."""
    second = cases("second_author")
    kinds = {case["id"]: interpret(case["text"]).kind for case in second}
    wrong = {case["id"]: kinds[case["id"]] for case in second if kinds[case["id"]] != case["kind"]}
    assert len(second) - len(wrong) >= 58, wrong
    assert set(wrong.values()) <= {"unclear"}
    assert {case["language"] for case in second} == LANGUAGES


def test_each_language_has_cases_of_every_kind() -> None:
    own = [case for name in FILES[1:] for case in cases(name)]
    for language in LANGUAGES:
        of_language = [case for case in own if case["language"] == language]
        assert len(of_language) >= 25, language
        assert {case["kind"] for case in of_language} >= KINDS, language
        assert any(case.get("third_person") for case in of_language), language
    assert len({case["id"] for case in ALL}) == len(ALL)


def test_no_table_holds_a_sentence() -> None:
    for path in FOLDER.glob("*.toml"):
        table = tomllib.loads(path.read_text())
        for concept, phrases in table.items():
            for phrase in phrases:
                assert len(phrase.split()) <= 6, (path.name, concept, phrase)


def test_all_languages_have_the_same_lists() -> None:
    tables = {path.stem: tomllib.loads(path.read_text()) for path in FOLDER.glob("*.toml")}
    assert set(tables) == LANGUAGES
    for language, table in tables.items():
        assert set(table) == set(tables["en"]), language
        assert all(table.values()), language


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bitte LÖSCHEN Sie meine Daten", "bitte loeschen sie meine daten"),
        ("Bitte löschen Sie meine Daten", "bitte loschen sie meine daten"),
        ("Veuillez effacer mes données", "veuillez effacer mes donnees"),
        ("¿Qué información tienen sobre mí?", "que informacion tienen sobre mi?"),
        ("Proszę usunąć moje dane", "prosze usunac moje dane"),
        ("Please delete my data", "\uff30lease de\u00adle\u200bte my da\u0301ta"),
        ("I don't want my data sold", "I don\u2019t want my data sold"),
    ],
)
def test_case_accents_and_invisible_characters_make_no_difference(one: str, other: str) -> None:
    assert interpret(one).kind == interpret(other).kind != "question"


@pytest.mark.parametrize(
    ("wanted", "denied"),
    [
        ("Please delete my data.", "Please do not delete my data."),
        ("I want my account erased.", "I do not want my account erased."),
        ("Bitte löschen Sie meine Daten.", "Löschen Sie meine Daten bitte nicht."),
        ("Ich möchte, dass Sie meine Daten löschen.", "Ich möchte nicht, dass Sie meine Daten löschen."),
        ("Supprimez mes données.", "Ne supprimez pas mes données."),
        ("Borren mis datos.", "No borren mis datos."),
        ("Verwijder mijn gegevens.", "Verwijder mijn gegevens niet."),
        ("Apaguem os meus dados.", "Não apaguem os meus dados."),
        ("Cancellate i miei dati.", "Non cancellate i miei dati."),
        ("Usuńcie moje dane.", "Nie usuwajcie moich danych."),
    ],
)
def test_a_negated_act_is_not_asked_for(wanted: str, denied: str) -> None:
    assert interpret(wanted).kind == "erase"
    assert interpret(denied).kind == "unclear"
    assert interpret(f"{denied} {CORRECTION[interpret(denied).language]}").kind == "correct", (
        "what is asked beside it counts"
    )


CORRECTION = {
    "en": "Please correct my name.",
    "de": "Bitte berichtigen Sie meinen Namen.",
    "fr": "Veuillez rectifier mon nom.",
    "es": "Rectifiquen mi nombre.",
    "nl": "Wijzig mijn naam.",
    "pt": "Corrijam o meu nome.",
    "it": "Correggete il mio nome.",
    "pl": "Proszę poprawić moje nazwisko.",
}


@pytest.mark.parametrize(
    "text",
    [
        "Do not forget to delete my data.",
        "If you do not delete my data I will complain.",
        "Why have you not deleted my data yet?",
        "I do not want to wait any longer, but I want my data deleted.",
    ],
)
def test_a_negation_that_denies_no_act_leaves_it_asked_for(text: str) -> None:
    assert interpret(text).kind == "erase"


def test_signatures_quotations_and_disclaimers_are_left_out() -> None:
    mail = "Please export my data.\n\nKind regards\nTom\nGreen Acres Limited\n\n> please delete everything about me\n"
    assert interpret(mail).kind == "copy"
    assert "Limited" not in own_words(mail, letters_vocabulary())
    assert interpret("See below.\n\nOn 3 May, Jo wrote:\nplease delete my data").kind != "erase"
    assert interpret("> please delete my data").kind == "erase", (
        "a mail that is nothing but a quotation is read as it is"
    )
    assert (
        interpret(
            "Thank you.\n\nRegards, Jo\n\nPS: and please delete all of my data, I have left the company for good"
        ).kind
        == "erase"
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Under Art. 15 GDPR, please.", "access"),
        ("Artikel 16 DSGVO", "correct"),
        ("art. 17 RODO", "erase"),
        ("article 18 du RGPD", "restrict"),
        ("articolo 20 GDPR", "copy"),
        ("artículo 21 del RGPD", "object"),
        ("Art. 15 Abs. 3 DSGVO", "access"),
        ("LGPD, art. 18, VI", "erase"),
        ("Art. 25 DSG (Schweiz)", "access"),
        ("§ 1798.105 CCPA", "erase"),
        ("Cal. Civ. Code 1798.121", "restrict"),
        ("Articles 15 and 17 GDPR", "unclear"),
        ("article 17 of our contract", "question"),
    ],
)
def test_articles_of_laws_speak_for_their_kind(text: str, kind: str) -> None:
    assert interpret(text).kind == kind, interpret(text)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("I live in San Diego, California. Delete my data.", "us-ca"),
        ("Solicito a exclusão dos meus dados (LGPD)", "br"),
        ("Ich wohne in der Schweiz, bitte löschen Sie meine Daten", "ch"),
        ("UK GDPR request: delete my data", "uk"),
        ("Under PIPEDA I want access to my data", "ca"),
        ("J'habite au Québec, supprimez mes données", "ca-qc"),
        ("As a Virginia resident I want my data deleted", "us-va"),
        ("Nach der DSGVO: löschen Sie meine Daten", "eu"),
        ("Please delete my data", ""),
    ],
)
def test_the_region_that_a_text_names_is_proposed(text: str, region: str) -> None:
    assert interpret(text).region == region


def test_the_words_that_decided_are_named() -> None:
    interpretation = interpret("Hello, please delete all my data. Thanks!")
    assert interpretation.because == ["delete all my data"]
    assert interpretation.scores["erase"] > 2
    several = interpret("Please send me a copy of my data and then delete my account.")
    assert several.kind == "unclear"
    assert {kind for kind, _ in several.reasons} == {"copy", "erase"}


HOSTILE = {
    "one sign": "<" * 300_000,
    "one word": "a" * 300_000,
    "acts": "please delete my data and not " * 10_000,
    "lines": "delete\n" * 43_000,
    "negations": "not " * 75_000,
    "clauses": "not,delete," * 27_000,
    "articles": "art 15 " * 43_000,
    "quotations": "> x\n" * 75_000,
    "abbreviations": "a.b." * 75_000,
    "signatures": "regards,\n" * 33_000,
    "a long signature": "regards, delete " * 20_000,
    "heads": "from: a\n" * 37_000,
    "accents": "\u200bd\u0301" * 100_000,
    "characters of eighteen": "\ufdfa" * 300_000,
    "many different words": " ".join(f"delet{number} ne{number}" for number in range(20_000)),
    "beginnings of phrases": "my " * 100_000,
    "questions": "what do you have about me data " * 10_000,
    "everything": "data what me hold not delete stop " * 9_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_little(name: str) -> None:
    interpret("warm")
    begin = time.process_time()
    interpret(HOSTILE[name])
    assert time.process_time() - begin < 0.2


TOKENS = ["not", "delete", "my", "data", ",", ".", "please", ">", "?", "art", "17", "\n", "regards", "ne", "pas"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400) | st.lists(st.sampled_from(TOKENS)).map(" ".join))
def test_no_text_breaks_it(text: str) -> None:
    interpretation = interpret(text)
    assert interpretation.kind in KINDS | {"complaint"}
    assert folded(folded(text)) == folded(text)
