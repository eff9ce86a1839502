"""What each page needs, declared on its view, and the registry of all of them.

    @page("o/<slug:organisation>/members", name="members", need=Permission.MEMBER_READ, audience=Audience.GROWER)
    def members(request: HttpRequest, organisation: str) -> HttpResponse: ...

The web door makes its addresses, its checks before the view and its menus of the registry; the tests and the check of SEC-03
walk it. A page that is declared twice stops the start. Source: SEC-03; DESIGN, "Declarations, not lists".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Concatenate, NamedTuple, ParamSpec

from django.http.response import HttpResponseBase

from glasshouse.access.permissions import STAFF_GRANTED, STAFF_PERMISSIONS, Permission, StaffRole

KB, MB = 1 << 10, 1 << 20
ORGANISATION = "organisation"  # the argument that names the customer
_ARGUMENT = re.compile(r"<(?P<converter>\w+):(?P<name>\w+)>")
_COLUMN = re.compile(r"(\w+\.\w+)?")
View = Callable[..., HttpResponseBase]
Parameters = ParamSpec("Parameters")


class DeclarationError(Exception):
    """A declaration contradicts another one, or itself."""


class Need(StrEnum):
    """What is asked where it is no permission."""

    ANYBODY = "anybody"  # open to all, or guarded by a secret in the address or the body
    MEMBER = "member"  # any member of the organisation
    SIGNED_IN = "signed in"


class MenuGroup(StrEnum):
    """Under which heading of the menu a page stands; each has the pages of one area."""

    DAILY = "daily"
    SET_UP = "set up"
    ORGANISATION = "organisation"
    YOU = "you"
    DESK = "desk"
    REGISTERS = "registers"
    TRUST = "trust centre"  # public: beside each other below the header


class Audience(StrEnum):
    """Whom a page is for."""

    GROWER = "grower"
    PERSON = "person"
    PUBLIC = "public"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class FormRules:
    """How a page takes what is sent to it.

    most_bytes: taken from anybody. most_bytes_allowed: taken from who may send it (None: what every signed-in person may
    send). sender: for programs, turns a bearer's token into an id of the sender, or raises. account_limits: whether the rate
    limits of account pages hold (None: where the page is public or a person's own,
    and no program's). long_fields: read within bounds of their own.
    programs: no cookie counts, so no form token does. repeatable: carried out as often as it is sent. preview: an answer that
    is a page has done nothing yet. for_script: a script reads the answer.
    """

    most_bytes: int = 64 * KB
    most_bytes_allowed: int | None = None
    sender: Callable[[str], str] | None = None
    account_limits: bool | None = None
    long_fields: frozenset[str] = frozenset()
    programs: bool = False
    repeatable: bool = False
    preview: bool = False
    for_script: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of a form that a page takes.

    field: its name; a "*" in it stands for a number or a code ("body_*"). column: table.column of the data map that the
    answer goes to; empty for what is stored nowhere: a choice, a proof, a filter.
    Source: PRI-05; GDPR Art. 5(1)(c), 13(2)(e).
    """

    field: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One declaration: some methods of one path, what they need, and the view behind them.

    reauth: reauthentication is asked before the view. before_acceptance: open to who has not accepted the documents in force.
    to_support: open to support with a live grant; a page that keeps no record of what it shows is not. menu: its title in
    the menu, empty for none. menu_group, icon: under which heading it stands there, and its icon (`web/templatetags/icons.py`).
    under: the name of the page of the menu that this one belongs to, where its path does not say so. asks: every visible
    field of the form that this page takes. form_on: the name of the page that the form of an act stands on, where the act's
    own path shows nothing; its arguments are some of the act's. translated: its
    texts are in the catalogues, and it is shown in its reader's language.
    """

    view: View
    path: str
    _: KW_ONLY
    name: str
    need: Permission | Need
    audience: Audience
    methods: tuple[str, ...] = ("GET",)
    reauth: bool = False
    before_acceptance: bool = False
    to_support: bool = True
    form: FormRules = FormRules()
    menu: str = ""
    menu_order: int = 0
    asks: tuple[Asked, ...] = ()
    form_on: str = ""
    translated: bool = False
    menu_group: MenuGroup = MenuGroup.DAILY
    icon: str = "dot"
    under: str = ""

    @property
    def account_limits(self) -> bool:
        """Whether the rate limits of account pages hold."""
        if self.form.account_limits is None:
            return self.audience in (Audience.PUBLIC, Audience.PERSON) and not self.form.programs
        return self.form.account_limits

    @property
    def arguments(self) -> dict[str, str]:
        """Name -> converter of each argument in the path."""
        return {argument["name"]: argument["converter"] for argument in _ARGUMENT.finditer(self.path)}

    @property
    def of_organisation(self) -> bool:
        """Whether the address names a customer."""
        return ORGANISATION in self.arguments


class _Key(NamedTuple):
    name: str
    method: str


_pages: dict[_Key, Page] = {}


def _declaring(make: Callable[Concatenate[View, Parameters], Page]) -> Callable[Parameters, Callable[[View], View]]:
    """A decorator of views, with the parameters of `make` behind the view: each declaration says them once, in `Page`."""

    def page(*arguments: Parameters.args, **options: Parameters.kwargs) -> Callable[[View], View]:
        """Declare a view's page; see `Page`. Several views may share a path and its name, each with methods of its own.

        Raises DeclarationError where the declaration contradicts itself or another one.
        """

        def declare(view: View) -> View:
            declared = make(view, *arguments, **options)
            _check(declared)
            _pages.update({_Key(declared.name, method): declared for method in declared.methods})
            return view

        return declare

    return page


page = _declaring(Page)


def _check(declared: Page) -> None:
    where = f"{declared.view.__module__}.{getattr(declared.view, '__name__', '')} ({declared.path})"
    if not declared.methods:
        raise DeclarationError(f"{where} declares no method.")
    for page_before in _pages.values():
        if (page_before.path == declared.path) is not (page_before.name == declared.name):
            raise DeclarationError(f"{where}: {page_before.name} is the name of {page_before.path}.")
        if page_before.name == declared.name and set(page_before.methods) & set(declared.methods):
            raise DeclarationError(f"{where} is declared twice for a method.")
    of_staff = declared.need in STAFF_PERMISSIONS
    if of_staff is not (declared.audience is Audience.STAFF):
        raise DeclarationError(f"{where}: a page of the staff needs a permission of the staff, and no other page does.")
    of_members = declared.need is Need.MEMBER or (isinstance(declared.need, Permission) and not of_staff)
    if of_members is not declared.of_organisation or of_members is not (declared.audience is Audience.GROWER):
        raise DeclarationError(f"{where}: what members may do is asked where the path names their organisation.")
    if any(asked.column for asked in declared.asks) and "POST" not in declared.methods:
        raise DeclarationError(f"{where} stores nothing, so no answer goes to a column.")
    if declared.form_on and "GET" in declared.methods:
        raise DeclarationError(f"{where} shows a page itself, so its form stands on no other.")
    if len({asked.field for asked in declared.asks}) < len(declared.asks):
        raise DeclarationError(f"{where} asks for a field twice.")
    if not all(_COLUMN.fullmatch(asked.column) for asked in declared.asks):
        raise DeclarationError(f"{where}: what is asked for goes to a column, written table.column, or nowhere.")
    if declared.reauth and declared.need is Need.ANYBODY:
        raise DeclarationError(f"{where}: reauthentication cannot be asked on a page that needs no sign-in.")


def pages() -> list[Page]:
    """Every declared page, each once, those with the plainer paths first: "members/invite" before "members/<account>"."""
    return sorted(dict.fromkeys(_pages.values()), key=lambda declared: (_plainness(declared.path), declared.methods))


def _plainness(path: str) -> list[tuple[bool, str]]:
    return [("<" in part, part) for part in path.split("/")]


class Route(NamedTuple):
    """A path with its name, and the pages behind it: each has methods of its own."""

    path: str
    name: str
    pages: list[Page]


def routes() -> Iterator[Route]:
    """Every path with its pages, those with the plainer paths first."""
    pages_by_route: dict[tuple[str, str], list[Page]] = {}
    for declared in pages():
        pages_by_route.setdefault((declared.path, declared.name), []).append(declared)
    for (path, name), some in pages_by_route.items():
        yield Route(path, name, some)


def find(name: str, method: str) -> Page | None:
    """The page of a route's name for a method; None where there is none."""
    return _pages.get(_Key(name, method))


def page_of_form(act: Page) -> Page | None:
    """The page that the form of an act stands on; None where none is declared: a program's act, or a page's own."""
    return find(act.form_on, "GET") if act.form_on else None


def staff_may(role: str, need: Permission | Need) -> bool:
    """Whether a staff role is granted what a page needs."""
    return role in set(StaffRole) and need in STAFF_GRANTED[StaffRole(role)]
