"""A form that does not say what to do does nothing: an unknown or missing act is an error 400, at every page that has acts."""

import inspect
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.conftest import Customer, as_staff, enter_staff, led, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
SAYS_ACT = re.compile(r"act_of\(|[\"']act[\"']")
SEED = "MFRGGZDFMZTWQ2LK"


@dataclass
class Form:
    """A form whose other fields are whole. state: what an act would change; name: of the field that says what to do."""

    client: httpx.Client
    path: str
    fields: dict[str, Any]
    state: Callable[[], object]
    name: str = "act"
    page: str = ""
    files: dict[str, Any] = field(default_factory=dict)
    missing: bool = True  # Whether leaving the field out is an error too.


def _address() -> str:
    return f"{uuid.uuid4().hex[:10]}@grower.example"


def _guest(client: httpx.Client, address: str) -> tuple[str, str]:
    """(the page after the confirmation, the address of the guest's page)."""
    post(client, "/privacy", "/privacy", address=address, kind="erase", region="eu", text="please")
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    page = led(client, path, path).text
    own = re.search(r"/privacy/own/[\w-]+", page)
    return page, own[0] if own else ""


def _worklist(made: dict[str, Any]) -> Form:
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    number = requests.ask(_address(), "question", "eu", "When?", requests.Arrival(network=uuid.uuid4().hex))
    rows = Request.objects.filter(id=number)
    return Form(
        made["desk"],
        "/staff/requests",
        {"request": number, "text": "an answer"},
        lambda: list(rows.values("closed_at", "outcome", "due_at")),
    )


def _stranger(made: dict[str, Any]) -> Form:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    address, client = _address(), made["web"]()
    _, own = _guest(client, address)
    rows = Request.objects.filter(address_hash=vault.lookup("address", address))
    return Form(client, own, {"word": "erase"}, lambda: list(rows.values("closed_at", "proof_hash")))


def _pass_on(made: dict[str, Any]) -> Form:
    from glasshouse.organisations import invitations
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    boss, address, client = made["boss"], _address(), made["web"]()
    invitations.invite(boss.actor, address, invitations.Offer("viewer"))
    _, own = _guest(client, address)
    rows = Request.objects.filter(address_hash=vault.lookup("address", address))
    fields = {"organisation": boss.organisation}
    return Form(client, f"{own}/pass-on", fields, lambda: list(rows.values("referrals", "passing")))


def _office(made: dict[str, Any]) -> Form:
    from glasshouse.retention.models import Hold

    fields = {"address": made["boss"].address, "reason": "a court", "days": "9"}
    holder = made["boss"].actor.person
    return Form(made["desk"], "/staff/office", fields, lambda: Hold.objects.filter(holder=holder).count())


def _sources(made: dict[str, Any]) -> Form:
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import Supplied

    source = sources.add_source(made["officer"].actor, "partner", "Fair", "contract", "inviting").id
    file = {"file": ("c.csv", f"address,company\n{_address()},Farm\n", "text/csv")}
    rows = Supplied.objects.filter(source=source)
    return Form(made["desk"], "/staff/sources", {"source": source}, lambda: rows.count(), files=file)


def _recipients(made: dict[str, Any]) -> Form:
    from glasshouse.disclosures.models import Recipient
    from glasshouse.kernel import clock

    now, words = clock.now(), dict.fromkeys(("name", "what", "region", "purpose", "basis"), "words")
    number = Recipient.objects.create(
        kind="other", fields=[], written_by="test", announced_at=now, active_from=now, **words
    ).id
    rows = Recipient.objects.filter(id=number)
    return Form(made["desk"], "/staff/recipients", {"recipient": number}, lambda: list(rows.values("ended_at")))


def _subscription(made: dict[str, Any]) -> Form:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    address, client = _address(), made["web"]()
    post(client, "/trust/providers", "/trust/providers", address=address)
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    post(client, path, path, act="begin")
    rows = Subscriber.objects.filter(address_hash=vault.lookup("address", address))
    assert rows.get().ended_at is None
    return Form(client, path, {}, lambda: list(rows.values("ended_at")))


def _demands(made: dict[str, Any]) -> Form:
    from glasshouse.authorities import api as demands
    from glasshouse.authorities.models import Demand

    facts = demands.Facts(made["boss"].address, "The court", "NL", "Art. 1", ["user.name"])
    number = demands.enter(made["officer"].actor, facts).id
    rows = Demand.objects.filter(id=number)
    fields = {"demand": number, "verdict": "refuse", "reasons": "no ground"}
    return Form(made["desk"], "/staff/demands", fields, lambda: list(rows.values("first_by", "first_verdict")))


def _choices(made: dict[str, Any]) -> Form:
    from glasshouse.consent.models import Restriction, Stance

    who = made["boss"].actor.person
    fields = {"purpose": "provider-news", "ground": "accuracy", "words": "x"}

    def state() -> object:
        return Stance.objects.filter(holder=who).count(), Restriction.objects.filter(holder=who).count()

    return Form(made["browser"], "/account/data/choices", fields, state)


def _look(made: dict[str, Any]) -> Form:
    from glasshouse.access import api as access
    from glasshouse.greenhouse import imports
    from glasshouse.greenhouse.models import Template, Upload

    boss = made["boss"]
    body = b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n2024-05-31 14:00,24\n"
    number = imports.upload(boss.actor, boss.site, "", "log.csv", [body])
    said = {"delimiter": ",", "decimal": ".", "header": "yes", "time_column": "0", "time_format": "iso"}

    def state() -> object:
        with access.acting(boss.actor):
            return Upload.objects.get(id=number).state, Template.objects.count()

    fields = {**said, "zone": "Europe/Rome", "template": "mine"}
    return Form(made["browser"], f"/o/{boss.organisation}/import/{number}", fields, state)


def _organisation(made: dict[str, Any]) -> Callable[[], object]:
    from glasshouse.access import api as access
    from glasshouse.access.models import Organisation

    boss = made["boss"]

    def state() -> object:
        with access.acting(boss.actor):
            row = Organisation.objects.get(id=boss.organisation)
            return row.step_roles, row.emergency_allowed, row.administered_since

    return state


def _settings(made: dict[str, Any]) -> Form:
    path = f"/o/{made['boss'].organisation}/settings"
    return Form(made["browser"], path, {"roles": []}, _organisation(made), name="whom")


def _support_rules(made: dict[str, Any]) -> Form:
    from glasshouse.support import api as support

    boss = made["boss"]
    support.set_emergency(boss.actor, allowed=True)
    path = f"/o/{boss.organisation}/support"
    return Form(made["browser"], f"{path}/rules", {}, _organisation(made), name="emergency", page=path)


def _staff(made: dict[str, Any]) -> Form:
    from glasshouse.access import api as access
    from glasshouse.support import api as support
    from glasshouse.support.models import Grant

    boss = made["boss"]
    support.set_emergency(boss.actor, allowed=True)

    def state() -> object:
        with access.acting(boss.actor):
            return Grant.objects.count()

    client = enter_staff(made["web"](made["olaf"]()))
    fields = {"customer": boss.organisation, "reason": "a fire"}
    # Without the button this is the form that asks for access, which says itself what is missing.
    return Form(client, "/staff", fields, state, name="emergency", missing=False)


CASES: dict[str, Callable[[dict[str, Any]], Form]] = {
    "look": _look,
    "my_choices": _choices,
    "office": _office,
    "pass_on": _pass_on,
    "recipients": _recipients,
    "settings": _settings,
    "sources": _sources,
    "staff": _staff,
    "staff_demands": _demands,
    "stranger": _stranger,
    "support_rules": _support_rules,
    "unsubscribe_providers": _subscription,
    "worklist": _worklist,
}


@pytest.fixture
def made(customer: Make, officer: Customer, olaf: Make, web: Web) -> dict[str, Any]:
    from glasshouse.accounts.models import Account, SecondStep
    from glasshouse.kernel import clock

    boss = customer()
    SecondStep.objects.create(
        account=Account.objects.get(id=boss.actor.account),
        holder=boss.actor.person,
        kind="app",
        name="App",
        secret={"seed": SEED},
        confirmed_at=clock.now(),
        created_at=clock.now(),
    )
    desk, browser = enter_staff(web(officer)), enter_staff(web(boss))
    return {"boss": boss, "officer": officer, "olaf": olaf, "web": web, "desk": desk, "browser": browser}


def _sent(form: Form, act: str | None) -> httpx.Response:
    page = form.page or form.path
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.client.get(page, follow_redirects=True).text)
    assert token, page
    fields = {**form.fields, "csrfmiddlewaretoken": token[1]} | ({} if act is None else {form.name: act})
    return form.client.post(form.path, data=fields, files=form.files or None)


@pytest.mark.parametrize("route", sorted(CASES))
def test_an_unknown_or_missing_act_changes_nothing(route: str, made: dict[str, Any]) -> None:
    from glasshouse.authorities.models import Demand

    form = CASES[route](made)
    try:
        before = form.state()
        for act in ("no-such-act", "", None) if form.missing else ("no-such-act", ""):
            answer = _sent(form, act)
            assert answer.status_code == 400, f"{route}, {form.name}={act!r}: {answer.status_code}"
            assert form.state() == before, f"{route}, {form.name}={act!r} changed something"
    finally:
        Demand.objects.filter(entered_by=made["officer"].actor.id).delete()


@pytest.mark.usefixtures("home")
def test_every_page_that_reads_an_act_is_walked() -> None:
    """A page that somebody adds with several acts is in CASES, or this is red."""
    from django.urls import get_resolver
    from django.urls.resolvers import URLPattern

    found = {
        str(one.name)
        for one in get_resolver().url_patterns
        if isinstance(one, URLPattern) and SAYS_ACT.search(inspect.getsource(inspect.unwrap(one.callback)))
    }
    assert found == set(CASES)


@pytest.mark.usefixtures("home")
def test_acts_are_read_by_the_one_function_that_refuses_unknown_ones() -> None:
    from pathlib import Path

    from glasshouse.web import views

    folder = Path(inspect.getfile(views)).parent
    direct = re.compile(r"POST\.get\(\s*[\"']act[\"']|given\.get\(\s*[\"']act[\"']|POST\[[\"']act[\"']\]")
    assert [file.name for file in sorted(folder.glob("*.py")) if direct.search(file.read_text())] == []


def test_only_staff_of_the_office_are_told_of_an_unknown_act(olaf: Make, web: Web) -> None:
    client = enter_staff(web(as_staff(olaf(), "support")))
    for path in ("/staff/requests", "/staff/office", "/staff/recipients", "/staff/sources", "/staff/demands"):
        assert post(client, path, "/staff", act="no-such-act").status_code == 404, path
