"""The Data Rights Protocol: what an agent signs, and what it cannot do."""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.conftest import Customer, enter_staff, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


class Agent:
    """An authorised agent with its key."""

    def __init__(self, officer: Customer, host: str = "") -> None:
        from glasshouse.requests import drp

        self.id, self.key, self.token = f"agent-{uuid.uuid4().hex[:8]}", Ed25519PrivateKey.generate(), ""
        drp.register(
            officer.actor,
            self.id,
            "Agent & Co",
            base64.b64encode(self.key.public_key().public_bytes_raw()).decode(),
            host,
        )

    def message(self, **more: Any) -> dict[str, Any]:
        from glasshouse.kernel import clock

        now = clock.now()
        base = {"agent-id": self.id, "business-id": "glasshouse", "drp.version": "1.0"}
        return base | {"issued-at": now.isoformat(), "expires-at": (now + timedelta(minutes=10)).isoformat()} | more

    def signed(self, body: dict[str, Any], key: Ed25519PrivateKey | None = None) -> bytes:
        text = json.dumps(body).encode()
        return base64.b64encode((key or self.key).sign(text) + text)

    def paired(self, client: httpx.Client) -> "Agent":
        answer = client.post(f"/v1/agent/{self.id}", content=self.signed(self.message()))
        assert answer.status_code == 200, answer.text
        assert answer.json()["agent-id"] == self.id
        self.token = answer.json()["token"]
        return self

    @property
    def head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "text/plain"}


def test_an_agent_asks_and_the_person_proves_and_the_officer_answers(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.requests import api as requests

    one, client = customer(), web()
    agent = Agent(officer).paired(client)
    assert client.get(f"/v1/agent/{agent.id}", headers=agent.head).json() == {}
    wish = agent.signed(
        agent.message(exercise="deletion", regime="ccpa", email=one.address, **{"agent-request-id": "a1"})
    )
    told = client.post("/v1/data-rights-request", content=wish, headers=agent.head).json()
    assert (told["status"], told["reason"], told["agent_request_id"]) == ("in_progress", "need_user_verification", "a1")
    assert "account" not in json.dumps(told), "an agent learns of no account"
    again = client.post("/v1/data-rights-request/", content=wish, headers=agent.head).json()
    assert again["request_id"] == told["request_id"], "the same message is the same request"
    path = f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}"
    post(client, path, path)
    where = f"/v1/data-rights-request/{told['request_id']}"
    assert "reason" not in client.get(where, headers=agent.head).json()
    requests.answer(officer.actor, told["request_id"], "Done.", refuse=False)
    assert client.get(where, headers=agent.head).json()["status"] == "fulfilled"


def test_what_is_not_signed_by_the_agent_for_us_and_now_is_refused(officer: Customer, web: Web) -> None:
    from glasshouse.kernel import clock

    client, other = web(), Ed25519PrivateKey.generate()
    agent = Agent(officer).paired(client)
    old = (clock.now() - timedelta(hours=2)).isoformat()
    later = (clock.now() + timedelta(days=2)).isoformat()
    bad = [
        agent.signed(agent.message(exercise="access", email="a@grower.example"), other),
        agent.signed(agent.message(**{"business-id": "another"})),
        agent.signed(agent.message(**{"agent-id": "another"})),
        agent.signed(agent.message(**{"issued-at": old, "expires-at": old})),
        agent.signed(agent.message(**{"expires-at": later})),
        b"not base64 at all",
        base64.b64encode(b"short"),
        b"A" * 60_000,
    ]
    for body in bad:
        assert client.post("/v1/data-rights-request", content=body, headers=agent.head).status_code == 403
    assert client.post("/v1/data-rights-request", content=b"A" * 100_000, headers=agent.head).status_code == 413
    for wrong in (
        {"exercise": "sale:opt_in"},
        {"exercise": "access", "email": "no"},
        {"drp.version": "0.1", "exercise": "access"},
    ):
        body = agent.signed(agent.message(**{"email": "a@grower.example"} | wrong))
        assert client.post("/v1/data-rights-request", content=body, headers=agent.head).status_code == 400
    good = agent.signed(agent.message(exercise="access", email="a@grower.example"))
    assert client.post("/v1/data-rights-request", content=good).status_code == 403, "no token"
    assert client.post("/v1/agent/unknown", content=good).status_code == 403


def test_an_agent_reaches_only_its_own_requests_and_may_withdraw_them(officer: Customer, web: Web) -> None:
    from glasshouse.requests import drp

    client = web()
    agent, other = Agent(officer).paired(client), Agent(officer).paired(client)
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    wish = agent.signed(agent.message(exercise="access", email=address))
    number = client.post("/v1/data-rights-request", content=wish, headers=agent.head).json()["request_id"]
    where = f"/v1/data-rights-request/{number}"
    assert client.get(where, headers=other.head).status_code == 403
    assert client.get("/v1/data-rights-request/nothing", headers=agent.head).status_code == 403
    assert client.request("DELETE", where, content=other.signed({"reason": "x"}), headers=agent.head).status_code == 403
    answer = client.request("DELETE", where, content=agent.signed({"reason": "changed my mind"}), headers=agent.head)
    assert answer.json()["status"] == "revoked"
    assert client.get(f"/v1/agent/{agent.id}", headers=other.head).status_code == 403
    drp.end(officer.actor, agent.id)
    assert client.get(where, headers=agent.head).status_code == 403


def test_a_callback_goes_to_the_registered_host_only(
    officer: Customer, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.requests import drp

    client, called = web(), []
    agent = Agent(officer, "agent.example").paired(client)
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    for url in (
        "http://agent.example/x",
        "https://localhost/x",
        "https://agent.example.evil.example/x",
        "https://agent.example@10.0.0.1/",
    ):
        body = agent.signed(agent.message(exercise="access", email=address, status_callback=url))
        assert client.post("/v1/data-rights-request", content=body, headers=agent.head).status_code == 400, url
    body = agent.signed(agent.message(exercise="access", email=address, status_callback="https://agent.example/hook"))
    number = client.post("/v1/data-rights-request", content=body, headers=agent.head).json()["request_id"]

    def called_with(url: str, state: dict[str, str]) -> None:
        called.append((url, state["status"]))

    monkeypatch.setattr(drp, "_call", called_with)
    drp.tell_agents()
    drp.tell_agents()
    called[:] = [call for call in called if "agent.example" in call[0]]  # Other tests have agents, too.
    assert called == [("https://agent.example/hook", "in_progress")]
    client.request("DELETE", f"/v1/data-rights-request/{number}", content=agent.signed({}), headers=agent.head)
    drp.tell_agents()
    assert called[-1] == ("https://agent.example/hook", "revoked")


def test_agents_are_registered_by_the_officer_with_a_real_key(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.requests import drp

    with pytest.raises(NotFoundError):
        drp.register(customer().actor, "a", "A", "x")
    for key in ("", "no base64 !", base64.b64encode(b"short").decode()):
        with pytest.raises(InvalidError):
            drp.register(officer.actor, "a", "A", key)
    client, page = enter_staff(web(officer)), "/staff/requests"
    good = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    name = uuid.uuid4().hex[:8]
    assert post(client, "/staff/agents", page, agent=name, name="A", verify_key="x").status_code == 400
    assert post(client, "/staff/agents", page, agent=name, name="A", verify_key=good).status_code == 302
    assert name in client.get(page).text
    assert post(client, "/staff/agents/end", page, agent=name).status_code == 302
