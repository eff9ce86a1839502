"""The mails that wait, by the order in which they are sent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0003_letters"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(sent_at=None), fields=["created_at"], name="mail_index_due"),
        ),
    ]
