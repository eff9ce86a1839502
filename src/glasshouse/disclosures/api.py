"""Verbs of disclosures: the register of recipients, egress, what went where, who gets news of new providers.

Rules: personal data leaves by the gate (`kernel.gate`) only, which asks the register for a live recipient with this channel and
these fields. A row of what went where cannot be written for a recipient that is only announced, or has ended; the database holds
that too.
Source: PRI-15; GDPR Art. 13(1)(e), 19, 28(2), 30(1)(d).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case, F, Max, Min, Q, QuerySet, Sum, When
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import throttle
from glasshouse.accounts.own import person_at
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.disclosures import news, rules
from glasshouse.disclosures.models import Disclosure, Recipient, Subscriber
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind as Event
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.gate import Egress, UncoveredError
from glasshouse.kernel.ids import KeyOwnerId, new_token
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.notices import api as notices
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault
from glasshouse.vault.content import CODE
from glasshouse.vault.datamap import NAMES
from glasshouse.vault.fields import readable

CONFIRM_WITHIN = timedelta(hours=24)
REQUIRED = ("name", "what", "region", "purpose", "basis")
OPTIONAL = ("agreement", "safeguard", "contact", "server")


def install() -> None:
    """Register the operator's own mail server, where no recipient is registered yet: without it no sign-up could be confirmed."""
    if Recipient.objects.exists():
        return
    now = clock.now()
    Recipient.objects.create(
        kind=rules.Kind.PROVIDER,
        name="The operator's mail server",
        what="Carries the mail that the service sends to people.",
        region="where the operator runs it",
        agreement="run by the operator itself, or under its contract with the mail provider",
        agreed_on=now.date(),  # The day on which the operator put it to work.
        safeguard="TLS on the way",
        purpose="delivering mail",
        basis="contract",
        channels=["mail"],
        fields=["user.contact.email", "user.content.private"],
        written_by="installation",
        announced_at=now,
        active_from=now,
    )


# -- egress -------------------------------------------------------------------------------------------------------


def _live(now: datetime) -> list[Recipient]:
    return list(Recipient.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), active_from__lte=now))


def allow_egress(egress: Egress) -> None:
    """Put on record what leaves, in the caller's transaction. Raises UncoveredError where no live recipient covers it.

    The recipient that is registered with the server that takes it goes before one that names none.
    """
    covering = [
        recipient
        for recipient in _live(clock.now())
        if egress.channel in recipient.channels
        and egress.fields <= set(recipient.fields)
        and (recipient.server or "") in ("", _host(egress.server))
    ]
    if not covering:
        fields = ", ".join(sorted(NAMES.get(name, name) for name in egress.fields))
        raise UncoveredError(f"No disclosure covers {fields} by {egress.channel}: it stays in.")
    recipient = min(covering, key=lambda recipient: not recipient.server)
    note(egress.key_owner, recipient, address_hash=egress.address_hash, server=_host(egress.server))


def _host(name: str) -> str:
    """A host name in the form in which it is registered and recorded; "" for what is none."""
    host = name.strip().lower().rstrip(".")
    return host if len(host) <= 120 and re.fullmatch(CODE, host) else ""


def note(key_owner: KeyOwnerId, recipient: Recipient, *, address_hash: str = "", server: str = "") -> None:
    """Put on record that something of a key owner went to a recipient, in the caller's transaction.

    address_hash: of the address that it went to; server: of `kernel.gate.Egress`.
    """
    # What lies under the person's own key is found by that; only what does not names the address.
    hash_noted = address_hash if address_hash and person_at(address_hash) != key_owner else None
    now = clock.now()
    of_address = Q(address_hash=hash_noted) if hash_noted else Q(address_hash=None)
    rows = Disclosure.objects.filter(of_address, key_owner=key_owner, recipient=recipient, server=server)
    first = rows.order_by("first_at", "id").values_list("id", flat=True).first()
    if first is not None:
        Disclosure.objects.filter(id=first).update(last_at=now, times=F("times") + 1)
        return
    Disclosure.objects.create(
        key_owner=key_owner, recipient=recipient, server=server, address_hash=hash_noted, first_at=now, last_at=now
    )


@dataclass(frozen=True, slots=True)
class Received:
    """What a recipient received of a person: how often, when first and last. server: that took it, "" where that is not known."""

    recipient: Recipient
    server: str
    times: int
    first_at: datetime
    last_at: datetime


def of_person(key_owner: KeyOwnerId, address_hash: str = "") -> list[Received]:
    """What went where of a person, the newest first, one entry a recipient and server.

    address_hash: of the person's address, by which mails are found that were sealed under another key.
    """
    # Added up by the database: a mail to the address under another key has a row of its own.
    totals = (
        Disclosure.objects.filter(_of(key_owner, address_hash))
        .order_by()
        .values_list("recipient_id", "server")
        .annotate(count=Sum("times"), first=Min("first_at"), last=Max("last_at"))
        .order_by("-last", "recipient_id", "server")
    )
    received = list(totals)
    by_id = Recipient.objects.in_bulk({row[0] for row in received})
    return [Received(by_id[number], server, count, first, last) for number, server, count, first, last in received]


def key_owners_at(address_hash: str) -> set[str]:
    """Under whose keys what went to an address was sealed, other than under the key of who has it."""
    return set(Disclosure.objects.filter(address_hash=address_hash).values_list("key_owner", flat=True))


def _of(key_owner: str, address_hash: str) -> Q:
    return Q(key_owner=key_owner) | Q(address_hash=address_hash) if address_hash else Q(key_owner=key_owner)


# -- the register --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A recipient as a form says it. texts: by the names in REQUIRED and OPTIONAL; fields: categories of the data map."""

    kind: str
    texts: dict[str, str]
    fields: list[str]
    channels: list[str] = field(default_factory=list)
    wait_days: int = 0
    agreed_on: str = ""


@transaction.atomic
def add(actor: Actor, entry: Entry) -> Recipient:
    """Register a recipient, and announce a provider; nothing goes there before the waiting period is over.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    agreed_on = _day(entry.agreed_on)
    flaw = rules.flaw(entry.kind, entry.texts, entry.fields, entry.channels, agreed_on)
    if flaw is not None:
        raise InvalidError(flaw.message, field=flaw.field)
    if not set(entry.channels) <= set(rules.CHANNELS):
        raise InvalidError("Choose the channels from the list.", field="channels")
    least_days = rules.WAIT_DAYS.get(rules.Kind(entry.kind), 0)
    if entry.wait_days < least_days:
        text = gettext("Such a recipient waits at least %(days)s days after it was announced.") % {"days": least_days}
        raise InvalidError(text, field="wait_days")
    now = clock.now()
    texts = {name: entry.texts.get(name, "").strip() for name in (*REQUIRED, *OPTIONAL)}
    if texts["server"] and not _host(texts["server"]):
        raise InvalidError("Write the server as a host name, such as smtp.example.com.", field="server")
    texts["server"] = _host(texts["server"])
    recipient = Recipient.objects.create(
        kind=entry.kind,
        channels=entry.channels,
        fields=entry.fields,
        agreed_on=agreed_on,
        written_by=actor.id,
        announced_at=now,
        active_from=now + timedelta(days=entry.wait_days),
        address_hash=_contact_hash(texts["contact"]),
        **{name: texts[name] for name in REQUIRED},
        **{name: texts[name] or None for name in OPTIONAL},
    )
    if entry.kind in (rules.Kind.PROVIDER, rules.Kind.GROUP):
        news.announce(actor, recipient)
    events.record(actor, Event.RECIPIENT_ADDED, recipient.id, recipient=entry.kind)
    return recipient


def _day(text: str) -> date | None:
    """A day that is not to come, as ISO 8601 writes it, and nothing else; None where none is given. Raises InvalidError."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidError("Give the day of the agreement, and nothing else.", field="agreed_on") from None
    if day > clock.now().date():
        raise InvalidError("The agreement cannot be of a day to come.", field="agreed_on")
    return day


def _contact_hash(contact: str) -> str | None:
    """The keyed hash by which a contact is found that is an email address; None for a contact of any other form."""
    try:
        return vault.lookup("address", normal_address(contact))
    except InvalidError:
        return None


@transaction.atomic
def end(actor: Actor, recipient: str) -> None:
    """End a recipient: nothing more goes to it. Raises NotFoundError."""
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    if not Recipient.objects.filter(id=recipient, ended_at=None).update(ended_at=clock.now()):
        raise NotFoundError
    events.record(actor, Event.RECIPIENT_ENDED, recipient)


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient as pages show it. state: live, coming or ended; fields, kind: in plain words."""

    recipient: Recipient
    state: str
    fields: list[str]
    kind: str


def recipients(viewer: str, after: str = "") -> Piece[ListedRecipient]:
    """A piece of the register, the live ones first, what was announced last before others, without those of checks.

    viewer: the account that looks, as in `probes`. after: as in `piece_of`.
    """
    return _piece(Recipient.objects.exclude(id__in=probes.hidden_from(viewer, Recipient)), after)


def public_recipients(after: str = "") -> Piece[ListedRecipient]:
    """As recipients, for everybody: authorities are counted in the transparency report, and named to nobody."""
    rows = _without_authorities().exclude(id__in=probes.hidden_from("", Recipient))
    return _piece(rows, after)


def receiving() -> list[ListedRecipient]:
    """Everybody, but authorities, who receives something now or will: as many as the operator has contracts with."""
    rows = _without_authorities().exclude(id__in=probes.hidden_from("", Recipient)).exclude(ended_at__lte=clock.now())
    return _listed(rows.order_by("announced_at", "pk"))


def _without_authorities() -> "QuerySet[Recipient]":
    return Recipient.objects.exclude(kind=rules.Kind.AUTHORITY)


def _piece(rows: "QuerySet[Recipient]", after: str) -> Piece[ListedRecipient]:
    now = clock.now()
    state = Case(When(ended_at__lte=now, then=2), When(active_from__gt=now, then=1), default=0)
    piece = piece_of(rows.annotate(place_in_list=state), after, by=("place_in_list", "-announced_at"))
    return piece.of(_listed(piece))


def _listed(rows: Iterable[Recipient]) -> list[ListedRecipient]:
    now = clock.now()
    return [
        ListedRecipient(
            recipient,
            _state(recipient, now),
            [NAMES.get(name, name) for name in recipient.fields],
            rules.TITLES[rules.Kind(recipient.kind)],
        )
        for recipient in readable(rows)
    ]


def unreadable_count(*, authorities: bool = False) -> int:
    """How many entries of the register that have not ended cannot be read: their keys were lost with the key store.

    authorities: whether those are counted, too, of which there is one for each answered legal request.
    """
    rows = Recipient.objects.all() if authorities else _without_authorities()
    ids = {KeyOwnerId(number) for number in rows.exclude(ended_at__lte=clock.now()).values_list("id", flat=True)}
    return len(ids - vault.with_key(ids))


def _state(recipient: Recipient, now: datetime) -> str:
    if recipient.ended_at and recipient.ended_at <= now:
        return "ended"
    return "coming" if recipient.active_from > now else "live"


# -- subscriptions -------------------------------------------------------------------------------------------------


def subscribe(address: str, *, network: str, notice: int = 0, language: str = "") -> None:
    """Mail a link that confirms an address, for news of new providers. notice: number of the privacy notice that the form showed.

    language: of the mail; "": English.

    Raises InvalidError, ThrottledError.
    """
    normal = normal_address(address)
    throttle.take_network("subscribe", network, most=10, window=timedelta(hours=1))
    throttle.take("mail", normal, most=5, window=timedelta(hours=1))
    secret = new_token()
    subscriber = Subscriber(
        address=normal,
        address_hash=vault.lookup("address", normal),
        secret_hash=digest(secret),
        notice_version=notices.number_shown(notice),
        created_at=clock.now(),
    )
    # What is never confirmed ends by itself: it counts as ended until it is confirmed.
    subscriber.ended_at = clock.now()
    with transaction.atomic():
        subscriber.save(force_insert=True)
        mail.queue_template(
            KeyOwnerId(subscriber.id),
            "subscription",
            normal,
            "disclosures/mails/subscribe",
            {"secret": secret},
            language=language,
        )
        events.record(ANONYMOUS, Event.PROVIDERS_SUBSCRIBED, subscriber.id)


def _subscriber(secret: str) -> Subscriber:
    subscriber = Subscriber.objects.filter(secret_hash=digest(secret)).first()
    if subscriber is None:
        raise NotFoundError("This link belongs to no subscription.")
    return subscriber


class Subscription(NamedTuple):
    """Whether a subscription is live, and whether its link may begin it now."""

    is_live: bool
    may_begin: bool


def subscription(secret: str) -> Subscription:
    """The state of the subscription of a mailed link. Raises NotFoundError."""
    subscriber = _subscriber(secret)
    return Subscription(_is_live(subscriber), _may_begin(subscriber))


def _is_live(subscriber: Subscriber) -> bool:
    return subscriber.proved_at is not None and subscriber.ended_at is None


def _may_begin(subscriber: Subscriber) -> bool:
    """A link begins a subscription once, within a day.

    It ends one for as long as the row exists: withdrawing must always be possible (GDPR Art. 7(3): as easy as giving).
    """
    return subscriber.proved_at is None and clock.now() - subscriber.created_at < CONFIRM_WITHIN


@transaction.atomic
def decide(secret: str, *, wanted: bool) -> None:
    """Begin (once, within a day) or end the subscription of a mailed link. Raises InvalidError, NotFoundError."""
    subscriber = Subscriber.objects.select_for_update().get(id=_subscriber(secret).id)
    if wanted and _is_live(subscriber):
        return
    if wanted and not _may_begin(subscriber):
        raise InvalidError("This link has been used, or is older than 24 hours. Ask for a new one on the list's page.")
    subscriber.proved_at, subscriber.ended_at = subscriber.proved_at or clock.now(), None if wanted else clock.now()
    subscriber.save(update_fields=["proved_at", "ended_at"])
    events.record(ANONYMOUS, Event.PROVIDERS_SUBSCRIBED if wanted else Event.PROVIDERS_UNSUBSCRIBED, subscriber.id)
