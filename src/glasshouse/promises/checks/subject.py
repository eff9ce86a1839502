"""Checks of a data subject's rights and of what people are asked for: PRI-05, PRI-21, PRI-22, PRI-24."""

import io
import json
import zipfile
from collections import Counter

from glasshouse.access.pages import Audience
from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import Visit
from glasshouse.promises import asked_fields, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check
from glasshouse.subject import exports, inventory


@check("PRI-05")
def requested_fields() -> Finding:
    """On the live pages that ask a person for data, each field is in the data map, and each required one is needed."""
    wrong, field_count, page_count = [], 0, 0
    with probe.customers(1) as (customer,):
        session = accounts.sign_in(customer.address, customer.password, Visit(f"probe-{customer.address}"))
        anonymous, signed_in = probe.door(), probe.door(session=session.secret)
        for page in asked_fields.shown_pages():
            path = "/" + page.path.replace("<slug:organisation>", customer.organisation)
            answer = (anonymous if page.audience is Audience.PUBLIC else signed_in).get(path)
            fields = asked_fields.fields_of(answer.text) if answer.status_code == 200 else []
            if answer.status_code >= 500:
                wrong.append(f"{path} answers {answer.status_code}")
            field_count, page_count = field_count + len(fields), page_count + bool(fields)
            wrong += asked_fields.flaws(path, answer.text) if fields else []
    if not field_count:
        wrong.append("no page asks for anything any more")
    figure = f"{field_count} fields on {page_count} pages: each in the data map, each required one with its need"
    return judge(not wrong, "; ".join(wrong[:3]) or figure)


@check("PRI-21")
def complete_inventory() -> Finding:
    """The view holds as many sealed values as a direct read of every table finds, and reaches every personal column."""
    with probe.customers(1) as (customer,):
        place = {item.place for item in inventory.view(customer.actor)}
        rows = list(inventory.rows_of(str(customer.actor.person)))
        shown = sum(
            1
            for item in inventory.view(customer.actor)
            if "hash only" not in item.value and item.place.split(".")[0] in inventory.tables()
        )
        raw = inventory.sealed_values(str(customer.actor.person))
    total, missing = inventory.view_coverage()
    good = shown == raw and not missing and bool(rows) and "accounts_person.address" in place
    figure = f"{shown} of {raw} sealed values of a probe person shown; {total - len(missing)} of {total} personal columns reached"
    return judge(good, "; ".join([figure, *missing[:2]]))


@check("PRI-22")
def complete_export() -> Finding:
    """A probe person's export holds every value that the view shows, labelled, and nobody else can fetch it."""
    with probe.customers(2) as (customer, other):
        expected = [item.as_json() for item in inventory.view(customer.actor)]
        number = exports.make_export(customer.actor)
        body = exports.fetch_export(customer.actor, number).body
        with zipfile.ZipFile(io.BytesIO(b"".join(body))) as archive:
            exported = json.loads(archive.read("data.json"))
            page = archive.read("data.html").decode()
        foreign = any(export.id == number for export in exports.exports(other.actor))
    lost = Counter(map(_key, expected)) - Counter(map(_key, exported))
    good = (
        not lost and "accounts_person.name" in {item["place"] for item in exported} and "<table" in page and not foreign
    )
    return judge(good, f"a probe's export holds {len(exported)} labelled values of {len(expected)} shown")


def _key(item: dict[str, object]) -> tuple[object, object]:
    return item["place"], item["value"]
