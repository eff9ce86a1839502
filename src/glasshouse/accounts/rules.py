"""Pure rules of accounts: what an address and a password must be."""

import re
import unicodedata

from glasshouse.kernel.errors import InvalidError

ADDRESS = re.compile(r"^[^@\s\x00-\x1f,;<>\"()]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}$")
PASSWORD_LEAST, PASSWORD_MOST = 12, 256


def normal_address(text: str) -> str:
    """The one form of an e-mail address that is stored and hashed: NFKC, lower case, domain in IDNA. Raises InvalidError."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    local, _, domain = plain.rpartition("@")
    try:
        plain = f"{local}@{domain.encode('idna').decode()}" if domain else plain
    except UnicodeError:
        plain = ""
    if not ADDRESS.match(plain):
        raise InvalidError("This is not an e-mail address. Write it like name@example.com.", field="address")
    return plain


def plain_name(text: str, *, field: str, most: int = 80) -> str:
    """A name without surrounding space and control characters, 1 to `most` characters. Raises InvalidError."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > most or any(unicodedata.category(c).startswith("C") for c in name):
        raise InvalidError(f"Please write 1 to {most} ordinary characters here.", field=field)
    return name
