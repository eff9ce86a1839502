"""Copies that wait to be fetched, and the ledger of erasures."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.fields import SealedText, blob_ref, hashed, technical


class Copy(models.Model):
    """A copy of a person's data, sealed under the person's own key, until its link runs out."""

    kept = (Kept("expires_at", 1, "its link ran out"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    holder = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(personal("user.content.private", "handing the copy over"), holder="holder")
    blob = blob_ref(models.CharField(max_length=16), holder="holder")
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "rights_copy"


class Erasure(models.Model):
    """One erasure: opaque ids only, kept for ever, so that it can be finished after a crash and done again after a restore."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    person = technical(models.CharField(max_length=16, unique=True))
    account = technical(models.CharField(max_length=16))
    begun_at = technical(models.DateTimeField())
    done_at = technical(models.DateTimeField(null=True, db_index=True))
    rows = technical(models.PositiveIntegerField(default=0))

    class Meta:
        db_table = "rights_erasure"


class RequestKind(models.TextChoices):
    """What a person asks for."""

    ACCESS = "access"
    COPY = "copy"
    CORRECT = "correct"
    ERASE = "erase"
    OBJECT = "object"
    RESTRICT = "restrict"
    QUESTION = "question"


class Request(models.Model):
    """A person's request, on the clock of a law.

    Sealed under a key of its own: until the address is proved, it is a stranger's word.
    """

    kept = (Kept("closed_at", 1095, "the answer, to be able to show that it was given"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    holder = technical(models.CharField(max_length=16))
    address = SealedText(
        personal("user.contact.email", "answering the request", basis=Basis.LEGAL_OBLIGATION), holder="holder"
    )
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True), "user.contact.email", "finding a person's requests"
    )
    text = SealedText(
        personal("user.content.private", "answering the request", basis=Basis.LEGAL_OBLIGATION), holder="holder"
    )
    answer = SealedText(
        personal("user.content.private", "showing what was answered", basis=Basis.LEGAL_OBLIGATION),
        holder="holder",
        null=True,
    )
    kind = technical(models.CharField(max_length=12, choices=RequestKind.choices))
    law = technical(models.CharField(max_length=12))
    channel = technical(models.CharField(max_length=8))
    proof_hash = technical(models.CharField(max_length=64, unique=True))
    proved_at = technical(models.DateTimeField(null=True))
    asked_at = technical(models.DateTimeField())
    due_at = technical(models.DateTimeField(db_index=True))
    extended_at = technical(models.DateTimeField(null=True))
    closed_at = technical(models.DateTimeField(null=True))
    outcome = technical(models.CharField(max_length=12, blank=True))

    class Meta:
        db_table = "rights_request"
