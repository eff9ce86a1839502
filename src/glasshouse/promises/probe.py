"""Customers that a check makes by the verbs of the pages, and takes away again."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import httpx
from django.conf import settings
from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, OrganisationId, new_id
from glasshouse.mail.models import Message
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.subject import closing
from glasshouse.vault import api as vault

VISIT = Visit("probe", "promise check")


@dataclass(frozen=True, slots=True)
class Grower:
    """A probe customer: its administrator, and the password of the account."""

    actor: Actor
    address: str
    password: str

    @property
    def organisation(self) -> str:
        """Its opaque id."""
        return str(self.actor.organisation)


class _SignedUp(NamedTuple):
    """A new customer, and the key owner of what its sign-up claimed."""

    grower: Grower
    key_owner: str


class _TakenMail(NamedTuple):
    """The secret in a mail's link, and the mail's key owner."""

    secret: str
    key_owner: str


def _signed_up(name: str, organisation: str) -> _SignedUp:
    """A new customer, through the same verbs as the pages."""
    address, password = f"{name}@canary.invalid", f"{new_id()}-{new_id()}"
    with transaction.atomic():  # The mail is taken out before it could leave.
        accounts.ask_sign_up(address, network=f"probe-{name}")
        mail = _take_mail(address, "prove")
    entry = onboarding.Entry(name, password, notices.offer().claims("sign-up"), organisation)
    new = onboarding.finish_sign_up(mail.secret, entry, Visit(f"probe-{name}"))
    sessions.forget_all(AccountId(str(new.actor.account)))  # Nobody stands behind this session.
    return _SignedUp(Grower(new.actor, address, password), mail.key_owner)


def _take_mail(address: str, path: str) -> _TakenMail:
    """Take the newest mail to a probe's address out of the queue. Raises UnavailableError."""
    mail = next(
        (message for message in Message.objects.order_by("-created_at")[:50] if message.address == address), None
    )
    link = re.search(rf"/{path}/(\S+)", mail.body) if mail else None
    if mail is None or link is None:
        raise UnavailableError("The probe's mail held no link.")
    key_owner = mail.key_owner
    mail.delete()
    return _TakenMail(link[1], key_owner)


@contextmanager
def customers(count: int) -> Iterator[list[Grower]]:
    """So many probe customers, for the length of the block. Nothing of them stays."""
    signed_up: list[_SignedUp] = []
    try:
        for _ in range(count):
            signed_up.append(_signed_up(f"probe{new_id()}", "Probe"))
        yield [customer.grower for customer in signed_up]
    finally:
        while _doors:
            _doors.pop().close()
        for customer in signed_up:
            _forget(customer)


def _forget(customer: _SignedUp) -> None:
    actor = customer.grower.actor
    closing.close_organisation(OrganisationId(str(actor.organisation)))
    Message.objects.filter(key_owner=actor.person).delete()
    Person.objects.filter(id=actor.person).delete()
    for owner in (customer.key_owner, actor.person):
        vault.destroy(KeyOwnerId(str(owner)))


def begin_session(grower: Grower) -> str:
    """The secret of a session of the probe customer, begun as after a right password."""
    account = Account.objects.select_related("person").get(id=grower.actor.account)
    with transaction.atomic():
        return sessions.begin(account, VISIT, pending=False).secret


_doors: list[httpx.Client] = []


def door(*, session: str = "") -> httpx.Client:
    """A way through the live web door, with a session's secret or without. Shut when the probe customers are forgotten."""
    trust = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    cookies = {"__Host-session": session} if session else {}
    client = httpx.Client(
        base_url=settings.ORIGIN, verify=trust, timeout=30, headers={"Referer": f"{settings.ORIGIN}/"}
    )
    _doors.append(client)
    for name, value in cookies.items():
        client.cookies.set(name, value, domain="localhost.local" if "localhost" in settings.ORIGIN else "")
    return client
