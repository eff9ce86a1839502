"""The listening sockets of this deployment's processes, as the file reader sees them, and what each of them speaks.

No list of ports is asked: a listener that nobody meant to open is found like any other. Processes on other machines are not seen.
"""

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from cryptography import x509
from django.conf import settings

from glasshouse.kernel import doors
from glasshouse.promises import file_reader

ANSWERS_S = 5.0
POSTGRES_TLS = bytes.fromhex("0000000804d2162f")  # PostgreSQL's SSLRequest
REDIRECTS = (301, 302, 307, 308)


class Listener(NamedTuple):
    """A listening socket: the address by which it is reached from here, its port, and the program that holds it."""

    address: str
    port: int
    program: str


class Speech(StrEnum):
    """What a listener speaks first."""

    TLS = "TLS"
    SMTP = "SMTP"
    POSTGRES = "PostgreSQL with TLS"
    REDIRECT = "a redirect to HTTPS"
    CLEAR = "no TLS"
    GONE = "nothing any more"


class Handshake(NamedTuple):
    """A TLS connection as it was agreed: version, and the certificate's end."""

    version: str
    ends_at: datetime


def listeners() -> list[Listener]:
    """Every listening TCP socket of this deployment's processes on this machine. Raises UnavailableError."""
    seen = file_reader.processes()
    return sorted({Listener(*place, process.program) for process in seen for place in process.listens_at})


# -- what they speak -----------------------------------------------------------------------------------------------


def speech(listener: Listener) -> Speech:
    """What a listener speaks, tried from the safest to the least safe."""
    try:
        with suppress(ssl.SSLError, TimeoutError):
            handshake(listener)
            return Speech.TLS
        if _heard(listener, b"").startswith(b"220"):
            return Speech.SMTP
        if _heard(listener, POSTGRES_TLS) == b"S":
            return Speech.POSTGRES
        return Speech.REDIRECT if redirects(plain_answer(listener)) else Speech.CLEAR
    except ConnectionRefusedError:
        return Speech.GONE
    except OSError:
        return Speech.CLEAR


def redirects(answer: bytes) -> bool:
    """Whether an answer in the clear does nothing but lead to HTTPS."""
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return bool(status and int(status[1]) in REDIRECTS and re.search(rb"(?im)^location: *https://", answer))


def plain_answer(listener: Listener) -> bytes:
    """What a listener says to a plain HTTP request; empty when it says nothing."""
    return _heard(listener, f"GET / HTTP/1.1\r\nHost: {name_of(listener.port)}\r\n\r\n".encode())


def _heard(listener: Listener, said: bytes) -> bytes:
    with socket.create_connection(listener[:2], ANSWERS_S) as link:
        link.settimeout(0.5 if not said else ANSWERS_S)
        try:
            link.sendall(said)
            return link.recv(4096)
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            return b""


def context(*, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client's settings that trust this installation's authority and nobody else. version: this one only, however weak."""
    made = doors.trust(settings.TLS_FOLDER)
    if version is not None:
        made.minimum_version = made.maximum_version = version
        made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def handshake(listener: Listener, *, version: ssl.TLSVersion | None = None, name: str = "") -> Handshake:
    """The TLS connection that a listener agrees to. name: that it has to show; "": its door's, or localhost.

    Raises OSError (ssl.SSLError) where it refuses.
    """
    with (
        socket.create_connection(listener[:2], ANSWERS_S) as link,
        context(version=version).wrap_socket(link, server_hostname=name or name_of(listener.port)) as secured,
    ):
        return _agreed(secured)


def name_of(port: int) -> str:
    """The name that a listener's certificate must carry: a door's public one; of all others localhost."""
    of_doors = {settings.WEB_DOOR.port: settings.WEB_DOOR.host, settings.CROPS_DOOR.port: settings.CROPS_DOOR.host}
    return of_doors.get(port, "localhost")


def _agreed(secured: ssl.SSLSocket) -> Handshake:
    certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    return Handshake(str(secured.version()), certificate.not_valid_after_utc.astimezone(UTC))


def mail_handshake(listener: Listener, *, version: ssl.TLSVersion | None = None) -> Handshake:
    """The same after STARTTLS at a mail listener. Raises OSError (ssl.SSLError, smtplib.SMTPException) where it refuses."""
    with smtplib.SMTP(listener.address, listener.port, local_hostname="probe.invalid", timeout=ANSWERS_S) as server:
        server._host = "localhost"  # type: ignore[attr-defined]  # The name that the certificate must carry.
        server.starttls(context=context(version=version))
        if not isinstance(server.sock, ssl.SSLSocket):
            raise ssl.SSLError("no TLS after STARTTLS")
        return _agreed(server.sock)


def takes_mail_in_the_clear(listener: Listener) -> bool:
    """Whether a mail listener takes a sender, or offers to take a password, before STARTTLS."""
    with smtplib.SMTP(listener.address, listener.port, local_hostname="probe.invalid", timeout=ANSWERS_S) as server:
        server.ehlo()
        return server.has_extn("auth") or server.mail("probe@canary.invalid")[0] < 400


def can_speak(version: ssl.TLSVersion) -> bool:
    """Whether this machine's own library still speaks a version: without it a refusal tells nothing."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(settings.TLS_FOLDER / "server.crt", settings.TLS_FOLDER / "server.key")
    server.minimum_version = server.maximum_version = version
    server.set_ciphers("ALL:@SECLEVEL=0")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = context(version=version).wrap_bio(back, there, server_hostname="localhost")
    server_end = server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (client_end, server_end):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return client_end.version() is not None
