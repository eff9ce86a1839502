"""SEC-01, SEC-03, SEC-04: breakages of the running service, made in its database, turn the checks red."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.conftest import Customer, administering


@contextmanager
def broken(home: Installation, break_it: str, mend_it: str) -> Iterator[None]:
    with administering(home) as link:
        link.execute(break_it)  # type: ignore[arg-type]
        try:
            yield
        finally:
            link.execute(mend_it)  # type: ignore[arg-type]


@contextmanager
def meddling(home: Installation, table: str, when: str, body: str, *, jobs: bool = False) -> Iterator[None]:
    """A trigger that does `body` before a page writes a row, or a job; what takes a probe away is left alone."""
    roles = f"'glasshouse_app', 'glasshouse_person', 'glasshouse_support', '{'glasshouse_job' if jobs else ''}'"
    break_it = (
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF current_user NOT IN ({roles}) THEN RETURN coalesce(NEW, OLD); END IF; "
        f"{body} END $$; CREATE TRIGGER meddle BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"
    )
    with broken(home, break_it, f"DROP TRIGGER meddle ON {table}; DROP FUNCTION meddle()"):
        yield


def not_verified(promise: str, words: str) -> None:
    """The check is red, and says why."""
    finding = checked(promise)
    assert str(finding.state) == "not verified", finding
    assert any(words in line for line in finding.evidence if line.startswith("NOT")), finding.evidence


# -- SEC-01 --------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("table", ["access_organisation", "greenhouse_site", "events_event"])
def test_sec_01_sees_a_table_that_is_open_to_every_customer(home: Installation, table: str) -> None:
    with broken(home, f"CREATE POLICY leak ON {table} TO glasshouse_app USING (true)", f"DROP POLICY leak ON {table}"):
        not_verified("SEC-01", "tenant: to")


@pytest.mark.long
def test_sec_01_sees_a_membership_that_anybody_may_write(home: Installation) -> None:
    leak = "CREATE POLICY leak ON access_membership FOR INSERT TO glasshouse_app WITH CHECK (true)"
    with broken(home, leak, "DROP POLICY leak ON access_membership"):
        not_verified("SEC-01", "can write no membership")


@pytest.mark.long
def test_sec_01_sees_keys_that_nobody_made(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of the keys is judged, and not that they were asked for."""
    from glasshouse.promises import oracle

    honest = oracle.rows
    monkeypatch.setattr(
        oracle,
        "rows",
        lambda question, *values, **more: [] if "vault_data_key" in question else honest(question, *values, **more),
    )
    not_verified("SEC-01", "a key of its own")


def test_sec_01_sees_names_that_lie_open(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns of a name and of a place, written readable by a trigger, as a careless release would."""
    body = "NEW.network := convert_to('127.0.0.1', 'UTF8'); RETURN NEW;"
    with meddling(home, "accounts_session", "INSERT", body):
        from glasshouse.promises import front_door

        monkeypatch.setattr(front_door.secrets, "randbelow", lambda most: {200: -20, 256: 0, 254: 0}.get(most, 0))
        not_verified("SEC-01", "reads no name, address or place")


@pytest.fixture
def no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the walk of all addresses, which takes most of the time."""
    from glasshouse.promises import rights_table

    monkeypatch.setattr(rights_table, "walk", lambda *_: rights_table.Walked(1, []))


# -- SEC-03 --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_walk")
def test_sec_03_sees_sites_that_are_shown_to_every_member(home: Installation) -> None:
    own = "organisation_id = current_setting('glasshouse.organisation', true)"
    with broken(
        home,
        f"CREATE POLICY leak ON greenhouse_site FOR SELECT TO glasshouse_app USING ({own})",
        "DROP POLICY leak ON greenhouse_site",
    ):
        not_verified("SEC-03", "other")


@pytest.mark.long
@pytest.mark.usefixtures("no_walk")
def test_sec_03_sees_a_change_of_role_that_does_not_count(home: Installation) -> None:
    with meddling(home, "access_membership", "UPDATE", "NEW.role := OLD.role; RETURN NEW;"):
        not_verified("SEC-03", "counts at the next request")


@pytest.mark.long
@pytest.mark.usefixtures("no_walk")
def test_sec_03_sees_changes_that_leave_no_event(home: Installation) -> None:
    body = "IF NEW.kind = 'access:member:change' THEN RETURN NULL; END IF; RETURN NEW;"
    with meddling(home, "events_event", "INSERT", body):
        not_verified("SEC-03", "left an event")


@pytest.mark.long
@pytest.mark.usefixtures("no_walk")
def test_sec_03_sees_a_member_who_stays(home: Installation) -> None:
    with meddling(home, "access_membership", "DELETE", "RETURN NULL;"):
        not_verified("SEC-03", "a removed member sees nothing")


@pytest.mark.long
def test_sec_03_sees_a_role_that_gets_where_it_should_not(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The door is honest here; the table is made stricter, and then wider, than the door."""
    from glasshouse.promises import rights_table

    monkeypatch.setitem(rights_table.ALSO, "GET sites", frozenset({"grower"}))
    not_verified("SEC-03", "viewer GET sites: 200, though not for this role")
    monkeypatch.setitem(rights_table.ALSO, "GET sites", rights_table.SEES | {"billing-contact"})
    not_verified("SEC-03", "billing-contact GET sites: 403, though for this role")


@pytest.mark.long
@pytest.mark.usefixtures("no_walk")
def test_sec_03_sees_a_customer_without_an_administrator(home: Installation, customer: Callable[[], Customer]) -> None:
    own = customer()
    with administering(home) as link:
        link.execute("ALTER TABLE access_membership DISABLE TRIGGER keep_administrator")
        role = "UPDATE access_membership SET role = '{}' WHERE organisation_id = '{}'"
        link.execute(role.format("viewer", own.organisation))  # type: ignore[arg-type]
        try:
            not_verified("SEC-03", "no customer here is without an administrator")
        finally:
            link.execute(role.format("administrator", own.organisation))  # type: ignore[arg-type]
            link.execute("ALTER TABLE access_membership ENABLE TRIGGER keep_administrator")


# -- SEC-02 --------------------------------------------------------------------------------------------------------


def test_sec_02_sees_an_invitation_that_cannot_be_revoked(home: Installation) -> None:
    with meddling(home, "access_invitation", "UPDATE", "NEW.revoked_at := NULL; RETURN NEW;"):
        not_verified("SEC-02", "a revoked invitation is refused")


# -- SEC-04 --------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "mend_it", "words"),
    [
        (
            "CREATE POLICY leak ON access_organisation FOR SELECT TO glasshouse_support USING (true)",
            "DROP POLICY leak ON access_organisation",
            "support role reads no row",
        ),
        (
            "ALTER TABLE greenhouse_site NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE greenhouse_site FORCE ROW LEVEL SECURITY",
            "row security, forced",
        ),
        ("ALTER ROLE glasshouse_support BYPASSRLS", "ALTER ROLE glasshouse_support NOBYPASSRLS", "pass over no policy"),
        (
            "GRANT glasshouse_relay TO glasshouse_support",
            "REVOKE glasshouse_relay FROM glasshouse_support",
            "become nobody else",
        ),
        (
            "GRANT SELECT ON accounts_person TO glasshouse_support; "
            "CREATE POLICY leak ON accounts_person FOR SELECT TO glasshouse_support USING (true)",
            "DROP POLICY leak ON accounts_person; REVOKE SELECT ON accounts_person FROM glasshouse_support",
            "support role reads no row",
        ),
    ],
)
def test_sec_04_sees_support_that_could_look(home: Installation, break_it: str, mend_it: str, words: str) -> None:
    with broken(home, break_it, mend_it):
        not_verified("SEC-04", words)


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "when", "body", "words"),
    [
        ("support_grant", "UPDATE", "NEW.revoked_at := NULL; RETURN NEW;", "ended while support was looking"),
        ("support_grant", "INSERT", "NEW.sites := NULL; RETURN NEW;", "a scope and an end"),
        ("support_grant", "INSERT", "NEW.approved_at := NEW.created_at; RETURN NEW;", "has nothing by that"),
        ("support_seen", "INSERT", "RETURN NULL;", "on record"),
        (
            "access_organisation",
            "UPDATE",
            "NEW.administered_since := coalesce(NEW.administered_since, OLD.administered_since); RETURN NEW;",
            "taken back",
        ),
    ],
)
def test_sec_04_sees_an_invitation_that_goes_too_far(
    home: Installation, table: str, when: str, body: str, words: str
) -> None:
    with meddling(home, table, when, body):
        not_verified("SEC-04", words)


@pytest.mark.long
def test_sec_04_sees_an_invitation_that_nobody_is_told_of(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.checks import support

    monkeypatch.setattr(support, "MAIL_S", 3.0)
    body = "IF NEW.kind = 'support-access' THEN RETURN NULL; END IF; RETURN NEW;"
    with meddling(home, "mail_message", "INSERT", body, jobs=True):
        not_verified("SEC-04", "announced")


# -- members whom nobody invited -----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("promise", "role", "words"),
    [("SEC-02", "viewer", "how they came in"), ("SEC-03", "administrator", "nor was invited to it")],
)
def test_a_member_whom_nobody_invited_is_seen(
    home: Installation, customer: Callable[[], Customer], promise: str, role: str, words: str
) -> None:
    one, other = customer(), customer()
    insert = (
        "INSERT INTO access_membership (id, organisation_id, account_id, role, created_at) "
        f"VALUES ('br0ken0000000001', '{one.organisation}', '{other.actor.account}', '{role}', now())"
    )
    with broken(home, insert, "DELETE FROM access_membership WHERE id = 'br0ken0000000001'"):
        not_verified(promise, words)
