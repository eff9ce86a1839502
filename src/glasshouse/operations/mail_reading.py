"""Has a mail from outside read in the sandbox: no process that holds keys parses one. Source: decision record 31.

What stays outside: signatures are looked up over the network, which the sandbox has not (`inbound_smtp.authenticated`).
"""

from dataclasses import replace
from typing import Any, NamedTuple

import structlog
from pydantic import TypeAdapter

from crop_contract import sandbox
from crop_contract.sandbox import Limits
from glasshouse.operations.inbound_mail import InboundMail
from glasshouse.operations.mime import UnreadableError
from glasshouse.requests.mail_files import MailFile

log = structlog.stdlib.get_logger("glasshouse.inbound_smtp")
WORK = "glasshouse.operations.mail_work"
# A mail of 25 MB of files is one of 36 MB on its way; each of them is in memory a few times.
LIMITS = Limits(cpu_s=20, whole_s=60, memory_bytes=640 << 20, answer_bytes=48 << 20)
CANNOT_BE_READ = "This mail cannot be read. Please write plain text."


class _Bounce(NamedTuple):
    status: str


_MAIL, _BOUNCE = TypeAdapter(InboundMail), TypeAdapter(_Bounce)


class LaterError(Exception):
    """The mail was not read, and that is not the mail's fault."""


def read(raw: bytes, return_path: str | None = None) -> InboundMail:
    """Read a mail. return_path: of the SMTP envelope; None: it is not known. Raises UnreadableError, LaterError."""
    mail: InboundMail
    mail, contents = _answer(raw, {"bounce": False, "return_path": return_path}, _MAIL)
    if len(contents) != len(mail.files):
        raise UnreadableError(CANNOT_BE_READ)
    return replace(mail, files=tuple(map(_with_content, mail.files, contents)))


def _with_content(file: MailFile, content: bytes) -> MailFile:
    return replace(file, content=content)


def failed_status(raw: bytes) -> str:
    """The status of a delivery that a mail reports as failed for good; "": none.

    Raises UnreadableError, LaterError.
    """
    bounce: _Bounce
    bounce, _ = _answer(raw, {"bounce": True}, _BOUNCE)
    return bounce.status


def _answer(raw: bytes, request: dict[str, Any], form: "TypeAdapter[Any]") -> tuple[Any, list[bytes]]:
    """The facts of a mail, and the contents of its files."""
    try:
        facts, *contents = sandbox.run(WORK, request, [raw], LIMITS)
        return form.validate_json(facts, strict=True), contents
    except sandbox.RefusedError as error:
        raise UnreadableError(" ".join(str(error).split())[:200]) from None
    except (sandbox.KilledError, sandbox.NotStartedError) as error:
        log.error("mail not read", error=type(error).__name__)
        raise LaterError from None
    except sandbox.LimitError as error:
        log.error("mail not read", size_bytes=len(raw), limit=error.limit)
        if error.limit == "whole_s":  # The machine is busy: of the mail's own work `cpu_s` speaks.
            raise LaterError from None
        raise UnreadableError(CANNOT_BE_READ) from None
    except (sandbox.SandboxError, ValueError) as error:  # ValidationError is one; so is an answer of no frame.
        # Nothing but the mail took part so far: sent once more, it would fail once more.
        log.error("mail not read", size_bytes=len(raw), error=type(error).__name__)
        raise UnreadableError(CANNOT_BE_READ) from None
