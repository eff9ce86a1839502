"""Which function checks which promise, and what it does in words. The modules below `checks/` fill it by `@check`."""

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse.promises.findings import Finding
from glasshouse.promises.register import REGISTER

Check = Callable[[], Finding]
HOURLY_S, DAILY_S = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a promise is checked, for the people who read its page.

    steps: what the check does, in its order. oracle: what it judges by. every_s: how often it runs (s).
    """

    steps: tuple[str, ...]
    oracle: str
    every_s: float


CHECKS: dict[str, Check] = {}
EXPLANATIONS: dict[str, Explanation] = {}


class RegistrationError(Exception):
    """A check names an unknown promise, or one that has a check already. Raised at start."""


def check(promise: str, *, steps: tuple[str, ...], oracle: str, every_s: float = HOURLY_S) -> Callable[[Check], Check]:
    """Register the decorated function as the check of a promise, with its explanation. Raises RegistrationError."""

    def register(function: Check) -> Check:
        function_name = f"{function.__module__}.{function.__qualname__}"
        if promise not in REGISTER:
            raise RegistrationError(f"{function_name} checks {promise}, which is not in the register of promises.")
        if promise in CHECKS:
            other = CHECKS[promise]
            raise RegistrationError(
                f"{function_name} checks {promise}, as {other.__module__}.{other.__qualname__} does already."
            )
        CHECKS[promise] = function
        EXPLANATIONS[promise] = Explanation(steps, oracle, every_s)
        return function

    return register
