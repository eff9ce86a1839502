"""An event stands in the outbox once. Of one that stands there more often, one row stays, and waits if any of them did."""

from django.db import migrations, models

CLEAN = """
UPDATE events_unchained kept SET lost = false WHERE lost AND EXISTS (
  SELECT 1 FROM events_unchained other WHERE other.event_id = kept.event_id AND NOT other.lost);
DELETE FROM events_unchained later USING events_unchained kept
WHERE later.event_id = kept.event_id AND later.number > kept.number;
"""
# An event that was lost and is there again (restored by an administrator) waits once more.
TRIGGER = """
CREATE OR REPLACE FUNCTION glasshouse_event_to_outbox() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  INSERT INTO events_unchained (event_id) SELECT id FROM new_events ORDER BY at, id
    ON CONFLICT (event_id) DO UPDATE SET lost = false;
  RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0004_outbox")]

    operations = [
        migrations.RunSQL(CLEAN, migrations.RunSQL.noop),
        migrations.AddConstraint("unchained", models.UniqueConstraint(fields=["event_id"], name="an_event_waits_once")),
        migrations.RunSQL(TRIGGER, migrations.RunSQL.noop),
    ]
