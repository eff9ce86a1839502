"""How this machine itself reaches the two doors: at the address where they listen, and under their public names.

Nothing here asks the DNS or goes round by a proxy: the names may lead to another machine.
"""

import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

PUBLIC, OWN = "public", "server"  # names of certificates in the folder of TLS: the operator's, and of our own authority
PROXY_AUTHORITY = "proxy.crt"  # there, too: whose certificates the proxy's own door takes


class Door(NamedTuple):
    """A door. origin: its public address; address, port: where it is reached from this machine."""

    origin: str
    address: str
    port: int

    @property
    def host(self) -> str:
        """The name that its certificate carries."""
        return str(urlsplit(self.origin).hostname)

    @property
    def netloc(self) -> str:
        """What its requests name in the header Host."""
        return urlsplit(self.origin).netloc


def door(origin: str, reached: str) -> Door:
    """A door out of two settings. reached: address and port, with a space between them."""
    address, port = reached.rsplit(" ", 1)
    return Door(origin, address, int(port))


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of the certificate chain, and of its key, that the doors show."""
    name = PUBLIC if (folder / f"{PUBLIC}.crt").exists() else OWN
    return folder / f"{name}.crt", folder / f"{name}.key"


def trust(folder: Path) -> ssl.SSLContext:
    """A client's settings that trust what this installation's listeners show, and nothing else."""
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if (public := folder / f"{PUBLIC}.crt").exists():
        # The operator's certificate itself, whoever signed it: its name and its dates are still checked.
        context.load_verify_locations(cafile=public)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
