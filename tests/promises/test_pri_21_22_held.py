"""The checks of PRI-21 and PRI-22 are seen to fail, whatever the page or the export leaves out or lets out."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.conftest import administering
from tests.promises.breaking import done_and_undone, trigger

Break = Callable[[Installation], AbstractContextManager[None]]


@pytest.fixture
def planted(home: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each probe that has filled in everything has a value under its key, in a table that nobody declared."""
    from glasshouse.promises import filled
    from glasshouse.vault import api as vault

    honest = filled.person

    def plant(stage: Any) -> Any:
        given = honest(stage)
        owner = given.resident.person
        with administering(home) as link:
            sealed = vault.seal(b"what nobody shows", place=("shadow", "secret", owner))
            link.execute("INSERT INTO shadow VALUES (%s, %s, %s)", ["0" * 16, owner, sealed])
        return given

    monkeypatch.setattr(filled, "person", plant)
    made = "CREATE TABLE shadow (id varchar(16), owner varchar(16), secret bytea); GRANT SELECT ON shadow TO glasshouse_auditor"
    with done_and_undone(home, made, "DROP TABLE shadow"):
        yield


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("promise", ["PRI-21", "PRI-22"])
def test_a_value_that_is_not_shown_is_seen(promise: str) -> None:
    finding = checked(promise)
    assert finding.state == "not verified", finding.figure
    assert "shadow.secret" in finding.figure


def spoils(table: str, column: str, to: str) -> Break:
    """A column of each new row gets another value."""
    return lambda home: trigger(home, table, "BEFORE INSERT", f"NEW.{column} := {to}; RETURN NEW;")


@contextmanager
def nobody_is_told(home: Installation) -> Iterator[None]:
    with trigger(
        home, "mail_message", "BEFORE INSERT", "IF NEW.kind = 'corrected' THEN RETURN NULL; END IF; RETURN NEW;"
    ):
        yield


@pytest.mark.long
@pytest.mark.parametrize(
    ("promise", "break_it", "word"),
    [
        ("PRI-21", nobody_is_told, "who received the name"),
        ("PRI-22", spoils("rights_copy", "expires_at", "NEW.created_at + interval '3 days'"), "within 24 hours"),
        (
            "PRI-21",
            lambda home: trigger(home, "disclosures_subscriber", "BEFORE UPDATE", "NEW.proved_at := NULL; RETURN NEW;"),
            "sealed values",
        ),
    ],
)
def test_what_is_broken_is_seen(home: Installation, promise: str, break_it: Break, word: str) -> None:
    with break_it(home):
        finding = checked(promise)
    assert finding.state == "not verified", (finding.figure, finding.evidence)
    assert word in finding.figure


@pytest.mark.long
def test_a_copy_of_the_old_name_is_seen(home: Installation) -> None:
    kept = (
        "IF OLD.name IS DISTINCT FROM NEW.name THEN INSERT INTO public.shadow VALUES ('0000000000000000', OLD.id, OLD.name); "
        "END IF; RETURN NEW;"
    )
    made = "CREATE TABLE shadow (id varchar(16), owner varchar(16), name bytea); GRANT SELECT ON shadow TO glasshouse_auditor"
    with done_and_undone(home, made, "DROP TABLE shadow"), trigger(home, "accounts_person", "BEFORE UPDATE", kept):
        finding = checked("PRI-21")
    # It stands in another table than it was sealed for: no key opens it there, and the page cannot show it.
    assert finding.state == "not verified", finding.evidence


@pytest.mark.long
def test_a_readable_file_of_the_export_is_seen(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import filled

    honest = filled.export

    def leaky(given: Any) -> Any:
        made = honest(given)
        with administering(home) as link:
            row = link.execute("SELECT blob FROM rights_copy WHERE id = %s", [made.number]).fetchone()
        path = next((home.data / "blobs").rglob(row[0] if row else ""))
        path.write_bytes(given.resident.visitor.get(made.link).content)
        return made

    monkeypatch.setattr(filled, "export", leaky)
    finding = checked("PRI-22")
    assert finding.state == "not verified"
    assert "sealed" in str(finding.evidence), finding.evidence


def test_a_value_is_known_where_it_is_shown() -> None:
    from glasshouse.promises.held import is_shown

    secret = "a" * 43
    assert is_shown("Ada", " Ada ")
    assert not is_shown("Ada", "Adam")
    assert is_shown(f"Open https://x/y/{secret}\n\nBye", "Open https://x/y/••• Bye")
    assert not is_shown(f"Open https://x/y/{secret}\n\nBye", "Open https://x/y/••• Hi")
    assert is_shown('{"seed":"ABC","a":1}', "seed: •••, a: 1")
    assert not is_shown('{"seed":"ABC","a":1}', "seed: •••, a: 2")
    assert is_shown("x" * 500, "x" * 299 + "…", most=300)
    assert not is_shown("x" * 500, "x" * 20 + "…", most=300)
