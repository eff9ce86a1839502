"""What every template may show: who is asking, the menu of the pages that the actor may open, and what is coming."""

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_noop

from glasshouse.access import pages
from glasshouse.access.pages import Audience, MenuGroup, Need, Page
from glasshouse.accounts import api as accounts
from glasshouse.kernel.actor import ActorKind
from glasshouse.kernel.release import version
from glasshouse.notices import api as notices
from glasshouse.web import appearance, cookies, done
from glasshouse.web.languages import languages_of
from glasshouse.web.middleware import actor_of, page_of
from glasshouse.web.organisation_page import Inside, inside_or_none

HEADINGS = {
    MenuGroup.DAILY: "",
    MenuGroup.SET_UP: gettext_noop("Set up"),
    MenuGroup.ORGANISATION: gettext_noop("Organisation"),
    MenuGroup.YOU: gettext_noop("Your account"),
    MenuGroup.DESK: "",
    MenuGroup.REGISTERS: gettext_noop("Registers"),
    MenuGroup.TRUST: "",
}
IN_PHONE_BAR = 4  # entries; the rest stands under "More"


class Entry(NamedTuple):
    """A link of the menu. current: the page that is shown ("page"), or the one that it belongs to ("true"); "" for others."""

    title: str
    address: str
    icon: str
    current: str


class Group(NamedTuple):
    """Links under one heading; "" for none."""

    heading: str
    entries: list[Entry]


class Shell(NamedTuple):
    """What surrounds a page.

    kind: "app" with the sidebar, "public" with a header of its own. main: the menu; phone: its first entries; more: the rest.
    you: the pages of the reader's own account; trust: those of the trust centre, where the page is one of them.
    search: where an organisation's member searches it by names; "" elsewhere.
    """

    kind: str
    main: list[Group]
    phone: list[Entry]
    more: list[Group]
    you: list[Entry]
    trust: list[Entry]
    search: str


def context(request: HttpRequest) -> dict[str, object]:
    """What every template may show."""
    actor = actor_of(request)
    role = accounts.staff_role(actor.account) if actor.kind is ActorKind.STAFF else ""
    coming = notices.coming() if actor.account and request.headers.get("HX-Request") is None else []
    return {
        "actor": actor,
        "demo": settings.DEMO,
        "language": translation.get_language(),
        "theme": appearance.theme_of(request),
        "page_languages": languages_of(request),
        "operator": settings.OPERATOR,
        "key_backup_days": settings.KEY_BACKUP_DAYS,
        "notice_number": notices.number_in_force(),
        "shell": shell_of(request, role),
        # Shown to staff alone: it would tell a stranger which known vulnerabilities are not mended here yet.
        "glasshouse_version": version() if actor.kind is ActorKind.STAFF else "",
        "documents_coming": coming,
        "cookie_question": cookies.question(request),
        "restricted": getattr(request, "restricted", False),
        "act_done": done.sentence(request),
        "form_came_back": getattr(request, "written_form", None) is not None,
    }


def shell_of(request: HttpRequest, staff_role: str) -> Shell:
    """The shell of the page that the request is for, with the links to what the actor may open, in order."""
    page, actor = page_of(request), actor_of(request)
    is_public = actor.account is None or (page is not None and page.audience is Audience.PUBLIC)
    for_organisation = inside_or_none(request)
    groups: dict[MenuGroup, list[Entry]] = {}
    for listed in menu_pages():
        if (address := _address(listed, actor.account is not None, staff_role, for_organisation)) is not None:
            entry = Entry(listed.menu, address, listed.icon, _current(listed, page))
            groups.setdefault(listed.menu_group, []).append(entry)
    you, trust = groups.pop(MenuGroup.YOU, []), groups.pop(MenuGroup.TRUST, [])
    main = [Group(HEADINGS[group], entries) for group, entries in sorted(groups.items(), key=_place)]
    if not main:
        main = [Group(HEADINGS[MenuGroup.YOU], you)] if you else []
    phone = [entry for group in main for entry in group.entries][:IN_PHONE_BAR]
    more = [Group(group.heading, [entry for entry in group.entries if entry not in phone]) for group in main]
    return Shell(
        "public" if is_public else "app",
        main,
        phone,
        [group for group in more if group.entries],
        you,
        trust if any(entry.current for entry in trust) else [],
        _search(for_organisation),
    )


def _search(entered: Inside | None) -> str:
    if entered is None or entered.actor.kind is not ActorKind.PERSON:
        return ""
    return reverse("search", args=[entered.actor.organisation])


def _place(item: tuple[MenuGroup, list[Entry]]) -> int:
    return list(MenuGroup).index(item[0])


def _address(page: Page, is_signed_in: bool, staff_role: str, for_organisation: Inside | None) -> str | None:
    """Where the page of the menu is for this actor; None where it is not open to them."""
    if page.of_organisation:
        if for_organisation is not None and _opens(page, for_organisation):
            return reverse(page.name, args=[for_organisation.actor.organisation])
        return None
    open_needs = {Need.ANYBODY, Need.SIGNED_IN} if is_signed_in else {Need.ANYBODY}
    return reverse(page.name) if page.need in open_needs or pages.staff_may(staff_role, page.need) else None


def _current(listed: Page, page: Page | None) -> str:
    """Whether a page of the menu is the one that is shown, or the one whose area that belongs to."""
    if page is None:
        return ""
    if listed.name == page.name:
        return "page"
    return "true" if not page.menu and _area(page) == listed.name else ""


@cache
def _area(page: Page) -> str:
    """The name of the page of the menu that a page belongs to: as it says, or with the longest path that its own begins with."""
    if page.under:
        return page.under
    above = [listed for listed in menu_pages() if _is_below(page.path, listed.path)]
    return max(above, key=lambda listed: len(listed.path)).name if above else ""


def _is_below(path: str, above: str) -> bool:
    # The overview's own path ends with a slash, and is the beginning of every page of an organisation.
    return not above.endswith("/") and path.startswith(f"{above}/")


def title_of_area(name: str) -> str:
    """The title in the menu of a page, or of the page that it belongs to, in the language of now; its name where it has none."""
    page = pages.find(name, "GET") or pages.find(name, "POST")
    area = pages.find(page.name if page.menu else _area(page), "GET") if page is not None else None
    return f"“{translation.gettext(area.menu)}”" if area is not None else name.replace("_", " ").replace("-", " ")


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
