"""Legal holds and the erasures that wait for them, certificates of deletion runs, and statistics, which stay when the rows go."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import RowAccess
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import ID, Code, Facts, Matching, OneOf
from glasshouse.vault.datamap import Basis, K, Kept, OnErasure, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, Writer
from glasshouse.vault.fields import SealedText

TELLING = "telling why the law makes us keep it"
HELD = "finding what a legal hold keeps"


class HoldOn(models.TextChoices):
    """Whose data a legal hold keeps."""

    PERSON = "person"
    ADDRESS = "address"  # Of somebody without an account.
    ORGANISATION = "customer"


class LegalHold(models.Model):
    """A legal hold: nothing of a person, of an address without an account, or of a customer is deleted until it ends.

    `key_owner`: the person or the customer; of an address an id of nobody. `address`: of somebody without an account.
    `address_hash`: by which rows under any key are found; of a person the address when the hold was placed. `sealed_by`: whose
    key seals the texts, so that a hold that may not be told is in no view. `barred_until`: the last day on which the law bars
    telling, for the reason in `bar`. `told_at`, `end_told_at`: when the hold, and its end, were told by mail.
    """

    belongs = Belongs(
        Owner.OPERATOR,
        "reasons of legal holds",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    row_access = RowAccess(open_though_restricted="it says what is kept, and why")
    kept = (Kept("ends_at", 1095, "it ended, to be able to show why something was not deleted"),)
    by_address = ByAddress(ErasedBy.NOBODY, once_filled="told_at")
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    scope = technical(models.CharField(max_length=8, choices=HoldOn.choices, db_default="person"), OneOf(HoldOn.values))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    sealed_by = technical(models.CharField(max_length=16, default=new_id))
    owner = technical(models.CharField(max_length=16))
    reason = SealedText(confidential(TELLING, source="us", basis=Basis.LEGAL_OBLIGATION), key_owner="sealed_by")
    bar = SealedText(confidential(TELLING, source="us", basis=Basis.LEGAL_OBLIGATION), key_owner="sealed_by", null=True)
    address = SealedText(
        personal("user.contact.email", HELD, basis=Basis.LEGAL_OBLIGATION, erasure=OnErasure.KEEP, source="us"),
        key_owner="sealed_by",
        null=True,
    )
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        HELD,
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    created_at = technical(models.DateTimeField())
    ends_at = technical(models.DateTimeField(db_index=True))
    barred_until = technical(models.DateField(null=True))
    told_at = technical(models.DateTimeField(null=True))
    end_told_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "retention_hold"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(barred_until=None) | models.Q(bar__isnull=False), name="bar_has_a_reason"
            ),
        ]


class WaitingErasure(models.Model):
    """An erasure, or the closing of a customer, that was asked for under a legal hold. It goes when the hold ends and it is done.

    `subject`: the person, the guest's request, or the customer. `account`: who asked; "" for a guest.
    """

    stays = "until the legal hold ends, and it is done"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    scope = technical(models.CharField(max_length=8, choices=HoldOn.choices), OneOf(HoldOn.values))
    subject = technical(models.CharField(max_length=16, unique=True))
    account = technical(models.CharField(max_length=16), Matching(f"({ID})?"))
    asked_at = technical(models.DateTimeField())

    class Meta:
        db_table = "retention_waiting"


class Statistic(models.Model):
    """How many rows of a table there were in a year, alike in some columns: what stays when the rows go.

    A group of fewer than K is not kept; the database refuses it.
    """

    stays = "for ever: numbers of groups of five and more, which lead to nobody"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    table = technical(models.CharField(max_length=60), Code())
    year = technical(models.PositiveSmallIntegerField())
    group = technical(models.JSONField(default=dict), Facts())
    count = technical(models.PositiveIntegerField())

    class Meta:
        db_table = "retention_statistic"
        constraints = [
            models.CheckConstraint(condition=models.Q(count__gte=K), name="nobody_alone"),
            models.UniqueConstraint(fields=["table", "year", "group"], name="one_count_a_group"),
        ]


class DeletionRun(models.Model):
    """What one deletion run deleted, by table; and how many keys that no row was sealed with any more it destroyed."""

    stays = "for ever: counts by table, which show that rows went"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    at = technical(models.DateTimeField(db_index=True))
    rows = technical(models.JSONField(default=dict), Facts())
    keys = technical(models.PositiveIntegerField(default=0))

    class Meta:
        db_table = "retention_sweep"
