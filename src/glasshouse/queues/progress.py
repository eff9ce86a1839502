"""Reports that a long job makes progress. The worker says what is called; every loop over items calls it.

A job may take as long as it has items. What hangs is one item, and that shows: nothing is called any more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Of the job that this thread runs; none in a page or on the command line.
_renew: ContextVar[Callable[[], None] | None] = ContextVar("renew", default=None)


@contextmanager
def reported_to(renew: Callable[[], None]) -> Iterator[None]:
    """Have `renew` called, in the block, each time that its job makes progress. It must be quick and raise nothing."""
    token = _renew.set(renew)
    try:
        yield
    finally:
        _renew.reset(token)


def report() -> None:
    """Report that the job of this thread begins its next item, batch or piece."""
    if renew := _renew.get():
        renew()
