"""What pages say of requests is what happened: who agreed, who wrote, who answered; going back in the browser works."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.template.loader import render_to_string

from tests.conftest import Customer, enter_staff, post, prove_link
from tests.desk import order_of, page_of, plain
from tests.repairs.test_links_and_replies import asked, invited

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
Page = tuple[httpx.Client, str]


def _address() -> str:
    return f"{uuid.uuid4().hex[:10]}@grower.example"


def confirmed(web: Web, path: str) -> Page:
    """(the guest's browser, the path of the page of what is held) after a click on the mailed link's button."""
    client = web()
    answer = post(client, path, path)
    own = re.search(r"/privacy/own/[\w-]+", answer.headers.get("Location", "") + answer.text)
    assert own, answer.text
    return client, own[0]


def _passed(boss: Customer, web: Web) -> tuple[Any, httpx.Client, str]:
    """(a request that was passed to a customer, the guest's browser, the guest's page)."""
    request, path = asked(invited(boss))
    client, own = confirmed(web, path)
    post(client, f"{own}/pass-on/agree", f"{own}/pass-on", organisation=boss.organisation)
    return request, client, own


def _card(page: str, request: Any) -> str:
    """The page of a request for the officer, without its markup and what somebody wrote."""
    assert request.id in page
    return plain(page)


# -- who agreed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passing", ["agreed", "before"])
def test_pages_say_that_a_person_agreed_only_where_they_did(
    passing: str, customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.requests.models import Request

    boss = customer()
    request, _, _ = _passed(boss, web)
    Request.objects.filter(id=request.id).update(passing=passing)
    pages = [
        _card(page_of(enter_staff(web(officer)), request.id), request),
        web(boss).get(f"/o/{boss.organisation}/privacy").text,
    ]
    for page in pages:
        assert ("agreed" in page) == (passing == "agreed")
        assert ("before people were asked" in page) == (passing == "before")


def test_the_database_takes_no_other_decision(home: object) -> None:
    from django.db import IntegrityError, transaction

    from glasshouse.requests.models import Request

    request, _ = asked(_address())
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(id=request.id).update(passing="perhaps")


# -- one IPv6 household counts as one ------------------------------------------------------------------------------


def _tries(act: Callable[[str], object]) -> list[bool]:
    """Whether each of 25 tries, each from another address of one IPv6 household, was slowed."""
    from glasshouse.kernel.errors import NotFoundError, ThrottledError

    household, slowed = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}", []
    for number in range(25):
        try:
            act(f"{household}::{number + 1:x}")
        except ThrottledError:
            slowed.append(True)
        except NotFoundError:
            slowed.append(False)
        else:
            slowed.append(False)
    return slowed


def test_a_household_of_ipv6_is_slowed_at_every_form_of_guests(home: object) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.requests import api as requests
    from glasshouse.requests import email_links as links

    def ask(network: str) -> None:
        requests.ask(_address(), "erase", "eu", "x", requests.Arrival(network=network))

    assert _tries(ask) == [False] * 20 + [True] * 5
    assert _tries(lambda network: links.renew("x" * 43, network)) == [False] * 20 + [True] * 5
    assert _tries(lambda network: disclosures.subscribe(_address(), network=network)) == [False] * 10 + [True] * 15


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("x" * 400, "x" * 100),
        ("", ""),
    ],
)
def test_by_which_key_a_network_is_counted(address: str, key: str) -> None:
    from glasshouse.kernel.networks import network_key

    assert network_key(address) == key


# -- who wrote it --------------------------------------------------------------------------------------------------


def _sources(items: list[Any], words: str) -> set[tuple[str, str]]:
    return {(item.place.partition(".")[0], item.source) for item in items if words in item.value}


def test_what_we_or_a_customer_wrote_is_not_said_to_come_from_the_person(
    customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import referrals
    from glasshouse.subject import guests as strangers

    boss = customer()
    request, _, own = _passed(boss, web)
    (passed,) = referrals.passed(boss.actor)
    referrals.answer(boss.actor, passed.id, "Deleted at the farm.", delete=False)
    requests.answer(officer.actor, request.id, "Our own last word.", refuse=False)
    items = list(strangers.held(own.rpartition("/")[2]))
    assert _sources(items, "We have your request") == {("mail_message", "us"), ("rights_letter", "us")}
    answerer = "the organisation that answers you"
    assert _sources(items, "Deleted at the farm.") == {("mail_message", answerer), ("rights_letter", answerer)}
    assert _sources(items, "Our own last word.") == {
        ("mail_message", "us"),
        ("rights_letter", "us"),
        ("rights_request", "us"),
    }
    assert _sources(items, "please") == {("rights_request", "you")}
    assert {item.source for item in items if item.place == "mail_message.subject"} == {
        "us",
        answerer,
        "the organisation that invites",
    }


def test_the_view_of_somebody_with_an_account_says_the_same(customer: Make, officer: Customer) -> None:
    from django.db import transaction

    from glasshouse.requests import api as requests
    from glasshouse.requests.models import RequestMessage
    from glasshouse.subject.inventory import view

    person = customer()
    with transaction.atomic():
        request = requests.ask_as_person(person.actor.alone, "erase", "My own words")
    RequestMessage.objects.create(
        request=request, key_owner=request.key_owner, text="My second words", sender="person", at=request.asked_at
    )
    requests.answer(officer.actor, request.id, "Our own last word.", refuse=False)
    items = list(view(person.actor.alone))
    assert {source for _, source in _sources(items, "We have your request")} == {"us"}
    assert {source for _, source in _sources(items, "Our own last word.")} == {"us"}
    assert {source for _, source in _sources(items, "My own words")} == {"you"}
    assert {source for _, source in _sources(items, "My second words")} == {"you"}


# -- the officer's and the customer's pages ------------------------------------------------------------------------


def test_the_officer_sees_number_address_and_which_customer_answered(
    customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.requests import referrals

    one, two = customer(), customer()
    request, path = asked(invited(one, two))
    desk = enter_staff(web(officer))
    card = _card(page_of(desk, request.id), request)
    assert f"Request {request.id}" in card
    assert request.address not in card, "it is not confirmed"
    client, own = confirmed(web, path)
    assert f"{request.address}" in _card(page_of(desk, request.id), request)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(f"{own}/pass-on").text)
    chosen = [one.organisation, two.organisation]
    fields = {"organisation": chosen, "csrfmiddlewaretoken": token[1]}  # type: ignore[index]
    assert client.post(f"{own}/pass-on/agree", data=fields).status_code == 302
    (passed,) = referrals.passed(one.actor)
    referrals.answer(one.actor, passed.id, "Only one answers.", delete=False)
    card = _card(page_of(desk, request.id), request)
    assert re.search(rf"Customer {one.organisation} answered on \d{{1,2}} \w+ \d{{4}}", card)
    assert re.search(rf"Customer {two.organisation} has not answered", card)
    assert f"Farm {two.address.partition('@')[0]}" not in card, "officers see customers as codes"


@pytest.mark.parametrize(
    ("act", "told"), [("answer", "Answer sent"), ("refuse", "Refusal sent"), ("extend", "The person is told")]
)
def test_the_officer_is_told_what_an_act_did(act: str, told: str, officer: Customer, web: Web) -> None:
    request, path = asked(_address())
    confirmed(web, path)
    desk = enter_staff(web(officer))
    assert told not in desk.get("/staff/requests").text
    answer = post(desk, f"/staff/requests/{request.id}/{act}", "/staff/requests", text="So it is.")
    page = desk.get(answer.headers["Location"]).text
    assert told in page
    assert request.id in page
    assert told not in desk.get("/staff/requests?done=nonsense").text


def test_an_answer_on_paper_is_not_said_to_be_sent(officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests

    arrival = requests.Arrival("letter", entered_by=officer.actor.id, identity="passport seen")
    number = requests.enter(officer.actor, "", "access", "eu", "By letter.", arrival)
    desk = enter_staff(web(officer))
    answer = post(desk, f"/staff/requests/{number}/answer", "/staff/requests", text="So it is.")
    page = desk.get(answer.headers["Location"]).text
    assert "Answer sent" not in page
    assert "by letter" in page


def test_a_customer_sees_its_own_answer_and_no_other(customer: Make, officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import referrals

    one, two = customer(), customer()
    request, path = asked(invited(one, two))
    _, own = confirmed(web, path)
    referrals.agree(own.rpartition("/")[2], [one.organisation, two.organisation])
    for boss, words in ((one, "We met at a fair."), (two, "Never heard of them.")):
        (passed,) = referrals.passed(boss.actor)
        page = f"/o/{boss.organisation}/privacy"
        assert post(web(boss), page, page, referral=passed.id, text=words).status_code == 302
    requests.answer(officer.actor, request.id, "The officer's word.", refuse=False)
    first, second = (web(boss).get(f"/o/{boss.organisation}/privacy").text for boss in (one, two))
    assert "We met at a fair." in first
    assert "Never heard" not in first
    assert "Never heard of them." in second
    assert "We met" not in second
    assert "officer&#x27;s word" not in first + second


# -- going back ----------------------------------------------------------------------------------------------------


def test_what_a_guest_decides_answers_with_an_address_that_can_be_opened_again(customer: Make, web: Web) -> None:
    boss, known = customer(), customer()
    name = f"Farm {boss.address.partition('@')[0]}"
    client, (_, path) = web(), asked(invited(boss))
    answer = post(client, path, path)
    assert answer.status_code == 302
    page = answer.headers["Location"]
    for _ in range(2):
        assert "Your address is confirmed." in client.get(page).text
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", client.get(page).text)[0]  # type: ignore[index]
    answer = post(client, f"{passing}/agree", passing, organisation=boss.organisation)
    assert answer.status_code == 302
    for _ in range(2):
        assert f"{name} now knows" in " ".join(client.get(answer.headers["Location"]).text.split())
    client, (_, path) = web(), asked(known.address)
    answer = post(client, path, path)
    assert answer.status_code == 302
    assert "has an account" in client.get(answer.headers["Location"]).text


def test_who_passes_nothing_on_can_open_that_page_again(customer: Make, web: Web) -> None:
    client, own = confirmed(web, asked(invited(customer()))[1])
    answer = post(client, f"{own}/pass-on/decline", f"{own}/pass-on")
    assert answer.status_code == 302
    assert "We pass nothing on" in client.get(answer.headers["Location"]).text


def test_the_page_of_a_confirmation_ends_with_the_guests_page(web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests.models import Request

    client, (request, path) = web(), asked(_address())
    page = post(client, path, path).headers["Location"]
    Request.objects.filter(id=request.id).update(proved_at=clock.now() - timedelta(hours=25))
    assert client.get(page).status_code == 404
    assert client.get(f"/privacy/own/{path.rpartition('/')[2]}/confirmed").status_code == 404, (
        "the mailed link opens it"
    )


def test_a_link_that_was_used_says_that_the_address_is_confirmed(web: Web) -> None:
    request, path = asked(_address())
    client, _ = confirmed(web, path)
    for page in (client.get(path), post(client, path, "/privacy")):
        assert page.status_code == 410
        text = " ".join(page.text.split())
        assert "Your address is already confirmed. We can mail you a new link to your request." in text
        assert "Send a new link" in text
        assert "no longer works" not in text
    assert post(client, f"{path}/again", path).status_code == 200
    fresh = prove_link(request.address, "privacy/prove")
    assert post(client, f"/privacy/prove/{fresh}", f"/privacy/prove/{fresh}").status_code == 302


# -- words ---------------------------------------------------------------------------------------------------------


def test_the_officers_pages_use_plain_words(officer: Customer, web: Web) -> None:
    asked(_address())
    desk = enter_staff(web(officer))
    number = order_of(officer.actor)[0]
    page = desk.get("/staff/requests").text + page_of(desk, number)
    for word in ("on the clock", "on the desk by", "proved", "proving"):
        assert word not in page
    assert "Open requests" in page
    assert "internal target" in page
    figures = desk.get("/staff/office").text
    assert re.search(r"GDPR \d", figures)
    assert not re.search(r"\d gdpr", figures)


def test_dates_of_one_line_are_written_by_one_rule(officer: Customer, web: Web) -> None:
    asked(_address())
    page = enter_staff(web(officer)).get("/staff/requests").text
    page = re.sub(r"<blockquote>.*?</blockquote>", "", page, flags=re.S)  # What somebody wrote stays as it was written.
    for line in re.findall(r"<p[^>]*>.*?</p>", page, re.S):
        outside = re.sub(r"<time.*?</time>", "", line, flags=re.S)
        assert not re.search(r"\d{4}-\d\d-\d\d", outside), line


@pytest.mark.parametrize("template", ["request_outcome.html", "staff/request_state.html"])
def test_an_outcome_is_shown_in_words_and_not_as_its_code(template: str) -> None:
    for outcome in ("unproved", "merged", "revoked"):
        context = {"outcome": outcome, "state": "closed", "request": {"outcome": outcome}}
        shown = render_to_string(template, context).split()
        assert shown and outcome not in shown, outcome
