"""Passkeys by py_webauthn: options for the browser, answers checked.

A challenge is used once, for its purpose and its account. The library is imported where it is used: it takes as long as
half of our own code, and most of our processes never see a passkey.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from glasshouse.accounts.models import EmailLink
from glasshouse.accounts.rules import SECRET_MOST
from glasshouse.accounts.sessions import digest
from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import new_id

LIFE = timedelta(minutes=5)
ANSWER_MOST = 16_000  # characters of a browser's answer; real ones have a tenth of that
# What parsing a stranger's JSON and base64url raises, deep nesting included.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
MAKE, USE = "passkey-make", "passkey-use"


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey: credential id and public key (base64url), signature count."""

    credential: str
    key: str
    count: int


def _site() -> str:
    return str(urlsplit(settings.ORIGIN).hostname)


def _refused() -> InvalidError:
    return InvalidError("The passkey did not answer rightly, or took too long. Please try again.", field="passkey")


def _parsed(answer: str) -> dict[str, Any]:
    """A browser's answer. Raises one of MALFORMED; an overlong one is not parsed."""
    if len(answer) > ANSWER_MOST:
        raise ValueError("overlong")
    parsed = json.loads(answer)
    if not isinstance(parsed, dict):
        raise TypeError("not an object")
    return parsed


def _keep(purpose: str, account: str, challenge: bytes) -> None:
    from webauthn.helpers import bytes_to_base64url

    EmailLink.objects.create(
        secret_hash=digest(bytes_to_base64url(challenge)),
        purpose=purpose,
        key_owner=new_id(),
        claims={"account": account},
        expires_at=clock.now() + LIFE,
    )


def _take(purpose: str, account: str, answer: str) -> bytes:
    """The challenge inside an answer, if it is one of ours, unused and for this account. Raises InvalidError."""
    from webauthn.helpers import base64url_to_bytes

    try:
        client_data = _parsed(answer)["response"]["clientDataJSON"]
        challenge = str(json.loads(base64url_to_bytes(client_data))["challenge"])[:SECRET_MOST]
    except MALFORMED:
        raise _refused() from None
    challenges = EmailLink.objects.select_for_update().filter(secret_hash=digest(challenge), purpose=purpose)
    stored = challenges.filter(expires_at__gt=clock.now()).first()
    if stored is None or stored.claims["account"] != account:
        raise _refused()
    stored.delete()
    return base64url_to_bytes(challenge)


def registration_options(account: str, address: str, name: str, credential_ids: list[str]) -> str:
    """Options to make a passkey, as JSON. known: credential ids that the account has already."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes, options_to_json, structs

    options = webauthn.generate_registration_options(
        rp_id=_site(),
        rp_name="Glasshouse",
        user_id=account.encode(),
        user_name=address,
        user_display_name=name,
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential_id))
            for credential_id in credential_ids
        ],
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
    )
    _keep(MAKE, account, options.challenge)
    return options_to_json(options)


def registered(account: str, answer: str) -> Made:
    """Check what the browser made. Raises InvalidError."""
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = _take(MAKE, account, answer)
    try:
        registration = webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=_site(), expected_origin=settings.ORIGIN
        )
    except (WebAuthnException, *MALFORMED):
        raise _refused() from None
    return Made(
        bytes_to_base64url(registration.credential_id),
        bytes_to_base64url(registration.credential_public_key),
        registration.sign_count,
    )


def authentication_options(credential_ids: list[str]) -> str:
    """Options to use a passkey, as JSON. known: those that may be used; none named: any that the browser holds for us."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=_site(),
        allow_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential_id)) for credential_id in credential_ids
        ]
        or None,
        user_verification=UserVerificationRequirement.PREFERRED
        if credential_ids
        else UserVerificationRequirement.REQUIRED,
    )
    _keep(USE, "", options.challenge)
    return options_to_json(options)


def credential_of(answer: str) -> str:
    """The credential id that an answer names, base64url. Raises InvalidError."""
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

    try:
        return bytes_to_base64url(base64url_to_bytes(_parsed(answer)["rawId"]))
    except MALFORMED:
        raise _refused() from None


def answered(answer: str, key: str, count: int, *, alone: bool) -> int:
    """The new signature count of a right answer. alone: no password came before, so the passkey itself must have asked who
    holds it. Raises InvalidError.
    """
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = _take(USE, "", answer)
    try:
        authentication = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_site(),
            expected_origin=settings.ORIGIN,
            credential_public_key=base64url_to_bytes(key),
            credential_current_sign_count=max(count, 0),
            require_user_verification=alone,
        )
    except (WebAuthnException, *MALFORMED):
        raise _refused() from None
    return authentication.new_sign_count
