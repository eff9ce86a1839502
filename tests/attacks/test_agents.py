"""Agents of the Data Rights Protocol under attack: what somebody can do who saw their messages."""

import io
import re
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connections

from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, ThrottledError
from glasshouse.requests import api as requests
from glasshouse.requests import drp
from glasshouse.requests.models import Request
from glasshouse.subject import agent_results
from tests.agents import EXERCISE, Agent, some_address
from tests.conftest import Customer, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


def pair(client: httpx.Client, agent: Agent, message: bytes) -> httpx.Response:
    return client.post(f"/v1/agent/{agent.id}", content=message)


def test_a_pairing_message_is_worth_one_token(officer: Customer, web: Web) -> None:
    client, agent = web(), Agent(officer)
    seen = agent.signed(agent.message())
    agent.token = pair(client, agent, seen).json()["token"]
    for _ in range(2):
        assert pair(client, agent, seen).status_code == 403, "whoever saw it gets no token"
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).status_code == 200, "and the agent keeps its own"


def test_a_message_that_was_kept_back_is_worth_nothing_once_a_newer_one_came(officer: Customer, web: Web) -> None:
    client, agent = web(), Agent(officer)
    kept_back = agent.signed(agent.message())
    agent.paired(client)
    assert pair(client, agent, kept_back).status_code == 403
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).status_code == 200
    agent.paired(client)
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).status_code == 200


def test_one_message_in_four_requests_at_once_gives_one_token(officer: Customer) -> None:
    agent = Agent(officer)
    message, outcomes, ready = agent.signed(agent.message()), [], threading.Barrier(4)

    def attempt() -> None:
        ready.wait(20)
        try:
            outcomes.append(bool(drp.pair(agent.id, message)))
        except ForbiddenError:
            outcomes.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]


def test_messages_and_tokens_are_not_exchanged_between_agents(officer: Customer, web: Web) -> None:
    client, agent, other = web(), Agent(officer), Agent(officer).paired(web())
    message = agent.signed(agent.message())
    assert pair(client, other, message).status_code == 403
    in_the_name_of_other = agent.signed(agent.message(**{"agent-id": other.id}))
    assert pair(client, other, in_the_name_of_other).status_code == 403
    assert pair(client, agent, in_the_name_of_other).status_code == 403
    assert pair(client, agent, other.signed(agent.message())).status_code == 403
    assert client.get(f"/v1/agent/{agent.id}", headers=other.head).status_code == 403
    agent.paired(client)
    wish = other.signed(other.message(exercise="access", email="a@grower.example"))
    assert client.post("/v1/data-rights-request", content=wish, headers=agent.head).status_code == 403
    assert pair(client, agent, message).status_code == 403


def test_a_message_counts_in_its_time_only(officer: Customer) -> None:
    agent = Agent(officer)
    message, now = agent.signed(agent.message()), clock.now()
    for moment in (now + timedelta(minutes=10, seconds=1), now - timedelta(minutes=2), now + timedelta(days=400)):
        with clock.frozen(moment), pytest.raises(ForbiddenError):
            drp.pair(agent.id, message)
    with clock.frozen(now + timedelta(minutes=9)):
        assert drp.pair(agent.id, message)


def test_what_was_signed_for_something_else_is_no_pairing_message(officer: Customer, web: Web) -> None:
    client, agent = web(), Agent(officer).paired(web())
    wish = agent.signed(agent.message(exercise="access", email="seen@grower.example"))
    assert pair(client, agent, wish).status_code == 403
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).status_code == 200
    pairing = agent.signed(agent.message())
    assert client.post("/v1/data-rights-request", content=pairing, headers=agent.head).status_code == 400


def test_an_agent_that_was_ended_pairs_no_more(officer: Customer, web: Web) -> None:
    client, agent = web(), Agent(officer).paired(web())
    message = agent.signed(agent.message())
    drp.end(officer.actor, agent.id)
    assert pair(client, agent, message).status_code == 403
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).status_code == 403


# -- messages that ask, and messages that withdraw -------------------------------------------------------------------


def test_one_request_in_four_messages_at_once_is_one_request(officer: Customer) -> None:
    agent = Agent(officer)
    drp.pair(agent.id, agent.signed(agent.message()))
    row = drp.Agent.objects.get(agent_hash=drp._agent_hash(agent.id))
    message, outcomes, ready = (
        agent.signed(agent.message(exercise="access", email=some_address())),
        [],
        threading.Barrier(4),
    )

    def attempt() -> None:
        ready.wait(20)
        try:
            outcomes.append(drp.exercise(row, message).id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            outcomes.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(outcomes)) == 1, outcomes
    assert Request.objects.filter(agent=row.id).count() == 1


def test_a_message_that_withdrew_one_request_withdraws_no_other(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    first, second = (agent.asks(client, email=some_address()).json()["request_id"] for _ in range(2))
    seen = {"reason": "I want to stay"}  # As the public client says it, each time with the same signature.
    assert agent.revokes(client, first, seen).json()["status"] == "revoked"
    assert agent.revokes(client, second, seen).status_code == 403
    assert agent.status(client, second)["status"] == "in_progress"
    assert agent.revokes(client, first, seen).json()["status"] == "revoked", "the same once more changes nothing"
    assert agent.revokes(client, second, agent.message(**seen)).json()["status"] == "revoked"


def test_a_message_to_withdraw_is_held_to_all_that_it_says(officer: Customer, web: Web) -> None:
    client = web()
    agent, other = Agent(officer).paired(client), Agent(officer).paired(client)
    number, another = (agent.asks(client, email=some_address()).json()["request_id"] for _ in range(2))
    now = clock.now()
    past, future = (now - timedelta(hours=2)).isoformat(), (now + timedelta(hours=2)).isoformat()
    wrong: list[dict[str, Any]] = [
        agent.message(reason="x", **{"issued-at": past, "expires-at": (now - timedelta(minutes=1)).isoformat()}),
        agent.message(reason="x", **{"issued-at": future, "expires-at": future}),
        agent.message(reason="x", **{"expires-at": future}),
        agent.message(reason="x", **{"agent-id": other.id}),
        agent.message(reason="x", **{"business-id": "ANOTHER"}),
        agent.message(reason="x", request_id=another),
        {"reason": "x", "request_id": another},
        {"reason": "x", "expires-at": future},
        {"reason": "x", "agent-id": agent.id},
        {"reason": "x", "exercise": "access"},
        agent.message(),
        agent.message(exercise="deletion", email=some_address()),
    ]
    for body in wrong:
        answer = agent.revokes(client, number, body)
        assert answer.status_code in (400, 403), body
        assert answer.json()["request_id"] == number
    for raw in (b"", b"x", other.signed({"reason": "x"}), agent.signed({"reason": "x"})[:-8]):
        answer = client.request("DELETE", f"{EXERCISE}/{number}", content=raw, headers=agent.head)
        assert answer.status_code == 403
    assert agent.revokes(client, number, {"reason": "x"}).status_code == 200
    assert agent.status(client, another)["status"] == "in_progress"
    assert other.revokes(client, another, other.message(reason="x")).status_code == 403
    assert agent.revokes(client, another, agent.message(reason="y", request_id=another)).json()["status"] == "revoked"


def test_what_is_answered_cannot_be_withdrawn_any_more(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    number = agent.asks(client, email=some_address()).json()["request_id"]
    requests.answer(officer.actor, number, "No.", refuse=True)
    answer = agent.revokes(client, number, {"reason": "late"})
    assert (answer.status_code, answer.json()["request_id"]) == (409, number)
    assert agent.status(client, number)["status"] == "denied"


def test_a_person_who_confirmed_hears_that_the_agent_withdrew(officer: Customer, web: Web) -> None:
    from glasshouse.mail import api as mail

    client, address = web(), some_address()
    agent = Agent(officer).paired(client)
    number = agent.asks(client, email=address).json()["request_id"]
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    post(client, path, path)
    agent.revokes(client, number, {"reason": "changed my mind"})
    newest = next(row.body for row in mail.newest(400) if row.address == address)
    assert "withdrew the request" in newest and "changed my mind" in newest


def test_a_clock_that_runs_ahead_by_a_minute_is_borne_and_no_more(officer: Customer, web: Web) -> None:
    client, now = web(), clock.now()
    agent = Agent(officer).paired(client)
    ahead = (now + timedelta(seconds=100)).isoformat()
    late = client.post(
        EXERCISE,
        content=agent.signed(agent.message(exercise="access", email=some_address(), **{"issued-at": ahead})),
        headers=agent.head,
    )
    assert (late.status_code, late.json().get("fatal")) == (403, None), "the same message may be taken later"
    borne = agent.asks(client, email=some_address(), **{"issued-at": (now + timedelta(seconds=40)).isoformat()})
    assert borne.status_code == 200
    empty = agent.asks(client, email=some_address(), **{"issued-at": ahead, "expires-at": ahead})
    assert empty.status_code == 403


def test_an_agent_asks_only_so_often(officer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent(officer)
    drp.pair(agent.id, agent.signed(agent.message()))
    row = drp.Agent.objects.get(agent_hash=drp._agent_hash(agent.id))
    monkeypatch.setattr(drp, "MOST_AN_HOUR", 2)
    for _ in range(2):
        drp.exercise(row, agent.signed(agent.message(exercise="access", email=some_address())))
    with pytest.raises(ThrottledError):
        drp.exercise(row, agent.signed(agent.message(exercise="access", email=some_address())))


def test_a_person_is_written_to_only_so_often_and_the_agent_hears_why(officer: Customer, web: Web) -> None:
    client, address = web(), some_address()
    agent = Agent(officer).paired(client)
    answers = [agent.asks(client, email=address) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    told = answers[-1].json()
    assert (told["code"], told["reason"], told.get("fatal")) == ("429", "too_many_requests", None)
    assert int(answers[-1].headers["Retry-After"]) > 0


# -- pages to which an agent leads the person ------------------------------------------------------------------------


def confirmed(client: httpx.Client, agent: Agent, exercise: str = "access", address: str = "") -> tuple[str, str]:
    """A request whose person confirmed it: its number, and the path of their page."""
    address = address or some_address()
    number = agent.asks(client, exercise, email=address).json()["request_id"]
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    return number, post(client, path, path).headers["Location"].removesuffix("/confirmed")


def test_a_person_is_led_back_to_the_agents_host_and_to_no_other(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer, "agent.example").paired(client)
    number, _ = confirmed(client, agent)
    page = f"/privacy/agent/{number}"
    back = "https://agent.example/done?user=7"

    def led(**query: str) -> str:
        return client.get(page, params=query).headers.get("Location", "")

    assert led(request_id=number, redirect_to=back) == back
    for foreign in (
        "https://evil.example/", "//evil.example/", "https://agent.example@evil.example/", "http://agent.example/",
        "https://agent.example.evil.example/", "https://agent.example\\@evil.example/", "javascript:alert(1)", "/account",
        "https://agent.example\r\nLocation: https://evil.example", "https://agent.example:8443/", "data:text/html,x", "",
    ):  # fmt: skip
        answer = client.get(page, params={"request_id": number, "redirect_to": foreign})
        assert (answer.status_code, answer.headers.get("Location")) == (200, None), foreign
        # The links to other languages keep the page's own query, which leads to this page again.
        leads_to = re.findall(r'(?:href|src|action|content)="([^"]*)"', answer.text)
        assert not [link for link in leads_to if "evil" in link and not link.startswith("?")], foreign
    assert led(redirect_to=back) == "", "the agent says which request it is about"
    other = client.get(page, params={"request_id": "0123456789abcdef", "redirect_to": back})
    assert other.status_code == 404
    drp.end(officer.actor, agent.id)
    assert led(request_id=number, redirect_to=back) == "", "an agent that ended leads nobody anywhere"


def test_nobody_is_led_back_before_the_address_is_confirmed_or_when_it_failed(officer: Customer, web: Web) -> None:
    client, back = web(), "https://agent.example/done"
    agent = Agent(officer, "agent.example").paired(client)
    number = agent.asks(client, email=some_address()).json()["request_id"]
    page, query = f"/privacy/agent/{number}", {"request_id": number, "redirect_to": back}
    assert client.get(page, params=query).status_code == 200
    assert agent.status(client, number)["reason"] == "need_user_verification", "to open the page confirms nothing"
    requests.answer(officer.actor, number, "No.", refuse=True)
    assert client.get(page, params=query).status_code == 200


def test_the_page_mails_our_link_to_the_person_only_and_so_often(officer: Customer, web: Web) -> None:
    from glasshouse.mail import api as mail

    client, address = web(), some_address()
    agent = Agent(officer).paired(client)
    number = agent.asks(client, email=address).json()["request_id"]
    page = f"/privacy/agent/{number}"
    answers = [post(client, f"{page}/mail", page) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert all(address not in answer.text and "/privacy/prove" not in answer.text for answer in answers)
    assert len({row.body for row in mail.newest(400) if row.address == address}) == 5
    assert client.get("/privacy/agent/0123456789abcdef").status_code == 404


# -- results ---------------------------------------------------------------------------------------------------------


def results_of(client: httpx.Client, agent: Agent, number: str) -> str:
    return str(agent.status(client, number)["results_url"])


def test_an_agent_gets_nothing_of_the_person_by_its_own_word(officer: Customer, web: Web) -> None:
    client, address = web(), some_address()
    agent = Agent(officer).paired(client)
    number = agent.asks(
        client, email=address, email_verified=True, power_of_attorney="https://agent.example/poa"
    ).json()["request_id"]
    assert "results_url" not in agent.status(client, number)
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    own_page = post(client, path, path).headers["Location"].removesuffix("/confirmed")
    assert "results_url" not in agent.status(client, number), "it is not answered"
    requests.answer(officer.actor, number, "Here.", refuse=False)
    url = results_of(client, agent, number)
    refused = client.get(url, headers=agent.head)
    assert (refused.status_code, refused.headers["Content-Type"]) == (403, "application/json")
    page = client.get(url)
    assert page.status_code == 200 and address not in page.text and "Send the link" in page.text
    assert own_page not in page.text


def test_an_agent_fetches_once_what_the_person_let_it_fetch(officer: Customer, web: Web) -> None:
    from glasshouse.mail import api as mail

    client, address = web(), some_address()
    agent, other = Agent(officer).paired(client), Agent(officer).paired(client)
    number, own_page = confirmed(client, agent, address=address)
    shown = client.get(f"{own_page}/confirmed").text
    assert "Let Agent &amp; Co fetch a copy" in shown
    assert post(client, f"{own_page}/agent", f"{own_page}/confirmed").status_code == 302
    requests.answer(officer.actor, number, "Here.", refuse=False)
    url = results_of(client, agent, number)
    assert client.get(url, headers=other.head).status_code == 403, "another agent's"
    assert client.get(url, headers={"Authorization": "Bearer x"}).status_code == 403
    assert client.head(url, headers=agent.head).status_code in (403, 405), "to ask for its head fetches nothing"
    for altered in (f"{url[:-1]}{'0' if url[-1] != '0' else '1'}", f"{url}0", url.rpartition("/")[0] + "/" + "0" * 64):
        assert client.get(altered, headers=agent.head).status_code == 404
    assert client.get(url).headers["Content-Type"].startswith("text/html"), "a browser fetches nothing"
    answer = client.get(url, headers=agent.head)
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert any(address in archive.read(name).decode() for name in archive.namelist())
    assert client.get(url, headers=agent.head).status_code == 403, "once"
    assert "fetched a copy" in next(row.body for row in mail.newest(400) if row.address == address)


def test_results_end(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    number, own_page = confirmed(client, agent)
    post(client, f"{own_page}/agent", f"{own_page}/confirmed")
    requests.answer(officer.actor, number, "Here.", refuse=False)
    signature = results_of(client, agent, number).rpartition("/")[2]
    row = drp.Agent.objects.get(agent_hash=drp._agent_hash(agent.id))
    with clock.frozen(clock.now() + timedelta(days=30, minutes=1)), pytest.raises(drp.GlasshouseError):
        agent_results.fetch(row, number, signature)
    assert post(client, f"{own_page}/agent/stop", f"{own_page}/confirmed").status_code == 302
    with pytest.raises(ForbiddenError):
        agent_results.fetch(row, number, signature)
    post(client, f"{own_page}/agent", f"{own_page}/confirmed")
    drp.end(officer.actor, agent.id)
    assert client.get(f"/privacy/agent/{number}/results/{signature}", headers=agent.head).status_code == 403


def test_two_fetches_at_once_are_one(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    number, own_page = confirmed(client, agent)
    post(client, f"{own_page}/agent", f"{own_page}/confirmed")
    requests.answer(officer.actor, number, "Here.", refuse=False)
    url, outcomes, ready = results_of(client, agent, number), [], threading.Barrier(4)

    def attempt() -> None:
        ready.wait(20)
        outcomes.append(client.get(url, headers=agent.head).status_code)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 403, 403, 403]


def test_of_an_account_no_agent_gets_anything_even_if_the_person_agreed_before(
    officer: Customer, customer: Make, web: Web
) -> None:
    client, one = web(), customer()
    agent = Agent(officer).paired(client)
    number, own_page = confirmed(client, agent, address=one.address)
    assert "fetch a copy" not in client.get(f"{own_page}/confirmed").text
    assert post(client, f"{own_page}/agent", "/sign-in").status_code == 404
    Request.objects.filter(id=number).update(agent_may_fetch_at=clock.now())
    requests.answer(officer.actor, number, "Here.", refuse=False)
    url = results_of(client, agent, number)
    assert client.get(url, headers=agent.head).status_code == 403
    assert client.get(url).status_code == 200, "and the page says the same as of anybody"
