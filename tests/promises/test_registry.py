"""The registry of promise checks: one check a promise, found by its module's place, and told rightly by the documents."""

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import administering

if TYPE_CHECKING:
    from glasshouse.promises.findings import Finding

pytestmark = pytest.mark.usefixtures("home")
ROOT = Path(__file__).parents[2]


def nothing() -> "Finding":
    from glasshouse.promises.findings import judge

    return judge(True, "nothing was looked at")


def registered() -> dict[str, str]:
    """Promise -> the module of its check."""
    from glasshouse.promises import registry, runner

    assert runner.run
    return {promise: function.__module__ for promise, function in registry.CHECKS.items()}


def test_a_second_check_of_one_promise_is_refused() -> None:
    from glasshouse.promises.registry import RegistrationError, check

    assert "SEC-05" in registered()
    with pytest.raises(RegistrationError, match=r"checks SEC-05, as glasshouse\.promises\.checks\.accounts\.passwords"):
        check("SEC-05", steps=("nothing",), oracle="nothing")(nothing)


@pytest.mark.parametrize("promise", ["SEC-99", "sec-05", "SEC-5", ""])
def test_a_check_of_no_promise_is_refused(promise: str) -> None:
    from glasshouse.promises.registry import RegistrationError, check

    before = registered()
    with pytest.raises(RegistrationError, match="not in the register"):
        check(promise, steps=("nothing",), oracle="nothing")(nothing)
    assert registered() == before


def test_every_module_registers_a_check_and_every_check_stands_in_one() -> None:
    from glasshouse.promises import checks

    modules = {f"{checks.__name__}.{module.name}" for module in pkgutil.iter_modules(checks.__path__)}
    assert set(registered().values()) == modules


def test_no_promise_is_named_by_two_checks() -> None:
    """The decorators in the sources, counted: the registry alone would not show one that was never imported."""
    folder = ROOT / "src" / "glasshouse" / "promises" / "checks"
    named = [
        promise
        for path in folder.rglob("*.py")
        for promise in re.findall(r'^@check\(\s*"([^"]+)"', path.read_text(), re.MULTILINE)
    ]
    assert Counter(named) == Counter(dict.fromkeys(registered(), 1))


def test_the_documents_name_exactly_the_promises_that_have_a_check() -> None:
    from glasshouse.promises.register import REGISTER

    said = re.search(r"^Live checks: (.*?), each with a test", (ROOT / "docs" / "state.md").read_text(), re.M | re.S)
    assert said
    named: set[str] = set()
    for part in re.split(r",\s*", said[1]):
        first, last = (re.findall(r"[A-Z]{3}-\d\d", part) * 2)[:2]
        named |= {promise for promise in REGISTER if first <= promise <= last and promise[:3] == first[:3]}
    assert named == set(registered())
    assert f"({len(registered())} of {len(REGISTER)} have one)" in " ".join((ROOT / "README.md").read_text().split())


def test_a_check_that_raises_is_never_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel.errors import UnavailableError
    from glasshouse.promises import registry
    from glasshouse.promises.runner import run

    def raising(error: Exception) -> "Finding":
        raise error

    errors = {
        "SEC-01": UnavailableError("The crops service is shut."),
        "SEC-02": ConnectionRefusedError(111, "Connection refused", "/srv/keys/tls/ca.crt"),
        "SEC-03": ZeroDivisionError("canary"),
    }
    for promise, error in errors.items():
        monkeypatch.setitem(registry.CHECKS, promise, lambda error=error: raising(error))  # type: ignore[misc]
    found = {promise: run(promise) for promise in errors}
    assert {str(finding.state) for finding in found.values()} == {"cannot tell"}
    assert found["SEC-01"].figure == "The crops service is shut."
    assert found["SEC-02"].figure == "the check itself failed with ConnectionRefusedError"
    assert found["SEC-03"].figure == "the check itself failed with ZeroDivisionError"


def test_a_result_that_cannot_be_stored_is_told_as_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import api, registry
    from glasshouse.promises.findings import State
    from glasshouse.promises.register import REGISTER

    tried = []

    def full(*_: object, **__: object) -> None:
        tried.append("save")
        raise RuntimeError

    monkeypatch.setattr(registry, "CHECKS", {"SEC-05": nothing})
    monkeypatch.setattr(api.Result, "save", full)
    rows = {row.id: row for row in api.check_all()}
    assert tried == ["save"], "the result was about to be stored"
    assert list(rows) == list(REGISTER)
    assert rows["SEC-05"].state is State.CANNOT_TELL
    assert rows["SEC-09"].state is State.NOT_CHECKED


def test_a_promise_is_not_checked_only_where_no_check_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel import clock
    from glasshouse.promises import api, registry
    from glasshouse.promises.models import Result

    row = Result.objects.create(
        promise="SEC-09", state="verified", figure="by an older version", checked_at=clock.now()
    )
    monkeypatch.setattr(registry, "CHECKS", {"SEC-05": nothing, "PRI-14": nothing})
    try:
        states = {one.id: str(one.state) for one in api.standings()}
    finally:
        row.delete()
    assert states["SEC-09"] == "not checked", "its old result claims nothing without a check"
    assert states["PRI-14"] == "cannot tell", "its check has not run yet"


def test_stored_results_get_the_new_words_and_a_second_run_changes_nothing(home: Installation) -> None:
    from glasshouse.promises.findings import State

    migration = importlib.import_module("glasshouse.operations.upgrade.promises.0002_words_of_results")
    old = ["kept", "not kept", "cannot tell", "unproven"]
    with administering(home) as link:
        link.execute("CREATE TEMP TABLE promises_result (id serial, state varchar(16))")
        for word in old:
            link.execute("INSERT INTO promises_result (state) VALUES (%s)", [word])
        for _ in range(2):
            link.execute(migration.FORWARD)
            rows = [str(row[0]) for row in link.execute("SELECT state FROM promises_result ORDER BY id").fetchall()]
            assert rows == ["verified", "not verified", "cannot tell", "not checked"]
            assert [State(word) for word in rows]
        link.execute(migration.BACK + migration.LONGER)
        rows = [str(row[0]) for row in link.execute("SELECT state FROM promises_result ORDER BY id").fetchall()]
        assert rows == old
