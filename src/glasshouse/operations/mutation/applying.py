"""Applies a breakage to the scratch service for the length of a block, and takes it back, whatever happens inside."""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from glasshouse.operations.mutation.scratch import Scratch, ScratchError
from glasshouse.promises.breakage import Breakage, Code, Configuration, Database

_written = 0


@contextmanager
def applied(scratch: Scratch, breakage: Breakage) -> Iterator[None]:
    """The breakage is there inside the block, and not after it. Raises ScratchError, or what a change raises."""
    change = breakage.change
    context: AbstractContextManager[None]
    if isinstance(change, Code):
        context = _code(scratch, change)
    elif isinstance(change, Database):
        context = _database(scratch, change)
    elif isinstance(change, Configuration):
        context = _configuration(scratch, change)
    else:
        context = change.change(scratch)
    with context:
        yield


@contextmanager
def _code(scratch: Scratch, change: Code) -> Iterator[None]:
    path = scratch.source / change.file
    text = path.read_text()
    if text.count(change.before) != 1:
        raise ScratchError(f"{change.before!r} stands {text.count(change.before)} times in {change.file}, and not once")
    try:
        write(path, text.replace(change.before, change.after))
        _take_in(scratch, change)
        yield
    finally:
        write(path, text)
        _take_in(scratch, change)


def _take_in(scratch: Scratch, change: Code) -> None:
    if change.tables:
        scratch.migrate()
    if change.parts:
        scratch.restart(change.parts, {})


def write(path: Path, text: str) -> None:
    """Write a source file so that Python notices, also when it is as long as before and was written in the same second."""
    global _written
    _written += 1
    path.write_text(text)
    at = time.time() + 2 * _written  # Compiled files are compared with their source by length and whole seconds.
    os.utime(path, (at, at))


@contextmanager
def _database(scratch: Scratch, change: Database) -> Iterator[None]:
    scratch.execute(change.sql, change.database)
    try:
        yield
    finally:
        if change.undo:
            scratch.execute(change.undo, change.database)
        scratch.migrate()  # does nothing where all is as it was


@contextmanager
def _configuration(scratch: Scratch, change: Configuration) -> Iterator[None]:
    before = scratch.variables
    try:
        scratch.variables = before | dict(change.variables)
        scratch.restart(change.parts, change.variables)
        yield
    finally:
        scratch.variables = before
        scratch.restart(change.parts, {name: before.get(name) for name in change.variables})
