"""What the check of PRI-28 tries at the officer's desk: erasure by two officers, notes, questions back, merged requests."""

from typing import NamedTuple

from glasshouse.kernel.ids import new_id
from glasshouse.promises import mail_door, oracle
from glasshouse.promises.findings import Steps
from glasshouse.promises.stage import Resident, Stage


class _Row(NamedTuple):
    """A request as its row says. merged_into: the number of another one, "" for none; waits: for the person's answer."""

    number: str
    closed: bool
    outcome: str
    merged_into: str
    due: str
    waits: bool


def at_the_desk(stage: Stage, steps: Steps, officer: Resident) -> None:
    """Acts of the desk, tried by two probes of the staff on requests of probes."""
    second = stage.staff("privacy")
    _noted(stage, steps, officer)
    _merged(stage, steps, officer)
    _erased_by_two(stage, steps, officer, second)


def _rows(stage: Stage, address: str) -> list[_Row]:
    """The requests of an address, the oldest first."""
    return [
        _Row(*row)
        for row in oracle.rows(
            "SELECT id, closed_at IS NOT NULL, outcome, merged_into, due_at::text, asked_back_at IS NOT NULL "
            "FROM rights_request WHERE address_hash = %s ORDER BY asked_at, id",
            stage.hash_of(address),
        )
    ]


def _confirmed(stage: Stage, address: str, kind: str, text: str) -> str:
    """The number of a request that a probe asks and confirms; "" where there is none."""
    before = {row.number for row in _rows(stage, address)}
    seen = len(stage.sink.mails(address))
    stage.visitor().submit("/privacy", {"kind": kind, "region": "eu", "address": address, "text": text})
    stage.visitor().submit(stage.link(address, "privacy/prove", after=seen), {})
    new = [row.number for row in _rows(stage, address) if row.number not in before]
    return new[0] if len(new) == 1 else ""


def _noted(stage: Stage, steps: Steps, officer: Resident) -> None:
    """A note stays at the desk, sealed; a question makes the request wait for the person, until the person writes."""
    address, note, question = stage.new_address(), f"For colleagues {new_id()}", f"Which farm {new_id()}"
    number = _confirmed(stage, address, "access", "What do you hold of me?")
    page = f"/staff/requests/{number}"
    officer.visitor.post(f"{page}/note", {"note": note})
    steps.expect("an officer's note stands on the request's page", note in officer.visitor.get(page).text)
    stored = oracle.rows("SELECT text FROM rights_note WHERE request_id = %s", number)
    readable = [value for (value,) in stored if note.encode() in bytes(value)]
    steps.expect("and is stored sealed", len(stored) == 1 and not readable, f"{len(stored)} stored")
    officer.visitor.post(f"{page}/mail", {"text": question, "asks": "yes"})
    steps.expect("a question to the person arrives", stage.arrival(address, question) is not None)
    steps.expect("and no mail holds the note", all(note not in mail.text for mail in stage.sink.mails(address)))
    asked = _rows(stage, address)[0]
    steps.expect("the request waits for the person, and stays open", asked.waits and not asked.closed)
    mail_door.send(mail_door.letter(address, f"Re: Your privacy request [{number}]", "The one by the river."))
    answered = _rows(stage, address)[0]
    steps.expect("what the person sends ends that, and the deadline stays", answered == asked._replace(waits=False))


def _merged(stage: Stage, steps: Steps, officer: Resident) -> None:
    """Two requests of one address go on as one; one of another address is never merged."""
    address, other_address = stage.new_address(), stage.new_address()
    first, later = (_confirmed(stage, address, "access", text) for text in ("What do you hold?", "And of last year?"))
    other = _confirmed(stage, other_address, "access", "What do you hold of me?")
    officer.visitor.post(f"/staff/requests/{other}/merge", {"into": later})
    steps.expect("a request of another address is not merged", not _rows(stage, other_address)[0].merged_into)
    due = min(row.due for row in _rows(stage, address))
    officer.visitor.post(f"/staff/requests/{first}/merge", {"into": later})
    rows = {row.number: row for row in _rows(stage, address)}
    gone, stays = rows[first], rows[later]
    steps.expect("one of the same address is", (gone.outcome, gone.merged_into) == ("merged", later), gone.outcome)
    steps.expect("the other stays open, by the earlier deadline", not stays.closed and stays.due == due, stays.due)
    steps.expect("and the person is told", stage.arrival(address, first) is not None)
    shown = officer.visitor.get(f"/staff/requests/{later}").text
    steps.expect("the officer reads both on one page", "What do you hold?" in shown and "And of last year?" in shown)
    officer.visitor.post(f"/staff/requests/{first}/unmerge", {})
    undone = {row.number: row for row in _rows(stage, address)}[first]
    steps.expect("a merge can be undone", not undone.closed and not undone.merged_into, undone.outcome)
    officer.visitor.post(f"/staff/requests/{first}/merge", {"into": later})
    answer = f"The answer to both {new_id()}"
    officer.visitor.post(f"/staff/requests/{later}/answer", {"text": answer})
    steps.expect("one answer goes to the person", stage.arrival(address, answer) is not None)


def _erased_by_two(stage: Stage, steps: Steps, officer: Resident, second: Resident) -> None:
    """An officer alone erases nobody, however often; a second one does."""
    address = stage.new_address()
    number = _confirmed(stage, address, "erase", "Please delete what you hold of me.")
    act = f"/staff/requests/{number}/erase"
    for _ in range(2):
        officer.visitor.post(act, {"word": "erase"})
    alone = _rows(stage, address)[0]
    asked = oracle.value("SELECT erasure_by FROM rights_request WHERE id = %s", number)
    steps.expect(
        "an officer alone erases nobody, and is noted as the one who asks",
        not alone.closed and asked == officer.account,
        f"{alone.outcome or 'open'}, asked by {'nobody' if not asked else 'somebody'}",
    )
    second.visitor.post(act, {"word": "erase"})
    both = _rows(stage, address)[0]
    steps.expect("two officers do", both.closed and both.outcome == "answered", both.outcome or "open")
    # Whoever is erased is told at once; what a customer entered would stay that customer's.
    steps.expect("and the person is told", stage.arrival(address, "erased") is not None)
