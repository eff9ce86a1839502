"""The logs of both planes: events with keys and values, one JSON line each; readable lines where a person looks on.

Rules:

1. An event is a fixed text. What differs from one to the next stands in its values: opaque ids, numbers, names of our own code.
2. The text of an error is written nowhere, for it may hold personal data or a secret: `stack` has its class and its place. That
   holds for records of libraries, and for errors that nothing catches once a part has started.
3. Every process writes to its standard error; the supervisor leads that into a file for each part.
"""

import json
import logging
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from crop_contract.stacks import stack_of

log = structlog.stdlib.get_logger("uncaught")
FIRST = ("at", "level", "logger", "event")
_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,  # the number of the request (`crop_contract/requests.py`)
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)
# Has the HTTP server write into the same log as everything else: in its own form it would write to standard output.
OF_GRANIAN: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}


class _StandardError(logging.Handler):
    """Writes to what standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, in one piece."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception as error:  # noqa: BLE001 - the library's own way to tell of it would show the record's values
            lost = {
                "at": datetime.now(UTC).isoformat(),
                "level": "error",
                "logger": record.name,
                "event": "record not written",
                "stack": stack_of(error),
            }
            with suppress(OSError, ValueError):  # Nobody is left to tell.
                sys.stderr.write(f"{json.dumps(lost)}\n")


def formatter(*, readable: bool) -> logging.Formatter:
    """What makes a line of a record of ours or of a library. readable: for a person; otherwise JSON."""
    last: Processor = (
        structlog.dev.ConsoleRenderer(timestamp_key="at")
        if readable
        else structlog.processors.JSONRenderer(serializer=json.dumps, default=lambda value: type(value).__qualname__)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_COMMON, _without_values],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, last],
    )


def _without_values(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A library's record with the stack of its error in place of the error."""
    event.pop("stack_info", None)
    if exc_info := event.pop("exc_info", None):
        event["stack"] = stack_of(exc_info[1])
    return event


def _in_order(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return {**{key: event[key] for key in FIRST if key in event}, **event}


def configure(silent: Collection[str] = ()) -> None:
    """Have this process log that way, from WARNING up. silent: loggers of which nothing is written. Safe to repeat."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    root = logging.getLogger()
    for earlier in [handler for handler in root.handlers if isinstance(handler, _StandardError)]:
        root.removeHandler(earlier)
    handler = _StandardError()
    handler.setFormatter(formatter(readable=sys.stderr.isatty()))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in silent:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [logging.NullHandler()], False
        library.setLevel(logging.CRITICAL)


def take_uncaught() -> None:
    """Have what nothing catches, in any thread of this process, written that way: Python itself would write an error's text.

    For a part that has started; before, what is wrong is for the operator to read.
    """

    def note(error: BaseException | None) -> None:
        if not isinstance(error, SystemExit):
            log.critical("error that nothing caught", stack=stack_of(error))

    sys.excepthook = lambda kind, error, trace: note(error)
    threading.excepthook = lambda arguments: note(arguments.exc_value)
    sys.unraisablehook = lambda arguments: note(arguments.exc_value)
