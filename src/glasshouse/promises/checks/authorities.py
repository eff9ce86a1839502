"""Checks of legal requests of authorities: PRI-16."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from selectolax.lexbor import LexborHTMLParser

from glasshouse.authorities.models import LegalRequest
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises import oracle
from glasshouse.promises.database_door import refusal
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

NAME, EMAIL = "user.name", "user.contact.email"
AUTHORITY, QUIET_S = "Probe of the promise checks", 2.0


@check(
    "PRI-16",
    steps=(
        "Three legal requests about a probe are there, one with a bar. Two members of the staff who are probes review them "
        "by the page: one alone tries to review twice, one narrows, one refuses.",
        "What is handed over is fetched, and the mail to the person is read where it arrives; for the refused one and the one "
        "with a bar none may come.",
        "Answers without two reviewers, with more than was asked for, and without telling the person are tried at the database, "
        "as the application's own role.",
        "All legal requests are looked through, and the public report is held against them.",
    ),
    oracle="The rows of legal requests, disclosures and mail, read with SQL by a role that only reads; the mails that arrived; "
    "the file that would be handed over; what the database refuses.",
)
def legal_requests() -> Finding:
    """Legal requests about a probe, from the first review to the mail; and all that are stored."""
    steps = Steps()
    with on_stage(steps) as stage:
        address = stage.ask_sign_up()
        first, second = stage.staff("privacy"), stage.staff("security")
        person = stage.finish_sign_up(address)
        act = _Review(stage, steps, first, second, person)
        answered, refused, barred = (_entered(stage, person, until) for until in (None, None, _tomorrow()))
        act.answer(answered)
        act.refuse(refused)
        act.bar(barred)
        act.answer_is_announced(answered)
        _database(steps, answered)
        _report(stage, steps)
    _stored(steps)
    return steps.judged()


def _tomorrow() -> date:
    return clock.now().date() + timedelta(days=1)


def _entered(stage: Stage, person: Resident, barred_until: date | None) -> str:
    """A legal request about a probe; its id. Entered by its page it would call the real reviewers by mail."""
    now = clock.now()
    row = LegalRequest(
        address=person.address,
        address_hash=stage.hash_of(person.address),
        authority=AUTHORITY,
        grounds="Probe",
        reasons={},
        country="ZZ",
        asked=[EMAIL, NAME],
        entered_by=person.account,
        received_at=now,
        due_at=now + timedelta(days=30),
        barred_until=barred_until,
    )
    row.save(force_insert=True)
    return str(row.id)


@dataclass(frozen=True, slots=True)
class _Row:
    """A legal request as its row says."""

    narrowed: list[str]
    first_by: str
    second_by: str
    outcome: str
    is_told: bool


def _row(number: str) -> _Row:
    question = "SELECT narrowed, first_by, second_by, outcome, told_at IS NOT NULL FROM rights_demand WHERE id = %s"
    return _Row(*oracle.rows(question, number)[0])


@dataclass(frozen=True, slots=True)
class _Review:
    """Two reviewers, and the person."""

    stage: Stage
    steps: Steps
    first: Resident
    second: Resident
    person: Resident

    def _by(self, reviewer: Resident, number: str, verdict: str, allowed: list[str]) -> int:
        fields: dict[str, str | list[str]] = {"verdict": verdict, "allowed": allowed, "reasons": "Probe"}
        return reviewer.visitor.post(f"/staff/legal-requests/{number}/review", fields).status_code

    def _file(self, reviewer: Resident, number: str) -> str:
        """What would be handed over; "" if nothing is."""
        answer = reviewer.visitor.get(f"/staff/legal-requests/{number}")
        return answer.text if answer.status_code == 200 else ""

    def answer(self, number: str) -> None:
        """Answer one, narrowed by the second reviewer."""
        page = self.person.visitor.get("/staff/legal-requests")
        self.steps.expect("a customer finds no page of legal requests", page.status_code == 404, str(page.status_code))
        self._by(self.first, number, "answer", [EMAIL, NAME])
        again = self._by(self.first, number, "answer", [EMAIL, NAME])
        row = _row(number)
        held = row.first_by == self.first.account and not row.second_by and not row.outcome
        self.steps.expect("nobody reviews twice", held and again >= 400, str(again))
        self.steps.expect("nothing is handed over after one review", not self._file(self.first, number))
        self._by(self.second, number, "answer", [EMAIL, "user.financial"])
        row = _row(number)
        two = (row.first_by, row.second_by) == (self.first.account, self.second.account)
        self.steps.expect(
            "two different people have reviewed it, and it is answered", two and row.outcome == "answered"
        )
        self.steps.expect(
            "only what both allow, and was asked for, goes", row.narrowed == [EMAIL], ", ".join(row.narrowed)
        )
        text = self._file(self.second, number)
        values = json.loads(text) if text else []
        held = self.person.address in text and self.person.name not in text
        kinds = {value.get("category") for value in values}
        self.steps.expect("the file holds that, and no name", held and kinds == {EMAIL}, ", ".join(map(str, kinds)))

    def refuse(self, number: str) -> None:
        """Refuse one."""
        self._by(self.first, number, "answer", [EMAIL])
        self._by(self.second, number, "refuse", [])
        held = _row(number).outcome == "refused" and not self._file(self.first, number)
        self.steps.expect("if either refuses, nothing goes", held, _row(number).outcome)

    def bar(self, number: str) -> None:
        """Answer one of which the person may not be told yet."""
        self._by(self.first, number, "answer", [EMAIL])
        self._by(self.second, number, "answer", [EMAIL])
        row = _row(number)
        self.steps.expect(
            "while the law bars it, the person is not told", row.outcome == "answered" and not row.is_told
        )

    def answer_is_announced(self, number: str) -> None:
        """The person is told of the one that was answered without a bar, and of no other."""
        mail = self.stage.arrival(self.person.address, AUTHORITY)
        self.steps.expect("the person is told by mail, by whom and of what", mail is not None and "ZZ" in mail.text)
        self.steps.expect("and it is on record", _row(number).is_told)
        time.sleep(QUIET_S)
        mails = [mail for mail in self.stage.sink.mails(self.person.address) if AUTHORITY in mail.text]
        self.steps.expect("of the refused and the barred one no mail arrives", len(mails) == 1, f"{len(mails)} mails")
        recorded = oracle.value(
            "SELECT count(*) FROM disclosures_disclosure d JOIN disclosures_recipient r ON r.id = d.recipient_id "
            "WHERE d.key_owner = %s AND r.kind = 'authority'",
            self.person.person,
        )
        self.steps.expect("the person's record of disclosures names the authority", recorded == 1, str(recorded))


def _database(steps: Steps, number: str) -> None:
    copied = (
        "INSERT INTO rights_demand SELECT (jsonb_populate_record(d, %s::jsonb)).* FROM rights_demand d WHERE id = %s"
    )
    never_told = {"told_at": None, "barred_until": None}
    tried = {
        "whole": {},
        "with one reviewer twice": {
            "second_by": oracle.value("SELECT first_by FROM rights_demand WHERE id = %s", number)
        },
        "with one review": {"second_by": ""},
        "that one refused": {"second_verdict": "refuse"},
        "with more than was asked for": {"narrowed": [EMAIL, "user.contact.phone_number"]},
        "of which the person is not told": never_told,
    }
    said = {name: refusal((copied, [json.dumps({"id": new_id()} | change), number])) for name, change in tried.items()}
    steps.expect("the database takes an answer that keeps the rules", not said["whole"], said.pop("whole"))
    for name, refused in said.items():
        steps.expect(f"it refuses one {name}", bool(refused))


def _report(stage: Stage, steps: Steps) -> None:
    """The public report counts what the rows hold, but for what checks entered, which is no authority's."""
    rows = oracle.rows(
        "SELECT extract(year FROM received_at AT TIME ZONE 'UTC')::int, outcome, country, told_at IS NOT NULL, "
        "outcome = 'answered' AND told_at IS NULL AND untellable_at IS NULL FROM rights_demand d "
        "WHERE NOT EXISTS (SELECT FROM probes_mark m WHERE m.value = 'rights_demand:' || d.id)"
    )
    page = LexborHTMLParser(stage.visitor().get("/trust/legal-requests").text)
    shown, wrong = set(), []
    for line in page.css("tbody tr"):
        cells = [" ".join(cell.text().split()) for cell in line.css("td")]
        year = int(cells[0])
        shown.add(year)
        own = [row for row in rows if row[0] == year]
        numbers = [str(len(own)), str(sum(row[3] for row in own)), str(sum(row[4] for row in own))]
        outcomes = {f"{count} {name or 'open'}" for name, count in Counter(row[1] for row in own).items()}
        if [cells[1], cells[4], cells[5]] != numbers or any(each not in cells[2] for each in outcomes):
            wrong.append(str(year))
    steps.expect(
        "the public report counts all of them, by year",
        not wrong and shown >= {row[0] for row in rows},
        ", ".join(wrong),
    )


def _stored(steps: Steps) -> None:
    closed, alone, beyond, untold, ended, late, unmailed = oracle.rows(
        "SELECT count(*) FILTER (WHERE outcome <> ''), "
        "count(*) FILTER (WHERE outcome <> '' AND (first_by = '' OR second_by = '' OR first_by = second_by)), "
        "count(*) FILTER (WHERE outcome = 'answered' AND NOT narrowed <@ asked), "
        "count(*) FILTER (WHERE outcome = 'answered' AND told_at IS NULL AND untellable_at IS NULL AND barred_until IS NULL), "
        "count(*) FILTER (WHERE outcome = 'answered' AND told_at IS NULL AND untellable_at IS NULL AND barred_until < "
        "((clock_timestamp() - interval '15 minutes') AT TIME ZONE 'UTC')::date), "
        "count(*) FILTER (WHERE outcome = '' AND due_at < clock_timestamp()), "
        "count(*) FILTER (WHERE told_at > clock_timestamp() - interval '29 days' AND person IN (SELECT id FROM accounts_person) "
        "AND NOT EXISTS (SELECT FROM mail_message m WHERE m.key_owner = person AND m.kind = 'announcement' AND m.created_at "
        "BETWEEN told_at - interval '1 minute' AND told_at + interval '1 minute')) FROM rights_demand"
    )[0]
    steps.expect(f"each of {counted(closed)} closed ones has two reviewers", not alone, counted(alone))
    steps.expect("none was given more than was asked for", not beyond, counted(beyond))
    steps.expect("each person was told, or telling is barred", not untold, counted(untold))
    steps.expect("no bar that has ended is forgotten", not ended, counted(ended))
    steps.expect("none is late", not late, counted(late))
    steps.expect("whoever is noted as told has a mail", not unmailed, counted(unmailed))
