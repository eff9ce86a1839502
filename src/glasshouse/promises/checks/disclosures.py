"""Checks of what leaves, and to whom: PRI-15."""

import json
import re
import time
from pathlib import Path

from django.conf import settings
from django.db import transaction

import glasshouse
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures.models import Recipient
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.promises import opened, oracle
from glasshouse.promises.database_door import refusal
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import NotArrivedError, Resident, Stage, on_stage

SETTLED_S = 5.0
# Modules that reach into the network, beside what checks and starts this installation itself: mail and text messages to people,
# the crop plane of the same installation, and the agents that asked in a person's name.
WAYS_OUT = {
    "mail/smtp.py",
    "accounts/texts.py",
    "greenhouse/crops_client.py",
    "kernel/straight.py",  # to the doors of this installation
    "requests/drp_callbacks.py",
}
NETWORK = re.compile(
    r"(?m)^\s*(?:from\s+(?:http|urllib)\s+import\s+.*\b(?:client|request)\b|(?:import|from)\s+(?:httpx|smtplib|http\.client|"
    r"urllib\.request|urllib3|socket|requests|aiohttp|aiosmtplib|ftplib|boto3|websockets?|pycurl|grpc|telnetlib)\b)"
)
OWN = {"promises", "operations", "cli"}


@check(
    "PRI-15",
    steps=(
        "Probes sign up, are invited and ask for their data; each mail that arrives is held against the record of disclosures.",
        "A row of a disclosure to recipients that are announced only, ended, or unknown is tried at the database, as the "
        "application's own role.",
        "A member of the staff who is a probe registers a recipient with an address for erasures; a person of whom it received "
        "something erases their account by the page.",
        "The register of recipients, all disclosures and all mail and texts that left are looked through, and so is the code of "
        "this installation for ways into the network.",
    ),
    oracle="The mails that arrived; the rows of recipients, disclosures and mail, read with SQL by a role that can only read; "
    "what the database refuses; the code on this disk.",
)
def recipients() -> Finding:
    """What leaves, against the record of what left."""
    steps = Steps()
    _register(steps)
    _stored(steps)
    _database(steps)
    _code(steps)
    with on_stage(steps) as stage:
        _erased(stage, steps, _recorded(stage, steps))
    return steps.judged()


def _recorded(stage: Stage, steps: Steps) -> Resident:
    """Each mail that arrived is on record: under its key owner, for a live recipient of mail, once for each time."""
    asked, guest = stage.ask_sign_up(), stage.new_address()
    stage.visitor().submit("/privacy", {"kind": "access", "region": "eu", "address": guest, "text": "Probe"})
    owner = stage.finish_sign_up(asked)
    invited = stage.invite(owner, "viewer")
    arrived = [stage.mail(address) for address in (asked, guest, invited)]
    wrong: dict[str, str] = {}
    ends = time.monotonic() + SETTLED_S
    for mail in arrived:
        number = str(mail.message["Message-ID"]).strip("<>").partition("@")[0]
        while (flaw := _flaw(number)) and time.monotonic() < ends:
            time.sleep(0.05)  # The sending is noted a moment after the mail has arrived.
        if flaw:
            wrong[number] = flaw
    steps.expect("a sign-up, an answer and an invitation left by mail", len({mail.recipient for mail in arrived}) == 3)
    steps.expect("each mail that arrived is on record as a disclosure", not wrong, "; ".join(set(wrong.values())))
    return owner


def _flaw(number: str) -> str:
    """What is wrong with the record of one mail; "" if nothing is."""
    records = oracle.rows(
        "SELECT m.key_owner, m.sent_at, d.first_at, d.last_at, d.times, r.channels, r.fields, r.active_from, r.ended_at, "
        "(SELECT count(*) FROM mail_message o WHERE o.key_owner = m.key_owner AND o.sent_at IS NOT NULL AND o.kind <> 'text') "
        "FROM mail_message m LEFT JOIN disclosures_disclosure d ON d.key_owner = m.key_owner "
        "LEFT JOIN disclosures_recipient r ON r.id = d.recipient_id WHERE m.id = %s",
        number,
    )
    if not records or records[0][1] is None:
        return "a mail left whose sending is not noted"
    times = 0
    for _, sent_at, first_at, last_at, counts, channels, fields, active_from, ended_at, _ in records:
        if first_at is None or "mail" not in channels:
            continue
        if not {"user.contact.email", "user.content.private"} <= set(fields):
            return "its recipient is not registered for what a mail holds"
        if active_from > first_at or (ended_at is not None and ended_at < last_at):
            return "its recipient is not live"
        if abs((last_at - sent_at).total_seconds()) < 60:
            times += counts
    if not times:
        return "a mail left without a record"
    return "" if times >= records[0][9] else "fewer times on record than mails that left"


def _register(steps: Steps) -> None:
    bare, unsafe, sudden = oracle.rows(
        "SELECT count(*) FILTER (WHERE NOT coalesce(least(octet_length(name), octet_length(what), octet_length(region), "
        "octet_length(purpose), octet_length(basis)) > %(empty)s AND cardinality(fields) > 0, false)), "
        "count(*) FILTER (WHERE kind IN ('provider', 'group') AND NOT coalesce(least(octet_length(agreement), "
        "octet_length(safeguard)) > %(empty)s AND agreement IS NOT NULL AND safeguard IS NOT NULL "
        "AND (agreed_on IS NOT NULL OR earlier_rules), false)), "
        "count(*) FILTER (WHERE written_by <> 'installation' AND (kind IN ('provider', 'group') AND active_from < announced_at + "
        "interval '14 days' OR kind = 'buyer' AND active_from < announced_at + interval '30 days')) "
        "FROM disclosures_recipient WHERE ended_at IS NULL OR ended_at > clock_timestamp()".replace(
            "%(empty)s", str(opened.EMPTY)
        )
    )[0]
    live = oracle.value("SELECT count(*) FROM disclosures_recipient WHERE ended_at IS NULL")
    steps.expect(
        f"each of {live} recipients says what it gets, where, for what, on which ground", not bare, f"{bare} do not"
    )
    steps.expect("each provider has an agreement and safeguards", not unsafe, f"{unsafe} have not")
    steps.expect("each was announced for its time before anything went there", not sudden, f"{sudden} were not")


def _stored(steps: Steps) -> None:
    outside = oracle.value(
        "SELECT count(*) FROM disclosures_disclosure d JOIN disclosures_recipient r ON r.id = d.recipient_id "
        "WHERE d.first_at < r.active_from OR d.last_at > r.ended_at"
    )
    steps.expect("no disclosure outside its recipient's time", not outside, counted(outside or 0))
    question = (
        "SELECT count(*) FROM mail_message m WHERE m.sent_at IS NOT NULL AND (m.kind = 'text') = %s AND NOT EXISTS ("
        "SELECT FROM disclosures_disclosure d JOIN disclosures_recipient r ON r.id = d.recipient_id "
        "WHERE d.key_owner = m.key_owner AND EXISTS (SELECT FROM unnest(r.channels) AS way WHERE way LIKE %s) "
        "AND d.first_at <= m.sent_at + interval '1 minute' AND d.last_at >= m.sent_at - interval '1 minute')"
    )
    for name, is_text, channel, leaves in (
        ("mail", False, "mail", settings.SMTP_HOST),
        ("text message", True, "text:%", settings.TEXT_PROVIDER),
    ):
        if leaves:
            left = oracle.value(question, is_text, channel)
            steps.expect(f"each {name} that left is on record", not left, f"{counted(left or 0)} are not")
        else:
            steps.note(f"each {name} that left: no server for it is named, so none leaves but to probes")
    untold = oracle.value(
        "SELECT count(*) FROM disclosures_disclosure d JOIN disclosures_recipient r ON r.id = d.recipient_id "
        "JOIN rights_erasure e ON e.person = d.key_owner WHERE e.done_at IS NOT NULL AND e.account <> '' "
        "AND r.contact IS NOT NULL AND d.first_at < e.begun_at AND d.told_at IS NULL"
    )
    steps.expect("recipients were told of each erased person", not untold, f"not of {counted(untold or 0)}")


def _database(steps: Steps) -> None:
    """A disclosure is written to a live recipient, and the database refuses every other."""
    copied = (
        "INSERT INTO disclosures_recipient SELECT (jsonb_populate_record(r, %s::jsonb)).* FROM disclosures_recipient r "
        "ORDER BY announced_at LIMIT 1"
    )
    written = (
        "INSERT INTO disclosures_disclosure (id, key_owner, recipient_id, first_at, last_at, times) "
        "VALUES (%s, %s, %s, clock_timestamp(), clock_timestamp(), 1)"
    )
    past, coming = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    tried = {}
    for name, active_from, ended_at in (
        ("live", past, None),
        ("announced only", coming, None),
        ("ended", past, "2001-01-01T00:00:00Z"),
    ):
        number = new_id()
        record = {"id": number, "announced_at": past, "active_from": active_from, "ended_at": ended_at}
        tried[name] = refusal((copied, [json.dumps(record)]), (written, [new_id(), new_id(), number]))
    tried["unknown"] = refusal((written, [new_id(), new_id(), new_id()]))
    steps.expect("the database takes a disclosure to a live recipient", not tried.pop("live"))
    taken = [name for name, said in tried.items() if not said]
    steps.expect("it refuses one to a recipient that is announced only, ended or unknown", not taken, ", ".join(taken))
    bare = json.dumps({"id": new_id(), "kind": "provider", "agreement": None})
    steps.expect("it refuses a provider without an agreement", bool(refusal((copied, [bare]))))
    for column, lacked in (("agreed_on", "the day of its agreement"), ("safeguard", "safeguards")):
        lacking = json.dumps({"id": new_id(), "kind": "provider", "earlier_rules": False, column: None})
        steps.expect(f"it refuses a provider without {lacked}", bool(refusal((copied, [lacking]))))


def _code(steps: Steps) -> None:
    """Which modules reach into the network."""
    root = Path(str(glasshouse.__path__[0]))
    modules = set()
    for path in root.rglob("*.py"):
        name = path.relative_to(root)
        if name.parts[0] in OWN:
            continue
        if NETWORK.search(path.read_text(encoding="utf-8")):
            modules.add(str(name))
    steps.expect(
        "no code opens a way out that is not known", modules <= WAYS_OUT, ", ".join(sorted(modules - WAYS_OUT))
    )


def _erased(stage: Stage, steps: Steps, person: Resident) -> None:
    """A recipient is told of an erasure."""
    officer = stage.staff("privacy")
    contact, name = stage.new_address(), f"Probe {new_id()}"
    fields: dict[str, str | list[str]] = {
        "kind": "authority", "name": name, "what": "nothing", "region": "nowhere", "purpose": "a promise check",
        "basis": "consent", "contact": contact, "wait_days": "0", "fields": ["user.contact.email"],
    }  # fmt: skip
    officer.visitor.submit("/staff/recipients", fields)
    number = oracle.value("SELECT id FROM disclosures_recipient WHERE address_hash = %s", stage.hash_of(contact))
    if not steps.expect("a recipient is registered by the page", number is not None):
        return
    with transaction.atomic():  # Nothing real may go to a probe's recipient, so no page makes this record.
        disclosures.note(KeyOwnerId(person.person), Recipient.objects.get(id=number))
    answer = person.visitor.submit("/account/data/erase", {"word": "erase"})
    steps.expect("the person is erased by the page", answer.is_redirect, str(answer.status_code))
    try:
        notice = stage.mail(contact, holding=person.address)
    except NotArrivedError:
        notice = None
    steps.expect("the recipient is told by mail that arrives", notice is not None and "erase" in notice.text.lower())
