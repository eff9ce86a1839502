"""The checks of SEC-08 and PRI-02 are seen to fail, whatever lies readable or is not classed."""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.promises.breaking import done_and_undone, trigger

Break = Callable[[Installation], AbstractContextManager[None]]


@pytest.mark.long
@pytest.mark.parametrize("form", ["utf-16", "base64"])
def test_a_file_that_tells_is_seen(
    home: Installation, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """In the temporary folder of the machine, or in the data folder."""
    from glasshouse.promises.front_door import Visitor

    honest = Visitor.request
    leak = tmp_path_factory.mktemp("leaks") / "leak" if form == "base64" else home.data / "logs" / "leak"

    def leaky(self: Visitor, method: str, path: str, **parts: Any) -> Any:
        told = str(parts.get("data"))
        with leak.open("ab") as file:
            file.write(base64.b64encode(told.encode()) if form == "base64" else told.encode("utf-16-le"))
        return honest(self, method, path, **parts)

    monkeypatch.setattr(Visitor, "request", leaky)
    try:
        finding = checked("SEC-08")
    finally:
        leak.unlink()
    assert finding.state == "not verified", finding.figure
    assert "leak" in finding.figure


@pytest.mark.long
def test_what_lies_open_is_seen(home: Installation) -> None:
    """A crop file without the engine's mark, a key that others can read, a root key's copy among the data, all in one look."""
    key, root = home.keys / "people" / "django.key", next((home.keys / "people").glob("root-*.key"))
    stray, copy = home.data / "crops" / "raw" / "sealed" / "stray.bin", home.data / "run" / "copy"
    stray.write_bytes(b"plain")
    copy.write_bytes(b"before" + root.read_bytes())
    mode = key.stat().st_mode & 0o777
    key.chmod(0o644)
    try:
        finding = checked("SEC-08")
    finally:
        key.chmod(mode)
        stray.unlink()
        copy.unlink()
    assert finding.state == "not verified"
    told = "\n".join(finding.evidence)
    for word in ("stray.bin", "django.key", "run/copy"):
        assert word in told, told


def test_files_that_nobody_changed_are_read_once(
    home: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from glasshouse.promises import readable

    monkeypatch.setattr(readable, "temporary_folders", lambda data: [])
    monkeypatch.setattr(readable, "_open_elsewhere", lambda data: [])
    readable.forget()
    (tmp_path / "old").write_bytes(b"nothing")
    later = time.time() + 60
    assert readable.look(tmp_path, ["canary1"], began=later).count == 1
    again = readable.look(tmp_path, ["canary1"], began=later)
    assert (again.count, again.passed) == (0, 1)
    (tmp_path / "old").write_bytes(b"canary1")
    assert readable.look(tmp_path, ["canary1"], began=later).places == ["old"], (
        "what was changed is read again, however old"
    )
    monkeypatch.setattr(readable, "OLD_S", 0.0)
    readable.forget()
    left = readable.look(tmp_path, ["canary1"], began=later)
    assert (left.count, left.left) == (0, 1), "of old files only as many as there is time for"
    assert readable.look(tmp_path, ["canary1"], began=time.time() - 60).places == ["old"], "of new ones all"
    readable.forget()


def test_a_look_without_secrets_hides_no_file_from_one_with_them(
    home: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from glasshouse.promises import readable

    monkeypatch.setattr(readable, "temporary_folders", lambda data: [])
    monkeypatch.setattr(readable, "_open_elsewhere", lambda data: [])
    readable.forget()
    (tmp_path / "old").write_bytes(b"holds a root key")
    later = time.time() + 60
    assert not readable.look(tmp_path, ["canary1"], began=later).places
    assert readable.look(tmp_path, ["canary1"], began=later, secrets=(b"root key",)).places == ["old"]
    assert readable.look(tmp_path, ["canary1"], began=later).passed == 1
    readable.forget()


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        pytest.param(
            lambda home: done_and_undone(
                home,
                "ALTER TABLE accounts_person ADD COLUMN nickname text",
                "ALTER TABLE accounts_person DROP COLUMN nickname",
            ),
            "accounts_person.nickname",
            id="a text that nobody classed",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home, "ALTER TABLE accounts_person ADD COLUMN born date", "ALTER TABLE accounts_person DROP COLUMN born"
            ),
            "accounts_person.born",
            id="a date that nobody classed",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "ALTER TABLE consent_stance RENAME CONSTRAINT holds_purpose TO was; "
                "ALTER TABLE consent_stance ADD CONSTRAINT holds_purpose CHECK (purpose IS NOT NULL); "
                "ALTER TABLE consent_stance ALTER COLUMN purpose TYPE varchar(20); CREATE TABLE kept AS SELECT "
                "pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE conname = 'was'; "
                "ALTER TABLE consent_stance DROP CONSTRAINT was",
                "DO $$BEGIN EXECUTE 'ALTER TABLE consent_stance DROP CONSTRAINT holds_purpose'; EXECUTE "
                "'ALTER TABLE consent_stance ADD CONSTRAINT holds_purpose ' || (SELECT def FROM kept); END$$; DROP TABLE kept",
            ),
            "consent_stance.purpose",
            id="a CHECK that checks nothing",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "INSERT INTO retention_hold (id, key_owner, owner, reason, created_at, ends_at) VALUES "
                "('0000000000000000', '0000000000000000', '0000000000000000', 'in plain words'::bytea, now(), now())",
                "DELETE FROM retention_hold WHERE id = '0000000000000000'",
            ),
            "retention_hold.reason",
            id="a sealed column with plain bytes",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "INSERT INTO accounts_tries (key, until) VALUES ('ada@grower.example', now())",
                "DELETE FROM accounts_tries WHERE key = 'ada@grower.example'",
            ),
            "accounts_tries.key",
            id="a hash that is none",
        ),
        pytest.param(
            lambda home: done_and_undone(
                home,
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, priority) "
                "VALUES ('probe', 'probe', '{\"who\": \"Ada Lovelace\"}', 'cancelled', 0, 0)",
                "DELETE FROM procrastinate_jobs WHERE queue_name = 'probe'",
            ),
            "queued job",
            id="a job that says who",
        ),
    ],
)
def test_what_is_not_as_it_is_classed_is_seen(home: Installation, break_it: Break, word: str) -> None:
    with break_it(home):
        finding = checked("PRI-02")
    assert finding.state == "not verified", finding.evidence
    assert word in finding.figure


@pytest.mark.long
def test_a_name_that_is_stored_as_it_is_written_is_seen(home: Installation) -> None:
    """Sealed by its look alone: the first bytes of the form, then words."""
    plain = "NEW.name := '\\x0101'::bytea || repeat('Farm of Ada Lovelace ', 200)::bytea; RETURN NEW;"
    with (
        trigger(home, "greenhouse_template", "BEFORE INSERT", plain),
        done_and_undone(
            home,
            "INSERT INTO greenhouse_template (id, organisation_id, name, layout, created_at) "
            "VALUES ('0000000000000000', '0000000000000000', '', '\\x0101'::bytea || repeat('x', 40)::bytea, now())",
            "DELETE FROM greenhouse_template WHERE id = '0000000000000000'",
        ),
    ):
        finding = checked("PRI-02")
    assert finding.state == "not verified", finding.evidence
    assert "greenhouse_template.name" in finding.figure


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "mend_it", "name"),
    [
        (
            "CREATE MATERIALIZED VIEW addresses AS SELECT address FROM accounts_person",
            "DROP MATERIALIZED VIEW addresses",
            "public.addresses",
        ),
        (
            "CREATE SCHEMA broken; CREATE TABLE broken.contacts (address text)",
            "DROP SCHEMA broken CASCADE",
            "broken.contacts",
        ),
    ],
)
def test_a_copy_that_is_no_table_of_ours_is_seen(home: Installation, break_it: str, mend_it: str, name: str) -> None:
    with done_and_undone(home, break_it, mend_it):
        finding = checked("PRI-02")
    assert finding.state == "not verified", finding.evidence
    assert name in finding.figure
