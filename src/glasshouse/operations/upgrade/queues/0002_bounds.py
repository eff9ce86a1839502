"""Tries are bounded, and columns of names hold nothing else. What stands otherwise in old rows is taken out first."""

from django.db import migrations, models

QUEUE, REASON, PLACE = r"^[a-z][a-z0-9.-]*$", r"^([A-Za-z_][A-Za-z0-9_]*)?$", r"^([A-Za-z0-9_/.-]+\.py:[0-9]+)?$"
CLEAN = f"""
DELETE FROM queues_failure WHERE queue !~ '{QUEUE}';
UPDATE queues_failure SET tries = least(tries, 1000),
  reason = CASE WHEN reason ~ '{REASON}' THEN reason ELSE 'Exception' END,
  place = CASE WHEN place ~ '{PLACE}' THEN place ELSE '' END
WHERE tries > 1000 OR reason !~ '{REASON}' OR place !~ '{PLACE}';
"""


class Migration(migrations.Migration):
    dependencies = [("queues", "0001_initial")]

    operations = [
        migrations.RunSQL(CLEAN, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "failure", models.CheckConstraint(condition=models.Q(tries__lte=1000), name="tries_bounded")
        ),
        migrations.AddConstraint(
            "failure", models.CheckConstraint(condition=models.Q(queue__regex=QUEUE), name="failure_queue_is_a_name")
        ),
        migrations.AddConstraint(
            "failure",
            models.CheckConstraint(condition=models.Q(reason__regex=REASON), name="failure_reason_is_a_class"),
        ),
        migrations.AddConstraint(
            "failure",
            models.CheckConstraint(condition=models.Q(place__regex=PLACE), name="failure_place_is_in_our_code"),
        ),
    ]
