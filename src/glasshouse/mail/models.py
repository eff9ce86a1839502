"""The queue of outgoing mail. Addresses and texts are sealed under the key of whom they are for."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.queues.rules import PLACE, REASON
from glasshouse.rowsecurity.declarations import RowAccess
from glasshouse.vault.classification import hashed, technical
from glasshouse.vault.content import Code, Matching
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, Writer
from glasshouse.vault.fields import SealedText

# Kinds of mails that carry somebody else's words than ours; the same words say who knew the address.
WRITERS = {"invitation": "the organisation that invites", "referral-answer": "the organisation that answers you"}
# Some of those who are written to have no contract with us: whoever is invited, or asks without an account.
DELIVERY = Basis.LEGITIMATE_INTEREST
CARRIERS = ("the operator's mail server", "for text messages: the telephone network's provider")


class Message(models.Model):
    """One mail (or text message) to one person. `key owner` is the person, or the sign-up that is not a person yet.

    `answers`: the Message-ID that it replies to. `purpose`: what it serves beyond the service itself, which its person may object
    to ("": the service itself). `refused`: why nothing lets it out (see kernel.gate). `reason`, `place`: the class of the error
    that the last try ended with, and where in our code. `set_aside_at`: since when nothing tries it any more. `seen_at`: since
    when staff leave it so. `by_hand`: a person wrote it; all others say that a program did.
    """

    belongs = Belongs(
        Owner.READER,
        "words of yours in mails to others",
        "They are in those persons' mails, which end 30 days after they were sent.",
        (Writer.MEMBER, Writer.STAFF),
    )
    row_access = RowAccess(
        # Mails that the law or the person wants.
        open_rows="kind IN ('announcement', 'change', 'privacy', 'reset', 'restriction', 'second-step', 'sign-up', 'text')"
    )
    holds_links = ("subject", "body")  # What is shown of these masks them: whoever reads it could use them.
    by_address = ByAddress(ErasedBy.ANYBODY, hidden=True)
    kept = (Kept("sent_at", 30, "it was sent"), Kept("created_at", 90, "it was written, if it could not be sent"))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    kind = technical(models.CharField(max_length=40), Code())
    address = SealedText(
        personal(
            "user.contact.email", "delivering the mail", basis=DELIVERY, recipients=CARRIERS, need="the mail goes there"
        ),
        key_owner="key_owner",
    )
    address_hash = hashed(
        models.CharField(max_length=64, null=True, db_index=True),
        "user.contact.email",
        "finding the mails to a person",
        basis=Basis.LEGAL_OBLIGATION,
    )
    subject = SealedText(
        personal("user.content.private", "delivering the mail", basis=DELIVERY, recipients=CARRIERS, source="us"),
        key_owner="key_owner",
    )
    body = SealedText(
        personal("user.content.private", "delivering the mail", basis=DELIVERY, recipients=CARRIERS, source="us"),
        key_owner="key_owner",
    )
    answers = SealedText(
        personal(
            "user.content.private",
            "answering in the thread of a mail",
            basis=Basis.LEGAL_OBLIGATION,
            recipients=CARRIERS,
        ),
        key_owner="key_owner",
        null=True,
    )
    purpose = technical(models.CharField(max_length=20, blank=True), Code())
    by_hand = technical(models.BooleanField(default=False, db_default=False))
    refused = technical(models.CharField(max_length=80, blank=True), Matching(REASON))
    bounced_at = technical(models.DateTimeField(null=True))
    created_at = technical(models.DateTimeField())
    sent_at = technical(models.DateTimeField(null=True, db_index=True))
    tries = technical(models.PositiveSmallIntegerField(default=0))
    next_try_at = technical(models.DateTimeField())
    reason = technical(models.CharField(max_length=60, blank=True), Matching(REASON))
    place = technical(models.CharField(max_length=80, blank=True), Matching(PLACE))
    set_aside_at = technical(models.DateTimeField(null=True))
    seen_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "mail_message"
        constraints = [
            # Nothing but names of our own code: no text of an error, which may hold personal data.
            models.CheckConstraint(condition=models.Q(reason__regex=REASON), name="mail_reason_is_a_class"),
            models.CheckConstraint(condition=models.Q(place__regex=PLACE), name="mail_place_is_in_our_code"),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(sent_at=None), name="mail_index_due"),
            # The queue itself: few rows, among many that were sent.
            models.Index(
                fields=["next_try_at"], name="mail_waiting", condition=models.Q(sent_at=None, set_aside_at=None)
            ),
        ]

    @property
    def holds_codes(self) -> bool:
        """Whether numbers in it are codes for signing in: of text messages, and of no other."""
        return self.kind == "text"

    @property
    def written_by(self) -> str:
        """Whose words these are, in words for whom they are for."""
        return WRITERS.get(self.kind, "us")

    def recipients_of(self, field: str) -> tuple[str, ...]:
        """Who carries this message, of CARRIERS: a text message goes to a telephone network, and no mail does."""
        return CARRIERS[1:] if self.kind == "text" else CARRIERS[:1]

    def source_of(self, field: str) -> str:
        """Who a value comes from, in words for the person; "" where the data map says it."""
        is_written_by_others = field in ("subject", "body") or (field == "address" and self.kind == "invitation")
        return self.written_by if is_written_by_others else ""
