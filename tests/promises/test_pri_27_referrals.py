"""PRI-27: a person whom only a customer knows is brought to that customer, and learns of no other."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.conftest import Customer, led, post, prove_link

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def invited(*bosses: Customer) -> str:
    from glasshouse.organisations import invitations

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    for boss in bosses:
        invitations.invite(boss.actor, address, invitations.Offer("viewer", message="Come in"))
    return address


def asked(client: httpx.Client, address: str) -> str:
    fields = {"address": address, "kind": "erase", "region": "eu", "text": "Who are you, and why have you my address?"}
    assert post(client, "/privacy", "/privacy", **fields).status_code == 200
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    return led(client, path, path).text


def agreed(client: httpx.Client, page: str) -> str:
    """The page after agreeing to all that a page offers."""
    path = re.search(r"/privacy/own/[^\"/]+/pass-on", page)
    assert path, page
    fields = {"organisation": re.findall(r'name="organisation" value="([0-9a-z]{16})"', page)}
    return led(client, f"{path[0]}/agree", path[0], **fields).text


def test_the_request_reaches_the_customer_that_entered_the_address(customer: Make, join: Join, web: Web) -> None:
    from glasshouse.mail import api as mail
    from glasshouse.organisations.models import Invitation
    from glasshouse.vault import api as vault

    boss, other = customer(), customer()
    contact = join(boss, "privacy-contact")
    address = invited(boss)
    guest = web()
    page = asked(guest, address)
    name = f"Farm {boss.address.partition('@')[0]}"
    assert name in page
    assert name in agreed(guest, page)
    told = {row.address for row in mail.newest(400) if row.kind == "referral" and boss.organisation in row.body}
    assert told == {boss.address, contact.address}
    client, mine = web(contact), f"/o/{boss.organisation}/privacy"
    assert address in client.get(mine).text
    assert address not in web(other).get(f"/o/{other.organisation}/privacy").text
    number = client.get(mine).text.partition('name="referral" value="')[2][:16]
    refused = post(client, mine, mine, referral=number, text=" ")
    assert refused.status_code == 400
    assert re.search(r'<textarea id="field-text"[^>]* aria-invalid="true"', refused.text), (
        "beside the field of this request"
    )
    assert (
        post(web(other), f"/o/{other.organisation}/privacy", "/account", referral=number, text="x").status_code == 404
    )
    assert (
        post(client, mine, mine, referral=number, text="We met at a fair. It is deleted.", delete="yes").status_code
        == 302
    )
    letter = next(row for row in mail.newest(400) if row.address == address)
    assert "We met at a fair" in letter.body
    assert name in letter.body
    from glasshouse.access import api as access

    with access.organisation_transaction(boss.actor):
        assert not Invitation.objects.filter(address_hash=vault.lookup("address", address)).exists()
    assert post(client, mine, mine, referral=number, text="again").status_code == 404


def test_two_customers_know_nothing_of_each_other(customer: Make, web: Web) -> None:
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    one, two, third = customer(), customer(), customer()
    address = invited(one, two)
    guest = web()
    page = asked(guest, address)
    assert all(f"Farm {who.address.partition('@')[0]}" in page for who in (one, two))
    assert f"Farm {third.address.partition('@')[0]}" not in page
    agreed(guest, page)
    first = referrals.passed(one.actor)[0]
    referrals.answer(one.actor, first.id, "Only mine.", delete=False)
    second = referrals.passed(two.actor)[0]
    assert "Only mine" not in repr(second)
    request = Request.objects.get(address_hash=vault.lookup("address", address))
    assert request.referrals == 2
    assert referrals.customers_of(request) == [], "it is decided once"


def test_who_has_an_account_or_is_unknown_is_not_referred(customer: Make, web: Web) -> None:
    from glasshouse.organisations import invitations
    from glasshouse.requests import referrals

    boss, known = customer(), customer()
    invitations.invite(boss.actor, known.address, invitations.Offer("viewer"))
    assert "entered by" not in asked(web(), known.address)
    assert "entered by" not in asked(web(), f"{uuid.uuid4().hex[:10]}@grower.example")
    assert referrals.passed(boss.actor) == []


def test_an_unproved_request_is_passed_to_nobody(customer: Make, web: Web) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Request

    boss = customer()
    address = invited(boss)
    number = requests.ask(address, "erase", "eu", "x", requests.Arrival(network=address))
    assert referrals.customers_of(Request.objects.get(id=number)) == []
    assert referrals.passed(boss.actor) == []


def test_a_customer_that_is_late_is_reminded_once_and_the_check_sees_it(customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.promises.checks import referrals as check
    from glasshouse.promises.findings import Steps
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Referral

    boss = customer()
    guest = web()
    agreed(guest, asked(guest, invited(boss)))
    with access.organisation_transaction(boss.actor):
        Referral.objects.update(due_at=clock.now() - timedelta(hours=2))

    def seen() -> list[str]:
        steps = Steps()
        check._stored(steps)
        return steps.wrong

    assert any("every customer that is late was reminded" in line for line in seen())
    assert referrals.warn_due() >= 1
    assert referrals.warn_due() == 0
    assert seen() == []
    assert any("still waits" in (row.subject or "") for row in mail.newest(400) if row.address == boss.address)


def test_only_the_privacy_contact_and_administrators_answer(customer: Make, join: Join) -> None:
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.requests import referrals

    viewer = join(customer(), "viewer")
    with pytest.raises(ForbiddenError):
        referrals.passed(viewer.actor)
    with pytest.raises(ForbiddenError):
        referrals.answer(viewer.actor, "0" * 16, "x", delete=False)
