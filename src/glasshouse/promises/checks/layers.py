"""Checks of the layers between a caller and a customer's data: SEC-01."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
from django.conf import settings
from psycopg import sql

from glasshouse.kernel.ids import new_id
from glasshouse.promises import bounds, database_door, evidence, oracle, sockets
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.sockets import Listener
from glasshouse.promises.stage import Resident, open_stage

PAGES = (
    "",
    "chart",
    "sites",
    "members",
    "events",
    "settings",
    "support",
    "roles",
    "tokens",
    "import",
    "record",
    "my-access",
)
ELSEWHERE = "https://elsewhere.invalid"
LONG_HEAD, LONG_BODY = "x" * 40_000, b"x" * 300_000
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"{settings.ORIGIN}/sign-in"}
# Tables of customers and persons, from the catalogue.
CUSTOMERS = (
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p') "
    "AND c.relnamespace = 'public'::regnamespace AND a.attname = 'organisation_id' AND NOT a.attisdropped ORDER BY 1"
)
# Rows of the probe as whoever has the database reads them: every column as text.
ROWS = {
    "accounts_person": "id",
    "accounts_session": "key_owner",
    "accounts_browser": "key_owner",
    "mail_message": "key_owner",
    "access_organisation": "id",
    "greenhouse_site": "organisation_id",
}


class _Scene(NamedTuple):
    """A customer with a viewer, and the administrator of another customer. sites: the name of the customer's site."""

    owner: Resident
    viewer: Resident
    stranger: Resident
    organisation: str
    site: str


@check(
    "SEC-01",
    steps=(
        "Transport: both doors are asked in the clear, and for an old version of TLS.",
        "Perimeter: a signed-in administrator asks under a foreign name, sends a form from another site, one without its token, "
        "a head and a body that are too long.",
        "Authentication: every page of a probe's customer is asked for without a session, and with a made-up one.",
        "Authorisation: a viewer sends the forms of administrators.",
        "Tenant: the administrator of another customer opens the same pages; then the database is asked for every table of "
        "customers with the application's own credential, as if all of the application were lost, and is sent memberships.",
        "Encryption: the probe's rows are read as somebody reads them who has the whole database.",
        "Bounds: one client opens connections at both doors and encrypts none of them, while another one asks for a page.",
        "Stores: the application's role makes a large object, which no policy knows; both stores are asked what they log.",
        "Foreign files: in the process that reads them, a key is read and a socket is made.",
    ),
    oracle="The answers of the doors, and which connections they end; what the sandboxed process could do; rows read with SQL "
    "under the application's role and under a role that sees every row; the places of the folders.",
)
def layers() -> Finding:
    """Each layer refuses by itself a request that the layers before it let pass."""
    steps = Steps()
    with open_stage() as stage:
        site, organisation = f"Probe {new_id()}", f"Probe {new_id()}"
        asked = [stage.ask_sign_up() for _ in range(2)]
        owner, stranger = stage.finish_sign_up(asked[0], organisation=organisation), stage.finish_sign_up(asked[1])
        invited = stage.invite(owner, "viewer")
        stage.site(owner, site)
        scene = _Scene(owner, stage.join(invited, organisation=owner.organisation), stranger, organisation, site)
        _transport(steps)
        _perimeter(steps, scene, stage.visitor())
        _authentication(steps, scene, stage.visitor(), stage.visitor())
        _authorisation(steps, scene)
        _tenant(steps, scene)
        _writes(steps, scene)
        _encryption(steps, scene)
        bounds.crowd(steps, stage.visitor())
    bounds.stores(steps)
    bounds.foreign_file(steps)
    steps.note("each layer switched off alone, which is tried in a service of its own by `glasshouse mutate`")
    return steps.judged("9 of 9 layers refuse by themselves")


# -- transport and perimeter ---------------------------------------------------------------------------------------


def _transport(steps: Steps) -> None:
    for what, door in (("the web door", settings.WEB_DOOR), ("the crops service", settings.CROPS_DOOR)):
        listener = Listener(door.address, door.port, what)
        agreed = sockets.handshake(listener)  # A listener that is not there has refused nothing.
        clear = sockets.plain_answer(listener)
        steps.expect(
            f"transport: {what} answers nothing in the clear",
            not clear.startswith(b"HTTP/") or sockets.redirects(clear),
        )
        steps.expect(
            f"transport: {what} agrees to TLS 1.2 or 1.3", agreed.version in ("TLSv1.2", "TLSv1.3"), agreed.version
        )
        if sockets.can_speak(ssl.TLSVersion.TLSv1_1):
            steps.expect(f"transport: {what} refuses TLS 1.1", not _agrees(listener, ssl.TLSVersion.TLSv1_1))


def _agrees(listener: Listener, version: ssl.TLSVersion) -> bool:
    try:
        sockets.handshake(listener, version=version)
    except OSError:
        return False
    return True


def _perimeter(steps: Steps, scene: _Scene, nobody: Visitor) -> None:
    visitor, path = scene.owner.visitor, scene.owner.page("settings")
    fields = {"whom": "all"}
    good = visitor.get(path)  # The same request is let through where nothing is wrong with it.
    token = visitor.cookies.get("__Host-csrf") or ""
    tried = {
        "a foreign name": visitor.request("GET", path, headers={"Host": "elsewhere.invalid"}),
        "a form from another site": visitor.request(
            "POST", path, data=fields, headers={"X-CSRFToken": token, "Referer": f"{ELSEWHERE}/", "Origin": ELSEWHERE}
        ),
        "a form without its token": visitor.request(
            "POST", path, data=fields, headers={"Referer": f"{settings.ORIGIN}/"}
        ),
        "a head that is too long": visitor.request("GET", path, headers={"X-Long": LONG_HEAD}),
        "a body that is too long": nobody.request("POST", "/sign-in", content=LONG_BODY, headers=FORM),
    }
    refused = {"a foreign name": (400,), "a head that is too long": (400, 431), "a body that is too long": (413,)}
    for what, answer in tried.items():
        held = answer.status_code in refused.get(what, (403,)) and scene.organisation not in answer.text
        steps.expect(f"perimeter: {what} is refused", held and good.status_code == 200, str(answer.status_code))
    rule = oracle.value("SELECT second_factor_roles FROM access_organisation WHERE id = %s", scene.owner.organisation)
    steps.expect("perimeter: none of these forms changed anything", rule is None)


# -- authentication and authorisation ------------------------------------------------------------------------------


def _shows(visitor: Visitor, scene: _Scene) -> Iterator[str]:
    """Pages of the customer that a browser is shown, or that tell its names."""
    for page in PAGES:
        answer = visitor.get(scene.owner.page(page))
        if answer.status_code == 200 or scene.organisation in answer.text or scene.site in answer.text:
            yield f"{page or 'overview'} {answer.status_code}"


def _authentication(steps: Steps, scene: _Scene, nobody: Visitor, forger: Visitor) -> None:
    shown = list(_shows(scene.owner.visitor, scene))
    steps.expect("its own administrator is shown every page", len(shown) == len(PAGES), ", ".join(shown))
    seen = list(_shows(nobody, scene))
    steps.expect("authentication: without a session no page is shown", not seen, ", ".join(seen[:3]))
    real = scene.owner.visitor.cookies.get("__Host-session") or ""
    for made_up in (real[:-1] + ("A" if real[-1:] != "A" else "B"), real[::-1], scene.owner.account, "' OR 1=1 --"):
        seen += list(_shown_with(forger, made_up, scene))
    steps.expect("authentication: a made-up session is nobody", bool(real) and not seen, ", ".join(seen[:3]))


def _shown_with(visitor: Visitor, session: str, scene: _Scene) -> Iterator[str]:
    answer = visitor.request("GET", scene.owner.page(), headers={"Cookie": f"__Host-session={session}"})
    if answer.status_code == 200 or scene.site in answer.text:
        yield f"{answer.status_code}"


def _authorisation(steps: Steps, scene: _Scene) -> None:
    owner, visitor = scene.owner, scene.viewer.visitor
    members = "SELECT account_id, role FROM access_membership WHERE organisation_id = %s ORDER BY 1"
    before = oracle.rows(members, owner.organisation)
    tried = {
        f"members/{scene.viewer.account}/change": {"role": "administrator", "all_sites": "yes"},
        f"members/{owner.account}/remove": {},
        "members/invite": {"address": scene.stranger.address, "role": "administrator", "all_sites": "yes"},
        "settings": {"whom": "all"},
        "support/administration": {"by": "operator"},
        "close": {"name": scene.organisation},
    }
    answers = [visitor.post(owner.page(path), fields).status_code for path, fields in tried.items()]
    seen = [
        page
        for page in ("members", "settings", "support", "record")
        if visitor.get(owner.page(page)).status_code != 403
    ]
    changed = oracle.rows(members, owner.organisation) != before
    steps.expect(
        "authorisation: a viewer is refused what administrators do", set(answers) == {403} and not changed, str(answers)
    )
    steps.expect("authorisation: and what administrators see", not seen, ", ".join(seen))


# -- tenant and encryption -----------------------------------------------------------------------------------------


def _rows_seen(account: str, organisation: str) -> dict[str, int]:
    """Rows of a customer that the application's role is shown, by table, where whoever asks says to be an account."""
    seen = {}
    with oracle.signed_in("app") as link:
        database_door.act(link, organisation, account)
        for (table,) in oracle.rows(CUSTOMERS):
            question = sql.SQL("SELECT count(*) FROM {} WHERE organisation_id = %s").format(sql.Identifier(str(table)))
            row = link.execute(question, [organisation]).fetchone()
            if row and row[0]:
                seen[str(table)] = int(row[0])
        row = link.execute("SELECT count(*) FROM access_organisation WHERE id = %s", [organisation]).fetchone()
        if row and row[0]:
            seen["access_organisation"] = int(row[0])
    return seen


def _tenant(steps: Steps, scene: _Scene) -> None:
    seen = list(_shows(scene.stranger.visitor, scene))
    steps.expect("tenant: the administrator of another customer is shown no page", not seen, ", ".join(seen[:3]))
    own = _rows_seen(scene.owner.account, scene.owner.organisation)
    steps.expect(
        "a member's own rows are shown by the database",
        {"access_membership", "access_organisation", "greenhouse_site"} <= own.keys(),
    )
    for who, account in (
        ("another customer's administrator", scene.stranger.account),
        ("nobody", ""),
        ("a made-up account", new_id()),
    ):
        rows = _rows_seen(account, scene.owner.organisation)
        steps.expect(
            f"tenant: to {who} the database shows no row, whatever the application asks", not rows, ", ".join(rows)
        )


def _joins(acting: str, account: str, organisation: str) -> bool:
    """Whether the database lets the application's role, acting for an account, make an account a member. It is undone."""
    with oracle.signed_in("app") as link:
        database_door.act(link, organisation, acting)
        try:
            link.execute(
                "INSERT INTO access_membership (id, organisation_id, account_id, role, created_at) "
                "VALUES (%s, %s, %s, 'viewer', clock_timestamp())",
                [new_id(), organisation, account],
            )
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True


def _changes(acting: str, organisation: str) -> int:
    """How many memberships of a customer the application's role, acting for an account, can change or delete. It is undone."""
    with oracle.signed_in("app") as link:
        database_door.act(link, organisation, acting)
        changed = link.execute(
            "UPDATE access_membership SET role = 'administrator' WHERE organisation_id = %s", [organisation]
        )
        return changed.rowcount


def _writes(steps: Steps, scene: _Scene) -> None:
    """What the database lets somebody write who belongs to another customer, or to none."""
    owner, stranger = scene.owner, scene.stranger
    own = _changes(owner.account, owner.organisation)
    steps.expect(
        "a member's own customer can be written to",
        own > 0 and _joins(owner.account, stranger.account, owner.organisation),
    )
    for who, account in (
        ("another customer's administrator", stranger.account),
        ("nobody", ""),
        ("a made-up account", new_id()),
    ):
        joins, changes = _joins(account, stranger.account, owner.organisation), _changes(account, owner.organisation)
        steps.expect(
            f"tenant: {who} can write no membership, whatever the application asks",
            not joins and not changes,
            f"{int(joins)} made, {changes} changed",
        )


def _encryption(steps: Steps, scene: _Scene) -> None:
    owner, readable_tables, count = scene.owner, [], 0
    names = [owner.name, owner.address, owner.password, scene.organisation, scene.site, owner.visitor.network]
    needles = [form for word in names for form in (word, word.encode().hex())]
    for table, column in ROWS.items():
        question = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE {} = ANY (%s)").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        with oracle.reading() as link:
            for (row,) in link.execute(question, [[owner.person, owner.organisation]]).fetchall():
                count += 1
                readable_tables += [table for needle in needles if needle in row]
    steps.expect(
        "encryption: whoever reads every row reads no name, address or place",
        count >= len(ROWS) - 1 and not readable_tables,
        ", ".join(readable_tables[:3]),
    )
    steps.expect("encryption: the keys do not lie among the data", evidence.keys_lie_apart())
    wrapped = oracle.rows(
        "SELECT to_jsonb(k)::text FROM vault_data_key k WHERE key_owner = ANY (%s)",
        [owner.person, owner.organisation],
        database=oracle.VAULT,
    )
    root = {path.read_bytes() for path in Path(settings.KEYS_FOLDER).glob("*") if path.is_file()}
    bare = [
        row
        for (row,) in wrapped
        if any(secret and (secret.hex() in row or secret.decode("latin-1") in row) for secret in root)
    ]
    steps.expect(
        "encryption: each customer and person has a key of its own, wrapped",
        len(wrapped) == 2 and not bare,
        f"{len(wrapped)} keys",
    )
