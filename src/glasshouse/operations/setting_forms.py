"""What the values of settings must look like. Each function gives the value in one form, or raises ValueError with advice."""

import ipaddress
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from crop_contract import connections
from glasshouse.kernel import servers
from glasshouse.mail import signing

Read = Callable[[str], str]
MOST_HOST = 253  # characters of a host name; source: RFC 1035, 2.3.4


def text(written: str) -> str:
    """Any text on one line."""
    if not written.isprintable():
        raise ValueError("Write it on one line, without control characters.")
    return written


def dkim_key(written: str) -> str:
    """The private key with which mail is signed."""
    return signing.readable_key(written)


def dkim_selector(written: str) -> str:
    """Under which name in the DNS the public key stands."""
    if not signing.SELECTOR.fullmatch(written):
        raise ValueError("Write small letters, digits and hyphens, such as glasshouse or mail2026.")
    return written


def number(least: int, most: int) -> Read:
    """A whole number between two others."""

    def read(written: str) -> str:
        if not (written.isascii() and written.isdecimal() and len(written) < 10 and least <= int(written) <= most):
            raise ValueError(f"Write a whole number from {least} to {most}.")
        return str(int(written))

    return read


def folder(written: str) -> str:
    """An absolute path: a service is started from any folder."""
    path = Path(written).expanduser()
    if not path.is_absolute():
        raise ValueError("Write the whole path, which begins with /.")
    return str(path)


def file(written: str) -> str:
    """The absolute path of a file that is there."""
    path = Path(folder(written))
    if not path.is_file():
        raise ValueError("There is no such file, or it may not be seen.")
    return str(path)


def country(written: str) -> str:
    """A country's code of two letters (ISO 3166-1)."""
    if not (len(written) == 2 and written.isascii() and written.isalpha()):
        raise ValueError("Write two letters, such as NL.")
    return written.upper()


def networks(written: str) -> str:
    """Networks or addresses, with spaces between them."""
    try:
        return " ".join(map(str, connections.networks(written)))
    except ValueError as error:
        raise ValueError(f"{error}. Write networks like 10.0.0.0/8 ::1.") from None


def database(written: str) -> str:
    """The DSN of a PostgreSQL server of the operator's."""
    return servers.server(written).text


def bind(written: str) -> str:
    """The address that doors listen on: one of this machine's, 0.0.0.0 for all of IPv4, :: for all of both."""
    try:
        return str(ipaddress.ip_address(written.strip("[]")))
    except ValueError:
        raise ValueError("Write an address of this machine, such as 127.0.0.1, or :: for all of them.") from None


def origin(written: str) -> str:
    """An origin as browsers write it: https, a host name in small letters, a port unless it is 443. Source: RFC 6454."""
    wanted = "Write it like https://greenhouse.example or https://greenhouse.example:8443."
    if not written.isprintable() or " " in written:  # The parser would leave line breaks out.
        raise ValueError(wanted)
    try:
        parts = urlsplit(written)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme != "https" or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(wanted)
    if port == 0:
        raise ValueError(wanted)
    name = _host(host)
    return f"https://{name}" if port in (None, 443) else f"https://{name}:{port}"


def _is_address(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True


def _host(written: str) -> str:
    """A host name as certificates and the Host header carry it."""
    if _is_address(written):
        raise ValueError("Write a host name and no address: passkeys and certificates need a name.")
    name = written.rstrip(".").lower()
    if not name.isascii():
        raise ValueError("Write an international host name in its ASCII form, which begins with xn--.")
    fits = all(
        0 < len(label) < 64 and label.replace("-", "").isalnum() and label.strip("-") == label
        for label in name.split(".")
    )
    if not fits or len(name) > MOST_HOST:
        raise ValueError("It has no host name that can be used.")
    return name
