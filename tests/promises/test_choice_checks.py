"""The live checks of documents, choices and disclosures: verified on a healthy service, and seen to fail when broken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from glasshouse.kernel.ids import new_id
from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.conftest import Customer, administering
from tests.promises.test_live_checks import state

Make = Callable[[], Customer]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("promise", ["PRI-01", "PRI-03", "PRI-08", "PRI-15", "PRI-16", "PRI-23", "PRI-25", "PRI-27"])
def test_a_healthy_service_is_verified(promise: str) -> None:
    found = state(promise)
    assert found[0] == "verified" or (promise in ("PRI-03", "PRI-16") and found[0] == "nothing to check"), found


def test_pri_01_sees_a_database_that_asks_for_no_acceptance(home: Installation) -> None:
    from glasshouse.rowsecurity.policies import functions

    name = "glasshouse_accepted(whom text)"
    make = "CREATE OR REPLACE FUNCTION {} RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $${}$$"
    with administering(home) as link:
        link.execute(make.format(name, "SELECT true"))
        try:
            found = state("PRI-01")
            assert found[0] == "not verified"
            assert "got in" in found[1]
        finally:
            link.execute(make.format(name, functions()[name][1]))


def test_pri_01_sees_an_acceptance_of_a_version_that_was_not_in_force(home: Installation, customer: Make) -> None:
    one = customer()
    with administering(home) as link:
        link.execute(
            "UPDATE notices_acceptance SET at = at - interval '10 years' WHERE key_owner = %s", [one.actor.person]
        )
        assert state("PRI-01")[0] == "not verified"
        link.execute("DELETE FROM notices_acceptance WHERE key_owner = %s", [one.actor.person])


def test_pri_03_sees_a_significant_version_that_nobody_was_told_of(home: Installation, customer: Make) -> None:
    from glasshouse.kernel import clock
    from glasshouse.notices.models import Version

    one = customer()
    now = clock.now()
    made = Version.objects.create(
        document="agreement",
        number=99,
        significant=True,
        lead_days=14,
        written_by=new_id(),
        created_at=now,
        published_at=now - timedelta(days=30),
        announced_at=now - timedelta(days=20),
        in_force_at=now - timedelta(days=1),
    )
    try:
        with administering(home) as link:
            link.execute(
                "UPDATE accounts_account SET created_at = now() - interval '60 days' WHERE id = %s", [one.actor.account]
            )
        found = state("PRI-03")
        assert found[0] == "not verified"
        assert "was not told to" in found[1]
    finally:
        with administering(home) as link:
            link.execute("DELETE FROM notices_version WHERE id = %s", [made.id])


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<label>Diet <input name="diet" required></label>', "no page declares"),
        ('<label>Say it <textarea name="text" required></textarea></label>', "though nothing needs it"),
        ('<label>Say it <textarea name="text"></textarea></label>', "is optional"),
        ('<label>Say it (optional) <textarea name="text"></textarea></label>', ""),
        ('<label>Address <input name="address" required></label>', ""),
    ],
)
@pytest.mark.usefixtures("home")
def test_pri_05_sees_what_is_asked_too_much(page: str, said: str) -> None:
    from glasshouse.promises.asked_fields import flaws

    found = list(flaws("/privacy", page))
    assert found == [] if not said else said in found[0]


@pytest.mark.usefixtures("home")
def test_pri_05_sees_a_page_that_asks_for_what_nobody_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import pages

    undeclared = {
        key: replace(page, asks=page.asks[:1]) for key, page in pages._pages.items() if key.name == "privacy_ask"
    }
    monkeypatch.setattr(pages, "_pages", pages._pages | undeclared)
    result = checked("PRI-05")
    assert result.state == "not verified"
    assert "/privacy asks for" in result.figure


@pytest.mark.usefixtures("home")
def test_pri_05_sees_a_declaration_of_a_column_that_the_map_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import pages
    from glasshouse.promises.asked_fields import flaws

    key = next(key for key in pages._pages if key.name == "forgotten" and key.method == "POST")
    unknown = replace(pages._pages[key], asks=(pages.Asked("address", "mail_message.street"),))
    monkeypatch.setitem(pages._pages, key, unknown)
    assert "does not know" in next(flaws("/forgotten", '<input name="address" required>'))


@pytest.mark.usefixtures("home")
def test_pri_15_sees_a_gate_that_stands_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel import gate

    monkeypatch.setattr(gate, "leave", lambda egress: None)
    assert "let a probe out" in state("PRI-15")[1]


def test_pri_15_sees_a_database_that_takes_any_disclosure(home: Installation) -> None:
    from glasshouse.disclosures.sql import LIVE_RECIPIENT

    with administering(home) as link:
        link.execute("DROP POLICY live_recipient ON disclosures_disclosure")
        try:
            assert "not live" in state("PRI-15")[1]
        finally:
            link.execute(LIVE_RECIPIENT)


@pytest.mark.parametrize("promise", ["PRI-23"])
def test_pri_23_sees_a_table_that_shows_restricted_rows(home: Installation, promise: str) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.rowsecurity.policies import unrestricted_policy

    with administering(home) as link:
        link.execute("DROP POLICY unrestricted ON accounts_person")
        try:
            assert state(promise)[0] == "not verified"
        finally:
            link.execute(unrestricted_policy(Person, "id"))


def test_pri_25_sees_a_purpose_that_goes_on(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.consent import api as consent

    monkeypatch.setattr(consent, "may", lambda key_owner, purpose: True)
    assert "goes on" in state("PRI-25")[1]


def test_pri_25_sees_a_database_that_takes_a_mail_against_an_objection(home: Installation) -> None:
    with administering(home) as link:
        link.execute("DROP POLICY unobjected ON mail_message")
        try:
            assert "was taken" in state("PRI-25")[1]
        finally:
            link.execute(
                "CREATE POLICY unobjected ON mail_message AS RESTRICTIVE FOR INSERT TO glasshouse_app "
                "WITH CHECK (purpose = '' OR NOT glasshouse_objected(key_owner, purpose))"
            )


@pytest.mark.usefixtures("home")
def test_pri_27_sees_a_request_that_reaches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.requests import referrals

    monkeypatch.setattr(referrals, "_pass", lambda request, organisation: None)
    assert state("PRI-27")[0] == "not verified"
