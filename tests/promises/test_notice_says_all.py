"""PRI-01, PRI-02, PRI-18: the notice says all that it must, of this installation, in both languages, and nothing untrue."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from django.conf import settings

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from glasshouse.access.permissions import Permission
from glasshouse.kernel.operator import Operator, listed, plain_line
from glasshouse.notices import facts
from glasshouse.operations.installation import Installation
from glasshouse.requests.legal_deadlines import LAWS
from tests.conftest import Customer, administering, enter_staff, forget_versions

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
TEXTS = Path(facts.__file__).parent / "texts"
LANGUAGES = ("en", "de")
# What such a notice must say, by a word or two of each language that no notice can do without.
TOPICS = {
    "its scope": (("interfaces", "events or"), ("Schnittstellen", "Veranstaltungen")),
    "what personal data is, and what is not": (
        ("**Personal data**", "**No personal data**"),
        ("**Personenbezogen**", "**Nicht pers"),
    ),
    "given by the person": (("From you", "letter or telephone"), ("Von Ihnen", "Brief oder Telefon")),
    "by use": (("without its last part", "kind of browser"), ("ohne seinen letzten Teil", "Art des Browsers")),
    "from others": (("invites you", "authority may name"), ("Sie einlädt", "Behörde kann Sie")),
    "from third parties, and why": (
        ("source, licence and purpose", "supplement"),
        ("Quelle, Lizenz und Zweck", "ergänzen"),
    ),
    "grounds": (
        ("legitimate interest", "duty in law", "consent"),
        ("berechtigtes", "gesetzliche Pflicht", "Einwilligung"),
    ),
    "what is lost without it": (
        ("What you may withhold", "there is no account"),
        ("weglassen können", "gibt es kein Konto"),
    ),
    "cookies": (("## Cookies",), ("## Cookies",)),
    "kinds of communication": (("no marketing mail", "surveys"), ("Werbemails gibt es nicht", "Umfragen")),
    "support": (("**Support**", "on record"), ("**Support**", "festgehalten")),
    "improvement": (("not measured",), ("weder gemessen",)),
    "protection": (("**Protection**", "two-step verification"), ("**Schutz**", "Bestätigung in zwei Schritten")),
    "reports": (("**Reports**", "no benchmarks"), ("**Berichte**", "keine Vergleiche")),
    "six kinds of recipients": (("Six kinds", "6. **Others"), ("Sechs Arten", "6. **Andere")),
    "notice of legal requests": (
        ("you are told, unless the law forbids it",),
        ("es sei denn, das Gesetz verbietet es",),
    ),
    "reports of breaches": (("If you suspect", "72 hours"), ("Verdacht", "72 Stunden")),
    "retention, and keys in backups": (
        ("daily deletion run", "{key_backup_days} days"),
        ("tägliche Löschlauf", "{key_backup_days}"),
    ),
    "rights": (("restriction; erasure; objection",), ("Einschränkung; Löschung; Widerspruch",)),
    "complaint": (("supervisory authority or go to court",), ("Aufsichtsbehörde beschweren oder klagen",)),
    "unsubscribing": (("by the link with which you began it",), ("den Link, mit dem Sie sie begonnen",)),
    "referral": (("no relationship with us",), ("mit uns nichts zu tun",)),
    "no machine decides": (("by a machine alone",), ("Keine Maschine entscheidet",)),
    "who is responsible": (("{operator}", "{privacy_address}"), ("{operator}", "{privacy_address}")),
}
NAMED = Operator(
    "Kas BV", "1 Lane, Delft", ("Kas Holding", "Kas Labs"), "Petra P.", "data@kas.example", "Authority of NL"
)
UNNAMED = Operator("", "", (), "", "privacy@localhost", "")


def body(name: str, language: str) -> str:
    """A shipped text, each paragraph on one line."""
    return re.sub(r"(?<!\n)\n(?![\n|#-])\s*", " ", (TEXTS / f"{name}.{language}.md").read_text())


@pytest.mark.parametrize("topic", TOPICS)
def test_the_notice_says(topic: str) -> None:
    for language, phrases in zip(LANGUAGES, TOPICS[topic], strict=True):
        text = body("notice", language)
        assert [phrase for phrase in phrases if phrase not in text] == [], language


@pytest.mark.parametrize("name", ["agreement", "cookies", "notice", "terms"])
def test_both_languages_have_the_same_sections_facts_and_length(name: str) -> None:
    english, german = (body(name, language) for language in LANGUAGES)
    for pattern in (r"(?m)^## ", r"(?m)^- ", r"(?m)^\d\. "):
        assert len(re.findall(pattern, english)) == len(re.findall(pattern, german))
    assert facts.NAME.findall(english) == facts.NAME.findall(german)
    assert 0.8 < len(german) / len(english) < 1.4


def test_no_text_uses_a_word_that_was_given_up() -> None:
    for path in TEXTS.glob("*.md"):
        text = path.read_text().lower()
        for word in ("second step", "sweep", "zweiten schritt", "zweitem schritt", "täglicher lauf"):
            assert word not in text, (path.name, word)


def test_the_times_of_answers_are_those_of_the_laws() -> None:
    text = body("notice", "en")
    assert "a month in the European Union and the United Kingdom" in text
    assert (LAWS["gdpr"].months, LAWS["uk"].months) == (1, 1)
    said = {"fadp": "30 days in Switzerland and Canada", "ccpa": "45 days in California", "lgpd": "15 days in Brazil"}
    for law, words in said.items():
        assert words in text
        assert words.startswith(f"{LAWS[law].days} days")
    assert LAWS["pipeda"].days == 30


def test_the_cookie_notice_names_the_cookies_that_there_are() -> None:
    from glasshouse.web.appearance import THEME_COOKIE
    from glasshouse.web.middleware import BROWSER_COOKIE, SESSION_COOKIE
    from glasshouse.web.session_cookie import PENDING_COOKIE

    names = {SESSION_COOKIE, BROWSER_COOKIE, PENDING_COOKIE, settings.CSRF_COOKIE_NAME}
    names |= {THEME_COOKIE, settings.LANGUAGE_COOKIE_NAME}
    for language in LANGUAGES:
        rows = re.findall(r"(?m)^\| (\w+) \|", (TEXTS / f"cookies.{language}.md").read_text())
        assert {f"__Host-{name}" for name in rows if name.lower() != "cookie"} == names


# -- the operator ----------------------------------------------------------------------------------------------------


def shown(operator: Operator, language: str, text: str = "{operator}") -> str:
    """A text with an operator's details."""
    from dataclasses import asdict

    details = asdict(operator) | {"group": list(operator.group)}
    return facts.filled(text, language, {"operator": details, "key_backup_days": 3})


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_that_named_itself_stands_in_the_notice(language: str) -> None:
    text = shown(NAMED, language, body("notice", language))
    for detail in (NAMED.name, NAMED.address, *NAMED.group, NAMED.officer, NAMED.authority, NAMED.privacy_address):
        assert detail in text
    assert re.search(r"(at most|höchstens) 3 (days|Tagen)", text)
    assert "{" not in text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "has not named itself"), ("de", "hat sich nicht genannt")],
)
def test_an_operator_that_did_not_name_itself_is_said_to_have_not(language: str, sentence: str) -> None:
    text = shown(UNNAMED, language)
    assert sentence in text
    assert UNNAMED.privacy_address in text
    assert "****" not in text
    assert UNNAMED.missing() == ("its name", "its postal address", "its privacy officer", "the supervisory authority")
    assert (UNNAMED.is_named, NAMED.is_named, NAMED.missing()) == (False, True, ())
    assert sentence not in shown(replace(NAMED, address="", group=(), officer="", authority=""), language)


def test_what_the_operator_configured_stays_words() -> None:
    from glasshouse.web.pages.public.documents import _html

    hostile = replace(NAMED, name="<b>Kas</b> [x](javascript:alert(1)) *y* {privacy_address}", officer="`a|b`")
    page = _html(shown(hostile, "en"))
    assert "&lt;b&gt;Kas&lt;/b&gt; [x](javascript:alert(1)) *y* {privacy_address}" in page
    assert "<a " not in page
    assert shown(NAMED, "en", "{nothing} {} {operator_name}") == "{nothing} {} Kas BV"


def test_a_configured_value_is_one_line_within_bounds() -> None:
    assert plain_line("  1 Lane\n\tDelft\u202e ") == "1 Lane Delft"
    assert listed("A; B ;; ") == ("A", "B")
    with pytest.raises(ValueError, match="at most 400"):
        plain_line("x" * 401)


# -- on the pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def cleared(home: Installation) -> Iterator[None]:
    """Takes away again what versions a test makes."""
    yield
    with administering(home) as link:
        forget_versions(link)


def test_the_notice_names_the_demos_made_up_operator_and_who_receives_something(web: Web) -> None:
    page = web().get("/documents/notice").text
    assert "(made up)" in page
    assert "The operator&#x27;s mail server" in page
    assert "at most 7 days" in page
    assert "{" not in page.partition("<article")[2].partition("</article>")[0]
    assert "höchstens 7 Tagen" in web().get("/documents/notice?lang=de").text
    assert "has not said who it is" not in page


@pytest.mark.usefixtures("cleared")
def test_a_past_version_shows_what_was_configured_then_and_the_one_in_force_what_is_now(
    officer: Customer, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.notices import api as notices
    from glasshouse.notices.rules import Document

    def published(text: str) -> int:
        draft = notices.draft(officer.actor, notices.Draft("cookies", {"en": (text, "x")}, False))
        return int(notices.publish(officer.actor, draft).number or 0)

    first = published("First by {operator_name}.")
    monkeypatch.setattr(settings, "OPERATOR", replace(settings.OPERATOR, name="Kas *Nieuw* BV"))

    def read(number: int, *, markdown: bool = True) -> str:
        return notices.readable(notices.version_of(Document.COOKIES, number), "en", markdown=markdown).body

    assert read(first) == "First by Kas \\*Nieuw\\* BV."
    second = published("Second by {operator_name}.")
    assert read(first, markdown=False) == "First by Demo Growers' Service Ltd (made up)."
    assert read(second, markdown=False) == "Second by Kas *Nieuw* BV."
    page = web().get(f"/documents/cookies/compare?from={first}&to={second}").text
    assert "{operator_name}" not in page


@pytest.mark.usefixtures("cleared")
def test_the_officer_reads_a_draft_before_publishing_it_and_nobody_else_does(
    officer: Customer, olaf: Make, web: Web
) -> None:
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.notices import api as notices

    assert Permission.DOCUMENT_PUBLISH
    draft = notices.draft(officer.actor, notices.Draft("cookies", {"en": ("Draft body.", "Draft summary.")}, False))
    path = f"/staff/documents?from=cookies&draft={draft}"
    page = enter_staff(web(officer)).get(path).text
    assert "Draft body." in page
    assert "Draft summary." in page
    assert web().get(path).status_code == 302
    with pytest.raises(NotFoundError):
        notices.texts_of_draft(olaf().actor, draft)


def test_the_privacy_request_records_the_notice_that_its_form_showed(web: Web) -> None:
    from django.db import IntegrityError, transaction

    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault
    from tests.conftest import post

    page = web().get("/privacy").text
    assert 'name="notice" value="1"' in page
    assert "privacy notice, version 1" in page
    for shown_number, address in (("1", "asks1@reader.example"), ("77", "asks2@reader.example")):
        fields = {"address": address, "kind": "access", "region": "eu", "text": "x", "notice": shown_number}
        assert post(web(), "/privacy", "/privacy", **fields).status_code == 200
        row = Request.objects.get(address_hash=vault.lookup("address", address))
        assert row.notice_version == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(id=row.id).update(notice_version=None)
    mailed = requests.ask("asks3@reader.example", "access", "eu", "x", requests.Arrival("mail"))
    assert Request.objects.get(id=mailed).notice_version is None, "no form of ours was shown"
