"""Checks of which mails leave, and of stopping them: PRI-10, PRI-20."""

import json
import time
from datetime import datetime
from email import message_from_string, policy
from email.message import EmailMessage
from urllib.parse import urlsplit

from django.conf import settings

from glasshouse.kernel.ids import new_id
from glasshouse.promises import mail_door, oracle, readers
from glasshouse.promises.database_door import refusal
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.sink import Arrived
from glasshouse.promises.stage import Resident, Stage, on_stage

QUIET_S = 2.0  # mail leaves within a second
SCANS = 10
# Kind of mail -> its class and the purpose that its reader decides about, written down here a second time on purpose.
KINDS = {
    "announcement": ("operational", ""),
    "change": ("security", ""),
    "corrected": ("operational", ""),
    "data-room": ("operational", ""),
    "deadline": ("operational", ""),
    "erased": ("operational", ""),
    "invitation": ("operational", ""),
    "lifted": ("operational", ""),
    "new-browser": ("security", "new-browser"),
    "privacy": ("requested", ""),
    "providers": ("requested", "provider-news"),
    "referral": ("operational", ""),
    "referral-answer": ("requested", ""),
    "reset": ("requested", ""),
    "restricted": ("operational", ""),
    "restriction": ("operational", ""),
    "second-step": ("security", ""),
    "sign-up": ("requested", ""),
    "subscription": ("requested", ""),
    "support-access": ("operational", ""),
}
BY_CONSENT = [purpose for purpose in {purpose for _, purpose in KINDS.values()} if purpose == "provider-news"]
# Mails that left for a purpose that needs consent, with since when their reader wanted them at that moment: by a consent record,
# or a subscription that was confirmed and not ended.
WANTED = (
    "SELECT m.id, m.address_hash, m.sent_at, g.purpose, greatest((SELECT CASE WHEN s.state = 'given' THEN s.at END "
    "FROM consent_stance s WHERE s.key_owner = m.key_owner AND s.purpose = g.purpose AND s.at <= m.sent_at "
    "ORDER BY s.at DESC, s.id DESC LIMIT 1), (SELECT b.proved_at FROM disclosures_subscriber b WHERE b.id = m.key_owner "
    "AND b.proved_at <= m.sent_at AND (b.ended_at IS NULL OR b.ended_at > m.sent_at))) AS wanted_since "
    "FROM mail_message m JOIN unnest(%s::text[], %s::text[]) AS g (kind, purpose) ON g.kind = m.kind "
    "WHERE m.sent_at > least((SELECT min(at) FROM messages_ruled), %s) AND g.purpose = ANY (%s)"
)


@check(
    "PRI-10",
    steps=(
        "Probes ask for news of service providers, by the page of their emails or without an account, say nothing, change their "
        "mind, restrict the use of their data, or do not confirm the address. A provider is registered: who wants the news gets "
        "them, and nobody else does.",
        "Each of them asks for a new password, and gets that mail whatever they chose.",
        "A ruling that a mail may go, and its sending, are tried at the database against a person's choice, as the application's "
        "own role.",
        "All mails that left are held against their class, the rulings on them, the consent records, the subscriptions, the "
        "objections and the suppressions.",
    ),
    oracle="The mails that arrived and those that did not; what the database refuses; the rows of mails, rulings, decisions, "
    "subscriptions and suppressions, read with SQL by a role that can only read, by a table of kinds written down in the check.",
)
def messages_by_preference() -> Finding:
    """Who gets a mail of a purpose, and all mails that left against what was chosen."""
    steps, since = Steps(), oracle.value("SELECT clock_timestamp()")
    with on_stage(steps) as stage:
        officer = stage.staff("privacy")
        wanting, silent, changed, restricted = stage.growers(4)
        for person in (wanting, changed, restricted):
            readers.wants(person)
        readers.wants_no_more(changed)
        guest, unconfirmed = readers.subscription(stage), readers.subscription(stage, confirmed=False)
        restricted.visitor.submit("/account/data/choices", {"ground": "claims", "words": "Probe"}, action="/restrict")
        name = readers.announce(officer)
        by_person = stage.arrival(wanting.address, name)
        steps.expect("news reach a person who wants them", by_person is not None)
        steps.expect("news reach an address that was confirmed", stage.arrival(guest, name) is not None)
        time.sleep(QUIET_S)

        def is_spared(address: str) -> bool:
            return not readers.arrived(stage, address, name)

        steps.expect("none reach who said nothing", is_spared(silent.address))
        steps.expect("none reach who changed their mind", is_spared(changed.address))
        steps.expect("none reach whose data may be stored only", is_spared(restricted.address))
        steps.expect("none reach an address that was not confirmed", is_spared(unconfirmed))
        _requested(stage, steps, [wanting, silent, changed, restricted])
        _database(stage, steps, silent)
        _classes(steps, since)
        _stored(steps, since)
    return steps.judged()


def _requested(stage: Stage, steps: Steps, people: list[Resident]) -> None:
    """What was asked for comes whatever was chosen."""
    for person in people:
        stage.visitor().submit("/forgotten", {"address": person.address})
    reached = sum(stage.arrival(person.address, "/reset/") is not None for person in people)
    steps.expect("what was asked for reaches everybody", reached == len(people), f"{reached} of {len(people)}")


def _database(stage: Stage, steps: Steps, silent: Resident) -> None:
    """The database takes no ruling and no sending for a purpose that the person does not want. Nothing of it is kept."""
    number = new_id()
    record = {
        "id": number,
        "kind": "providers",
        "purpose": readers.PURPOSE,
        "sent_at": None,
        "key_owner": silent.person,
    }
    ruling = "INSERT INTO messages_ruled (id, key_owner, kind, message_class, purpose, verdict, at) VALUES (%s, %s, 'providers', "
    ruling += "'requested', %s, %s, clock_timestamp())"
    queued = (
        "INSERT INTO mail_message SELECT (jsonb_populate_record(m, %s::jsonb)).* FROM mail_message m "
        "WHERE address_hash = %s LIMIT 1",
        [json.dumps(record), stage.hash_of(silent.address)],
    )
    sent = ("UPDATE mail_message SET sent_at = clock_timestamp() WHERE id = %s", [number])
    goes = (ruling, [number, silent.person, readers.PURPOSE, "goes"])
    withheld = (ruling, [number, silent.person, readers.PURPOSE, "no-consent"])
    steps.expect("a mail can be queued, and a ruling against it be written", not refusal(queued, withheld))
    steps.expect("the database takes no ruling that it may go", bool(refusal(queued, goes)))
    steps.expect("no sending without a ruling", bool(refusal(queued, sent)))
    steps.expect("and none against one", bool(refusal(queued, withheld, sent)))


def _classes(steps: Steps, since: datetime) -> None:
    """Kinds, classes and rulings. since: from when on mails are looked at, where no ruling is older."""
    kinds, classes = [*KINDS], [message_class for message_class, _ in KINDS.values()]
    unknown = oracle.value(
        "SELECT count(*) FROM mail_message WHERE sent_at > least((SELECT min(at) FROM messages_ruled), %s) AND kind <> 'text' "
        "AND NOT kind = ANY (%s)",
        since,
        kinds,
    )
    steps.expect("each mail that left is of a known kind", not unknown, counted(unknown or 0))
    other = oracle.value(
        "SELECT count(*) FROM messages_ruled r WHERE NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[], %s::text[]) "
        "AS g (kind, class, purpose) WHERE g.kind = r.kind AND g.class = r.message_class AND g.purpose = r.purpose)",
        kinds,
        classes,
        [purpose for _, purpose in KINDS.values()],
    )
    steps.expect("each ruling has the class and the purpose of its kind", not other, counted(other or 0))
    unruled = oracle.value(
        "SELECT count(*) FROM mail_message m WHERE m.sent_at > least((SELECT min(at) FROM messages_ruled), %s) "
        "AND m.kind <> 'text' AND NOT EXISTS (SELECT FROM messages_ruled r WHERE r.id = m.id AND r.verdict = 'goes')",
        since,
    )
    steps.expect("each mail that left was ruled on, and might go", not unruled, counted(unruled or 0))


def _stored(steps: Steps, since: datetime) -> None:
    """All mails that left, against what was chosen at that moment. since: as above."""
    values = ([*KINDS], [purpose for _, purpose in KINDS.values()], since, BY_CONSENT)
    unasked = oracle.value(f"SELECT count(*) FROM ({WANTED}) AS w WHERE w.wanted_since IS NULL", *values)
    steps.expect("none left that its reader did not want at that moment", not unasked, counted(unasked or 0))
    suppressed = oracle.value(
        f"SELECT count(*) FROM ({WANTED}) AS w JOIN messages_suppression s ON s.address_hash = w.address_hash "
        "AND s.purpose IN ('all', w.purpose) WHERE s.at < w.sent_at AND s.at >= w.wanted_since",
        *values,
    )
    steps.expect("none left to an address after it was stopped there", not suppressed, counted(suppressed or 0))
    objected = oracle.value(
        "SELECT count(*) FROM mail_message m WHERE m.kind = 'new-browser' "
        "AND m.sent_at > least((SELECT min(at) FROM messages_ruled), %s) "
        "AND (SELECT s.state FROM consent_stance s WHERE s.key_owner = m.key_owner AND s.purpose = 'new-browser' "
        "AND s.at < m.sent_at ORDER BY s.at DESC, s.id DESC LIMIT 1) IN ('objected', 'upheld')",
        since,
    )
    steps.expect("none left against an objection", not objected, counted(objected or 0))


@check(
    "PRI-20",
    steps=(
        "Probes ask for news of service providers, with an account and without. A provider is registered, and each gets the "
        "news, whose head says how to stop them.",
        "A scanner opens the links of a mail ten times, and another provider is registered: the news still come.",
        "One presses the button of its mail program, without a cookie and twice; one sends the mail that the head names; one "
        "replies that it wants no more. A third provider is registered: the news reach none of these, and one who did nothing.",
        "A link of nobody is pressed, and a report of a mail that never left is sent: nothing changes.",
    ),
    oracle="The mails that arrived at the probes' own mail server and those that did not; the rows of decisions, subscriptions "
    "and suppressions, read with SQL by a role that can only read.",
)
def stopping() -> Finding:
    """News that were stopped in each way, and the next ones."""
    steps = Steps()
    with on_stage(steps) as stage:
        officer, person = stage.staff("privacy"), stage.grower()
        readers.wants(person)
        by_mail, by_reply, other = (readers.subscription(stage) for _ in range(3))
        everybody = [person.address, by_mail, by_reply, other]
        first = _announced(stage, steps, officer, everybody)
        if first is None:
            return steps.judged()
        for mail in first.values():
            _head(steps, mail)
        _scanned(stage, first[person.address])
        if _announced(stage, steps, officer, everybody) is None:
            return steps.judged()
        _clicked(stage, steps, person, first[person.address])
        _written(stage, steps, first[by_mail], first[by_reply])
        _forged(stage, steps, other)
        _announced(stage, steps, officer, [other])
        time.sleep(QUIET_S)
        name = _last_name(stage, other)
        steps.expect("none reach who stopped them by one click", not readers.arrived(stage, person.address, name))
        steps.expect("none reach who stopped them by a mail", not readers.arrived(stage, by_mail, name))
        steps.expect("none reach who stopped them by a reply", not readers.arrived(stage, by_reply, name))
    return steps.judged()


def _announced(stage: Stage, steps: Steps, officer: Resident, addresses: list[str]) -> dict[str, Arrived] | None:
    """Register a provider; the news of it by address, None where they do not reach each."""
    name = readers.announce(officer)
    mails = {address: stage.arrival(address, name) for address in addresses}
    arrived = {address: mail for address, mail in mails.items() if mail is not None}
    if steps.expect("news reach everybody who did not stop them", len(arrived) == len(addresses)):
        return arrived
    return None


def _last_name(stage: Stage, address: str) -> str:
    """What the newest mail to an address names: the provider's name."""
    text = stage.sink.mails(address)[-1].text
    return text[text.index("Probe ") :].split(" (")[0]


def _head(steps: Steps, mail: Arrived) -> None:
    """The head of each mail names a link of ours and a mailbox of ours. Source: RFC 8058, 3.1."""
    path, answer = readers.stop_path(mail), readers.stop_mail(mail, "x@canary.invalid")
    link = str(mail.message["List-Unsubscribe"] or "").partition(">")[0].lstrip("<")
    domain = settings.OPERATOR.privacy_address.rpartition("@")[2]
    named = bool(path) and link == f"{settings.ORIGIN}{urlsplit(path).path}" and link.startswith("https://")
    mailed = answer is not None and str(answer["To"]).endswith(f"@{domain}")
    said = str(mail.message["List-Unsubscribe-Post"] or "").strip() == "List-Unsubscribe=One-Click"
    steps.expect("the head of a mail names a link and a mailbox that stop it, by one click", named and mailed and said)
    steps.expect("the text of it has the same link", bool(path) and path in mail.text)


def _scanned(stage: Stage, mail: Arrived) -> None:
    """Open each link as a scanner does."""
    here, path = stage.visitor(), readers.stop_path(mail)
    for _ in range(SCANS):
        here.request("GET", path)
        here.request("HEAD", path)


def _clicked(stage: Stage, steps: Steps, person: Resident, mail: Arrived) -> None:
    """One click, as a mail program sends it: no cookie, no token of a form, from elsewhere."""
    path, body = readers.stop_path(mail), {"List-Unsubscribe": "One-Click"}
    answers = [
        stage.visitor().request("POST", path, data=body, headers={"Origin": "https://mail.invalid"}),
        stage.visitor().request("POST", path, files={"List-Unsubscribe": (None, "One-Click")}),
    ]
    steps.expect("one click is answered 200, each time", [answer.status_code for answer in answers] == [200, 200])
    steps.expect("the answer tells no address", all(person.address not in answer.text for answer in answers))
    state = oracle.value(
        "SELECT state FROM consent_stance WHERE key_owner = %s AND purpose = %s ORDER BY at DESC, id DESC LIMIT 1",
        person.person,
        readers.PURPOSE,
    )
    steps.expect("it counts at once, without signing in", state == "withdrawn", str(state))
    others = oracle.value(
        "SELECT count(*) FROM messages_suppression WHERE address_hash = %s AND purpose <> %s",
        stage.hash_of(person.address),
        readers.PURPOSE,
    )
    steps.expect("for that purpose, and no other", not others)


def _written(stage: Stage, steps: Steps, by_mail: Arrived, by_reply: Arrived) -> None:
    """By the mailbox that the head names, and by a reply to the privacy address."""
    message = readers.stop_mail(by_mail, by_mail.recipient)
    if message is not None:
        mail_door.send(message)
    reply = mail_door.letter(by_reply.recipient, f"Re: {by_reply.subject}", "Unsubscribe\n")
    reply["In-Reply-To"] = str(by_reply.message["Message-ID"])
    mail_door.send(reply)
    steps.expect("a mail to the mailbox in the head counts at once", _stopped(stage, by_mail.recipient))
    steps.expect("a reply that asks so counts at once", _stopped(stage, by_reply.recipient))


def _stopped(stage: Stage, address: str) -> bool:
    """Whether news to an address without an account are stopped."""
    live = oracle.value(
        "SELECT count(*) FROM disclosures_subscriber WHERE address_hash = %s AND proved_at IS NOT NULL AND ended_at IS NULL",
        stage.hash_of(address),
    )
    noted = oracle.value("SELECT count(*) FROM messages_suppression WHERE address_hash = %s", stage.hash_of(address))
    return not live and noted == 1


def _forged(stage: Stage, steps: Steps, address: str) -> None:
    """Who guesses a link or forges a report of a mail server stops nobody's mails."""
    answer = stage.visitor().request("POST", f"/stop/{'a' * 43}", data={"List-Unsubscribe": "One-Click"})
    steps.expect("a link of nobody is answered alike", answer.status_code == 200, str(answer.status_code))
    mail_door.send(_report(address))
    noted = oracle.value("SELECT count(*) FROM messages_suppression WHERE address_hash = %s", stage.hash_of(address))
    steps.expect("a forged report of a mail server stops nothing", not noted)


REPORT = """\
From: mailer-daemon@{domain}
To: bounce-{number}@localhost
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; {domain}

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1

--b--
"""


def _report(address: str) -> EmailMessage:
    """A report that a mail to an address failed for good, of a mail that never left. Source: RFC 3464."""
    text = REPORT.format(domain="mx.invalid", number=new_id(), address=address)
    report = message_from_string(text, policy=policy.default)
    assert isinstance(report, EmailMessage)  # noqa: S101 - tells the type checker what the policy makes
    return report
