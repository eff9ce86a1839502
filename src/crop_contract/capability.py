"""Capabilities: what web may ask of the crop plane, signed, valid for at most a minute. A capability never names a person.

Form: base64url(JSON) "." base64url(Ed25519 signature). Source: RFC 8032.
"""

import base64
import json
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LONGEST_S = 60
CLOCK_TOLERANCE_S = 5
VERBS = frozenset({"devices:write", "readings:read", "readings:write", "evidence:read", "tenant:forget"})


class CapabilityError(Exception):
    """The capability is missing, forged or expired, would be valid for too long, or states no purpose."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What may be asked. tenant, sites: opaque ids (no sites: none); verbs: of VERBS; expires_at: epoch seconds."""

    tenant: str
    sites: tuple[str, ...]
    verbs: tuple[str, ...]
    purpose: str
    expires_at: int


def sign(key: bytes, capability: Capability) -> str:
    """The capability, signed, as text for the Authorization header. key: raw Ed25519 private key, 32 bytes."""
    body = json.dumps(
        [capability.tenant, capability.sites, capability.verbs, capability.purpose, capability.expires_at]
    ).encode()
    signature = Ed25519PrivateKey.from_private_bytes(key).sign(body)
    return ".".join(base64.urlsafe_b64encode(part).decode() for part in (body, signature))


def check(key: bytes, text: str, *, now: float | None = None) -> Capability:
    """The capability in text. key: raw Ed25519 public key; now: epoch seconds, the clock's unless given.

    Raises CapabilityError when it was not signed with the key, has expired, would be valid for more than LONGEST_S, or states no
    purpose. Source: SEC-10.
    """
    try:
        body, signature = (base64.urlsafe_b64decode(part) for part in text.split("."))
        Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
        tenant, sites, verbs, purpose, expires_at = json.loads(body)
    except (ValueError, InvalidSignature):
        raise CapabilityError("This capability was not signed by the people plane.") from None
    now_s = time.time() if now is None else now
    if not now_s < expires_at <= now_s + LONGEST_S + CLOCK_TOLERANCE_S:
        raise CapabilityError("This capability has expired, or would be valid for too long.")
    if not isinstance(purpose, str) or not purpose.strip():
        raise CapabilityError("This capability states no purpose.")
    return Capability(tenant, tuple(sites), tuple(verbs), purpose, expires_at)
