"""Organisations and who belongs to them."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.datamap import confidential
from glasshouse.vault.fields import SealedText, technical


class Organisation(models.Model):
    """A customer. `tenant` is the opaque id by which the crop plane knows it, and nothing else does."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    name = SealedText(confidential("naming the customer to its own people"), holder="id")
    tenant = technical(models.CharField(max_length=16, default=new_id, unique=True))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "access_organisation"


class Membership(models.Model):
    """A person's place in an organisation."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation = technical(models.ForeignKey(Organisation, on_delete=models.CASCADE))
    account_id = technical(models.CharField(max_length=16, db_index=True))
    role = technical(models.CharField(max_length=20))
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "access_membership"
        constraints = [models.UniqueConstraint(fields=["organisation", "account_id"], name="one_membership_each")]
