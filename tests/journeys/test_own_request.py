"""Somebody without an account asks, confirms, is asked back, answers, and gets the answer, all in their own language."""

import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from glasshouse.kernel.ids import RequestId
from glasshouse.mail.models import Message
from glasshouse.requests import api as requests
from glasshouse.requests import threads
from glasshouse.requests.models import Request
from glasshouse.vault import api as vault
from tests.conftest import Customer, prove_link
from tests.journeys.conftest import Open, enter, sound

Make = Callable[[], Customer]
PICTURES = os.environ.get("PAGE_PICTURES", "")  # a folder, to look at the pages


class Words(NamedTuple):
    """What the pages say."""

    locale: str
    ask: str
    kind: str
    address: str
    own_words: str
    send: str
    check: str
    confirm: str
    confirmed: str
    working: str
    question: str
    message: str
    send_message: str
    answered: str
    missing: str
    write_first: str
    used: str


WORDS = {
    "en": Words(
        "en-GB",
        "Ask about your data",
        "Be erased",
        "My email address",
        "In my own words",
        "Send request",
        "Check your email",
        "Yes, this is my address",
        "Your address is confirmed.",
        "We are working on it",
        "We have a question for you",
        "Your message",
        "Send message",
        "Answered",
        "Something is missing?",
        "Write your message first.",
        "Your address is already confirmed.",
    ),
    "de": Words(
        "de-DE",
        "Fragen Sie nach Ihren Daten",
        "Gelöscht werden",
        "Meine E-Mail-Adresse",
        "In meinen eigenen Worten",
        "Anfrage senden",
        "Sehen Sie in Ihre E-Mails",
        "Ja, das ist meine Adresse",
        "Ihre Adresse ist bestätigt.",
        "Wir arbeiten daran",
        "Wir haben eine Frage an Sie",
        "Ihre Nachricht",
        "Nachricht senden",
        "Beantwortet",
        "Fehlt Ihnen etwas?",
        "Schreiben Sie zuerst Ihre Nachricht.",
        "Ihre Adresse ist schon bestätigt.",
    ),
}


def looked_at(page: Page, name: str) -> None:
    sound(page)
    if PICTURES:
        scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("language", WORDS)
def test_a_person_without_an_account_gets_through(language: str, opened: Open, officer: Customer) -> None:
    words, address = WORDS[language], f"{uuid.uuid4().hex[:10]}@grower.example"
    page = opened(words.locale)
    page.goto("/privacy")
    assert page.locator("html").get_attribute("lang") == language
    expect(page.get_by_role("heading", name=words.ask)).to_be_visible()
    looked_at(page, f"{language}-1-ask")
    page.get_by_label(words.address).fill(address)
    page.get_by_label(words.own_words).fill("Tomaten <b>&</b> Gurken")
    page.locator("select[name=kind]").select_option(label=words.kind)
    page.get_by_role("button", name=words.send).click()
    expect(page.get_by_role("heading", name=words.check)).to_be_visible()
    looked_at(page, f"{language}-2-sent")
    mails = Message.objects.filter(address_hash=vault.lookup("address", address)).order_by("created_at")
    assert ("Datenschutzanfrage" in mails[0].subject) is (language == "de")
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    page.goto(path)
    looked_at(page, f"{language}-3-confirm")
    page.get_by_role("button", name=words.confirm).click()
    expect(page.get_by_text(words.confirmed)).to_be_visible()
    expect(page.get_by_role("heading", name=words.working)).to_be_visible()
    expect(page.get_by_text("Tomaten <b>&</b> Gurken")).to_be_visible()
    expect(page.locator(".facts").get_by_text(words.kind)).to_be_visible()
    looked_at(page, f"{language}-4-request")
    request = Request.objects.get(address_hash=vault.lookup("address", address))
    threads.write_to(officer.actor, RequestId(request.id), "Which farm? / Welcher Hof?", asks=True)
    page.reload()
    expect(page.get_by_role("heading", name=words.question)).to_be_visible()
    expect(page.get_by_text("Which farm? / Welcher Hof?")).to_be_visible()
    looked_at(page, f"{language}-5-asked-back")
    page.get_by_label(words.message).fill(" \n ")
    page.get_by_role("button", name=words.send_message).click()
    expect(page.get_by_role("alert").get_by_text(words.write_first)).to_be_visible()
    looked_at(page, f"{language}-6-refused")
    page.get_by_label(words.message).fill("Der in Wageningen.")
    page.get_by_role("button", name=words.send_message).click()
    expect(page.get_by_role("heading", name=words.working)).to_be_visible()
    expect(page.get_by_text("Der in Wageningen.")).to_be_visible()
    requests.answer(officer.actor, RequestId(request.id), "Everything is erased. / Alles ist gelöscht.", refuse=False)
    page.reload()
    expect(page.get_by_role("heading", name=words.answered)).to_be_visible()
    expect(page.get_by_text("Alles ist gelöscht.")).to_be_visible()
    expect(page.get_by_role("heading", name=words.missing)).to_be_visible()
    looked_at(page, f"{language}-7-answered")
    assert "Alles ist gelöscht." in mails.last().body  # type: ignore[union-attr]
    page.get_by_label(words.message).fill("Da fehlt etwas.")
    page.get_by_role("button", name=words.send_message).click()
    expect(page.get_by_role("heading", name=words.check)).to_be_visible()
    follower = Request.objects.get(follows=request.id)
    assert (follower.proved_at, follower.language) == (None, language)
    assert request.id in mails.last().body  # type: ignore[union-attr]
    page.goto(path)
    expect(page.get_by_text(words.used)).to_be_visible()
    looked_at(page, f"{language}-8-used")


def test_the_reader_chooses_the_language_and_it_goes_along(opened: Open) -> None:
    page = opened("pl-PL")
    page.goto("/privacy")
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("link", name="Deutsch").click()
    assert page.locator("html").get_attribute("lang") == "de"
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    page.get_by_label(WORDS["de"].address).fill(address)
    page.get_by_role("button", name=WORDS["de"].send).click()
    expect(page.get_by_role("heading", name=WORDS["de"].check)).to_be_visible()
    page.goto(f"/privacy/prove/{prove_link(address, 'privacy/prove')}?lang=de")
    page.get_by_role("button", name=WORDS["de"].confirm).click()
    expect(page.get_by_role("heading", name=WORDS["de"].working)).to_be_visible()
    assert page.url.endswith("?lang=de")
    sound(page)
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name=WORDS["en"].working)).to_be_visible()
    page.goto("/privacy?lang=xx")
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.any_width
@pytest.mark.parametrize("language", WORDS)
def test_whoever_has_an_account_sees_the_request_there_and_nothing_of_it_by_the_link(
    language: str, opened: Open, customer: Make, officer: Customer
) -> None:
    words, one, page = WORDS[language], customer(), opened(WORDS[language].locale)
    secret_words = f"Secret {uuid.uuid4().hex}"
    arrival = requests.Arrival(network=uuid.uuid4().hex, language=language)
    number = requests.ask(one.address, "access", "eu", secret_words, arrival)
    page.goto(f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}")
    page.get_by_role("button", name=words.confirm).click()
    expect(page.get_by_text(words.confirmed)).to_be_visible()
    expect(page.get_by_text(secret_words)).to_have_count(0)
    looked_at(page, f"{language}-9-known")
    enter(page, one)
    page.wait_for_url(re.compile(r"/(?!sign-in)"))
    page.goto(f"/account/data/requests/{number}")
    expect(page.get_by_text(secret_words)).to_be_visible()
    looked_at(page, f"{language}-10-account")
    page.get_by_label(words.message).fill("And my farm.")
    page.get_by_role("button", name=words.send_message).click()
    expect(page.get_by_text("And my farm.")).to_be_visible()
    requests.answer(officer.actor, RequestId(number), "Here it is.", refuse=True)
    page.reload()
    expect(page.get_by_text("https://edpb.europa.eu")).to_have_count(2)
    page.get_by_label(words.message).fill("That is not all.")
    page.get_by_role("button", name=words.send_message).click()
    expect(page.get_by_role("heading", name=words.working)).to_be_visible()
    expect(page.get_by_text(number)).to_be_visible()
    looked_at(page, f"{language}-11-follows")
    follower = Request.objects.get(follows=number)
    assert follower.proved_at, "who is signed in needs no link"
    stranger = opened(words.locale)
    enter(stranger, customer())
    stranger.wait_for_url(re.compile(r"/(?!sign-in)"))
    answer = stranger.goto(f"/account/data/requests/{number}")
    assert answer and answer.status == 404
