"""Opaque ids: 80 random bits in Crockford base32, 16 characters; they say nothing of what they name."""

import secrets
from typing import NewType

AccountId = NewType("AccountId", str)
PersonId = NewType("PersonId", str)
OrganisationId = NewType("OrganisationId", str)
KeyOwnerId = NewType("KeyOwnerId", str)
SiteId = NewType("SiteId", str)
CompartmentId = NewType("CompartmentId", str)
DeviceId = NewType("DeviceId", str)
AmendmentId = NewType("AmendmentId", str)
ImportId = NewType("ImportId", str)
BlobId = NewType("BlobId", str)
SessionId = NewType("SessionId", str)
FactorId = NewType("FactorId", str)
TokenId = NewType("TokenId", str)
RoleId = NewType("RoleId", str)
InvitationId = NewType("InvitationId", str)
GrantId = NewType("GrantId", str)
RequestId = NewType("RequestId", str)
TemplateId = NewType("TemplateId", str)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 16


def new_id() -> str:
    """A fresh random id of LENGTH characters from ALPHABET."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def new_token() -> str:
    """A secret for a link or a cookie: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
