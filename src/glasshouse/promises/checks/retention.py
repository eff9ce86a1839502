"""Checks of how long rows are kept, and of deletion runs: PRI-18, PRI-19."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from psycopg import sql

from glasshouse.kernel import clock
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.probes import api as probes
from glasshouse.promises import file_reader, old_copy, opened, oracle
from glasshouse.promises.filled import done
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import DAILY_S, check
from glasshouse.promises.retention_rules import REASONS, RULES, Rule
from glasshouse.promises.stage import Resident, Stage, on_stage, open_stage
from glasshouse.retention.models import LegalHold
from glasshouse.vault import api as vault

GRACE = timedelta(days=2)  # A deletion run comes once a day.
RUNS_S, DAY = 20.0, timedelta(days=1)
NAMING = ("character varying(16)", "character varying(64)")  # ids and keyed hashes: what says whose a row is
LIVE = "FROM retention_hold h WHERE h.ends_at > now()"
# Whom and which addresses a legal hold is on, with their accounts.
HELD = (
    f"SELECT h.key_owner {LIVE} UNION SELECT h.address_hash {LIVE} AND h.address_hash IS NOT NULL UNION "
    "SELECT unnest(ARRAY[p.id, p.address_hash, a.id]) FROM accounts_person p LEFT JOIN accounts_account a ON a.person_id = p.id "
    f"WHERE (p.id IN (SELECT h.key_owner {LIVE}) OR p.address_hash IN (SELECT h.address_hash {LIVE})) AND a.id IS NOT NULL"
)
# The newest notice that is not in force yet.
NEWER_NOTICE = (
    "SELECT published_at IS NOT NULL, in_force_at FROM notices_version WHERE document = 'notice' "
    "AND (in_force_at IS NULL OR in_force_at > clock_timestamp()) ORDER BY published_at DESC NULLS LAST, created_at DESC LIMIT 1"
)
DOCUMENTS = "/staff/documents"
NOW_AND_THEN = timedelta(hours=26)


@check(
    "PRI-18",
    steps=(
        "Every table of both databases is read from their catalogues. Each must have a rule or a reason in a list that is part "
        "of the check, written from the published notice.",
        "Each rule is put to the table itself: no row may be older by more than two days, unless a legal hold is on its owner.",
        "The privacy notice is opened: it must tell each rule that is about persons.",
        "A probe of the staff places a legal hold on another probe by the page, who asks for its erasure by the page; then the "
        "hold is ended by the page.",
    ),
    oracle="The check's own list of rules and reasons; the rows' times and the keys, read with SQL by a role that can only read; "
    "the notice as everybody sees it; the mail about the hold that arrives.",
)
def retention_rules() -> Finding:
    """No row has outlived its rule by more than two days, unless it is held; each table has a rule or a reason; a hold keeps."""
    steps = Steps()
    columns = [*oracle.columns(oracle.PEOPLE), *oracle.columns(oracle.VAULT)]
    tables = {column.table for column in columns}
    unruled = tables - {rule.table for rule in RULES} - set(REASONS)
    claim = f"each of {len(tables)} tables has a rule ({len({rule.table for rule in RULES})}) or a reason to have none"
    steps.expect(claim, not unruled, ", ".join(sorted(unruled)[:3]))
    for rule in RULES:
        kinds = {column.name: column.kind for column in columns if column.table == rule.table}
        those = f"no row of {rule.table}{f' where {rule.only}' if rule.only else ''}"
        named = f"{those} is kept more than {rule.days} days after {rule.column}, but where a legal hold is on it"
        if kinds.get(rule.column, "").startswith("timestamp"):
            late = _late(rule, [name for name, kind in kinds.items() if kind in NAMING])
            steps.expect(named, not late, f"{counted(late)} are")
        else:
            steps.expect(named, False, "there is no such time any more")
    _noticed(steps)
    with on_stage(steps) as stage:
        _held(steps, stage)
    return steps.judged()


def _held(steps: Steps, stage: Stage) -> None:
    """A legal hold keeps a person who wants to be erased, and what was asked for is done when it ends."""
    officer, person = stage.staff("privacy"), stage.grower()
    reason = f"Probe {new_id()}"
    order = {"whom": person.address, "reason": reason, "days": "1"}
    done(officer.visitor.submit("/staff/office", order, action="/holds"), "A legal hold")
    hold = _id("SELECT id FROM retention_hold WHERE key_owner = %s", person.person)
    try:
        steps.expect("a legal hold is told by a mail that arrives", stage.arrival(person.address, reason) is not None)
        person.visitor.submit("/account/data/erase", {"word": "erase"})
        waits = bool(_id("SELECT id FROM retention_waiting WHERE subject = %s", person.person))
        steps.expect("an erasure that is asked for under a legal hold waits", waits)
        is_whole = _there("accounts_person", person.person) and _there("access_organisation", person.organisation)
        opens = bool(opened.keys_of(person.person)) and person.visitor.get("/account/data").status_code == 200
        steps.expect("the person is there, with the organisation, the key and the session", is_whole and opens)
    finally:
        officer.visitor.post(f"/staff/office/holds/{hold}/end")
        is_ended = not oracle.value("SELECT count(*) FROM retention_hold WHERE id = %s AND ends_at > now()", hold)
        # Whatever the page did: what is held cannot be taken away when the stage is left.
        LegalHold.objects.filter(key_owner=person.person).update(ends_at=clock.now())
    steps.expect("a legal hold ends by the page", is_ended)
    # The worker does what waits within a minute; it is asked for once more, so that nobody has to wait here.
    person.visitor.post("/account/data/erase", {"word": "erase"})
    is_gone = _until(lambda: not _there("accounts_person", person.person))
    steps.expect("when the hold has ended the erasure is done", is_gone and _is_emptied(person.person))


def _late(rule: Rule, owners: list[str]) -> int:
    """How many rows are too old, a thousand at most; those of whom a legal hold is on are left out."""
    held = [sql.SQL("{} NOT IN ({})").format(sql.Identifier(owner), sql.SQL(HELD)) for owner in owners]
    older = sql.SQL("{} < now() - {}::interval").format(
        sql.Identifier(rule.column), sql.Literal(timedelta(days=rule.days) + GRACE)
    )
    only = [sql.SQL("({})").format(sql.SQL(rule.only))] if rule.only else []
    holds = [sql.SQL("coalesce({}, true)").format(condition) for condition in held]
    question = sql.SQL("SELECT count(*) FROM (SELECT FROM {} WHERE {} LIMIT 1000) AS late").format(
        sql.Identifier(rule.table), sql.SQL(" AND ").join([older, *only, *holds])
    )
    with oracle.reading() as link:
        row = link.execute(question).fetchone()
    return int(row[0]) if row else 0


def _noticed(steps: Steps) -> None:
    visitor = Visitor()
    try:
        page = " ".join(visitor.get("/documents/notice").text.split())
    finally:
        visitor.close()
    untold = sorted({rule.notice_text for rule in RULES if rule.notice_text and rule.notice_text not in page})
    instead = f"not “{untold[0]}”; {_what_to_do()}" if untold else ""
    steps.expect("the privacy notice tells each rule that is about persons", not untold, instead)
    if untold[1:]:
        steps.tell(f"nor does it tell: {'; '.join(untold[1:])}")


def _what_to_do() -> str:
    """What is to be done about a notice in force that lacks something."""
    newer = oracle.rows(NEWER_NOTICE)
    if not newer:
        return f"the privacy officer has to draft a new notice, and publish it ({DOCUMENTS})"
    is_published, in_force_at = newer[0]
    if not is_published:
        return f"a newer notice waits as a draft: the privacy officer has to read and publish it ({DOCUMENTS})"
    since = f"from {in_force_at:%Y-%m-%d} on" if in_force_at else "when everybody was told and had time"
    return f"a newer notice is published, and in force {since}"


@check(
    "PRI-19",
    steps=(
        "A probe gets mails, makes an export, subscribes, invites, objects and signs in again. Some of these rows are dated "
        "as if they had outlived their rule by a day, some as if their last day had come; on one there is a legal hold.",
        "The worker's deletion run goes over the probe's rows, and over nobody else's.",
        "Before, the people store is copied, as a backup would be. After, the copy is started apart from the service: what was "
        "sealed with a key that the run destroyed must not open in it with the keys of now.",
        "What is over must be gone, with its file and with the key that sealed nothing else; what is not, and what is held, must "
        "be there.",
        "The daily run over everybody's rows is judged by its newest certificate, and by PRI-18.",
    ),
    oracle="Rows and keys, read with SQL by a role that can only read; files and raw bytes on the disk; a decryption of the "
    "check's own; a copy by PostgreSQL's own program.",
    every_s=DAILY_S,
)
def deletion_run() -> Finding:
    """What has outlived its rule is gone after a deletion run, with its key and its file; what has not is there."""
    steps, began = Steps(), time.time()
    with open_stage() as stage:
        grower, held = stage.growers(2)
        over, stays = _Rows(stage, grower), _Rows(stage, held)
        # No page of a probe places a legal hold, which is the privacy officer's.
        LegalHold.objects.create(
            key_owner=held.person,
            sealed_by=held.person,
            owner=held.account,
            reason="probe",
            created_at=clock.now(),
            ends_at=clock.now() + DAY,
        )
        try:
            with old_copy.taken() as copy:
                _run(steps, over, stays)
                _look_into(copy, steps, over, grower)
        finally:
            # A probe's hold ends with its use: its organisation is closed when the stage is left.
            LegalHold.objects.filter(key_owner=held.person).update(ends_at=clock.now())
            for rows in (over, stays):
                vault.age(
                    KeyOwnerId(rows.subscription), clock.now()
                )  # Only what is younger than the check goes with it.
        steps.expect("the key of what is there lives", bool(opened.keys_of(grower.person)))
        search = file_reader.look([grower.address, grower.name], began=began)
        steps.expect(f"nothing of it is readable in {search.extent}", not search.places, ", ".join(search.places[:3]))
        file_reader.tell_elsewhere(steps)
    _certified(steps)
    return steps.judged()


def _run(steps: Steps, over: "_Rows", stays: "_Rows") -> None:
    """Date the rows, and look what a deletion run of the worker makes of them."""
    young = over.young()
    stays.age(("rights_copy",))
    over.age()
    steps.expect(
        "what has outlived its rule is gone after a deletion run", _until(lambda: not over.there()), over.there()
    )
    steps.expect("what is not over yet is there", _there("mail_message", young))
    steps.expect("what a legal hold is on is there", "rights_copy" in stays.there())
    steps.expect("the file of a row that went is gone from the disk", bool(over.files) and not _exist(over.files))
    dead = _until(lambda: not opened.keys_of(over.subscription))
    steps.expect(
        "a key that sealed nothing else is destroyed, its bytes emptied", dead and _is_emptied(over.subscription)
    )


def _look_into(copy: old_copy.OldCopy | None, steps: Steps, over: "_Rows", grower: Resident) -> None:
    """What the copy of before the run still gives away, with the keys of now."""
    if copy is None:
        steps.cannot_tell(old_copy.NO_COPY)
        return
    with copy.started() as sockets:
        of_run = old_copy.tried(sockets, [over.subscription], {over.subscription})
        of_grower = old_copy.tried(sockets, [grower.person], {grower.person})
    if not of_run.count or not of_grower.opening:
        raise UnavailableError("The copy of the people store shows nothing of the probe, so that it proves nothing.")
    claim = f"none of {of_run.count} values in a copy of before opens with the keys of now"
    steps.expect(claim, not of_run.opening, f"{len(of_run.opening)} open")


class _Rows:
    """Rows that a person of the stage has brought about at the doors: by table, with the time that its rule counts from."""

    def __init__(self, stage: Stage, resident: Resident) -> None:
        done(resident.visitor.submit("/account/data", {}, action="/export"), "An export")
        done(
            resident.visitor.submit("/account/data/choices", {"words": f"canary{new_id()}"}, action="/object"),
            "An objection",
        )
        address = stage.invite(resident, "viewer")
        done(stage.visitor().submit("/trust/providers", {"address": address}), "A subscription", 200)
        stage.link(address, "trust/providers")
        stage.sign_in(resident)
        hashed, self.own = stage.hash_of(address), stage.hash_of(resident.address)
        mail = "SELECT id FROM mail_message WHERE address_hash = %s AND kind = 'sign-up' AND sent_at IS NOT NULL"
        news = "SELECT id FROM mail_message WHERE address_hash = %s AND kind = 'subscription' AND sent_at IS NOT NULL"
        _until(lambda: bool(_id(news, hashed)))
        row_of = {
            ("mail_message", "sent_at"): _id(mail, self.own),
            ("rights_copy", "expires_at"): _id("SELECT id FROM rights_copy WHERE key_owner = %s", resident.person),
            ("access_invitation", "expires_at"): _id(
                "SELECT id FROM access_invitation WHERE address_hash = %s", hashed
            ),
            ("disclosures_subscriber", "ended_at"): _id(
                "SELECT id FROM disclosures_subscriber WHERE address_hash = %s", hashed
            ),
            ("rights_request", "closed_at"): _id("SELECT id FROM rights_request WHERE address_hash = %s", self.own),
            ("accounts_session", "expires_at"): _id(
                "SELECT id FROM accounts_session WHERE key_owner = %s ORDER BY created_at DESC", resident.person
            ),
        }
        self.subscription = row_of["disclosures_subscriber", "ended_at"]
        self.rows = [(table, column, row) for (table, column), row in row_of.items()]
        self.rows.append(
            ("mail_message", "sent_at", _id(news, hashed))
        )  # It is sealed with the subscription's key, too.
        if missing := [table for table, _, row in self.rows if not row]:
            raise UnavailableError(f"The probe's walk brought about no row of {', '.join(missing)}.")
        blob = _id("SELECT blob FROM rights_copy WHERE key_owner = %s", resident.person)
        self.files = list(Path(settings.BLOB_FOLDER).rglob(blob)) if blob else []

    def age(self, tables: tuple[str, ...] = ()) -> None:
        """Date the rows as if their rule had been over for a day; tables: only of these."""
        days = {(rule.table, rule.column): rule.days for rule in RULES}
        vault.age(KeyOwnerId(self.subscription), clock.now() - 3 * DAY)  # A key of today may be for a row that comes.
        for table, column, row in self.rows:
            if not tables or table in tables:
                probes.date(row, table, column, clock.now() - timedelta(days=days[table, column] + 1))

    def young(self) -> str:
        """Id of a mail on its last day."""
        mail = "SELECT id FROM mail_message WHERE address_hash = %s AND kind = 'privacy' AND sent_at IS NOT NULL"
        _until(lambda: bool(_id(mail, self.own)))
        row = _id(mail, self.own)
        probes.date(row, "mail_message", "sent_at", clock.now() - timedelta(days=29, hours=20))
        return row

    def there(self) -> str:
        """Tables whose aged row is there."""
        return ", ".join(table for table, _, row in self.rows if _there(table, row))


def _id(question: str, *values: object) -> str:
    return str(oracle.value(question, *values) or "")


def _there(table: str, row: str) -> bool:
    with oracle.reading() as link:
        question = sql.SQL("SELECT count(*) FROM {} WHERE id = %s").format(sql.Identifier(table))
        first_row = link.execute(question, [row]).fetchone()
    return bool(first_row and first_row[0])


def _exist(paths: list[Path]) -> bool:
    return any(path.exists() for path in paths)


def _until(seen: Callable[[], bool]) -> bool:
    """Whether something is seen within the time that the worker's next run takes."""
    ends = time.monotonic() + RUNS_S
    while not (is_seen := seen()) and time.monotonic() < ends:
        time.sleep(0.2)
    return is_seen


def _is_emptied(key_owner: str) -> bool:
    question = "SELECT length(wrapped), destroyed_at IS NOT NULL FROM vault_data_key WHERE key_owner = %s"
    rows = oracle.rows(question, key_owner, database=oracle.VAULT)
    return bool(rows) and all(row == (0, True) for row in rows)


def _certified(steps: Steps) -> None:
    """Certificates of the daily runs over everybody's rows, and the statistics that stay."""
    steps.tell(
        "the daily run over everybody's rows is judged by its certificate here, and by the age of all rows in PRI-18"
    )
    oldest = oracle.value("SELECT min(applied) FROM django_migrations")
    newest = oracle.value("SELECT max(at) FROM retention_sweep")
    if oldest is not None and clock.now() - oldest < NOW_AND_THEN and newest is None:
        steps.note("a certificate of a daily run, for there is none yet: the service is younger than a day")
    else:
        good = newest is not None and clock.now() - newest < NOW_AND_THEN
        steps.expect("the newest certificate of a daily deletion run is of the last 26 hours", good)
    few = oracle.value("SELECT count(*) FROM retention_statistic WHERE count < 5")
    steps.expect("what stays as numbers is of groups of five and more", few == 0)
