"""Legal requests of authorities for a person's data."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from glasshouse.kernel.ids import new_id
from glasshouse.vault.classification import blob_ref, hashed, technical
from glasshouse.vault.content import Matching, OneOf, SomeOf
from glasshouse.vault.datamap import NAMES, Basis, Kept, OnErasure, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, Writer
from glasshouse.vault.fields import SealedJson, SealedText


class LegalRequest(models.Model):
    """A legal request for a person's data: reviewed by two people, narrowed, answered with the least, told to the person.

    `barred_until`: until when the law forbids telling. `person`: whose data was handed over, whatever their address is by then;
    of somebody without an account the legal request itself, under whose key they are told.
    `untellable_at`: since when nobody is left to be told, for the person was erased.
    """

    belongs = Belongs(
        Owner.OPERATOR,
        "legal requests, and reviews of them",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    by_address = ByAddress(ErasedBy.NOBODY, once_filled="told_at")
    stays = "while it is open"
    kept = (Kept("closed_at", 2190, "it was closed, as long as it may be contested"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    address = SealedText(
        personal(
            "user.contact.email",
            "answering a demand of an authority",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            source="an authority",
        ),
        key_owner="id",
    )
    address_hash = hashed(
        models.CharField(max_length=64),
        "user.contact.email",
        "finding demands about a person",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    authority = SealedText(
        confidential("answering a demand of an authority", basis=Basis.LEGAL_OBLIGATION, source="an authority"),
        key_owner="id",
    )
    grounds = SealedText(
        confidential("answering a demand of an authority", basis=Basis.LEGAL_OBLIGATION, source="an authority"),
        key_owner="id",
    )
    reasons = SealedJson(
        confidential("answering a demand of an authority", basis=Basis.LEGAL_OBLIGATION, source="us"), key_owner="id"
    )
    country = technical(models.CharField(max_length=2), Matching("[A-Z]{2}"))
    asked = technical(ArrayField(models.CharField(max_length=80)), SomeOf(NAMES))
    narrowed = technical(ArrayField(models.CharField(max_length=80), default=list), SomeOf(NAMES))
    first_by = technical(models.CharField(max_length=16, blank=True))
    first_verdict = technical(models.CharField(max_length=8, blank=True), OneOf(("answer", "refuse")))
    second_by = technical(models.CharField(max_length=16, blank=True))
    second_verdict = technical(models.CharField(max_length=8, blank=True), OneOf(("answer", "refuse")))
    outcome = technical(models.CharField(max_length=10, blank=True), OneOf(("answered", "nothing", "refused")))
    blob = blob_ref(models.CharField(max_length=16, blank=True), key_owner="id")
    entered_by = technical(models.CharField(max_length=16))
    received_at = technical(models.DateTimeField())
    due_at = technical(models.DateTimeField())
    closed_at = technical(models.DateTimeField(null=True))
    barred_until = technical(models.DateField(null=True))
    told_at = technical(models.DateTimeField(null=True))
    person = technical(models.CharField(max_length=16, blank=True))
    untellable_at = technical(models.DateTimeField(null=True))

    class Meta:
        app_label = "rights"
        db_table = "rights_demand"
        constraints = [
            models.CheckConstraint(
                condition=Q(first_by="") | Q(second_by="") | ~Q(first_by=F("second_by")), name="two_reviewers"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="answered")
                | (~Q(first_by="") & ~Q(second_by="") & Q(first_verdict="answer", second_verdict="answer")),
                name="answered_after_two_reviews",
            ),
            # The person whose data was handed over is told, or the law bars it until a day that the worker watches.
            models.CheckConstraint(
                condition=~Q(outcome="answered") | Q(told_at__isnull=False) | Q(barred_until__isnull=False),
                name="told_or_barred",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="answered") | Q(narrowed__contained_by=F("asked")), name="no_more_than_asked"
            ),
        ]
