"""Verbs that act on several requests at once: each by itself, so that one that cannot be done stops no other.

They return a report; what is done is done, and stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from django.db import transaction
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import GlasshouseError, InvalidError, NotFoundError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import answer_templates, assignment, desk
from glasshouse.requests import api as requests
from glasshouse.requests.desk_rules import number_in

MOST = 50
CLOSED = "It is not open any more: somebody else may have dealt with it."
FAILED = "It failed for a reason of ours, which is in the log. Try it by itself."
log = structlog.stdlib.get_logger("glasshouse.requests")


@dataclass(slots=True)
class BulkReport:
    """What was done. done: numbers of requests; left: number -> why it was not done."""

    done: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def note(self, number: str, error: Exception) -> None:
        """Note that one request was not done."""
        if isinstance(error, NotFoundError):
            self.left[number] = CLOSED
        elif isinstance(error, GlasshouseError):
            self.left[number] = str(error)
        else:
            log.error("one of several requests failed", item=number, error=type(error).__name__)
            self.left[number] = FAILED


def _chosen(actor: Actor, numbers: Iterable[str]) -> list[RequestId]:
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    chosen = [RequestId(number) for number in dict.fromkeys(numbers)]
    if not chosen or len(chosen) > MOST or not all(map(number_in, chosen)):
        raise InvalidError(gettext("Select the requests, at most %(most)s at once.") % {"most": MOST}, field="number")
    return chosen


def assign(actor: Actor, numbers: Iterable[str], officer: str) -> BulkReport:
    """Have an officer, or nobody, see to several requests. Raises InvalidError, NotFoundError."""
    report = BulkReport()
    for number in _chosen(actor, numbers):
        try:
            with transaction.atomic():
                assignment.assign(actor, number, officer)
            report.done.append(number)
        except Exception as error:  # noqa: BLE001 - one bad item never stops the others; it is noted
            report.note(number, error)
    return report


def answer(actor: Actor, numbers: Iterable[str], template: str) -> BulkReport:
    """Answer several requests with a template, each in the language of its person. Raises InvalidError, NotFoundError.

    A template answers only what it is for.
    """
    chosen, known = _chosen(actor, numbers), answer_templates.known(template)
    if not known.in_bulk:
        raise InvalidError("This template is for one request at a time: use it on the page of each.", field="template")
    report = BulkReport()
    for number in chosen:
        try:
            with transaction.atomic():
                request = requests.open_request(actor, number)
                if known.kinds and request.kind not in known.kinds:
                    raise InvalidError("The template does not fit what is asked.", field="template")
                text = answer_templates.filled(template, request, request.language)
                requests.answer(actor, number, text, refuse=known.refuses)
            report.done.append(number)
        except Exception as error:  # noqa: BLE001 - one bad item never stops the others; it is noted
            report.note(number, error)
    return report


def close_as_spam(actor: Actor, numbers: Iterable[str]) -> BulkReport:
    """Close several requests as spam; those that somebody confirmed stay open. Raises InvalidError, NotFoundError."""
    report = BulkReport()
    for number in _chosen(actor, numbers):
        try:
            with transaction.atomic():
                desk.close_as_spam(actor, number)
            report.done.append(number)
        except Exception as error:  # noqa: BLE001 - one bad item never stops the others; it is noted
            report.note(number, error)
    return report
