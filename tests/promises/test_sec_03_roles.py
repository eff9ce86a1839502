"""SEC-03: who administers the account decides who has access and what each may do, from the next request on."""

import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.db import DatabaseError

from tests.conftest import Customer, post

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def test_a_change_counts_from_the_next_request_on(customer: Make, join: Join, web: Web) -> None:
    from glasshouse.organisations import members

    one = customer()
    other = join(one, "administrator")
    client, page = web(other), f"/o/{one.organisation}/settings"
    assert client.get(page).status_code == 200
    members.change_member(one.actor, other.actor.account, "viewer", None)
    assert client.get(page).status_code == 403
    assert client.get(f"/o/{one.organisation}/").status_code == 200
    members.remove_member(one.actor, other.actor.account)
    assert client.get(f"/o/{one.organisation}/").status_code == 404


def test_a_custom_role_changes_with_its_grid_at_once(customer: Make, join: Join, web: Web) -> None:
    from glasshouse.access.permissions import Permission
    from glasshouse.organisations import members

    one = customer()
    role = members.save_role(one.actor, "Watcher", [Permission.EVENTS_READ])
    client = web(join(one, role))
    assert client.get(f"/o/{one.organisation}/events").status_code == 200
    assert client.get(f"/o/{one.organisation}/").status_code == 403
    members.save_role(one.actor, "Watcher", [Permission.READINGS_READ, Permission.SITE_READ], role)
    assert client.get(f"/o/{one.organisation}/events").status_code == 403
    assert client.get(f"/o/{one.organisation}/").status_code == 200


def test_nobody_raises_oneself_by_a_custom_role(customer: Make, join: Join) -> None:
    from glasshouse.access.permissions import Permission
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.organisations import members

    one = customer()
    role = members.save_role(
        one.actor, "Half", [Permission.ROLE_CHANGE, Permission.MEMBER_CHANGE, Permission.MEMBER_READ]
    )
    half = join(one, role)
    with pytest.raises(ForbiddenError):
        members.save_role(half.actor, "More", [Permission.SETTINGS_CHANGE])
    with pytest.raises(ForbiddenError):
        members.save_role(half.actor, "Half", [Permission.ROLE_CHANGE, Permission.GRANT_GIVE], role)
    with pytest.raises(ForbiddenError):
        members.change_member(half.actor, half.actor.account, "administrator", None)
    with pytest.raises(ForbiddenError):
        members.change_member(half.actor, one.actor.account, role, None)


def test_a_member_of_one_site_sees_nothing_of_the_others(
    customer: Make, join: Join, crops: httpx.Client, web: Web
) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import readings
    from glasshouse.greenhouse.models import Device, Site
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.organisations import members

    one = customer()
    second = greenhouse.create_site(one.actor, {"name": "Second place", "time_zone": "Europe/Rome"})
    for site in (one.site, second):
        token = greenhouse.create_device(one.actor, site, "", "Box")
        answer = crops.post("/write", content="m air_temp=20", headers={"Authorization": f"Token {token}"})
        assert answer.status_code == 204
    scoped = join(one, "grower", [one.site])
    with access.organisation_transaction(
        scoped.actor
    ):  # the database itself, without a word of the application's queries
        assert [site.id for site in Site.objects.all()] == [one.site]
        assert {device.site_id for device in Device.objects.all()} == {one.site}
    assert {series["site"] for series in readings.series(scoped.actor)} == {one.site}
    foreign = next(series["id"] for series in readings.series(one.actor) if series["site"] == second)
    with pytest.raises(NotFoundError):
        readings.readings(scoped.actor, [foreign], (0, 2_000_000_000), 10)
    client = web(scoped)
    assert "Second place" not in client.get(f"/o/{one.organisation}/sites").text
    path = f"/o/{one.organisation}/sites/{second}/target-ranges"
    assert post(client, path, f"/o/{one.organisation}/sites", variable="air_temp", least="1").status_code == 404
    members.change_member(one.actor, scoped.actor.account, "grower", None)
    assert "Second place" in client.get(f"/o/{one.organisation}/sites").text


def test_the_database_shows_nothing_to_an_account_that_does_not_belong_there(customer: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.rowsecurity.policies import customer_models

    one, other = customer(), customer()
    with access.organisation_transaction(other.actor.for_organisation(one.actor.organisation)):
        for model in customer_models():
            mine = {"organisation_id": one.organisation}
            if model._meta.db_table == "access_organisation":
                mine = {"id": one.organisation}
            assert not model._default_manager.filter(**mine).exists(), model.__name__


def test_the_database_writes_no_membership_for_a_stranger(customer: Make) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Membership
    from glasshouse.kernel import clock

    one, other = customer(), customer()
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        access.organisation_transaction(other.actor.for_organisation(one.actor.organisation)),
    ):
        Membership.objects.create(
            organisation_id=one.organisation,
            account_id=other.actor.account,
            role="administrator",
            created_at=clock.now(),
        )


def test_the_last_administrator_stays(customer: Make, join: Join) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Membership
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import members

    one = customer()
    join(one, "viewer")
    for act in (
        lambda: members.remove_member(one.actor, one.actor.account),
        lambda: members.change_member(one.actor, one.actor.account, "viewer", None),
        lambda: members.change_member(one.actor, one.actor.account, "administrator", [one.site]),
    ):
        with pytest.raises(InvalidError, match="last administrator"):
            act()
    with pytest.raises(DatabaseError, match="last administrator"), access.organisation_transaction(one.actor):
        Membership.objects.filter(account_id=one.actor.account).delete()  # past the verbs: the database refuses


def test_two_administrators_cannot_remove_each_other(customer: Make, join: Join) -> None:
    from django.db import connections

    from glasshouse.kernel.errors import GlasshouseError
    from glasshouse.organisations import members

    one = customer()
    other = join(one, "administrator")
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def remove(actor: Customer, whom: Customer) -> None:
        ready.wait()
        try:
            members.remove_member(actor.actor, whom.actor.account)
            outcomes.append("removed")
        except GlasshouseError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "removed"]


def test_an_organisation_is_handed_over_whole_or_not_at_all(customer: Make, join: Join) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import members

    one = customer()
    heir = join(one, "grower")
    with pytest.raises(InvalidError):
        members.hand_over(one.actor, heir.actor.account, "emperor")
    assert [member.role for member in members.members(one.actor)] == ["administrator", "grower"]
    members.hand_over(one.actor, heir.actor.account, "viewer")
    assert [member.role for member in members.members(heir.actor)] == ["viewer", "administrator"]


def test_an_account_in_two_organisations_keeps_them_apart(customer: Make, web: Web) -> None:
    from glasshouse.organisations import invitations
    from tests.conftest import prove_link

    one, other = customer(), customer()
    invitations.invite(one.actor, other.address, invitations.Offer("viewer"))
    invitations.accept(other.actor, prove_link(other.address, "invitation"))
    client = web(other)
    assert client.get(f"/o/{one.organisation}/settings").status_code == 403
    assert client.get(f"/o/{other.organisation}/settings").status_code == 200
    assert client.get("/account").text.count("/o/") >= 2


def test_a_request_for_access_is_granted_by_who_may(customer: Make, join: Join) -> None:
    from glasshouse.kernel.errors import ForbiddenError, NotFoundError
    from glasshouse.organisations import members

    one, stranger = customer(), customer()
    viewer = join(one, "viewer")
    number = members.ask_access(viewer.actor, "grower", None, "I tend the tomatoes")
    with pytest.raises(ForbiddenError):
        members.decide(viewer.actor, number, grant=True)
    with pytest.raises(NotFoundError):
        members.decide(stranger.actor, number, grant=True)
    assert [request.reason for request in members.requests(one.actor)] == ["I tend the tomatoes"]
    members.decide(one.actor, number, grant=True)
    assert members.member(one.actor, viewer.actor.account).role == "grower"
    with pytest.raises(NotFoundError):
        members.decide(one.actor, number, grant=False)


def test_a_token_never_has_more_than_its_maker_has_now(customer: Make, join: Join, web: Web) -> None:
    from glasshouse.organisations import members, tokens

    one = customer()
    grower = join(one, "grower")
    token = tokens.create_token(grower.actor, "Script", ["greenhouse:site:read", "greenhouse:limits:set"], 30)
    door = web()

    def ask(path: str = "/api/v1/sites", **more: object) -> int:
        verb = "PUT" if more else "GET"
        return door.request(verb, path, headers={"Authorization": f"Bearer {token}"}, **more).status_code  # type: ignore[arg-type]

    limits = {"json": {"variable": "air_temp", "least": 10, "most": 30}}
    assert ask() == 200
    assert ask("/api/v1/series") == 403, "not among the token's scopes"
    assert ask(f"/api/v1/sites/{one.site}/target-ranges", **limits) == 200
    assert ask(f"/api/v1/sites/{customer().site}/target-ranges", **limits) == 404
    assert tokens.tokens(grower.actor)[0].token.used_at is not None
    members.change_member(one.actor, grower.actor.account, "viewer", None)
    assert ask(f"/api/v1/sites/{one.site}/target-ranges", **limits) == 403
    members.remove_member(one.actor, grower.actor.account)
    assert ask() == 401


@pytest.mark.parametrize("text", ["x", "ght_", "ght_x_y", "nonsense", "ght_' OR 1=1_x"])
def test_a_token_that_is_none_opens_nothing(web: Web, text: str) -> None:
    assert web().get("/api/v1/sites", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_sensitive_acts_ask_for_reauthentication(customer: Make, web: Web) -> None:
    from datetime import timedelta

    from glasshouse.accounts.models import Session
    from glasshouse.kernel import clock

    one = customer()
    client, page = web(one), f"/o/{one.organisation}/members"
    Session.objects.filter(account_id=one.actor.account).update(proved_at=clock.now() - timedelta(hours=1))
    fields = {"address": "late@grower.example", "role": "viewer", "all_sites": "yes", "days": "7"}
    client.headers["Referer"] = f"{client.base_url}".rstrip("/") + page
    answer = post(client, f"{page}/invite", page, **fields)
    assert answer.headers["location"].startswith(f"/reauthenticate?next={page}%3Fwritten%3D")
    back = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert post(client, "/reauthenticate", "/reauthenticate", password="wrong", next=back).status_code == 400
    assert (
        post(client, "/reauthenticate", "/reauthenticate", password=one.password, next=back).headers["location"] == back
    )
    assert post(client, f"{page}/invite", page, **fields).headers["location"] == f"{page}?done=invited"


def test_forms_from_elsewhere_are_refused(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    path = f"/o/{one.organisation}/support/administration"
    assert client.post(path, data={"by": "operator"}).status_code == 403
    token = client.cookies["__Host-csrf"]
    answer = client.post(
        path,
        data={"by": "operator"},
        headers={"X-CSRFToken": token, "Referer": "https://evil.example/", "Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
