"""How the people plane asks the crop plane: with a capability made for this one question, naming no person."""

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from crop_contract.capability import LONGEST_S, Capability, sign
from glasshouse.kernel import doors
from glasshouse.kernel.errors import InvalidError, NotFoundError, UnavailableError
from glasshouse.vault.root import read_secret

if TYPE_CHECKING:
    import httpx


@cache
def _client() -> "httpx.Client":
    import httpx

    from glasshouse.kernel.straight import Straight

    way = Straight(settings.CROPS_DOOR, doors.trust(settings.TLS_FOLDER))
    return httpx.Client(base_url=settings.CROPS_ORIGIN, transport=way, timeout=60)


def ask(method: str, path: str, *, tenant: str, sites: list[str], verb: str, purpose: str, body: object = None) -> Any:
    """The crop plane's answer to one question. body: plain values, or the bytes of an Arrow stream.

    Raises NotFoundError (also when the crop plane has deleted the organisation), UnavailableError, InvalidError (what was asked
    for makes no sense, or is too much).
    """
    import httpx  # Here: most of our processes never ask the crop plane.

    ends = int(time.time()) + LONGEST_S - 5
    capability = Capability(tenant, tuple(sites), (verb,), purpose, ends)
    key = read_secret(settings.KEYS_FOLDER / "capability.key")
    content: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    try:
        answer = _client().request(
            method, path, headers={"Authorization": f"Capability {sign(key, capability)}"}, **content
        )
    except httpx.HTTPError:
        raise UnavailableError(
            "The crop data cannot be reached right now. It is safe; try again in a moment."
        ) from None
    if answer.status_code in (404, 410):
        raise NotFoundError
    if answer.status_code in (400, 413, 422):
        raise InvalidError(str(answer.json()["message"]))
    if answer.status_code in (503, 507):
        raise UnavailableError("The crop data is busy right now, and nothing was changed. Try again in a minute.")
    if answer.status_code >= 400:
        raise UnavailableError("The crop data could not answer this. Try a shorter time or fewer series.")
    return answer.json() if answer.content else None
