"""Checks of what the operator's support can see: SEC-04."""

import time
from datetime import timedelta
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.probes import api as probes
from glasshouse.promises import database_door, oracle
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.registry import check
from glasshouse.promises.stage import MAIL_S, Resident, Stage, open_stage

PAGES = (
    "",
    "chart",
    "sites",
    "members",
    "events",
    "record",
    "settings",
    "support",
    "roles",
    "tokens",
    "import",
    "my-access",
)
MOST_SAMPLED, LONGEST = 5, timedelta(days=7)
OWN_GRANT = "support_grant"  # What support itself asked for, or was given, it may see.
# Tables of customers: by a column that names one, or by being the customer itself. From the catalogue, and from no declaration.
CUSTOMER_TABLES = (
    "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c WHERE c.relkind IN ('r', 'p') "
    "AND c.relnamespace = 'public'::regnamespace AND (c.relname = 'access_organisation' OR EXISTS (SELECT FROM pg_attribute a "
    "WHERE a.attrelid = c.oid AND a.attname IN ('organisation_id', 'organisation') AND NOT a.attisdropped)) ORDER BY 1"
)
ALL_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace "
    "AND has_table_privilege('glasshouse_support', oid, 'SELECT') ORDER BY 1"
)
POWERS = (
    "SELECT count(*) FROM pg_roles r WHERE rolname = 'glasshouse_support' AND (rolsuper OR rolbypassrls OR rolcreaterole "
    "OR rolcreatedb OR rolreplication OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) "
    "OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid))"
)
# Not those of probes: a check that runs at the same time may let support in to its own.
WITHOUT_GRANT = (
    "SELECT o.id FROM access_organisation o WHERE administered_since IS NULL "
    "AND NOT EXISTS (SELECT FROM probes_mark m WHERE m.value = 'access_organisation:' || o.id) "
    "AND NOT EXISTS (SELECT FROM support_grant g WHERE g.organisation_id = o.id AND g.ends_at > now()) "
    "ORDER BY random() LIMIT %s"
)


class Scene(NamedTuple):
    """Who takes part: a customer with two administrators and a viewer, and somebody of the staff."""

    owner: Resident
    second: Resident
    viewer: Resident
    staff: Resident
    sites: list[str]
    names: list[str]


@check(
    "SEC-04",
    steps=(
        "A probe's account of the support staff signs in, with an authenticator app, and opens pages of a probe's customer.",
        "The database is asked as the support role, with that role's own credential, for the rows of every table: for the "
        "probe's customer and for some others that have invited nobody.",
        "Support asks for access; the administrator invites it for one site, looks at the banner, and ends it while support is "
        "looking. Another invitation comes to its end. Each time pages and database are asked again.",
        "The administrator hands the administration to the operator, and takes it back.",
    ),
    oracle="The rows that the support role is shown by the database; the catalogue's tables and rights; the rows of invitations "
    "and of the record of what was seen; the mails that arrived at the administrators.",
)
def support_access() -> Finding:
    """What support sees of a customer before, during and after an invitation, at the door and in the database."""
    steps = Steps()
    with open_stage() as stage:
        scene = _scene(stage)
        tables = _rights(steps)
        _nothing(steps, scene, "without an invitation")
        others = [str(row[0]) for row in oracle.rows(WITHOUT_GRANT, MOST_SAMPLED)]
        seen = [line for other in ["", *others] for line in _rows_seen(scene.staff, other)]
        steps.expect("of customers that invited nobody, the support role reads no row", not seen, "; ".join(seen[:2]))
        _asking(steps, scene)
        _invited(steps, scene)
        _ended(steps, scene)
        _handed_over(steps, scene)
        _announced(steps, stage, scene)
    return steps.judged(f"0 rows of {tables} customer tables without an invitation")


def _scene(stage: Stage) -> Scene:
    owner = stage.grower()
    names = [f"Probe {new_id()}" for _ in range(2)]
    sites = [stage.site(owner, name) for name in names]
    invited = [stage.invite(owner, role) for role in ("administrator", "viewer")]
    staff = stage.staff("support")
    second, viewer = (stage.join(address, organisation=owner.organisation) for address in invited)
    return Scene(owner, second, viewer, staff, sites, names)


# -- the database --------------------------------------------------------------------------------------------------


def _rights(steps: Steps) -> int:
    """What the catalogue says of customers' tables and of the support role; returns how many tables customers have."""
    tables = oracle.rows(CUSTOMER_TABLES)
    unforced = [str(name) for name, forced in tables if not forced]
    steps.expect(
        "every table of customers has row security, forced", bool(tables) and not unforced, ", ".join(unforced[:3])
    )
    steps.expect("the support role may pass over no policy and become nobody else", oracle.value(POWERS) == 0)
    return len(tables)


def _rows_seen(staff: Resident, organisation: str) -> list[str]:
    """Tables of which the support role is shown rows, as somebody of the staff who names a customer; and how many rows."""
    seen = []
    with oracle.signed_in("support") as link:
        database_door.act(link, organisation, staff.account, kind="staff")
        for (table,) in oracle.rows(ALL_TABLES):
            if table != OWN_GRANT and (count := _count(link, sql.Identifier(str(table)))):
                seen.append(f"{count} rows of {table}")
        if count := _count(link, sql.SQL("glasshouse_member_people()")):
            seen.append(f"{count} people")
    return seen


def _count(link: "psycopg.Connection[tuple[Any, ...]]", source: sql.Composable) -> int:
    row = link.execute(sql.SQL("SELECT count(*) FROM {}").format(source)).fetchone()
    return int(row[0]) if row else 0


def _nothing(steps: Steps, scene: Scene, when: str) -> None:
    """No page and no row."""
    owner, visitor = scene.owner, scene.staff.visitor
    answers = {page: visitor.get(owner.page(page)) for page in PAGES}
    opened = [
        f"{page or 'overview'} {answer.status_code}" for page, answer in answers.items() if answer.status_code != 404
    ]
    names_somebody = any(
        name in answer.text for answer in answers.values() for name in (*scene.names, owner.name, owner.address)
    )
    steps.expect(
        f"{when}, no page of the customer opens to support", not opened and not names_somebody, "; ".join(opened[:2])
    )
    seen = _rows_seen(scene.staff, owner.organisation)
    steps.expect(f"{when}, the support role reads no row of the customer", not seen, "; ".join(seen[:2]))


# -- invitations ---------------------------------------------------------------------------------------------------


class _Grant(NamedTuple):
    id: str
    length: timedelta
    sites: list[str] | None
    areas: list[str]
    reason: bytes
    approved: bool
    revoked: bool


def _grants(owner: Resident) -> list[_Grant]:
    """The customer's invitations, the newest first."""
    question: LiteralString = (
        "SELECT id, ends_at - starts_at, sites, areas, reason, approved_at IS NOT NULL, revoked_at IS NOT NULL "
        "FROM support_grant WHERE organisation_id = %s ORDER BY created_at DESC"
    )
    return [_Grant(*row) for row in oracle.rows(question, owner.organisation)]


def _asking(steps: Steps, scene: Scene) -> None:
    owner, visitor = scene.owner, scene.staff.visitor
    listed = visitor.get("/staff").text
    names_listed = [word for word in (*scene.names, owner.name, owner.address) if word in listed]
    steps.expect(
        "support's list tells of a customer its opaque id only", owner.organisation in listed and not names_listed
    )
    wish: dict[str, str | list[str]] = {"customer": owner.organisation, "areas": ["climate", "people"]}
    wish |= {"reason": f"Probe {new_id()}", "hours": "1"}
    forced = visitor.post("/staff/emergency", {"customer": owner.organisation, "reason": "probe"}).status_code
    steps.expect(
        "an emergency that the customer never allowed opens nothing", not _grants(owner) and forced == 403, str(forced)
    )
    visitor.post("/staff", wish)
    asked = _grants(owner)
    steps.expect("support can ask, and has nothing by that", len(asked) == 1 and not asked[0].approved)
    _nothing(steps, scene, "asked for and not approved")
    if asked:
        owner.visitor.post(owner.page(f"support/{asked[0].id}/refuse"))
        visitor.post(owner.page(f"support/{asked[0].id}/approve"))
        _nothing(steps, scene, "refused")


def _give(by: Resident, scene: Scene, **more: str) -> int:
    """Send the form that lets support in, for the first site; returns the status."""
    form: dict[str, str | list[str]] = {"areas": ["climate"], "sites": scene.sites[:1], "reason": "probe", "hours": "1"}
    return by.visitor.post(scene.owner.page("support"), form | {"staff": scene.staff.account} | more).status_code


def _invited(steps: Steps, scene: Scene) -> None:
    owner, visitor = scene.owner, scene.staff.visitor
    before = len(_grants(owner))
    refused = (_give(scene.viewer, scene), _give(owner, scene, hours="200"), _give(owner, scene, reason=""))
    steps.expect(
        "only who may invites, for a week at most, with a reason",
        refused == (403, 400, 400) and len(_grants(owner)) == before,
        str(refused),
    )
    _give(owner, scene)
    grant = _grants(owner)[0]
    bounded = grant.approved and timedelta(0) < grant.length <= LONGEST and grant.sites == scene.sites[:1]
    steps.expect(
        "an invitation has a reason, a scope and an end", bounded and bool(grant.reason) and grant.areas == ["climate"]
    )
    shown = visitor.get(owner.page("sites"))
    within = shown.status_code == 200 and scene.names[0] in shown.text and scene.names[1] not in shown.text
    steps.expect("invited, support sees the site that was named, and no other", within, str(shown.status_code))
    closed = [
        visitor.get(owner.page(page)).status_code
        for page in ("members", "events", "settings", "support", "record", "import")
    ]
    steps.expect("and nothing of areas that were not named", set(closed) <= {403, 404}, str(closed))
    allowed = {"access_organisation", "greenhouse_site"}
    seen = [
        line
        for line in _rows_seen(scene.staff, owner.organisation)
        if line not in {f"1 rows of {name}" for name in allowed}
    ]
    steps.expect("nor does the support role in the database", not seen, "; ".join(seen[:2]))
    _banners(steps, scene, shown.text)
    _on_record(steps, scene)
    owner.visitor.post(owner.page(f"support/{grant.id}/revoke"))
    steps.expect("the administrator can end it", _grants(owner)[0].revoked)
    _nothing(steps, scene, "ended while support was looking")


def _banners(steps: Steps, scene: Scene, shown: str) -> None:
    pages = [shown, *(person.visitor.get(scene.owner.page("sites")).text for person in (scene.owner, scene.viewer))]
    banners = [" ".join(node.html or "" for node in LexborHTMLParser(page).css(".banner")) for page in pages]
    steps.expect("a banner tells support that it sees a customer's data, on record", "record" in banners[0])
    both = all("Support may look" in banner and "<time" in banner for banner in banners[1:])
    steps.expect("a banner tells everybody of the customer that support may look, and until when", both)


def _on_record(steps: Steps, scene: Scene) -> None:
    owner = scene.owner
    rows = oracle.rows("SELECT staff, what, ids FROM support_seen WHERE organisation_id = %s", owner.organisation)
    by_staff = {(str(what), tuple(ids)) for staff, what, ids in rows if staff == scene.staff.account}
    steps.expect(
        "what support saw, and what it was refused, is on record",
        {("sites", (scene.sites[0],)), ("refused", ("members",))} <= by_staff,
    )
    page = owner.visitor.get(owner.page("record")).text
    steps.expect("the customer reads that record", scene.names[0] in page and scene.staff.name in page)


def _ended(steps: Steps, scene: Scene) -> None:
    _give(scene.owner, scene)
    grant = _grants(scene.owner)[0]
    was_open = scene.staff.visitor.get(scene.owner.page("sites")).status_code == 200
    moment = clock.now()
    probes.date(grant.id, "support_grant", "starts_at", moment - timedelta(hours=1))
    probes.date(grant.id, "support_grant", "ends_at", moment - timedelta(seconds=1))
    steps.expect("a second invitation opens again", was_open)
    _nothing(steps, scene, "after its end")


def _handed_over(steps: Steps, scene: Scene) -> None:
    owner, visitor = scene.owner, scene.staff.visitor
    path = owner.page("support/administration")
    scene.viewer.visitor.post(path, {"by": "operator"})
    since: LiteralString = "SELECT administered_since FROM access_organisation WHERE id = %s"
    steps.expect("nobody else hands the administration over", oracle.value(since, owner.organisation) is None)
    owner.visitor.post(path, {"by": "operator"})
    opened, banner = visitor.get(owner.page("members")).status_code, scene.viewer.visitor.get(owner.page("sites")).text
    handed = (
        oracle.value(since, owner.organisation) is not None
        and opened == 200
        and "administers this organisation" in banner
    )
    steps.expect("an administrator can hand it over, which a banner tells", handed, str(opened))
    owner.visitor.post(path, {"by": "us"})
    question: LiteralString = (
        "SELECT count(*) FROM events_event WHERE organisation_id = %s AND kind = 'support:administration:hand'"
    )
    steps.expect("both ways are on record", oracle.value(question, owner.organisation) == 2)
    _nothing(steps, scene, "taken back")


def _announced(steps: Steps, stage: Stage, scene: Scene) -> None:
    subjects = (
        "Support asks for access",
        "Support was let in",
        "Administration was handed",
        "Administration was taken back",
    )
    ends = time.monotonic() + MAIL_S  # of all of them together
    for person in (scene.owner, scene.second):
        missing = []
        for subject in subjects:
            within_s = max(0.1, ends - time.monotonic())
            if stage.sink.wait(person.address, within_s=within_s, holding=subject) is None:
                missing.append(subject)
        steps.expect("each of these was announced to an administrator by mail", not missing, "; ".join(missing))
    viewer = [mail.subject for mail in stage.sink.mails(scene.viewer.address) if "upport" in mail.subject]
    steps.expect("and to nobody else", not viewer)
