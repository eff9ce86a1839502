"""Pure rules of accounts: what an address and a password must be, and where a visit comes from."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from glasshouse.kernel.errors import InvalidError
from glasshouse.mail import addresses

PASSWORD_LEAST, PASSWORD_MOST = 12, 256
SECRET_MOST = 100  # characters of a link's, a cookie's or a challenge's secret; ours have at most 86
NO_ADDRESS = "This is not an email address. Write it like name@example.com."
CODE_MOST = 64  # characters of a code, spaces and hyphens included
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
)
BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))


def normal_address(text: str) -> str:
    """The one form in which an address is stored and hashed, if mail can be sent to it. Raises InvalidError."""
    try:
        return addresses.parsed(text)
    except addresses.AddressError:
        raise InvalidError(NO_ADDRESS, field="address") from None


def known_forms(text: str) -> tuple[str, ...]:
    """The forms under which an address that is only looked up may be stored, that of today first. Raises InvalidError.

    Older versions took some in that are refused now, or stored them otherwise; their persons must find their accounts. The first
    form is the address itself; a later one may be somebody else's, and needs a proof of its own.
    """
    try:
        return addresses.forms_of(text)
    except addresses.AddressError:
        raise InvalidError(NO_ADDRESS, field="address") from None


def reachable_address(text: str) -> str:
    """The form of an address that a mail reaches, be it one that only older versions took in. Raises InvalidError."""
    try:
        return addresses.reachable(text)
    except addresses.AddressError:
        raise InvalidError(NO_ADDRESS, field="address") from None


def plain_name(text: str, *, field: str, most: int = 80) -> str:
    """A name without surrounding space and control characters, 1 to `most` characters. Raises InvalidError."""
    if len(text) > most * 4:  # Composing makes a text shorter, three times at most; before it is normalised.
        raise InvalidError(f"Please write 1 to {most} ordinary characters here.", field=field)
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > most or any(unicodedata.category(c).startswith("C") for c in name):
        raise InvalidError(f"Please write 1 to {most} ordinary characters here.", field=field)
    return name


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a sign-in comes from. network: the address; agent: the User-Agent header; browser: the known-browser cookie.

    is_command: it is no browser, but a command on the machine itself.
    """

    network: str
    agent: str = ""
    browser: str = ""
    is_command: bool = False


def device_of(agent: str) -> str:
    """A browser and a system as a person names them, from a User-Agent header."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "Linux" if "Linux" in agent else "")
    return " on ".join(filter(None, (browser, system))) or (re.sub(r"[^\w /.()-]", "", agent)[:40] or "unknown")


def place_of(network: str) -> str:
    """A coarse place: the network without the part that names one household."""
    try:
        address = ipaddress.ip_address(network)
    except ValueError:
        return network[:40]
    if address.is_loopback:
        return "this machine"
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))
