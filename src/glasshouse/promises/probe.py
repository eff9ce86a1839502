"""A canary customer that walks through the front door and leaves again: sign-up, organisation, site, device, one reading."""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import transaction

from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.rules import Visit
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, OrganisationId, SiteId, new_id
from glasshouse.mail.models import Message
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.subject import closing
from glasshouse.vault import api as vault

SENT_BYTES = 4 << 20
VISIT = Visit("probe", "promise check")


@dataclass(frozen=True, slots=True)
class Canaries:
    """Texts that stand nowhere but in what the probe customer gave."""

    person: str
    site: str
    tag: str
    file: str
    grower: "Grower"

    def all(self) -> list[str]:
        """The texts."""
        return [self.person, self.site, self.tag, self.file]


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


class ToErase(NamedTuple):
    """A probe customer that a check erases, and the canary that is its name."""

    grower: Grower
    canary: str


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


@contextmanager
def grower_to_erase() -> Iterator[ToErase]:
    """A probe customer whose name is a canary, which the block erases; what it leaves is taken away all the same."""
    canary = f"canary{new_id()}"
    customer = _signed_up(canary, "Probe")
    try:
        yield ToErase(customer.grower, canary)
    finally:
        _forget(customer)


@contextmanager
def walked() -> Iterator[Canaries]:
    """The canaries of a customer that lives for the length of the block. Raises UnavailableError when a door is shut."""
    person, site_name, tag, file = (f"canary{kind}{new_id()}" for kind in ("person", "site", "tag", "file"))
    customer = _signed_up(person, site_name)
    grower = customer.grower
    canaries = Canaries(person, site_name, tag, file, grower)
    try:
        site = greenhouse.create_site(grower.actor, {"name": canaries.site, "time_zone": "Europe/Rome"})
        token = greenhouse.create_device(grower.actor, SiteId(site), "", canaries.person)
        _send(token, f"probe,canary={canaries.tag} air_temp=21.5 {time.time_ns()}")
        yield canaries
    finally:
        _forget(customer)


@contextmanager
def sending(canaries: Canaries) -> Iterator[None]:
    """While the block lasts, the probe customer's file is half sent to the web door. Raises OSError, UnavailableError."""
    grower, origin, line = canaries.grower, urlsplit(settings.ORIGIN), f"2024-05-31 12:00,1,{canaries.file}\n".encode()
    secret = _session_of(grower)
    head = (
        f"POST /o/{grower.organisation}/import HTTP/1.1\r\nHost: {origin.netloc}\r\nCookie: __Host-session={secret}\r\n"
        f"Content-Type: multipart/form-data; boundary=probe\r\nContent-Length: {SENT_BYTES * 2}\r\n\r\n--probe\r\n"
        'Content-Disposition: form-data; name="file"; filename="probe.csv"\r\n\r\n'
    )
    trust = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    with (
        socket.create_connection(("127.0.0.1", origin.port or 443), 20) as link,
        trust.wrap_socket(link, server_hostname=origin.hostname) as secured,
    ):
        secured.sendall(head.encode() + line * (SENT_BYTES // len(line)))
        time.sleep(0.3)  # until the web part has put away what it was sent
        secured.setblocking(False)
        try:
            if refusal := secured.recv(200):
                raise UnavailableError(
                    f"The web door refused the probe's file: {refusal[:40].decode(errors='replace')}"
                )
        except ssl.SSLWantReadError:
            pass  # It waits for the rest, as it should.
        yield


def _session_of(grower: Grower) -> str:
    return accounts.sign_in(grower.address, grower.password, Visit(f"probe-{grower.address}")).secret


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


def _send(token: str, line: str) -> None:
    trust = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    try:
        answer = httpx.post(
            f"{settings.CROPS_ORIGIN}/api/v2/write",
            content=line,
            headers={"Authorization": f"Token {token}"},
            verify=trust,
            timeout=20,
        )
    except httpx.HTTPError as error:
        raise UnavailableError("The probe's reading found the crops service shut.") from error
    if answer.status_code != 204:
        raise UnavailableError(f"The probe's reading was answered {answer.status_code} instead of 204.")
