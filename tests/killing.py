"""A process of a test that kills itself in the middle of something, as a machine does whose plug is pulled."""

import os
import signal
from collections.abc import Callable
from typing import Any


def killing_at(nth: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper of functions: at the nth call of one of them, counted together, this process is killed before it."""
    calls = 0

    def killing(original: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*arguments: object, **named: object) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return killed

    return killing


def kill_at(store: Any, point: str, nth: int) -> None:
    """Kill this process at the nth statement to the engine ("statement"), sync of the disk ("sync"), or call of a method.

    store: an open crop store; point: a method of its log, or else of the store.
    """
    killing = killing_at(nth)
    if point == "statement":
        real = store._session

        class Session:
            query = staticmethod(killing(real.query))

        store._session = Session
    elif point == "sync":
        os.sync = killing(os.sync)
    else:
        owner = store.log if hasattr(store.log, point) else store
        setattr(owner, point, killing(getattr(owner, point)))
