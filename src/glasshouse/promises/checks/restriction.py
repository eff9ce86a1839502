"""Checks of restricted processing: PRI-23."""

from datetime import timedelta

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises import oracle
from glasshouse.promises.database_door import seen_as, seen_by
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

NOTICE = timedelta(days=6)  # at least so long before an officer's lifting takes effect its person is told
# Tables that hold sealed values of a person, and stay open although it is restricted: by them the person signs in, and what
# somebody decided about their data is followed (GDPR Art. 18(2): with consent, and for claims).
OPEN = {"accounts_browser", "accounts_second_step", "accounts_session", "consent_restriction", "consent_stance"}
# Mails that the law or the person wants.
WANTED = ("announcement", "change", "privacy", "reset", "restriction", "second-step", "sign-up", "text")
PAGES = ("", "members", "events", "support", "roles", "my-access", "settings", "privacy")


@check(
    "PRI-23",
    steps=(
        "A probe who belongs to another probe's customer makes an export, gets a mail, and restricts the use of their "
        "data by the page.",
        "The other administrator opens every page that named the person, and their own data; a member of the staff who is a "
        "probe is let in as support and opens the list of people; the person opens their own data.",
        "An officer who is a probe lifts the restriction with notice; it is made anew by the person, who lifts it by the page.",
    ),
    oracle="The pages shown to others; the rows that the database shows to the roles of the application and of support, against "
    "those that a role sees which can only read; the mails that arrived, and those that did not.",
)
def restriction() -> Finding:
    """What others get of a restricted probe."""
    steps = Steps()
    with on_stage(steps) as stage:
        boss = stage.grower()
        person = stage.member(boss, "administrator")
        officer, support = stage.staff("privacy"), stage.staff("support")
        person.visitor.submit("/account/data", {}, action="/account/data/export")
        stage.sign_in(person)
        stage.arrival(person.address, "browser")  # A mail that nobody may see while it is restricted.
        shown = boss.visitor.get(boss.page("members")).text
        steps.expect("before, the members' page names the person", person.name in shown and person.address in shown)
        before = _held(person)
        _restrict(steps, person)
        _hidden_on_pages(steps, boss, person, support)
        _hidden_in_database(steps, stage, boss, person, before)
        _unmailed(stage, steps, boss, person)
        _lifted_by_officer(stage, steps, officer, person)
        _lifted(stage, steps, boss, person)
    _stored(steps)
    return steps.judged()


def _restrict(steps: Steps, person: Resident) -> None:
    answer = person.visitor.submit("/account/data/choices", {"ground": "claims", "words": "Probe"}, action="/restrict")
    restrictions = oracle.value(
        "SELECT count(*) FROM consent_restriction WHERE key_owner = %s AND lifts_at IS NULL", person.person
    )
    steps.expect("the page restricts it at once", answer.is_redirect and restrictions == 1, str(answer.status_code))


def _names(person: Resident) -> tuple[str, str]:
    return person.name, person.address


def _hidden_on_pages(steps: Steps, boss: Resident, person: Resident, support: Resident) -> None:
    paths = [*(boss.page(page) for page in PAGES), f"{boss.page('members')}/{person.account}", "/account/data"]
    naming_pages = []
    for path in paths:
        answer = boss.visitor.get(path)
        if answer.status_code != 200 or any(name in answer.text for name in _names(person)):
            naming_pages.append(path.rpartition("/")[2] or "overview")
    steps.expect(
        f"none of {len(paths)} pages of the administrator names the person", not naming_pages, ", ".join(naming_pages)
    )
    fields: dict[str, str | list[str]] = {"areas": ["people"], "reason": "Probe", "hours": "1"}
    boss.visitor.submit(boss.page("support"), fields)
    page = support.visitor.get(boss.page("members"))
    steps.expect(
        "nor the list of people that support is let in to see",
        page.status_code == 200 and boss.name in page.text and not any(name in page.text for name in _names(person)),
        str(page.status_code),
    )
    own = person.visitor.get("/account/data").text
    steps.expect("the person sees it all", person.name in own and person.address in own)


def _sealed_tables() -> dict[str, str]:
    """Table -> its column that names the person, of the tables that hold sealed values of persons."""
    named: dict[str, str] = {"accounts_person": "id"}
    sealed = {column.table for column in oracle.columns() if column.kind == "bytea"}
    named |= {column.table: "key_owner" for column in oracle.columns() if column.name == "key_owner"}
    return {table: name for table, name in named.items() if table in sealed}


def _held(person: Resident) -> dict[str, int]:
    """How many rows of each table are sealed under the person's key, for a role that sees all."""
    counts = {}
    for table, name in _sealed_tables().items():
        count = oracle.value(f'SELECT count(*) FROM {table} WHERE "{name}" = %s', person.person)
        if count:
            counts[table] = int(count)
    return counts


def _hidden_in_database(steps: Steps, stage: Stage, boss: Resident, person: Resident, before: dict[str, int]) -> None:
    after, shown = _held(person), []
    lost = [table for table, count in before.items() if after.get(table, 0) < count]
    steps.expect(f"what is stored in {len(before)} tables stays", bool(before) and not lost, ", ".join(lost))
    columns = _sealed_tables()
    for table in after.keys() - OPEN:
        question = f'SELECT count(*) FROM {table} WHERE "{columns[table]}" = %s'
        wanted = f" AND kind NOT IN ({', '.join(repr(kind) for kind in WANTED)})" if table == "mail_message" else ""
        for seen in (seen_as("app", question + wanted, person.person), seen_by(boss, question + wanted, person.person)):
            if seen != [(0,)]:
                shown.append(table)
    hidden = after.keys() - OPEN
    steps.expect("of the rest, the database shows no row to the application", not shown, ", ".join(sorted(set(shown))))
    steps.expect(
        "person, export, acceptance and a mail are among them",
        hidden >= {"accounts_person", "mail_message", "notices_acceptance", "rights_copy"},
    )
    question = "SELECT count(*) FROM access_invitation WHERE address_hash = %s"
    address = stage.hash_of(person.address)
    steps.expect(
        "nor what others stored of the address",
        oracle.value(question, address) == 1 and seen_by(boss, question, address) == [(0,)],
    )
    support = seen_as("support", "SELECT count(*) FROM accounts_person WHERE id = %s", person.person)
    steps.expect("nor one of the person to support", support == [(0,)])


def _unmailed(stage: Stage, steps: Steps, boss: Resident, person: Resident) -> None:
    """An administrator who is restricted is written to no more; the other one is."""
    notice = stage.arrival(boss.address, "upport")
    queued = oracle.value(
        "SELECT count(*) FROM mail_message WHERE key_owner = %s AND kind <> ALL (%s) AND created_at > "
        "(SELECT max(at) FROM consent_restriction WHERE key_owner = %s)",
        person.person,
        list(WANTED),
        person.person,
    )
    mails = [mail for mail in stage.sink.mails(person.address) if "upport" in mail.subject]
    steps.expect("the other administrator hears that support was let in", notice is not None)
    steps.expect("the restricted one gets no such mail", not mails and not queued)
    texts = [mail.text for mail in stage.sink.mails(boss.address)]
    steps.expect(
        "no mail to the other names the person", not any(name in text for name in _names(person) for text in texts)
    )


def _lifted_by_officer(stage: Stage, steps: Steps, officer: Resident, person: Resident) -> None:
    number = oracle.value("SELECT id FROM consent_restriction WHERE key_owner = %s AND lifts_at IS NULL", person.person)
    reason = f"Probe {new_id()}"
    path = f"/staff/office/restrictions/{number}/lift"
    steps.expect(
        "an officer lifts nothing without a reason", officer.visitor.post(path, {"reason": ""}).status_code >= 400
    )
    officer.visitor.post(path, {"reason": reason})
    lifts_at = oracle.value("SELECT lifts_at FROM consent_restriction WHERE id = %s", number)
    held = lifts_at is not None and lifts_at > clock.now() + NOTICE
    steps.expect("what an officer lifts stays restricted for a week", held, str(lifts_at))
    mail = stage.arrival(person.address, reason)
    day = f"{lifts_at.day} {lifts_at:%B %Y}" if lifts_at else "-"
    steps.expect("and the person is told by mail, with day and reason", mail is not None and day in mail.text)
    still = seen_as("app", "SELECT count(*) FROM accounts_person WHERE id = %s", person.person)
    steps.expect("until then nobody sees it", still == [(0,)])


def _lifted(stage: Stage, steps: Steps, boss: Resident, person: Resident) -> None:
    person.visitor.submit("/account/data/choices", {}, action="/lift")
    mail = stage.arrival(person.address, "is lifted, as you asked")
    steps.expect("the person lifts it by the page, and is told by mail", mail is not None)
    shown = boss.visitor.get(boss.page("members")).text
    steps.expect("then the members' page names the person again", person.name in shown)


def _stored(steps: Steps) -> None:
    """Mails to restricted persons that nothing but a wish of theirs or the law explains."""
    sent = oracle.value(
        "SELECT count(*) FROM mail_message m JOIN consent_restriction r ON r.key_owner = m.key_owner "
        "WHERE m.kind <> ALL (%s) AND m.sent_at > r.at + interval '1 minute' "
        "AND (r.lifts_at IS NULL OR m.sent_at < r.lifts_at)",
        list(WANTED),
    )
    steps.expect("no mail left for a restricted person that they had no need to get", not sent, counted(sent or 0))
