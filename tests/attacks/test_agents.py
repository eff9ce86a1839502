"""Agents of the Data Rights Protocol under attack: what somebody can do who saw their messages."""

import threading
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import connections

from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError
from glasshouse.requests import drp
from tests.conftest import Customer
from tests.promises.test_drp import Agent

Web = Callable[..., httpx.Client]


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
