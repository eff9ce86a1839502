"""Confirmation links end; replies to closed requests are not lost; a customer gets only what the person agreed to pass on."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, enter_staff, led, post, prove_link
from tests.desk import page_of, plain
from tests.promises.test_pri_26_28_requests import sent

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def _address() -> str:
    return f"{uuid.uuid4().hex[:10]}@grower.example"


def asked(address: str, text: str = "please") -> tuple[Any, str]:
    """(the request, the path of its confirmation link)."""
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    number = requests.ask(address, "erase", "eu", text, requests.Arrival(network=uuid.uuid4().hex))
    return Request.objects.get(id=number), f"/privacy/prove/{prove_link(address, 'privacy/prove')}"


def _row(request: Any) -> dict[str, Any]:
    from glasshouse.requests.models import Request

    return dict(Request.objects.filter(id=request.id).values("proved_at", "proof_hash", "closed_at").get())


# -- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "status"), [(23.9, 200), (24, 410), (24.1, 410), (24 * 400, 410)])
def test_a_confirmation_link_ends_after_a_day(hours: float, status: int, web: Web) -> None:
    from glasshouse.requests.models import Request

    request, path = asked(_address())
    Request.objects.filter(id=request.id).update(proof_ends_at=request.proof_ends_at - timedelta(hours=hours))
    client = web()
    assert client.get(path).status_code == status
    answer = led(client, path, "/privacy")
    assert answer.status_code == status
    assert (_row(request)["proved_at"] is not None) == (status == 200)
    if status == 410:
        assert "has expired" in answer.text
        assert "Send a new link" in answer.text


def test_opening_a_link_changes_nothing_and_it_confirms_once(web: Web) -> None:
    request, path = asked(_address())
    before = _row(request)
    for _ in range(3):
        assert web().get(path).status_code == 200
        assert web().head(path).status_code in (200, 405)
    assert _row(request) == before
    assert post(web(), path, path).status_code == 302
    proved = _row(request)
    again = post(web(), path, "/privacy")
    assert (again.status_code, web().get(path).status_code) == (410, 410)
    assert "already confirmed" in again.text
    assert _row(request) == proved
    secret = path.rpartition("/")[2]
    assert web().get(f"/privacy/own/{secret}").status_code == 404, "the mailed link opens no page of the person's data"


def test_a_new_link_ends_the_one_before_and_goes_to_the_requests_own_address(web: Web) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests.models import Request

    address = _address()
    request, path = asked(address)
    Request.objects.filter(id=request.id).update(proof_ends_at=request.asked_at)
    client = web()
    assert client.get(f"{path}/again").status_code == 405, "a scanner that opens links asks for nothing"
    count = Message.objects.filter(address_hash=request.address_hash).count()
    assert post(client, f"{path}/again", path).status_code == 200
    mails = Message.objects.filter(address_hash=request.address_hash)
    assert mails.count() == count + 1
    assert {row.address for row in mails} == {address}
    fresh = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    assert fresh != path
    assert client.get(path).status_code == 404
    assert post(client, f"{path}/again", "/privacy").status_code == 404
    assert post(client, fresh, fresh).status_code == 302
    own = re.search(r"/privacy/own/[\w-]+", post(client, f"{fresh}/again", "/privacy").text)
    assert own is None
    assert post(client, fresh, "/privacy").status_code == 404, "a used link ends as well when a new one is asked for"


def test_new_links_are_slowed(web: Web) -> None:
    address = _address()
    _, path = asked(address)
    states = []
    for _ in range(7):
        states.append(post(web(), f"{path}/again", "/privacy").status_code)
        path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    assert states[-1] == 429
    assert 200 in states


def test_a_closed_request_is_not_confirmed_any_more(officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests

    request, path = asked(_address())
    requests.answer(officer.actor, request.id, "Not without a proof.", refuse=True)
    page = post(web(), path, "/privacy")
    assert page.status_code == 410
    assert "Ask again" in page.text
    assert "Send a new link" not in page.text
    assert post(web(), f"{path}/again", "/privacy").status_code == 410
    assert _row(request)["proved_at"] is None


def test_a_subscription_begins_once_within_a_day_and_ends_at_any_time(web: Web) -> None:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.kernel import clock
    from glasshouse.vault import api as vault

    def subscribed() -> tuple[str, Any]:
        address, client = _address(), web()
        post(client, "/trust/providers", "/trust/providers", address=address)
        rows = Subscriber.objects.filter(address_hash=vault.lookup("address", address))
        return f"/trust/providers/{prove_link(address, 'trust/providers')}", rows

    path, rows = subscribed()
    rows.update(created_at=clock.now() - timedelta(hours=25))
    assert post(web(), f"{path}/begin", "/privacy").status_code == 400
    assert rows.get().proved_at is None
    path, rows = subscribed()
    assert post(web(), f"{path}/begin", "/privacy").status_code == 200
    rows.update(created_at=clock.now() - timedelta(days=900))
    assert post(web(), f"{path}/end", "/privacy").status_code == 200, "the way out never runs out"
    assert rows.get().ended_at is not None
    assert post(web(), f"{path}/begin", "/privacy").status_code == 400, "and nobody begins it again by an old mail"
    assert rows.get().ended_at is not None


def test_an_old_link_to_object_still_objects_and_shows_no_value(officer: Customer, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    address = _address()
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "inviting")
    sources.bring_in(officer.actor, source.id, f"address,company\n{address},Secret Farm\n")
    sources.tell_due()
    rows, path = ThirdPartyData.objects.filter(source=source), f"/sources/{prove_link(address, 'sources')}"
    assert "Secret Farm" in web().get(path).text
    rows.update(told_at=clock.now() - timedelta(days=31))
    assert "Secret Farm" not in web().get(path).text
    assert rows.exists(), "opening it deletes nothing"
    client = web()
    assert post(client, path, path).status_code == 200
    assert not rows.exists()
    assert post(client, path, "/privacy").status_code == 404


# -- replies -------------------------------------------------------------------------------------------------------


def _of(address: str) -> list[Any]:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    return list(Request.objects.filter(address_hash=vault.lookup("address", address)).order_by("asked_at", "id"))


@pytest.mark.parametrize("by", ["number", "thread", "references", "address"])
def test_a_reply_to_a_closed_request_opens_one_that_follows_it(
    by: str, home: Installation, officer: Customer, web: Web
) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import RequestMessage

    address = _address()
    request, path = asked(address)
    post(web(), path, path)
    requests.answer(officer.actor, request.id, "Done.", refuse=False)
    answered = Message.objects.filter(address_hash=request.address_hash).order_by("created_at").last()
    subject = f"Re: your privacy request [{request.id}]" if by == "number" else "Still there"
    name = f"<{answered.id}@localhost>"  # type: ignore[union-attr]
    heads = {"thread": {"In_Reply_To": name}, "references": {"References": f"<x@y.example> {name} <z@y.example>"}}
    words = "You did not delete everything."
    sent(home, address, subject, words, **heads.get(by, {}))
    rows = _of(address)
    assert [row.follows for row in rows] == ["", request.id]
    assert words in rows[1].text
    assert (rows[1].proved_at, rows[1].region) == (None, "eu"), "the new one is confirmed anew"
    assert not RequestMessage.objects.filter(request=request, sender="person").exists()
    assert rows[0].outcome == "answered"
    told = Message.objects.filter(address_hash=rows[1].address_hash).order_by("created_at").last()
    assert told and request.id in told.body
    page = page_of(enter_staff(web(officer)), rows[1].id)
    assert words in page
    assert f"Follows request {request.id}" in plain(page)
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    assert request.id in led(web(), path, path).text, "the person sees what it follows"


def test_a_reply_to_an_open_request_by_its_thread_continues_it(home: Installation) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests.models import RequestMessage

    address = _address()
    request, _ = asked(address)
    mail = Message.objects.get(address_hash=request.address_hash)
    sent(home, address, "One more thing", "Also my name.", In_Reply_To=f"<{mail.id}@localhost>")
    assert len(_of(address)) == 1
    assert [row.text.strip() for row in RequestMessage.objects.filter(request=request, sender="person")] == [
        "One more thing\n\nAlso my name."
    ]


def test_a_reply_that_meets_the_closing_is_not_lost(officer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import replies

    address = _address()
    request, _ = asked(address)
    real = replies._replied_to

    def closed_meanwhile(*given: str) -> Any:
        found = real(*given)
        requests.answer(officer.actor, request.id, "No.", refuse=True)
        return found

    monkeypatch.setattr(replies, "_replied_to", closed_meanwhile)
    replies.from_mail(address, f"Re: [{request.id}]", "Wait!", requests.Arrival("mail"))
    assert [row.follows for row in _of(address)] == ["", request.id]


def test_another_address_never_follows_or_continues_a_request(home: Installation, officer: Customer) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests import api as requests

    address, stranger = _address(), _address()
    request, _ = asked(address)
    requests.answer(officer.actor, request.id, "No.", refuse=True)
    mail = Message.objects.filter(address_hash=request.address_hash).first()
    reply = {"In_Reply_To": f"<{mail.id}@localhost>"}  # type: ignore[union-attr]
    sent(home, stranger, f"Re: your privacy request [{request.id}]", "Let me in.", **reply)
    assert [row.follows for row in _of(stranger)] == [""]
    assert len(_of(address)) == 1


def test_hostile_thread_headers_lose_no_mail(home: Installation) -> None:
    for head in ("<" * 5000, "<0000000000000000@" * 300, "\u0000x", "<%s>" % ("é" * 900)):
        address = _address()
        body = f"From: {address}\r\nTo: privacy@localhost\r\nSubject: x\r\nReferences: {head}\r\n\r\nHello\r\n"
        from glasshouse.operations import inbound_smtp

        assert inbound_smtp.take(body.encode()).startswith("250"), head[:20]
        assert len(_of(address)) == 1


# -- referrals -----------------------------------------------------------------------------------------------------


def invited(*bosses: Customer) -> str:
    from glasshouse.organisations import invitations

    address = _address()
    for boss in bosses:
        invitations.invite(boss.actor, address, invitations.Offer("viewer"))
    return address


def test_nothing_is_passed_before_the_person_agrees_and_never_their_words(
    customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests import referrals

    boss, other = customer(), customer()
    address, secret_words = invited(boss), f"My employer steals {uuid.uuid4().hex}"
    request, path = asked(address, secret_words)
    client = web()
    page = led(client, path, path).text
    assert f"Farm {boss.address.partition('@')[0]}" in page
    assert "Anything that you wrote to us" in page
    assert referrals.passed(boss.actor) == []
    assert not Message.objects.filter(key_owner=boss.actor.person, kind="referral").exists()
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", page)
    assert passing
    assert client.get(passing[0]).status_code == 200
    assert referrals.passed(boss.actor) == [], "opening the page passes nothing"
    wrong = post(client, f"{passing[0]}/agree", passing[0], organisation=other.organisation)
    assert wrong.status_code == 400
    assert post(client, f"{passing[0]}/agree", passing[0]).status_code == 400
    assert referrals.passed(other.actor) == referrals.passed(boss.actor) == []
    post(client, f"{passing[0]}/agree", passing[0], organisation=boss.organisation)
    (row,) = referrals.passed(boss.actor)
    assert row.address == address
    shown = web(boss).get(f"/o/{boss.organisation}/privacy").text
    assert address in shown
    for text in (shown, repr(row), *(mail.body for mail in Message.objects.filter(key_owner=boss.actor.person))):
        assert secret_words not in text
        assert secret_words.rpartition(" ")[2] not in text
    assert secret_words in page_of(enter_staff(web(officer)), request.id)


def test_what_is_written_later_is_not_passed_either(customer: Make, home: Installation, web: Web) -> None:
    from glasshouse.requests import referrals

    boss = customer()
    address = invited(boss)
    request, path = asked(address)
    client = web()
    page = led(client, path, path).text
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", page)[0]  # type: ignore[index]
    post(client, f"{passing}/agree", passing, organisation=boss.organisation)
    sent(home, address, f"Re: [{request.id}]", "and do not tell them about the theft")
    assert "theft" not in web(boss).get(f"/o/{boss.organisation}/privacy").text + repr(referrals.passed(boss.actor))


def test_who_declines_is_answered_by_the_officer(customer: Make, officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Request

    boss = customer()
    address = invited(boss)
    request, path = asked(address)
    client = web()
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", led(client, path, path).text)[0]  # type: ignore[index]
    assert "Our privacy officer answers you" in led(client, f"{passing}/decline", passing).text
    assert post(client, f"{passing}/agree", "/privacy", organisation=boss.organisation).status_code == 400
    assert referrals.passed(boss.actor) == []
    assert "wants nothing passed on" in page_of(enter_staff(web(officer)), request.id)
    requests.answer(officer.actor, request.id, "We deleted it for you.", refuse=False)
    assert Request.objects.get(id=request.id).outcome == "answered"


def test_of_two_customers_only_the_chosen_one_hears_of_it(customer: Make, web: Web) -> None:
    from glasshouse.requests import referrals

    one, two = customer(), customer()
    _, path = asked(invited(one, two))
    client = web()
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", led(client, path, path).text)[0]  # type: ignore[index]
    post(client, f"{passing}/agree", passing, organisation=one.organisation)
    assert len(referrals.passed(one.actor)) == 1
    assert referrals.passed(two.actor) == []
    assert f"Farm {two.address.partition('@')[0]}" not in web(one).get(f"/o/{one.organisation}/privacy").text


def test_a_page_of_yesterday_passes_nothing(customer: Make, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Request

    boss = customer()
    request, path = asked(invited(boss))
    client = web()
    passing = re.search(r"/privacy/own/[\w-]+/pass-on", led(client, path, path).text)[0]  # type: ignore[index]
    Request.objects.filter(id=request.id).update(proved_at=clock.now() - timedelta(hours=25))
    assert client.get(passing).status_code == 404
    assert post(client, f"{passing}/agree", "/privacy", organisation=boss.organisation).status_code == 404
    assert referrals.passed(boss.actor) == []
