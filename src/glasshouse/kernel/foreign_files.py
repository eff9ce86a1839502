"""What a worker in the sandbox answers to a small file, once it has the form that it must have. Source: decision record 31."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from crop_contract import sandbox
from crop_contract.sandbox import Limits
from glasshouse.kernel.errors import InvalidError, OverloadedError, UnavailableError

log = structlog.stdlib.get_logger("glasshouse.foreign_files")
SMALL = Limits(cpu_s=10, whole_s=30, memory_bytes=512 << 20, answer_bytes=16 << 20)
BUSY = "Other files are being read; try again in a moment."
_places = BoundedSemaphore(2)  # in this process
Answer = TypeVar("Answer")


def answer_of(work: str, text: str, form: "TypeAdapter[Answer]", *, field: str, advice: str) -> Answer:
    """What the worker (a module's name) answers to a text. field: of the form; advice: what to do if it cannot be read.

    Raises InvalidError, OverloadedError, UnavailableError.
    """
    with _place():
        try:
            answer = b"".join(sandbox.run(work, {}, [text.encode(errors="replace")], SMALL))
            return form.validate_json(answer, strict=True)
        except sandbox.RefusedError as error:
            raise InvalidError(str(error), field=field) from None
        except sandbox.LimitError as error:
            log.warning("foreign file broke a limit", where=f"{work}: {error.limit}")
            raise InvalidError(f"This takes more time or memory to read than it may. {advice}", field=field) from None
        except sandbox.KilledError:
            log.error("process that reads a foreign file was killed", where=work)
            raise InvalidError(
                f"Reading it was cut off. Try again. If that happens again: {advice}", field=field
            ) from None
        except sandbox.NotStartedError:
            raise UnavailableError("It cannot be read right now; try again in a moment.") from None
        except (sandbox.BrokenError, ValidationError) as error:
            log.error("process that reads a foreign file failed", where=f"{work}: {where_of(error)}")
            raise InvalidError(f"It could not be read: our reader failed on it. {advice}", field=field) from None


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise OverloadedError(BUSY)
    try:
        yield
    finally:
        _places.release()


def where_of(error: Any) -> str:
    """Class and place of an error, without words of the file."""
    if isinstance(error, ValidationError):
        return f"answer: {error.errors(include_input=False, include_context=False)[0]['type']}"
    return str(error)
