"""Where a form led is a path of ours, or empty. What stands otherwise in old rows is taken out first."""

from django.db import migrations, models

LOCATION = r"^(/([^/\\].*)?)?$"


class Migration(migrations.Migration):
    dependencies = [("web", "0001_forms_once")]

    operations = [
        migrations.RunSQL(
            f"UPDATE web_form_sent SET location = '' WHERE location !~ '{LOCATION}'", migrations.RunSQL.noop
        ),
        migrations.AddConstraint(
            "formsent",
            models.CheckConstraint(condition=models.Q(location__regex=LOCATION), name="form_location_is_a_path"),
        ),
    ]
