"""Mails that failed in every try are set aside, with the reason of the last one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0004_index_due"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="reason",
            field=models.CharField(blank=True, default="", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="message",
            name="place",
            field=models.CharField(blank=True, default="", max_length=80),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="message",
            name="set_aside_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="seen_at",
            field=models.DateTimeField(null=True),
        ),
        # Until now, twelve tries were all, and nobody was told.
        migrations.RunSQL(
            "UPDATE mail_message SET set_aside_at = next_try_at WHERE sent_at IS NULL AND tries >= 12",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("sent_at", None), ("set_aside_at", None)),
                fields=["next_try_at"],
                name="mail_waiting",
            ),
        ),
    ]
