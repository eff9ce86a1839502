"""Issue 10, line 17: tables, rights and policies follow what they come from; variables reach the parts or stop the start."""

import ast
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from glasshouse.operations import service, stamp, variables
from glasshouse.operations.installation import Installation, InstallationError
from tests.growth import SOURCE, Store, people_store

PACKAGE = SOURCE / "glasshouse"
SERVERS = ("GLASSHOUSE_PEOPLE_SERVER", "GLASSHOUSE_KEYS_SERVER")  # of an operator who has such


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with people_store() as fresh:
        yield fresh


# -- the stamp -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        (
            "rowsecurity/policies.py",
            "NOT IN (SELECT glasshouse_restricted())",
            "NOT IN (SELECT glasshouse_everybodys())",
        ),
        ("access/sql.py", "SELECT EXISTS", "select exists"),
        ("accounts/models.py", 'key_owner="key_owner"', 'key_owner="KEY_OWNER"'),
        ("operations/upgrade/events/0004_outbox.py", "LOCK TABLE", "lock table"),
        ("operations/postgres.py", "NOBYPASSRLS", "nobypassrls"),
    ],
)
def test_a_change_of_the_same_size_is_noticed(tmp_path: Path, file: str, before: str, after: str) -> None:
    copy = tmp_path / "glasshouse"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    first = stamp.source_hash(copy)
    text = (copy / file).read_text()
    assert before in text
    (copy / file).write_text(text.replace(before, after))
    assert (copy / file).stat().st_size == len(text.encode())
    assert stamp.source_hash(copy) != first


# Each with another object, so that none hides another one.
HARMS = [
    "DROP POLICY own_rows ON greenhouse_site",
    "ALTER POLICY own_rows ON greenhouse_device USING (true)",
    "CREATE POLICY left_over ON greenhouse_compartment TO glasshouse_app USING (true)",
    "ALTER TABLE greenhouse_upload NO FORCE ROW LEVEL SECURITY",
    "GRANT DELETE ON events_event TO glasshouse_app",
    "GRANT UPDATE (hash) ON events_link TO glasshouse_app",
    "CREATE OR REPLACE FUNCTION glasshouse_staff() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER "
    "SET search_path = public AS 'SELECT true'",
]


def test_a_store_that_is_not_as_it_was_left_is_brought_back(store: Store) -> None:
    """Each harm is noticed by itself; one start brings all of them back."""
    before = _policies(store)
    for harm in HARMS:
        assert stamp.is_current(store.home)
        with store.administering() as link:
            link.execute(harm)
        assert not stamp.is_current(store.home), harm
        stamp.write(store.home)  # As if it had always been so; the next harm is noticed beside it.
    with store.administering() as link:
        link.execute("COMMENT ON DATABASE people IS NULL")
    assert not stamp.is_current(store.home)
    service.migrate(store.home)
    assert stamp.is_current(store.home)
    assert _policies(store) == before


def _policies(store: Store) -> list[tuple[object, ...]]:
    with store.administering() as link:
        return link.execute(stamp.CATALOGUE).fetchall()


def test_nothing_is_done_where_all_is_current(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stamp.is_current(store.home)
    runs: list[object] = []
    monkeypatch.setattr(service.subprocess, "run", lambda *given, **__: runs.append(given))
    service.migrate(store.home)
    assert runs == []
    assert stamp.is_current(store.home)


@pytest.mark.slow
def test_a_failed_start_leaves_no_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    with people_store(tables=False) as fresh:
        monkeypatch.setattr(service, "people_environment", lambda home: service.base_environment())
        with pytest.raises(InstallationError, match="could not be brought up to date"):
            service.migrate(fresh.home)
        assert not stamp.is_current(fresh.home)


# -- variables -------------------------------------------------------------------------------------------------------


@cache
def _read_by_any_part() -> frozenset[str]:
    """Every variable of ours that any module asks the environment for, by the syntax tree."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            key = None
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                key = node.slice
            elif (
                isinstance(node, ast.Call)
                and node.args
                and ast.unparse(node.func) in ("os.environ.get", "required", "os.getenv")
            ):
                key = node.args[0]
            if isinstance(key, ast.Constant) and str(key.value).startswith("GLASSHOUSE_"):
                names.add(str(key.value))
    return frozenset(names)


def test_every_variable_that_the_settings_read_reaches_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False)
    names = {name for name in _read_by_any_part() if name in variables.read_by(variables.SETTINGS)}
    assert {"GLASSHOUSE_COUNTRY", "GLASSHOUSE_DRP_BUSINESS", "GLASSHOUSE_SMTP_HOST"} <= names
    for name in names - variables.OF_THE_START:
        monkeypatch.setenv(name, f"value of {name}")
        assert service.people_environment(home)[name] == f"value of {name}"


def test_every_variable_that_anything_reads_is_known() -> None:
    known = variables.read_by(variables.SETTINGS) | variables.OF_THE_START | variables.OF_THE_COMMAND_LINE
    assert _read_by_any_part() <= known
    of_one_part = {
        "GLASSHOUSE_DOOR",
        "GLASSHOUSE_ONE_USER",
        "GLASSHOUSE_ROLE",
        "GLASSHOUSE_PROCESS",
        "GLASSHOUSE_PROXY_DOOR",
        *SERVERS,
    }
    assert variables.OF_THE_START - of_one_part == {
        name
        for name in Installation(Path("/data"), Path("/keys"), 1, 2, 3, demo=True).environment()
        if name.startswith("GLASSHOUSE_")
    }


def test_the_country_and_the_name_for_agents_arrive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSHOUSE_COUNTRY", "ES")
    monkeypatch.setenv("GLASSHOUSE_DRP_BUSINESS", "FARM_CLOUD")
    code = "from django.conf import settings\nanswer([settings.OPERATOR_COUNTRY, settings.DRP_BUSINESS])"
    assert store.run(code) == ["ES", "FARM_CLOUD"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("GLASSHOUSE_CONTRY", "GLASSHOUSE_COUNTRY"), ("GLASSHOUSE_SMTPHOST", "GLASSHOUSE_SMTP_HOST"), ("GLASSHOUSE_", "")],
)
def test_an_unknown_variable_stops_the_start_and_the_nearest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "x")
    home = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False)
    with (
        pytest.raises(InstallationError, match=f"{name} is not known. Did you mean {meant}"),
        service.running(home, print),
    ):
        pass
    assert not home.data.exists()


def test_every_variable_that_the_documents_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.operations import variables

    root = PACKAGE.parents[1]
    texts = [path.read_text() for path in (root / "README.md", *(root / "docs").rglob("*.md"))]
    names = {name for text in texts for name in re.findall(r"GLASSHOUSE_[A-Z][A-Z_]*[A-Z]", text)}
    assert {"GLASSHOUSE_SERIES_PER_DEVICE", "GLASSHOUSE_SMTP_HOST"} <= names
    for name in names:
        monkeypatch.setenv(name, "1")
    variables.refuse_unknown()


def test_an_operator_that_has_not_named_itself_is_told_so_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from contextlib import nullcontext
    from types import SimpleNamespace

    from glasshouse.cli import __main__ as cli

    for name in variables.OF_THE_OPERATOR:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(service, "running", lambda *_: nullcontext(SimpleNamespace(watch=lambda _: None)))
    home = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False)
    cli._run(home)
    said = " ".join(capsys.readouterr().out.split())
    assert "The operator has not named itself: its name (GLASSHOUSE_OPERATOR_NAME)" in said
    assert not any(name in home.environment() for name in variables.OF_THE_OPERATOR), "nothing is made up"
    for name in variables.OF_THE_OPERATOR:
        monkeypatch.setenv(name, "x@y.example")
    cli._run(home)
    assert "has not named itself" not in capsys.readouterr().out
    assert set(variables.OF_THE_OPERATOR) <= variables.read_by(variables.SETTINGS)


def test_only_a_demo_has_a_made_up_operator_and_only_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from glasshouse.operations.installation import DEMO_OPERATOR

    for name in DEMO_OPERATOR:
        monkeypatch.delenv(name, raising=False)
    demo = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=True)
    assert demo.environment()["GLASSHOUSE_OPERATOR_NAME"].endswith("(made up)")
    monkeypatch.setenv("GLASSHOUSE_OPERATOR_NAME", "Kas BV")
    assert not set(DEMO_OPERATOR) & set(demo.environment())


# -- documents -------------------------------------------------------------------------------------------------------


def test_no_document_promises_a_choice_that_does_not_exist() -> None:
    for path in sorted((PACKAGE / "notices" / "texts").glob("agreement.*.md")):
        text = path.read_text()
        assert "in its settings" not in text
        assert "in ihren Einstellungen" not in text


DOCUMENTS = """
from glasshouse.notices.models import Text, Version
mine = Version.objects.filter(document="agreement").order_by("number")
answer([[one.number, one.written_by, Text.objects.get(version=one, language="en").body] for one in mine])
"""
FORMER = "UPDATE notices_text SET body = 'it may be used for benchmarks. A customer may opt out in its settings.'"


@pytest.mark.long
def test_an_installed_agreement_is_corrected_by_a_new_version_and_once(store: Store) -> None:
    with store.administering() as link:
        link.execute(FORMER)
        link.execute("COMMENT ON DATABASE people IS NULL")
    service.migrate(store.home)
    with store.administering() as link:
        link.execute("COMMENT ON DATABASE people IS NULL")
    service.migrate(store.home)
    first, second = store.run(DOCUMENTS)
    assert "opt out in its settings" in first[2]
    assert second[:2] == [2, "installation"]
    assert "opt out in its settings" not in second[2]


SHIPPED = """
from glasshouse.notices.models import Text, Version
rows = Version.objects.filter(document__in=["notice", "terms"]).order_by("document", "created_at")
answer([[one.document, one.number, one.significant, one.lead_days, one.in_force_at is not None,
    Text.objects.get(version=one, language="de").summary != ""] for one in rows])
"""


@pytest.mark.long
def test_a_new_text_that_everybody_accepts_waits_for_the_officer_and_stands_there_once(store: Store) -> None:
    """Published at once it would shut everybody out until they accept it."""
    with store.administering() as link:
        link.execute("DELETE FROM notices_text USING notices_version v WHERE v.id = version_id AND v.number IS NULL")
        link.execute("DELETE FROM notices_version WHERE number IS NULL")
        link.execute(
            "UPDATE notices_text SET body = 'what an earlier release shipped' FROM notices_version v "
            "WHERE v.id = version_id AND v.document IN ('notice', 'terms')"
        )
    waiting = [
        ["notice", 1, False, 0, True, False],
        ["notice", None, True, 14, False, True],
        ["terms", 1, False, 0, True, False],
        ["terms", None, True, 14, False, True],
    ]
    for text in ("", "what a release in between shipped"):
        with store.administering() as link:
            if text:
                link.execute(
                    "UPDATE notices_text SET body = %s FROM notices_version v WHERE v.id = version_id AND v.number IS NULL",
                    [text],
                )
            link.execute("COMMENT ON DATABASE people IS NULL")
        service.migrate(store.home)
        assert store.run(SHIPPED) == waiting
    own = store.run(SHIPPED.replace('language="de").summary != ""', 'language="en").body'))
    assert [row[5] for row in own if row[1] is None] == [
        (PACKAGE / "notices" / "texts" / f"{name}.en.md").read_text() for name in ("notice", "terms")
    ], "a draft of an earlier release makes room for the present text"


@pytest.mark.long
def test_an_agreement_of_the_operators_own_is_left_alone(store: Store) -> None:
    with store.administering() as link:
        link.execute("UPDATE notices_version SET written_by = repeat('0', 16) WHERE document = 'agreement'")
        link.execute(FORMER)
        link.execute("COMMENT ON DATABASE people IS NULL")
    before = store.run(DOCUMENTS)
    service.migrate(store.home)
    assert store.run(DOCUMENTS) == before
