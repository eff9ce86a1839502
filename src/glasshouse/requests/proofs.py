"""Verbs of the officer about who asks: that a request was looked at; that another proof than a link confirms its person.

Rules: a proof of another kind is sealed with its request, is given once, and opens no page: it lets the officer answer.
Source: PRI-26; GDPR Art. 12(6).
"""

from django.db import transaction
from django.utils.translation import gettext

from glasshouse.accounts import api as accounts
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests

MOST_CHARACTERS = 80  # of how identity was checked, and of by whom


@transaction.atomic
def seen(actor: Actor, number: RequestId) -> None:
    """Note that an officer has looked at a request: if nobody confirms it, it may be closed now. Raises NotFoundError."""
    request = requests.open_request(actor, number)
    if request.seen_at is not None:
        return
    request.seen_at = clock.now()
    request.save(update_fields=["seen_at"])
    events.record(actor, Kind.REQUEST_SEEN, request.id)


@transaction.atomic
def confirm_by_other_proof(actor: Actor, number: RequestId, how: str, by_whom: str) -> None:
    """Confirm an open request's person by another proof than its link.

    how: such as a signed letter, or a passport shown in person; by_whom: who checked it. The link that was mailed ends.
    Raises InvalidError, NotFoundError, ReauthenticationError.
    """
    request = requests.open_request(actor, number)
    accounts.require_reauthentication(actor)
    if request.proved_at is not None:
        raise InvalidError("It is confirmed already.", field="how")
    for text, field, missing in (
        (how, "how", "Say how you know who asks, such as a signed letter or a passport shown in person."),
        (by_whom, "by_whom", "Say who checked it."),
    ):
        if not text.strip():
            raise InvalidError(missing, field=field)
        if len(text.strip()) > MOST_CHARACTERS:
            raise InvalidError(gettext("Write at most %(most)s characters.") % {"most": MOST_CHARACTERS}, field=field)
    request.proved_at, request.identity, request.identity_by = clock.now(), how.strip(), by_whom.strip()
    # The link that was mailed confirms nothing any more, and opens no page.
    request.proof_ends_at = clock.now()
    request.link_waits = False
    request.save(update_fields=["proved_at", "identity", "identity_by", "proof_ends_at", "link_waits"])
    events.record(actor, Kind.REQUEST_PROVED, request.id, by_other_proof=True)
