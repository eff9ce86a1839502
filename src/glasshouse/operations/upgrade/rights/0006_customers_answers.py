"""Messages in which a customer answered are known as such, so that the customer can be shown its own answer."""

from django.db import migrations, models

# The answer was written in the transaction that noted its time, a moment after it. Where two may have written a message, or one
# may have written two, it stays ours: it would be shown to the wrong customer.
ANSWERS = """
WITH pair AS (
  SELECT l.id AS letter, f.id AS referral,
    count(*) OVER (PARTITION BY l.id) AS referrals, count(*) OVER (PARTITION BY f.id) AS letters
  FROM rights_letter l JOIN rights_referral f ON f.request_id = l.request_id
  WHERE l.sender = 'us' AND l.at >= f.answered_at AND l.at < f.answered_at + interval '2 seconds'
)
UPDATE rights_letter SET sender = 'customer', referral = pair.referral
FROM pair WHERE rights_letter.id = pair.letter AND pair.referrals = 1 AND pair.letters = 1
"""
# The policy by which the owner reads referrals is newer than some tables; all policies are written anew after migrations.
READABLE = "ALTER TABLE rights_referral NO FORCE ROW LEVEL SECURITY"
FORCED = "ALTER TABLE rights_referral FORCE ROW LEVEL SECURITY"


class Migration(migrations.Migration):
    dependencies = [("rights", "0005_links_end")]

    operations = [
        migrations.AddField("letter", "referral", models.CharField(blank=True, default="", max_length=16), False),
        migrations.RunSQL([READABLE, ANSWERS, FORCED]),
    ]
