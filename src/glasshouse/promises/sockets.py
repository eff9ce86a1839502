"""The listening sockets of this deployment's processes, as the kernel tells of them in /proc, and what each of them speaks.

No list of ports is asked: a listener that nobody meant to open is found like any other. Processes on other machines are not seen.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from django.conf import settings

from glasshouse.kernel.errors import UnavailableError

PROC, LISTENS, ANSWERS_S = Path("/proc"), "0A", 5.0
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


def processes() -> list[int]:
    """Process numbers of this deployment's parts: those that the supervisor began, and those that work on its folders.

    Raises UnavailableError where there is none.
    """
    parents = {number: parent for number in _numbers() if (parent := _parent(number)) is not None}
    roots = {number for number in parents if _works_on_ours(number)} | {
        number for number in _supervisors() if number in parents
    }
    ours = [number for number in parents if _descends(number, roots, parents)]
    if not ours:
        raise UnavailableError("No process of this deployment is seen on this machine.")
    return ours


def listeners() -> list[Listener]:
    """Every listening TCP socket of this deployment's processes on this machine. Raises UnavailableError."""
    sockets = dict(_listening())
    ours = set()
    for number in processes():
        for inode in (link[8:-1] for link in open_files(number) if link.startswith("socket:[")):
            if inode in sockets:
                ours.add(Listener(*sockets[inode], program_of(number)))
    return sorted(ours)


def _numbers() -> list[int]:
    return [int(path.name) for path in PROC.iterdir() if path.name.isdecimal()]


def _parent(number: int) -> int | None:
    try:
        return int((PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


def _supervisors() -> list[int]:
    """The process that holds the data folder."""
    try:
        return [int((settings.DATA_FOLDER / "running.lock").read_text())]
    except (OSError, ValueError):
        return []


def _works_on_ours(number: int) -> bool:
    """Whether a process was started for this deployment's data folder, as its environment or its command says."""
    data = str(settings.DATA_FOLDER)
    needles = [f"GLASSHOUSE_DATA={data}", f"CROPS_DATA={data}/crops", f"{data}/people"]
    try:
        parts = started_with(number).split(b"\0")
    except UnavailableError:  # Somebody else's process.
        return False
    return any(needle.encode() in parts for needle in needles)


def _descends(number: int, roots: set[int], parents: dict[int, int]) -> bool:
    while number in parents:
        if number in roots:
            return True
        number = parents[number]
    return False


def program_of(number: int) -> str:
    """The program that a process runs: the last part of a module's name, or of a file's. "": it has ended."""
    try:
        arguments = (PROC / str(number) / "cmdline").read_text().split("\0")
    except OSError:
        return ""
    module = arguments[arguments.index("-m") + 1] if "-m" in arguments else Path(arguments[0]).name
    return module.rpartition(".")[2] or module


def started_with(number: int) -> bytes:
    """Command and environment of a process, as they were when it began. Raises UnavailableError."""
    try:
        return (PROC / str(number) / "cmdline").read_bytes() + b"\0" + (PROC / str(number) / "environ").read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UnavailableError("What a process of this deployment was started with may not be looked at.") from error


def open_files(number: int) -> list[str]:
    """Paths of the files that a process has open. Raises UnavailableError."""
    paths = []
    try:
        for link in (PROC / str(number) / "fd").iterdir():
            with suppress(FileNotFoundError):
                paths.append(str(link.readlink()))
    except FileNotFoundError:
        return paths
    except OSError as error:
        raise UnavailableError("The files of a process of this deployment may not be looked at.") from error
    return paths


def user_of(number: int) -> int:
    """The user that a process runs as; -1: it has ended."""
    try:
        return (PROC / str(number)).stat().st_uid
    except FileNotFoundError:
        return -1


def _listening() -> Iterator[tuple[str, tuple[str, int]]]:
    """Inode -> (address, port) of every listening socket of the machine."""
    for name, loopback in (("tcp", "127.0.0.1"), ("tcp6", "::1")):
        with suppress(FileNotFoundError):  # A machine without IPv6.
            for line in (PROC / "net" / name).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTENS:
                    address, port = columns[1].split(":")
                    yield columns[9], (_address(address, loopback), int(port, 16))


def _address(text: str, loopback: str) -> str:
    """An address of /proc/net; where it means every address, that of loopback."""
    if not text.strip("0"):
        return loopback
    groups = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(groups) == 4 else socket.AF_INET6, groups)


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
    return _heard(listener, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


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
    made = ssl.create_default_context(cafile=settings.TLS_FOLDER / "ca.crt")
    if version is not None:
        made.minimum_version = made.maximum_version = version
        made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def handshake(listener: Listener, *, version: ssl.TLSVersion | None = None, name: str = "localhost") -> Handshake:
    """The TLS connection that a listener agrees to. Raises OSError (ssl.SSLError) where it refuses."""
    with (
        socket.create_connection(listener[:2], ANSWERS_S) as link,
        context(version=version).wrap_socket(link, server_hostname=name) as secured,
    ):
        return _agreed(secured)


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
