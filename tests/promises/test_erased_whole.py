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
