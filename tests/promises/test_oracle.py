"""What a check reads the stores by: one connection for all its questions, each of which sees what is stored at its time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from glasshouse.operations.installation import Installation
from glasshouse.promises import oracle, runner, stage
from glasshouse.promises.findings import Finding, State
from tests.promises.breaking import done_and_undone

BACKEND = "SELECT pg_backend_pid()"
SHADOW = "CREATE TABLE shadow (id integer); GRANT SELECT ON shadow TO glasshouse_auditor"


@pytest.mark.usefixtures("home")
def test_a_check_signs_in_once_to_each_database_and_nobody_else_is_given_its_connection() -> None:
    with oracle.connections_held():
        people = {oracle.value(BACKEND) for _ in range(3)}
        keys = {oracle.value(BACKEND, database=oracle.VAULT) for _ in range(3)}
        with ThreadPoolExecutor(1) as pool:
            elsewhere = pool.submit(oracle.value, BACKEND).result()
        with oracle.reading() as link:
            pass
    assert len(people) == len(keys) == 1 and elsewhere not in people
    assert link.closed
    assert oracle.value(BACKEND) not in people


def test_each_question_sees_what_is_stored_at_its_time(home: Installation) -> None:
    there = "SELECT count(*) FROM pg_tables WHERE tablename = 'shadow'"
    with oracle.connections_held():
        counts = [oracle.value(there)]
        with done_and_undone(home, SHADOW, "DROP TABLE shadow"):
            counts.append(oracle.value(there))
        counts.append(oracle.value(there))
    assert counts == [0, 1, 0]


@pytest.mark.usefixtures("home")
def test_a_connection_that_was_lost_is_not_used_again() -> None:
    with oracle.connections_held():
        before = oracle.value(BACKEND)
        with oracle.reading() as link:
            link.close()
        assert oracle.value(BACKEND) != before


@pytest.mark.usefixtures("home")
def test_a_check_that_runs_holds_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> Finding:
        return Finding(State.VERIFIED, str(len({oracle.value(BACKEND) for _ in range(3)})))

    monkeypatch.setitem(runner.registry.CHECKS, "SEC-05", check)
    assert runner.run("SEC-05").figure == "1"


def test_what_people_do_at_once_is_answered_in_order_and_a_failure_is_not_lost() -> None:
    assert stage.at_once([lambda number=number: number for number in range(7)]) == list(range(7))  # type: ignore[misc]

    def fail() -> int:
        raise stage.NotArrivedError("late")

    with pytest.raises(stage.NotArrivedError):
        stage.at_once([lambda: 1, fail, lambda: 2])
