"""However many rows there are, a page and an answer of the people API show a bounded piece of them, and lead to the next.

The pages come from the registry, the rows from the models: a list that will come is met, too.
"""

import html
import re
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
from django.db import models
from django.http import QueryDict
from psycopg import sql

from glasshouse.access import pages
from glasshouse.access.models import ApiToken, CustomRole, Membership
from glasshouse.access.pages import Audience, Page
from glasshouse.accounts.models import Browser, Session
from glasshouse.events.models import Event
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse.models import Compartment, Device, Site, Template, Upload
from glasshouse.greenhouse.readings import SERIES_A_PIECE
from glasshouse.kernel import clock
from glasshouse.kernel.ids import SiteId
from glasshouse.operations.installation import Installation
from glasshouse.organisations import tokens
from glasshouse.organisations.models import AccessRequest, Invitation
from glasshouse.queues.models import Failure
from glasshouse.subject.items import Item
from glasshouse.support.models import Grant, RecordAccess
from glasshouse.web.held import grouped
from tests import matrix
from tests.conftest import Customer, administering, as_staff, enter_staff
from tests.planting import Planter

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
ROWS = 2_000  # planted of one table
MOST_ROWS, MOST_BYTES, MOST_S = 700, 1_000_000, 12.0  # in one answer
ROW = re.compile(r"<(?:tr|li|section|div class=\"card\"|label class=\"(?:choice|check)\")\b")


def multiply(
    home: Installation, model: type[models.Model], key: object, count: int, *, unique: tuple[str, ...] = ()
) -> None:
    """Copy a row so many times, each under a key and unique values of its own; sealed values are bound to no row.

    unique: more columns of which each copy needs a value of its own, ids of other rows among them.
    """
    columns, values = [], []
    for part in model._meta.local_concrete_fields:
        if isinstance(part, models.AutoField):
            continue
        columns.append(sql.Identifier(str(part.column)))
        is_own = part.primary_key or part.unique or part.column in (*unique, *UNIQUE_WITH_OTHERS.get(model, ()))
        length = getattr(part, "max_length", None) or 16
        values.append(
            sql.SQL("left(md5(n::text || {0}) || md5({0} || n::text), {1})").format(f"{key}{count}", length)
            if is_own and (part.column in unique or not part.is_relation)
            else sql.SQL("row.{}").format(sql.Identifier(str(part.column)))
        )
    statement = sql.SQL(
        "INSERT INTO {0} ({1}) SELECT {2} FROM {0} AS row, generate_series(1, {3}) AS n WHERE row.{4} = {5}"
    )
    with administering(home) as link:
        link.execute("SET session_replication_role = replica")
        link.execute(
            statement.format(
                sql.Identifier(model._meta.db_table),
                sql.SQL(", ").join(columns),
                sql.SQL(", ").join(values),
                count,
                sql.Identifier(str(model._meta.pk.column)),
                key,
            )
        )
        link.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))


UNIQUE_WITH_OTHERS: dict[type[models.Model], tuple[str, ...]] = {
    Browser: ("secret_hash",),
    Failure: ("item",),
    Invitation: ("secret_hash", "address_hash"),
    Membership: ("account_id",),
}


def of_customer(own: Customer) -> dict[type[models.Model], dict[str, object]]:
    """Tables whose rows the pages of a customer, or of its person, list: with what makes a row theirs."""
    account, now = str(own.actor.account), clock.now()
    later = now + timedelta(days=3)
    return {
        ApiToken: {"account_id": account, "generation": 0},
        AccessRequest: {"account_id": account, "decided_at": None},
        Browser: {"account_id": account, "key_owner": str(own.actor.person)},
        Compartment: {"site_id": own.site, "limits": None},
        CustomRole: {"permissions": ["greenhouse:site:read"]},
        Device: {"site_id": own.site},
        Event: {"actor": account},
        Grant: {},
        Membership: {"role": "viewer", "organisation_id": own.organisation},
        Invitation: {"accepted_at": None, "revoked_at": None, "key_owner": own.organisation},
        RecordAccess: {},
        Session: {"account_id": account, "key_owner": str(own.actor.person), "pending": False, "expires_at": later},
        Site: {"facts": {"time_zone": "Europe/Rome"}, "limits": None},
        Template: {},
        Upload: {"site_id": own.site},
    }


def listing(own: Customer) -> list[str]:
    """The addresses of all pages that a customer's administrator opens without naming a row."""
    matrix.names()
    found = [
        address(page, own)
        for page in pages.pages()
        if "GET" in page.methods
        and page.audience in (Audience.GROWER, Audience.PERSON)
        and set(page.arguments) <= {"organisation"}
    ]
    return sorted(set(found))


def address(page: Page, own: Customer) -> str:
    return "/" + re.sub(r"<slug:organisation>", own.organisation, page.path)


def too_much(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> str:
    """What is too much of an answer; "" where it is bounded."""
    begun = time.monotonic()
    answer = client.get(path, headers=headers or {}, follow_redirects=False)
    took_s = time.monotonic() - begun
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    rows = len(answer.json()) if headers else len(ROW.findall(answer.text))
    wrong = [f"{rows} rows"] if rows > MOST_ROWS else []
    wrong += [f"{len(answer.content)} bytes"] if len(answer.content) > MOST_BYTES else []
    return ", ".join([*wrong, *([f"{took_s:.1f} s"] if took_s > MOST_S else [])])


def test_every_list_is_bounded_however_many_rows_one_table_has(customer: Make, web: Web, home: Installation) -> None:
    own = customer()
    token = tokens.create_token(own.actor, "Script", ["greenhouse:site:read", "events:event:read"], 30)
    client, bearer = web(own), {"Authorization": f"Bearer {token}"}
    wrong: dict[str, str] = {}
    for model, values in of_customer(own).items():
        planter = Planter(home, owner=str(own.actor.person), organisation=own.organisation)
        planter.owner = own.organisation if model not in (Browser, Session) else planter.owner
        before = keys_of(home, model, own)
        row = planter.plant(model, **values)
        multiply(home, model, row.pk, ROWS)
        try:
            for path in listing(own):
                if problem := too_much(client, path):
                    wrong[f"{model.__name__} {path.replace(own.organisation, '…')}"] = problem
            for path in ("/api/v1/sites", "/api/v1/events"):
                if problem := too_much(client, path, bearer):
                    wrong[f"{model.__name__} {path}"] = problem
        finally:
            forget(home, model, own, before, planter)
    assert wrong == {}


def walked(client: httpx.Client, path: str, found: str, parameter: str = "") -> list[str]:
    """What all pieces of a list show, by following the links to the next. parameter: of these links; "": of the first list."""
    shown: list[str] = []
    for _ in range(60):
        text = client.get(path).text
        piece = re.findall(found, text)
        shown += piece
        following = re.search(rf'rel="next" href="([^"]*{parameter}=[^"&]*)"', text)
        if following is None:
            return shown
        path = path.partition("?")[0] + html.unescape(following[1])
    raise AssertionError("the list has no end")


def test_the_links_lead_to_every_row_once(customer: Make, web: Web, home: Installation) -> None:
    """Of many rows of one moment, too."""
    own = customer()
    client = web(own)
    token = tokens.create_token(own.actor, "Script", ["greenhouse:site:read", "events:event:read"], 30)
    planter = Planter(home, owner=own.organisation, organisation=own.organisation)
    lists = {
        Device: (f"/o/{own.organisation}/sites", r"/devices/([0-9a-f]{16})/revoke"),
        Membership: (f"/o/{own.organisation}/members", r"/members/([0-9a-f]{16})\""),
        ApiToken: (f"/o/{own.organisation}/tokens", r"/tokens/([0-9a-f]{16})/revoke"),
        Invitation: (f"/o/{own.organisation}/members", r"/invitations/([0-9a-f]{16})/revoke"),
    }
    for model, (path, found) in lists.items():
        before = keys_of(home, model, own)
        row = planter.plant(model, **of_customer(own)[model])
        multiply(home, model, row.pk, 250)
        shown = walked(client, path, found)
        assert len(shown) == len(set(shown)), model
        assert len(shown) >= 250, (model, len(shown))
        forget(home, model, own, before, planter)
    before = keys_of(home, Site, own)
    row = planter.plant(Site, **of_customer(own)[Site])
    multiply(home, Site, row.pk, 100)
    named, path = [], "/api/v1/sites"
    for _ in range(20):
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        named += [site["id"] for site in answer.json()]
        if "next" not in answer.links:
            break
        path = answer.links["next"]["url"]
    assert len(named) == len(set(named)) == 102
    forget(home, Site, own, before, planter)


def test_the_links_of_the_staffs_lists_lead_to_every_row_once(
    customer: Make, olaf: Make, web: Web, home: Installation
) -> None:
    """Of customers and grants, which the database lists by functions; of failures, which are listed with mails."""
    own, support, officer = customer(), olaf(), as_staff(olaf(), "privacy")
    now = clock.now()
    planter = Planter(home, owner=own.organisation, organisation=own.organisation)
    before = keys_of(home, Grant, own)
    try:
        grant = planter.plant(Grant, starts_at=now, ends_at=now + timedelta(days=1), approved_at=now)
        multiply(home, Grant, grant.pk, 250)
        failure = planter.plant(Failure, set_aside_at=now, item="0" * 16)
        multiply(home, Failure, failure.pk, 250)
        client = enter_staff(web(support))
        assert own.organisation in walked(
            client, "/staff", r'<td class="first"><code>([0-9a-z]{16})</code></td>\s*<td data-label="Access">', "after"
        )
        of_customer = walked(
            client,
            "/staff",
            rf'<td class="first"><code>({own.organisation})</code></td>\s*<td data-label="Areas">',
            "grants",
        )
        assert len(of_customer) == 251
        items = walked(enter_staff(web(officer)), "/staff/set-aside", r"set-aside/job/([0-9a-z]{16})/retry")
        assert len(items) == len(set(items)) >= 251
    finally:
        forget(home, Grant, own, before, planter)
        with administering(home) as link:
            link.execute("DELETE FROM queues_failure WHERE queue = %s", [failure.queue])


def test_a_purpose_with_many_values_is_shown_whole_in_pieces() -> None:
    items = [held_item(number, "sending mail") for number in range(250)] + [held_item(0, "signing in")]
    first = grouped(items, QueryDict())
    assert first["count"] == 251
    assert [(group.purpose, len(group.items), group.more) for group in first["groups"]] == [
        ("sending mail", 20, 230),
        ("signing in", 1, 0),
    ]
    shown, after = [], ""
    while True:
        (group,) = grouped(items, QueryDict(f"purpose=sending+mail&values={after}"))["groups"]
        assert len(group.items) <= 100
        shown += [item.value for item in group.items]
        after = group.items.after
        if not after:
            break
    assert shown == [str(number) for number in range(250)]
    assert len(grouped(items, QueryDict("purpose=nothing&values=9"))["groups"]) == 2


def held_item(number: int, purpose: str) -> Item:
    return Item("mail_message.body", "user", "Mail", str(number), purpose, "contract", "30 days", (), "us", None)


def test_more_sites_than_a_form_offers_are_found_by_name(customer: Make, web: Web, home: Installation) -> None:
    """And those that a member has stay in the form, whatever is looked for: it would take the others away."""
    own = customer()
    client = web(own)
    planter = Planter(home, owner=own.organisation, organisation=own.organisation, word="North house")
    before = keys_of(home, Site, own)
    row = planter.plant(Site, **of_customer(own)[Site])
    multiply(home, Site, row.pk, 520)
    last = greenhouse.create_site(own.actor, {"name": "Über den Dächern", "time_zone": "Europe/Rome"})
    try:
        page = client.get(f"/o/{own.organisation}/members").text
        assert "There are more sites than the first 500" in page and f'value="{last}"' not in page
        found = client.get(f"/o/{own.organisation}/members", params={"find": "dächern über"}).text
        assert re.findall(r'name="sites" value="([^"]+)"', found) == [last]
        chosen = greenhouse.site_choices(own.actor, "nowhere", [last])
        assert [site.id for site in chosen] == [last] and not chosen.is_cut
    finally:
        forget(home, Site, own, before, planter)


def test_the_pieces_of_series_hold_every_series_once(customer: Make, web: Web, crops: httpx.Client) -> None:
    """On the overview, on the chart and in the people API; derived series, too. What is chosen is shown with every piece."""
    own, count = customer(), 2 * SERIES_A_PIECE + 7
    client = web(own)
    key = greenhouse.create_device(own.actor, SiteId(own.site), "", "Many")
    fields = ",".join([*(f"f{number}=1" for number in range(count)), "air_temp=20", "air_rh=70"])
    answer = crops.post("/api/v2/write", content=f"m {fields}", headers={"Authorization": f"Token {key}"})
    assert answer.status_code == 204, answer.text
    token = tokens.create_token(own.actor, "Script", ["greenhouse:reading:read"], 30)
    bearer, path = {"Authorization": f"Bearer {token}"}, "/api/v1/series"
    listed: list[str] = []
    while path:
        piece = client.get(path, headers=bearer)
        assert len(piece.json()) <= SERIES_A_PIECE
        listed += [series["id"] for series in piece.json()]
        path = piece.links["next"]["url"] if "next" in piece.links else ""
    assert len(listed) == len(set(listed)) == count + 4
    base = f"/o/{own.organisation}"
    assert sorted(walked(client, f"{base}/", r'id="tile-([^"]+)"')) == sorted(listed)
    boxes = r'name="s" value="([^"]+)"'
    assert sorted(set(walked(client, f"{base}/chart", boxes))) == sorted(listed)
    last = client.get(f"{base}/chart?s={listed[-1]}").text
    assert set(re.findall(boxes, last)) == {*listed[:SERIES_A_PIECE], listed[-1]}


def forget(home: Installation, model: type[models.Model], own: Customer, before: list[str], planter: Planter) -> None:
    """Take away what was planted of a table."""
    with administering(home) as link:
        link.execute("SET session_replication_role = replica")
        whose, value = whose_rows(model, own)
        link.execute(
            sql.SQL("DELETE FROM {} WHERE {} = %s AND {} <> ALL (%s)").format(
                sql.Identifier(model._meta.db_table), sql.Identifier(whose), sql.Identifier(str(model._meta.pk.column))
            ),
            [value, before],
        )
        if model is Event:  # Else the chain would tell, rightly, that one was removed.
            link.execute("DELETE FROM events_unchained WHERE event_id NOT IN (SELECT id FROM events_event)")
    planter.pull()


def whose_rows(model: type[models.Model], own: Customer) -> tuple[str, str]:
    """The column that says whose a row is, and its value for this customer or its person."""
    names = {str(part.column) for part in model._meta.local_concrete_fields}
    if "organisation_id" in names:
        return "organisation_id", own.organisation
    return "account_id", str(own.actor.account)


def keys_of(home: Installation, model: type[models.Model], own: Customer) -> list[str]:
    """The keys of the rows that are there."""
    whose, value = whose_rows(model, own)
    with administering(home) as link:
        rows = link.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
                sql.Identifier(str(model._meta.pk.column)), sql.Identifier(model._meta.db_table), sql.Identifier(whose)
            ),
            [value],
        )
        return [str(row[0]) for row in rows]
