"""An officer answers twenty mixed requests in the queue, mostly by keyboard; a second one agrees to an erasure."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from glasshouse.kernel import clock
from tests.authenticator import code_of
from tests.conftest import Customer, as_staff, led, prove_link
from tests.journeys.conftest import Open, enter, sound
from tests.promises.test_officer_queue import an_address, asked, mails_to, row_of

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
GERMAN = "Guten Tag, ich bitte um Auskunft über meine Daten und von wem sie sind. Mit freundlichen Grüßen"


class Twenty:
    """Twenty requests of every kind, channel and state, which a colleague assigned to one officer."""

    def __init__(self, officer: Customer, colleague: Customer, one: Customer) -> None:
        from glasshouse.requests import assignment

        self.officer, self.one = officer, one
        self.by_link, self.guest, self.twice = an_address(), an_address(), an_address()
        self.bulk = [asked(), asked(region="uk", text=GERMAN), asked(region="br", channel="agent")]
        self.spam = [asked(confirmed=False, channel="mail") for _ in range(2)]
        self.person = asked(one.address, "correct", "ch", text="My name is wrong.")
        self.exports = [asked(one.address, "copy"), asked(an_address(), "copy", "us", text=GERMAN)]
        self.restricted = asked(an_address(), "restrict", "ca")
        self.objections = [asked(an_address(), "object"), asked(an_address(), "object", "uk", channel="mail")]
        self.question = asked(kind="question", text=GERMAN)
        self.unproved = asked(self.by_link, "access", confirmed=False)
        self.stranger = asked(an_address(), "erase", "us", confirmed=False)
        self.letters = [self._letter("", "access")]
        self.erasure = self._letter(self.guest, "erase", identity="passport, at the desk")
        self.passed = asked(kind="erase", referrals=1)
        self.threatened = asked(self.twice, "access", text="My lawyer writes next.", confirmed=False)
        self.again = asked(self.twice, "access", text="And what of the newsletter?", confirmed=False)
        self.overdue = asked(kind="access", due_at=clock.now() - timedelta(days=3))
        for number in self.all:
            assignment.assign(colleague.actor, number, str(officer.actor.account))

    def _letter(self, address: str, kind: str, identity: str = "") -> str:
        from glasshouse.requests import api as requests

        arrival = requests.Arrival("letter", entered_by=self.officer.actor.id, identity=identity)
        return str(requests.enter(self.officer.actor, address, kind, "eu", "By letter.", arrival))

    @property
    def all(self) -> list[str]:
        """The numbers of all of them."""
        lists = (self.bulk, self.spam, self.exports, self.objections, self.letters)
        single = [self.question, self.person, self.restricted, self.unproved, self.stranger, self.erasure]
        single += [self.passed, self.overdue, self.threatened, self.again]
        return [number for numbers in lists for number in numbers] + single


def _office(page: Page, officer: Customer) -> None:
    enter(page, officer)
    page.get_by_label("Code from your app").fill(code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name="Queue", exact=True)).to_be_visible()


def _press(page: Page, name: str) -> None:
    """Press a button by the keyboard."""
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def _filled(page: Page, template: str) -> None:
    page.locator("select[name=template]").select_option(template)
    _press(page, "Use this template")
    expect(page.get_by_label("Answer, reasons")).to_be_focused()
    box = page.get_by_label("Answer, reasons")
    box.fill(box.input_value().replace("[…]", "as you wrote"))


def _answered(page: Page, template: str = "", *, text: str = "", refuse: bool = False) -> None:
    """Answer the request that is shown: a text or a template, then the button by the keyboard."""
    if template:
        _filled(page, template)
    else:
        page.get_by_label("Answer, reasons").focus()
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    if refuse:
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("is closed")


@pytest.mark.any_width
def test_an_officer_answers_twenty_mixed_requests_without_leaving_the_queue(
    opened: Open, officer: Customer, olaf: Make, customer: Make, web: Web
) -> None:
    second = as_staff(olaf(), "privacy")
    twenty = Twenty(officer, second, customer())
    page, other = opened(), opened()
    _office(page, officer)
    page.goto("/staff/requests")
    page.get_by_role("navigation", name="Lists").get_by_role("link", name="Mine").click()
    expect(page.locator("tbody tr")).to_have_count(20)
    expect(page.locator("tbody tr").first).to_contain_text("Overdue by 3 days")
    sound(page)
    left = set(twenty.all)
    _bulk(page, twenty, left)
    _one_by_one(page, twenty, left, web)
    _two_officers(page, other, twenty, second)
    left.remove(twenty.erasure)
    assert left == set()
    assert all(row_of(number).closed_at for number in twenty.all)
    page.get_by_role("link", name="Back to the queue").click()
    expect(page.get_by_role("heading", name="No request fits")).to_be_visible()
    page.get_by_role("navigation", name="Lists").get_by_role("link", name="Closed").click()
    expect(page.get_by_role("heading", name="Closed requests")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Figures").click()
    sound(page)
    page.goto("/staff/agents")
    sound(page)


def _bulk(page: Page, twenty: Twenty, left: set[str]) -> None:
    """Three are answered with a template at once, two are spam."""
    for number in [*twenty.bulk, twenty.person]:
        page.get_by_label(f"Select request {number}").focus()
        page.keyboard.press("Space")
    page.locator("select[name=template]").select_option("data_given")
    page.get_by_role("button", name="Answer and close").click()
    expect(page.get_by_role("heading", name="3 requests answered")).to_be_visible()
    expect(page.get_by_text("does not fit what is asked")).to_be_visible()
    sound(page)
    for number in twenty.spam:
        page.get_by_label(f"Select request {number}").check()
    _press(page, "Close as spam")
    expect(page.get_by_role("heading", name="2 requests closed as spam")).to_be_visible()
    left.difference_update(twenty.bulk, twenty.spam)
    expect(page.locator("tbody tr")).to_have_count(15)


def _one_by_one(page: Page, twenty: Twenty, left: set[str], web: Web) -> None:
    """Each of the others as the page leads on, but the erasure, which waits for a second officer."""
    page.locator("tbody a").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thread")).to_be_visible()
    for _ in range(60):
        number = page.url.partition("/staff/requests/")[2][:16]
        assert number in twenty.all, "never out of the queue"
        if left == {twenty.erasure}:
            return
        if number == twenty.erasure:
            following = page.get_by_role("link", name="Next", exact=True)
            (following if following.count() else page.get_by_role("link", name="Previous", exact=True)).click()
            expect(page).not_to_have_url(re.compile(number))
        else:
            _deal_with(page, number, twenty, web)
            left.remove(number)
    raise AssertionError(left)


def _deal_with(page: Page, number: str, twenty: Twenty, web: Web) -> None:
    """Answer one request as its kind and state want it."""
    if number == twenty.unproved:
        sound(page)
        _press(page, "Mail the confirmation link again")
        expect(page.get_by_role("status").first).to_contain_text("is mailed again")
        path = f"/privacy/prove/{prove_link(twenty.by_link, 'privacy/prove')}"
        led(web(), path, path)
        page.reload()
        expect(page.get_by_text("Address confirmed")).to_be_visible()
        _answered(page, "data_given")
    elif number == twenty.stranger:
        _answered(page, "not_identified", refuse=True)
    elif number == twenty.person:
        page.get_by_label("Their right name").fill("Ada Right")
        _press(page, "Correct it")
        expect(page.get_by_role("status").first).to_contain_text("The name is corrected")
        _answered(page, "corrected")
    elif number in twenty.exports:
        _press(page, "Have an export made for the person")
        expect(page.get_by_role("status").first).to_contain_text("how to fetch the export")
        sound(page)
        _answered(page, "data_given")
    elif number == twenty.restricted:
        _press(page, "Restrict the use of their data")
        expect(page.get_by_role("status").first).to_contain_text("is restricted")
        _answered(page, "restricted")
    elif number == twenty.objections[0]:
        page.get_by_label("Answer, reasons").fill("Do you mean the newsletter, or all of it?")
        _press(page, "Mail it, keep open")
        expect(page.get_by_role("status").first).to_contain_text("waits for the person")
        assert number not in page.url.partition("?")[0], "the next open request is shown"
        page.goto(f"/staff/requests/{number}?assigned=me")
        expect(page.get_by_text("Waits for the person's answer")).to_be_visible()
        sound(page)
        _reply(number, "All of it.")
        page.reload()
        expect(page.get_by_text("To answer", exact=True)).to_be_visible()
        _answered(page, "objection_upheld")
    elif number == twenty.objections[1]:
        _answered(page, "objection_overruled", refuse=True)
    elif number == twenty.question:
        expect(page.locator("select[name=language]")).to_have_value("de")
        page.get_by_label("Note").fill("Ask the crop team how long it takes.")
        _press(page, "Add the note")
        expect(page.get_by_text("Ask the crop team")).to_be_visible()
        sound(page)
        _answered(page, "question_answered")
    elif number in (twenty.threatened, twenty.again):
        _prove_or_merge(page, number, twenty)
    elif number == twenty.passed:
        _answered(page, "erase_yourself")
    else:
        _answered(page, text=f"This is the answer. {uuid.uuid4().hex}")


def _reply(number: str, text: str) -> None:
    """What the person answers to our mail."""
    from glasshouse.requests import api as requests
    from glasshouse.requests import replies

    replies._continued(row_of(number), text, requests.Arrival("mail"))


def _prove_or_merge(page: Page, number: str, twenty: Twenty) -> None:
    """Two of one person: the first that is shown goes on with the other, which is confirmed by a letter and answered."""
    other = twenty.again if number == twenty.threatened else twenty.threatened
    if number == twenty.threatened:
        _press(page, "I have looked at it")
        expect(page.get_by_role("status").first).to_contain_text("have looked at request")
    if row_of(other).closed_at is None:
        _press(page, f"Merge this request into {other}")
        expect(page.get_by_role("status").first).to_contain_text(f"goes on with {other}")
        expect(page.get_by_text("And what of the newsletter?")).to_be_visible()
        expect(page.get_by_text("My lawyer writes next.")).to_be_visible()
        sound(page)
        return
    page.get_by_text("Confirm who asks by another proof").focus()
    page.keyboard.press("Enter")
    page.get_by_label("The proof, such as a signed letter").fill("a signed letter")
    page.get_by_label("Who checked it").fill("Ada")
    sound(page)
    _press(page, "Confirm the person")
    expect(page.get_by_role("status").first).to_contain_text("is confirmed")
    _answered(page, text="This is the answer to both.")


def _two_officers(page: Page, other: Page, twenty: Twenty, second: Customer) -> None:
    page.get_by_label("Write the word erase").fill("erase")
    _press(page, "Ask for the erasure of what is held of it now")
    expect(page.get_by_role("status").first).to_contain_text("once a second privacy officer agrees")
    sound(page)
    _office(other, second)
    other.goto(f"/staff/requests/{twenty.erasure}")
    other.get_by_label("Write the word erase").fill("erase")
    _press(other, "Erase what is held of it now")
    expect(other.get_by_text("What was held of the address is erased")).to_be_visible()
    sound(other)
    page.reload()
    expect(page.get_by_text("Closed: answered").first).to_be_visible()
    assert "What we held of your address is erased" in [message.subject for message in mails_to(twenty.guest)]
