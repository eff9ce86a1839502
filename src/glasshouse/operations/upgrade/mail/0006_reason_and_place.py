"""A mail's reason and place hold names of code only. What stands otherwise in old rows is taken out first."""

from django.db import migrations, models

REASON, PLACE = r"^([A-Za-z_][A-Za-z0-9_]*)?$", r"^([A-Za-z0-9_/.-]+\.py:[0-9]+)?$"
CLEAN = f"""
UPDATE mail_message SET reason = CASE WHEN reason ~ '{REASON}' THEN reason ELSE 'Exception' END,
  place = CASE WHEN place ~ '{PLACE}' THEN place ELSE '' END
WHERE reason !~ '{REASON}' OR place !~ '{PLACE}';
"""


class Migration(migrations.Migration):
    dependencies = [("mail", "0005_set_aside")]

    operations = [
        migrations.RunSQL(CLEAN, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "message",
            models.CheckConstraint(condition=models.Q(reason__regex=REASON), name="mail_reason_is_a_class"),
        ),
        migrations.AddConstraint(
            "message",
            models.CheckConstraint(condition=models.Q(place__regex=PLACE), name="mail_place_is_in_our_code"),
        ),
    ]
