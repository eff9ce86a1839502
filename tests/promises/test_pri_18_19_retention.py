"""The checks of PRI-18 and PRI-19 are seen to fail, whatever is kept too long or deleted too soon."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked, clear
from tests.conftest import administering
from tests.promises.breaking import done_and_undone, trigger

Break = Callable[[Installation], AbstractContextManager[None]]
OLD_MAIL = (
    "INSERT INTO mail_message (id, key_owner, kind, address, subject, body, purpose, refused, created_at, sent_at, tries, "
    "next_try_at, reason, place) VALUES ('0000000000000000', '0000000000000001', 'probe', '', '', '', '', '', "
    "now() - interval '40 days', now() - interval '33 days', 0, now(), '', '')"
)


def ran(promise: str) -> tuple[str, str]:
    """What a check finds once the tests' own rows that are over have been deleted: their service has no schedule."""
    from glasshouse.retention import api as retention

    retention.run_deletions()
    finding = checked(promise)
    return str(finding.state), finding.figure


@pytest.mark.long
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("promise", ["PRI-18", "PRI-19"])
def test_a_healthy_service_is_verified(promise: str) -> None:
    found = ran(promise)
    assert found[0] == "verified", found


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        pytest.param(
            lambda home: done_and_undone(home, OLD_MAIL, "DELETE FROM mail_message WHERE id = '0000000000000000'"),
            "mail_message is kept more than 30 days after sent_at",
            id="an old mail",
        ),
        pytest.param(
            lambda home: done_and_undone(home, "CREATE TABLE shadow (who text)", "DROP TABLE shadow"),
            "has a rule",
            id="a table without a rule",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "ALTER TABLE access_token RENAME expires_at TO ends_at",
                "ALTER TABLE access_token RENAME ends_at TO expires_at",
            ),
            "no such time any more",
            id="a time that went",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "CREATE TABLE kept AS SELECT id, tables FROM notices_version; "
                "UPDATE notices_version SET tables = replace(tables::text, '30 days', '90 days')::jsonb",
                "UPDATE notices_version v SET tables = k.tables FROM kept k WHERE k.id = v.id; DROP TABLE kept",
            ),
            "the privacy notice tells",
            id="a notice that tells another time",
        ),
    ],
)
def test_what_is_kept_too_long_is_seen(home: Installation, break_it: Break, word: str) -> None:
    from glasshouse.retention import api as retention

    retention.run_deletions()
    with break_it(home):
        finding = checked("PRI-18")
    assert finding.state == "not verified", finding.evidence
    assert word in finding.figure


OLD_NOTICE = (
    "CREATE TABLE kept AS SELECT id, tables FROM notices_version; "
    "UPDATE notices_version SET tables = replace(tables::text, '30 days', '90 days')::jsonb",
    "UPDATE notices_version v SET tables = k.tables FROM kept k WHERE k.id = v.id; DROP TABLE kept",
)
NEWER = (
    "INSERT INTO notices_version (id, document, number, significant, lead_days, tables, facts, written_by, created_at{}) "
    "VALUES "
)
DRAFT = NEWER.format("") + "('0000000000000000', 'notice', NULL, true, 14, '[]', '{}', 'installation', now())"
COMING = (
    NEWER.format(", published_at, announced_at, in_force_at")
    + "('0000000000000000', 'notice', 9999, true, 14, '[]', '{}', 'installation', now(), now(), now(), '2999-01-31')"
)


@pytest.mark.parametrize(
    ("newer", "words"),
    [
        ("SELECT 1", "has to draft a new notice, and publish it (/staff/documents)"),
        (DRAFT, "waits as a draft: the privacy officer has to read and publish it (/staff/documents)"),
        (COMING, "a newer notice is published, and in force from 2999-01-31 on"),
    ],
)
def test_a_notice_that_lacks_a_rule_is_not_verified_and_says_what_to_do(
    home: Installation, newer: str, words: str
) -> None:
    from glasshouse.promises.checks.retention import _noticed
    from glasshouse.promises.findings import Steps

    clear(home)  # Drafts of other tests.
    steps = Steps()
    with done_and_undone(
        home,
        f"{OLD_NOTICE[0]}; {newer}",
        f"DELETE FROM notices_version WHERE number = 9999 OR id = '0000000000000000'; {OLD_NOTICE[1]}",
    ):
        _noticed(steps)
    finding = steps.judged()
    assert finding.state == "not verified"
    assert words in finding.figure and len(finding.figure) < 300


def test_what_a_legal_hold_is_on_may_be_old(home: Installation) -> None:
    from glasshouse.kernel import clock
    from glasshouse.retention.models import LegalHold

    now = clock.now()
    hold = LegalHold(key_owner="0" * 15 + "1", owner="0" * 16, reason="probe", created_at=now)
    hold.ends_at = now + timedelta(days=1)
    hold.save(force_insert=True)
    with administering(home) as link:
        link.execute(OLD_MAIL)  # type: ignore[arg-type]
        try:
            result = ran("PRI-18")
            assert result[0] == "verified", result
        finally:
            link.execute("DELETE FROM retention_hold WHERE id = %s", [hold.id])
            link.execute("DELETE FROM mail_message WHERE id = '0000000000000000'")


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        pytest.param(
            lambda home: trigger(home, "access_invitation", "BEFORE DELETE", "RETURN NULL;"),
            "is gone after a deletion run",
            id="a row stays",
        ),
        pytest.param(
            lambda home: trigger(
                home,
                "vault_data_key",
                "BEFORE UPDATE",
                "IF NEW.destroyed_at IS NOT NULL THEN RETURN NULL; END IF; RETURN NEW;",
                "vault",
            ),
            "a key that sealed nothing else",
            id="a key stays",
        ),
        pytest.param(
            lambda home: trigger(
                home, "retention_hold", "BEFORE INSERT", "NEW.ends_at := now() - interval '1 day'; RETURN NEW;"
            ),
            "what a legal hold is on",
            id="a legal hold that holds nothing",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "CREATE FUNCTION eager() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN DELETE FROM "
                "public.mail_message WHERE sent_at < now() - interval '7 days'; RETURN NULL; END$$; CREATE TRIGGER a_eager "
                "AFTER DELETE ON access_invitation FOR EACH STATEMENT EXECUTE FUNCTION eager()",
                "DROP FUNCTION eager() CASCADE",
            ),
            "what is not over yet is there",
            id="deleted too soon",
        ),
    ],
)
def test_a_deletion_run_that_fails_is_seen(
    home: Installation, monkeypatch: pytest.MonkeyPatch, break_it: Break, word: str
) -> None:
    from glasshouse.promises.checks import retention

    monkeypatch.setattr(retention, "RUNS_S", 6.0)
    with break_it(home):
        finding = checked("PRI-19")
    assert finding.state == "not verified", finding.evidence
    assert word in str([line for line in finding.evidence if line.startswith("NOT")]), finding.evidence


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_a_worker_that_runs_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.checks import retention as check
    from glasshouse.retention import api as retention

    monkeypatch.setattr(check, "RUNS_S", 2.0)
    monkeypatch.setattr(retention, "run_for_probes", lambda: 0)
    assert checked("PRI-19").state == "not verified"
