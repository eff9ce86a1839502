"""What a check may find."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The five results of a promise check. Only the first claims anything."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"
    CANNOT_TELL = "cannot tell"  # The check could not look.
    NOTHING_TO_CHECK = "nothing to check"  # No case exists yet.
    NOT_CHECKED = "not checked"  # No check exists.


FEW = 5
AS_PROMISED = "steps as promised"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a state, the figure that shows it, and the evidence, a line each. All of it is public."""

    state: State
    figure: str
    evidence: tuple[str, ...] = ()


def judge(good: bool, figure: str, evidence: Iterable[str] = ()) -> Finding:
    """Verified or not verified, with the figure that shows it, and the evidence in lines."""
    return Finding(State.VERIFIED if good else State.NOT_VERIFIED, figure, tuple(evidence))


def nothing_to_check(figure: str) -> Finding:
    """Nothing to check: no case exists by which the promise could be judged. figure: which cases were looked for."""
    return Finding(State.NOTHING_TO_CHECK, figure)


def cannot_tell(figure: str, evidence: Iterable[str] = ()) -> Finding:
    """Cannot tell: the check could not look. figure: at what, and why."""
    return Finding(State.CANNOT_TELL, figure, tuple(evidence))


def is_sound(state: str, figure: str) -> bool:
    """Whether a check came to its end and saw nothing wrong, though it may not see all: a breakage would show."""
    return state == State.VERIFIED or (state == State.CANNOT_TELL and AS_PROMISED in figure)


def counted(count: int) -> str:
    """A number of real customers, persons or requests, for the public: none under five is told. Source: docs/adr/0014."""
    return str(count) if count >= FEW else f"fewer than {FEW}"


_steps: ContextVar["list[Steps] | None"] = ContextVar(
    "steps", default=None
)  # of the check that runs; None: no check runs


class Steps:
    """What a check has seen, step by step: each line tells whether it was as promised."""

    def __init__(self) -> None:
        """Raises RuntimeError where the check that runs has steps already: what they saw would be forgotten."""
        begun = _steps.get()
        if begun:
            raise RuntimeError("A check has one list of steps.")
        if begun is not None:
            begun.append(self)
        self.lines: list[str] = []
        self.wrong: list[str] = []
        self.untold: list[str] = []
        self.taken = 0

    def expect(self, step: str, held: bool, instead: str = "") -> bool:
        """Note a step, and what was seen instead where it was not as promised; returns whether it was."""
        seen = f" ({instead})" if instead and not held else ""
        self.lines.append(f"{'as promised' if held else 'NOT as promised'}: {step}{seen}")
        self.taken += 1
        if not held:
            self.wrong.append(f"{step}{f': {instead}' if instead else ''}")
        return held

    def note(self, line: str) -> None:
        """Tell, in the evidence, what this check cannot see or does not do. It counts neither way."""
        self.lines.append(f"not seen here: {line}")

    def cannot_tell(self, line: str) -> None:
        """Tell that a part of the promise could not be looked at, and why: it is not verified then, whatever else was seen."""
        self.lines.append(f"cannot tell: {line}")
        self.untold.append(line)

    def tell(self, line: str) -> None:
        """Tell, in the evidence, what explains the steps. It counts neither way."""
        self.lines.append(line)

    def judged(self, figure: str = "") -> Finding:
        """Verified if every step was as promised, and there was one; cannot tell, where that is all that is wrong.

        figure: of a promise that is kept, but for the count.
        """
        if not self.taken:
            return cannot_tell("the check could take no step", self.lines)
        as_promised = "; ".join(filter(None, (figure, f"{self.taken} of {self.taken} {AS_PROMISED}")))
        if self.untold and not self.wrong:
            return cannot_tell(f"{'; '.join(self.untold[:3])}; {as_promised}", self.lines)
        return judge(not self.wrong, f"not so: {'; '.join(self.wrong[:3])}" if self.wrong else as_promised, self.lines)


@contextmanager
def one_check() -> Iterator[None]:
    """While the block lasts, one check runs: no step of an earlier one counts."""
    token = _steps.set([])
    try:
        yield
    finally:
        _steps.reset(token)


def broken_off(reason: str) -> Finding:
    """What is known of a check that broke off: not verified where a step was not as promised already, else cannot tell."""
    begun = _steps.get()
    if not begun:
        return cannot_tell(reason)
    steps = begun[0]
    lines = [*steps.lines, f"broke off: {reason}"]
    if steps.wrong:
        return judge(good=False, figure=f"not so: {'; '.join(steps.wrong[:3])}", evidence=lines)
    return cannot_tell(reason, lines)
