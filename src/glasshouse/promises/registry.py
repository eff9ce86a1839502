"""Which function checks which promise. The modules below `checks/` fill it with the decorator `check`."""

from collections.abc import Callable

from glasshouse.promises.findings import Finding
from glasshouse.promises.register import REGISTER

Check = Callable[[], Finding]
CHECKS: dict[str, Check] = {}


class RegistrationError(Exception):
    """A check names an unknown promise, or one that has a check already. Raised at start."""


def check(promise: str) -> Callable[[Check], Check]:
    """Register the decorated function as the check of a promise. Raises RegistrationError."""

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
        return function

    return register
