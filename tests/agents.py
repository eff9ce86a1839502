"""Authorised agents for tests: an agent with its key, registered as the officer does, that signs as the protocol says."""

import base64
import json
import uuid
from datetime import timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from glasshouse.kernel import clock
from glasshouse.requests import drp
from tests.conftest import Customer

EXERCISE = "/v1/data-rights-request"


class Agent:
    """An authorised agent with its key."""

    def __init__(self, officer: Customer, host: str = "") -> None:
        self.id, self.key, self.token = f"agent-{uuid.uuid4().hex[:8]}", Ed25519PrivateKey.generate(), ""
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        drp.register(officer.actor, self.id, "Agent & Co", public, host)

    def message(self, **more: Any) -> dict[str, Any]:
        now = clock.now()
        base = {"agent-id": self.id, "business-id": "GLASSHOUSE", "drp.version": "1.0"}
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

    def asks(self, client: httpx.Client, exercise: str = "access", **more: Any) -> httpx.Response:
        """Exercise a right in a person's name, now."""
        wish = self.signed(self.message(exercise=exercise, **more))
        return client.post(EXERCISE, content=wish, headers=self.head)

    def status(self, client: httpx.Client, number: str) -> dict[str, Any]:
        answer = client.get(f"{EXERCISE}/{number}", headers=self.head)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def revokes(self, client: httpx.Client, number: str, body: dict[str, Any]) -> httpx.Response:
        return client.request("DELETE", f"{EXERCISE}/{number}", content=self.signed(body), headers=self.head)

    @property
    def head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "text/plain"}


def some_address() -> str:
    """An address that nobody has."""
    return f"{uuid.uuid4().hex[:10]}@grower.example"
