"""What persons decided on purposes, and whose data may be stored only."""

from django.db import models

from glasshouse.consent.rules import PURPOSES, Ground, State
from glasshouse.kernel.ids import new_id
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import OneOf
from glasshouse.vault.datamap import Basis, Kept, OnErasure, personal
from glasshouse.vault.declarations import ByAddress, ErasedBy
from glasshouse.vault.fields import SealedText


class ConsentRecord(models.Model):
    """One thing that a person said about a purpose; the newest counts. `words`: the sentence shown, or the person's reasons."""

    stays = "as long as the account exists"
    row_access = RowAccess(
        App.REPLACE,
        rewritable=("words",),
        open_though_restricted="it says what somebody decided, also that it is restricted",
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    purpose = technical(models.CharField(max_length=20), OneOf(PURPOSES))
    state = technical(models.CharField(max_length=10), OneOf(State))
    words = SealedText(
        personal(
            "user.privacy_preferences",
            "doing what a person decided about a purpose",
            need="an objection that is judged is judged by its reasons",
            basis=Basis.LEGAL_OBLIGATION,
            retention="as long as the account exists",
        ),
        key_owner="key_owner",
    )
    request = technical(models.CharField(max_length=16, blank=True))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "consent_stance"
        indexes = [models.Index(fields=["key_owner", "purpose", "at"], name="stance_newest")]


class Restriction(models.Model):
    """That a person's data is stored only. It ends when it is lifted; an officer's lifting is announced and comes later.

    A guest's is by address, until there is an account; `key_owner` is a key of its own then.
    """

    stays = "until it is lifted"
    kept = (Kept("lifts_at", 1095, "it was lifted, to be able to show that it was followed"),)
    row_access = RowAccess(open_though_restricted="it says what is restricted")
    by_address = ByAddress(ErasedBy.PERSON)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    address = SealedText(
        personal(
            "user.contact.email",
            "keeping data unused while a person wants that",
            basis=Basis.LEGAL_OBLIGATION,
            retention="until it is lifted, or there is an account",
        ),
        key_owner="key_owner",
        null=True,
    )
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "finding what is restricted",
        basis=Basis.LEGAL_OBLIGATION,
    )
    ground = technical(models.CharField(max_length=10), OneOf(Ground))
    words = SealedText(
        personal(
            "user.privacy_preferences",
            "keeping data unused while a person wants that",
            basis=Basis.LEGAL_OBLIGATION,
            retention="as long as the account exists",
        ),
        key_owner="key_owner",
    )
    at = technical(models.DateTimeField())
    lifts_at = technical(models.DateTimeField(null=True))
    lifted_by = technical(models.CharField(max_length=16, blank=True))

    class Meta:
        db_table = "consent_restriction"
        constraints = [
            models.UniqueConstraint(
                fields=["key_owner"], condition=models.Q(lifts_at=None), name="one_open_restriction_each"
            ),
            models.UniqueConstraint(
                fields=["address_hash"], condition=models.Q(lifts_at=None), name="one_open_restriction_an_address"
            ),
        ]


class AddressChoice(models.Model):
    """What was said about a purpose under an address, with or without an account: the newest word, and which request said it.

    It holds no address, only its keyed hash, and stays when its person is erased: it is followed for whoever comes later, too.
    """

    stays = "as long as the service runs, so that it is followed"
    row_access = RowAccess(open_though_restricted="it says what somebody decided, also that it is restricted")
    by_address = ByAddress(ErasedBy.NOBODY)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    address_hash = hashed(
        models.CharField(max_length=64),
        "user.privacy_preferences",
        "following what was said about an address",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    purpose = technical(models.CharField(max_length=20), OneOf(PURPOSES))
    state = technical(models.CharField(max_length=10), OneOf(State))
    request = technical(models.CharField(max_length=16, blank=True))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "consent_address"
        constraints = [models.UniqueConstraint(fields=["address_hash", "purpose"], name="one_choice_an_address")]
