"""The verb of the officer's desk that no law names: closing spam."""

from django.db import transaction

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests

SPAM, LETTERS_OF_SPAM = "spam", "closed as spam: nobody confirmed the address, and nothing was mailed"


@transaction.atomic
def close_as_spam(actor: Actor, number: RequestId) -> None:
    """Close an open request that nobody confirmed as spam; nothing is mailed, for its sender may be forged.

    Raises InvalidError for a request that somebody confirmed, or that came by letter or telephone, and NotFoundError.
    """
    request = requests.open_request(actor, number)
    if request.proved_at is not None or request.channel in requests.PAPER:
        raise InvalidError("Somebody confirmed this request: answer it, or refuse it with reasons.", field="spam")
    requests.close(request, LETTERS_OF_SPAM, SPAM)
    events.record(actor, Kind.REQUEST_CLOSED, request.id, spam=True)
