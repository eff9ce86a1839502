"""Erasure, export and restriction that an officer carries out for a person who asked by letter, telephone or mail.

Rules: the officer, or the operator at the command line, has checked who it is; what happens is what the person's own click does,
and under a legal hold an erasure waits like that. Where there is more than one officer, two have to agree to an erasure; of
somebody with an account always. An export goes to the person, and to no officer. Source: PRI-24, PRI-28; GDPR Art. 12(2), 17.
"""

from dataclasses import dataclass, replace

from django.db import transaction

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission, staff_roles_with
from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.own import STORAGE, at, own, person_at
from glasshouse.accounts.rules import known_forms
from glasshouse.consent.rules import Ground
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId
from glasshouse.mail import api as mail
from glasshouse.requests import api as requests
from glasshouse.requests import assignment
from glasshouse.requests.cases import EXPORTED, RESTRICTED, may_erase
from glasshouse.requests.models import Request, RequestKind
from glasshouse.requests.worklist import asks_for_erasure
from glasshouse.retention import legal_holds
from glasshouse.retention.models import LegalHold
from glasshouse.subject import restriction
from glasshouse.subject.erasure import Erased, Guest, erase, plan
from glasshouse.subject.exports import make_export
from glasshouse.subject.inventory import addressed_to, purposes_of
from glasshouse.vault import api as vault


def erase_for(actor: Actor, number: str) -> Erased | None:
    """As an officer: erase what is held of the person of an open request for erasure, whose identity is checked.

    None: a second officer has to agree first, by the same verb; it is noted. Raises InvalidError where the person has an account
    and only the mail's link confirmed them, or something stands in the way; NotFoundError, ReauthenticationError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    accounts.require_reauthentication(actor)
    asked = Request.objects.filter(id=number).first()
    if asked is None or not asks_for_erasure(asked):
        raise NotFoundError("This is no open request for erasure of somebody whose identity is checked.")
    person = person_at(asked.address_hash)
    if not may_erase(asked, is_known=bool(person)):
        raise InvalidError(
            "This address has an account: its person erases it under Your data, or the operator with glasshouse erase.",
            field="word",
        )
    if _needs_second(actor, asked, has_account=bool(person)):
        _ask_second(actor, asked, assignment.other_officers(actor))
        return None
    with transaction.atomic():
        events.record(actor, Kind.REQUEST_ERASURE_AGREED, asked.id)
    return _erase_person(actor, asked, person) if person else erase(Guest(asked, by=actor))


def _needs_second(actor: Actor, asked: Request, *, has_account: bool) -> bool:
    """Whether another officer has to agree: there is one, or the person has an account; and none has so far."""
    if accounts.staff_role(AccountId(asked.erasure_by)) in staff_roles_with(Permission.REQUEST_ANSWER):
        return asked.erasure_by == actor.account
    return has_account or access.others_with(actor, Permission.REQUEST_ANSWER) > 0


@transaction.atomic
def _ask_second(actor: Actor, asked: Request, others: list[AccountId]) -> None:
    """Note which officer asks for an erasure, and tell the others by mail; a second time changes nothing."""
    request = Request.objects.select_for_update().get(id=asked.id)
    if request.erasure_by == actor.account:
        return
    request.erasure_by = str(actor.account)
    request.save(update_fields=["erasure_by"])
    events.record(actor, Kind.REQUEST_ERASURE_ASKED, request.id)
    for person in accounts.people(others).values():
        values: mail.Values = {"number": request.id}
        language = languages.of_person(person)
        mail.queue_template(
            KeyOwnerId(person.id), "deadline", person.address, "subject/mails/second_officer", values, language=language
        )


@transaction.atomic
def decline_erasure(actor: Actor, number: str) -> None:
    """As an officer: have an erasure that one of them asked for not be done; the request stays open. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    request = Request.objects.select_for_update().filter(id=number, closed_at=None).exclude(erasure_by="").first()
    if request is None:
        raise NotFoundError("No erasure waits for a second officer here.")
    request.erasure_by = ""
    request.save(update_fields=["erasure_by"])
    events.record(actor, Kind.REQUEST_ERASURE_DECLINED, request.id)


def _erase_person(actor: Actor, asked: Request, person: str) -> Erased:
    """Erase a person with an account, as two officers agreed, and answer the request."""
    their_own = _their_own(actor, person)
    with own(person):
        if plan(their_own).obstacles:
            raise InvalidError(
                "Something stands in the way that only the person can settle: they are the last administrator of an "
                "organisation. Ask them to hand it over first.",
                field="word",
            )
        erased = erase(their_own)
    if not erased.waits:
        with transaction.atomic():
            request = Request.objects.select_for_update().filter(id=asked.id, closed_at=None).first()
            if request is not None:
                requests.close(request, "erased by us, as the person asked", "answered")
                requests.write(request, "subject/mails/person_erased", {})
                events.record(actor, Kind.REQUEST_CLOSED, request.id, refused=False)
    return erased


def _their_own(actor: Actor, person: str) -> Actor:
    """A person with an account as an actor, in whose name an officer acts; the proof of identity is the officer's."""
    account = accounts.account_of(PersonId(person))
    if account is None:
        raise NotFoundError
    return Actor(ActorKind.PERSON, account, PersonId(person), proved_at=actor.proved_at)


def _confirmed(actor: Actor, number: str, kinds: tuple[str, ...]) -> Request:
    """An open request of these kinds whose address is confirmed. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    asked = Request.objects.filter(id=number, closed_at=None, kind__in=kinds).exclude(proved_at=None).first()
    if asked is None or not asked.address:
        raise NotFoundError("This is no open request for that, of somebody whose address is confirmed.")
    return asked


def export_for(actor: Actor, number: str) -> None:
    """As an officer: have an export made for the person of a request, who alone can fetch it; told by mail.

    Of somebody with an account it is made now, and fetched there after signing in; without one, a fresh link opens the page
    where it is fetched. The request stays open for its answer. Raises NotFoundError, ReauthenticationError.
    """
    asked = _confirmed(actor, number, EXPORTED)
    accounts.require_reauthentication(actor)
    person = person_at(asked.address_hash)
    if person:
        with own(person):
            make_export(_their_own(actor, person))
    with transaction.atomic():
        if person:
            requests.write(asked, "subject/mails/export_ready", {})
        else:
            requests.write(asked, "subject/mails/export_by_link", {"secret": requests.fresh_link(asked)})
        events.record(actor, Kind.REQUEST_EXPORTED, asked.id)


def restrict_for(actor: Actor, number: str) -> None:
    """As an officer: have the data of the person of a request stored only; told by mail. The request stays open.

    Raises InvalidError where it is restricted already, NotFoundError.
    """
    asked = _confirmed(actor, number, RESTRICTED)
    person = person_at(asked.address_hash)
    with own(person or at(asked.address_hash)), transaction.atomic():
        if person:
            restriction.restrict(_their_own(actor, person), Ground.CLAIMS, f"asked with the request {asked.id}")
        else:
            restriction.restrict_at(asked)
        requests.write(asked, "subject/mails/restricted_for", {})
        events.record(actor, Kind.REQUEST_RESTRICTED, asked.id)


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """What erasing an address without an account would do.

    rows: how many rows there are for each purpose, those that stay too. holds: the legal holds for whose end it would wait.
    """

    address: str
    rows: dict[str, int]
    holds: list[LegalHold]


def plan_at(address: str) -> AddressPlan:
    """What erasing an address without an account would do; changes nothing. For the operator's command line.

    Raises InvalidError, and NotFoundError where nothing is held of it.
    """
    normal, rows = known_forms(address)[0], dict[str, int]()
    address_hash = vault.lookup("address", normal)
    with own(STORAGE), access.organisation_transaction(JOB):
        for row in addressed_to(address_hash, whole=True):
            rows[purposes_of(type(row))] = rows.get(purposes_of(type(row)), 0) + 1
    if not rows:
        raise NotFoundError("Nobody has this address, and nothing is held of it.")
    return AddressPlan(normal, rows, legal_holds.on_address(address_hash))


def erase_at(address: str) -> Erased:
    """Erase an address without an account, as the operator at the command line, who has checked who asks.

    The open request for it is answered by that; where there is none, one is entered. Raises InvalidError.
    """
    asked = (
        Request.objects.filter(address_hash=vault.lookup("address", address), closed_at=None, kind=RequestKind.ERASE)
        .exclude(proved_at=None)
        .order_by("asked_at")
        .first()
    )
    request = asked or requests.enter_at_command_line(address)
    return erase(Guest(request, by=replace(JOB, proved_at=clock.now())))
