"""Verbs of legal requests: entered, reviewed by two people, narrowed, answered with the least data, told to the person.

Rules: nothing is handed over before two different people have agreed; only what both allow goes. The person is told at once, or,
where the law bars that, as soon as the bar has ended, which the worker watches. The database holds each of these rules.
Source: PRI-16.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, islice
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case, When

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission, staff_roles_with
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.own import at, own, person_at
from glasshouse.accounts.rules import normal_address
from glasshouse.authorities.models import LegalRequest
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import rules as kinds
from glasshouse.disclosures.models import Recipient
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import BlobId, KeyOwnerId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.subject.inventory import held_at, view
from glasshouse.subject.items import Item
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.datamap import NAMES
from glasshouse.vault.fields import readable

ANSWER, REFUSE = "answer", "refuse"
A_PIECE = 30
# Names of queues: stored failures have them, so they stay as they are.
FINISHING, TELLING = "rights.finish-demand", "rights.tell-demand"
ANSWER_WITHIN = timedelta(days=30)
REVIEWERS = staff_roles_with(Permission.LEGAL_REQUEST_REVIEW)


@dataclass(frozen=True, slots=True)
class Facts:
    """A legal request as it came. country: two letters; asked: categories of the data map.

    barred_until: the last day on which the law forbids to tell the person; None: it does not.
    """

    address: str
    authority: str
    country: str
    grounds: str
    asked: list[str]
    barred_until: date | None = None


def enter(actor: Actor, facts: Facts) -> LegalRequest:
    """Enter a legal request, and call the reviewers. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    address = normal_address(facts.address)
    if not facts.authority.strip() or not facts.grounds.strip():
        raise InvalidError("Name the authority, and the law that it names.", field="authority")
    if len(facts.country) != 2 or not facts.country.isalpha():
        raise InvalidError("The country is a code of two letters, such as NL.", field="country")
    if not facts.asked or not set(facts.asked) <= set(NAMES):
        raise InvalidError("Choose what is asked for, from the categories of the data map.", field="asked")
    now = clock.now()
    if facts.barred_until is not None and facts.barred_until <= now.date():
        raise InvalidError("A bar ends on a day to come; without a bar leave it empty.", field="barred_until")
    legal_request = LegalRequest(
        address=address,
        address_hash=vault.lookup("address", address),
        authority=facts.authority,
        grounds=facts.grounds,
        reasons={},
        country=facts.country.upper(),
        asked=sorted(set(facts.asked)),
        entered_by=actor.id,
        received_at=now,
        due_at=now + ANSWER_WITHIN,
        barred_until=facts.barred_until,
    )
    with transaction.atomic():
        legal_request.save(force_insert=True)
        _call_reviewers(actor, legal_request)
        events.record(actor, Kind.LEGAL_REQUEST_ENTERED, legal_request.id)
    return legal_request


def _call_reviewers(actor: Actor, legal_request: LegalRequest) -> None:
    """Mail to everybody else who may review; the mail says nothing of whom it is about."""
    reviewers = Account.objects.filter(staff_role__in=REVIEWERS).exclude(id=actor.account)
    for person in readable(Person.objects.filter(account__in=reviewers)):
        mail.queue_template(
            KeyOwnerId(person.id),
            "deadline",
            person.address,
            "authorities/mails/review",
            {"due_at": legal_request.due_at},
            language=languages.of_person(person),
        )


def legal_requests(actor: Actor, after: str = "") -> Piece[LegalRequest]:
    """A piece of the legal requests, the open ones first, the newest before older ones. Raises NotFoundError.

    after: as in `piece_of`.
    """
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    of_checks = probes.hidden_from(str(actor.account), LegalRequest)
    place = Case(When(closed_at=None, then=0), default=1)
    rows = LegalRequest.objects.exclude(id__in=of_checks).annotate(place_in_list=place)
    piece = piece_of(rows, after, by=("place_in_list", "-received_at"), most=A_PIECE)
    return piece.of(readable(piece))


def review(actor: Actor, number: str, verdict: str, allowed: list[str], reasons: str) -> LegalRequest:
    """Review as one of two. verdict: ANSWER or REFUSE; allowed: categories that may go at most; what both allow goes.

    The second review closes the legal request: it is refused if either refuses, or nothing is left.
    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    with transaction.atomic():
        waiting = LegalRequest.objects.select_for_update().filter(id=number, closed_at=None, second_by="")
        legal_request = waiting.first()
        if legal_request is None:
            raise NotFoundError
        if actor.id == legal_request.first_by:
            raise InvalidError("You have reviewed this legal request. A second person has to.", field="verdict")
        if verdict not in (ANSWER, REFUSE) or not reasons.strip():
            raise InvalidError("Decide, and say why.", field="reasons")
        allowed_so_far = legal_request.narrowed if legal_request.first_by else legal_request.asked
        legal_request.narrowed = sorted(set(allowed) & set(allowed_so_far)) if verdict == ANSWER else []
        legal_request.reasons = {**legal_request.reasons, "second" if legal_request.first_by else "first": reasons}
        if legal_request.first_by:
            legal_request.second_by, legal_request.second_verdict = actor.id, verdict
        else:
            legal_request.first_by, legal_request.first_verdict = actor.id, verdict
        legal_request.save()
        events.record(actor, Kind.LEGAL_REQUEST_REVIEWED, legal_request.id, verdict=verdict)
    if not legal_request.second_by:
        return legal_request
    with queues.claimed(FINISHING, legal_request.id) as is_claimed:  # The worker finishes what nobody does.
        return _close(legal_request) if is_claimed else legal_request


def finish_due() -> int:
    """Close what two have reviewed, where a process died before it was closed; returns how many. For the worker."""
    reviewed = queues.ready(LegalRequest.objects.filter(closed_at=None).exclude(second_by=""), FINISHING)
    return queues.each(FINISHING, list(reviewed.values_list("id", flat=True)), _finish)


def _finish(number: str) -> bool:
    legal_request = LegalRequest.objects.filter(id=number, closed_at=None).first()
    return legal_request is not None and _close(legal_request) is not None


def _close(legal_request: LegalRequest) -> LegalRequest:
    """Both have reviewed: hand over what both allow, or refuse. Safe to repeat."""
    agreed = legal_request.first_verdict == legal_request.second_verdict == ANSWER and bool(legal_request.narrowed)
    person = None
    if agreed:
        with suppress(NotFoundError):
            person = accounts.actor_of_address(legal_request.address)
    # Restriction does not stand in the way of a duty in law (GDPR Art. 18(2)).
    with own(str(person.person) if person else at(legal_request.address_hash)):
        everything = (view(person) if person else held_at(legal_request.address_hash)) if agreed else ()
        values = (item for item in everything if item.category in legal_request.narrowed)
        first = list(islice(values, 1))
        # Of somebody without an account, what is found by the address; a person with one is known even if nothing is left of it.
        subject = str(person.person) if person else legal_request.id if first else ""
        if subject:
            legal_request.blob = blobs.store(_as_json(chain(first, values)), KeyOwnerId(legal_request.id))
        with transaction.atomic():
            if not LegalRequest.objects.select_for_update().filter(id=legal_request.id, closed_at=None).exists():
                return LegalRequest.objects.get(id=legal_request.id)
            if subject and legal_request.barred_until is None:
                _tell(legal_request, KeyOwnerId(subject), legal_request.address)
            legal_request.person = subject
            legal_request.closed_at = clock.now()
            legal_request.outcome = ("answered" if subject else "nothing") if agreed else "refused"
            legal_request.save()
            kind = Kind.LEGAL_REQUEST_ANSWERED if agreed else Kind.LEGAL_REQUEST_REFUSED
            events.record(JOB, kind, legal_request.id, held=bool(subject))
    return legal_request


def _as_json(items: Iterable[Item]) -> Iterator[bytes]:
    """A list of items as JSON, of which one at a time is in memory."""
    yield b"["
    for number, item in enumerate(items):
        yield (", " if number else "").encode() + json.dumps(item.as_json()).encode()
    yield b"]"


def _recipient(legal_request: LegalRequest) -> Recipient:
    """The register's entry of an answered legal request, in which alone the authority is named."""
    now = clock.now()
    return Recipient.objects.create(
        kind=kinds.Kind.AUTHORITY,
        name=f"An authority, legal request {legal_request.id}",
        what="An answer to a legal request, with the least data.",
        region=legal_request.country,
        purpose="answering a legal request of an authority",
        basis="legal obligation",
        fields=legal_request.narrowed,
        written_by=legal_request.id,
        announced_at=now,
        active_from=now,
    )


def _tell(legal_request: LegalRequest, person: KeyOwnerId, address: str) -> None:
    """Tell the person, at the address that it has now, in the caller's transaction."""
    mail.queue_template(
        person,
        "announcement",
        address,
        "authorities/mails/received",
        {
            "authority": legal_request.authority,
            "country": legal_request.country,
            "categories": [NAMES[category] for category in legal_request.narrowed],
            "grounds": legal_request.grounds,
        },
        language=languages.of_key_owner(person),
    )
    # On the person's own record from now on; before, the legal request alone is the record, for telling is barred.
    disclosures.note(person, _recipient(legal_request), address_hash=legal_request.address_hash)
    legal_request.told_at = clock.now()
    events.record(JOB, Kind.LEGAL_REQUEST_TOLD, legal_request.id)


def tell_due() -> int:
    """Tell persons whose bar has ended; returns how many. For the worker. Safe to repeat."""
    untold = LegalRequest.objects.filter(outcome="answered", told_at=None, untellable_at=None)
    ended = untold.filter(barred_until__lt=clock.now().date())
    return queues.each(TELLING, list(queues.ready(ended, TELLING).values_list("id", flat=True)), _tell_person)


def _tell_person(number: str) -> bool:
    answered = LegalRequest.objects.filter(id=number).first()
    subject = _subject(answered) if answered else ""
    with own(subject), transaction.atomic():
        rows = LegalRequest.objects.select_for_update(skip_locked=True).filter(
            id=number, told_at=None, untellable_at=None
        )
        legal_request = rows.first()
        if legal_request is None:
            return False
        person = Person.objects.filter(id=subject).first()
        if person is not None:
            _tell(legal_request, KeyOwnerId(person.id), person.address)
        elif subject == legal_request.id:
            _tell(legal_request, KeyOwnerId(subject), legal_request.address)
        else:  # Who was erased cannot be told any more.
            legal_request.untellable_at = clock.now()
        legal_request.save(update_fields=["told_at", "untellable_at"])
    return legal_request.told_at is not None


def _subject(legal_request: LegalRequest) -> str:
    """Whom an answer was about: a person, or, of somebody without an account to this day, the legal request itself.

    Answers of earlier versions name no person.
    """
    if legal_request.person not in ("", legal_request.id):
        return legal_request.person
    return person_at(legal_request.address_hash) or legal_request.person


class HandOver(NamedTuple):
    """What is to be handed over to an authority. name: of the file; body: JSON, a list of items of the view."""

    name: str
    body: bytes


def fetch(actor: Actor, number: str) -> HandOver:
    """What both reviewers allowed. Raises NotFoundError, ReauthenticationError."""
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    accounts.require_reauthentication(actor)
    legal_request = LegalRequest.objects.filter(id=number, outcome="answered").exclude(blob="").first()
    if legal_request is None:
        raise NotFoundError
    pieces = blobs.read(BlobId(legal_request.blob), KeyOwnerId(legal_request.id))
    return HandOver(f"legal-request-{legal_request.id}.json", b"".join(pieces))


@dataclass(frozen=True, slots=True)
class Year:
    """A year of the transparency report. outcomes, countries: counts; persons_told; barred: persons who may not be told yet."""

    year: int
    received: int
    outcomes: dict[str, int]
    countries: dict[str, int]
    persons_told: int
    barred: int


class _Row(NamedTuple):
    year: int
    outcome: str
    country: str
    is_told: bool
    is_untellable: bool


def report() -> list[Year]:
    """The transparency report, the newest year first; this year always, others with a legal request in them.

    What promise checks enter is no authority's, and does not count.
    """
    counted = LegalRequest.objects.exclude(id__in=probes.hidden_from("", LegalRequest))
    columns = ("received_at", "outcome", "country", "told_at", "untellable_at")
    rows = [
        _Row(received_at.year, outcome or "open", country, told_at is not None, untellable_at is not None)
        for received_at, outcome, country, told_at, untellable_at in counted.values_list(*columns)
    ]
    years = sorted({row.year for row in rows} | {clock.now().year}, reverse=True)
    return [_year(year, [row for row in rows if row.year == year]) for year in years]


def _year(year: int, rows: list[_Row]) -> Year:
    return Year(
        year,
        received=len(rows),
        outcomes=dict(Counter(row.outcome for row in rows)),
        countries=dict(Counter(row.country for row in rows)),
        persons_told=sum(row.is_told for row in rows),
        barred=sum(row.outcome == "answered" and not row.is_told and not row.is_untellable for row in rows),
    )
