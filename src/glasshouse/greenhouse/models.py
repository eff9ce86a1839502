"""The web side of crop data: where it comes from. The readings themselves are in the crop plane."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.datamap import confidential
from glasshouse.vault.fields import SealedJson, SealedText, technical

SHOWN = confidential("showing the customer its own greenhouses", category="user.workplace")


class Site(models.Model):
    """A place with greenhouses. `facts`: latitude, longitude (degrees), time_zone (IANA), area_m2, crop."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    name = SealedText(SHOWN, holder="organisation_id")
    facts = SealedJson(SHOWN, holder="organisation_id")
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "greenhouse_site"


class Compartment(models.Model):
    """A part of a site with a climate of its own."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    name = SealedText(SHOWN, holder="organisation_id")
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "greenhouse_compartment"


class Device(models.Model):
    """Something that sends readings. Its key is known to the crop plane only, as a hash."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    compartment = technical(models.ForeignKey(Compartment, null=True, on_delete=models.CASCADE))
    name = SealedText(SHOWN, holder="organisation_id")
    created_at = technical(models.DateTimeField())
    revoked_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "greenhouse_device"


class Upload(models.Model):
    """A file on its way in: sealed as it came (`blob`), until its readings are taken; then what came of it (`report`)."""

    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    site = technical(models.ForeignKey(Site, on_delete=models.CASCADE))
    compartment = technical(models.ForeignKey(Compartment, null=True, on_delete=models.CASCADE))
    name = SealedText(SHOWN, holder="organisation_id")
    blob = technical(models.CharField(max_length=16))
    report = SealedJson(SHOWN, holder="organisation_id", null=True)
    created_at = technical(models.DateTimeField())

    class Meta:
        db_table = "greenhouse_upload"
