"""Tries breakages one at a time: the check sees nothing wrong, the breakage is applied, the check must say *not verified*, and
all is put back.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from glasshouse.operations.mutation.applying import applied
from glasshouse.operations.mutation.scratch import Result, Scratch, ScratchError, scratch
from glasshouse.promises.breakage import Breakage
from glasshouse.promises.findings import State, is_sound

Say = Callable[[str], None]
UNWELL = (ScratchError, OSError, ValueError, KeyError)  # what an applied breakage, or its end, may raise


class Outcome(StrEnum):
    """What came of a breakage. Only *caught* is good."""

    CAUGHT = "caught"
    MISSED = "missed"  # The check said something else than *not verified*.
    NOT_TRIED = "not tried"  # The check was not verified before, or the breakage could not be applied.
    STAYED = "not restored"  # The check was not verified after the breakage was taken back.


@dataclass(frozen=True, slots=True)
class Trial:
    """One breakage, tried. figure: what the check said, or why it was not tried; also_red: promises that turned red unasked."""

    promise: str
    breakage: str
    kind: str
    outcome: Outcome
    figure: str
    took_s: float
    also_red: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """promise, breakage, kind, outcome, figure, took_s, also_red."""
        return asdict(self)


@dataclass(slots=True)
class Runner:
    """Tries breakages on a scratch service, which is made anew where a breakage leaves it broken.

    others: run the other promises' checks, too, to see which of them turn red. each_restored: run the check again after each
    breakage, and not once at the end for all.
    """

    breakages: Sequence[Breakage]
    folder: Path | None = None
    others: bool = False
    each_restored: bool = True
    say: Say = lambda text: None
    baseline: dict[str, Result] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _scratch: Scratch | None = None

    def run(self) -> Generator[Trial, None, None]:
        """Try every breakage, in order. Stops and removes the scratch service at the end, and where the caller stops."""
        with self._open:
            service = self._fresh()
            promises = [] if self.others else sorted({breakage.promise for breakage in self.breakages})
            self.say("running the checks")
            self.baseline = service.check(promises)
            for breakage in filter(lambda each: each.is_possible, self.breakages):
                self.say(f"{breakage.promise}: {breakage.name}")
                yield self._tried(breakage)
            if not self.each_restored:
                yield from self._left_broken(promises)

    def _fresh(self) -> Scratch:
        self._open.close()
        self.say("making the scratch service")
        self._scratch = self._open.enter_context(scratch(self.folder))
        return self._scratch

    def _tried(self, breakage: Breakage) -> Trial:
        began = time.monotonic()
        before = self.baseline.get(breakage.promise)
        if before is None or not is_sound(*before):
            reason = f"{before.state} before: {before.figure}" if before else "it has no check"
            return _trial(breakage, Outcome.NOT_TRIED, reason, began)
        try:
            results = self._broken(breakage)
        except UNWELL as error:
            self._fresh()
            return _trial(breakage, Outcome.NOT_TRIED, str(error)[:300], began)
        result = results[breakage.promise]
        caught = result.state == State.NOT_VERIFIED
        figure = result.figure if caught else f"{result.state}: {result.figure}"
        trial = _trial(
            breakage, Outcome.CAUGHT if caught else Outcome.MISSED, figure, began, self._also_red(breakage, results)
        )
        if self.each_restored and not is_sound(*(after := self._check_again(breakage.promise))):
            self._fresh()
            return _trial(breakage, Outcome.STAYED, f"{after.state} after: {after.figure}", began, trial.also_red)
        return trial

    def _broken(self, breakage: Breakage) -> dict[str, Result]:
        """What the checks say while the breakage is there."""
        service, results = self._running(), None
        try:
            with applied(service, breakage):
                results = service.check([] if self.others else [breakage.promise])
        except UNWELL:
            if results is None:
                raise
            self._fresh()  # It could not be taken back.
        return results

    def _also_red(self, breakage: Breakage, results: dict[str, Result]) -> list[str]:
        expected = {breakage.promise, *breakage.also}
        return [
            promise
            for promise, result in results.items()
            if result.state == State.NOT_VERIFIED
            and promise not in expected
            and is_sound(*self.baseline.get(promise, result))
        ]

    def _check_again(self, promise: str) -> Result:
        return self._running().check([promise])[promise]

    def _left_broken(self, promises: Sequence[str]) -> Iterator[Trial]:
        """A trial that failed for each promise that was verified at first and is not any more."""
        self.say("running the checks again")
        began = time.monotonic()
        for promise, result in self._running().check(promises).items():
            before = self.baseline[promise]
            if is_sound(*before) and not is_sound(*result):
                yield Trial(
                    promise,
                    "all of them, taken back",
                    "",
                    Outcome.STAYED,
                    f"{result.state} after: {result.figure}",
                    time.monotonic() - began,
                )

    def _running(self) -> Scratch:
        if self._scratch is None:
            raise ScratchError("There is no scratch service.")
        return self._scratch


def _trial(breakage: Breakage, outcome: Outcome, figure: str, began: float, also_red: list[str] | None = None) -> Trial:
    took_s = round(time.monotonic() - began, 1)
    return Trial(breakage.promise, breakage.name, breakage.kind, outcome, figure, took_s, also_red or [])
