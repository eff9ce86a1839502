"""What a check may find."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    KEPT = "kept"
    NOT_KEPT = "not kept"
    CANNOT_TELL = "cannot tell"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a state and the figure that shows it."""

    state: State
    figure: str


def judge(good: bool, figure: str) -> Finding:
    """Kept or not kept, with the figure that shows it."""
    return Finding(State.KEPT if good else State.NOT_KEPT, figure)
