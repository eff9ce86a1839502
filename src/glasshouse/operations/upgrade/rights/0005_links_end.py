"""Confirmation links end: after a day, after one use; the guest's page has a secret of its own; replies follow a request."""

from datetime import timedelta
from typing import Any

from django.db import migrations, models
from django.db.models import F


def end_links(apps: Any, schema_editor: Any) -> None:
    """Links that were mailed before end a day after they were mailed; a page that is open stays open for its day.

    Whose request was passed on before was not asked: that is what is written, and not that they agreed.
    """
    rows = apps.get_model("rights", "Request").objects.using(schema_editor.connection.alias)
    day = timedelta(hours=24)
    rows.filter(proved_at=None, reminded_at=None).update(proof_ends_at=F("asked_at") + day)
    rows.filter(proved_at=None, reminded_at__isnull=False).update(proof_ends_at=F("reminded_at") + day)
    rows.exclude(proved_at=None).update(
        proof_ends_at=F("proved_at"), proof_used_at=F("proved_at"), page_hash=F("proof_hash")
    )
    rows.filter(referrals__gt=0).update(passing="before")


class Migration(migrations.Migration):
    dependencies = [("rights", "0004_seal_text")]

    operations = [
        migrations.AddField("request", "follows", models.CharField(blank=True, default="", max_length=16), False),
        migrations.AddField(
            "request",
            "passing",
            models.CharField(
                blank=True,
                choices=[("agreed", "Agreed"), ("declined", "Declined"), ("before", "Before")],
                default="",
                max_length=8,
            ),
            False,
        ),
        migrations.AddField("request", "proof_ends_at", models.DateTimeField(null=True)),
        migrations.AddField("request", "proof_used_at", models.DateTimeField(null=True)),
        migrations.AddField("request", "page_hash", models.CharField(max_length=64, null=True, unique=True)),
        migrations.RunPython(end_links),
        migrations.AddConstraint(
            "request",
            models.CheckConstraint(
                condition=models.Q(("passing__in", ["", "agreed", "declined", "before"])), name="known_passing"
            ),
        ),
    ]
