"""The business transfer: what of whom would pass to a buyer, everybody told beforehand, and who has objected. Source: PRI-15."""

from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.models import Account
from glasshouse.accounts.own import STORAGE, own
from glasshouse.consent import api as consent
from glasshouse.disclosures import rules
from glasshouse.disclosures.api import Entry, add
from glasshouse.disclosures.models import BusinessTransfer, BusinessTransferNotice
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.queues import api as queues
from glasshouse.vault.datamap import NAMES, Class, people_rows

BATCH = 500
ANNOUNCING, TELLING = "disclosures.announce-merger", "disclosures.tell-merger"


def _categories() -> dict[str, str]:
    """Category -> its plain name, of everything personal that is held in the sealed form."""
    rows = [one for one in people_rows([]) if one.sealed and one.entry and one.entry.classification is Class.PERSONAL]
    return {one.entry.category: NAMES[one.entry.category] for one in rows if one.entry}


@transaction.atomic
def open_room(actor: Actor, buyer: str, region: str, days: int) -> BusinessTransfer:
    """Open a room: the buyer is registered, everybody is told, and nothing passes before `days` have gone.

    Raises InvalidError.
    """
    access.require_staff(actor, Permission.MERGER_CHANGE)
    if BusinessTransfer.objects.filter(closed_at=None).exists():
        raise InvalidError("A business transfer is open already.", field="buyer")
    words = {
        "name": buyer,
        "what": "Would take over the business, and people's accounts with it.",
        "region": region,
        "purpose": "handing data to a buyer of the business",
        "basis": "legitimate interest",
        "safeguard": "the same notice and terms go on; whoever objects stays out",
    }
    least = rules.WAIT_DAYS[rules.Kind.BUYER]
    if not least <= days <= 365:
        raise InvalidError(f"People need {least} to 365 days to decide.", field="days")
    recipient = add(actor, Entry(rules.Kind.BUYER, words, sorted(_categories()), [], days))
    made = BusinessTransfer.objects.create(recipient=recipient, opened_at=clock.now())
    events.record(actor, Kind.BUSINESS_TRANSFER_OPENED, made.id)
    return made


@dataclass(frozen=True, slots=True)
class Room:
    """What the officer sees: how many people were told, object or are restricted, and what would pass, by category."""

    business_transfer: BusinessTransfer
    people: int
    told: int
    objected: int
    stay: int
    categories: list[str]


def rooms(actor: Actor) -> list[Room]:
    """Every room, the newest first. Raises NotFoundError."""
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    categories = sorted(_categories().values())
    restricted = consent.restricted_persons()
    objected = consent.refusing("merger") - restricted
    everybody = _customers().count()
    objecting, staying = (_customers().filter(person_id__in=persons).count() for persons in (objected, restricted))
    told = dict(BusinessTransferNotice.objects.values_list("business_transfer_id").annotate(count=Count("pk")))
    rows = BusinessTransfer.objects.select_related("recipient").order_by("-opened_at")
    return [
        Room(business_transfer, everybody, told.get(business_transfer.pk, 0), objecting, staying, categories)
        for business_transfer in rows
    ]


def _customers() -> "QuerySet[Account]":
    return Account.objects.filter(staff_role="").order_by("id")


def would_pass(person: KeyOwnerId) -> str:
    """passes, objected or restricted."""
    if consent.restriction_of(person):
        return "restricted"
    return "passes" if consent.may(person, "merger") else "objected"


def tell_due() -> int:
    """Tell everybody who has an account of an open room, once; returns how many mails were queued. For the worker."""
    counts: list[int] = []
    for business_transfer in BusinessTransfer.objects.select_related("recipient").filter(closed_at=None):
        queues.guarded(ANNOUNCING, business_transfer.id, partial(_tell_everybody, business_transfer, counts))
    return sum(counts)


def _tell_everybody(business_transfer: BusinessTransfer, counts: list[int]) -> None:
    told = BusinessTransferNotice.objects.filter(business_transfer=business_transfer, key_owner=OuterRef("person_id"))
    size = BATCH
    while size == BATCH:
        # Owed to everybody, also to those whose data is restricted otherwise.
        with own(STORAGE), transaction.atomic():
            BusinessTransfer.objects.select_for_update().get(
                id=business_transfer.id
            )  # One after the other: nobody is told twice.
            untold = _customers().filter(~Exists(told)).select_related("person")
            batch = list(queues.ready(untold, TELLING, prefix=f"{business_transfer.id}:")[:BATCH])
            counts.append(
                queues.each_within(
                    TELLING,
                    batch,
                    partial(_tell, business_transfer),
                    lambda account: f"{business_transfer.id}:{account.pk}",
                )
            )
        size = len(batch)


def _tell(business_transfer: BusinessTransfer, account: Account) -> None:
    buyer, person = business_transfer.recipient, account.person
    body = (
        f"{buyer.name} ({buyer.region}) may take over this service. From {buyer.active_from:%Y-%m-%d} "
        "on, data of people with an account would pass to it: the same notice and terms go on.\n\n"
        f"If you do not want yours to pass, say so with one click: {settings.ORIGIN}/account/data/choices\n"
    )
    subject = f"{buyer.name} may take over this service"
    message = mail.queue(KeyOwnerId(person.id), "announcement", person.address, subject=subject, body=body)
    BusinessTransferNotice.objects.create(
        business_transfer=business_transfer, key_owner=person.id, message=message, at=clock.now()
    )


@transaction.atomic
def close(actor: Actor, business_transfer: str) -> None:
    """Close a room: the sale does not happen, or has been carried out. Raises NotFoundError."""
    access.require_staff(actor, Permission.MERGER_CHANGE)
    found = BusinessTransfer.objects.filter(id=business_transfer, closed_at=None).first()
    if found is None:
        raise NotFoundError
    BusinessTransfer.objects.filter(id=business_transfer).update(closed_at=clock.now())
    events.record(actor, Kind.BUSINESS_TRANSFER_CLOSED, business_transfer)
