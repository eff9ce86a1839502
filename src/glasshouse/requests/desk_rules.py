"""Pure rules of the officer's desk: how an unconfirmed address is shown, what is a number."""

import re

from glasshouse.vault.content import ID

NUMBER = re.compile(ID)


def masked_address(address: str) -> str:
    """An address that nobody confirmed, so that it can be told from others and not be read: j…@example.com. "": none."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else ""


def number_in(text: str) -> str:
    """The number of a request that a text is, as in [0123456789abcdef]; "" for any other text."""
    plain = text.strip("[] ").lower()
    return plain if NUMBER.fullmatch(plain) else ""
