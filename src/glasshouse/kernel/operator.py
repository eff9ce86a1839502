"""Who runs this installation, as the operator configured it. Nothing is made up: what is not configured is empty.

Source: GDPR Art. 13(1)(a), (b), Art. 14(1)(a), (b); PRI-01, PRI-17, PRI-26.
"""

import unicodedata
from dataclasses import dataclass

MOST = 400  # characters of one value


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator of an installation, in its own words.

    address: postal. group: companies of its group. officer: name, or role, of its privacy officer. privacy_address: the mail
    address for everything about personal data; it is never empty. authority: the supervisory authority in charge.
    """

    name: str
    address: str
    group: tuple[str, ...]
    officer: str
    privacy_address: str
    authority: str

    @property
    def is_named(self) -> bool:
        """Whether it says who it is, and where."""
        return bool(self.name and self.address)

    def missing(self) -> tuple[str, ...]:
        """What the notice must say of an operator and is not configured, in plain words."""
        facts = {
            "its name": self.name,
            "its postal address": self.address,
            "its privacy officer": self.officer,
            "the supervisory authority": self.authority,
        }
        return tuple(name for name, value in facts.items() if not value)


def plain_line(text: str) -> str:
    """One line of a configured value, without what nobody sees. Raises ValueError where it is too long."""
    line = " ".join("".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text).split())
    if len(line) > MOST:
        raise ValueError(f"It has {len(line)} characters; at most {MOST} are shown.")
    return line


def listed(text: str) -> tuple[str, ...]:
    """The values of a list with semicolons between them. Raises ValueError."""
    return tuple(line for part in text.split(";") if (line := plain_line(part)))
