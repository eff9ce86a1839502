"""A whole conversation by the Data Rights Protocol 1.0, with a client written from its text alone, at the real door over TLS.

The client knows nothing of this code: it signs, sends and reads what the protocol says, as the public client does, and holds each
answer to the protocol's tables (2.01 to 2.06, 3.02, 3.03, 3.06).
"""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attacks.test_agent_callbacks import HOST, Server, names, only_outside, server
from tests.conftest import Customer, enter_staff, post, prove_link

__all__ = ["server"]
Web = Callable[..., httpx.Client]
BUSINESS = "GLASSHOUSE"
# 3.02: which fields may stand beside each state, beyond those of every status.
ALWAYS = {"request_id", "status", "received_at", "expected_by", "agent_request_id"}
FIELDS = {
    ("open", ""): set(),
    ("in_progress", ""): {"processing_details"},
    ("in_progress", "need_user_verification"): {"user_verification_url", "expires_at", "processing_details"},
    ("fulfilled", ""): {"results_url", "expires_at", "processing_details"},
    ("revoked", ""): set(),
    **{
        ("denied", reason): {"processing_details"}
        for reason in (
            "suspected_fraud",
            "insuf_verification",
            "no_match",
            "claim_not_covered",
            "outside_jurisdiction",
            "other",
        )
    },
    ("denied", "too_many_requests"): {"processing_details"},
    ("expired", ""): {"expires_at"},
}
# Signed by PyNaCl 1.6, libsodium's binding that the protocol recommends, with the seed 00 01 02 … 1f.
LIBSODIUM_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
LIBSODIUM_MESSAGE = (
    b"fkbAzAcIhID1GzjA7JbISPOoUndAtJfeD8GAH6469f2k8hC8QPEuE8vj+2jeK40WTYGEpwq7qWE24AnVkb3EC3siYWdlbnQtaWQiOiAiUFVCTElDX0FHRU5U"
    b"IiwgImJ1c2luZXNzLWlkIjogIkdMQVNTSE9VU0UiLCAiaXNzdWVkLWF0IjogIjIwMjYtMDMtMDlUMDc6MDU6MDAuMDAwKzAwOjAwIiwgImV4cGlyZXMtYXQi"
    b"OiAiMjAyNi0wMy0wOVQwNzoyMDowMC4wMDArMDA6MDAiLCAiZHJwLnZlcnNpb24iOiAiMS4wIn0="
)


def checked_status(answer: httpx.Response) -> dict[str, Any]:
    """An Exercise Status, held to 3.02 and 3.03."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    status = answer.json()
    assert all(isinstance(value, str) and value for value in status.values()), status
    own = FIELDS[status["status"], status.get("reason", "")]
    assert status.keys() - {"reason"} <= ALWAYS | own, status
    assert {"request_id", "received_at"} <= status.keys()
    for name in ("received_at", "expected_by", "expires_at"):
        assert name not in status or datetime.fromisoformat(status[name]).tzinfo, status
    assert status["status"] != "in_progress" or "expected_by" in status
    for name in ("user_verification_url", "results_url"):
        assert status.get(name, "https://").startswith("https://")
    assert (status.get("reason") == "need_user_verification") == ("user_verification_url" in status)
    return dict(status)


@dataclass
class PublicClient:
    """An agent as the protocol's text describes it."""

    door: httpx.Client
    id: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    token: str = ""

    @property
    def verify_key(self) -> str:
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def signed(self, body: dict[str, Any]) -> bytes:
        text = json.dumps(body).encode()
        return base64.b64encode(self.key.sign(text) + text)

    def envelope(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "agent-id": self.id,
            "business-id": BUSINESS,
            "issued-at": now.isoformat(timespec="milliseconds"),
            "expires-at": (now + timedelta(minutes=15)).isoformat(timespec="milliseconds"),
            "drp.version": "1.0",
        }

    def pair(self) -> None:
        text = {"Content-Type": "text/plain"}
        answer = self.door.post(f"/v1/agent/{self.id}", content=self.signed(self.envelope()), headers=text)
        assert answer.status_code == 200, answer.text
        assert answer.json()["agent-id"] == self.id
        self.token = answer.json()["token"]
        assert self.token
        information = self.door.get(f"/v1/agent/{self.id}", headers=self.bearer)
        assert (information.status_code, information.json()) == (200, {})

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def exercise(self, right: str, **person: Any) -> dict[str, Any]:
        body = self.envelope() | {"exercise": right, "regime": "ccpa", "relationships": ["customer"]} | person
        headers = self.bearer | {"Content-Type": "text/plain"}
        return checked_status(self.door.post("/v1/data-rights-request", content=self.signed(body), headers=headers))

    def status(self, number: str) -> dict[str, Any]:
        return checked_status(self.door.get(f"/v1/data-rights-request/{number}", headers=self.bearer))

    def revoke(self, number: str, reason: str) -> dict[str, Any]:
        body = self.signed({"reason": reason})
        path = f"/v1/data-rights-request/{number}"
        return checked_status(self.door.request("DELETE", path, content=body, headers=self.bearer))


@pytest.fixture
def staff(officer: Customer, web: Web) -> httpx.Client:
    """The officer's browser."""
    return enter_staff(web(officer))


@pytest.fixture
def client(staff: httpx.Client, web: Web) -> PublicClient:
    """The public client, registered by the officer on the page, and paired."""
    new = PublicClient(web(), f"PUBLIC_AGENT_{uuid.uuid4().hex[:8].upper()}")
    entry = {"agent": new.id, "name": "Public Agent", "verify_key": new.verify_key, "callback_host": HOST}
    assert post(staff, "/staff/agents", "/staff/agents", **entry).headers["Location"] == "/staff/agents"
    new.pair()
    return new


def person() -> dict[str, Any]:
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    return {"name": "Doe, Jane", "email": address, "email_verified": True}


def confirm(browser: httpx.Client, address: str) -> str:
    """The person opens our mail's link and confirms; returns the path of their page."""
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    answer = post(browser, path, path)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removesuffix("/confirmed")


def test_a_request_to_see_from_the_first_message_to_the_results(
    staff: httpx.Client, web: Web, client: PublicClient
) -> None:
    browser, jane = web(), person()
    told = client.exercise("access", **jane, **{"agent-request-id": "own-1"})
    number = told["request_id"]
    assert (told["status"], told["reason"], told["agent_request_id"]) == (
        "in_progress",
        "need_user_verification",
        "own-1",
    )

    # The agent leads its user to the page, with what 3.02.1 wants in the address; the user confirms, and is led back.
    back = f"https://{HOST}/thanks?case=own-1"
    query = {"redirect_to": back, "request_id": number}
    page = browser.get(told["user_verification_url"], params=query)
    assert page.status_code == 200 and "Public Agent asks us in your name" in page.text
    own_page = confirm(browser, jane["email"])
    led = browser.get(told["user_verification_url"], params=query)
    assert (led.status_code, led.headers["Location"]) == (302, back)
    after = client.status(number)
    assert (after["status"], "reason" in after) == ("in_progress", False)

    # It takes longer: a later day, with the reason (3.08).
    extend = {"text": "Many records."}
    assert post(staff, f"/staff/requests/{number}/extend", "/staff/requests", **extend).status_code == 302
    later = client.status(number)
    assert datetime.fromisoformat(later["expected_by"]) > datetime.fromisoformat(after["expected_by"])
    assert later["processing_details"]

    assert post(browser, f"{own_page}/agent", f"{own_page}/confirmed").status_code == 302
    answer = {"text": "Here is what we hold."}
    assert post(staff, f"/staff/requests/{number}/answer", "/staff/requests", **answer).status_code == 302
    done = client.status(number)
    assert done["status"] == "fulfilled"
    assert datetime.fromisoformat(done["expires_at"]) - datetime.now(UTC) > timedelta(days=7)  # 3.02
    fetched = client.door.get(done["results_url"], headers=client.bearer)
    assert fetched.headers["Content-Type"] == "application/zip" and fetched.content[:2] == b"PK"

    # The person sees the same by a browser, after our own link.
    results = done["results_url"]
    assert post(browser, f"/privacy/agent/{number}/mail", results).status_code == 200
    assert jane["email"] in browser.get(confirm(browser, jane["email"])).text


def test_each_right_of_3_01_has_an_answer_of_3_02(officer: Customer, web: Web, client: PublicClient) -> None:
    from glasshouse.requests import api as requests

    browser = web()
    for right in ("deletion", "access:categories", "access:specific"):
        jane = person()
        number = client.exercise(right, **jane)["request_id"]
        confirm(browser, jane["email"])
        requests.answer(officer.actor, number, "Done.", refuse=False)
        done = client.status(number)
        assert done["status"] == "fulfilled"
        assert ("results_url" in done) is right.startswith("access")
    assert client.exercise("sale:opt-out", **person())["status"] == "fulfilled"
    jane = person()
    number = client.exercise("sale:opt-in", **jane)["request_id"]
    assert client.status(number)["reason"] == "need_user_verification"
    confirm(browser, jane["email"])
    assert client.status(number)["status"] == "fulfilled"


def test_a_request_is_revoked_as_the_text_shows_it(client: PublicClient) -> None:
    number = client.exercise("deletion", **person())["request_id"]
    revoked = client.revoke(number, "I don't want my account deleted")
    assert (revoked["request_id"], revoked["status"]) == (number, "revoked")
    assert client.status(number)["status"] == "revoked"
    again = person()
    assert client.exercise("deletion", **again)["status"] == "in_progress", "what is revoked may be asked anew"


def test_a_person_who_gives_a_telephone_number_only_is_heard(client: PublicClient) -> None:
    told = client.exercise("deletion", phone_number="+14155550123", phone_number_verified=True, name="Jane")
    assert told["reason"] == "need_user_verification"
    assert client.door.get(told["user_verification_url"]).status_code == 200


def test_errors_have_the_form_of_3_06(client: PublicClient) -> None:
    wrong = client.signed(client.envelope() | {"exercise": "unknown"} | person())
    answer = client.door.post("/v1/data-rights-request", content=wrong, headers=client.bearer)
    error = answer.json()
    assert answer.status_code == 400
    assert (error["code"], error["fatal"]) == ("400", True)
    assert error["message"]
    assert (
        client.door.get(f"/v1/data-rights-request/{uuid.uuid4()}", headers=client.bearer).status_code == 403
    )  # 2.02.1
    unsigned = client.door.post(f"/v1/agent/{client.id}", content=b"aGVsbG8=")
    assert (unsigned.status_code, unsigned.content) == (403, b"")  # 2.05.1


def test_the_callback_says_what_the_status_says(
    client: PublicClient, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from glasshouse.requests import drp_callbacks
    from glasshouse.requests.models import Request

    names(monkeypatch, ("127.0.0.1",))
    only_outside(monkeypatch, "127.0.0.1", server)
    number = client.exercise("access", **person(), status_callback=f"https://{HOST}/update_status")["request_id"]
    row = Request.objects.get(id=number)
    row.callback = (
        f"https://{HOST}:{server.server_address[1]}/update_status"  # The server of this test has a port of its own.
    )
    row.save(update_fields=["callback"])
    monkeypatch.setattr(drp_callbacks, "may_call", lambda agent, url: True)
    assert drp_callbacks._tell_agent(number)
    assert [body for _, _, body in server.received] == [client.status(number)]
    assert not drp_callbacks._tell_agent(number), "and nothing where nothing is new"
    client.revoke(number, "enough")
    assert drp_callbacks._tell_agent(number)
    assert server.received[-1][2] == client.status(number)


def test_what_libsodium_signed_is_read() -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests.drp_messages import checked_message
    from glasshouse.requests.models import Agent

    agent = Agent(agent_id="PUBLIC_AGENT", verify_key=LIBSODIUM_KEY)
    with clock.frozen(datetime(2026, 3, 9, 7, 6, tzinfo=UTC)):
        assert checked_message(agent, LIBSODIUM_MESSAGE).body["business-id"] == BUSINESS
