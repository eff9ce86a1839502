"""PRI-15, PRI-21, PRI-23: the record says who received what, by whose server; recipients hear of corrections and restrictions."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, enter_staff, forget_recipients, post, prove_link
from tests.desk import page_of
from tests.promises.test_strangers import proved
from tests.test_mail import MailSink, mail_sink

__all__ = ["mail_sink"]
Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def _registered(home: Installation) -> Iterator[None]:
    """Takes away again what a test registers."""
    yield
    with administering(home) as link:
        forget_recipients(link)


def recipient(officer: Customer, **more: str) -> Any:
    """A live recipient; more: texts of its entry."""
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Recipient
    from glasshouse.kernel import clock

    texts = dict.fromkeys(("what", "region", "agreement", "safeguard", "purpose", "basis"), "as agreed") | more
    fields = ["user.contact.email", "user.name", "user.contact", "user.content.private"]
    channels = ["mail"] if "server" in more else []
    made = disclosures.add(officer.actor, disclosures.Entry("provider", texts, fields, channels, 14, "2024-05-01"))
    long_ago = clock.now() - timedelta(days=20)
    Recipient.objects.filter(id=made.id).update(announced_at=long_ago, active_from=long_ago)
    made.refresh_from_db()
    return made


def partner(officer: Customer, key_owner: str) -> str:
    """The contact of a recipient that received something of a key owner."""
    from glasshouse.disclosures import api as disclosures
    from glasshouse.kernel.ids import KeyOwnerId

    contact = f"dpo-{uuid.uuid4().hex[:10]}@partner.example"
    made = recipient(officer, name="Partner Co", contact=contact)
    with transaction.atomic():
        disclosures.note(KeyOwnerId(key_owner), made)
    return contact


def arrived(sink: MailSink, address: str) -> list[Any]:
    """The mails that the sink got for an address, after all that is due was sent."""
    from glasshouse.mail import api as mail

    mail.deliver_due()
    return [letter for letter in sink.letters if letter["To"] == address]


def text_of(letter: Any) -> str:
    """The text part of a mail that arrived."""
    text, _ = letter.get_payload()
    return str(text.get_payload(decode=True).decode())


def received(who: Customer) -> dict[str, int]:
    """How often each recipient received something of a person, as the view says it."""
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures import api as disclosures

    address_hash = accounts.person_of(who.alone).address_hash
    rows = disclosures.of_person(who.actor.person, address_hash)
    return {f"{row.recipient.name} by {row.server}": row.times for row in rows}


def test_a_mail_under_another_key_is_in_the_record_of_its_person(mail_sink: MailSink, customer: Make, web: Web) -> None:
    from glasshouse.organisations import invitations
    from glasshouse.subject.inventory import view

    one, other = customer(), customer()
    arrived(mail_sink, one.address)
    before, of_other = sum(received(one).values()), received(other)
    invitations.invite(other.actor, one.address, invitations.Offer("viewer"))
    assert arrived(mail_sink, one.address)
    assert sum(received(one).values()) == before + 1
    assert "by its server localhost" in web(one).get("/account/data/choices").text
    assert any("by localhost" in item.value for item in view(one.alone) if item.label == "Disclosure")
    assert received(other) == of_other


def test_a_mail_about_a_change_counts_for_both_addresses(mail_sink: MailSink, customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures import api as disclosures
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.subject.inventory import view
    from glasshouse.vault import api as vault

    one, new = customer(), f"{uuid.uuid4().hex[:12]}@grower.example"
    arrived(mail_sink, one.address)
    before = sum(received(one).values())
    accounts.ask_change(one.alone, new, one.password)
    assert arrived(mail_sink, new)
    assert sum(received(one).values()) == before + 1
    hashes = [item.place for item in view(one.alone) if item.place == "disclosures_disclosure.address_hash"]
    assert len(hashes) >= 2, "of the mail about the sign-up, and of this one"
    of_new = disclosures.of_person(KeyOwnerId(""), vault.lookup("address", new))
    assert sum(row.times for row in of_new) == 1


def test_the_record_follows_a_person_to_a_new_address_and_an_erasure_ends_its_keys(
    mail_sink: MailSink, customer: Make, join: Join
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Disclosure
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.subject import erasure as rights
    from glasshouse.subject import rectification
    from glasshouse.vault import api as vault

    one, new = join(customer(), "viewer"), f"{uuid.uuid4().hex[:12]}@grower.example"
    arrived(mail_sink, one.address)
    before = sum(received(one).values())
    assert before >= 1
    accounts.ask_change(one.alone, new, one.password)
    rectification.rectify_address(one.alone, prove_link(new, "change"))
    arrived(mail_sink, one.address)  # That the address was changed is told at the old one.
    assert sum(received(one).values()) >= before
    key_owners = disclosures.key_owners_at(vault.lookup("address", new))
    assert any(vault.generations_of(KeyOwnerId(key_owner)) for key_owner in key_owners)
    rights.erase(one.alone)
    assert not any(vault.generations_of(KeyOwnerId(key_owner)) for key_owner in key_owners)
    hashes = [vault.lookup("address", address) for address in (one.address, new)]
    assert not Disclosure.objects.filter(address_hash__in=hashes).exists()


def test_the_record_names_the_provider_whose_server_took_the_mail(
    mail_sink: MailSink, officer: Customer, customer: Make
) -> None:
    from glasshouse.disclosures import api as disclosures

    one = customer()
    recipient(officer, name="Elsewhere Mail", server="smtp.elsewhere.example")
    here = recipient(officer, name="Here Mail", server="LocalHost")
    arrived(mail_sink, one.address)
    before = received(one)

    def mails() -> dict[str, int]:
        from glasshouse.mail import api as mail

        mail.queue_draft(one.actor.person, "change", one.address, mail.Draft("Words", "More words"))
        assert arrived(mail_sink, one.address)
        return {name: times for name, times in received(one).items() if before.get(name) != times}

    assert mails() == {"Here Mail by localhost": before["Here Mail by localhost"] + 1}
    disclosures.end(officer.actor, here.id)
    assert mails()["The operator's mail server by localhost"] == 1


def test_no_mail_leaves_by_a_server_that_no_live_recipient_runs(
    mail_sink: MailSink, officer: Customer, customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.kernel import gate

    one = customer()
    elsewhere = recipient(officer, name="Elsewhere Mail", server="smtp.elsewhere.example")
    monkeypatch.setattr(disclosures, "_live", lambda now: [elsewhere])
    leaving = gate.Egress("mail", one.actor.person, frozenset({"user.contact.email"}), "", "localhost")
    with pytest.raises(gate.UncoveredError), transaction.atomic():
        gate.leave(leaving)


def test_a_server_that_is_no_host_name_is_refused(officer: Customer) -> None:
    from glasshouse.kernel.errors import InvalidError

    with pytest.raises(InvalidError, match="host name"):
        recipient(officer, name="Bad", server="not a host!")


def test_recipients_get_each_correction_of_a_person_by_mail(
    mail_sink: MailSink, officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.sources import api as sources
    from glasshouse.sources import suggestions
    from glasshouse.subject import rectification

    one, new = customer(), f"{uuid.uuid4().hex[:12]}@grower.example"
    contact = partner(officer, one.actor.person)
    rectification.rectify_name(one.alone, "Right Name")
    assert "Right Name" in text_of(arrived(mail_sink, contact)[-1])
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract", "x")
    sources.bring_in(officer.actor, source.id, f"address,company\n{one.address},Wrong Farm\n")
    suggestion = suggestions.suggestions(one.alone)[0].id
    path = f"/account/data/choices/suggestions/{suggestion}/wrong"
    assert post(web(one), path, "/account/data/choices").status_code == 302
    assert "your company" in text_of(arrived(mail_sink, contact)[-1])
    accounts.ask_change(one.alone, new, one.password)
    rectification.rectify_address(one.alone, prove_link(new, "change"))
    letters = arrived(mail_sink, contact)
    assert new in text_of(letters[-1])
    assert one.address in text_of(letters[-1]), "the recipient knows the person by the address of before"
    assert len(letters) == 3


def test_the_officer_corrects_a_name_and_recipients_and_the_person_are_told(
    mail_sink: MailSink, officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.requests.models import Request
    from glasshouse.subject import rectification
    from glasshouse.vault import api as vault

    one = customer()
    contact = partner(officer, one.actor.person)
    fields = {"address": one.address, "kind": "correct", "region": "eu", "text": "I am Ada"}
    post(web(), "/privacy", "/privacy", **fields)
    asked = Request.objects.filter(address_hash=vault.lookup("address", one.address)).latest("asked_at")
    with pytest.raises(NotFoundError):  # The address is not confirmed yet.
        rectification.rectify_for(officer.actor, asked.id, "Ada Right")
    secret = prove_link(one.address, "privacy/prove")
    post(web(), f"/privacy/prove/{secret}", f"/privacy/prove/{secret}")
    with pytest.raises(NotFoundError):
        rectification.rectify_for(one.actor, asked.id, "Ada Right")
    desk = enter_staff(web(officer))
    assert "Their right name" in page_of(desk, asked.id)
    answer = post(desk, f"/staff/requests/{asked.id}/correct", "/staff/requests", name="Ada Right")
    assert answer.status_code == 302, answer.text
    assert Person.objects.get(id=one.actor.person).name == "Ada Right"
    assert "Ada Right" in text_of(arrived(mail_sink, contact)[-1])
    assert "Ada Right" in text_of(arrived(mail_sink, one.address)[-1])


def test_recipients_hear_of_a_restriction_and_of_its_end_and_the_page_says_so(
    mail_sink: MailSink, officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.subject.inventory import view

    one = customer()
    contact, client, page = partner(officer, one.actor.person), web(one), "/account/data/choices"
    bare = recipient(officer, name="Mute Co")
    from glasshouse.disclosures import api as disclosures

    with transaction.atomic():
        disclosures.note(one.actor.person, bare)
    assert post(client, f"{page}/restrict", page, ground="claims", words="").status_code == 302
    assert one.address in text_of(arrived(mail_sink, contact)[-1])
    assert "restriction to be followed" in arrived(mail_sink, contact)[-1]["Subject"]
    assert post(client, f"{page}/lift", page).status_code == 302
    assert "restriction is lifted" in arrived(mail_sink, contact)[-1]["Subject"]
    text = " ".join(client.get(page).text.split())
    assert "Partner Co, by email: that you restricted its use," in text
    assert "that the restriction is lifted" in text
    assert "Mute Co" in text
    items = [item.value for item in view(one.alone) if item.label == "Passed on"]
    assert "restricted: Partner Co, by mail" in items
    assert "restricted: Mute Co, not told: no contact is known" in items


def test_recipients_hear_when_the_officer_lifts_a_restriction(
    mail_sink: MailSink, officer: Customer, customer: Make
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.consent.models import Restriction
    from glasshouse.privacy_office import api as desks
    from glasshouse.subject import restriction

    one = customer()
    contact = partner(officer, one.actor.person)
    restriction.restrict(one.alone, "claims", "")
    number = Restriction.objects.get(key_owner=one.actor.person).id
    desks.lift(officer.actor, number, "the claim is settled")
    live = consent.restriction_of(str(one.actor.person))
    assert live is not None
    assert live.lifts_at is not None
    assert f"{live.lifts_at.day} {live.lifts_at:%B %Y}" in text_of(arrived(mail_sink, contact)[-1])


def test_recipients_of_a_guests_data_hear_of_restriction_and_erasure_and_no_record_names_the_address(
    mail_sink: MailSink, officer: Customer, web: Web
) -> None:
    from glasshouse.disclosures import api as disclosures
    from glasshouse.disclosures.models import Disclosure, PassedOn
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.vault import api as vault

    address, client = f"{uuid.uuid4().hex[:12]}@grower.example", web()
    mark, contact = vault.lookup("address", address), f"dpo-{uuid.uuid4().hex[:10]}@partner.example"
    made = recipient(officer, name="Partner Co", contact=contact)
    with transaction.atomic():
        disclosures.note(KeyOwnerId(new_id()), made, address_hash=mark)
    _, own = proved(client, address)
    assert "Partner Co" in client.get(own).text
    assert post(client, f"{own}/restrict", own).status_code == 302
    assert "restriction to be followed" in arrived(mail_sink, contact)[-1]["Subject"]
    assert post(client, f"{own}/lift", own).status_code == 302
    assert "restriction is lifted" in arrived(mail_sink, contact)[-1]["Subject"]
    assert post(client, f"{own}/erase", own, word="erase").status_code == 302
    assert "erasure to be followed" in arrived(mail_sink, contact)[-1]["Subject"]
    assert not Disclosure.objects.filter(address_hash=mark).exists()
    assert not PassedOn.objects.filter(address_hash=mark).exists()
    assert PassedOn.objects.filter(recipient=made, what="erased").count() == 1


def test_the_mail_about_an_erasure_leaves_no_record_with_the_address(
    mail_sink: MailSink, customer: Make, join: Join
) -> None:
    from glasshouse.disclosures.models import Disclosure
    from glasshouse.organisations import invitations
    from glasshouse.subject import erasure as rights
    from glasshouse.vault import api as vault

    boss, other = customer(), customer()
    one = join(boss, "viewer")
    mark = vault.lookup("address", one.address)
    invitations.invite(other.actor, one.address, invitations.Offer("viewer"))
    arrived(mail_sink, one.address)
    assert Disclosure.objects.filter(address_hash=mark).exists()
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail

    rights.erase(one.alone)
    mail.queue_draft(KeyOwnerId(new_id()), mail.ERASED, one.address, mail.Draft("You are erased", "Words"))
    assert arrived(mail_sink, one.address)[-1]["Subject"] == "You are erased"
    assert not Disclosure.objects.filter(address_hash=mark).exists()
