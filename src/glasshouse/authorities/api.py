"""Verbs of legal demands: entered, reviewed by two people, narrowed, answered with the least data, told to the person.

Rules: nothing is handed over before two different people have agreed on it; what both allow, and nothing besides,
goes. The person
is told at once; where the law bars that, as soon as the bar has ended, which the worker watches. The database holds
each of these.
Source: PRI-16.
"""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission, staff_roles_with
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.own import own, person_at
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
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.subject.inventory import view
from glasshouse.vault import api as vault
from glasshouse.vault import blobs
from glasshouse.vault.datamap import NAMES

ANSWER, REFUSE = "answer", "refuse"
FINISHING, TELLING = "rights.finish-demand", "rights.tell-demand"
TIME = timedelta(days=30)
REVIEWERS = staff_roles_with(Permission.LEGAL_REQUEST_REVIEW)


@dataclass(frozen=True, slots=True)
class Facts:
    """A demand as it came. asked: categories of the data map; barred_until: until when the law forbids to tell the person."""

    address: str
    authority: str
    country: str
    grounds: str
    asked: list[str]
    barred_until: date | None = None


def enter(actor: Actor, facts: Facts) -> LegalRequest:
    """Enter a demand. Raises InvalidError, NotFoundError."""
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
    made = LegalRequest(
        address=address,
        address_hash=vault.lookup("address", address),
        authority=facts.authority,
        grounds=facts.grounds,
        reasons={},
        country=facts.country.upper(),
        asked=sorted(set(facts.asked)),
        entered_by=actor.id,
        received_at=now,
        due_at=now + TIME,
        barred_until=facts.barred_until,
    )
    with transaction.atomic():
        made.save(force_insert=True)
        _call_reviewers(actor, made)
        events.record(actor, Kind.LEGAL_REQUEST_ENTERED, made.id)
    return made


def _call_reviewers(actor: Actor, legal_request: LegalRequest) -> None:
    """Mail to whoever else may review; the mail says nothing of whom it is about."""
    text = f"A legal request waits for two reviews, by {legal_request.due_at:%Y-%m-%d}: {settings.ORIGIN}/staff/legal-requests\n"
    for account in Account.objects.select_related("person").filter(staff_role__in=REVIEWERS).exclude(id=actor.account):
        key_owner, address = KeyOwnerId(account.person_id), account.person.address
        mail.queue(key_owner, "deadline", address, subject="A demand waits for review", body=text)


def legal_requests(actor: Actor) -> list[LegalRequest]:
    """Every demand, the open ones first. Raises NotFoundError."""
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    return sorted(LegalRequest.objects.order_by("-received_at")[:200], key=lambda one: one.closed_at is not None)


def review(actor: Actor, legal_request: str, verdict: str, allowed: list[str], reasons: str) -> LegalRequest:
    """Review as one of two. allowed: what may go at most; what both allow goes.

    The second review closes the demand: it is refused if either refuses, or nothing is left. Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    with transaction.atomic():
        found = LegalRequest.objects.select_for_update().filter(id=legal_request, closed_at=None, second_by="").first()
        if found is None:
            raise NotFoundError
        if actor.id == found.first_by:
            raise InvalidError("You have reviewed this demand. A second person has to.", field="verdict")
        if verdict not in (ANSWER, REFUSE) or not reasons.strip():
            raise InvalidError("Decide, and say why.", field="reasons")
        allowed_so_far = found.narrowed if found.first_by else found.asked
        found.narrowed = sorted(set(allowed) & set(allowed_so_far)) if verdict == ANSWER else []
        found.reasons = {**found.reasons, "second" if found.first_by else "first": reasons}
        if found.first_by:
            found.second_by, found.second_verdict = actor.id, verdict
        else:
            found.first_by, found.first_verdict = actor.id, verdict
        found.save()
        events.record(actor, Kind.LEGAL_REQUEST_REVIEWED, found.id, verdict=verdict)
    if not found.second_by:
        return found
    with queues.claimed(FINISHING, found.id) as mine:  # The worker finishes what nobody does.
        return _close(found) if mine else found


def finish_due() -> int:
    """Close what two have reviewed, where a process died before it was closed; returns how many. For the worker."""
    left = queues.ready(LegalRequest.objects.filter(closed_at=None).exclude(second_by=""), FINISHING)
    return queues.each(FINISHING, list(left.values_list("id", flat=True)), _finish)


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
    with own(str(person.person) if person else None):
        if person:
            values = [one.as_json() for one in view(person) if one.category in legal_request.narrowed]
            legal_request.blob = blobs.store([json.dumps(values).encode()], KeyOwnerId(legal_request.id))
        with transaction.atomic():
            if not LegalRequest.objects.select_for_update().filter(id=legal_request.id, closed_at=None).exists():
                return LegalRequest.objects.get(id=legal_request.id)
            if person and legal_request.barred_until is None:
                _tell(legal_request, KeyOwnerId(str(person.person)), legal_request.address)
            legal_request.person = str(person.person) if person else ""
            legal_request.closed_at = clock.now()
            legal_request.outcome = ("answered" if person else "nothing") if agreed else "refused"
            legal_request.save()
            kind = Kind.LEGAL_REQUEST_ANSWERED if agreed else Kind.LEGAL_REQUEST_REFUSED
            events.record(JOB, kind, legal_request.id, held=person is not None)
    return legal_request


def _recipient(legal_request: LegalRequest) -> Recipient:
    """The register's entry of an answered demand; which authority it is stays sealed in the demand."""
    now = clock.now()
    return Recipient.objects.create(
        kind=kinds.Kind.AUTHORITY,
        name=f"An authority, demand {legal_request.id}",
        what="An answer to a legal demand, with the least data.",
        region=legal_request.country,
        purpose="answering a demand of an authority",
        basis="legal obligation",
        fields=legal_request.narrowed,
        written_by="demands",
        announced_at=now,
        active_from=now,
    )


def _tell(legal_request: LegalRequest, person: KeyOwnerId, address: str) -> None:
    """Tell the person, at the address that it has now, in the caller's transaction."""
    what = ", ".join(NAMES[one].lower() for one in legal_request.narrowed)
    text = (
        "An authority demanded data about you, and the law made us answer: "
        f"{legal_request.authority} ({legal_request.country}).\n\n"
        f"It received: {what}. The ground that it named: {legal_request.grounds}\n\nTwo people reviewed the demand, and no "
        f"more was given than "
        f"both found necessary. You may contest it with that authority or in court; we help with what we know: "
        f"{settings.ORIGIN}/privacy\n"
    )
    mail.queue(person, "announcement", address, subject="An authority received data about you", body=text)
    # On the person's own record from now on; before, the demand alone is the record, for telling is barred.
    disclosures.note(person, _recipient(legal_request))
    legal_request.told_at = clock.now()
    events.record(JOB, Kind.LEGAL_REQUEST_TOLD, legal_request.id)


def tell_due() -> int:
    """Tell persons whose bar has ended; returns how many. For the worker. Safe to repeat."""
    untold = LegalRequest.objects.filter(outcome="answered", told_at=None, untellable_at=None)
    ended = untold.filter(barred_until__lt=clock.now().date())
    return queues.each(TELLING, list(queues.ready(ended, TELLING).values_list("id", flat=True)), _tell_one)


def _tell_one(number: str) -> bool:
    known = LegalRequest.objects.filter(id=number).first()
    # Answers of earlier versions name nobody.
    subject = (known.person or person_at(known.address_hash)) if known else ""
    with own(subject), transaction.atomic():
        rows = LegalRequest.objects.select_for_update(skip_locked=True).filter(
            id=number, told_at=None, untellable_at=None
        )
        legal_request = rows.first()
        if legal_request is None:
            return False
        person = Person.objects.filter(id=subject).first()
        if person is None:  # Who was erased cannot be told any more.
            legal_request.untellable_at = clock.now()
        else:
            _tell(legal_request, KeyOwnerId(person.id), person.address)
        legal_request.save(update_fields=["told_at", "untellable_at"])
    return person is not None


def fetch(actor: Actor, legal_request: str) -> tuple[str, bytes]:
    """(name, bytes) of what is to be handed over. Raises NotFoundError, FreshProofError."""
    access.require_staff(actor, Permission.LEGAL_REQUEST_REVIEW)
    accounts.require_reauthentication(actor)
    found = LegalRequest.objects.filter(id=legal_request, outcome="answered").exclude(blob="").first()
    if found is None:
        raise NotFoundError
    return f"demand-{found.id}.json", b"".join(blobs.read(BlobId(found.blob), KeyOwnerId(found.id)))


@dataclass(frozen=True, slots=True)
class Year:
    """One year of the transparency report. late: bars that have ended without the person having been told."""

    year: int
    received: int
    outcomes: dict[str, int]
    countries: dict[str, int]
    told: int
    barred: int


def report() -> list[Year]:
    """The transparency report, the newest year first."""
    rows = list(LegalRequest.objects.values_list("received_at", "outcome", "country", "told_at", "untellable_at"))
    years = sorted({one[0].year for one in rows} | {clock.now().year}, reverse=True)
    return [_year(year, [one for one in rows if one[0].year == year]) for year in years]


def _year(year: int, rows: "Iterable[tuple[datetime, str, str, datetime | None, datetime | None]]") -> Year:
    found = list(rows)
    outcomes = Counter(one[1] or "open" for one in found)
    countries = Counter(one[2] for one in found)
    barred = sum(one[1] == "answered" and one[3] is None and one[4] is None for one in found)
    return Year(year, len(found), dict(outcomes), dict(countries), sum(one[3] is not None for one in found), barred)
