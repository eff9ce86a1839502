"""SEC-04: support sees nothing of a customer unless invited, and then only what the grant names, on record, until it ends."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, connection

from tests.conftest import Customer, enter_staff, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


def wish(areas: tuple[str, ...] = ("climate",), **more: object):  # type: ignore[no-untyped-def]
    from glasshouse.support.api import Wish

    return Wish(areas, int(more.pop("hours", 4)), "ticket 7", **more)  # type: ignore[arg-type]


def sees(staff: Customer, one: Customer) -> list[str]:
    """Names of the sites that the staff sees of a customer."""
    from glasshouse.greenhouse import api as greenhouse

    return [site.name for site in greenhouse.sites(staff.actor.for_organisation(one.actor.organisation))]


def test_without_a_grant_the_support_role_reads_no_row_of_any_customer(customer: Make, olaf: Make) -> None:
    from glasshouse.rowsecurity.policies import customer_models

    customer()
    staff = olaf()
    with connection.cursor() as cursor:
        for organisation in ("", customer().organisation):
            for model in customer_models():
                cursor.execute("BEGIN")
                cursor.execute(
                    "SELECT set_config('glasshouse.organisation', %s, true), set_config('glasshouse.account', %s, true)",
                    [organisation, staff.actor.account],
                )
                cursor.execute("SET LOCAL ROLE glasshouse_support")
                try:
                    cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
                    assert cursor.fetchone() == (0,), model._meta.db_table
                except DatabaseError as error:
                    assert "permission denied" in str(error)
                cursor.execute("ROLLBACK")


def test_staff_see_opaque_ids_and_nothing_else(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    assert one.organisation in support.customers(staff.actor)
    with pytest.raises(NotFoundError):
        sees(staff, one)
    with pytest.raises(NotFoundError):
        support.customers(one.actor)
    assert web(one).get("/staff").status_code == 404


def test_staff_without_a_second_step_can_do_nothing(customer: Make, olaf: Make) -> None:
    from glasshouse.accounts.models import SecondFactor
    from glasshouse.kernel.errors import SecondFactorNeededError
    from glasshouse.support import api as support

    staff = olaf()
    SecondFactor.objects.filter(account_id=staff.actor.account).delete()
    with pytest.raises(SecondFactorNeededError):
        support.customers(staff.actor)


def test_a_staff_account_joins_no_customer(customer: Make, olaf: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.organisations import invitations
    from tests.conftest import prove_link

    one, staff = customer(), olaf()
    invitations.invite(one.actor, staff.address, invitations.Offer("viewer"))
    with pytest.raises(ForbiddenError):
        invitations.accept(staff.actor, prove_link(staff.address, "invitation"))
    with pytest.raises(ForbiddenError):
        access.create_organisation(staff.actor, "Ours")


def test_a_grant_opens_what_it_names_and_records_what_is_seen(customer: Make, olaf: Make) -> None:
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import readings
    from glasshouse.kernel.errors import ForbiddenError, GlasshouseError
    from glasshouse.organisations import members
    from glasshouse.support import api as support
    from glasshouse.support import record as support_record

    one, other, staff = customer(), customer(), olaf()
    second = greenhouse.create_site(one.actor, {"name": "Hidden", "time_zone": "Europe/Rome"})
    support.give(one.actor, wish(sites=(one.site,), staff=str(staff.actor.account)))
    inside = staff.actor.for_organisation(one.actor.organisation)
    assert sees(staff, one) == [greenhouse.sites(one.actor)[0].name]
    assert readings.series(inside) == []
    for forbidden in (
        lambda: members.members(inside),
        lambda: greenhouse.create_device(inside, one.site, "", "Mine"),
        lambda: greenhouse.set_target_ranges(inside, one.site, "", {"variable": "air_temp", "least": "1"}),
        lambda: support.give(inside, wish()),
    ):
        with pytest.raises(ForbiddenError):
            forbidden()
    with pytest.raises(GlasshouseError):
        sees(staff, other)
    with pytest.raises(GlasshouseError):
        sees(olaf(), one)
    record = [(entry.what, entry.ids) for entry, _ in support_record.of_organisation(one.actor)]
    assert ("sites", [one.site]) in record
    assert all(second not in ids for _, ids in record)


def test_support_sees_nothing_after_the_customer_revokes(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    grant = support.give(one.actor, wish())
    assert sees(staff, one)
    support.revoke(one.actor, grant)
    with pytest.raises(NotFoundError):
        sees(staff, one)


def test_a_grant_ends_by_itself(customer: Make, olaf: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.support import api as support
    from glasshouse.support.models import Grant

    one, staff = customer(), olaf()
    grant = support.give(one.actor, wish())
    with access.organisation_transaction(one.actor):
        Grant.objects.filter(id=grant).update(ends_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFoundError):
        sees(staff, one)
    # A clock that jumps back in the application does not help: the database looks at its own.
    with clock.frozen(clock.now() - timedelta(hours=1)), pytest.raises(NotFoundError):
        sees(staff, one)


def test_a_download_ends_where_the_grant_ends(
    customer: Make, olaf: Make, crops: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import readings
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    token = greenhouse.create_device(one.actor, one.site, "", "Box")
    lines = "\n".join(f"m air_temp=20 {1_760_000_000 + i}" for i in range(100))
    assert (
        crops.post("/write?precision=s", content=lines, headers={"Authorization": f"Token {token}"}).status_code == 204
    )
    grant = support.give(one.actor, wish())
    monkeypatch.setattr(readings, "ROWS_BETWEEN_CHECKS", 10)
    inside = staff.actor.for_organisation(one.actor.organisation)
    name = readings.series(inside)[0]["id"]
    rows = readings.export(inside, [name], (1_760_000_000, 1_760_000_100))
    assert [next(rows) for _ in range(5)]
    support.revoke(one.actor, grant)
    with pytest.raises(NotFoundError):
        list(rows)


def test_the_connection_is_the_applications_own_again_after_support_used_it(customer: Make, olaf: Make) -> None:
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    support.give(one.actor, wish())
    sees(staff, one)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('glasshouse.organisation', true)")
        assert cursor.fetchone() in (("glasshouse_app", ""), ("glasshouse_app", None))
    assert greenhouse.sites(one.actor)


def test_a_read_that_nobody_records_is_refused(customer: Make, olaf: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Site
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    support.give(one.actor, wish())
    with (
        pytest.raises(ForbiddenError, match="record"),
        access.organisation_transaction(staff.actor.for_organisation(one.actor.organisation)),
    ):
        list(Site.objects.all())


def test_asked_approved_refused(customer: Make, olaf: Make) -> None:
    from glasshouse.kernel.errors import GlasshouseError, InvalidError
    from glasshouse.mail import api as mail
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    inside = staff.actor.for_organisation(one.actor.organisation)
    grant = support.ask(inside, wish())
    assert any(letter.address == one.address and "asks for access" in letter.subject for letter in mail.newest(400))
    with pytest.raises(GlasshouseError):
        sees(staff, one)
    with pytest.raises(GlasshouseError):
        support.decide(inside, grant, approve=True)
    support.decide(one.actor, grant, approve=True)
    assert sees(staff, one)
    with pytest.raises(InvalidError):
        support.decide(one.actor, grant, approve=False)
    refused = support.ask(inside, wish())
    support.decide(one.actor, refused, approve=False)
    assert {row.state for row in support.grants(one.actor)} == {"live", "refused"}


def test_changing_needs_four_eyes(customer: Make, olaf: Make) -> None:
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.support import api as support
    from glasshouse.support import record as support_record

    one, first, second = customer(), olaf(), olaf()
    support.give(one.actor, wish(change=True, staff=str(first.actor.account)))
    grant = support.grants(one.actor)[0].grant.id
    acts = first.actor.for_organisation(one.actor.organisation)
    limits = {"variable": "air_temp", "least": "16", "most": "28"}
    with pytest.raises(ForbiddenError):
        greenhouse.set_target_ranges(acts, one.site, "", limits)
    with pytest.raises(ForbiddenError):
        support.countersign(acts, grant)
    support.countersign(second.actor.for_organisation(one.actor.organisation), grant)
    greenhouse.set_target_ranges(acts, one.site, "", limits)
    assert greenhouse.sites(one.actor)[0].limits == {"air_temp": [16.0, 28.0]}
    assert any(entry.what == "target range set" for entry, _ in support_record.of_organisation(one.actor))


def test_the_glass_is_broken_only_where_that_was_allowed_and_loudly(customer: Make, olaf: Make) -> None:
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.mail import api as mail
    from glasshouse.support import api as support

    one, staff = customer(), olaf()
    inside = staff.actor.for_organisation(one.actor.organisation)
    with pytest.raises(ForbiddenError, match="not allowed emergency"):
        support.break_glass(inside, "fire")
    support.set_emergency(one.actor, allowed=True)
    support.break_glass(inside, "fire")
    assert sees(staff, one)
    assert any(letter.address == one.address and letter.subject.startswith("EMERGENCY") for letter in mail.newest(400))
    row = support.grants(one.actor)[0]
    assert row.grant.emergency
    assert row.grant.ends_at - row.grant.starts_at <= timedelta(hours=1)
    support.revoke(one.actor, row.grant.id)
    with pytest.raises(Exception, match="nothing here"):
        sees(staff, one)


def test_support_cannot_write_itself_a_grant(customer: Make, olaf: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel import clock
    from glasshouse.support.models import Grant

    one, staff = customer(), olaf()
    inside = staff.actor.for_organisation(one.actor.organisation)
    now = clock.now()
    common = {
        "organisation_id": one.organisation,
        "staff": staff.actor.account,
        "areas": ["climate"],
        "reason": "x",
        "asked_by": staff.actor.account,
        "created_at": now,
        "starts_at": now,
        "ends_at": now + timedelta(hours=1),
    }
    for more in (
        {"approved_at": now},
        {"approved_at": now, "emergency": True},
        {"countersigned_by": staff.actor.account},
    ):
        with pytest.raises(DatabaseError, match="row-level security"), access.organisation_transaction(inside):
            Grant.objects.create(**common | more)
    with pytest.raises(DatabaseError), access.organisation_transaction(inside):
        Grant.objects.filter(organisation_id=one.organisation).update(approved_at=now)


def test_administration_is_handed_over_and_taken_back_at_once(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.kernel.errors import ForbiddenError, NotFoundError
    from glasshouse.organisations import members
    from glasshouse.support import api as support
    from glasshouse.support import record as support_record

    one, staff = customer(), olaf()
    inside = staff.actor.for_organisation(one.actor.organisation)
    support.hand_administration(one.actor, to_operator=True)
    assert sees(staff, one)
    assert members.members(inside)[0].address == one.address
    assert "The operator administers this organisation" in web(one).get(f"/o/{one.organisation}/").text
    people = enter_staff(web(staff)).get(f"/o/{one.organisation}/members")  # with its list of invitations
    assert people.status_code == 200, people.text
    with pytest.raises(ForbiddenError):
        support.hand_administration(inside, to_operator=True)
    with pytest.raises(ForbiddenError):
        members.change_member(inside, one.actor.account, "viewer", None)
    support.hand_administration(one.actor, to_operator=False)
    with pytest.raises(NotFoundError):
        sees(staff, one)
    assert any(entry.what == "members" for entry, _ in support_record.of_organisation(one.actor))


def test_both_sides_see_a_banner_and_the_record_speaks_plainly(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.accounts.models import SecondFactor
    from glasshouse.support import api as support
    from tests.authenticator import code_of

    one, staff = customer(), olaf()
    support.give(one.actor, wish(("climate", "events")))
    mine = web(one)
    assert "Support may look at" in mine.get(f"/o/{one.organisation}/").text
    theirs = web()
    assert (
        post(theirs, "/sign-in", address=staff.address, password=staff.password)
        .headers["location"]
        .startswith("/second-factor")
    )
    step = SecondFactor.objects.get(account_id=staff.actor.account)
    assert post(theirs, "/second-factor", "/second-factor", code=code_of(step.secret["seed"])).status_code == 302
    page = theirs.get(f"/o/{one.organisation}/events")
    assert "a customer's data" in page.text
    assert one.address not in page.text
    assert theirs.get(f"/o/{one.organisation}/members").status_code == 403
    assert theirs.get(f"/o/{one.organisation}/sites").status_code == 200
    record = mine.get(f"/o/{one.organisation}/record").text
    assert "read the activity log" in record
    assert "opened the page “Sites &amp; devices”" in record


def test_names_and_addresses_stay_masked_unless_the_grant_names_them(customer: Make, olaf: Make, web: Web) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.organisations import members
    from glasshouse.support import api as support
    from glasshouse.support import record as support_record

    one, staff = customer(), olaf()
    inside = staff.actor.for_organisation(one.actor.organisation)
    support.give(one.actor, wish(("events", "climate")))
    with pytest.raises(ForbiddenError):
        members.members(inside)
    support.give(one.actor, wish(("people",)))
    assert [member.address for member in members.members(inside)] == [one.address]
    assert members.roles(inside)
    assert ("members", [one.actor.account]) in [
        (entry.what, entry.ids) for entry, _ in support_record.of_organisation(one.actor)
    ]
    # Whom the grant does not speak of stays out of reach: the support role has no right to the persons themselves.
    from glasshouse.access import api as access

    with pytest.raises(DatabaseError, match="permission denied"), access.organisation_transaction(inside):
        list(Person.objects.all())
