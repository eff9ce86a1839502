"""Checks of the listeners of this installation: SEC-07."""

import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.kernel.doors import Door
from glasshouse.kernel.straight import Straight
from glasshouse.promises import oracle, sockets
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.registry import check
from glasshouse.promises.sink import Sink
from glasshouse.promises.sockets import Listener, Speech
from glasshouse.promises.stage import MAIL_S, open_stage

WEAK = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
GOOD = {"TLSv1.2", "TLSv1.3"}
LEAST_LEFT = timedelta(days=14)  # of a certificate's life
LEAST_HSTS_S = 31_536_000  # a year: what browsers ask for before they take a site into their own lists
REFUSED_S, LINGERS_S = 8.0, 5.0
# An answer of each kind that the web door gives: a page, a file, one that is not there, one that is refused, a foreign name.
ANSWERS = (
    ("GET", "/"),
    ("GET", "/static/glasshouse.css"),
    ("GET", "/nowhere"),
    ("DELETE", "/trust"),
    ("POST", "/sign-in"),
    ("GET", "/trust.json"),
)
OF_CROPS = (("GET", "/ping"), ("GET", "/nowhere"), ("POST", "/api/v2/write"))


class _Refused(NamedTuple):
    """Kinds of mail servers to which no mail may be handed over."""

    name: str
    sink: Sink


@check(
    "SEC-07",
    steps=(
        "The listening sockets of all processes of this deployment are read from the system; no list of ports is asked.",
        "Each is asked for TLS 1.3 and 1.2, for the older versions, and in the clear; its certificate is checked.",
        "The web door and the crops service are asked for pages, files and addresses that do not exist.",
        "A mail to a probe is due while its mail server offers no encryption, or shows a certificate of its own making.",
    ),
    oracle="The kernel's tables of sockets; TLS connections of a client that trusts this installation's authority alone; the "
    "answers' headers; what the refused mail server heard.",
)
def transport() -> Finding:
    """What each listener agrees to and refuses; what mail does where it cannot be encrypted."""
    steps = Steps()
    listeners = sockets.listeners()
    steps.note("parts on other machines, and a proxy before the doors")
    versions = [version for listener in listeners for version in _listener(steps, listener)]
    steps.expect("listeners of this deployment were found", bool(versions))
    _expected(steps, listeners)
    _strict(steps, "the web door", settings.WEB_DOOR, ANSWERS)
    _strict(steps, "the crops service", settings.CROPS_DOOR, OF_CROPS)
    _database(steps)
    _outgoing(steps)
    spoken = " and ".join(sorted(set(versions)))
    return steps.judged(f"{len(versions)} listeners, {spoken}; older versions and plain connections refused")


# -- listeners -----------------------------------------------------------------------------------------------------


def _listener(steps: Steps, listener: Listener) -> Iterator[str]:
    """Judge one listener; gives the version that it agrees to."""
    name = f"port {listener.port} ({listener.program})"
    speech = sockets.speech(listener)
    if speech is Speech.GONE:  # The mail server of another check, which is over.
        return
    if speech is Speech.REDIRECT:
        steps.expect(f"{name} does nothing but lead to HTTPS", held=True)
        return
    if speech is Speech.CLEAR and not _lasts(listener):
        return
    if not steps.expect(f"{name} speaks TLS", speech is not Speech.CLEAR, str(speech)):
        return
    if speech is Speech.POSTGRES:
        yield "PostgreSQL's TLS"
        return
    shake = sockets.mail_handshake if speech is Speech.SMTP else sockets.handshake
    try:
        agreed = shake(listener)
    except (OSError, smtplib.SMTPException) as error:
        if _lasts(listener):
            steps.expect(f"{name} agrees to TLS", held=False, instead=type(error).__name__)
        return
    steps.expect(f"{name} agrees to TLS 1.2 or 1.3", agreed.version in GOOD, agreed.version)
    left = agreed.ends_at - clock.now()
    steps.expect(
        f"its certificate is valid for {LEAST_LEFT.days} days more at least", left >= LEAST_LEFT, f"{left.days} days"
    )
    _old_versions(steps, name, shake, listener)
    if speech is Speech.SMTP:
        steps.expect(
            f"{name} takes no mail and no password before STARTTLS", not sockets.takes_mail_in_the_clear(listener)
        )
    else:
        answer = sockets.plain_answer(listener)
        clear = answer.startswith(b"HTTP/") and not sockets.redirects(answer)
        steps.expect(f"{name} answers no plain request", not clear)
    yield agreed.version


def _old_versions(steps: Steps, name: str, shake: Callable[..., sockets.Handshake], listener: Listener) -> None:
    for version in WEAK:
        if not sockets.can_speak(version):
            steps.note(f"{version.name}, which this machine's own library does not speak")
            continue
        steps.expect(f"{name} refuses {version.name}", _refuses(shake, listener, version))


def _lasts(listener: Listener) -> bool:
    """Whether a listener is still there after a while. The mail servers that this very check opens elsewhere are not."""
    time.sleep(LINGERS_S)
    return listener in sockets.listeners()


def _refuses(shake: Callable[..., sockets.Handshake], listener: Listener, version: ssl.TLSVersion) -> bool:
    try:
        shake(listener, version=version)
    except (OSError, smtplib.SMTPException):
        return True
    return False


def _expected(steps: Steps, listeners: list[Listener]) -> None:
    """The doors that the settings name are among what was found, or elsewhere."""
    ports = {listener.port for listener in listeners}
    for what, door in (("the web door", settings.WEB_DOOR), ("the crops service", settings.CROPS_DOOR)):
        scheme = urlsplit(door.origin).scheme
        steps.expect(f"{what} is reached by HTTPS", scheme == "https", scheme)
        if door.port not in ports:
            steps.note(f"the listener of {what}, which is not on this machine")


# -- answers -------------------------------------------------------------------------------------------------------


def _strict(steps: Steps, name: str, door: Door, asked: Iterable[tuple[str, str]]) -> None:
    lax = []
    with httpx.Client(base_url=door.origin, transport=Straight(door, sockets.context()), timeout=20) as client:
        for method, path in asked:
            header = client.request(method, path).headers.get("strict-transport-security", "")
            if not _is_strict(header):
                lax.append(f"{method} {path}: {header or 'none'}")
        foreign = client.get("/", headers={"Host": "elsewhere.invalid"})
        if not _is_strict(foreign.headers.get("strict-transport-security", "")):
            lax.append("a foreign name")
    steps.expect(
        f"every answer of {name} keeps browsers to HTTPS for a year, subdomains too", not lax, "; ".join(lax[:2])
    )


def _is_strict(header: str) -> bool:
    parts = [part.strip().lower() for part in header.split(";")]
    age = next((int(part[8:]) for part in parts if re.fullmatch(r"max-age=\d{1,12}", part)), 0)
    return age >= LEAST_HSTS_S and "includesubdomains" in parts


# -- database and mail ---------------------------------------------------------------------------------------------


def _database(steps: Steps) -> None:
    for database in (oracle.PEOPLE, oracle.VAULT):
        with oracle.reading(database) as link:
            local = link.info.host.startswith("/")
            secured = local or bool(link.pgconn.ssl_in_use)
            row = link.execute(
                "SELECT setting, (SELECT setting FROM pg_settings WHERE name = 'ssl') FROM pg_settings "
                "WHERE name = 'listen_addresses'"
            ).fetchone()
        open_to = str(row[0]) if row else "unknown"
        steps.expect(f"the database {database} is reached by a socket of this machine, or by TLS", secured)
        closed = not open_to or bool(row and row[1] == "on")
        steps.expect("and its server listens on no network without TLS", closed, open_to)


def _outgoing(steps: Steps) -> None:
    servers = [
        _Refused("offers no encryption", Sink(encrypts=False)),
        _Refused("shows a certificate of its own making", Sink(trusted=False)),
    ]
    for server in servers:
        with open_stage(server.sink) as stage:
            address = stage.ask_sign_up()
            ends = time.monotonic() + REFUSED_S
            while not server.sink.connections and time.monotonic() < ends:
                time.sleep(0.05)
            time.sleep(0.3)  # for what would be said after the greeting
            tried, mails = server.sink.connections > 0, server.sink.mails(address)
        if tried:
            steps.expect(f"a mail server that {server.name} is given no mail", not mails)
        else:
            steps.expect(f"mail to a server that {server.name} was tried", held=False, instead="no connection came")
    with open_stage() as stage:
        arrived = stage.sink.wait(stage.ask_sign_up(), within_s=MAIL_S)
    steps.expect("a mail server that encrypts is given the mail", arrived is not None)
