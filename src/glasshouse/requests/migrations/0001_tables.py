import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import glasshouse.kernel.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Agent",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("agent_id", models.BinaryField()),
                ("agent_hash", models.CharField(max_length=64, unique=True)),
                ("name", models.BinaryField()),
                ("verify_key", models.BinaryField()),
                ("callback_host", models.BinaryField(null=True)),
                ("token_hash", models.CharField(blank=True, db_index=True, max_length=64)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "rights_agent",
            },
        ),
        migrations.CreateModel(
            name="Assessment",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("purpose", models.CharField(db_index=True, max_length=200)),
                ("risk", models.CharField(max_length=8)),
                ("text", models.BinaryField()),
                ("by", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
                ("review_at", models.DateField()),
            ],
            options={
                "db_table": "rights_assessment",
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("person", models.CharField(max_length=16, unique=True)),
                ("account", models.CharField(max_length=16)),
                ("begun_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(db_index=True, null=True)),
                ("rows", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
            ],
            options={
                "db_table": "rights_erasure",
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(db_index=True, max_length=16)),
                ("name", models.BinaryField()),
                ("blob", models.CharField(blank=True, max_length=16)),
                ("account", models.CharField(blank=True, max_length=16)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "rights_copy",
            },
        ),
        migrations.CreateModel(
            name="OfficerRegion",
            fields=[
                ("account_id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                (
                    "regions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=6), size=None),
                ),
            ],
            options={
                "db_table": "rights_officer_region",
            },
        ),
        migrations.CreateModel(
            name="LegalRequest",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(max_length=64)),
                ("authority", models.BinaryField()),
                ("grounds", models.BinaryField()),
                ("reasons", models.BinaryField()),
                ("country", models.CharField(max_length=2)),
                (
                    "asked",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), size=None),
                ),
                (
                    "narrowed",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), default=list, size=None
                    ),
                ),
                ("first_by", models.CharField(blank=True, max_length=16)),
                ("first_verdict", models.CharField(blank=True, max_length=8)),
                ("second_by", models.CharField(blank=True, max_length=16)),
                ("second_verdict", models.CharField(blank=True, max_length=8)),
                ("outcome", models.CharField(blank=True, max_length=10)),
                ("blob", models.CharField(blank=True, max_length=16)),
                ("entered_by", models.CharField(max_length=16)),
                ("received_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("barred_until", models.DateField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("person", models.CharField(blank=True, max_length=16)),
                ("untellable_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "rights_demand",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_by", ""),
                            ("second_by", ""),
                            models.Q(("first_by", models.F("second_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="two_reviewers",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "answered"), _negated=True),
                            models.Q(
                                models.Q(("first_by", ""), _negated=True),
                                models.Q(("second_by", ""), _negated=True),
                                ("first_verdict", "answer"),
                                ("second_verdict", "answer"),
                            ),
                            _connector="OR",
                        ),
                        name="answered_after_two_reviews",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "answered"), _negated=True),
                            ("told_at__isnull", False),
                            ("barred_until__isnull", False),
                            _connector="OR",
                        ),
                        name="told_or_barred",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "answered"), _negated=True),
                            ("narrowed__contained_by", models.F("asked")),
                            _connector="OR",
                        ),
                        name="no_more_than_asked",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Referral",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("organisation_id", models.CharField(db_index=True, max_length=16)),
                ("request_id", models.CharField(db_index=True, max_length=16)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("warned_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_by", models.CharField(blank=True, max_length=16)),
            ],
            options={
                "db_table": "rights_referral",
                "constraints": [
                    models.UniqueConstraint(fields=("organisation_id", "request_id"), name="one_referral_each")
                ],
            },
        ),
        migrations.CreateModel(
            name="Request",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("address", models.BinaryField()),
                ("address_hash", models.CharField(db_index=True, max_length=64)),
                ("text", models.BinaryField()),
                ("answer", models.BinaryField(null=True)),
                ("thread", models.BinaryField(null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "Access"),
                            ("copy", "Copy"),
                            ("correct", "Correct"),
                            ("erase", "Erase"),
                            ("object", "Object"),
                            ("restrict", "Restrict"),
                            ("question", "Question"),
                        ],
                        max_length=12,
                    ),
                ),
                ("law", models.CharField(max_length=12)),
                ("region", models.CharField(default="other", max_length=6)),
                ("authentication", models.BinaryField(null=True)),
                ("identity", models.BinaryField(null=True)),
                ("entered_by", models.CharField(blank=True, max_length=16)),
                ("escalated", models.PositiveSmallIntegerField(default=0)),
                ("reminded_at", models.DateTimeField(null=True)),
                ("referrals", models.PositiveSmallIntegerField(default=0)),
                ("agent", models.CharField(blank=True, max_length=16)),
                ("agent_request", models.BinaryField(null=True)),
                ("agent_seal", models.CharField(max_length=64, null=True, unique=True)),
                ("agent_told", models.CharField(blank=True, max_length=80)),
                ("callback", models.BinaryField(null=True)),
                ("channel", models.CharField(max_length=8)),
                ("follows", models.CharField(blank=True, max_length=16)),
                (
                    "passing",
                    models.CharField(
                        blank=True,
                        choices=[("agreed", "Agreed"), ("declined", "Declined"), ("before", "Before")],
                        max_length=8,
                    ),
                ),
                ("proof_hash", models.CharField(max_length=64, unique=True)),
                ("proof_ends_at", models.DateTimeField(null=True)),
                ("proof_used_at", models.DateTimeField(null=True)),
                ("page_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("proved_at", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(db_index=True)),
                ("extended_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, max_length=12)),
            ],
            options={
                "db_table": "rights_request",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("passing__in", ["", "agreed", "declined", "before"])), name="known_passing"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RequestMessage",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("key_owner", models.CharField(max_length=16)),
                ("text", models.BinaryField()),
                ("sender", models.CharField(max_length=10)),
                ("referral", models.CharField(blank=True, max_length=16)),
                ("authentication", models.BinaryField(null=True)),
                ("at", models.DateTimeField()),
                ("request", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="rights.request")),
            ],
            options={
                "db_table": "rights_letter",
            },
        ),
    ]
