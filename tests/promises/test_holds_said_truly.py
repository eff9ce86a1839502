"""PRI-18, PRI-24: what pages and mails say of legal holds is true: before the click, of two holds, after the end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, enter_staff, led, post
from tests.promises.test_legal_holds import REASON, fresh_address, hold, is_there, lapse
from tests.promises.test_strangers import proved

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
OFFICE = "/staff/office"


def newest_mail(address: str, subject: str) -> Any:
    from glasshouse.mail import api as mail

    return next(row for row in mail.newest(400) if row.address == address and subject in row.subject)


def plain(text: str) -> str:
    return " ".join(text.split())


# -- before the click ----------------------------------------------------------------------------------------------


def test_a_guests_page_tells_of_a_hold_before_the_click(officer: Customer, web: Web) -> None:
    address, client = fresh_address(), web()
    _, own = proved(client, address)
    assert "deleted now" in plain(client.get(own).text)
    hold(officer, address)
    page = plain(client.get(own).text)
    assert "Not at once" in page
    assert REASON in page
    assert "deleted now" not in page


def test_a_hold_that_may_not_be_told_is_not_told_and_nothing_untrue_is_said(officer: Customer, web: Web) -> None:
    address, client = fresh_address(), web()
    _, own = proved(client, address)
    hold(officer, address, until=timedelta(days=5))
    page = plain(client.get(own).text)
    assert REASON not in page
    assert "Not at once" not in page
    assert "unless the law makes us keep them" in page


def test_the_settings_tell_of_a_hold_before_the_click(officer: Customer, customer: Make, web: Web) -> None:
    one = customer()
    client, page = web(one), f"/o/{one.organisation}/settings"
    assert "Close it for ever" in client.get(page).text
    hold(officer, one.organisation)
    text = plain(client.get(page).text)
    assert "Not at once" in text
    assert REASON in text
    assert "Close it for ever" not in text


# -- two holds -----------------------------------------------------------------------------------------------------


def test_a_second_hold_on_the_same_is_placed_only_on_purpose(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.retention import legal_holds

    client = enter_staff(web(officer))
    for whom in (customer().address, fresh_address(), customer().organisation):
        fields = {"whom": whom, "reason": "A second court", "days": "9"}
        before = len(legal_holds.live())
        assert post(client, f"{OFFICE}/holds", OFFICE, **fields).status_code == 302
        again = post(client, f"{OFFICE}/holds", OFFICE, **fields)
        assert again.status_code == 400
        assert "stands already" in again.text
        assert len(legal_holds.live()) == before + 1
        assert post(client, f"{OFFICE}/holds", OFFICE, **fields, beside="yes").status_code == 302
        assert len(legal_holds.live()) == before + 2


def test_the_command_asks_before_it_places_a_second_hold(
    home: Installation, officer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.cli import office
    from glasshouse.retention import legal_holds

    monkeypatch.setattr(office, "enter", lambda **place: None)
    given = [fresh_address(), "--by", officer.address, "--reason", REASON, "--days", "9"]
    CliRunner().invoke(office.hold, given)
    count = len(legal_holds.live())
    refused = CliRunner().invoke(office.hold, given, input="n\n")
    assert "stands already" in refused.output
    assert len(legal_holds.live()) == count
    assert "Held for 9 days" in CliRunner().invoke(office.hold, given, input="y\n").output
    assert len(legal_holds.live()) == count + 1


def test_the_mail_of_an_end_says_which_hold_stands_still(officer: Customer, customer: Make) -> None:
    from glasshouse.privacy_office import held as desks

    one = customer()
    first, second = hold(officer, one.address), hold(officer, one.address)
    desks.end(officer.actor, first)
    told = plain(newest_mail(one.address, "has ended").body)
    assert "Another legal hold still stands" in told
    assert "carried out now" not in told
    desks.end(officer.actor, second)
    assert "still stands" not in plain(newest_mail(one.address, "has ended").body)


def test_the_mail_of_an_end_does_not_betray_a_hold_that_may_not_be_told(officer: Customer, customer: Make) -> None:
    from glasshouse.privacy_office import held as desks

    one = customer()
    hold(officer, one.address, until=timedelta(days=5))
    desks.end(officer.actor, hold(officer, one.address))
    told = plain(newest_mail(one.address, "has ended").body)
    assert "still stands" not in told
    assert "unless the law makes us keep the data for another reason" in told


# -- after the end -------------------------------------------------------------------------------------------------


def test_between_the_end_of_a_hold_and_the_worker_pages_say_what_is_true(officer: Customer, web: Web) -> None:
    from glasshouse.subject import waiting

    address, client, desk = fresh_address(), web(), enter_staff(web(officer))
    _, own = proved(client, address)
    number = hold(officer, address)
    post(client, f"{own}/erase", own, word="erase")
    assert "for the end of a legal hold" in plain(client.get(own).text)
    held = plain(desk.get(OFFICE).text)
    assert "for the end of a legal hold" in held
    lapse(number)
    page, free = plain(client.get(own).text), plain(desk.get(OFFICE).text)
    assert "for reasons in law" not in page
    assert "it is done within minutes" in page
    assert "carried out within minutes" in free
    waiting.finish_due()
    assert "it is done within minutes" not in plain(client.get(own).text)


# -- the officer's list --------------------------------------------------------------------------------------------


def test_the_list_of_holds_names_whom_they_are_on(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.consent import api as consent

    one, two = customer(), customer()
    name = access.organisations_of(two.alone)[0].name
    hold(officer, one.address)
    hold(officer, two.organisation)
    client = enter_staff(web(officer))
    page = client.get(OFFICE).text
    assert one.address in page
    assert name in page
    assert str(one.actor.person) not in page
    consent.restrict(one.alone, "unlawful", "")
    page = client.get(OFFICE).text
    assert one.address not in page, "restricted data is shown to nobody else"
    assert "restricted data is shown to nobody" in plain(page)


def test_ending_a_hold_asks_first_and_both_acts_are_confirmed(
    officer: Customer, customer: Make, join: Join, web: Web
) -> None:
    from glasshouse.retention import legal_holds
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import waiting

    one, client = join(customer(), "viewer"), enter_staff(web(officer))
    placed = led(client, f"{OFFICE}/holds", OFFICE, whom=one.address, reason=REASON, days="9")
    assert "The legal hold is placed" in plain(placed.text)
    assert rights.erase(one.alone).waits
    number = next(row.id for row in legal_holds.live() if row.key_owner == one.actor.person)
    ask = f"{OFFICE}/holds/{number}/end"
    assert ask in client.get(OFFICE).text
    question = plain(client.get(ask).text)
    assert "erasure that waits is carried out" in question
    assert any(row.id == number for row in legal_holds.live()), "asking changes nothing"
    ended = led(client, ask, ask)
    assert "The legal hold has ended" in plain(ended.text)
    assert client.get(ask).status_code == 404
    waiting.finish_due()
    assert not is_there(one)
