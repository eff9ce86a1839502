"""Checks of documents and their acceptance: PRI-01."""

from django.db import connection, transaction
from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel.ids import new_id
from glasshouse.promises import opened, oracle
from glasshouse.promises.database_door import seen_by
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

IN_FORCE = (
    "SELECT DISTINCT ON (document) id FROM notices_version WHERE document IN ('notice', 'terms') "
    "AND in_force_at <= clock_timestamp() ORDER BY document, number DESC"
)
# Members who are signed in without having accepted a document. Of another probe this check, run twice, takes acceptances away.
UNACCEPTED = (
    "SELECT count(DISTINCT s.account_id) FROM accounts_session s JOIN accounts_account c ON c.id = s.account_id "
    "JOIN access_membership m ON m.account_id = c.id WHERE NOT s.pending AND s.expires_at > clock_timestamp() "
    "AND NOT EXISTS (SELECT FROM probes_mark k WHERE k.value = 'accounts_account:' || c.id) "
    "AND NOT EXISTS (SELECT FROM notices_acceptance a JOIN notices_version v ON v.id = a.version_id "
    "WHERE a.key_owner = c.person_id AND v.document = %s)"
)
# Pages of a customer and of an account that use the service; those about one's own data stay open to whoever accepts nothing.
INSIDE = ("", "sites", "members", "settings", "events", "support", "roles", "tokens", "import", "my-access", "privacy")
OUTSIDE = ("/account", "/account/security")


@check(
    "PRI-01",
    steps=(
        "A probe opens the form of its sign-up, sends it without the box, then with it, and makes a site. The same is "
        "tried with an invitation.",
        "Its acceptance of the newest terms is taken away, as if a new version had come into force. It opens every page of the "
        "customer, sends a form, and asks the interface, also with a token; then it accepts by the page, first without the box.",
        "All acceptances, and all members who are signed in, are looked through.",
    ),
    oracle="The rows of acceptances, accounts and sites, read with SQL by a role that can only read, and as the database shows "
    "them to the probe; the HTML of the forms; what the pages answer.",
)
def acceptance() -> Finding:
    """What a probe has to accept, and what it gets to without."""
    steps = Steps()
    with on_stage(steps) as stage:
        owner = _signed_up(stage, steps)
        _invited(stage, steps, owner)
        site = f"Probe {new_id()}"
        stage.site(owner, site)
        token = _token(stage, steps, owner, site)
        forget_acceptance(owner)
        _shut_out(steps, owner, site)
        status, text = _by_token(stage, token)
        steps.expect("nor does it answer a token of the probe", status in (401, 403) and site not in text, str(status))
        _accepted_by_page(steps, owner, site)
    _stored(steps)
    return steps.judged()


def _box(html: str) -> str:
    """What is wrong with the box of a form: it must be there, once, not ticked, and nothing else may stand for it."""
    fields = LexborHTMLParser(html).css('[name="accept"]')
    if [field.attributes.get("type") for field in fields] != ["checkbox"]:
        return "it is no single box"
    return "it is ticked" if "checked" in fields[0].attributes else ""


def _sentence(html: str) -> str:
    """The words beside the box."""
    box = LexborHTMLParser(html).css_first('[name="accept"]')
    label = box.parent if box else None
    return " ".join(label.text().split()) if label else ""


def _signed_up(stage: Stage, steps: Steps) -> Resident:
    address = stage.ask_sign_up()
    path = stage.link(address, "prove")
    shown = stage.visitor().get(path).text
    steps.expect("the box of the sign-up is not ticked beforehand", not _box(shown), _box(shown))
    fields = {"name": "Probe", "organisation": "Probe", "password": f"{new_id()}-{new_id()}"}
    stage.visitor().submit(path, fields)
    people = oracle.value("SELECT count(*) FROM accounts_person WHERE address_hash = %s", stage.hash_of(address))
    steps.expect("without it there is no account", people == 0)
    owner = stage.finish_sign_up(address)
    acceptances = oracle.rows(
        "SELECT version_id, abs(extract(epoch FROM clock_timestamp() - at)) < 60, octet_length(shown) > %s "
        "FROM notices_acceptance WHERE key_owner = %s",
        opened.EMPTY,
        owner.person,
    )
    wanted = {row[0] for row in oracle.rows(IN_FORCE)}
    steps.expect(
        "terms and notice in force are on record as accepted",
        {row[0] for row in acceptances} == wanted and len(wanted) == 2,
    )
    steps.expect("with the moment and the words", bool(acceptances) and all(row[1] and row[2] for row in acceptances))
    page_text = " ".join(LexborHTMLParser(owner.visitor.get("/account/data/choices").text).text().split())
    steps.expect(
        "the person finds the words that the form showed", bool(_sentence(shown)) and _sentence(shown) in page_text
    )
    return owner


def _invited(stage: Stage, steps: Steps, owner: Resident) -> None:
    """Nobody comes in by an invitation without the box either."""
    address = stage.invite(owner, "viewer")
    path = stage.link(address, "invitation")
    shown = stage.visitor().get(path).text
    steps.expect("the box of an invitation is not ticked beforehand", not _box(shown), _box(shown))
    stage.visitor().submit(path, {"name": "Probe", "address": address, "password": f"{new_id()}-{new_id()}"})
    people = oracle.value("SELECT count(*) FROM accounts_person WHERE address_hash = %s", stage.hash_of(address))
    steps.expect("without it nobody comes in by one", people == 0)


def _by_token(stage: Stage, token: str) -> tuple[int, str]:
    """What the interface answers to a token, in a browser that nobody has signed in with: status and text."""
    answer = stage.visitor().request("GET", "/api/v1/sites", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.text


def _token(stage: Stage, steps: Steps, owner: Resident, site: str) -> str:
    """An API token, made by its page."""
    fields: dict[str, str | list[str]] = {"name": "Probe", "scopes": ["greenhouse:site:read"], "days": "1"}
    page = owner.visitor.follow(owner.visitor.submit(owner.page("tokens"), fields))
    shown = LexborHTMLParser(page.text).css_first(".copy code")
    token = shown.text().strip() if shown else ""
    steps.expect("before, a token of the probe reads its site", site in _by_token(stage, token)[1])
    return token


def forget_acceptance(owner: Resident) -> None:
    """Take one of a probe's acceptances away: no page does, and no version is published for a check."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM notices_acceptance a USING notices_version v WHERE v.id = a.version_id AND v.document = 'terms' "
            "AND a.key_owner = %s",
            [owner.person],
        )


def _tables_of_customers() -> list[str]:
    """Every table whose rows name their organisation, from the catalogue."""
    return sorted({column.table for column in oracle.columns() if column.name == "organisation_id"})


def _shut_out(steps: Steps, owner: Resident, site: str) -> None:
    opened = []
    for path in [owner.page(end) for end in INSIDE] + list(OUTSIDE):
        answer = owner.visitor.get(path)
        leads = answer.headers.get("location", "")
        if not (answer.is_redirect and leads.startswith("/accept")):
            opened.append(f"{path.rpartition('/')[2] or 'overview'} answers {answer.status_code}")
    steps.expect("no page opens without the newest acceptance", not opened, ", ".join(opened[:3]))
    asked = owner.visitor.get("/api/v1/sites")
    steps.expect(
        "nor does the interface answer", asked.status_code in (401, 403) and site not in asked.text, str(asked)
    )
    question = "SELECT count(*) FROM greenhouse_site WHERE organisation_id = %s"
    before = oracle.value(question, owner.organisation)
    owner.visitor.post(owner.page("sites"), {"name": "Probe", "time_zone": "Europe/Rome"})
    steps.expect("no form is taken", before == 1 and oracle.value(question, owner.organisation) == before)
    tables, shown = _tables_of_customers(), []
    for table in tables:
        count = seen_by(owner, f'SELECT count(*) FROM "{table}" WHERE organisation_id = %s', owner.organisation)
        if table != "access_membership" and count != [(0,)]:
            shown.append(table)
    steps.expect(f"the database shows no row in {len(tables)} tables of customers", not shown, ", ".join(shown[:3]))


def _accepted_by_page(steps: Steps, owner: Resident, site: str) -> None:
    html = owner.visitor.get("/accept").text
    steps.expect("the box of a new version is not ticked beforehand", not _box(html), _box(html))
    question = "SELECT count(*) FROM notices_acceptance WHERE key_owner = %s"
    owner.visitor.submit("/accept", {"language": "en"})
    steps.expect("without it nothing is accepted", oracle.value(question, owner.person) == 1)
    owner.visitor.submit("/accept", {"accept": "yes"})
    steps.expect("with it the acceptance is on record", oracle.value(question, owner.person) == 2)
    page = owner.visitor.get(owner.page("sites"))
    steps.expect("and the pages open", page.status_code == 200 and site in page.text, str(page.status_code))


def _stored(steps: Steps) -> None:
    early, wordless = oracle.rows(
        "SELECT count(*) FILTER (WHERE v.in_force_at IS NULL OR v.in_force_at > a.at + interval '1 second'), "
        "count(*) FILTER (WHERE octet_length(a.shown) <= %s) FROM notices_acceptance a "
        "JOIN notices_version v ON v.id = a.version_id",
        opened.EMPTY,
    )[0]
    steps.expect("each version was in force when it was accepted", not early, counted(early))
    steps.expect("each acceptance holds the words", not wordless, counted(wordless))
    for document in ("notice", "terms"):
        left = oracle.value(UNACCEPTED, document)
        steps.expect(
            f"every member who is signed in has accepted the {document}", not left, f"{counted(left or 0)} have not"
        )
