"""Documents in versions and languages, who accepted which, and who was told of a change to come."""

from datetime import timedelta

from django.db import models
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value

from glasshouse.kernel.ids import new_id
from glasshouse.notices.rules import LEAST_LEAD_DAYS, TITLES
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import published, technical
from glasshouse.vault.content import Code, Id, Matching, OneOf
from glasshouse.vault.datamap import Basis, Kept, personal
from glasshouse.vault.declarations import Belongs, Owner, Writer
from glasshouse.vault.fields import SealedText

LEAD = ExpressionWrapper(F("lead_days") * Value(timedelta(days=1)), output_field=DurationField())


class Version(models.Model):
    """One version of a document. A draft has no number; a published one is never changed again.

    A significant one is announced to everybody, and comes into force `lead_days` after the last mail of it left.
    `tables`: what the data map said when it was published; `facts`: what was configured then (`facts.py`).
    """

    stays = "for ever: what held when must be shown"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    document = technical(
        models.CharField(
            max_length=12, choices=[(str(document), title) for document, title in TITLES.items()], db_index=True
        ),
        OneOf(TITLES),
    )
    number = technical(models.PositiveIntegerField(null=True))
    significant = technical(models.BooleanField())
    lead_days = technical(models.PositiveSmallIntegerField(default=0))
    tables = published(models.JSONField(default=list))
    facts = published(models.JSONField(default=dict))
    written_by = technical(models.CharField(max_length=16), Id("installation"))
    created_at = technical(models.DateTimeField())
    published_at = technical(models.DateTimeField(null=True))
    announced_at = technical(models.DateTimeField(null=True))
    in_force_at = technical(models.DateTimeField(null=True, db_index=True))

    class Meta:
        db_table = "notices_version"
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="one_version_a_number"),
            models.CheckConstraint(
                condition=Q(published_at=None, number=None) | Q(published_at__isnull=False, number__isnull=False),
                name="numbered_when_published",
            ),
            models.CheckConstraint(
                condition=Q(in_force_at=None) | Q(published_at__isnull=False), name="in_force_when_published"
            ),
            models.CheckConstraint(
                condition=Q(significant=False) | Q(lead_days__gte=LEAST_LEAD_DAYS), name="significant_has_lead"
            ),
            # A significant change is in force no sooner than its own lead time after it was told to everybody (PRI-03).
            models.CheckConstraint(
                condition=Q(significant=False)
                | Q(in_force_at=None)
                | Q(announced_at__isnull=False, in_force_at__gte=F("announced_at") + LEAD),
                name="significant_waits",
            ),
        ]


class Text(models.Model):
    """A version's words in one language. `summary`: what changed, in plain words."""

    belongs = Belongs(Owner.OPERATOR, "documents, and what changed in them", "They are published.", (Writer.STAFF,))
    stays = "for ever: what held when must be shown"
    row_access = RowAccess(App.APPEND)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    version = technical(models.ForeignKey(Version, on_delete=models.CASCADE))
    language = technical(models.CharField(max_length=5), Matching("[a-z]{2}"))
    body = published(models.TextField())
    summary = published(models.TextField(blank=True))

    class Meta:
        db_table = "notices_text"
        constraints = [models.UniqueConstraint(fields=["version", "language"], name="one_text_a_language")]


class Acceptance(models.Model):
    """That a person accepted a version: which words were shown, when, and how."""

    stays = "as long as the account exists"
    row_access = RowAccess(App.REPLACE, rewritable=("shown",))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    version = technical(models.ForeignKey(Version, on_delete=models.PROTECT))
    shown = SealedText(
        personal(
            "user.account.settings",
            "showing what was accepted, and when",
            need="nobody's data is used without it",
            basis=Basis.LEGAL_OBLIGATION,
            retention="as long as the account exists",
        ),
        key_owner="key_owner",
    )
    language = technical(models.CharField(max_length=5), Matching("[a-z]{2}"))
    how = technical(models.CharField(max_length=12), Code())
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "notices_acceptance"
        constraints = [models.UniqueConstraint(fields=["key_owner", "version"], name="one_acceptance_each")]


class Announcement(models.Model):
    """That a person was told of a version to come. state: queued, sent, bounced or failed (told in the product then)."""

    kept = (Kept("at", 1095, "the change was announced, to be able to show it"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    version = technical(models.ForeignKey(Version, on_delete=models.PROTECT))
    address = SealedText(
        personal("user.contact.email", "announcing a change of our documents", basis=Basis.LEGAL_OBLIGATION),
        key_owner="key_owner",
    )
    message = technical(models.CharField(max_length=16))
    state = technical(models.CharField(max_length=8, default="queued"), Code())
    at = technical(models.DateTimeField())
    resent_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "notices_announcement"
        constraints = [models.UniqueConstraint(fields=["key_owner", "version"], name="one_announcement_each")]
