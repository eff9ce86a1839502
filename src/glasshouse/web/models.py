"""What the pages keep for a short while: forms that were sent, and what is on its way to the page that shows it once."""

from django.db import models

from glasshouse.kernel.ids import new_id
from glasshouse.vault.classification import technical
from glasshouse.vault.content import Code, Matching
from glasshouse.vault.datamap import Kept, personal
from glasshouse.vault.fields import SealedJson

# A path of ours and no address of another host, which "//" and "/\\" begin for a browser. Of Python and of PostgreSQL.
LOCATION = r"^(/([^/\\].*)?)?$"


class FormSent(models.Model):
    """One form of one page, sent by one browser. `location`: where its answer leads, empty until it is answered.

    The key is a hash of the form's own random token, its address and its contents, so the row says nothing of anybody.
    """

    kept = (Kept("sent_at", 1, "it was sent"),)
    key = technical(models.CharField(primary_key=True, max_length=64))
    done = technical(models.BooleanField(default=False))
    location = technical(models.CharField(max_length=400, blank=True), Matching("/[!-~]*"))
    sent_at = technical(models.DateTimeField())

    class Meta:
        db_table = "web_form_sent"
        constraints = [
            models.CheckConstraint(condition=models.Q(location__regex=LOCATION), name="form_location_is_a_path")
        ]


class ShownOnce(models.Model):
    """A new secret (or a report) between the form that made it and the page that shows it, which deletes the row.

    Only the session that made it collects it.
    """

    kept = (Kept("expires_at", 0, "until it is shown, 11 minutes at most"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    session = technical(models.CharField(max_length=16))
    purpose = technical(models.CharField(max_length=20), Code())
    value = SealedJson(
        personal(
            "user.authorization",
            "showing a new key to whoever made it, once",
            source="us",
            need="a new key is shown on a page of its own",
        ),
        key_owner="key_owner",
    )
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "web_shown_once"


class WrittenForm(models.Model):
    """A form as it was written, while its person confirms who they are; the page that shows it again deletes the row.

    `form`: the path that it is sent to, and its fields (name -> values). Only the session that wrote it sees it again.
    """

    kept = (Kept("expires_at", 0, "until the form is shown again, 11 minutes at most"),)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    session = technical(models.CharField(max_length=16))
    form = SealedJson(
        personal("user.content.private", "showing a form again as you wrote it, once you have confirmed who you are"),
        key_owner="key_owner",
    )
    created_at = technical(models.DateTimeField())
    expires_at = technical(models.DateTimeField())

    class Meta:
        db_table = "web_written_form"
