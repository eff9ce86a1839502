"""Verbs of disclosures: the register of recipients, the gate, what went where, who hears of new providers.

Rules: nothing personal leaves but by the gate (`kernel.gate`), which asks the register: a live recipient, this road,
these fields.
A row of what went where cannot be written for a recipient that is announced only or has ended; the database holds that too.
Source: PRI-15; GDPR Art. 13(1)(e), 19, 28(2), 30(1)(d).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.accounts.sessions import digest
from glasshouse.consent.models import ConsentRecord
from glasshouse.consent.rules import State
from glasshouse.disclosures import rules
from glasshouse.disclosures.models import Disclosure, Recipient, Subscriber
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind as Event
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.gate import Egress, UncoveredError
from glasshouse.kernel.ids import KeyOwnerId, new_id, new_token
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import NAMES

PURPOSE = "provider-news"
CONFIRM_WITHIN = timedelta(hours=24)
REQUIRED = ("name", "what", "region", "purpose", "basis")
OPTIONAL = ("agreement", "safeguard", "contact")


def install() -> None:
    """Register the operator's own mail server, where no recipient is registered yet: without it no sign-up could be proved."""
    if Recipient.objects.exists():
        return
    now = clock.now()
    Recipient.objects.create(
        kind=rules.Kind.PROVIDER,
        name="The operator's mail server",
        what="Carries the mail that the service sends to people.",
        region="where the operator runs it",
        agreement="run by the operator itself, or under its contract with the mail provider",
        safeguard="TLS on the way",
        purpose="delivering mail",
        basis="contract",
        channels=["mail"],
        fields=["user.contact.email", "user.content.private"],
        written_by="installation",
        announced_at=now,
        active_from=now,
    )


# -- the gate ------------------------------------------------------------------------------------------------------


def _live(now: datetime) -> list[Recipient]:
    return [one for one in Recipient.objects.filter(active_from__lte=now) if one.ended_at is None or one.ended_at > now]


def let_out(egress: Egress) -> None:
    """Note that something leaves, if a live recipient covers road and fields. Raises UncoveredError.

    In the caller's transaction.
    """
    for one in _live(clock.now()):
        if egress.channel in one.channels and egress.fields <= set(one.fields):
            note(egress.key_owner, one)
            return
    told = ", ".join(sorted(NAMES.get(one, one) for one in egress.fields))
    raise UncoveredError(f"No disclosure covers {told} by {egress.channel}: it stays in.")


def note(key_owner: KeyOwnerId, recipient: Recipient) -> None:
    """Put on record that something of a key owner went to a recipient, in the caller's transaction."""
    now, mine = clock.now(), Disclosure.objects.filter(key_owner=key_owner, recipient=recipient)
    if not mine.update(last_at=now, times=F("times") + 1):
        Disclosure.objects.create(key_owner=key_owner, recipient=recipient, first_at=now, last_at=now)


def of_person(key_owner: KeyOwnerId) -> list[Disclosure]:
    """What went where of a person, the newest first."""
    return list(Disclosure.objects.select_related("recipient").filter(key_owner=key_owner).order_by("-last_at"))


def tell_erased(key_owner: KeyOwnerId, address: str) -> int:
    """Tell each recipient with a contact that a person is erased (GDPR Art. 19); returns how many. Safe to repeat."""
    told = 0
    for one in of_person(key_owner):
        if one.told_at is None and one.recipient.contact and address:
            with transaction.atomic():
                text = f"Please erase what you hold of {address}, received from us for: {one.recipient.purpose}.\n"
                # Under a key of its own: the person's key is destroyed in a moment.
                mail.queue(
                    KeyOwnerId(new_id()),
                    "erased",
                    one.recipient.contact,
                    subject="An erasure to be followed",
                    body=text,
                )
                Disclosure.objects.filter(id=one.id).update(told_at=clock.now())
                told += 1
    return told


# -- the register --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A recipient as a form says it. words: name, what, region, agreement, safeguard, purpose, basis, contact."""

    kind: str
    words: dict[str, str]
    fields: list[str]
    channels: list[str] = field(default_factory=list)
    wait_days: int = 0


@transaction.atomic
def add(actor: Actor, entry: Entry) -> Recipient:
    """Register a recipient, and tell whoever wants to hear of it; nothing goes there before the waiting period is over.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    wrong, text = rules.flaw(entry.kind, entry.words, entry.fields)
    if wrong:
        raise InvalidError(text, field=wrong)
    if not set(entry.channels) <= set(rules.CHANNELS):
        raise InvalidError("Choose the roads from the list.", field="channels")
    least = rules.WAIT_DAYS.get(rules.Kind(entry.kind), 0)
    if entry.wait_days < least:
        raise InvalidError(f"Such a recipient waits at least {least} days after it was announced.", field="wait_days")
    now = clock.now()
    words = {name: entry.words.get(name, "").strip() for name in (*REQUIRED, *OPTIONAL)}
    made = Recipient.objects.create(
        kind=entry.kind,
        channels=entry.channels,
        fields=entry.fields,
        written_by=actor.id,
        announced_at=now,
        active_from=now + timedelta(days=entry.wait_days),
        address_hash=_contact_hash(words["contact"]),
        **{name: words[name] for name in REQUIRED},
        **{name: words[name] or None for name in OPTIONAL},
    )
    if entry.kind in (rules.Kind.PROVIDER, rules.Kind.GROUP):
        _announce(made)
    events.record(actor, Event.RECIPIENT_ADDED, made.id, recipient=entry.kind)
    return made


def _contact_hash(contact: str) -> str | None:
    """By which a contact is found that is an email address; None for a contact of any other form."""
    try:
        return vault.lookup("address", normal_address(contact))
    except InvalidError:
        return None


def _announce(recipient: Recipient) -> None:
    fields = ", ".join(NAMES[one].lower() for one in recipient.fields)
    text = (
        f"From {recipient.active_from:%Y-%m-%d} on {recipient.name} ({recipient.region}) works for us: {recipient.what}\n\n"
        f"It receives: {fields}. For: {recipient.purpose}.\n\nThe whole list: {settings.ORIGIN}/trust/providers\n"
        "If you object, answer this mail, or stop these mails on that page.\n"
    )
    subject = f"A new service provider from {recipient.active_from:%Y-%m-%d}"
    for one in Subscriber.objects.filter(ended_at=None).exclude(proved_at=None):
        mail.queue(KeyOwnerId(one.id), "providers", one.address, subject=subject, body=text)
    newest: dict[str, str] = {}
    for key_owner, state in (
        ConsentRecord.objects.filter(purpose=PURPOSE).order_by("at", "id").values_list("key_owner", "state")
    ):
        newest[key_owner] = state
    for key_owner, state in newest.items():
        if state == State.GIVEN and (address := accounts.address_of(KeyOwnerId(key_owner))):
            mail.queue_draft(KeyOwnerId(key_owner), "providers", address, mail.Draft(subject, text, purpose=PURPOSE))


@transaction.atomic
def end(actor: Actor, recipient: str) -> None:
    """Let nothing more go to a recipient. Raises NotFoundError."""
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    if not Recipient.objects.filter(id=recipient, ended_at=None).update(ended_at=clock.now()):
        raise NotFoundError
    events.record(actor, Event.RECIPIENT_ENDED, recipient)


@dataclass(frozen=True, slots=True)
class Listed:
    """A recipient as pages show it. state: live, coming or ended."""

    recipient: Recipient
    state: str
    fields: list[str]
    kind: str


def recipients() -> list[Listed]:
    """The register, the live ones first."""
    now, order = clock.now(), ("live", "coming", "ended")
    found = [
        Listed(
            one,
            "ended" if one.ended_at and one.ended_at <= now else "coming" if one.active_from > now else "live",
            [NAMES.get(name, name) for name in one.fields],
            rules.TITLES[rules.Kind(one.kind)],
        )
        for one in Recipient.objects.all()
    ]
    return sorted(found, key=lambda one: (order.index(one.state), one.recipient.name))


# -- subscriptions -------------------------------------------------------------------------------------------------


@transaction.atomic
def subscribe(address: str, *, network: str) -> None:
    """Mail a link that proves an address which wants to hear of new providers. Raises InvalidError, ThrottledError."""
    normal = normal_address(address)
    throttle.take_network("subscribe", network, most=10, window=timedelta(hours=1))
    throttle.take("mail", normal, most=5, window=timedelta(hours=1))
    secret = new_token()
    made = Subscriber(
        address=normal, address_hash=vault.lookup("address", normal), secret_hash=digest(secret), created_at=clock.now()
    )
    # What is never proved ends by itself: it counts as ended until then.
    made.ended_at = clock.now()
    made.save(force_insert=True)
    text = (
        "Confirm within 24 hours that you want to hear of new service providers, here:\n\n"
        f"{settings.ORIGIN}/trust/providers/{secret}\n\n"
        "The same link stops these mails, at any time: keep it.\n"
    )
    mail.queue(KeyOwnerId(made.id), "providers", normal, subject="News of service providers", body=text)
    events.record(ANONYMOUS, Event.PROVIDERS_SUBSCRIBED, made.id)


def _subscriber(secret: str) -> Subscriber:
    found = Subscriber.objects.filter(secret_hash=digest(secret)).first()
    if found is None:
        raise NotFoundError("This link belongs to no subscription.")
    return found


def subscription(secret: str) -> tuple[bool, bool]:
    """(whether the subscription of a mailed link is live, whether the link may begin it now). Raises NotFoundError."""
    found = _subscriber(secret)
    return found.proved_at is not None and found.ended_at is None, _may_begin(found)


def _may_begin(subscriber: Subscriber) -> bool:
    """A link begins a subscription once, within a day.

    It ends one for as long as the row is kept: nobody who wants no more mails may find that the way out has run out
    (GDPR Art. 7(3): as easy to withdraw as to give).
    """
    return subscriber.proved_at is None and clock.now() - subscriber.created_at < CONFIRM_WITHIN


@transaction.atomic
def decide(secret: str, *, wanted: bool) -> None:
    """Begin (once, within a day) or end the subscription of a mailed link. Raises InvalidError, NotFoundError."""
    found = Subscriber.objects.select_for_update().get(id=_subscriber(secret).id)
    if wanted and found.proved_at is not None and found.ended_at is None:
        return
    if wanted and not _may_begin(found):
        raise InvalidError("This link has been used, or is older than 24 hours. Ask for a new one on the list's page.")
    found.proved_at, found.ended_at = found.proved_at or clock.now(), None if wanted else clock.now()
    found.save(update_fields=["proved_at", "ended_at"])
    events.record(ANONYMOUS, Event.PROVIDERS_SUBSCRIBED if wanted else Event.PROVIDERS_UNSUBSCRIBED, found.id)
