"""Verbs of business transfers: what would pass to a buyer, the notice to everybody, who objected. Source: PRI-15."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts import languages
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.own import STORAGE, own
from glasshouse.consent import api as consent
from glasshouse.disclosures import rules
from glasshouse.disclosures.api import Entry, add
from glasshouse.disclosures.models import BusinessTransfer, BusinessTransferNotice, Recipient
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.mail import api as mail
from glasshouse.probes import api as probes
from glasshouse.queues import api as queues
from glasshouse.vault.datamap import NAMES, Class, people_rows
from glasshouse.vault.envelope import SealBrokenError
from glasshouse.vault.fields import readable

BATCH = 500
TRANSFERS_A_PIECE = 10
# Names of queues: stored failures have them, so they stay as they are.
ANNOUNCING, TELLING = "disclosures.announce-merger", "disclosures.tell-merger"


def _categories() -> dict[str, str]:
    """Category -> its plain name, of everything personal that is held in the sealed form."""
    entries = [row.entry for row in people_rows([]) if row.sealed and row.entry]
    personal = [entry for entry in entries if entry.classification is Class.PERSONAL]
    return {entry.category: NAMES[entry.category] for entry in personal}


@transaction.atomic
def open_transfer(actor: Actor, buyer: str, region: str, days: int) -> BusinessTransfer:
    """Open a business transfer: the buyer is registered, everybody is told, and nothing passes before `days` have gone.

    Raises InvalidError.
    """
    access.require_staff(actor, Permission.MERGER_CHANGE)
    if BusinessTransfer.objects.filter(closed_at=None).exists():
        raise InvalidError("A business transfer is open already.", field="buyer")
    texts = {
        "name": buyer,
        "what": "Would take over the business, and people's accounts with it.",
        "region": region,
        "purpose": "handing data to a buyer of the business",
        "basis": "legitimate interest",
        "safeguard": "the same notice and terms go on; data of who objects does not pass",
    }
    least_days = rules.WAIT_DAYS[rules.Kind.BUYER]
    if not least_days <= days <= 365:
        raise InvalidError(gettext("People need %(days)s to 365 days to decide.") % {"days": least_days}, field="days")
    recipient = add(actor, Entry(rules.Kind.BUYER, texts, sorted(_categories()), [], days))
    business_transfer = BusinessTransfer.objects.create(recipient=recipient, opened_at=clock.now())
    events.record(actor, Kind.BUSINESS_TRANSFER_OPENED, business_transfer.id)
    return business_transfer


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What the officer sees of a business transfer: how many persons were told, object or are restricted; what would pass.

    people: with an account. restricted: their data would not pass. categories: in plain words; choices: with their ids.
    """

    business_transfer: BusinessTransfer
    people: int
    persons_told: int
    objected: int
    restricted: int
    categories: list[str]
    choices: list[tuple[str, str]]


def transfers(actor: Actor, after: str = "") -> Piece[TransferProgress]:
    """A piece of the business transfers, the newest first. after: as in `piece_of`. Raises NotFoundError."""
    access.require_staff(actor, Permission.RECIPIENT_CHANGE)
    categories = sorted(_categories().values())
    restricted = consent.restricted_persons()
    objected = consent.refusing("merger") - restricted
    viewer = str(actor.account)
    counted = _customers().exclude(id__in=probes.hidden_from(viewer, Account))
    everybody = counted.count()
    objected_count = counted.filter(person_id__in=objected).count()
    restricted_count = counted.filter(person_id__in=restricted).count()
    notices = BusinessTransferNotice.objects.exclude(key_owner__in=probes.hidden_from(viewer, Person))
    hidden = probes.hidden_from(viewer, Recipient)
    every = BusinessTransfer.objects.select_related("recipient").exclude(recipient__in=hidden)
    rows = piece_of(every, after, by="-opened_at", most=TRANSFERS_A_PIECE)
    of_piece = notices.filter(business_transfer__in=[row.pk for row in rows])
    notice_counts = dict(of_piece.values_list("business_transfer_id").annotate(count=Count("pk")))
    known = {recipient.pk for recipient in readable(row.recipient for row in rows)}
    progress = [
        TransferProgress(
            business_transfer,
            everybody,
            notice_counts.get(business_transfer.pk, 0),
            objected_count,
            restricted_count,
            categories,
            [(name, NAMES[name]) for name in may_pass(business_transfer)],
        )
        for business_transfer in rows
        if business_transfer.recipient_id in known
    ]
    return rows.of(progress)


def may_pass(business_transfer: BusinessTransfer) -> list[str]:
    """The categories that a data room may hold: those announced, but for the means of signing in."""
    return [name for name in business_transfer.recipient.fields if not name.startswith("user.authorization")]


def _customers() -> "QuerySet[Account]":
    return Account.objects.filter(staff_role="").order_by("id")


def waiting_period(recipient: Recipient) -> timedelta:
    """How long each person has to object, from the day on which that person is told: as the register has it of the buyer."""
    least = timedelta(days=rules.WAIT_DAYS[rules.Kind.BUYER])
    return max(least, recipient.active_from - recipient.announced_at)


def would_pass(person: KeyOwnerId) -> str:
    """Whether a person's data would pass: passes, objected or restricted."""
    if consent.restriction_of(person):
        return "restricted"
    return "passes" if consent.may(person, "merger") else "objected"


def tell_due() -> int:
    """Tell everybody with an account of an open business transfer, once; returns how many mails were queued. For the worker."""
    counts: list[int] = []
    for business_transfer in BusinessTransfer.objects.select_related("recipient").filter(closed_at=None):
        if not readable([business_transfer.recipient]):
            continue  # Its buyer's name cannot be read any more: there is nothing to tell of it.
        queues.guarded(ANNOUNCING, business_transfer.id, partial(_tell_everybody, business_transfer, counts))
    return sum(counts)


def _tell_everybody(business_transfer: BusinessTransfer, counts: list[int]) -> None:
    notices = BusinessTransferNotice.objects.filter(
        business_transfer=business_transfer, key_owner=OuterRef("person_id")
    )
    size, last = BATCH, ""
    while size == BATCH:
        # Owed to everybody, also to those whose data is restricted otherwise.
        with own(STORAGE), transaction.atomic():
            # One process after the other: nobody is told twice.
            BusinessTransfer.objects.select_for_update().get(id=business_transfer.id)
            untold = _customers().filter(~Exists(notices), id__gt=last).select_related("person")
            batch = list(queues.ready(untold, TELLING, prefix=f"{business_transfer.id}:")[:BATCH])
            counts.append(
                queues.each_within(
                    TELLING,
                    [account for account in batch if not _is_erased(account.person)],
                    partial(_tell, business_transfer),
                    lambda account: f"{business_transfer.id}:{account.pk}",
                )
            )
        size, last = len(batch), batch[-1].pk if batch else ""


def _is_erased(person: Person) -> bool:
    """Whether a person's key is destroyed or lost. What cannot be opened for another reason is told of where it fails."""
    try:
        return not readable([person])
    except SealBrokenError:
        return False


def _tell(business_transfer: BusinessTransfer, account: Account) -> None:
    buyer, person, now = business_transfer.recipient, account.person, clock.now()
    active_from = max(buyer.active_from, now + waiting_period(buyer))
    message = mail.queue_template(
        KeyOwnerId(person.id),
        "announcement",
        person.address,
        "disclosures/mails/business_transfer",
        {"buyer": buyer.name, "region": buyer.region, "active_from": active_from},
        language=languages.of_person(person),
    )
    BusinessTransferNotice.objects.create(
        business_transfer=business_transfer, key_owner=person.id, message=message, at=now
    )


@transaction.atomic
def close(actor: Actor, number: str) -> None:
    """Close a business transfer: the sale does not happen, or has been carried out. Raises NotFoundError."""
    access.require_staff(actor, Permission.MERGER_CHANGE)
    if not BusinessTransfer.objects.filter(id=number, closed_at=None).update(closed_at=clock.now()):
        raise NotFoundError
    events.record(actor, Kind.BUSINESS_TRANSFER_CLOSED, number)
