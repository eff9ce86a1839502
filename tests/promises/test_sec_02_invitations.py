"""SEC-02: a customer invites people into its account, and only they come in."""

import threading
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import connections

from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError, NotFoundError
from glasshouse.mail import api as mail
from glasshouse.organisations import invitations, members
from tests.conftest import Customer, post, prove_link

Make, Join = Callable[[], Customer], Callable[..., Customer]


def invited(one: Customer, address: str, role: str = "viewer", **more: object) -> tuple[str, str]:
    """(id, secret) of a fresh invitation."""

    number = invitations.invite(one.actor, address, invitations.Offer(role, **more))  # type: ignore[arg-type]
    return number, prove_link(address, "invitation")


def states(one: Customer) -> dict[str, str]:
    return {row.address: row.state for row in invitations.invitations(one.actor)}


def test_a_newcomer_is_in_by_the_link_and_the_invited_address(customer: Make, web: Callable[..., httpx.Client]) -> None:
    one, address = customer(), "newcomer@grower.example"
    _, secret = invited(one, address, "grower")
    page, door = f"/invitation/{secret}", web()
    assert address not in door.get(page).text, "the link's bearer learns no address"
    assert "n•••@grower.example" in door.get(page).text
    assert states(one) == {address: "open"}
    fields = {"name": "New Comer", "password": "a long enough word", "accept": "yes"}
    assert post(door, page, page, address=address, **fields).status_code == 302
    assert states(one) == {address: "accepted"}
    assert door.get(f"/o/{one.organisation}/").status_code == 200
    assert [member.rights.role for member in members.members(one.actor)] == ["Administrator", "Grower"]


def test_a_forwarded_invitation_lets_nobody_else_in(customer: Make, web: Callable[..., httpx.Client]) -> None:
    one, other = customer(), customer()
    _, secret = invited(one, "intended@grower.example")
    with pytest.raises(ForbiddenError, match="another address"):
        invitations.accept(other.actor, secret)
    page = f"/invitation/{secret}"
    assert "another address" in web(other).get(page).text
    # Somebody without an account fills the form with an address of their own.
    fields = {"name": "Thief", "password": "a long enough word", "address": "thief@grower.example", "accept": "yes"}
    assert post(web(), page, page, **fields).status_code == 403
    assert all(letter.address != "thief@grower.example" for letter in mail.newest(200))
    assert web(other).get(f"/o/{one.organisation}/").status_code == 404


def test_an_invitation_works_once(customer: Make) -> None:
    one, other = customer(), customer()
    _, secret = invited(one, other.address)
    assert invitations.accept(other.actor, secret) == one.organisation
    with pytest.raises(NotFoundError):
        invitations.accept(other.actor, secret)
    with pytest.raises(NotFoundError):
        invitations.look(secret)


def test_accepted_twice_at_once_it_counts_once(customer: Make) -> None:
    one, other = customer(), customer()
    _, secret = invited(one, other.address)
    outcomes: list[str] = []

    def accept() -> None:
        try:
            invitations.accept(other.actor, secret)
            outcomes.append("in")
        except GlasshouseError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]
    assert len(members.members(one.actor)) == 2


def test_expired_revoked_and_resent_links(customer: Make) -> None:
    one, other = customer(), customer()
    number, secret = invited(one, other.address, days=2)
    invitations.resend(one.actor, number)
    with pytest.raises(NotFoundError):
        invitations.look(secret)
    newer = prove_link(other.address, "invitation")
    assert newer != secret
    with clock.frozen(clock.now() + timedelta(days=3)):
        with pytest.raises(NotFoundError):
            invitations.accept(other.actor, newer)
        assert states(one) == {other.address: "expired"}
    invitations.revoke(one.actor, number)
    with pytest.raises(NotFoundError):
        invitations.accept(other.actor, newer)
    assert states(one) == {other.address: "revoked"}


def test_it_counts_only_while_the_inviter_may_still_invite(customer: Make, join: Join) -> None:
    one, other, third = customer(), customer(), customer()
    second = join(one, "administrator")
    _, secret = invited(second, other.address)
    _, left = invited(second, third.address)
    members.change_member(one.actor, second.actor.account, "grower", None)
    with pytest.raises(NotFoundError):
        invitations.accept(other.actor, secret)
    members.remove_member(one.actor, second.actor.account)
    with pytest.raises(NotFoundError):
        invitations.accept(third.actor, left)


def test_nobody_invites_for_more_than_they_have(customer: Make, join: Join) -> None:
    one = customer()
    greenhouse.create_site(one.actor, {"name": "Second", "time_zone": "Europe/Rome"})
    role = members.save_role(
        one.actor, "Inviter", [Permission.MEMBER_INVITE, Permission.SITE_READ, Permission.READINGS_READ]
    )
    scoped = join(one, role, [one.site])
    with pytest.raises(ForbiddenError):
        invitations.invite(scoped.actor, "x@grower.example", invitations.Offer("administrator", [one.site]))
    with pytest.raises(ForbiddenError):
        invitations.invite(scoped.actor, "x@grower.example", invitations.Offer("viewer", None))
    with pytest.raises(InvalidError):
        invitations.invite(one.actor, "x@grower.example", invitations.Offer("emperor"))
    invitations.invite(scoped.actor, "x@grower.example", invitations.Offer("viewer", [one.site]))


def test_a_pasted_list_is_invited_with_a_report(customer: Make) -> None:
    one = customer()
    pasted = "address,name\na1@grower.example,A\nnot an address\nA1@grower.example\na2@grower.example;B\n"
    report = invitations.invite_many(one.actor, pasted, invitations.Offer("viewer"))
    assert [(address, bool(problem)) for address, problem in report] == [
        ("a1@grower.example", False),
        ("not an address", True),
        ("A1@grower.example", True),
        ("a2@grower.example", False),
    ]


def test_mails_name_our_own_door_whatever_the_host_header_says(
    customer: Make, web: Callable[..., httpx.Client]
) -> None:
    one = customer()
    client = web(one)
    page = f"/o/{one.organisation}/members"
    answer = client.get(page, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    post(client, f"{page}/invite", page, address="host@grower.example", role="viewer", all_sites="yes", days="7")
    letter = next(one for one in mail.newest(400) if one.address == "host@grower.example")
    assert "evil" not in letter.body
    assert "https://localhost:" in letter.body
