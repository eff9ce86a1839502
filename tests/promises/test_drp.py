"""The Data Rights Protocol: what an agent signs, and what it cannot do."""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.agents import Agent, some_address
from tests.conftest import Customer, enter_staff, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


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
        {"exercise": "sale:opt-up"},
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
    from glasshouse.requests import drp_callbacks

    client, called = web(), []
    agent = Agent(officer, "agent.example").paired(client)
    address, hook = f"{uuid.uuid4().hex[:10]}@grower.example", f"https://agent.example/{uuid.uuid4().hex}"
    for url in (
        "http://agent.example/x",
        "https://localhost/x",
        "https://agent.example.evil.example/x",
        "https://agent.example@10.0.0.1/",
    ):
        body = agent.signed(agent.message(exercise="access", email=address, status_callback=url))
        assert client.post("/v1/data-rights-request", content=body, headers=agent.head).status_code == 400, url
    body = agent.signed(agent.message(exercise="access", email=address, status_callback=hook))
    number = client.post("/v1/data-rights-request", content=body, headers=agent.head).json()["request_id"]

    def called_with(url: str, state: dict[str, str]) -> None:
        called.append((url, state["status"]))

    monkeypatch.setattr(drp_callbacks, "call", called_with)
    drp_callbacks.tell_agents()
    drp_callbacks.tell_agents()
    assert [call for call in called if call[0] == hook] == [(hook, "in_progress")], "other tests have agents, too"
    client.request("DELETE", f"/v1/data-rights-request/{number}", content=agent.signed({}), headers=agent.head)
    drp_callbacks.tell_agents()
    assert (hook, "revoked") in called


def test_agents_are_registered_by_the_officer_with_a_real_key(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.requests import drp

    with pytest.raises(NotFoundError):
        drp.register(customer().actor, "a", "A", "x")
    for key in ("", "no base64 !", base64.b64encode(b"short").decode()):
        with pytest.raises(InvalidError):
            drp.register(officer.actor, "a", "A", key)
    client, page = enter_staff(web(officer)), "/staff/agents"
    good = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    name = uuid.uuid4().hex[:8]
    assert post(client, "/staff/agents", page, agent=name, name="A", verify_key="x").status_code == 400
    assert post(client, "/staff/agents", page, agent=name, name="A", verify_key=good).status_code == 302
    assert name in client.get(page).text
    assert post(client, "/staff/agents/end", page, agent=name).status_code == 302


# -- rights, states and errors, by the text of the protocol ----------------------------------------------------------


def test_each_right_of_the_protocol_is_taken_and_no_other(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    for right in ("access", "access:categories", "access:specific", "deletion", "sale:opt-in", "sale:opt_in"):
        told = agent.asks(client, right, regime="ccpa", email=some_address()).json()
        assert (told["status"], told["reason"]) == ("in_progress", "need_user_verification"), right
    for right in ("sale:opt-out", "sale:opt_out"):  # as 1.0 and as 0.9.4 write it
        assert agent.asks(client, right, regime="ccpa", email=some_address()).json()["status"] == "fulfilled"
    for other in ("erasure", "sale", "", None, ["access"], {"right": "access"}, 7):
        refused = client.post(
            "/v1/data-rights-request",
            content=agent.signed(agent.message(exercise=other, email=some_address())),
            headers=agent.head,
        )
        assert refused.status_code == 400, other
        assert refused.json()["reason"] == "claim_not_covered", other


def test_an_open_request_says_when_it_came_when_it_is_answered_and_when_it_ends(officer: Customer, web: Web) -> None:
    from datetime import datetime

    client = web()
    agent = Agent(officer).paired(client)
    told = agent.asks(client, regime="ccpa", email=some_address()).json()
    assert told.keys() == {
        "request_id", "received_at", "expected_by", "status", "reason",
        "processing_details", "user_verification_url", "expires_at",
    }  # fmt: skip
    received, expected, ends = (
        datetime.fromisoformat(told[name]) for name in ("received_at", "expected_by", "expires_at")
    )
    assert expected - received == timedelta(days=45)
    assert ends - received == timedelta(days=14)
    assert told["user_verification_url"].startswith("https://")
    assert told["request_id"] in told["user_verification_url"], "it is of this request"


@pytest.mark.parametrize(
    "reason",
    [
        "suspected_fraud",
        "insuf_verification",
        "no_match",
        "claim_not_covered",
        "outside_jurisdiction",
        "too_many_requests",
    ],
)
def test_a_refusal_tells_the_agent_the_protocols_reason_and_nothing_else(
    officer: Customer, web: Web, reason: str
) -> None:
    client, staff = web(), enter_staff(web(officer))
    agent = Agent(officer).paired(client)
    number = agent.asks(client, email=some_address()).json()["request_id"]
    path = f"/staff/requests/{number}/refuse"
    page = "/staff/requests"
    assert post(staff, path, page, text="We know a secret.", denied_for="made up").status_code == 400
    assert post(staff, path, page, text="We know a secret.", denied_for=reason).status_code == 302
    told = agent.status(client, number)
    assert (told["status"], told["reason"]) == ("denied", reason)
    assert told["processing_details"]
    assert "secret" not in json.dumps(told)
    assert "expires_at" not in told and "user_verification_url" not in told and "results_url" not in told


def test_a_refusal_without_a_reason_is_denied_for_other(officer: Customer, web: Web) -> None:
    client, staff = web(), enter_staff(web(officer))
    agent = Agent(officer).paired(client)
    number = agent.asks(client, email=some_address()).json()["request_id"]
    assert post(staff, f"/staff/requests/{number}/refuse", "/staff/requests", text="No.").status_code == 302
    assert agent.status(client, number)["reason"] == "other"


def test_what_nobody_confirms_is_denied_and_what_is_long_answered_expires(officer: Customer) -> None:
    from datetime import datetime

    from glasshouse.requests.drp_rules import Standing, state_of

    closed = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
    unproved = Standing("unproved", "", proved=False, closed_at=closed)
    answered = Standing("answered", "", proved=True, closed_at=closed)
    assert state_of(unproved, closed) == ("denied", "insuf_verification")
    assert state_of(answered, closed + timedelta(days=29)) == ("fulfilled", "")
    assert state_of(answered, closed + timedelta(days=30)) == ("expired", "")
    assert state_of(Standing("revoked", "", proved=True, closed_at=closed), closed) == ("revoked", "")


def test_errors_say_their_code_and_reason_and_which_request_they_are_about(officer: Customer, web: Web) -> None:
    client = web()
    agent = Agent(officer).paired(client)
    other_key = Ed25519PrivateKey.generate()
    number = agent.asks(client, email=some_address()).json()["request_id"]
    where = f"/v1/data-rights-request/{number}"
    for answer, about in (
        (client.post("/v1/data-rights-request", content=b"x", headers=agent.head), None),
        (client.get("/v1/data-rights-request/0123456789abcdef", headers=agent.head), None),
        (client.request("DELETE", where, content=agent.signed({"reason": "x"}, other_key), headers=agent.head), number),
        (
            client.request("DELETE", where, content=agent.signed(agent.message(exercise="access")), headers=agent.head),
            number,
        ),
    ):
        told = answer.json()
        assert answer.headers["Content-Type"].startswith("application/json")
        assert (told["code"], told["fatal"], told["reason"]) == (str(answer.status_code), True, "other")
        assert told["message"]
        assert told.get("request_id") == about
    unknown = client.get(where, headers={"Authorization": "Bearer nothing"})
    assert (unknown.status_code, unknown.json().get("fatal")) == (403, None), "with another token it may be taken"
    large = client.post("/v1/data-rights-request", content=b"A" * 100_000, headers=agent.head)
    assert (large.status_code, large.json()["code"]) == (413, "413")
    assert client.post("/v1/agent/nobody", content=b"x").content == b"", "who does not pair hears nothing (2.05.1)"


def test_a_person_without_an_email_address_goes_to_the_officer(officer: Customer, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import reminders

    client, staff = web(), enter_staff(web(officer))
    agent = Agent(officer, "agent.example").paired(client)
    number, name = f"+1415555{uuid.uuid4().int % 10_000:04}", f"Ann {uuid.uuid4().hex[:6]}"
    told = agent.asks(
        client, "deletion", regime="ccpa", phone_number=number, name=name, relationships=["customer"]
    ).json()
    assert (told["status"], told["reason"]) == ("in_progress", "need_user_verification")
    desk = client.get(told["user_verification_url"]).text
    assert "no email address" in desk and number not in desk and name not in desk
    card = staff.get(f"/staff/requests/{told['request_id']}").text
    assert number in card and name in card and "Known here as: customer" in card
    for days in (8, 20):
        with clock.frozen(clock.now() + timedelta(days=days)):
            reminders.give_up_due()
    assert agent.status(client, told["request_id"])["status"] == "in_progress", "an officer decides, not the calendar"
    for wrong in ("5555", "+0123456789", "+1 415 555 0100", "tel:+14155550100", "x" * 4000):
        assert agent.asks(client, phone_number=wrong).status_code == 400, wrong
    assert agent.asks(client, name="Nobody").status_code == 400, "somebody must be named"


# -- selling and sharing ---------------------------------------------------------------------------------------------


def _said_about_sale(address: str) -> str:
    """What was last said about the sale of data under an address by a request; "" if nothing was."""
    from glasshouse.consent.models import AddressChoice
    from glasshouse.vault import api as vault

    rows = AddressChoice.objects.filter(address_hash=vault.lookup("address", address), purpose="sale")
    return rows.values_list("state", flat=True).first() or ""


def test_an_opt_out_counts_at_once_for_an_address_with_an_account_and_without(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.mail import api as mail

    client, one, guest = web(), customer(), some_address()
    agent = Agent(officer).paired(client)
    consent.give(one.alone, "sale")
    assert consent.may(str(one.actor.person), "sale")
    answers = [agent.asks(client, "sale:opt-out", regime="ccpa", email=each).json() for each in (one.address, guest)]
    assert [answer["status"] for answer in answers] == ["fulfilled", "fulfilled"]
    assert answers[0].keys() == answers[1].keys(), "nothing tells who has an account"
    assert not consent.may(str(one.actor.person), "sale")
    for address in (one.address, guest):
        assert _said_about_sale(address) == "withdrawn"
        assert "not want your data sold" in next(row.body for row in mail.newest(400) if row.address == address)


def test_an_opt_in_counts_only_once_the_person_has_confirmed_it(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.consent import api as consent

    client, one = web(), customer()
    agent = Agent(officer).paired(client)
    guest = some_address()
    for address in (one.address, guest):
        number = agent.asks(client, "sale:opt-in", regime="ccpa", email=address, email_verified=True).json()[
            "request_id"
        ]
        assert _said_about_sale(address) == ""
        assert consent.may(str(one.actor.person), "sale") is (address == guest), "the agent's word alone is none"
        path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
        assert "allow us to sell" in " ".join(client.get(path).text.split())
        assert post(client, path, path).status_code == 302
        assert agent.status(client, number)["status"] == "fulfilled"
        assert _said_about_sale(address) == "given"
    assert consent.may(str(one.actor.person), "sale")


@pytest.mark.parametrize(
    ("asked", "day"),
    [
        ("2026-03-02T10:00:00+00:00", "2026-03-23"),
        ("2026-03-06T23:59:00+00:00", "2026-03-27"),
        ("2026-03-07T00:00:00+00:00", "2026-03-27"),
    ],
)
def test_an_opt_out_is_done_within_fifteen_business_days(asked: str, day: str) -> None:
    from datetime import datetime

    from glasshouse.requests import sale

    assert f"{sale.due(datetime.fromisoformat(asked)):%Y-%m-%d}" == day
