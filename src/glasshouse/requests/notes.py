"""Verbs of officers' notes on a request: sealed like the request, not mailed, and a part of the person's own data."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import RequestId
from glasshouse.mail.rules import body_text
from glasshouse.requests.assignment import names
from glasshouse.requests.models import Request, RequestNote
from glasshouse.vault.fields import readable

MOST_LETTERS, MOST_NOTES = 4_000, 200


@dataclass(frozen=True, slots=True)
class Note:
    """A note as the page shows it. by: the officer's name, "" where the account is gone."""

    text: str
    by: str
    at: datetime


@transaction.atomic
def add(actor: Actor, number: RequestId, text: str) -> None:
    """Note something about an open request. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    request = Request.objects.select_for_update().filter(id=number, closed_at=None).first()
    if request is None:
        raise NotFoundError
    text = body_text(text).strip()
    if not text or len(text) > MOST_LETTERS:
        raise InvalidError(
            gettext("Write the note, with at most %(most)s characters.") % {"most": MOST_LETTERS}, field="note"
        )
    if RequestNote.objects.filter(request=request).count() >= MOST_NOTES:
        raise InvalidError(gettext("A request has at most %(most)s notes.") % {"most": MOST_NOTES}, field="note")
    note = RequestNote(
        request=request, key_owner=request.key_owner, text=text, written_by=str(actor.account), at=clock.now()
    )
    note.save(force_insert=True)
    events.record(actor, Kind.REQUEST_NOTED, request.id)


def of_request(request: Request) -> list[Note]:
    """The notes on a request, the oldest first."""
    rows = readable(RequestNote.objects.filter(request=request).order_by("at", "id"))
    officers = names([row.written_by for row in rows])
    return [Note(row.text, officers.get(row.written_by, ""), row.at) for row in rows]
