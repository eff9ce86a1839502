"""What a check may find."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The five results of a promise check. Only the first claims anything."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"
    CANNOT_TELL = "cannot tell"  # The check could not look.
    NOTHING_TO_CHECK = "nothing to check"  # No case exists yet.
    NOT_CHECKED = "not checked"  # No check exists.


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a state and the figure that shows it."""

    state: State
    figure: str


def judge(good: bool, figure: str) -> Finding:
    """Verified or not verified, with the figure that shows it."""
    return Finding(State.VERIFIED if good else State.NOT_VERIFIED, figure)


def nothing_to_check(figure: str) -> Finding:
    """Nothing to check: no case exists by which the promise could be judged. figure: which cases were looked for."""
    return Finding(State.NOTHING_TO_CHECK, figure)
