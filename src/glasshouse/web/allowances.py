"""How much may be sent to which page, by whom. Others take a small form from anybody, a larger one from who is signed in."""

from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple

from django.conf import settings
from django.db import close_old_connections
from django.urls import Resolver404, resolve

from glasshouse.access import api as access
from glasshouse.access import pages
from glasshouse.access.pages import ORGANISATION, Audience, FormRules, Page
from glasshouse.access.permissions import Permission
from glasshouse.accounts import sessions
from glasshouse.accounts.own import own
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.ids import OrganisationId
from glasshouse.web import people_api
from glasshouse.web.bodies import Allowance
from glasshouse.web.cookies import SESSION_COOKIE

ANYBODY = FormRules().most_bytes


class PageAt(NamedTuple):
    """What stands at a path: its page, or None where there is none; the arguments that the path holds; how it takes a body."""

    page: Page | None
    arguments: dict[str, Any]
    form: FormRules | None = None


def page_at(path: str, method: str) -> PageAt:
    """The page of a path and a method. Reads the routes only."""
    try:
        match = resolve(path)
    except Resolver404:
        return PageAt(None, {})
    if match.namespaces:
        return PageAt(None, match.kwargs, people_api.FORMS.get(match.url_name or ""))
    page = pages.find(match.url_name or "", method)
    return PageAt(page, match.kwargs, page.form if page else None)


def allowance_of(target: PageAt, headers: dict[str, str]) -> Allowance | None:
    """What the sender may send beyond what the page takes from anybody; None if nothing. Asks the database.

    headers: names in lower case.
    """
    page, arguments, form = target
    close_old_connections()
    try:
        if form is not None and form.sender is not None:
            kind, _, token = headers.get("authorization", "").partition(" ")
            sender = form.sender(token.strip() if kind.lower() == "bearer" else "")
            return Allowance(form.most_bytes_allowed or ANYBODY, sender)
        actor = sessions.actor_of(_session(headers.get("cookie", "")))
        if actor.account is None or page is None:
            return None
        if page.form.most_bytes_allowed is not None and _may(actor, page, arguments):
            return Allowance(page.form.most_bytes_allowed, str(actor.account))
        return Allowance(int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE), str(actor.account))
    except GlasshouseError:
        return None
    finally:
        close_old_connections()


def _may(actor: Actor, page: Page, arguments: dict[str, Any]) -> bool:
    """Whether the actor has the permission that the page needs."""
    if not isinstance(page.need, Permission):
        return True
    try:
        if page.audience is Audience.STAFF:
            access.require_staff(actor, page.need)
            return True
        member = actor.for_organisation(OrganisationId(str(arguments[ORGANISATION])))
        with own(str(actor.person)), access.organisation_transaction(member):
            access.require(member, page.need)
    except GlasshouseError:
        return False
    return True


def _session(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
