"""Each act has an address of its own: an unknown one is not there and changes nothing, and no field of a form names an act."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Customer, as_staff, enter_staff, led, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
SEED = "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"


@dataclass
class Form:
    """The place of some acts, with fields that one of them would take. state: what an act would change."""

    client: httpx.Client
    path: str
    fields: dict[str, Any]
    state: Callable[[], object]
    acts: tuple[str, ...]
    page: str = ""
    files: dict[str, Any] = field(default_factory=dict)


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
        f"/staff/requests/{number}",
        {"request": number, "text": "an answer"},
        lambda: list(rows.values("closed_at", "outcome", "due_at")),
        ("answer", "refuse", "extend"),
        page="/staff/requests",
    )


def _stranger(made: dict[str, Any]) -> Form:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    address, client = _address(), made["web"]()
    _, own = _guest(client, address)
    rows = Request.objects.filter(address_hash=vault.lookup("address", address))
    state = lambda: list(rows.values("closed_at", "proof_hash"))  # noqa: E731
    return Form(client, own, {"word": "erase"}, state, ("erase", "restrict", "object"))


def _pass_on(made: dict[str, Any]) -> Form:
    from glasshouse.organisations import invitations
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    boss, address, client = made["boss"], _address(), made["web"]()
    invitations.invite(boss.actor, address, invitations.Offer("viewer"))
    _, own = _guest(client, address)
    rows = Request.objects.filter(address_hash=vault.lookup("address", address))
    fields = {"organisation": boss.organisation}
    state = lambda: list(rows.values("referrals", "passing"))  # noqa: E731
    return Form(client, f"{own}/pass-on", fields, state, ("agree", "decline"))


def _office(made: dict[str, Any]) -> Form:
    from glasshouse.retention.models import LegalHold

    fields = {"address": made["boss"].address, "reason": "a court", "days": "9"}
    key_owner = made["boss"].actor.person
    state = lambda: LegalHold.objects.filter(key_owner=key_owner).count()  # noqa: E731
    return Form(made["desk"], "/staff/office", fields, state, ("hold",))


def _sources(made: dict[str, Any]) -> Form:
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    source = sources.add_source(made["officer"].actor, "partner", "Fair", "contract", "inviting").id
    file = {"file": ("c.csv", f"address,company\n{_address()},Farm\n", "text/csv")}
    rows = ThirdPartyData.objects.filter(source=source)
    path, page = f"/staff/sources/{source}", "/staff/sources"
    return Form(made["desk"], path, {"source": source}, rows.count, ("import", "token"), page=page, files=file)


def _recipients(made: dict[str, Any]) -> Form:
    from glasshouse.disclosures.models import Recipient
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id

    now, words = clock.now(), dict.fromkeys(("name", "what", "region", "purpose", "basis"), "words")
    number = Recipient.objects.create(
        kind="other", fields=[], written_by=new_id(), announced_at=now, active_from=now, **words
    ).id
    rows = Recipient.objects.filter(id=number)
    state = lambda: list(rows.values("ended_at"))  # noqa: E731
    path = f"/staff/recipients/{number}"
    return Form(made["desk"], path, {"recipient": number}, state, ("end",), page="/staff/recipients")


def _subscription(made: dict[str, Any]) -> Form:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    address, client = _address(), made["web"]()
    post(client, "/trust/providers", "/trust/providers", address=address)
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    post(client, f"{path}/begin", path)
    rows = Subscriber.objects.filter(address_hash=vault.lookup("address", address))
    assert rows.get().ended_at is None
    return Form(client, path, {}, lambda: list(rows.values("ended_at")), ("end",))


def _legal_requests(made: dict[str, Any]) -> Form:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.authorities.models import LegalRequest

    facts = legal_requests.Facts(made["boss"].address, "The court", "NL", "Art. 1", ["user.name"])
    number = legal_requests.enter(made["officer"].actor, facts).id
    rows = LegalRequest.objects.filter(id=number)
    fields = {"demand": number, "verdict": "refuse", "reasons": "no ground"}
    state = lambda: list(rows.values("first_by", "first_verdict"))  # noqa: E731
    return Form(
        made["desk"], f"/staff/legal-requests/{number}", fields, state, ("review",), page="/staff/legal-requests"
    )


def _choices(made: dict[str, Any]) -> Form:
    from glasshouse.consent.models import ConsentRecord, Restriction

    who = made["boss"].actor.person
    fields = {"purpose": "provider-news", "ground": "accuracy", "words": "x"}

    def state() -> object:
        return ConsentRecord.objects.filter(key_owner=who).count(), Restriction.objects.filter(key_owner=who).count()

    return Form(made["browser"], "/account/data/choices", fields, state, ("give", "object", "restrict"))


def _look(made: dict[str, Any]) -> Form:
    from glasshouse.access import api as access
    from glasshouse.greenhouse import imports
    from glasshouse.greenhouse.models import Template, Upload

    boss = made["boss"]
    body = b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n2024-05-31 14:00,24\n"
    number = imports.upload(boss.actor, boss.site, "", "log.csv", [body])
    said = {"delimiter": ",", "decimal": ".", "header": "yes", "time_column": "0", "time_format": "iso"}

    def state() -> object:
        with access.organisation_transaction(boss.actor):
            return Upload.objects.get(id=number).state, Template.objects.count()

    fields = {**said, "zone": "Europe/Rome", "template": "mine"}
    return Form(made["browser"], f"/o/{boss.organisation}/import/{number}", fields, state, ("take", "save"))


def _organisation(made: dict[str, Any]) -> Callable[[], object]:
    from glasshouse.access import api as access
    from glasshouse.access.models import Organisation

    boss = made["boss"]

    def state() -> object:
        with access.organisation_transaction(boss.actor):
            row = Organisation.objects.get(id=boss.organisation)
            return row.second_factor_roles, row.emergency_allowed, row.administered_since

    return state


def _staff(made: dict[str, Any]) -> Form:
    from glasshouse.access import api as access
    from glasshouse.support import api as support
    from glasshouse.support.models import Grant

    boss = made["boss"]
    support.set_emergency(boss.actor, allowed=True)

    def state() -> object:
        with access.organisation_transaction(boss.actor):
            return Grant.objects.count()

    client = enter_staff(made["web"](made["olaf"]()))
    fields = {"customer": boss.organisation, "reason": "a fire"}
    return Form(client, "/staff", fields, state, ("emergency",))


CASES: dict[str, Callable[[dict[str, Any]], Form]] = {
    "look": _look,
    "my_choices": _choices,
    "office": _office,
    "pass_on": _pass_on,
    "recipients": _recipients,
    "sources": _sources,
    "staff": _staff,
    "staff_demands": _legal_requests,
    "stranger": _stranger,
    "unsubscribe_providers": _subscription,
    "worklist": _worklist,
}


@pytest.fixture
def made(customer: Make, officer: Customer, olaf: Make, web: Web) -> dict[str, Any]:
    from glasshouse.accounts.models import Account, SecondFactor
    from glasshouse.kernel import clock

    boss = customer()
    SecondFactor.objects.create(
        account=Account.objects.get(id=boss.actor.account),
        key_owner=boss.actor.person,
        kind="app",
        name="App",
        secret={"seed": SEED},
        confirmed_at=clock.now(),
        created_at=clock.now(),
    )
    desk, browser = enter_staff(web(officer)), enter_staff(web(boss))
    return {"boss": boss, "officer": officer, "olaf": olaf, "web": web, "desk": desk, "browser": browser}


def _sent(form: Form, path: str, **more: str) -> httpx.Response:
    page = form.page or form.path
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.client.get(page, follow_redirects=True).text)
    assert token, page
    fields = {**form.fields, "csrfmiddlewaretoken": token[1], **more}
    return form.client.post(path, data=fields, files=form.files or None)


@pytest.mark.parametrize("place", sorted(CASES))
def test_an_unknown_act_is_not_there_and_changes_nothing(place: str, made: dict[str, Any]) -> None:
    from glasshouse.authorities.models import LegalRequest

    form = CASES[place](made)
    try:
        before = form.state()
        for unknown in ("no-such-act", f"{form.acts[0]}-not"):
            answer = _sent(form, f"{form.path}/{unknown}")
            assert answer.status_code == 404, f"{form.path}/{unknown}: {answer.status_code}"
            assert form.state() == before, f"{form.path}/{unknown} changed something"
        for act in form.acts:  # As a field it says nothing.
            answer = _sent(form, form.path, act=act)
            assert answer.status_code in (200, 400, 404, 405), f"{form.path} act={act}: {answer.status_code}"
            assert form.state() == before, f"{form.path} act={act} changed something"
    finally:
        LegalRequest.objects.filter(entered_by=made["officer"].actor.id).delete()


SETTINGS = {"settings": "whom", "support/emergency": "allowed", "support/administration": "by"}


@pytest.mark.parametrize("path", sorted(SETTINGS))
def test_a_setting_without_a_known_value_changes_nothing(path: str, made: dict[str, Any]) -> None:
    home, state = f"/o/{made['boss'].organisation}", _organisation(made)
    before = state()
    for more in ({}, {SETTINGS[path]: ""}, {SETTINGS[path]: "no-such-value"}):
        answer = post(made["browser"], f"{home}/{path}", f"{home}/settings", **more)
        assert answer.status_code == 400, more
        assert state() == before, more


def test_no_field_of_a_form_names_an_act() -> None:
    web = Path(__file__).parents[2] / "src" / "glasshouse" / "web"
    reads = re.compile(r"(POST|form)(\.get\(|\[)\s*[\"']act[\"']|name=[\"']act[\"']")
    files = [*web.rglob("*.py"), *web.rglob("*.html")]
    assert len(files) > 100
    assert [file.name for file in files if reads.search(file.read_text())] == []


def test_only_staff_of_the_office_are_told_of_an_unknown_act(olaf: Make, web: Web) -> None:
    client = enter_staff(web(as_staff(olaf(), "support")))
    for path in ("/staff/requests", "/staff/office", "/staff/recipients", "/staff/sources", "/staff/legal-requests"):
        assert post(client, path, "/staff").status_code in (404, 405), path
        assert post(client, f"{path}/x/no-such-act", "/staff").status_code == 404, path
