"""What the removal of a probe and the relay of events agree on, and how marks are written."""

RELAY_LOCK = 0x676C6173  # of PostgreSQL: whoever has it chains events, or removes those of a probe; never both at once


def of_account(number: str) -> str:
    """The mark of an account."""
    return f"accounts_account:{number}"


def of_organisation(number: str) -> str:
    """The mark of an organisation."""
    return f"access_organisation:{number}"
