"""The register of recipients, what each received of whom, and who wants to hear of new ones. Opaque ids and public facts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

from glasshouse.disclosures.rules import BOUND_KINDS, CHANNELS, Kind, Notice
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import CODE, Id, Matching, OneOf, SomeOf
from glasshouse.vault.datamap import NAMES, Basis, Kept, OnErasure, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, Writer
from glasshouse.vault.envelope import EMPTY_BYTES
from glasshouse.vault.fields import SealedText

REGISTER = confidential(
    "keeping the register of recipients",
    basis=Basis.LEGAL_OBLIGATION,
    retention="as long as it must be shown who received something",
    source="us",
)


def _says(column: str) -> Q:
    """That a sealed column holds at least one byte: without one it is just as long as its head, nonce and tag."""
    return Q(GreaterThan(Length(column), EMPTY_BYTES))


class Recipient(models.Model):
    """Who may receive personal data: which fields, by which channels, for what, under which safeguards, from when on.

    `server`: host name of the mail server that it runs; none: any. `address_hash`: of the contact, where that is an email
    address. `written_by`: the staff's account, the legal request that was answered (`demands` in older versions), or
    `installation`. `agreed_on`: the day of the agreement. `earlier_rules`: registered by a version that asked for no such day,
    and not always for safeguards; such rows go on as they are.
    """

    belongs = Belongs(
        Owner.OPERATOR,
        "the register of recipients",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    stays = "as long as it must be shown who received something"
    by_address = ByAddress(ErasedBy.NOBODY)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    kind = technical(models.CharField(max_length=10, choices=[(str(kind), str(kind)) for kind in Kind]), OneOf(Kind))
    name = SealedText(REGISTER, key_owner="id")
    what = SealedText(REGISTER, key_owner="id")
    region = SealedText(REGISTER, key_owner="id")
    agreement = SealedText(REGISTER, key_owner="id", null=True)
    agreed_on = technical(models.DateField(null=True))
    earlier_rules = technical(models.BooleanField(default=False))
    safeguard = SealedText(REGISTER, key_owner="id", null=True)
    purpose = SealedText(REGISTER, key_owner="id")
    basis = SealedText(REGISTER, key_owner="id")
    contact = SealedText(
        personal(
            "user.contact",
            "telling a recipient of an erasure",
            basis=Basis.LEGAL_OBLIGATION,
            retention="as long as the register of recipients is kept",
            erasure=OnErasure.KEEP,
            source="the recipient",
        ),
        key_owner="id",
        null=True,
    )
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "finding the recipient whose contact a person is",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    server = SealedText(REGISTER, key_owner="id", null=True)
    channels = technical(ArrayField(models.CharField(max_length=20), default=list), SomeOf(CHANNELS))
    fields = technical(ArrayField(models.CharField(max_length=80)), SomeOf(NAMES))
    written_by = technical(models.CharField(max_length=16), Id("installation", "demands"))
    announced_at = technical(models.DateTimeField())
    active_from = technical(models.DateTimeField())
    ended_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "disclosures_recipient"
        constraints = [
            models.CheckConstraint(condition=Q(active_from__gte=F("announced_at")), name="announced_before_active"),
            models.CheckConstraint(
                condition=~Q(kind="provider") | Q(agreement__isnull=False), name="provider_has_agreement"
            ),
            # Whoever works for us, and whoever something can be sent to: nothing goes there without these three (PRI-15).
            models.CheckConstraint(
                condition=Q(earlier_rules=True)
                | ~Q(kind__in=[str(kind) for kind in BOUND_KINDS]) & Q(channels=[])
                | Q(agreement__isnull=False, agreed_on__isnull=False, safeguard__isnull=False)
                & _says("agreement")
                & _says("safeguard")
                & _says("region"),
                name="agreed_before_live",
            ),
        ]


class Disclosure(models.Model):
    """That something of a person went to a recipient: the first and the last time, and how often.

    `key_owner`: under whose key it was sealed. `address_hash`: of the address that it went to, where that is not the key
    owner's own; the row stays, and an erasure empties this. `server`: host name of the mail server that took it.
    """

    by_address = ByAddress(ErasedBy.NOBODY)
    kept = (Kept("last_at", 1095, "the last time, to be able to show who received what"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "finding who received what",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    recipient = technical(models.ForeignKey(Recipient, on_delete=models.PROTECT))
    server = technical(models.CharField(max_length=120, db_default="", blank=True), Matching(f"({CODE})?"))
    first_at = technical(models.DateTimeField())
    last_at = technical(models.DateTimeField())
    times = technical(models.PositiveIntegerField(default=1))
    told_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "disclosures_disclosure"
        indexes = [models.Index(fields=["key_owner", "recipient"], name="disclosure_of_whom")]


class PassedOn(models.Model):
    """That a recipient was told of an erasure, a rectification or a restriction of data that it had received (GDPR Art. 19).

    `message`: the mail; "": the register knows no contact of the recipient. `address_hash`: by which a guest finds it; the row
    stays, and an erasure empties this.
    """

    by_address = ByAddress(ErasedBy.NOBODY)
    kept = (Kept("at", 1095, "it was passed on, to be able to show it"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "finding who was told what",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    recipient = technical(models.ForeignKey(Recipient, on_delete=models.PROTECT))
    what = technical(models.CharField(max_length=10), OneOf(Notice))
    message = technical(models.CharField(max_length=16, blank=True))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "disclosures_passed_on"


class Subscriber(models.Model):
    """An address that wants to hear of new providers, once it is confirmed. Sealed under a key of its own.

    `notice_version`: number of the privacy notice that the form showed; 0: of a version that did not record it.
    """

    by_address = ByAddress(ErasedBy.ANYBODY, once_filled="proved_at", hidden=True)
    stays = "until it is ended"
    kept = (Kept("ended_at", 30, "it was ended, or never proved"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    address = SealedText(
        personal(
            "user.contact.email",
            "telling of new service providers",
            basis=Basis.CONSENT,
            retention="until it is ended",
            need="the news go there",
        ),
        key_owner="id",
    )
    address_hash = hashed(
        models.CharField(max_length=64), "user.contact.email", "finding a subscription", basis=Basis.CONSENT
    )
    secret_hash = technical(models.CharField(max_length=64, unique=True))
    notice_version = technical(models.PositiveIntegerField())
    created_at = technical(models.DateTimeField())
    proved_at = technical(models.DateTimeField(null=True))
    ended_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "disclosures_subscriber"


class BusinessTransfer(models.Model):
    """A merger or a sale of the business. `recipient`: the buyer, with the day from which on data would pass.

    `closed_at`: it is open until then; None: until somebody closes it. Everybody is told of one without an end only.
    """

    stays = "as long as it must be shown who received something"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    recipient = technical(models.OneToOneField(Recipient, on_delete=models.PROTECT))
    opened_at = technical(models.DateTimeField())
    closed_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "disclosures_merger"

    @property
    def is_open(self) -> bool:
        """Whether it is not closed yet."""
        return self.closed_at is None or self.closed_at > clock.now()


class DataRoom(models.Model):
    """What a buyer may fetch until a day: of a business transfer, the categories that two members of the staff approved.

    `contact`: where the link is mailed; `certificate`: PEM, to which every file is sealed. `secret_hash`: of the link, from the
    approval on.
    """

    belongs = Belongs(
        Owner.OPERATOR,
        "data rooms of business transfers",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    by_address = ByAddress(ErasedBy.NOBODY)
    kept = (
        Kept("ends_at", 1095, "it ended, to be able to show what was handed over"),
        Kept("prepared_at", 365, "it was prepared, and nobody approved it", while_empty="ends_at"),
    )
    stays = "while it is prepared or open"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    business_transfer = technical(models.ForeignKey(BusinessTransfer, on_delete=models.PROTECT))
    contact = SealedText(
        personal(
            "user.contact",
            "mailing a buyer the link to its data room",
            basis=Basis.LEGITIMATE_INTEREST,
            erasure=OnErasure.KEEP,
            source="the recipient",
            need="the link goes there",
        ),
        key_owner="id",
    )
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True),
        "user.contact.email",
        "finding the data room whose contact a person is",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    certificate = SealedText(REGISTER, key_owner="id")
    fields = technical(ArrayField(models.CharField(max_length=80)), SomeOf(NAMES))
    prepared_by = technical(models.CharField(max_length=16))
    prepared_at = technical(models.DateTimeField())
    days = technical(models.PositiveSmallIntegerField())
    approved_by = technical(models.CharField(max_length=16, blank=True))
    approved_at = technical(models.DateTimeField(null=True))
    ends_at = technical(models.DateTimeField(null=True))
    revoked_at = technical(models.DateTimeField(null=True))
    secret_hash = technical(models.CharField(max_length=64, null=True, unique=True))

    class Meta:
        db_table = "disclosures_data_room"
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_at=None)
                | (~Q(approved_by="") & ~Q(approved_by=F("prepared_by")) & Q(ends_at__isnull=False)),
                name="approved_by_another_until_a_day",
            ),
            models.CheckConstraint(
                condition=Q(secret_hash=None) | Q(approved_at__isnull=False), name="no_link_before_the_approval"
            ),
        ]


class DataRoomFetch(models.Model):
    """That a buyer fetched a part of a data room. people: how many persons' data was in it."""

    kept = (Kept("at", 1095, "it was fetched, to be able to show it"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    data_room = technical(models.ForeignKey(DataRoom, on_delete=models.PROTECT))
    part = technical(models.PositiveIntegerField())
    people = technical(models.PositiveIntegerField())
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "disclosures_data_room_fetch"


class BusinessTransferNotice(models.Model):
    """That a person was told of a business transfer. `message`: the mail."""

    kept = (Kept("at", 1095, "the notice, to be able to show it"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    business_transfer = technical(models.ForeignKey(BusinessTransfer, on_delete=models.CASCADE))
    key_owner = technical(models.CharField(max_length=16))
    message = technical(models.CharField(max_length=16))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "disclosures_merger_notice"
        constraints = [models.UniqueConstraint(fields=["business_transfer", "key_owner"], name="one_notice_each")]
