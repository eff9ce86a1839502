"""The checks of a person's rights turn red for what breaks them: in the database, in rows, on the way out, in a law."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from importlib import import_module

import pytest

from glasshouse.kernel.ids import new_id
from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.conftest import Customer, administering, forget_recipients, forget_versions

Make = Callable[[], Customer]


def wrong(promise: str) -> str:
    """What the check of a promise says that is not as promised."""
    finding = checked(promise)
    assert str(finding.state) == "not verified", (finding.state, finding.figure)
    return "\n".join(line for line in finding.evidence if line.startswith("NOT"))


def stored(module: str) -> str:
    """What the part of a check says that looks through everybody's rows."""
    from glasshouse.promises.findings import Steps

    check, steps = import_module(f"glasshouse.promises.checks.{module}"), Steps()
    for part in ("_stored", "_reminded", "_register", "_versions", "_mails"):
        if hasattr(check, part):
            getattr(check, part)(steps)
    return "\n".join(steps.wrong)


@contextmanager
def broken(home: Installation, break_it: str, mend_it: str) -> Iterator[None]:
    """The length of the block something of the database is broken."""
    with administering(home) as link:
        link.execute(break_it)
        try:
            yield
        finally:
            link.execute(mend_it)


# -- the worked examples -------------------------------------------------------------------------------------------


def test_the_rule_of_the_check_gives_its_worked_examples() -> None:
    from glasshouse.promises.law_examples import EXAMPLES, OFFERED, by_business_days, last_day

    for example in EXAMPLES:
        assert last_day(example.law, example.asked) == example.due, example
        assert last_day(example.law, example.asked, extended=True) == example.extended, example
        assert example.source
    laws = [example.law for example in EXAMPLES]
    assert all(laws.count(law) >= 3 for law in OFFERED.values())
    assert last_day("another", date(2026, 1, 1)) is None
    assert by_business_days(date(2026, 11, 27), 10) == date(2026, 12, 11)


# -- in the database -----------------------------------------------------------------------------------------------


def test_pri_01_sees_a_database_that_asks_for_no_acceptance(home: Installation) -> None:
    from glasshouse.rowsecurity.policies import functions

    name = "glasshouse_accepted(whom text)"
    kind = "RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public"
    make = f"CREATE OR REPLACE FUNCTION {{}} {kind} AS $${{}}$$"
    honest = make.format(name, f" BEGIN RETURN ({functions()[name].body}); END ")
    with broken(home, make.format(name, "BEGIN RETURN true; END"), honest):
        assert "the database shows no row" in wrong("PRI-01")


def test_pri_03_sees_a_database_that_takes_a_version_too_early(home: Installation) -> None:
    with administering(home) as link:
        rule = link.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'significant_waits'"
        ).fetchone()
    assert rule
    drop = "ALTER TABLE notices_version DROP CONSTRAINT significant_waits"
    with broken(home, drop, f"ALTER TABLE notices_version ADD CONSTRAINT significant_waits {rule[0]}"):
        assert "it refuses one before its own lead time" in wrong("PRI-03")


@pytest.mark.long
def test_pri_08_sees_a_database_that_takes_a_source_without_a_licence(home: Installation) -> None:
    with administering(home) as link:
        rule = link.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'source_says_all'"
        ).fetchone()
    assert rule
    drop = "ALTER TABLE sources_source DROP CONSTRAINT source_says_all"
    with broken(home, drop, f"ALTER TABLE sources_source ADD CONSTRAINT source_says_all {rule[0]}"):
        assert "it refuses one that does not say all" in wrong("PRI-08")


def test_pri_15_sees_a_database_that_takes_any_disclosure(home: Installation) -> None:
    from glasshouse.disclosures.sql import LIVE_RECIPIENT

    with broken(home, "DROP POLICY live_recipient ON disclosures_disclosure", LIVE_RECIPIENT):
        assert "announced only, ended or unknown" in wrong("PRI-15")


def test_pri_16_sees_a_database_that_takes_one_reviewer_for_two(home: Installation) -> None:
    drop = "ALTER TABLE rights_demand DROP CONSTRAINT two_reviewers"
    rule = "CHECK (first_by = '' OR second_by = '' OR first_by <> second_by)"
    with broken(home, drop, f"ALTER TABLE rights_demand ADD CONSTRAINT two_reviewers {rule}"):
        assert "it refuses one with one reviewer twice" in wrong("PRI-16")


@pytest.mark.long
def test_pri_23_sees_a_table_that_shows_restricted_rows(home: Installation) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.rowsecurity.policies import unrestricted_policy

    with broken(home, "DROP POLICY unrestricted ON accounts_person", unrestricted_policy(Person, "id")):
        said = wrong("PRI-23")
    assert "pages of the administrator names the person" in said
    assert "(accounts_person)" in said


@pytest.mark.long
def test_pri_25_sees_a_database_that_takes_a_mail_against_an_objection(home: Installation) -> None:
    from glasshouse.mail.sql import SQL

    with broken(home, "DROP POLICY unobjected ON mail_message", SQL.statements[0]):
        assert "the database refuses a mail for merger" in wrong("PRI-25")


@pytest.mark.long
def test_pri_26_sees_a_privacy_address_that_takes_nothing(home: Installation) -> None:
    grant = "GRANT INSERT ON rights_request TO glasshouse_app"
    with broken(home, "REVOKE INSERT ON rights_request FROM glasshouse_app", grant):
        said = wrong("PRI-26")
    assert "the privacy address takes a mail" in said
    assert "a mail becomes one request, to erase" in said


def test_pri_27_sees_a_database_that_shows_a_referral_to_another_customer(home: Installation) -> None:
    leak = "CREATE POLICY leak ON rights_referral FOR SELECT TO glasshouse_app USING (true)"
    with broken(home, leak, "DROP POLICY leak ON rights_referral"):
        assert "the database shows the row to the one, and none to the other" in wrong("PRI-27")


def test_the_role_of_the_checks_sees_every_table(home: Installation) -> None:
    with administering(home) as link:
        bare = link.execute(
            "SELECT relname FROM pg_class c WHERE relrowsecurity AND relnamespace = 'public'::regnamespace AND NOT EXISTS "
            "(SELECT FROM pg_policies p WHERE p.tablename = c.relname AND 'glasshouse_auditor' = ANY (p.roles) "
            "AND p.qual = 'true')"
        ).fetchall()
    assert bare == [], "to a check these look empty"


# -- on the way out ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_pri_15_sees_mail_that_leaves_past_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel import gate

    monkeypatch.setattr(gate, "leave", lambda egress: None)
    assert "each mail that arrived is on record as a disclosure (a mail left without a record)" in wrong("PRI-15")


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_pri_26_sees_a_queue_that_nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.promises import stage

    monkeypatch.setattr(mail, "deliver_due", lambda limit=200: 0)
    monkeypatch.setattr(stage, "MAIL_S", 1.0)
    monkeypatch.setattr(stage, "BRIEF_S", 0.1)
    said = wrong("PRI-26")
    assert "its answer arrives, in the thread" in said


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_pri_26_sees_an_answer_outside_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.mail import smtp

    honest = smtp.composed
    monkeypatch.setattr(smtp, "composed", lambda *arguments: honest(*arguments[:4], ""))
    said = wrong("PRI-26")
    assert "its answer arrives, in the thread" in said
    assert "becomes one request" not in said


# -- in rows -------------------------------------------------------------------------------------------------------


def test_pri_01_sees_an_acceptance_of_a_version_that_was_not_in_force(home: Installation, customer: Make) -> None:
    one = customer()
    with administering(home) as link:
        link.execute(
            "UPDATE notices_acceptance SET at = at - interval '10 years' WHERE key_owner = %s", [one.actor.person]
        )
        assert "each version was in force when it was accepted" in stored("notices")
        link.execute("DELETE FROM notices_acceptance WHERE key_owner = %s", [one.actor.person])


def test_pri_01_sees_a_member_who_is_in_and_accepted_nothing(home: Installation, customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

    one = customer()
    accounts.sign_in(one.address, one.password, Visit(one.address))
    with administering(home) as link:
        link.execute("DELETE FROM notices_acceptance WHERE key_owner = %s", [one.actor.person])
        assert "every member who is signed in has accepted the terms" in stored("notices")
        link.execute("DELETE FROM accounts_session WHERE account_id = %s", [one.actor.account])


@pytest.fixture
def significant(home: Installation) -> Iterator[str]:
    """A significant version that came into force yesterday."""
    from glasshouse.kernel import clock
    from glasshouse.notices.models import Version

    now = clock.now()
    yield Version.objects.create(
        document="agreement",
        number=99,
        significant=True,
        lead_days=14,
        written_by=new_id(),
        created_at=now,
        published_at=now - timedelta(days=30),
        announced_at=now - timedelta(days=20),
        in_force_at=now - timedelta(days=1),
    ).id
    with administering(home) as link:
        forget_versions(link)


def test_pri_03_sees_who_was_told_of_nothing_and_who_was_only_marked(
    home: Installation, customer: Make, significant: str
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.notices.models import Announcement

    one = customer()
    with administering(home) as link:
        link.execute(
            "UPDATE accounts_account SET created_at = now() - interval '60 days' WHERE id = %s", [one.actor.account]
        )
    assert "everybody with an account was told of each" in stored("announcements")
    Announcement(
        key_owner=str(one.actor.person),
        version_id=significant,
        address=one.address,
        message=new_id(),
        state="sent",
        at=clock.now() - timedelta(days=21),
    ).save(force_insert=True)
    said = stored("announcements")
    assert "each announcement has its mail" in said
    assert "what is noted of each is so" in said
    assert "did not" in said, "and no mail of it left"


def test_pri_08_sees_a_person_who_was_told_late_and_one_who_was_only_marked(officer: Customer) -> None:
    from glasshouse.kernel import clock
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract 7", "knowing whom to invite").id
    sources.bring_in(officer.actor, source, f"address,company\n{new_id()}@grower.example,A\n")
    rows = ThirdPartyData.objects.filter(source_id=source)
    rows.update(received_at=clock.now() - timedelta(days=40))
    assert "each person was told within a month" in stored("sources")
    rows.update(received_at=clock.now() - timedelta(days=2), told_at=clock.now() - timedelta(days=1))
    assert "by a mail that was written, not only noted" in stored("sources")
    rows.delete()
    assert stored("sources") == ""


def test_pri_15_sees_a_provider_without_safeguards_and_an_erasure_that_nobody_was_told_of(
    home: Installation, officer: Customer
) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Disclosure
    from glasshouse.kernel import clock
    from glasshouse.subject.models import Erasure

    texts = {
        "name": "N",
        "what": "W",
        "region": "EU",
        "purpose": "P",
        "basis": "contract",
        "agreement": "A",
        "safeguard": "S",
    }
    entry = disclosures.Entry(
        "provider", texts | {"contact": "erase@provider.example"}, ["user.name"], [], 14, "2026-01-31"
    )
    recipient = disclosures.add(officer.actor, entry)
    try:
        assert stored("disclosures") == ""
        with administering(home) as link:
            link.execute(
                "UPDATE disclosures_recipient SET safeguard = NULL, earlier_rules = true, "
                "announced_at = now() - interval '20 days', active_from = now() - interval '5 days' WHERE id = %s",
                [recipient.id],
            )
        assert "each provider has an agreement and safeguards" in stored("disclosures")
        then, person = clock.now() - timedelta(days=1), new_id()
        Disclosure.objects.create(key_owner=person, recipient=recipient, first_at=then, last_at=then)
        erasure = Erasure.objects.create(person=person, account=new_id(), begun_at=clock.now(), done_at=clock.now())
        assert "recipients were told of each erased person" in stored("disclosures")
        Disclosure.objects.filter(key_owner=person).update(first_at=then - timedelta(days=30), told_at=then)
        assert "no disclosure outside its recipient's time" in stored("disclosures")
        erasure.delete()
    finally:
        with administering(home) as link:
            forget_recipients(link)


def test_pri_16_sees_a_person_who_is_noted_as_told_and_has_no_mail(home: Installation, customer: Make) -> None:
    from glasshouse.authorities.models import LegalRequest
    from glasshouse.kernel import clock

    one, now = customer(), clock.now()
    row = LegalRequest(
        address=one.address,
        address_hash=new_id() * 4,
        authority="A",
        grounds="G",
        reasons={},
        country="NL",
        asked=["user.name"],
        narrowed=["user.name"],
        first_by=new_id(),
        first_verdict="answer",
        second_by=new_id(),
        second_verdict="answer",
        outcome="answered",
        entered_by=new_id(),
        received_at=now,
        due_at=now,
        closed_at=now,
        told_at=now,
        person=str(one.actor.person),
    )
    row.save(force_insert=True)
    try:
        assert "whoever is noted as told has a mail" in stored("authorities")
        LegalRequest.objects.filter(id=row.id).update(told_at=None, barred_until=now.date() - timedelta(days=3))
        assert "no bar that has ended is forgotten" in stored("authorities")
        LegalRequest.objects.filter(id=row.id).update(outcome="", due_at=now - timedelta(days=1), barred_until=None)
        assert "none is late" in stored("authorities")
    finally:
        row.delete()


def test_pri_25_sees_a_mail_that_was_written_against_an_objection(home: Installation, customer: Make) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.mail.models import Message

    one = customer()
    consent.withdraw(one.alone, "merger")
    with administering(home) as link:
        number = new_id()
        link.execute(
            "INSERT INTO mail_message SELECT (jsonb_populate_record(m, jsonb_build_object('id', %s::text, 'purpose', 'merger', "
            "'key_owner', %s::text, 'created_at', now(), 'sent_at', now()))).* FROM mail_message m LIMIT 1",
            [number, one.actor.person],
        )
        try:
            assert "no mail was written against its person's word" in stored("objection")
        finally:
            link.execute("DELETE FROM mail_message WHERE id = %s", [number])
    assert Message.objects.filter(id=number).count() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"due_at": -1}, "no open request is past its deadline"),
        ({"due_at": 3}, "officers were reminded five days before each deadline"),
        ({"due_at": 16}, "each is due within its law's time"),
        ({"law": "gdpr"}, "has the law of its region"),
        ({"due_at": 40, "extended_at": 20}, "each extension was told before the first deadline"),
    ],
)
@pytest.mark.usefixtures("home")
def test_pri_28_sees_a_request_whose_day_is_wrong(change: dict[str, int | str], said: str) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    number = requests.ask(f"{new_id()}@grower.example", "access", "br", "please", requests.Arrival(network=new_id()))
    days: dict[str, datetime | str] = {
        name: value if isinstance(value, str) else clock.now() + timedelta(days=value) for name, value in change.items()
    }
    Request.objects.filter(id=number).update(**days)
    try:
        assert said in stored("legal_deadlines")
    finally:
        Request.objects.filter(id=number).delete()


@pytest.mark.usefixtures("officer")
def test_pri_28_sees_a_reminder_that_is_only_marked(home: Installation) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import api as requests
    from glasshouse.requests import reminders
    from glasshouse.requests.models import Request

    with administering(home) as link:
        link.execute("DELETE FROM mail_message WHERE kind = 'deadline'")
    number = requests.ask(f"{new_id()}@grower.example", "access", "br", "please", requests.Arrival(network=new_id()))
    rows = Request.objects.filter(id=number)
    rows.update(due_at=clock.now() + timedelta(days=3), escalated=1)
    try:
        assert "by mail, not only by a mark" in stored("legal_deadlines")
        rows.update(escalated=0)
        assert reminders.escalate_due() >= 1
        assert "by mail" not in stored("legal_deadlines")
        earlier, to_nobody = "created_at = created_at - interval '60 hours'", f"key_owner = '{new_id()}'"
        for change in (earlier, to_nobody):  # A mail before the request came; one to somebody who is no officer.
            with administering(home) as link:
                kept = link.execute(
                    "SELECT id, created_at, key_owner FROM mail_message WHERE kind = 'deadline'"
                ).fetchall()
                link.execute(f"UPDATE mail_message SET {change} WHERE kind = 'deadline'")
                assert "by mail, not only by a mark" in stored("legal_deadlines"), change
                for mail, created_at, key_owner in kept:
                    link.execute(
                        "UPDATE mail_message SET created_at = %s, key_owner = %s WHERE id = %s",
                        [created_at, key_owner, mail],
                    )
    finally:
        rows.delete()


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_pri_27_sees_a_late_customer_that_is_not_reminded(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import stage
    from glasshouse.requests import referrals

    monkeypatch.setattr(stage, "MAIL_S", 5.0)
    monkeypatch.setattr(referrals, "_tell_contacts", lambda *_: None)
    assert "a customer whose day has passed is reminded by mail" in wrong("PRI-27")


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_pri_25_sees_a_business_transfer_that_passes_on_objectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web part counts one fewer than the rows that the check reads."""
    from glasshouse.promises.checks import objection

    monkeypatch.setattr(
        objection, "OBJECTORS", objection.OBJECTORS.replace("SELECT count(*)", "SELECT count(*) + 1", 1)
    )
    assert "a business transfer passes on nobody who objects" in wrong("PRI-25")
