"""How much may be sent to which page, by whom. Others take a small form from anybody, a larger one from who is signed in."""

from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from django.urls import Resolver404, ResolverMatch, resolve

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import sessions
from glasshouse.accounts.own import own
from glasshouse.greenhouse.files import MOST_BYTES as IMPORT_BYTES
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.sources import api as sources
from glasshouse.web.bodies import KB, MB, Allowance
from glasshouse.web.middleware import SESSION_COOKIE

ANYBODY = 64 * KB
# Pages on which a guest writes a text of 20,000 characters, each up to 9 bytes in a form.
TEXTS = frozenset({"privacy_ask", "prove_request", "stranger"})
TEXT_BYTES = 256 * KB
AROUND = 64 * KB  # the fields of a form beside its file
SOURCE_FILE_BYTES, SOURCE_PROGRAM_BYTES = 10 * MB, 2 * MB


def route_of(path: str) -> ResolverMatch | None:
    """The page at a path; None where there is none."""
    try:
        return resolve(path)
    except Resolver404:
        return None


def from_anybody(match: ResolverMatch | None) -> int:
    """Bytes that the page takes without asking who sends them."""
    return TEXT_BYTES if match and match.url_name in TEXTS else ANYBODY


def allowance_of(match: ResolverMatch | None, headers: dict[str, str]) -> Allowance | None:
    """What the sender may send beyond that; None if nothing. Asks the database. headers: names in lower case."""
    close_old_connections()
    try:
        if match is None:
            return None
        if match.url_name == "hand_in":
            kind, _, token = headers.get("authorization", "").partition(" ")
            source = sources.source_of_token(token.strip() if kind.lower() == "bearer" else "")
            return Allowance(SOURCE_PROGRAM_BYTES, source)
        actor = sessions.actor_of(_session(headers.get("cookie", "")))
        if actor.account is None:
            return None
        return Allowance(_limit(match, actor), str(actor.account))
    except GlasshouseError:
        return None
    finally:
        close_old_connections()


def _limit(match: ResolverMatch, actor: Actor) -> int:
    if match.url_name == "import" and _may_import(actor, match.kwargs):
        return IMPORT_BYTES + AROUND
    if match.url_name == "sources" and actor.kind is ActorKind.STAFF:
        return SOURCE_FILE_BYTES + AROUND
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _may_import(actor: Actor, kwargs: dict[str, Any]) -> bool:
    member = actor.within(OrganisationId(str(kwargs["organisation"])))
    try:
        with own(str(actor.person)), access.acting(member):
            access.require(member, Permission.FILE_IMPORT)
    except GlasshouseError:
        return False
    return True


def _session(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
