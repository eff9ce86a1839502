"""What may be logged of an error. Its text may hold personal data, or a secret."""

import traceback


def stack_of(error: BaseException | None, depth: int = 5) -> str:
    """What may be logged of an error: lines of code and its class; with what caused it, first. Never its text or a value."""
    if error is None or not depth:
        return ""
    state = getattr(error, "sqlstate", None)
    kind = f"{type(error).__module__}.{type(error).__qualname__}" + (f" (SQLSTATE {state})" if state else "")
    lines = "".join(traceback.format_tb(error.__traceback__, limit=-25))
    return f"{stack_of(error.__cause__ or error.__context__, depth - 1)}{lines}{kind}\n"
