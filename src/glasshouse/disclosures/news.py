"""Verbs of the mails that tell of a new provider: to subscribers and to persons who consented, each with a stop link.

Rules: the link is made of the reader's id and its keyed hash, so nothing is stored for it; it works as long as the subscription
or the account is there, and can do nothing but stop these mails. A page with a button does it, for mail scanners open links.
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
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import NAMES
from glasshouse.vault.fields import readable

PURPOSE = "provider-news"


def announce(recipient: Recipient) -> None:
    """Mail of a new provider to everybody who wants to hear of it, in the caller's transaction."""
    for subscriber in readable(Subscriber.objects.filter(ended_at=None).exclude(proved_at=None)):
        news = _news(recipient, subscriber.id, languages.of_address(subscriber.address_hash))
        mail.queue_draft(KeyOwnerId(subscriber.id), "providers", subscriber.address, news)
    newest: dict[str, str] = {}
    for key_owner, state in (
        ConsentRecord.objects.filter(purpose=PURPOSE).order_by("at", "id").values_list("key_owner", "state")
    ):
        newest[key_owner] = state
    for key_owner, state in newest.items():
        if state == State.GIVEN and (address := accounts.address_of(KeyOwnerId(key_owner))):
            news = replace(_news(recipient, key_owner, languages.of_key_owner(KeyOwnerId(key_owner))), purpose=PURPOSE)
            mail.queue_draft(KeyOwnerId(key_owner), "providers", address, news)


def _news(recipient: Recipient, reader: str, language: str) -> mail.Draft:
    return mail.draft(
        "disclosures/mails/new_provider",
        {
            "recipient": recipient.name,
            "region": recipient.region,
            "what": recipient.what,
            "active_from": recipient.active_from,
            "categories": [NAMES.get(name, name) for name in recipient.fields],
            "purpose": recipient.purpose,
            "reader": reader,
            "secret": _secret(reader),
        },
        language=language,
    )


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
