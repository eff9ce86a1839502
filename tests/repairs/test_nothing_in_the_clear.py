"""Whatever a form, a mail or a program sends in stands in no text column of any table of the catalogue.

Two passes: every form of every page is filled in by a reader of pages (what it may fill: plausible values first, then the canary
in every field, choices and hidden ones included), and the ways in that need more are written out below.
"""

import base64
import json
import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, as_staff, enter_staff, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
# What is written to be shown to everybody, word for word, and can never be changed: the documents in force.
PUBLISHED = {"notices_text.body", "notices_text.summary"}
# Buttons that end what other tests need; they carry no text of their own.
NOT_PRESSED = (
    "/sign-out",
    "/erase",
    "/close",
    "/hand-over",
    "/leave",
    "/remove",
    "/end",
    "/forget",
    "/stop",
    "/refuse",
    "/accept/no",
)


@pytest.fixture
def canary() -> str:
    """Letters only, and short: it fits wherever sixteen characters fit, and wherever only words are taken."""
    return "zqx" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(9))


# -- looking -------------------------------------------------------------------------------------------------------


def _columns(link: "psycopg.Connection[Any]") -> list[tuple[str, str, str]]:
    return link.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name NOT IN (SELECT table_name FROM information_schema.views WHERE table_schema = 'public')"
    ).fetchall()


def _holding(home: Installation, canary: str) -> set[str]:
    """Columns of all tables of both databases, whatever their type, that hold the canary as it is."""
    found = set()
    for base in ("people", "vault"):
        with administering(home, base) as link:
            for table, column, kind in _columns(link):
                value = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
                row = link.execute(f"SELECT count(*) FROM {table} WHERE {value} ILIKE %s", [f"%{canary}%"]).fetchone()
                if row and row[0]:
                    found.add(f"{table}.{column}")
    return found


def _now(home: Installation) -> int:
    """The number of the newest transaction of the store."""
    with administering(home) as link:
        row = link.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row
    return int(row[0])


def _sealed_with(canary: str, organisation: Customer, since: int) -> set[str]:
    """Sealed columns that hold the canary once they are opened: what proves that the values went in.

    since: the transaction (_now) after which the rows were written; other tests' rows are many, and opening one takes long.
    """
    from glasshouse.access import api as access
    from glasshouse.access.reseal import sealed_models
    from glasshouse.accounts.own import STORAGE, own
    from glasshouse.rowsecurity.policies import customer_tables
    from glasshouse.vault.envelope import KeyDestroyedError
    from glasshouse.vault.fields import SealedField

    found = set()
    for model in sealed_models():
        with ExitStack() as acts:
            acts.enter_context(own(STORAGE))
            if model._meta.db_table in customer_tables():
                acts.enter_context(access.organisation_transaction(organisation.actor))
            for row in model._default_manager.extra(where=["xmin::text::bigint > %s"], params=[since]):
                for one in model._meta.local_concrete_fields:
                    if isinstance(one, SealedField):
                        try:
                            value = getattr(row, str(one.attname))
                        except KeyDestroyedError:
                            continue
                        if canary in str(value).lower():
                            found.add(f"{model._meta.db_table}.{one.column}")
    return found


# -- filling in ----------------------------------------------------------------------------------------------------


@dataclass
class _Form:
    action: str
    method: str
    fields: list[dict[str, str]] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)  # where buttons of the form send it


class _Reader(HTMLParser):
    """The forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(given.get("action", ""), given.get("method", "get")))
        elif self.forms and tag in ("input", "textarea", "select", "button") and given.get("name"):
            self.forms[-1].fields.append({"tag": tag, **given})
            self.select = given["name"] if tag == "select" else self.select
        elif self.forms and tag == "button" and given.get("formaction"):
            self.forms[-1].elsewhere.append(given["formaction"])
        elif self.forms and tag == "option":
            self.forms[-1].options.setdefault(self.select, []).append(given.get("value", ""))


def _plausible(one: dict[str, str], form: _Form, canary: str) -> str:
    kind = one.get("type", one["tag"])
    fixed = {"email": f"{canary}@grower.example", "date": "2030-01-31", "number": "5"}
    if kind in ("hidden", "checkbox", "radio"):
        return one.get("value", "yes")
    if kind == "select":
        return next((value for value in form.options.get(one["name"], []) if value), "")
    if one.get("inputmode") in ("numeric", "decimal"):
        return "5"
    return fixed.get(kind, canary)


def _bodies(form: _Form, canary: str) -> Iterator[dict[str, str]]:
    """What to send: for each button plausible values, then the canary wherever anything can be written or forged."""
    buttons = [one for one in form.fields if one["tag"] == "button"] or [{}]
    plain = [one for one in form.fields if one["tag"] != "button" and one.get("type") != "file"]
    for button in buttons:
        pressed = {button["name"]: button.get("value", "")} if button else {}
        good = {one["name"]: _plausible(one, form, canary) for one in plain}
        yield good | pressed
        token = {"csrfmiddlewaretoken": good["csrfmiddlewaretoken"]}
        yield {name: f"{canary}@grower.example" if name == "address" else canary for name in good} | pressed | token
        for name in good:
            yield good | {name: canary} | pressed | token


def _crawl(client: httpx.Client, paths: list[str], canary: str) -> int:
    """Fill in every form of these pages; returns how many were sent. Whatever is answered but a fault of the server is fine."""
    sent = 0
    for path in paths:
        reader = _Reader()
        reader.feed(client.get(path, follow_redirects=True).text)
        for form in reader.forms:
            names = {one["name"] for one in form.fields}
            if form.method.lower() != "post" or "csrfmiddlewaretoken" not in names:
                continue
            if "password" in names or "present" in names:
                continue
            for where in (form.action or path, *form.elsewhere):
                if where.endswith(NOT_PRESSED):
                    continue
                for body in _bodies(form, canary):
                    answer = client.post(where, data=body)
                    sent += 1
                    assert answer.status_code < 500, (where, body, answer.status_code)
    return sent


# -- the ways in ---------------------------------------------------------------------------------------------------


def _organisation_forms(boss: Customer, client: httpx.Client, canary: str) -> None:
    home = f"/o/{boss.organisation}"
    site = post(client, f"{home}/sites", f"{home}/sites", name=canary, time_zone="Europe/Rome", crop=canary)
    assert site.status_code == 302
    page = f"{home}/import"
    token = client.get(page).text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    body = f"time,{canary}\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n2024-05-31 14:00,23\n".encode()
    file = {"file": (f"{canary}.csv", body)}
    look = client.post(page, data={"csrfmiddlewaretoken": token, "place": boss.site}, files=file)
    assert look.status_code == 302
    pages = ["sites", "members", "roles", "my-access", "tokens", "settings", "support", "privacy", "import"]
    paths = [f"{home}/", *(f"{home}/{one}" for one in pages), look.headers["location"]]
    assert _crawl(client, paths, canary) > 100
    fields = {"areas": "climate", "hours": "4", "reason": canary, "all_sites": "yes", "staff": ""}
    assert post(client, f"{home}/support", f"{home}/support", **fields).status_code == 302


def _person_forms(client: httpx.Client, canary: str) -> None:
    paths = ["/account", "/account/data", "/account/data/choices", "/account/security", "/account/security/add/app"]
    assert _crawl(client, paths, canary) > 20
    restrict = {"ground": "accuracy", "words": canary}
    post(client, "/account/data/choices/restrict", "/account/data/choices", **restrict)
    post(client, "/account/data/choices/lift", "/account/data/choices")


def _office_forms(client: httpx.Client, boss: Customer, canary: str) -> None:
    from glasshouse.kernel import clock

    key = (canary * 4)[:43] + "="
    base64.b64decode(key, validate=True)
    address = f"{canary}@grower.example"
    forms: dict[str, list[dict[str, Any]]] = {
        "/staff/requests": [
            {"channel": "letter", "kind": "access", "region": "eu", "text": canary, "address": address}
            | {"identity": canary},
        ],
        "/staff/agents": [
            {"agent": canary, "name": canary, "verify_key": key, "callback_host": f"{canary}.example"},
        ],
        "/staff/sources": [{"kind": "partner", "name": canary, "licence": canary, "purpose": canary}],
        "/staff/recipients": [
            dict.fromkeys(("name", "what", "region", "agreement", "safeguard", "purpose", "basis"), canary)
            | {"kind": "other", "fields": "user.name", "contact": address, "wait_days": "0"}
        ],
        "/staff/legal-requests": [
            {"address": address, "authority": canary, "country": "NL", "grounds": canary} | {"asked": "user.name"}
        ],
        "/staff/office/holds": [
            {"whom": boss.address, "reason": canary, "days": "2"},
            {"whom": f"{canary}-held@grower.example", "reason": canary, "days": "2", "bar": canary}
            | {"barred_until": f"{clock.now().date() + timedelta(days=9)}"},
        ],
    }
    for path, some in forms.items():
        for fields in some:
            assert post(client, path, "/staff/office", **fields).status_code == 302, (path, fields)
            for name in fields:
                assert post(client, path, "/staff/office", **fields | {name: canary}).status_code < 500


def _from_programs(home: Installation, officer: Customer, client: httpx.Client, canary: str) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import drp
    from glasshouse.sources import api as sources

    key, name = Ed25519PrivateKey.generate(), f"{canary}-agent"
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    drp.register(officer.actor, name, canary, public, f"{canary}.example")
    now = clock.now()
    base = {"agent-id": name, "business-id": "GLASSHOUSE", "drp.version": "1.0", "issued-at": now.isoformat()}
    base |= {"expires-at": (now + timedelta(minutes=10)).isoformat()}

    def signed(**more: str) -> bytes:
        text = json.dumps(base | more).encode()
        return base64.b64encode(key.sign(text) + text)

    token = client.post(f"/v1/agent/{name}", content=signed()).json()["token"]
    wish = {"exercise": "access", "regime": canary, "email": f"{canary}@grower.example", "name": canary}
    wish |= {"agent-request-id": canary, "status_callback": f"https://{canary}.example/{canary}", canary: canary}
    head = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    assert client.post("/v1/data-rights-request", content=signed(**wish), headers=head).status_code == 200
    source = sources.add_source(officer.actor, "partner", canary, canary, canary).id
    token = sources.make_token(officer.actor, source)
    rows = f"address,name,company,role,phone\n{canary}@grower.example,{canary},{canary},{canary},{canary}\n"
    answer = client.post("/v1/contacts", content=rows, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text


def _from_mails(canary: str) -> None:
    from glasshouse.operations import inbound_smtp

    for sender, seen in ((f"{canary}-mail@grower.example", canary), (f"{canary}-more@grower.example", "pass")):
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = f"{canary} <{sender}>", "privacy@localhost", f"Re: {canary}"
        letter["Message-ID"], letter["In-Reply-To"] = f"<{canary}@grower.example>", f"<{canary}@y.example>"
        letter["Authentication-Results"] = f"mx.operator.example; spf={seen}"
        letter.set_content(canary)
        body = bytes(letter)
        told = inbound_smtp.authenticated(body, "127.0.0.1", canary, sender)
        assert inbound_smtp.take(body, told).startswith("250")
    for name in ("mail", "third"):  # One more message of an open request, and a request.
        body = f"From: {canary}-{name}@grower.example\r\nSubject: {canary}\r\n\r\n{canary} again\r\n".encode()
        assert inbound_smtp.take(body, f"spf={canary}").startswith("250")
    body = f"From: {canary}-list@grower.example\r\nPrecedence: list\r\nSubject: {canary}\r\n\r\n{canary}\r\n".encode()
    assert inbound_smtp.take(body, f"spf={canary}").startswith("250")
    _mail_with_file(canary)


def _mail_with_file(canary: str) -> None:
    from glasshouse.operations import inbound_smtp

    letter = EmailMessage()
    letter["From"], letter["Subject"] = f"{canary}-file@grower.example", canary
    letter.set_content(canary)
    letter.add_attachment(canary.encode(), maintype="application", subtype=f"x-{canary}", filename=f"{canary}.pdf")
    assert inbound_smtp.take(bytes(letter)).startswith("250")


def _guest_forms(web: Web, boss: Customer, browser: httpx.Client, canary: str) -> None:
    from glasshouse.organisations import invitations

    address, client = f"{canary}-guest@grower.example", web()
    invitations.invite(boss.actor, address, invitations.Offer("viewer", message=canary))
    assert _crawl(client, ["/privacy", "/trust/providers", "/forgotten"], canary) > 10
    post(client, "/privacy", "/privacy", address=address, kind="access", region="eu", text=canary)
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    own = post(client, path, path).headers["Location"].removesuffix("/confirmed")
    given = {"organisation": boss.organisation}
    assert post(client, f"{own}/pass-on/agree", f"{own}/pass-on", **given).status_code == 302
    page = f"/o/{boss.organisation}/privacy"
    number = browser.get(page).text.partition('name="referral" value="')[2][:16]
    assert post(browser, page, page, referral=number, text=canary).status_code == 302
    assert post(client, f"{own}/restrict", own).status_code == 302


def _clean(home: Installation, boss: Customer, officer: Customer) -> None:
    """Take away what other tests would count."""
    with administering(home) as link:
        link.execute("DELETE FROM rights_demand WHERE entered_by = %s", [officer.actor.id])
        sources = "SELECT id FROM sources_source WHERE written_by = %s"
        link.execute(f"DELETE FROM sources_supplied WHERE source_id IN ({sources})", [officer.actor.id])
        link.execute("DELETE FROM disclosures_recipient WHERE written_by = %s", [officer.actor.id])
        link.execute("DELETE FROM retention_hold WHERE owner = %s", [officer.actor.id])


REACHED = {
    "access_invitation.message",
    "access_role.name",
    "accounts_session.label",
    "consent_restriction.words",
    "disclosures_recipient.agreement",
    "disclosures_recipient.basis",
    "disclosures_recipient.contact",
    "disclosures_recipient.name",
    "disclosures_recipient.purpose",
    "disclosures_recipient.region",
    "disclosures_recipient.safeguard",
    "disclosures_recipient.what",
    "greenhouse_compartment.name",
    "greenhouse_site.name",
    "greenhouse_upload.name",
    "mail_message.body",
    "mail_message.answers",
    "retention_hold.address",
    "retention_hold.bar",
    "retention_hold.reason",
    "rights_agent.agent_id",
    "rights_agent.callback_host",
    "rights_agent.name",
    "rights_agent.verify_key",
    "rights_demand.authority",
    "rights_demand.grounds",
    "rights_letter.text",
    "rights_request.address",
    "rights_request.agent_request",
    "rights_request.authentication",
    "rights_file.name",
    "rights_file.media_type",
    "rights_unanswered.address",
    "rights_unanswered.text",
    "rights_unanswered.authentication",
    "rights_request.callback",
    "rights_request.identity",
    "rights_request.text",
    "rights_request.thread",
    "sources_source.licence",
    "sources_source.name",
    "sources_source.purpose",
    "sources_supplied.value",
    "support_grant.reason",
}


def test_what_is_sent_in_stands_in_no_column_in_the_clear(
    home: Installation, customer: Make, officer: Customer, olaf: Make, web: Web, canary: str
) -> None:
    since, boss = _now(home), customer()
    try:
        browser = web()
        browser.headers["User-Agent"] = f"{canary}/1.0 ({canary})"
        assert post(browser, "/sign-in", address=boss.address, password=boss.password).status_code == 302
        _organisation_forms(boss, browser, canary)
        _guest_forms(web, boss, browser, canary)
        _person_forms(browser, canary)
        staff = enter_staff(web(as_staff(olaf(), "support")))
        assert _crawl(staff, ["/staff"], canary) > 5
        _office_forms(enter_staff(web(officer)), boss, canary)
        _from_programs(home, officer, web(), canary)
        _from_mails(canary)
        reached = _sealed_with(canary, boss, since)
        assert REACHED - reached == set(), "the values must have gone in, or nothing was shown"
        assert _holding(home, canary) - PUBLISHED == set()
    finally:
        _clean(home, boss, officer)


@pytest.mark.usefixtures("home")
def test_the_test_sees_text_in_every_kind_of_column(home: Installation, canary: str) -> None:
    """Each type in which a text can stand is looked at, arrays and JSON included."""
    with administering(home) as link:
        link.execute(
            "CREATE TABLE seen_by_test (a text, b varchar(40), c jsonb, d json, e varchar(40)[], f bytea, g char(40))"
        )
        try:
            for column, value in (
                ("a", canary),
                ("b", canary.upper()),
                ("c", json.dumps({"x": [canary]})),
                ("d", json.dumps({canary: 1})),
                ("e", [canary]),
                ("f", canary.encode()),
                ("g", canary),
            ):
                link.execute(f"INSERT INTO seen_by_test ({column}) VALUES (%s)", [value])
            assert _holding(home, canary) == {f"seen_by_test.{column}" for column in "abcdefg"}
        finally:
            link.execute("DROP TABLE seen_by_test")
