"""What a page of an organisation shows to a member is read in one transaction, which writes nothing and holds no lock.

Every such page is asked in this process, through all that surrounds a page; the statements are counted on the connection of the
role that answers. What one address shows in several forms is asked in each of them.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from glasshouse.access import pages
from glasshouse.access.pages import Page
from glasshouse.consent import api as consent
from glasshouse.events import api as events
from glasshouse.greenhouse import amendments, imports
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse.readings import series
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SecondFactorNeededError,
    UnavailableError,
)
from glasshouse.kernel.ids import SiteId
from glasshouse.organisations import members
from glasshouse.web import once
from tests import matrix
from tests.browser import browser_of
from tests.conftest import Customer

Make, Join = Callable[[], Customer], Callable[..., Customer]
# Deleted by the page that shows it; the one row that a page may change.
COLLECTED = "web_shown_once"
WHOLE_OR_PART: tuple[dict[str, str], ...] = ({}, {"HX-Request": "true"})
WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "LOCK")


class Asked(NamedTuple):
    """One form of one page. headers: of the request beside the usual ones."""

    page: Page
    address: str
    headers: dict[str, str]


class Counted(NamedTuple):
    """A page's status; how many transactions it began; how often it told the database who acts.

    wrote: the statements by which it wrote or locked anything but COLLECTED.
    """

    status: int
    begun: int
    told: int
    wrote: list[str]


def _pages() -> list[Page]:
    matrix.names()  # The router fills the registry.
    return [page for page in pages.pages() if page.of_organisation and "GET" in page.methods]


def _ask(client: Client, address: str, headers: dict[str, str] | None = None, role: str = "default") -> Counted:
    with CaptureQueriesContext(connections[role]) as captured:
        answer: Any = client.get(address, secure=True, headers=headers)
    asked = [query["sql"].strip() for query in captured]
    wrote = [sql for sql in asked if sql.startswith(WRITES) or " FOR UPDATE" in sql or " FOR SHARE" in sql]
    if answer.streaming:  # It outlives the transaction: where it asks again, it begins one.
        assert len(list(answer)) > 1
    assert connections[role].in_atomic_block is False
    return Counted(
        answer.status_code,
        asked.count("BEGIN"),
        sum("set_config('glasshouse.organisation'" in sql for sql in asked),
        [sql for sql in wrote if f'"{COLLECTED}"' not in sql],
    )


@pytest.fixture
def own(customer: Make, crops: httpx.Client) -> Customer:
    """A customer with a reading and an imported file."""
    one = customer()
    token = greenhouse.create_device(one.actor, SiteId(one.site), "", "box")
    at_ns = clock.now().timestamp() * 1_000_000_000
    sent = crops.post(
        "/api/v2/write",
        content=f"climate air_temperature=21.5 {int(at_ns) - 60_000_000_000}",
        headers={"Authorization": f"Token {token}"},
    )
    assert sent.status_code == 204, sent.text
    return one


def _forms(own: Customer, actor: Actor) -> Iterator[Asked]:
    """Every page of an organisation, with something in each address that is there, in each of its forms."""
    upload = imports.upload(own.actor, SiteId(own.site), "", "log.csv", [b"time,temp\n2024-05-31 12:00,21.75\n"])
    name = str(series(own.actor)[0]["id"])
    correction = amendments.Asked("delete", [name], "2020-01-01T00:00", "2020-01-02T00:00", "why")
    there: dict[str, Callable[[], dict[str, str]]] = {
        "member": lambda: {"account": str(own.actor.account)},
        "preview_import": lambda: {"number": str(upload)},
        "import_report": lambda: {"number": str(upload)},
        "correction": lambda: {"number": str(amendments.propose(own.actor, correction))},
        "device_key": lambda: {"note": once.hand_over(actor, "device", "key")},
    }
    more: dict[str, list[str]] = {
        "readings": [f"?s={name}", f"?s={name}&format=csv"],
        "members": ["", f"?report={once.hand_over(actor, 'invited', [['a@grower.example', '']])}"],
        "my_access": ["", f"?asked={once.hand_over(actor, 'asked', True)}"],
        "tokens": ["", f"?new={once.hand_over(actor, 'token', 'key')}"],
        "import_report": ["", "?format=csv"],
        "roles": ["", "?role=viewer"],
        "events": ["", "?kind=sites&from=2020-01-01", "?format=csv"],
    }
    for page in _pages():
        for query in more.get(page.name, [""]):
            for headers in WHOLE_OR_PART:
                arguments = there[page.name]() if page.name in there else {}
                address = reverse(page.name, kwargs=arguments | {"organisation": own.organisation})
                yield Asked(page, address + query, headers)


def test_every_page_is_read_in_one_transaction_that_writes_nothing(own: Customer) -> None:
    client, actor = browser_of(own)
    wrong, seen = [], set()
    for asked in _forms(own, actor):
        counted = _ask(client, asked.address, asked.headers)
        seen.add(asked.page.name)
        if counted != (200, 1, 1, []):
            wrong.append(f"{asked.page.name} {asked.headers or ''}: {counted}")
    assert wrong == []
    assert len(seen) == len(_pages()) > 12


def test_a_refused_page_is_refused_in_the_same_transaction(own: Customer, join: Join, customer: Make) -> None:
    viewer, stranger = join(own, "viewer"), customer()
    for one, refused in ((viewer, 403), (stranger, 404)):
        client, _ = browser_of(one)
        found = {page.name: _ask(client, matrix.address_of(page, own.organisation)) for page in _pages()}
        assert {name: counted for name, counted in found.items() if counted[1:] != (1, 1, [])} == {}
        assert refused in {counted.status for counted in found.values()}
        assert one is viewer or {counted.status for counted in found.values()} == {refused}


def test_a_restricted_member_is_answered_in_one_transaction_of_the_role_for_own_acts(own: Customer, join: Join) -> None:
    one = join(own, "grower")
    client, _ = browser_of(one)
    consent.restrict(one.alone, "accuracy", "My name is wrong.")
    for name in ("overview", "my_access", "roles"):
        counted = _ask(client, reverse(name, args=[own.organisation]), role="person")
        assert counted == (200, 1, 1, []), (name, counted)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError(), 403),
        (NotFoundError(), 404),
        (UnavailableError("Later."), 503),
        (SecondFactorNeededError(), 302),
    ],
)
def test_an_error_within_the_transaction_is_told_as_ever(
    own: Customer, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def refuse(actor: Actor) -> object:
        raise error

    client, _ = browser_of(own)
    monkeypatch.setattr(members, "roles", refuse)
    address = reverse("roles", args=[own.organisation])
    assert _ask(client, address) == (status, 1, 1, [])
    monkeypatch.undo()
    assert _ask(client, address) == (200, 1, 1, [])


def test_an_error_of_the_database_is_one_page_that_failed(own: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> object:
        with connection.cursor() as cursor:
            return cursor.execute("SELECT 1 / 0")

    client, actor = browser_of(own)
    note = once.hand_over(actor, "token", "the key")
    address = f"{reverse('tokens', args=[own.organisation])}?new={note}"
    monkeypatch.setattr(greenhouse, "site_choices", broken)
    failed = client.get(address, secure=True)
    assert failed.status_code == 500
    assert "Number of the error" in failed.content.decode()
    monkeypatch.undo()
    # What that page was to show is still there, since it was not shown.
    assert "the key" in client.get(address, secure=True).content.decode()
    assert "the key" not in client.get(address, secure=True).content.decode()


def test_what_the_verb_of_a_form_refuses_is_rolled_back_although_the_form_is_shown_once_more(
    own: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InvalidError("Not now.")

    client, actor = browser_of(own)
    before = members.roles(own.actor)
    form = {"name": "Picker", "permissions": ["greenhouse:site:read"]}
    address = reverse("roles", args=[own.organisation])
    monkeypatch.setattr(events, "record", refuse)  # The last that the verb does.
    refused = client.post(address, form, secure=True)
    assert refused.status_code == 400
    assert "Not now." in refused.content.decode()
    monkeypatch.undo()
    assert members.roles(actor) == before
    assert client.post(address, form, secure=True).status_code == 302
    assert len(members.roles(actor)) == len(before) + 1
