"""Walks every path of the live router as every role, at home and at a foreign customer, and holds the answers to a table.

The table says what the name of a role promises, for somebody who reads it on the page of roles. It is written down a second time
on purpose: what a page declares of itself is not asked. A path that the table does not name is for administrators alone.

The ids in the addresses name nothing, so that a walk changes nothing: who may act hears 404 or 400, who may not hears 403, and
an outsider gets 404, the same as if the customer did not exist.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from glasshouse.promises.front_door import Visitor

OF_CUSTOMER, OF_STAFF = "o/<slug:organisation>/", "staff"
NOTHING, NOWHERE = "0" * 16, "z" * 16
ARGUMENT, TOKEN = re.compile(r"<(\w+):(\w+)>"), re.compile(r'value="[A-Za-z0-9]{64}"')
# What stands for an argument that must look like something else than an id.
LOOKS = {"failure": "mail", "key": "0" * 64, "kind": "app"}
ADMINISTRATOR = "administrator"
ROLES = (ADMINISTRATOR, "grower", "viewer", "device-manager", "privacy-contact", "billing-contact")
SEES = frozenset({"grower", "viewer", "device-manager"})
EVERYBODY = frozenset(ROLES)
GROWER, DEVICES, PRIVACY = frozenset({"grower"}), frozenset({"device-manager"}), frozenset({"privacy-contact"})
PEOPLE = frozenset({"privacy-contact", "billing-contact"})
# Method and path within the customer -> the roles that may, beside administrators.
ALSO: dict[str, frozenset[str]] = {
    "GET ": SEES,
    "GET chart": SEES,
    "GET readings": SEES,
    "GET fitted": SEES,
    "POST fitted/pin": SEES,
    "POST fitted/unpin": SEES,
    "POST fitted/use": SEES,
    "POST fitted/off": SEES,
    "POST fitted/on": SEES,
    "GET sites": SEES,
    "POST sites/<slug:site>/target-ranges": GROWER,
    "GET corrections": GROWER,
    "POST corrections": GROWER,
    "GET corrections/<slug:number>": GROWER,
    "POST corrections/<slug:number>/carry-out": GROWER,
    "POST corrections/<slug:number>/lift": GROWER,
    "POST corrections/<slug:number>/undo": GROWER,
    "GET import": GROWER,
    "POST import": GROWER,
    "GET import/<slug:number>": GROWER,
    "POST import/<slug:number>": GROWER,
    "GET import/<slug:number>/report": GROWER,
    "POST import/<slug:number>/run": GROWER,
    "POST import/<slug:number>/stop": GROWER,
    "POST import/<slug:number>/template": GROWER,
    "POST import/<slug:number>/undo": GROWER,
    "GET intake": GROWER,
    "POST intake/<slug:site>/start": GROWER,
    "POST intake/<slug:site>/replace-address": GROWER,
    "POST intake/<slug:site>/start-mail": GROWER,
    "POST intake/<slug:site>/stop": GROWER,
    "POST intake/<slug:site>/stop-mail": GROWER,
    "POST templates/<slug:template>/remove": GROWER,
    "GET tokens": GROWER,
    "POST tokens": GROWER,
    "POST tokens/<slug:token>/revoke": EVERYBODY,  # one's own
    "POST sites/<slug:site>/compartments": DEVICES,
    "POST sites/<slug:site>/devices": DEVICES,
    "GET device-key/<slug:note>": DEVICES,
    "POST devices/<slug:device>/revoke": DEVICES,
    "GET members": PEOPLE,
    "GET members/<slug:account>": PEOPLE,
    "POST members/<id:account>/leave": EVERYBODY,  # oneself
    "GET events": PRIVACY,
    "GET record": PRIVACY,
    "GET privacy": PRIVACY,
    "POST privacy": PRIVACY,
    "GET roles": EVERYBODY,
    "GET my-access": EVERYBODY,
    "GET search": EVERYBODY,
    "POST search": EVERYBODY,
    "POST my-access": EVERYBODY,
}


class Walked(NamedTuple):
    """How many cells of the table were walked, and what was not so, a line each."""

    cells: int
    wrong: list[str]


class _Cell(NamedTuple):
    """A method and a path of the router."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix(OF_CUSTOMER)}"

    def address(self, customer: str = "") -> str:
        path = self.path.replace("<slug:organisation>", customer)
        return "/" + ARGUMENT.sub(lambda argument: LOOKS.get(argument[2], LOOKS.get(argument[1], NOTHING)), path)

    @property
    def names_one(self) -> bool:
        """Whether the address names something that is not there, or the form is empty."""
        return self.method == "POST" or bool(ARGUMENT.search(self.path.removeprefix(OF_CUSTOMER)))


def paths(beginning: str) -> list[str]:
    """The paths of the live router that begin so."""
    patterns = [str(item.pattern) for item in get_resolver().url_patterns if isinstance(item, URLPattern)]
    return sorted({pattern for pattern in patterns if pattern.startswith(beginning)})


class _Plan(NamedTuple):
    """What is asked: every cell at home; at the foreign customer by the administrator and one other role, drawn for each."""

    home: str
    foreign: str
    nowhere: dict[_Cell, tuple[int, str]]  # what each cell answers of a customer that does not exist
    abroad: dict[_Cell, tuple[str, str]]


def walk(people: Mapping[str, Visitor], home: str, foreign: str) -> Walked:
    """Every role × path × method at home; at a foreign customer two of the roles; the administrator at the staff's pages.

    Who goes abroad is drawn anew in each walk, so that walks that follow each other cover every role.
    people: one browser of each role, signed in, a member of `home` only. Raises UnavailableError.
    """
    administrator, others = people[ADMINISTRATOR], [role for role in people if role != ADMINISTRATOR]
    nowhere = dict(_cells(administrator))
    plan = _Plan(home, foreign, nowhere, {cell: (ADMINISTRATOR, secrets.choice(others)) for cell in nowhere})
    with ThreadPoolExecutor(3) as pool:
        wrong_by_role = pool.map(lambda role: list(_walked(people[role], role, plan)), people)
        wrong = [line for lines in wrong_by_role for line in lines]
    wrong += _staff_pages(administrator)
    unknown = sorted(ALSO.keys() - {cell.name for cell in nowhere})
    wrong += [f"the table names {name}, which is not there" for name in unknown]
    return Walked((len(people) + 2) * len(nowhere), wrong)


def _cells(administrator: Visitor) -> Iterator[tuple[_Cell, tuple[int, str]]]:
    """What the router answers at all, without asking a declaration: a method that it does not take is answered 405."""
    for path in paths(OF_CUSTOMER):
        for method in ("GET", "POST"):
            answer = _asked(administrator, cell := _Cell(method, path), NOWHERE)
            if answer[0] != 405:
                yield cell, answer


def _asked(visitor: Visitor, cell: _Cell, customer: str = "") -> tuple[int, str]:
    """The status, and the text without what is new in each answer, or names the address."""
    address = cell.address(customer)
    answer = visitor.get(address) if cell.method == "GET" else visitor.post(address)
    return answer.status_code, TOKEN.sub("", answer.text).replace(address, "").replace(customer or address, "")


def _walked(visitor: Visitor, role: str, plan: _Plan) -> Iterator[str]:
    for cell, nowhere in plan.nowhere.items():
        may = role == ADMINISTRATOR or role in ALSO.get(cell.name, frozenset())
        status, _ = _asked(visitor, cell, plan.home)
        good = (200, 302, 400, 404) if cell.names_one else (200, 302, 400)
        if status not in (good if may else (403,)):
            yield f"{role} {cell.name}: {status}, though {'' if may else 'not '}for this role"
        if role in plan.abroad[cell]:
            there = _asked(visitor, cell, plan.foreign)
            if there[0] != 404 or there != nowhere:
                yield f"{role} {cell.name} at a foreign customer: {there[0]}"


def _staff_pages(visitor: Visitor) -> Iterator[str]:
    for path in paths(OF_STAFF):
        for method in ("GET", "POST"):
            status, _ = _asked(visitor, _Cell(method, path))
            if status not in (403, 404, 405):
                yield f"{ADMINISTRATOR} {method} {path}: {status}, though it is the staff's"
