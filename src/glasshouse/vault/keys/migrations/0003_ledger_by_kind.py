from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vault_keys", "0002_ledger"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="ledgerline",
            index=models.Index(fields=["kind", "at"], name="ledger_by_kind"),
        ),
    ]
