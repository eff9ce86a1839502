"""Verbs of mails to the privacy address: a new request, one more message of an open one, or a request that follows a closed one;
and of what a person writes on a request's page.

A mail is matched by the number in its subject, then by the mail of ours that it replies to, then by its address; each time
the address must be the request's own. An address in a mail proves nothing: what follows is confirmed by a link of its own,
and only the request's own address ever receives anything. Source: PRI-26; GDPR Art. 12(2).
"""

import re
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from glasshouse.accounts import throttle
from glasshouse.accounts.rules import normal_address
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import RequestId
from glasshouse.mail import api as mail
from glasshouse.mail.rules import body_text
from glasshouse.requests import answering, files, threads
from glasshouse.requests import api as requests
from glasshouse.requests.api import Arrival
from glasshouse.requests.models import Request, RequestMessage
from glasshouse.requests.rules import likely_kind
from glasshouse.requests.speaks_of_law import speaks_of_law
from glasshouse.vault import api as vault

ID = "[0-9a-hjkmnp-tv-z]{16}"
NUMBER = re.compile(rf"\[({ID})\]")
OUR_MAIL = re.compile(rf"<({ID})@")
MOST_IDS, MOST_HEADER = 50, 8_000
RECENT = timedelta(days=90)  # How long after its end a request counts as what the next mail of its address is about.


def from_mail(address: str, subject: str, body: str, arrival: Arrival) -> RequestId:
    """Open a request out of a mail to the privacy address, or continue the one that it replies to.

    A reply to a closed request opens a new one that follows it: nothing that somebody writes is lost, and a closed request
    stays as it was answered. Raises InvalidError, ThrottledError.
    """
    normal = normal_address(address)
    size = len(body) + sum(len(file.content) for file in arrival.files)
    with answering.counted(normal, size):
        return _taken(normal, subject, body, arrival)


def our_mails(replies_to: str) -> list[str]:
    """The ids of mails of ours that a mail replies to, by the Message-IDs that it names."""
    return OUR_MAIL.findall(replies_to[:MOST_HEADER])[:MOST_IDS]


def _taken(normal: str, subject: str, body: str, arrival: Arrival) -> RequestId:
    text = f"{subject}\n\n{body}"
    earlier = _replied_to(normal, subject, arrival.replies_to, likely_kind(text))
    said = body if NUMBER.search(subject) else text  # The subject of a reply to our mail is our own.
    if earlier and earlier.closed_at is None and _continued(earlier, said, arrival):
        return RequestId(earlier.id)
    region = earlier.region if earlier else "other"
    return requests.ask(normal, likely_kind(text), region, text, arrival, follows=earlier)


def from_page(request: Request, text: str, arrival: Arrival) -> Request:
    """Continue a request with what its person wrote on its page; where it is closed, open one that follows it.

    That one is confirmed by a link of its own. Returns the request that has the text. Raises InvalidError, ThrottledError.
    """
    goes_on = _continued_by_page(request, text, arrival)
    if goes_on is not None:
        return goes_on
    closed = threads.goes_on_with(request)
    number = requests.ask(closed.address, likely_kind(text), closed.region, text, arrival, follows=closed)
    return Request.objects.get(id=number)


def of_person(actor: Actor, number: str, text: str, language: str) -> Request:
    """As `from_page`, for whoever is signed in: what follows a closed request is confirmed by that.

    Raises InvalidError, NotFoundError, ThrottledError.
    """
    request, arrival = requests.own(actor, number), Arrival("account", language=language)
    goes_on = _continued_by_page(request, text, arrival)
    if goes_on is not None:
        return goes_on
    closed = threads.goes_on_with(request)
    throttle.take("request-address", closed.address, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        return requests.ask_as_person(actor, likely_kind(text), text, follows=closed, language=language)


def _continued_by_page(request: Request, text: str, arrival: Arrival) -> Request | None:
    """The request that a person's text continues; None where it is closed. Raises InvalidError, ThrottledError."""
    if not text.strip():
        raise InvalidError(gettext("Write your message first."), field="text")
    if len(text) > requests.MOST_TEXT:
        most = gettext("The text has at most %(most)s characters.") % {"most": requests.MOST_TEXT}
        raise InvalidError(most, field="text")
    goes_on = threads.goes_on_with(request)
    is_open = goes_on.closed_at is None and _continued(goes_on, body_text(text), arrival)
    return goes_on if is_open else None


def _replied_to(address: str, subject: str, replies_to: str, kind: str) -> Request | None:
    of_address = Request.objects.filter(address_hash=vault.lookup("address", address))
    numbers = NUMBER.findall(subject[:MOST_HEADER])[:MOST_IDS]
    if request := of_address.filter(id__in=numbers).order_by("-asked_at").first():
        return threads.goes_on_with(request)
    mails = OUR_MAIL.findall(replies_to[:MOST_HEADER])[-MOST_IDS:]
    # Mails of earlier versions are sealed under the request's own key.
    by_mail = Q(requestmessage__mail__in=mails) | Q(key_owner__in=mail.key_owners_of(mails))
    if mails and (request := of_address.filter(by_mail).order_by("-asked_at").first()):
        return threads.goes_on_with(request)
    # Whoever asks for the same again before the address is confirmed adds to what was asked. For something else a request of its
    # own is opened: the first mail may have been forged.
    unconfirmed = of_address.filter(channel="mail", closed_at=None, proved_at=None, kind=kind)
    if request := unconfirmed.order_by("-asked_at").first():
        return request
    closed = of_address.filter(closed_at__gt=clock.now() - RECENT, merged_into="")
    return closed.order_by("-closed_at").first()


def _continued(request: Request, text: str, arrival: Arrival) -> bool:
    """Add a message to a request's thread, if it is still open. It is confirmed only if the request is."""
    throttle.take("request-address", request.address, most=20, window=timedelta(hours=1))
    with files.arriving(arrival.files, arrival.left_out) as new_files, transaction.atomic():
        if not Request.objects.select_for_update().filter(id=request.id, closed_at=None).exists():
            return False  # It was answered in this moment.
        message = RequestMessage(
            request=request,
            key_owner=request.key_owner,
            text=text,
            sender="person",
            channel=arrival.channel,
            authentication=arrival.authentication[:80] or None,
            at=clock.now(),
        )
        message.save(force_insert=True)
        new_files.belong_to(request, message)
        # The link may have come for a mail that somebody else wrote: it comes once more, as soon as a mail may go.
        Request.objects.filter(id=request.id, channel="mail", proved_at=None).update(link_waits=True)
        Request.objects.filter(id=request.id).update(asked_back_at=None)
        if speaks_of_law(text):
            Request.objects.filter(id=request.id).update(needs_look=True, seen_at=None)
        events.record(ANONYMOUS, Kind.REQUEST_CONTINUED, request.id)
    return True
