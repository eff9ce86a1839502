"""Checks of the time in which privacy requests are answered: PRI-28."""

from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString, NamedTuple

from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel import clock
from glasshouse.probes import api as probes
from glasshouse.promises import oracle
from glasshouse.promises.desk import at_the_desk
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.law_examples import (
    EXAMPLES,
    LAW_BEFORE,
    LAW_OF,
    OBJECTION_BUSINESS_DAYS,
    OFFERED,
    Example,
    by_business_days,
    last_day,
)
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

REMINDED_S = timedelta(minutes=15)  # the job that reminds runs every five minutes
WARNED = timedelta(days=5)
REASON = "The probe asked for much"
ASKED_FROM_ONE = 15  # fewer than are slowed down from one network
ACKNOWLEDGED_DAYS = 10  # business days, 11 CCR 7021(a)
# Open requests that are marked as brought to somebody, and of which no officer of their region got a mail since the day on which
# one was due: five days before the deadline, or the day of asking if that is later. Mails are kept for thirty days.
UNMAILED = (
    "SELECT count(*) FROM rights_request r WHERE r.closed_at IS NULL AND r.escalated >= 1 "
    "AND r.due_at > clock_timestamp() - interval '20 days' AND NOT EXISTS (SELECT FROM mail_message m "
    "JOIN accounts_account c ON c.person_id = m.key_owner LEFT JOIN rights_officer_region o ON o.account_id = c.id "
    "WHERE m.kind = 'deadline' AND c.staff_role = 'privacy' AND (o.account_id IS NULL OR r.region = ANY (o.regions) "
    "OR split_part(r.region, '-', 1) = ANY (o.regions)) "
    "AND m.created_at >= greatest(r.asked_at, r.due_at - interval '5 days'))"
)


MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@check(
    "PRI-28",
    steps=(
        "For each region that the public form offers a probe asks there for its data, and the receipt is read where it arrives.",
        "Further requests of probes are dated to the days of worked examples, month ends among them, and a member of the staff "
        "who is a probe extends each by the page. A second extension, and one of a law that knows none, are tried too.",
        "A probe opts out of sale where the law gives fifteen business days; the member of the staff corrects the region of the "
        "request from elsewhere twice, to a later and to an earlier day, and the mail about the later one is read.",
        "At the desk: a note is written, and a question asked back, which the probe answers by mail; two requests of one probe "
        "are merged, and one of another is tried; one member of the staff asks for an erasure twice, and then a second one.",
        "The deadline of every request that is stored is compared with the law's; open ones are looked through for those that "
        "are late, and for those of which nobody was reminded.",
    ),
    oracle="A table of worked examples from the laws, written down in the check with their sources; the rows of requests, read "
    "with SQL by a role that can only read.",
)
def legal_deadlines() -> Finding:
    """Deadlines that the live service gives, and those that are stored."""
    steps = Steps()
    _stored(steps)
    _reminded(steps)
    with on_stage(steps) as stage:
        officer = stage.staff("privacy")
        asked = _asked_in_each_region(stage, steps)
        _extended(stage, steps, officer)
        _acknowledged(stage, steps, asked)
        _objected(stage, steps)
        _corrected(stage, steps, officer, asked)
        at_the_desk(stage, steps, officer)
    return steps.judged()


def _stored(steps: Steps) -> None:
    now = clock.now()
    requests = oracle.rows(
        "SELECT region, law, channel, kind, acknowledge_by, asked_at, due_at, extended_at, closed_at, escalated "
        "FROM rights_request"
    )
    wrong_law = wrong_day = wrong_extension = late = silent = 0
    for region, law, channel, kind, acknowledge_by, asked_at, due_at, extended_at, closed_at, escalated in requests:
        day, asked = _day(due_at), _day(asked_at)
        wrong_law += channel != "agent" and law not in (LAW_OF.get(region), LAW_BEFORE.get(region))
        # An earlier version knew no time of its own for objections, and noted no receipt.
        counted_kind = kind if acknowledge_by or law.startswith("us-") else ""
        latest = last_day(law, asked, counted_kind, extended=extended_at is not None)
        wrong_day += latest is None or day > latest
        wrong_extension += extended_at is not None and _day(extended_at) > (last_day(law, asked) or date.min)
        if closed_at is None:
            late += due_at < now
            silent += escalated < (2 if due_at < now - REMINDED_S else due_at < now + WARNED - REMINDED_S)
    total = counted(len(requests))
    steps.expect(f"each of {total} requests has the law of its region", not wrong_law, f"{counted(wrong_law)} have not")
    steps.expect(
        "each is due within its law's time, extended ones within the longest",
        not wrong_day,
        f"{counted(wrong_day)} are not",
    )
    steps.expect(
        "each extension was told before the first deadline", not wrong_extension, f"{counted(wrong_extension)} were not"
    )
    steps.expect("no open request is past its deadline", not late, f"{counted(late)} are")
    steps.expect("officers were reminded five days before each deadline", not silent, f"not of {counted(silent)}")


def _reminded(steps: Steps) -> None:
    """Whom open requests are brought to, and whether a mail did it."""
    unmailed = oracle.value(UNMAILED)
    steps.expect("by mail, not only by a mark", not unmailed, f"not of {counted(unmailed or 0)}")
    nobodys = oracle.value(
        "SELECT count(*) FROM rights_request r WHERE r.closed_at IS NULL AND NOT EXISTS (SELECT FROM accounts_account c "
        "LEFT JOIN rights_officer_region o ON o.account_id = c.id WHERE c.staff_role = 'privacy' "
        "AND (o.account_id IS NULL OR r.region = ANY (o.regions) OR split_part(r.region, '-', 1) = ANY (o.regions)))"
    )
    steps.expect("each open request has an officer for its region", not nobodys, f"{counted(nobodys or 0)} have none")
    failed = oracle.value(
        "SELECT count(*) FROM queues_failure WHERE queue LIKE 'rights.%%' AND set_aside_at IS NOT NULL AND seen_at IS NULL"
    )
    steps.expect("no reminder was given up", not failed, f"{counted(failed)} were")


def _written(day: date) -> str:
    """A day as mails write it: 30 November 2026."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


class _Stored(NamedTuple):
    """A request as its row says."""

    id: str
    law: str
    asked: date
    due: date


def _stored_of(stage: Stage, addresses: list[str]) -> dict[str, _Stored]:
    """The request of each address that has one."""
    by_hash = {stage.hash_of(address): address for address in addresses}
    requests = oracle.rows(
        "SELECT address_hash, id, law, asked_at, due_at FROM rights_request WHERE address_hash = ANY (%s)", [*by_hash]
    )
    return {by_hash[key]: _Stored(number, law, _day(asked), _day(due)) for key, number, law, asked, due in requests}


def _asked_in_each_region(stage: Stage, steps: Steps) -> dict[str, str]:
    """Region -> the address of the probe that asked there."""
    visitor = stage.visitor()
    form = LexborHTMLParser(visitor.get("/privacy").text)
    regions = [node.attributes.get("value") or "" for node in form.css('select[name="region"] option')]
    steps.expect("the form offers the regions whose laws are known", set(regions) == set(OFFERED), ", ".join(regions))
    asked = {region: stage.new_address() for region in regions}
    for region, address in asked.items():
        visitor.submit("/privacy", {"kind": "access", "region": region, "address": address, "text": "Probe"})
    stored = _stored_of(stage, list(asked.values()))
    for region, address in asked.items():
        row, law = stored.get(address), LAW_OF.get(region, "")
        wanted = last_day(law, row.asked) if row else None
        held = row is not None and row.law == law and row.due == wanted
        steps.expect(
            f"who asks in {region} has a request, due by {law} on {wanted}",
            held,
            f"{row.law}, {row.due}" if row else "none",
        )
    return asked


def _extended(stage: Stage, steps: Steps, officer: Resident) -> None:
    """Extend probes' requests that came on the days of the worked examples."""
    region_of = {law: region for region, law in reversed(LAW_OF.items())}
    asked = [(stage.new_address(), example) for example in EXAMPLES]
    for begin in range(0, len(asked), ASKED_FROM_ONE):
        visitor = stage.visitor()
        for address, example in asked[begin : begin + ASKED_FROM_ONE]:
            fields = {"kind": "access", "region": region_of[example.law], "address": address, "text": "Probe"}
            visitor.post("/privacy", fields)
    until, before = clock.now() + timedelta(days=400), _stored_of(stage, [address for address, _ in asked])
    steps.expect("each of the dated requests is stored", len(before) == len(asked), f"{len(before)} of {len(asked)}")
    answers = {}
    for address, example in asked:
        if address in before:
            number = before[address].id
            probes.date(number, "rights_request", "asked_at", datetime.combine(example.asked, time(9), UTC))
            probes.date(number, "rights_request", "due_at", until)  # An extension is told before the deadline.
            answers[address] = officer.visitor.post(f"/staff/requests/{number}/extend", {"text": REASON}).status_code
    after = _stored_of(stage, [*before])
    for address, example in asked:
        due = after[address].due if address in after else None
        step = (
            f"{example.law}: came {example.asked}, extended to {example.extended or 'no later day'} ({example.source})"
        )
        seen = f"{due}, answered {answers.get(address)}"
        steps.expect(step, due == (example.extended or until.date()), seen)
    _told_of(stage, steps, [(address, example) for address, example in asked if example.extended and address in after])
    _only_once(steps, officer, [row.id for row in {row.law: row for row in after.values()}.values()])


def _told_of(stage: Stage, steps: Steps, extended: list[tuple[str, Example]]) -> None:
    """An extension is told by mail, with the new day and the reason: looked at for one of each law."""
    silent = []
    for address, example in {example.law: (address, example) for address, example in extended}.values():
        mail = stage.arrival(address, REASON)
        if mail is None or not example.extended or _written(example.extended) not in mail.text:
            silent.append(example.law)
    steps.expect(
        "each extension is told by mail, with its day and reason", not silent, f"not under {', '.join(silent)}"
    )


def _only_once(steps: Steps, officer: Resident, extended: list[str]) -> None:
    """Try to extend requests once more."""
    question: LiteralString = "SELECT id, due_at, extended_at FROM rights_request WHERE id = ANY (%s) ORDER BY id"
    before = oracle.rows(question, extended)
    for number in extended:
        officer.visitor.post(f"/staff/requests/{number}/extend", {"text": "Probe"})
    steps.expect("no law's request is extended twice", oracle.rows(question, extended) == before)


def _acknowledged(stage: Stage, steps: Steps, asked: dict[str, str]) -> None:
    missing, stored = [], _stored_of(stage, list(asked.values()))
    for region, address in asked.items():
        row = stored.get(address)
        mail = stage.arrival(address, "/privacy/prove/")
        if mail is None or row is None or _written(row.due) not in mail.text:
            missing.append(region)
        elif region == "us":
            limit = by_business_days(row.asked, ACKNOWLEDGED_DAYS)
            steps.tell(
                f"CCPA wants that receipt within {ACKNOWLEDGED_DAYS} business days, by {limit}; it is waited for here"
            )
    steps.expect("each receipt arrives and names the deadline", not missing, f"not in {', '.join(missing)}")


def _objected(stage: Stage, steps: Steps) -> None:
    """An opt-out of sale has a shorter time of its own in California."""
    address = stage.new_address()
    stage.visitor().submit("/privacy", {"kind": "object", "region": "us", "address": address, "text": "Do not sell it"})
    row = _stored_of(stage, [address]).get(address)
    wanted = by_business_days(row.asked, OBJECTION_BUSINESS_DAYS) if row else None
    seen = str(row.due) if row else "none"
    steps.expect(
        f"an opt-out is due within {OBJECTION_BUSINESS_DAYS} business days", bool(row and row.due == wanted), seen
    )


def _corrected(stage: Stage, steps: Steps, officer: Resident, asked: dict[str, str]) -> None:
    """The officer says where a person lives: the deadline follows, and of a later one the person is told."""
    address = asked.get("other", "")
    before = _stored_of(stage, [address]).get(address)
    if before is None:
        steps.expect("a request from elsewhere can be corrected", False, "there is none")
        return
    act = f"/staff/requests/{before.id}/classify"
    for region in ("eu", "br"):
        officer.visitor.post(act, {"kind": "access", "region": region})
        row, law = _stored_of(stage, [address])[address], LAW_OF[region]
        held = (row.law, row.due) == (law, last_day(law, before.asked))
        steps.expect(
            f"corrected to {region}, it is due by {law}, from the day of asking", held, f"{row.law}, {row.due}"
        )
    later = last_day("gdpr", before.asked)
    mail = stage.arrival(address, _written(later)) if later else None
    steps.expect("a later day is told by mail", mail is not None and _written(before.due) in mail.text)
