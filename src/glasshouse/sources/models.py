"""Sources, their third-party data, and suppressions. No value without its source, licence and purpose."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

from glasshouse.kernel.ids import new_id
from glasshouse.sources.rules import FIELDS, KINDS
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import OneOf
from glasshouse.vault.datamap import Basis, Kept, OnErasure, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, Writer
from glasshouse.vault.envelope import EMPTY_BYTES
from glasshouse.vault.fields import SealedText

PURPOSE = "supplementing what is held with data of third parties"


SOURCES = confidential(
    "showing where third-party data comes from",
    basis=Basis.LEGAL_OBLIGATION,
    retention="as long as something of it is shown",
)


def _says(column: str) -> Q:
    """That a sealed column holds at least one byte: without one it is just as long as its head, nonce and tag."""
    return Q(GreaterThan(Length(column), EMPTY_BYTES))


class Source(models.Model):
    """Where data comes from: who gives it, under which licence, for which purpose it is taken in."""

    belongs = Belongs(
        Owner.OPERATOR,
        "the register of sources",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    stays = "as long as something of it is shown"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    kind = technical(models.CharField(max_length=10), OneOf(KINDS))
    name = SealedText(SOURCES, key_owner="id")
    licence = SealedText(SOURCES, key_owner="id")
    purpose = SealedText(SOURCES, key_owner="id")
    written_by = technical(models.CharField(max_length=16))
    token_hash = technical(models.CharField(max_length=64, blank=True, db_index=True))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "sources_source"
        constraints = [
            models.CheckConstraint(
                condition=_says("name") & _says("licence") & _says("purpose"), name="source_says_all"
            )
        ]


class ThirdPartyData(models.Model):
    """One value of third-party data. Sealed under the person's key, or, where we know nobody, under one of its own.

    state: new, told, confirmed (the person says it is right).
    """

    belongs = Belongs(
        Owner.READER,
        "what a file of contacts says of somebody",
        "It is about that person, who is told of it.",
        (Writer.STAFF,),
    )
    by_address = ByAddress(ErasedBy.ANYBODY, hidden=True)
    kept = (Kept("received_at", 365, "it was taken in"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    source = technical(models.ForeignKey(Source, on_delete=models.PROTECT))
    key_owner = technical(models.CharField(max_length=16))
    address = SealedText(
        personal("user.contact.email", PURPOSE, basis=Basis.LEGITIMATE_INTEREST, source="a third party"),
        key_owner="key_owner",
    )
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True),
        "user.contact.email",
        "finding what was supplied",
        basis=Basis.LEGITIMATE_INTEREST,
    )
    field = technical(models.CharField(max_length=10), OneOf(FIELDS))
    value = SealedText(
        personal(
            "user.contact",
            PURPOSE,
            basis=Basis.LEGITIMATE_INTEREST,
            source="a third party",
            rectified_by="a suggestion confirmed or deleted",
        ),
        key_owner="key_owner",
    )
    state = technical(models.CharField(max_length=10, default="new"), OneOf(("new", "told", "confirmed")))
    secret_hash = technical(models.CharField(max_length=64, blank=True, db_index=True))
    received_at = technical(models.DateTimeField())
    told_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "sources_supplied"
        constraints = [
            models.UniqueConstraint(fields=["source", "address_hash", "field"], name="one_value_a_source_and_field")
        ]
        # Whose person is still to be told: few rows, looked for every few seconds.
        indexes = [models.Index(fields=["key_owner"], condition=Q(told_at=None), name="supplied_untold")]

    def source_of(self, field: str) -> str:
        """Who a value comes from, in words for the person."""
        return str(self.source.name)


class Suppression(models.Model):
    """The note that nothing is taken in of an address, by its keyed hash: stored so that the objection can be followed."""

    stays = "as long as the person wants nothing taken in"
    by_address = ByAddress(ErasedBy.NOBODY)
    address_hash = hashed(
        models.CharField(primary_key=True, max_length=64),
        "user.privacy_preferences",
        "taking in nothing of who objected",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "sources_objected"
