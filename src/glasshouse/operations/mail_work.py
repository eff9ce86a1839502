"""Work on a mail from outside, in the sandbox only: `inbound_mail.read`, or the status of a delivery that failed."""

import encodings
import importlib
import pkgutil
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from crop_contract.sandbox_work import Answer, Refused
from glasshouse.operations import inbound_mail, mime


def prepare(request: dict[str, Any]) -> None:
    """Bring every charset into memory that a mail may be written in: none can be loaded later."""
    for codec in pkgutil.iter_modules(encodings.__path__):
        with suppress(ImportError):  # Some are of other systems.
            importlib.import_module(f"encodings.{codec.name}")


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Answer the mail's parts that are wanted, or the status of a delivery that failed. Raises Refused."""
    try:
        if request["bounce"]:
            answer.json({"status": inbound_mail.failed_status(body)})
        else:
            mail = inbound_mail.read(body, request["return_path"])
            facts = asdict(mail)
            for file in facts["files"]:
                file["content"] = ""
            answer.json(facts)
            for content in (file.content for file in mail.files):  # an answer each: bytes are no JSON
                answer.send(content)
    except mime.UnreadableError as error:
        raise Refused(str(error)) from None
