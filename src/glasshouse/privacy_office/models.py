"""Assessments of what a purpose means for people."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.classification import published, technical
from glasshouse.vault.content import Code
from glasshouse.vault.datamap import Basis, confidential
from glasshouse.vault.declarations import Belongs, Owner, Writer
from glasshouse.vault.fields import SealedText


class Assessment(models.Model):
    """A note of what a purpose means for people (GDPR Art. 35). `purpose`: as the record of processing names it."""

    belongs = Belongs(
        Owner.OPERATOR,
        "assessments of purposes",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    stays = "until there is a newer one of the same purpose"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    purpose = published(models.CharField(max_length=200, db_index=True))
    risk = technical(models.CharField(max_length=8), Code())
    text = SealedText(
        confidential(
            "showing that the risks of a purpose were assessed",
            basis=Basis.LEGAL_OBLIGATION,
            retention="until a newer one",
        ),
        key_owner="id",
    )
    by = technical(models.CharField(max_length=16))
    at = technical(models.DateTimeField())
    review_at = technical(models.DateField())

    class Meta:
        app_label = "rights"
        db_table = "rights_assessment"
