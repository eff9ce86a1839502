"""Rows of customers are shown to support staff with a confirmed second factor, and to no other staff: the database says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.db import DatabaseError, connection, transaction

from tests.conftest import Customer, as_staff, enter_staff, post
from tests.promises.test_sec_04_support import sees, wish

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
ROLES = ("glasshouse_app", "glasshouse_support")


def without_factor(staff: Customer) -> Customer:
    from glasshouse.accounts.models import SecondFactor

    SecondFactor.objects.filter(account_id=staff.actor.account).delete()
    return staff


def unconfirmed(staff: Customer) -> Customer:
    from glasshouse.accounts.models import SecondFactor

    SecondFactor.objects.filter(account_id=staff.actor.account).update(confirmed_at=None)
    return staff


def dismissed(staff: Customer) -> Customer:
    return as_staff(staff, "")


LACKS = {
    "no factor": without_factor,
    "factor not confirmed": unconfirmed,
    "privacy officer": lambda staff: as_staff(staff, "privacy"),
    "security analyst": lambda staff: as_staff(staff, "security"),
    "dismissed": dismissed,
}


@contextmanager
def faked(organisation: str, account: str, role: str) -> Iterator[Any]:
    """The application's own connection, with the settings of an acting member of the staff written by hand."""
    with transaction.atomic(), connection.cursor() as cursor:
        for name, value in {"organisation": organisation, "account": account, "kind": "staff", "job": ""}.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [f"glasshouse.{name}", value])
        if role != "glasshouse_app":
            cursor.execute(f"SET LOCAL ROLE {role}")
        yield cursor
        transaction.set_rollback(True)


def rows(cursor: Any, sql: str) -> int:
    try:
        with transaction.atomic():
            cursor.execute(f"SELECT count(*) FROM {sql}")
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        assert "permission denied" in str(error)
        return 0


def opened(organisation: str, account: str, role: str) -> dict[str, int]:
    """What faked settings open: customer table or function -> rows."""
    from glasshouse.rowsecurity.policies import customer_models

    sources = {model._meta.db_table: model._meta.db_table for model in customer_models()}
    sources |= {
        name: f"{name}()" for name in ("glasshouse_member_people", "glasshouse_customers", "glasshouse_staff_grants")
    }
    for name in (
        "glasshouse_member()",
        "glasshouse_staff()",
        "glasshouse_grant_changes('climate')",
        "glasshouse_granted('')",
    ):
        sources[name] = f"(SELECT 1 WHERE {name}) yes"
    with faked(organisation, account, role) as cursor:
        return {name: count for name, sql in sources.items() if (count := rows(cursor, sql))}


def prepared(one: Customer, staff: Customer, way: str) -> None:
    from glasshouse.kernel import clock
    from glasshouse.support import api as support
    from glasshouse.support.models import Grant

    if way == "administered":
        support.hand_administration(one.actor, to_operator=True)
    elif way == "emergency":
        support.set_emergency(one.actor, allowed=True)
        support.break_glass(staff.actor.for_organisation(one.actor.organisation), "fire")
    else:
        named = str(staff.actor.account) if way == "named" else ""
        grant = support.give(one.actor, wish(("climate", "events", "people"), change=True, staff=named))
        from glasshouse.access import api as access

        with access.organisation_transaction(one.actor):
            Grant.objects.filter(id=grant).update(countersigned_by="an0ther000000000", starts_at=clock.now())


WAYS = ("team", "named", "emergency", "administered")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lack", LACKS)
def test_whoever_is_not_support_with_a_factor_reads_no_row(customer: Make, olaf: Make, lack: str, way: str) -> None:
    one, staff = customer(), olaf()
    prepared(one, staff, way)
    account = str(staff.actor.account)
    role = "glasshouse_app" if way == "administered" else "glasshouse_support"
    assert opened(one.organisation, account, role), "support with a factor sees what was opened for it"
    LACKS[lack](staff)
    for role in ROLES:
        assert opened(one.organisation, account, role) == {}, role


@pytest.mark.parametrize("lack", LACKS)
def test_nor_writes_a_request_a_grant_or_a_countersignature(customer: Make, olaf: Make, lack: str) -> None:
    from glasshouse.kernel.ids import new_id
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    support.set_emergency(one.actor, allowed=True)
    prepared(one, staff, "team")
    LACKS[lack](staff)
    account = str(staff.actor.account)
    insert = (
        "INSERT INTO support_grant (id, organisation_id, staff, areas, change, emergency, reason, asked_by, created_at, "
        "starts_at, ends_at, approved_at, approved_by, countersigned_by, revoked_by) VALUES (%s, %s, %s, '{climate}', "
        "false, %s, '', %s, now(), now(), now() + interval '50 minutes', %s, '', '', '')"
    )
    for emergency, approved in ((False, None), (True, "now()")):
        with (
            faked(one.organisation, account, "glasshouse_support") as cursor,
            pytest.raises(DatabaseError, match="row-level"),
        ):
            cursor.execute(insert, [new_id(), one.organisation, account, emergency, account, approved])
    with faked(one.organisation, account, "glasshouse_support") as cursor:
        cursor.execute("UPDATE support_grant SET countersigned_by = %s", [account])
        assert cursor.rowcount == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lack", LACKS)
def test_the_code_refuses_too(customer: Make, olaf: Make, lack: str, way: str) -> None:
    from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, NotFoundError
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    prepared(one, staff, way)
    assert sees(staff, one)
    LACKS[lack](staff)
    inside = staff.actor.for_organisation(one.actor.organisation)
    for act in (
        lambda: sees(staff, one),
        lambda: support.customers(staff.actor),
        lambda: support.staff_grants(staff.actor),
        lambda: support.ask(inside, wish()),
        lambda: support.break_glass(inside, "fire"),
    ):
        with pytest.raises((NotFoundError, ForbiddenError)):
            act()
    with pytest.raises(GlasshouseError):
        sees(staff, one)


@pytest.mark.parametrize("way", WAYS)
def test_support_loses_access_with_the_next_statement(customer: Make, olaf: Make, way: str) -> None:
    """In the middle of a transaction that has read already: another connection takes the factor, or the role, away."""
    import threading

    from django.db import connections

    for lack in ("no factor", "dismissed"):
        one, staff = customer(), olaf()
        prepared(one, staff, way)
        role = "glasshouse_app" if way == "administered" else "glasshouse_support"
        with faked(one.organisation, str(staff.actor.account), role) as cursor:
            assert rows(cursor, "greenhouse_site") == 1

            def take(lack: str = lack, staff: Customer = staff) -> None:
                LACKS[lack](staff)
                connections.close_all()

            thread = threading.Thread(target=take)
            thread.start()
            thread.join()
            assert rows(cursor, "greenhouse_site") == 0, (way, lack)


def test_a_customer_can_name_support_staff_only(customer: Make, olaf: Make) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.support import api as support

    one, officer = customer(), as_staff(olaf(), "privacy")
    assert officer.actor.account not in [account for account, _ in support.staff_names()]
    with pytest.raises(InvalidError):
        support.give(one.actor, wish(staff=str(officer.actor.account)))


def test_at_the_door(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.support import api as support

    one, staff, officer = customer(), olaf(), as_staff(olaf(), "privacy")
    support.give(one.actor, wish())
    page = f"/o/{one.organisation}/sites"
    client = enter_staff(web(staff))
    assert client.get(page).status_code == 200
    without_factor(staff)
    assert client.get(page).headers["location"] == "/account/security?needed=1"
    assert client.get("/staff").headers["location"] == "/account/security?needed=1"
    theirs = enter_staff(web(officer))
    assert theirs.get(page).status_code == 404
    assert theirs.get("/staff").status_code == 404
    assert theirs.get("/").headers["location"] != "/staff"
    assert theirs.get("/", follow_redirects=True).status_code == 200
    assert (
        post(
            theirs, "/staff", "/account", customer=one.organisation, hours="1", areas="climate", reason="x"
        ).status_code
        == 404
    )
