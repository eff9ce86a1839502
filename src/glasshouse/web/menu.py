"""What every template may show: who is asking, the menu of the pages that the actor may open, and what is coming."""

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from glasshouse.access import pages
from glasshouse.access.pages import Need, Page
from glasshouse.accounts import api as accounts
from glasshouse.kernel.actor import ActorKind
from glasshouse.notices import api as notices
from glasshouse.web.middleware import actor_of
from glasshouse.web.organisation_page import Inside, inside_or_none


class Entry(NamedTuple):
    """A link of the menu."""

    title: str
    address: str


def context(request: HttpRequest) -> dict[str, object]:
    """What every template may show."""
    actor = actor_of(request)
    role = accounts.staff_role(actor.account) if actor.kind is ActorKind.STAFF else ""
    coming = notices.coming() if actor.account and request.headers.get("HX-Request") is None else []
    return {
        "actor": actor,
        "demo": settings.DEMO,
        "operator": settings.OPERATOR,
        "key_backup_days": settings.KEY_BACKUP_DAYS,
        "notice_number": notices.number_in_force(),
        "menu": menu_of(request, role),
        "documents_coming": coming,
        "restricted": getattr(request, "restricted", False),
        "form_came_back": getattr(request, "written_form", None) is not None,
    }


def menu_of(request: HttpRequest, staff_role: str) -> list[Entry]:
    """The links to what the actor may open, in order."""
    for_organisation = inside_or_none(request)
    open_needs = {Need.ANYBODY, Need.SIGNED_IN} if actor_of(request).account else {Need.ANYBODY}
    entries = []
    for page in menu_pages():
        if page.of_organisation:
            if for_organisation is not None and _opens(page, for_organisation):
                entries.append(Entry(page.menu, reverse(page.name, args=[for_organisation.actor.organisation])))
        elif page.need in open_needs or pages.staff_may(staff_role, page.need):
            entries.append(Entry(page.menu, reverse(page.name)))
    return entries


@cache
def menu_pages() -> list[Page]:
    """The pages that stand in the menu, in order."""
    return sorted((page for page in pages.pages() if page.menu), key=lambda page: page.menu_order)


def _opens(page: Page, for_organisation: Inside) -> bool:
    rights = for_organisation.context["rights"]
    may = page.need is Need.MEMBER or page.need in getattr(rights, "permissions", ())
    return may and (page.to_support or for_organisation.actor.kind is not ActorKind.STAFF)


def staff_start(role: str) -> str:
    """The name of the page that a member of the staff begins with: the first of the menu that the role may open."""
    return next((page.name for page in menu_pages() if pages.staff_may(role, page.need)), "account")
