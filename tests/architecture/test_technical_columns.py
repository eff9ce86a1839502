"""A technical text column holds an id, a word of a list, or a form that no sentence fits. The database says so."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections, models

from glasshouse.operations.installation import Installation
from glasshouse.rowsecurity import columns
from glasshouse.vault.classification import content_of, technical
from tests.conftest import Customer, administering

# What a form, a mail or an API could fill: none of it may stand in a column that is not sealed.
WRITTEN = (
    "Anna Berg",
    "anna@grower.example",
    "+49 170 1234567",
    "12 Rose Lane",
    "Anna",
    "a b",
    "Zoë",
    "line\nline",
)
# An error's class may have any name that is one word; it is never its text.
CLASS_NAMES = {("queues_failure", "reason"), ("mail_message", "reason"), ("mail_message", "refused")}
SQL = "SELECT {rule} FROM (SELECT CAST(%s AS {kind}) AS {column}) AS row"


def _kind(field: "models.Field[object, object]") -> str:
    # Without its length: a text that is too long fails by itself, and would hide what the CHECK says.
    kind = str(field.db_type(connections["default"]))
    return "text[]" if kind.endswith("[]") else "text" if kind.startswith("varchar") else kind


def _given(field: "models.Field[object, object]", text: str) -> object:
    from psycopg.types.json import Jsonb

    return (
        Jsonb({"note": text}) if isinstance(field, models.JSONField) else [text] if _kind(field) == "text[]" else text
    )


@pytest.mark.usefixtures("home")
def test_no_technical_column_takes_what_somebody_wrote() -> None:
    let_in, tried = [], 0
    with connections["default"].cursor() as cursor:
        for model, field in columns.technical_texts():
            sql = SQL.format(rule=columns.condition(field), kind=_kind(field), column=f'"{field.column}"')
            # A column of text has its length; what stands in JSON is bounded by the rule.
            for text in (*WRITTEN, *(["x" * 200] if isinstance(field, models.JSONField) else [])):
                if text == "Anna" and (model._meta.db_table, field.column) in CLASS_NAMES:
                    continue
                tried += 1
                cursor.execute(sql, [_given(field, text)])
                if cursor.fetchone() != (False,):
                    let_in.append(f"{model._meta.db_table}.{field.column}: {text[:20]!r}")
    assert let_in == []
    assert tried > 1500


def test_the_database_has_the_constraint_of_each_technical_column(home: Installation) -> None:
    """Read from the catalogue, table by table, and held against the columns that the models call technical."""
    wanted = {
        (model._meta.db_table, str(field.column))
        for model, field in columns.technical_texts()
        if model._meta.app_label != "vault_keys"
    }
    with administering(home) as link:
        rows = link.execute(
            "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) "
            "WHERE c.contype = 'c' AND starts_with(c.conname, 'holds_')"
        ).fetchall()
    assert set(rows) == wanted
    assert len(wanted) > 180


def test_a_text_column_that_says_nothing_of_its_content_is_refused() -> None:
    for field in (
        technical(models.CharField(max_length=20)),
        technical(models.TextField()),
        technical(models.JSONField()),
    ):
        with pytest.raises(ImproperlyConfigured, match="say what it may hold, or seal it"):
            content_of(field)


def test_the_database_refuses_a_sentence_where_a_word_belongs(customer: Callable[[], Customer]) -> None:
    from glasshouse.access import api as access
    from glasshouse.access.models import Membership
    from glasshouse.events import api as events
    from glasshouse.events.kinds import Kind

    one = customer()
    with pytest.raises(DatabaseError, match="holds_role"), access.organisation_transaction(one.actor):
        Membership.objects.filter(organisation_id=one.actor.organisation).update(role="Anna Berg")
    with pytest.raises(DatabaseError, match="holds_facts"), access.organisation_transaction(one.actor):
        events.record(one.actor, Kind.SITE_CREATED, one.site, by="Anna Berg")
