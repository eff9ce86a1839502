"""The check of PRI-24 is seen to fail, whatever of an erasure is left undone."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.promises.breaking import done_and_undone, trigger

Break = Callable[[Installation], AbstractContextManager[None]]


def copies_persons(home: Installation) -> AbstractContextManager[None]:
    """Somebody keeps a table of everybody who ever was."""
    return done_and_undone(
        home,
        "CREATE TABLE shadow (person varchar(16)); GRANT SELECT ON shadow TO glasshouse_auditor; "
        "CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$BEGIN INSERT INTO public.shadow VALUES (NEW.id); RETURN NEW; END$$; "
        "CREATE TRIGGER a_sabotage AFTER INSERT ON accounts_person FOR EACH ROW EXECUTE FUNCTION sabotage()",
        "DROP FUNCTION sabotage() CASCADE; DROP TABLE shadow",
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        pytest.param(
            lambda home: trigger(home, "vault_data_key", "BEFORE UPDATE", "RETURN OLD;", "vault"),
            "the key of the person is destroyed",
            id="keys live on",
        ),
        pytest.param(
            lambda home: trigger(
                home, "vault_data_key", "BEFORE UPDATE", "NEW.wrapped := OLD.wrapped; RETURN NEW;", "vault"
            ),
            "its wrapped bytes emptied",
            id="destroyed keys keep their bytes",
        ),
        pytest.param(copies_persons, "no column names the person", id="a table that nobody declared"),
        pytest.param(
            lambda home: trigger(
                home, "mail_message", "BEFORE INSERT", "IF NEW.kind = 'erased' THEN RETURN NULL; END IF; RETURN NEW;"
            ),
            "the recipient is told",
            id="no recipient is told",
        ),
        pytest.param(
            lambda home: trigger(home, "disclosures_subscriber", "BEFORE DELETE", "RETURN NULL;"),
            "no column names",
            id="a subscription stays",
        ),
        pytest.param(
            lambda home: trigger(home, "rights_erasure", "BEFORE UPDATE", "NEW.done_at := NULL; RETURN NEW;"),
            "the ledger has its row",
            id="the ledger knows no end",
        ),
    ],
)
def test_what_is_left_undone_is_seen(home: Installation, break_it: Break, word: str) -> None:
    with break_it(home):
        finding = checked("PRI-24")
    assert finding.state == "not verified", (finding.figure, finding.evidence)
    assert any(word in line for line in finding.evidence if line.startswith("NOT")), finding.evidence


@pytest.mark.long
def test_a_log_that_tells_is_seen(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.front_door import Visitor

    honest, leak = Visitor.request, home.data / "logs" / "leak.log"

    def leaky(self: Visitor, method: str, path: str, **parts: Any) -> Any:
        with leak.open("a") as file:
            file.write(f"{method} {path} {parts.get('data')}\n".encode().hex())
        return honest(self, method, path, **parts)

    monkeypatch.setattr(Visitor, "request", leaky)
    try:
        finding = checked("PRI-24")
    finally:
        leak.unlink()
    assert finding.state == "not verified", finding.figure
    assert "logs/leak.log" in finding.figure


@pytest.mark.long
def test_a_file_that_stays_is_seen(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.checks import erasure

    honest, bodies = erasure._files, {}

    def kept(rows: Any) -> Any:
        found = honest(rows)
        bodies.update({path: path.read_bytes() for path in found[:1]})
        return found

    def ledger(*arguments: Any) -> None:
        for path, body in bodies.items():
            path.write_bytes(body)  # as if nobody had removed it
        honest_ledger(*arguments)

    honest_ledger = erasure._ledger
    monkeypatch.setattr(erasure, "_files", kept)
    monkeypatch.setattr(erasure, "_ledger", ledger)
    finding = checked("PRI-24")
    for path in bodies:
        path.unlink(missing_ok=True)
    assert finding.state == "not verified"
    assert "gone from the disk" in finding.figure


def test_a_field_that_nobody_fills_keeps_the_check_from_telling(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.promises import filled

    honest = filled.asked_of_persons()
    monkeypatch.setattr(filled, "asked_of_persons", lambda: [*honest, "accounts_person.nickname"])
    finding = checked("PRI-24")
    assert (finding.state, finding.figure) == ("cannot tell", "The walk fills nothing into accounts_person.nickname.")
