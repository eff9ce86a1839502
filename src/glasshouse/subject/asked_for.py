"""Erasure of an address without an account, for a person who asked by letter, telephone or mail and has no link to act by.

Rules: the officer, or the operator at the command line, has checked who it is; what happens is what the person's own click on
the guest's page does (`erasure.erase`), and under a legal hold it waits like that. Source: PRI-24, PRI-28; GDPR Art. 12(2), 17.
"""

from dataclasses import dataclass, replace

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import STORAGE, own, person_at
from glasshouse.accounts.rules import known_forms
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.requests import api as requests
from glasshouse.requests.models import Request, RequestKind
from glasshouse.requests.worklist import asks_for_erasure
from glasshouse.retention import legal_holds
from glasshouse.retention.models import LegalHold
from glasshouse.subject.erasure import Erased, Guest, erase
from glasshouse.subject.inventory import addressed_to, purposes_of
from glasshouse.vault import api as vault


def erase_for(actor: Actor, number: str) -> Erased:
    """As an officer: erase the address of an open request for erasure, whose person's identity is checked.

    Raises InvalidError where the address has an account, NotFoundError, ReauthenticationError.
    """
    access.require_staff(actor, Permission.REQUEST_ANSWER)
    accounts.require_reauthentication(actor)
    asked = Request.objects.filter(id=number).first()
    if asked is None or not asks_for_erasure(asked):
        raise NotFoundError("This is no open request for erasure of somebody whose identity is checked.")
    if person_at(asked.address_hash):
        raise InvalidError(
            "This address has an account: its person erases it under Your data, or the operator with glasshouse erase.",
            field="word",
        )
    return erase(Guest(asked, by=actor))


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
