"""Capabilities: what web may ask of the crop plane, signed, for at most a minute. A capability never names a person.

Form: base64url(JSON) "." base64url(Ed25519 signature). Source: DESIGN, "Two planes"; RFC 8032.
"""

import base64
import json
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LONGEST_S = 60
VERBS = frozenset({"devices:write", "readings:read", "readings:write", "evidence:read", "tenant:forget"})


class CapabilityError(Exception):
    """The capability is missing, forged, expired, or does not cover what was asked."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A tenant (opaque), its sites (opaque; empty: none), verbs of VERBS, the purpose, and when it ends (epoch seconds)."""

    tenant: str
    sites: tuple[str, ...]
    verbs: tuple[str, ...]
    purpose: str
    ends: int


def sign(key: bytes, capability: Capability) -> str:
    """The capability as text for the Authorization header. key: raw Ed25519 private key, 32 bytes."""
    body = json.dumps(
        [capability.tenant, capability.sites, capability.verbs, capability.purpose, capability.ends]
    ).encode()
    signature = Ed25519PrivateKey.from_private_bytes(key).sign(body)
    return ".".join(base64.urlsafe_b64encode(part).decode() for part in (body, signature))


def check(key: bytes, text: str, *, now: float | None = None) -> Capability:
    """The capability in text. key: raw Ed25519 public key. Raises CapabilityError."""
    try:
        body, signature = (base64.urlsafe_b64decode(part) for part in text.split("."))
        Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
        tenant, sites, verbs, purpose, ends = json.loads(body)
    except (ValueError, InvalidSignature):
        raise CapabilityError("This capability was not signed by the people plane.") from None
    present = time.time() if now is None else now
    if not present < ends <= present + LONGEST_S + 5:
        raise CapabilityError("This capability has expired, or would live too long.")
    return Capability(tenant, tuple(sites), tuple(verbs), purpose, ends)
