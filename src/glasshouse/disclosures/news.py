"""Verbs of the mails that tell of a new provider: to subscribers and to persons who consented, each with a stop link.

Rules: each mail has a stop link of its own (`messages`). That of mails by earlier versions is made of the reader's id and its
keyed hash; it works as long as the subscription or the account is there. Either can do nothing but stop these mails, by a button,
for mail scanners open links. What a promise check announces is told to its own people only.
Source: PRI-15, PRI-20; GDPR Art. 7(3).
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace

from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account
from glasshouse.accounts.own import own
from glasshouse.consent import api as consent
from glasshouse.consent.models import ConsentRecord
from glasshouse.consent.rules import State
from glasshouse.disclosures.models import Recipient, Subscriber
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind as Event
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId, new_id
from glasshouse.mail import api as mail
from glasshouse.messages import api as messages
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import NAMES
from glasshouse.vault.fields import readable

PURPOSE = "provider-news"


def announce(actor: Actor, recipient: Recipient) -> None:
    """Mail of a new provider to everybody who wants to hear of it, in the caller's transaction. actor: who registered it."""
    of_check = bool(probes.key_owners_among([str(actor.person)]))
    rows = readable(Subscriber.objects.filter(ended_at=None).exclude(proved_at=None))
    subscribers = {subscriber.id: subscriber for subscriber in rows}
    persons = consent.consenting(PURPOSE)
    readers = probes.key_owners_among([*subscribers, *persons]) if of_check else {*subscribers, *persons}
    for number, subscriber in subscribers.items():
        if number in readers:
            news = _news(recipient, languages.of_address(subscriber.address_hash))
            mail.queue_draft(KeyOwnerId(number), "providers", subscriber.address, news)
    for person in map(KeyOwnerId, persons):
        if person in readers and (address := accounts.address_of(person)):
            mail.queue_draft(person, "providers", address, _news(recipient, languages.of_key_owner(person)))


def _news(recipient: Recipient, language: str) -> mail.Draft:
    number = new_id()
    draft = mail.draft(
        "disclosures/mails/new_provider",
        {
            "recipient": recipient.name,
            "region": recipient.region,
            "what": recipient.what,
            "active_from": recipient.active_from,
            "categories": [NAMES.get(name, name) for name in recipient.fields],
            "purpose": recipient.purpose,
            "token": messages.stop_token(number),
        },
        purpose=PURPOSE,
        language=language,
    )
    return replace(draft, number=number)


def end_at(address_hash: str) -> None:
    """End the subscriptions of an address, by its keyed hash. Safe to repeat."""
    with transaction.atomic():
        live = Subscriber.objects.filter(address_hash=address_hash, ended_at=None).select_for_update()
        for number in live.values_list("id", flat=True):
            Subscriber.objects.filter(id=number).update(ended_at=clock.now())
            events.record(ANONYMOUS, Event.PROVIDERS_UNSUBSCRIBED, number)


def _secret(reader: str) -> str:
    """The secret of a reader's stop link: 43 characters, as those of other mailed links, which shown mails mask."""
    return urlsafe_b64encode(bytes.fromhex(vault.lookup("stop-provider-news", reader))).decode().rstrip("=")


def wants_news(reader: str, secret: str) -> bool:
    """Whether the reader of a stop link still gets these mails. Raises NotFoundError."""
    _require(reader, secret)
    if subscriber := Subscriber.objects.filter(id=reader).first():
        return subscriber.proved_at is not None and subscriber.ended_at is None
    with own(reader):
        newest = ConsentRecord.objects.filter(purpose=PURPOSE, key_owner=reader).order_by("-at", "-id").first()
    return newest is not None and newest.state == State.GIVEN


def stop(reader: str, secret: str) -> None:
    """Have the reader of a stop link get no such mail any more. Safe to repeat. Raises NotFoundError."""
    if not wants_news(reader, secret):
        return
    if Subscriber.objects.filter(id=reader).exists():
        with transaction.atomic():
            Subscriber.objects.filter(id=reader, ended_at=None).update(ended_at=clock.now())
            events.record(ANONYMOUS, Event.PROVIDERS_UNSUBSCRIBED, reader)
        return
    with own(reader):
        account = Account.objects.get(person_id=reader)
        actor = Actor(ActorKind.PERSON, AccountId(account.id), PersonId(reader))
        consent.withdraw(actor, PURPOSE, "by the link in a mail")


def _require(reader: str, secret: str) -> None:
    if hmac.compare_digest(secret.encode(), _secret(reader).encode()):
        with own(reader):  # Also a person whose data is restricted may stop them.
            if Subscriber.objects.filter(id=reader).exists() or Account.objects.filter(person_id=reader).exists():
                return
    raise NotFoundError("This link belongs to nobody who gets these mails.")
