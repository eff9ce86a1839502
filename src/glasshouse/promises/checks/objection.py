"""Checks of objections: PRI-25."""

import json
import time
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel.ids import new_id
from glasshouse.promises import oracle
from glasshouse.promises.buyer import ANNOUNCED, WAITING, buyer, transfer
from glasshouse.promises.database_door import refusal
from glasshouse.promises.filled import done
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.law_examples import last_day
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, on_stage

# Every purpose beyond the service itself, and what a person's no to it is called.
PURPOSES = {
    "supplement": "upheld",
    "new-browser": "objected",
    "merger": "upheld",
    "provider-news": "withdrawn",
    "personalisation": "upheld",
    "sale": "withdrawn",
}
JUDGED = "new-browser"
QUIET_S = 2.0  # mail leaves within a second
PAGE_TRIES = 3
# Customers whose last word on a transfer of the business is no; those whose data is restricted are counted apart.
OBJECTORS = (
    "SELECT count(*) FROM accounts_account c WHERE c.staff_role = '' AND (SELECT s.state FROM consent_stance s "
    "WHERE s.key_owner = c.person_id AND s.purpose = 'merger' ORDER BY s.at DESC, s.id DESC LIMIT 1) IN ('objected', 'upheld') "
    "AND NOT EXISTS (SELECT FROM consent_restriction r WHERE r.key_owner = c.person_id "
    "AND (r.lifts_at IS NULL OR r.lifts_at > clock_timestamp()))"
)


@check(
    "PRI-25",
    steps=(
        "A probe signs in from a browser that was not seen before, and gets the mail about it. On the page of its choices it "
        "objects to each purpose, or withdraws.",
        "It signs in from another new browser. A mail for each purpose is tried at the database, before the objections and after "
        "them, as the application's own role.",
        "A member of the staff who is a probe judges the one objection that has to be judged, by the page, with reasons.",
        "The staff's page of a business transfer to a made-up buyer is opened: it must count each customer who objects. One "
        "probe of the staff prepares a data room by it, another approves it, and the buyer fetches its file by the mailed link: "
        "of three probes one agrees and was told in time.",
        "All mails that left for a purpose are held against what their persons had decided.",
    ),
    oracle="The mails that arrived and those that did not; what the database refuses; the rows of decisions, requests and mail, "
    "read with SQL by a role that can only read; the file of a data room, opened with the buyer's key.",
)
def objection() -> Finding:
    """A probe's objection to each purpose, and what goes on."""
    steps = Steps()
    with on_stage(steps) as stage:
        officer, person = stage.staff("privacy"), stage.grower()
        _before(stage, steps, person)
        _objected(steps, person)
        _stopped(stage, steps, person)
        _transferred(stage, steps, officer, person)
        _judged(stage, steps, officer, person)
        _taken_back(steps, person)
    _stored(steps)
    return steps.judged()


def _state(person: Resident, purpose: str) -> str:
    """What the person said last on a purpose; "": nothing."""
    return str(
        oracle.value(
            "SELECT state FROM consent_stance WHERE key_owner = %s AND purpose = %s ORDER BY at DESC, id DESC LIMIT 1",
            person.person,
            purpose,
        )
        or ""
    )


def _warned(stage: Stage, person: Resident) -> int:
    """How many mails about a new browser have arrived at the person."""
    return sum("browser" in mail.subject + mail.text for mail in stage.sink.mails(person.address))


def _refused(person: Resident, purpose: str) -> str:
    """Why the database refuses a mail to the person for a purpose, written without the code that asks first."""
    record = json.dumps({"id": new_id(), "key_owner": person.person, "purpose": purpose, "sent_at": None})
    copied = (
        "INSERT INTO mail_message SELECT (jsonb_populate_record(m, %s::jsonb)).* FROM mail_message m "
        "WHERE key_owner = %s AND set_aside_at IS NULL LIMIT 1"
    )
    return refusal((copied, [record, person.person]))


def _before(stage: Stage, steps: Steps, person: Resident) -> None:
    stage.sign_in(person)
    mail = stage.arrival(person.address, "browser")
    steps.expect("before, a sign-in from a new browser is told by mail", mail is not None)
    person.visitor.submit("/account/data/choices", {"purpose": "provider-news"}, action="/give")
    said = {purpose: _refused(person, purpose) for purpose in PURPOSES}
    steps.expect("and the database takes a mail for each purpose", not any(said.values()), str(said))


def _objected(steps: Steps, person: Resident) -> None:
    page = LexborHTMLParser(person.visitor.get("/account/data/choices").text)
    offered = {field.attributes.get("value") for field in page.css('input[name="purpose"]')}
    steps.expect("the page offers each purpose", offered == PURPOSES.keys(), ", ".join(map(str, offered)))
    person.visitor.post("/account/data/choices/object", {"purpose": JUDGED, "words": " "})
    steps.expect("an objection that is judged needs words", _state(person, JUDGED) == "")
    for purpose, wanted in PURPOSES.items():
        person.visitor.post("/account/data/choices/object", {"purpose": purpose, "words": "Probe"})
        state = _state(person, purpose)
        steps.expect(f"an objection to {purpose} counts at once", state == wanted, state)


def _stopped(stage: Stage, steps: Steps, person: Resident) -> None:
    before = _warned(stage, person)
    stage.sign_in(person)
    for purpose in PURPOSES:
        steps.expect(f"the database refuses a mail for {purpose}", bool(_refused(person, purpose)))
    time.sleep(QUIET_S)
    written = oracle.value(
        "SELECT count(*) FROM mail_message m WHERE m.key_owner = %s AND m.purpose <> '' AND m.created_at > "
        "(SELECT min(at) FROM consent_stance WHERE key_owner = m.key_owner AND state IN ('objected', 'upheld'))",
        person.person,
    )
    steps.expect("a sign-in from another new browser is told no more", _warned(stage, person) == before and not written)
    held = oracle.value("SELECT count(*) FROM sources_objected WHERE address_hash = %s", stage.hash_of(person.address))
    steps.expect("nothing of third parties is taken in any more", held == 1)


def _transferred(stage: Stage, steps: Steps, officer: Resident, person: Resident) -> None:
    """The page of a business transfer counts everybody who objects; a data room has who agrees, and what was approved."""
    passes, late = stage.growers(2)
    notices = {person.person: ANNOUNCED, passes.person: ANNOUNCED, late.person: WAITING / 2}
    number = transfer(officer, notices)
    _counted(steps, officer)
    _handed_over(stage, steps, officer, number, passes)


def _handed_over(stage: Stage, steps: Steps, officer: Resident, number: str, passes: Resident) -> None:
    """What a buyer gets of a transfer. passes: the one person who was told in time and does not object."""
    somebody, path = buyer(stage), "/staff/recipients"
    plan: dict[str, str | list[str]] = {"contact": somebody.address, "certificate": somebody.pem, "days": "1"}
    form = f"/staff/business-transfers/{number}/data-room"
    done(officer.visitor.submit(path, plan | {"fields": ["user.name"]}, action=form), "A data room")
    room = str(oracle.value("SELECT id FROM disclosures_data_room WHERE business_transfer_id = %s", number))
    approval = "SELECT approved_at FROM disclosures_data_room WHERE id = %s"
    officer.visitor.post(f"/staff/data-rooms/{room}/approve")
    steps.expect("who prepared a data room does not approve it", oracle.value(approval, room) is None)
    stage.staff("privacy").visitor.post(f"/staff/data-rooms/{room}/approve")
    steps.expect("somebody else does", oracle.value(approval, room) is not None)
    link = stage.link(somebody.address, "data-room")
    here = stage.visitor()
    body = here.submit(link, {}, action=f"{link}/1").content
    steps.expect("its file cannot be read as it is", passes.name.encode() not in body)
    persons = somebody.opened(body)
    texts = {value["value"] for values in persons for value in values}
    claim = "a buyer gets the name of who was told in time and does not object, and nothing else of anybody"
    steps.expect(claim, texts == {passes.name}, f"{len(persons)} persons, {len(texts)} values")
    noted = oracle.rows(
        "SELECT d.key_owner FROM disclosures_disclosure d JOIN disclosures_merger m ON m.recipient_id = d.recipient_id "
        "WHERE m.id = %s",
        number,
    )
    steps.expect("it stands on the record of that person, and of nobody else", noted == [(passes.person,)])
    officer.visitor.post(f"/staff/data-rooms/{room}/revoke")
    steps.expect("a data room that was closed opens no more", here.get(link).status_code == 403)


def _counted(steps: Steps, officer: Resident) -> None:
    shown, stored = set(), set()
    for _ in range(PAGE_TRIES):  # Somebody else may decide in between.
        before = oracle.value(OBJECTORS)
        shown = set(_shown_objectors(officer.visitor.get("/staff/recipients").text))
        stored = {before, oracle.value(OBJECTORS)}
        if shown and shown <= stored:
            break
    held = bool(shown) and shown <= stored and 0 not in stored
    steps.expect("a business transfer passes on nobody who objects: its page counts each of them", held)


def _shown_objectors(html: str) -> Iterator[int]:
    """How many object, as the page says of each business transfer."""
    for term in LexborHTMLParser(html).css("section.card dl.facts dt"):
        sibling = term.next
        while sibling is not None and sibling.tag != "dd":
            sibling = sibling.next
        if term.text().strip() == "Object" and sibling is not None:
            yield int(sibling.text().strip())


def _judged(stage: Stage, steps: Steps, officer: Resident, person: Resident) -> None:
    question = "SELECT id, kind, law, asked_at, due_at, outcome FROM rights_request WHERE address_hash = %s"
    requests = oracle.rows(question, stage.hash_of(person.address))
    if not steps.expect("the objection that is judged is a request", [row[1] for row in requests] == ["object"]):
        return
    number, _, law, asked, due, _ = requests[0]
    limit = last_day(law, asked.date())
    steps.expect("with a deadline of the law", limit is not None and due.date() <= limit, f"{due:%Y-%m-%d}")
    reason = f"It keeps accounts safe. {new_id()}"
    path = f"/staff/requests/{number}/refuse"
    steps.expect("nobody judges without reasons", officer.visitor.post(path, {"text": " "}).status_code >= 400)
    officer.visitor.post(path, {"text": reason})
    mail = stage.arrival(person.address, reason)
    steps.expect("the reasons arrive, with the authority to complain to", mail is not None and "complain" in mail.text)
    steps.expect("the judgement is on record", _state(person, JUDGED) == "overruled", _state(person, JUDGED))
    steps.expect("it is of that purpose alone", bool(_refused(person, "merger")) and not _refused(person, JUDGED))


def _taken_back(steps: Steps, person: Resident) -> None:
    person.visitor.submit("/account/data/choices", {"purpose": "provider-news"}, action="/give")
    steps.expect("a person may allow a purpose again", _state(person, "provider-news") == "given")


def _stored(steps: Steps) -> None:
    against = oracle.value(
        "SELECT count(*) FROM mail_message m WHERE m.purpose <> '' AND (SELECT s.state FROM consent_stance s "
        "WHERE s.key_owner = m.key_owner AND s.purpose = m.purpose AND s.at < m.created_at "
        "ORDER BY s.at DESC, s.id DESC LIMIT 1) IN ('objected', 'upheld', 'withdrawn')"
    )
    steps.expect("no mail was written against its person's word", not against, counted(against or 0))
    unasked = oracle.value(
        "SELECT count(*) FROM mail_message m WHERE m.purpose = 'provider-news' AND coalesce((SELECT s.state "
        "FROM consent_stance s WHERE s.key_owner = m.key_owner AND s.purpose = m.purpose AND s.at < m.created_at "
        "ORDER BY s.at DESC, s.id DESC LIMIT 1), '') <> 'given' AND NOT EXISTS (SELECT FROM disclosures_subscriber b "
        "WHERE b.id = m.key_owner AND b.proved_at < m.created_at AND (b.ended_at IS NULL OR b.ended_at > m.created_at))"
    )
    steps.expect("none that needs consent without it", not unasked, counted(unasked or 0))
    suppressed = oracle.value(
        "SELECT count(*) FROM sources_supplied v JOIN sources_objected o ON o.address_hash = v.address_hash "
        "WHERE v.received_at > o.at"
    )
    steps.expect("nothing of third parties came in against an objection", not suppressed, counted(suppressed or 0))
    handed = oracle.value(
        "SELECT count(*) FROM disclosures_disclosure d JOIN disclosures_recipient r ON r.id = d.recipient_id "
        "WHERE r.kind = 'buyer' AND (SELECT s.state FROM consent_stance s WHERE s.key_owner = d.key_owner "
        "AND s.purpose = 'merger' AND s.at < d.last_at ORDER BY s.at DESC, s.id DESC LIMIT 1) IN ('objected', 'upheld')"
    )
    steps.expect("nothing of who objected went to a buyer of the business", not handed, counted(handed or 0))
    unjudged = oracle.value(
        "SELECT count(*) FROM consent_stance s WHERE s.state = 'objected' AND NOT EXISTS (SELECT FROM rights_request r "
        "WHERE r.id = s.request)"
    )
    steps.expect("each objection that waits has its request", not unjudged, counted(unjudged or 0))
