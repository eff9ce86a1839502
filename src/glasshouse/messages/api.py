"""Verbs of messages: whether a mail may go, asked at its hand-over; and how mails of a purpose are stopped.

Rules: a ruling is written in the transaction that sends the mail, and the database writes none that a person's choice forbids. A
stop link needs no sign-in, stops mails of its one purpose to its one address, and tells nobody the address. A report of a mail
server counts if it names the mail that it is about, whose id nobody else knows. Source: PRI-10, PRI-20; RFC 8058.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction

from glasshouse.accounts.models import Account
from glasshouse.accounts.own import own, person_at
from glasshouse.accounts.sessions import digest
from glasshouse.consent import api as consent
from glasshouse.consent.rules import PURPOSES, Purpose, State
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import AccountId, PersonId
from glasshouse.mail import api as mail
from glasshouse.mail import smtp
from glasshouse.mail.kinds import BY_CONSENT, MailKind, declared
from glasshouse.mail.models import Message
from glasshouse.mail.ruling import Ruling
from glasshouse.messages.models import Ruled, StopLink, Suppression
from glasshouse.messages.rules import ALL, MAILBOX, Verdict, Way, token_of
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import Basis

NO_SUCH_MAILBOX = "5.1.1"  # RFC 3463
MOST_REPLIED = 20  # mails that one reply names


class UndeclaredKindError(InvalidError):
    """A mail is of a kind that no area declares, so nothing says whether it may go."""


# -- at the hand-over ----------------------------------------------------------------------------------------------


def rule(message: Message) -> Ruling:
    """Rule on a mail and put the ruling on record, in the caller's transaction. Raises UndeclaredKindError."""
    kind = declared().get(message.kind)
    if kind is None:
        raise UndeclaredKindError(f"No area declares the kind of mail {message.kind!r} in its mail_kinds.py.")
    verdict = _verdict(message)
    Ruled.objects.create(
        id=message.id,
        key_owner=message.key_owner,
        kind=kind.name,
        message_class=kind.message_class,
        purpose=kind.purpose,
        verdict=verdict,
        at=clock.now(),
    )
    if verdict is not Verdict.GOES:
        return Ruling(goes=False)
    return Ruling(goes=True, headers=_stop_headers(message, kind.purpose) if _is_stopped_at_once(kind) else {})


def _verdict(message: Message) -> Verdict:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT glasshouse_verdict(%s, %s, %s, %s)",
            [message.key_owner, message.address_hash or "", message.kind, message.purpose],
        )
        return Verdict(cursor.fetchone()[0])


def _is_stopped_at_once(kind: MailKind) -> bool:
    """Whether a link in a mail of a kind stops it. An objection that a person judges needs words, and a form for them."""
    return kind.purpose in PURPOSES and PURPOSES[kind.purpose].basis is Basis.CONSENT


def stop_token(message: str) -> str:
    """The token of the link that stops mails like one of ours, by the mail's id. Nobody can make it of the id without our key."""
    return token_of(vault.lookup("stop", message))


def _stop_headers(message: Message, purpose: str) -> dict[str, str]:
    """What tells a mail program how to stop mails like this one. Source: RFC 2369, 2919, 8058."""
    token = stop_token(message.id)
    StopLink.objects.get_or_create(
        token_hash=digest(token),
        defaults={
            "key_owner": message.key_owner,
            "address_hash": message.address_hash or "",
            "purpose": purpose,
            "at": clock.now(),
        },
    )
    mailbox, _, domain = settings.OPERATOR.privacy_address.rpartition("@")
    return {
        "List-Unsubscribe": (
            f"<{settings.ORIGIN}/stop/{token}>, <mailto:{mailbox}+{MAILBOX}{token}@{domain}?subject=unsubscribe>"
        ),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"<{purpose}.{smtp.domain()}>",
    }


# -- stopping ------------------------------------------------------------------------------------------------------


class StopState(NamedTuple):
    """What a stop link is for, and whether its address still gets such mails."""

    purpose: Purpose
    live: bool


def stop_state(token: str) -> StopState | None:
    """What a stop link would stop; None: it is no link of ours, or older than a year."""
    link = StopLink.objects.filter(token_hash=digest(token)).first()
    return StopState(PURPOSES[link.purpose], _is_live(link)) if link else None


def _is_live(link: StopLink) -> bool:
    """Whether the reader of a link still wants its mails, and nothing keeps them away."""
    wanted = _wanted_since(link.key_owner or "", link.purpose)
    suppressed = Suppression.objects.filter(address_hash=link.address_hash, purpose__in=(ALL, link.purpose))
    return wanted is not None and not suppressed.filter(at__gte=wanted).exists()


def _wanted_since(key_owner: str, purpose: str) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT glasshouse_wanted_since(%s, %s)", [key_owner, purpose])
        moment: datetime | None = cursor.fetchone()[0]
        return moment


def stop(token: str, way: Way) -> bool:
    """Stop mails of a link's purpose to its address, at once; returns whether it is a link of ours. Safe to repeat."""
    link = StopLink.objects.filter(token_hash=digest(token)).first()
    if link is None:
        return False
    _suppress(link.address_hash, link.purpose, way)
    for person in {link.key_owner or "", person_at(link.address_hash)} - {""}:
        _withdraw(person, link.purpose)
    for kind in declared().values():
        if kind.purpose == link.purpose and kind.end is not None:
            kind.end(link.address_hash)
    return True


@transaction.atomic
def _suppress(address_hash: str, purpose: str, way: Way) -> None:
    """Have an address get no more mails for a purpose. This counts first, whatever breaks off after it."""
    values = {"way": way, "at": clock.now()}
    row, is_new = Suppression.objects.update_or_create(address_hash=address_hash, purpose=purpose, defaults=values)
    if is_new:
        events.record(ANONYMOUS, Kind.MAILS_STOPPED, row.id, way=str(way))


def _withdraw(person: str, purpose: str) -> None:
    """Withdraw a person's consent, so that their own page says what was stopped; nothing where they do not consent."""
    with own(person):
        account = Account.objects.filter(person_id=person).first()
        if account is None or consent.state_of(person, purpose) != State.GIVEN:
            return
        actor = Actor(ActorKind.PERSON, AccountId(account.id), PersonId(person))
        consent.withdraw(actor, purpose, "by the link in a mail")


def stop_by_reply(messages: list[str]) -> bool:
    """Stop mails like those of ours that a reply names, by their ids; returns whether any can be stopped."""
    stopped = [stop(stop_token(message), Way.MAIL) for message in messages[:MOST_REPLIED]]
    return any(stopped)


def bounced(message: str, status: str) -> None:
    """Note that a mail of ours came back for good; where there is no such mailbox, no mail by consent goes there any more.

    status: of RFC 3463.
    Mails that always go are still tried: a mailbox may come back, and the law wants them sent.
    """
    mail.bounced(message)
    address_hash = mail.address_hash_of(message)
    if status == NO_SUCH_MAILBOX and address_hash:
        _suppress(address_hash, ALL, Way.BOUNCE)


def forget(key_owners: set[str]) -> None:
    """Delete what was ruled on mails under keys that are destroyed, in the caller's transaction; links in such mails stop on."""
    Ruled.objects.filter(key_owner__in=key_owners).delete()
    StopLink.objects.filter(key_owner__in=key_owners).update(key_owner=None)


# -- what a person decides -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """A purpose of mails that a person decides about, and whether they get such mails."""

    purpose: Purpose
    wanted: bool


def topics(actor: Actor) -> list[Topic]:
    """The purposes of mails that leave by consent, with the choice of the actor's person."""
    purposes = dict.fromkeys(kind.purpose for kind in declared().values() if _is_stopped_at_once(kind))
    return [Topic(PURPOSES[purpose], consent.may(str(actor.person), purpose)) for purpose in purposes]


def is_anything_advertised() -> bool:
    """Whether any mail that we send is marketing or research."""
    return any(kind.message_class in BY_CONSENT for kind in declared().values())


def _topic(purpose: str) -> str:
    """A purpose, as a form named it. Raises InvalidError for what is no topic of mails."""
    if not any(kind.purpose == purpose and _is_stopped_at_once(kind) for kind in declared().values()):
        raise InvalidError("Choose a topic from the list.", field="purpose")
    return purpose


def want(actor: Actor, purpose: str) -> None:
    """Have mails of a topic sent to the actor's person. Raises InvalidError."""
    consent.give(actor, _topic(purpose))


def want_no_more(actor: Actor, purpose: str) -> None:
    """Have no more mails of a topic sent to the actor's person. Raises InvalidError."""
    consent.withdraw(actor, _topic(purpose), "on the page of mails")
