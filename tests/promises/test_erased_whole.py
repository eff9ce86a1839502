"""What an erasure found to be left over, each by a walk of the check of PRI-24."""

import re
import uuid
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Customer, post, prove_link
from tests.promises.test_strangers import proved

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.mark.usefixtures("home")
def test_a_guest_with_a_subscription_is_erased_with_its_key(web: Web) -> None:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.subject.models import Erasure
    from glasshouse.vault import api as vault

    client, address = web(), f"{uuid.uuid4().hex[:10]}@grower.example"
    assert post(client, "/trust/providers", "/trust/providers", address=address).status_code == 200
    link = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    assert post(client, f"{link}/begin", link).status_code == 200
    subscription = Subscriber.objects.get(address_hash=vault.lookup("address", address)).id
    _, own = proved(client, address)
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert not Subscriber.objects.filter(id=subscription).exists()
    assert vault.generations_of(subscription) == []
    assert Erasure.objects.filter(person=subscription).exclude(done_at=None).exists()


def test_who_changed_the_address_leaves_nothing_at_the_old_one(customer: Make, web: Web) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.subject import erasure
    from glasshouse.vault import api as vault

    one, address = customer(), f"{uuid.uuid4().hex[:10]}@grower.example"
    old = vault.lookup("address", one.address)
    assert (
        Message.objects.filter(address_hash=old).exclude(key_owner=one.actor.person).update(sent_at="2026-01-01T00:00Z")
    )
    client = web(one)
    fields = {"present": one.password, "address": address}
    assert post(client, "/account/address", "/account", **fields).status_code == 200
    link = f"/change/{prove_link(address, 'change')}"
    assert post(client, link, link).status_code == 302
    assert re.search(r"sign-in", str(client.get("/account").headers.get("location")))
    erasure.erase(one.alone)
    assert not Message.objects.filter(address_hash=old).exists()


def test_who_received_a_name_or_an_address_is_told_of_its_correction(customer: Make, web: Web) -> None:
    from glasshouse.disclosures.models import Disclosure, PassedOn, Recipient
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.vault import api as vault

    one, now, contact = customer(), clock.now(), f"{uuid.uuid4().hex[:10]}@partner.example"
    texts = dict.fromkeys(("name", "what", "region", "purpose", "basis"), "partner")
    recipient = Recipient.objects.create(
        kind="authority",
        contact=contact,
        fields=["user.name", "user.contact.email"],
        written_by="installation",
        announced_at=now,
        active_from=now,
        **texts,
    )
    Disclosure.objects.create(key_owner=one.actor.person, recipient=recipient, first_at=now, last_at=now)
    told = Message.objects.filter(address_hash=vault.lookup("address", contact)).order_by("created_at")
    client, address = web(one), f"{uuid.uuid4().hex[:10]}@grower.example"
    try:
        assert post(client, "/account/data", "/account/data", name="Right Name").status_code == 302
        assert [one.address in mail.body and "Right Name" in mail.body for mail in told.all()] == [True]
        fields = {"present": one.password, "address": address}
        assert post(client, "/account/address", "/account", **fields).status_code == 200
        link = f"/change/{prove_link(address, 'change')}"
        assert post(client, link, link).status_code == 302
        assert [one.address in mail.body and address in mail.body for mail in told.all()] == [False, True]
    finally:
        for model in (Disclosure, PassedOn):
            model.objects.filter(recipient=recipient).delete()
        recipient.delete()


def test_what_somebody_wrote_in_an_organisation_is_shown_also_when_they_have_left_it_and_goes_with_them(
    customer: Make, join: Callable[..., Customer]
) -> None:
    """Names of tokens, decided requests with their reasons, and messages of invitations stayed, and were on no page of theirs."""
    from glasshouse.access import api as access
    from glasshouse.access.models import ApiToken
    from glasshouse.organisations import invitations, members, tokens
    from glasshouse.organisations.models import AccessRequest, Invitation
    from glasshouse.subject import erasure, inventory
    from glasshouse.support import api as support

    boss = customer()
    one, address = join(boss, "administrator"), f"{uuid.uuid4().hex[:10]}@grower.example"
    tokens.create_token(one.actor, "Token of mine", ["greenhouse:site:read"], 3)
    asked = members.ask_access(one.actor, "grower", None, "Reason of mine")
    members.decide(boss.actor, asked, grant=False)
    invitations.invite(one.actor, address, invitations.Offer("viewer", message="Message of mine"))
    support.give(one.actor, support.Wish(("climate",), 2, "Support reason of mine"))
    members.remove_member(one.actor, one.actor.account)
    shown = [item.value for item in inventory.view(one.alone)]
    for words in ("Token of mine", "Reason of mine", "Message of mine", address, "Support reason of mine"):
        assert words in shown, words
    assert {"Token of mine", "Message of mine"} & {item.value for item in inventory.view(boss.alone)} == set()
    erasure.erase(one.alone)
    with access.organisation_transaction(boss.actor):
        assert not ApiToken.objects.filter(account_id=one.actor.account).exists()
        assert not AccessRequest.objects.filter(account_id=one.actor.account).exists()
        invitation = Invitation.objects.get(inviter=one.actor.account)
        assert (invitation.message, invitation.address) == ("", address)
