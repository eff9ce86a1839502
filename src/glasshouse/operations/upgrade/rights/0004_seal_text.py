"""Seal what requests, their messages and agents kept in the clear; agents get an id of our own."""

from typing import Any

from django.db import migrations, models

import glasshouse.kernel.ids
from glasshouse.kernel.ids import new_id
from glasshouse.vault import api as vault
from glasshouse.vault.sealing import Column, begin, finish, seal_columns

REQUEST = ("authentication", "identity", "agent_request", "callback")
AGENT = ("name", "verify_key", "callback_host")


def seal(apps: Any, schema_editor: Any) -> None:
    """Seal the rows that are there. An agent's own id becomes a sealed value, found by its keyed hash."""
    with schema_editor.connection.cursor() as cursor:
        seal_columns(cursor, "rights_request", "holder", [Column(name) for name in REQUEST])
        seal_columns(cursor, "rights_letter", "holder", [Column("authentication")])
        cursor.execute("SELECT id FROM rights_agent")
        for (agent_id,) in cursor.fetchall():
            number = new_id()
            cursor.execute(
                "UPDATE rights_agent SET id = %s, agent_hash = %s, agent_id = %s WHERE id = %s",
                [
                    number,
                    vault.lookup("agent", agent_id),
                    vault.seal(agent_id.encode(), place=("rights_agent", "agent_id", number)),
                    agent_id,
                ],
            )
            cursor.execute("UPDATE rights_request SET agent = %s WHERE agent = %s", [number, agent_id])
        # Agents are never deleted, so this finds nothing; a longer value would stop the next step.
        cursor.execute("UPDATE rights_request SET agent = '' WHERE agent NOT IN (SELECT id FROM rights_agent)")
        seal_columns(
            cursor,
            "rights_agent",
            "id",
            [Column("name", required=True), Column("verify_key", required=True), Column("callback_host")],
        )


class Migration(migrations.Migration):
    dependencies = [("rights", "0003_requests_demands")]

    operations = [
        *begin("request", REQUEST),
        *begin("letter", ["authentication"]),
        *begin("agent", AGENT),
        migrations.AddField("agent", "agent_id", models.BinaryField(null=True)),
        migrations.AddField("agent", "agent_hash", models.CharField(max_length=64, null=True)),
        migrations.RunPython(seal),
        *finish("request", REQUEST),
        *finish("letter", ["authentication"]),
        *finish("agent", AGENT, required=("agent_id", "name", "verify_key")),
        migrations.AlterField("agent", "agent_hash", models.CharField(max_length=64, unique=True)),
        migrations.AlterField(
            "agent",
            "id",
            models.CharField(default=glasshouse.kernel.ids.new_id, max_length=16, primary_key=True, serialize=False),
        ),
        migrations.AlterField("request", "agent", models.CharField(blank=True, max_length=16)),
    ]
