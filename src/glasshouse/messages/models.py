"""What was ruled on each mail, which addresses get no more of what, and the links that stop mails."""

from django.db import models

from glasshouse.consent.rules import PURPOSES
from glasshouse.kernel.ids import new_id
from glasshouse.mail.kinds import MessageClass
from glasshouse.messages.rules import ALL, Verdict, Way
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import Code, OneOf
from glasshouse.vault.datamap import Basis, Counted, Kept, OnErasure
from glasshouse.vault.declarations import ByAddress, ErasedBy

FOLLOWING = "following what was said about an address"


class Ruled(models.Model):
    """What was ruled on one mail at its hand-over, under the mail's id; the mail itself ends long before. Ids and codes only."""

    row_access = RowAccess(App.REPLACE, open_though_restricted="it says what became of a mail, and nothing else")
    kept = (Kept("at", 400, "the mail was handed over, or withheld"),)
    counted = Counted("at", ("message_class", "verdict"))
    id = technical(models.CharField(primary_key=True, max_length=16))
    key_owner = technical(models.CharField(max_length=16))
    kind = technical(models.CharField(max_length=40), Code())
    message_class = technical(models.CharField(max_length=12), OneOf(MessageClass))
    purpose = technical(models.CharField(max_length=20, blank=True), OneOf(("", *PURPOSES)))
    verdict = technical(models.CharField(max_length=12), OneOf(Verdict))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "messages_ruled"
        indexes = [models.Index(fields=["at"], name="messages_ruled_at")]


class Suppression(models.Model):
    """That an address gets no more mails for a purpose, until its owner asks for them anew. It holds no address.

    purpose `all`: for every purpose that needs consent. It stays when its person is erased, and is followed for whoever comes
    later.
    """

    stays = "as long as the service runs, so that it is followed"
    row_access = RowAccess(open_though_restricted="it says what somebody decided")
    by_address = ByAddress(ErasedBy.NOBODY)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    address_hash = hashed(
        models.CharField(max_length=64),
        "user.privacy_preferences",
        FOLLOWING,
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    purpose = technical(models.CharField(max_length=20), OneOf((ALL, *PURPOSES)))
    way = technical(models.CharField(max_length=6), OneOf(Way))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "messages_suppression"
        constraints = [models.UniqueConstraint(fields=["address_hash", "purpose"], name="one_suppression_a_purpose")]


class StopLink(models.Model):
    """The link in one mail that stops mails of its purpose to its address; of the token there is only a hash.

    It works for a year, also when its reader's account is gone, and tells nobody an address.
    """

    row_access = RowAccess(
        App.REPLACE,
        rewritable=("key_owner",),  # emptied when they are erased
        open_though_restricted="also whoever is restricted may stop mails",
    )
    by_address = ByAddress(ErasedBy.NOBODY)
    kept = (Kept("at", 365, "its mail was handed over"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    token_hash = technical(models.CharField(max_length=64, unique=True))
    key_owner = technical(models.CharField(max_length=16, null=True))
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True),
        "user.contact.email",
        FOLLOWING,
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    purpose = technical(models.CharField(max_length=20), OneOf(PURPOSES))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "messages_stop_link"
