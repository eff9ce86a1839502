"""Checks of requests that are passed to a customer: PRI-27."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.probes import api as probes
from glasshouse.promises import oracle
from glasshouse.promises.database_door import seen_by
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

LONGEST = timedelta(days=31)  # GDPR Art. 12(3): no referral takes longer than the answer may
ASKED = "See what you hold of me"  # how the page says what a request for access wants
REMINDED = timedelta(minutes=15)  # the job that reminds runs every five minutes


@check(
    "PRI-27",
    steps=(
        "Two probes sign up as customers, and one of them invites a new address. The person at that address asks by the public "
        "page for their data and confirms the address by the mailed link.",
        "The person agrees on the page that the request is passed on. Each customer opens its page of such requests, and the "
        "page of the other; the one that was asked answers.",
        "The day of the answer is dated as if it had passed, and the customer's mail is read.",
        "All referrals are looked through for those that are late without a reminder.",
    ),
    oracle="The rows of referrals, read with SQL by a role that can only read, and as the database shows them to the other "
    "customer; the mails that arrived; the pages shown.",
)
def referral() -> Finding:
    """A probe person whom one customer knows, from the question to that customer's answer."""
    steps = Steps()
    with on_stage(steps) as stage:
        two = _two(stage)
        address = stage.invite(two.customer, "viewer")
        question = f"Words for nobody else {new_id()}"
        visitor = stage.visitor()
        fields = {"kind": "access", "region": "eu", "address": address, "text": question}
        visitor.submit("/privacy", fields)
        if _offered(stage, steps, visitor, address, two):
            _told(stage, steps, address, two)
            _separate(steps, address, question, two)
            _late(stage, steps, address, two)
            _answered(stage, steps, address, two.customer)
    _stored(steps)
    return steps.judged()


class _Two(NamedTuple):
    """The customer that knows the person, another one, and the names of both."""

    customer: Resident
    other: Resident
    name: str
    other_name: str


def _two(stage: Stage) -> _Two:
    names = f"Probe {new_id()}", f"Probe {new_id()}"
    asked = [stage.ask_sign_up() for _ in names]
    residents = [stage.finish_sign_up(address, organisation=name) for address, name in zip(asked, names, strict=True)]
    return _Two(residents[0], residents[1], *names)


class _Referral(NamedTuple):
    """A referral as its row says. answer_due: of the request itself; passing: what the person decided."""

    organisation: str
    id: str
    asked: datetime
    due: datetime
    answer_due: datetime
    answered: datetime | None
    passing: str


def _referrals(stage: Stage, address: str) -> list[_Referral]:
    referrals = oracle.rows(
        "SELECT f.organisation_id, f.id, f.asked_at, f.due_at, r.due_at, f.answered_at, r.passing FROM rights_referral f "
        "JOIN rights_request r ON r.id = f.request_id WHERE r.address_hash = %s",
        stage.hash_of(address),
    )
    return [_Referral(*row) for row in referrals]


def _offered(stage: Stage, steps: Steps, visitor: Visitor, address: str, two: _Two) -> bool:
    """Confirm the address, look what is offered, and agree."""
    customer, other, name, other_name = two
    page = visitor.follow(visitor.submit(stage.link(address, "privacy/prove"), {}))
    shown = name in page.text and customer.organisation in page.text
    if not steps.expect("the person is asked whether the one customer may be told", shown):
        return False
    hidden = other.organisation not in page.text and other_name not in page.text
    steps.expect("no other customer is named to the person", hidden)
    steps.expect("nothing is passed on before", not _referrals(stage, address))
    path = str(page.url)
    stranger = stage.visitor().post(
        re.sub(r"confirmed$", "pass-on/agree", path), {"organisation": [other.organisation]}
    )
    steps.expect(
        "nor to a customer that does not know the person",
        stranger.status_code >= 400 and not _referrals(stage, address),
        str(stranger.status_code),
    )
    answer = visitor.submit(path, {"organisation": [customer.organisation]}, action="/pass-on/agree")
    done = visitor.follow(answer).text
    rows = _referrals(stage, address)
    steps.expect(
        "once agreed, it is passed to that one and no other", [row[0] for row in rows] == [customer.organisation]
    )
    for _, _, asked, due, request_due, _, passing in rows:
        steps.expect(
            "with a deadline, none later than the answer's own", asked < due <= request_due and due - asked <= LONGEST
        )
        steps.expect("the consent is on record", passing == "agreed")
    steps.expect("the page names whom it was passed to, and nobody else", name in done and other_name not in done)
    return bool(rows)


def _told(stage: Stage, steps: Steps, address: str, two: _Two) -> None:
    customer, other, name, other_name = two
    mail = stage.arrival(address, "passed your request")
    steps.expect("the person is told by mail", mail is not None and name in mail.text)
    steps.expect(
        "no mail to the person names another customer",
        all(other_name not in each.text for each in stage.sink.mails(address)),
    )
    path = f"/o/{customer.organisation}/privacy"
    call = stage.arrival(customer.address, path)
    due_at = _referrals(stage, address)[0][3]
    due = f"{due_at.day} {due_at:%B %Y}"
    steps.expect("the customer is called by mail, with the day", call is not None and due in call.subject + call.text)
    called = [each for each in stage.sink.mails(other.address) if "/privacy" in each.text]
    steps.expect("the other customer is not", not called)


def _separate(steps: Steps, address: str, question: str, two: _Two) -> None:
    customer, other, _, _ = two
    page = customer.visitor.get(customer.page("privacy")).text
    steps.expect("the customer's administrator sees the address and what is asked", address in page and ASKED in page)
    steps.expect("and nothing that the person wrote", question not in page)
    steps.expect(
        "the other administrator sees nothing of it", address not in other.visitor.get(other.page("privacy")).text
    )
    foreign = other.visitor.get(customer.page("privacy"))
    steps.expect(
        "nor on the customer's own page",
        foreign.status_code in (403, 404) and address not in foreign.text,
        str(foreign.status_code),
    )
    own = seen_by(customer, "SELECT count(*) FROM rights_referral WHERE organisation_id = %s", customer.organisation)
    others = seen_by(other, "SELECT count(*) FROM rights_referral WHERE organisation_id = %s", customer.organisation)
    steps.expect("the database shows the row to the one, and none to the other", (own, others) == ([(1,)], [(0,)]))


def _late(stage: Stage, steps: Steps, address: str, two: _Two) -> None:
    """Date the referral as if its day had just passed; the worker goes over probes' own every second."""
    probes.date(_referrals(stage, address)[0].id, "rights_referral", "due_at", clock.now() - timedelta(seconds=1))
    mail = stage.arrival(two.customer.address, "still waits")
    steps.expect("a customer whose day has passed is reminded by mail", mail is not None)
    reminders = [each for each in stage.sink.mails(two.other.address) if "still waits" in each.subject + each.text]
    steps.expect("and no other customer is", not reminders)
    steps.tell("the job that reminds everybody is judged by the referrals that are stored")


def _answered(stage: Stage, steps: Steps, address: str, customer: Resident) -> None:
    answer = f"We hold your invitation only. {new_id()}"
    number = _referrals(stage, address)[0][1]
    customer.visitor.submit(customer.page("privacy"), {"referral": number, "text": answer, "delete": ["yes"]})
    mail = stage.arrival(address, answer)
    steps.expect("the customer's answer arrives", mail is not None and f"[{_request(stage, address)}]" in mail.subject)
    steps.expect("and is on record", _referrals(stage, address)[0][5] is not None)
    left = oracle.value("SELECT count(*) FROM access_invitation WHERE address_hash = %s", stage.hash_of(address))
    steps.expect("what it wanted deleted is deleted", left == 0)


def _request(stage: Stage, address: str) -> str:
    return str(oracle.value("SELECT id FROM rights_request WHERE address_hash = %s", stage.hash_of(address)))


def _stored(steps: Steps) -> None:
    silent, beyond, unasked = oracle.rows(
        "SELECT count(*) FILTER (WHERE f.answered_at IS NULL AND f.warned_at IS NULL AND f.due_at < %s), "
        "count(*) FILTER (WHERE f.due_at > greatest(r.due_at, f.asked_at)), "
        "count(*) FILTER (WHERE r.passing NOT IN ('agreed', 'before')) "
        "FROM rights_referral f JOIN rights_request r ON r.id = f.request_id",
        clock.now() - REMINDED,
    )[0]
    steps.expect("every customer that is late was reminded", not silent, f"{counted(silent)} were not")
    steps.expect("no referral's day is after that of the answer", not beyond, f"{counted(beyond)} are")
    steps.expect("none was passed on against the person's word", not unasked, f"{counted(unasked)} were")
    failed = oracle.value(
        "SELECT count(*) FROM queues_failure "
        "WHERE queue = 'rights.warn-referral' AND set_aside_at IS NOT NULL AND seen_at IS NULL"
    )
    steps.expect("no reminder was given up", not failed, counted(failed))
