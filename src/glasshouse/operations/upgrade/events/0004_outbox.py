"""The outbox of the event chain, filled by the database itself; indexes of the pages and of the daily roots.

Events that are not chained when this runs are put into the outbox, in the order of their times. It holds the event table against
writers until it has ended, so that no event is forgotten between the copy and the trigger.
"""

from django.db import migrations, models

OUTBOX = """
LOCK TABLE events_event IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO events_unchained (event_id)
  SELECT e.id FROM events_event e WHERE NOT EXISTS (SELECT 1 FROM events_link l WHERE l.event_id = e.id)
  ORDER BY e.at, e.id;
CREATE FUNCTION glasshouse_event_to_outbox() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
  INSERT INTO events_unchained (event_id) SELECT id FROM new_events ORDER BY at, id;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION glasshouse_event_to_outbox() FROM PUBLIC;
CREATE TRIGGER event_to_outbox AFTER INSERT ON events_event REFERENCING NEW TABLE AS new_events
  FOR EACH STATEMENT EXECUTE FUNCTION glasshouse_event_to_outbox();
ALTER TABLE events_unchained SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""
BACK = """
DROP TRIGGER IF EXISTS event_to_outbox ON events_event;
DROP FUNCTION IF EXISTS glasshouse_event_to_outbox();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_chained_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="Unchained",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.CharField(max_length=16)),
                ("lost", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "events_unchained",
                "indexes": [
                    models.Index(condition=models.Q(lost=False), fields=["number"], name="events_index_outbox"),
                ],
            },
        ),
        migrations.AddField(
            model_name="root",
            name="published_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="event",
            name="at",
            field=models.DateTimeField(),
        ),
        migrations.AlterField(
            model_name="event",
            name="organisation_id",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organisation_id", "-at", "-id"], name="events_index_organisation"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["actor", "-at", "-id"], name="events_index_actor"),
        ),
        migrations.AddIndex(
            model_name="link",
            index=models.Index(fields=["chained_at", "number"], name="events_index_chained_at"),
        ),
        migrations.RunSQL(OUTBOX, BACK),
    ]
