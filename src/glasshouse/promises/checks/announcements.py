"""Checks of changes that are announced: PRI-03."""

import json
from datetime import timedelta

from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises import oracle
from glasshouse.promises.database_door import refusal
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import open_stage

LEAST_DAYS = 14
MAIL_KEPT = "29 days"  # a day less than sent mail is kept
ANNOUNCEMENT_KEPT = "1090 days"
GRACE = "5 minutes"  # a newcomer is told of what is coming by the next job


@check(
    "PRI-03",
    steps=(
        "Significant versions that would be in force too early are tried at the database, as the application's own role: at "
        "once, without an announcement, before their own lead time, with too short a lead time.",
        "Each significant version that was published is held against its announcements, its mails and the accounts of its time.",
        "While a significant version is coming, a probe signs up and reads its mail.",
    ),
    oracle="What the database refuses; the rows of versions, announcements, accounts and mail, read with SQL by a role that can "
    "only read; the mail that arrives. No probe publishes anything: everybody would be told.",
)
def announcements() -> Finding:
    """Versions in force, against who was told of them, by a mail that left."""
    steps = Steps()
    _database(steps)
    _versions(steps)
    _mails(steps)
    _newcomer(steps)
    count = oracle.value("SELECT count(*) FROM notices_version WHERE significant AND published_at IS NOT NULL")
    versions = f"{count} significant versions so far" if count else "no significant version so far"
    return steps.judged(f"{versions}; the database refuses one that comes too early")


def _tried(lead_days: int, announced: bool, after_days: int) -> str:
    """Why the database refuses a significant version that comes into force so many days after it was announced."""
    now = clock.now()
    record = {
        "id": new_id(),
        "number": 30_000,
        "significant": True,
        "lead_days": lead_days,
        "published_at": now.isoformat(),
        "announced_at": now.isoformat() if announced else None,
        "in_force_at": (now + timedelta(days=after_days)).isoformat(),
    }
    copied = (
        "INSERT INTO notices_version SELECT (jsonb_populate_record(v, %s::jsonb)).* FROM notices_version v "
        "ORDER BY created_at LIMIT 1"
    )
    return refusal((copied, [json.dumps(record)]))


def _database(steps: Steps) -> None:
    said = _tried(30, announced=True, after_days=31)
    steps.expect("the database takes a significant version after its lead time", not said, said)
    for name, lead_days, announced, after_days in (
        ("at once", LEAST_DAYS, True, 0),
        ("a day too early", LEAST_DAYS, True, LEAST_DAYS - 1),
        ("before its own lead time", 30, True, 20),
        ("that nobody was told of", LEAST_DAYS, False, 40),
        ("with a lead time of three days", 3, True, 40),
    ):
        steps.expect(f"it refuses one {name}", bool(_tried(lead_days, announced=announced, after_days=after_days)))


def _versions(steps: Steps) -> None:
    early, untold, after = oracle.rows(
        "SELECT count(*) FILTER (WHERE v.in_force_at IS NOT NULL AND NOT coalesce(v.in_force_at >= v.announced_at + "
        "make_interval(days => greatest(v.lead_days, %s)), false)), "
        "coalesce(sum((SELECT count(*) FROM accounts_account c WHERE c.created_at < least(v.in_force_at, clock_timestamp()) - "
        "%s::interval AND NOT EXISTS (SELECT FROM notices_announcement a WHERE a.version_id = v.id "
        "AND a.key_owner = c.person_id))) FILTER (WHERE v.in_force_at > clock_timestamp() - %s::interval), 0), "
        "coalesce(sum((SELECT count(*) FROM notices_announcement a JOIN accounts_account c ON c.person_id = a.key_owner "
        "WHERE a.version_id = v.id AND c.created_at < v.announced_at - %s::interval AND a.at > v.announced_at)), 0) "
        "FROM notices_version v WHERE v.significant AND v.published_at IS NOT NULL",
        LEAST_DAYS,
        GRACE,
        ANNOUNCEMENT_KEPT,
        GRACE,
    )[0]
    steps.expect("each significant version waited for its lead time", not early, f"{early} did not")
    steps.expect("everybody with an account was told of each", not untold, f"{counted(int(untold))} were not")
    steps.expect("before the lead time began", not after, f"{counted(int(after))} were told later")


def _mails(steps: Steps) -> None:
    """An announcement that is only marked is none: its mail must be there, and gone."""
    unwritten, unsent, contrary = oracle.rows(
        "SELECT count(*) FILTER (WHERE m.id IS NULL OR m.kind <> 'announcement' OR m.key_owner <> a.key_owner), "
        "count(*) FILTER (WHERE v.announced_at IS NOT NULL AND m.sent_at IS NULL AND m.set_aside_at IS NULL "
        "AND a.at <= v.announced_at), "
        "count(*) FILTER (WHERE (a.state = 'sent' AND m.sent_at IS NULL) OR (a.state = 'bounced' AND m.bounced_at IS NULL) "
        "OR (a.state = 'failed' AND m.set_aside_at IS NULL)) "
        "FROM notices_announcement a JOIN notices_version v ON v.id = a.version_id "
        "LEFT JOIN mail_message m ON m.id = a.message "
        "WHERE coalesce(a.resent_at, a.at) > clock_timestamp() - %s::interval",
        MAIL_KEPT,
    )[0]
    steps.expect("each announcement has its mail", not unwritten, f"{counted(unwritten)} have none")
    steps.expect(
        "which left, or was tried in vain, before the lead time began", not unsent, f"{counted(unsent)} did not"
    )
    steps.expect("what is noted of each is so", not contrary, f"{counted(contrary)} are noted otherwise")
    silent = oracle.value(
        "SELECT count(*) FROM notices_announcement WHERE state IN ('bounced', 'failed') AND resent_at IS NULL "
        "AND at < clock_timestamp() - interval '2 days' AND at > clock_timestamp() - interval '29 days'"
    )
    steps.expect("what came back was sent once more", not silent, f"{counted(silent or 0)} were not")


def _newcomer(steps: Steps) -> None:
    """Whoever comes before a significant version is in force is told of it as everybody was: once, by a mail that arrives."""
    coming = oracle.rows(
        "SELECT document, number FROM notices_version WHERE significant AND announced_at IS NOT NULL "
        "AND in_force_at > clock_timestamp() + %s::interval ORDER BY in_force_at LIMIT 1",
        GRACE,
    )
    if not coming:
        steps.note("the mail of an announcement as it arrives: no significant version is coming")
        return
    document, number = coming[0]
    with open_stage() as stage:
        newcomer = stage.grower()
        arrived = stage.arrival(newcomer.address, holding=f"/documents/{document}/compare?to={number}")
        steps.expect("whoever signs up before it is in force is told of it by a mail that arrives", arrived is not None)
