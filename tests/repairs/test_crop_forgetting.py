"""A forgotten organisation stays forgotten: whatever is on its way when it is forgotten, and wherever the process is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crops import store as store_module
from crops.limits import Origin
from crops.senders import StillQueuedError, TenantForgottenError, TokenRevokedError
from crops.store import Store
from tests.test_crop_restart import HOME, batch, keys

OTHER = Origin("u" * 16, "s" * 16, "d" * 16, "")
HASH, ANOTHER_HASH = "ab" * 32, "cd" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "crops", keys(tmp_path / "keys"))
    yield opened
    opened.close()


def owners(store: Store) -> list[str]:
    """The tenants of which the store holds a series, sorted."""
    return sorted({series.origin.tenant for series in store.series.values() if series.origin.tenant})


def test_nothing_of_a_forgotten_organisation_is_taken_in_any_more(store: Store) -> None:
    store.senders.put_token(HASH, OTHER, revoked=False)
    store.write(OTHER, batch(0), HASH).result()
    store.forget(OTHER.tenant)
    with pytest.raises(TenantForgottenError):
        store.write(OTHER, batch(1), HASH)
    with pytest.raises(TenantForgottenError):
        store.write(OTHER, batch(1))
    with pytest.raises(TenantForgottenError):
        store.senders.put_token(ANOTHER_HASH, OTHER, revoked=False)
    assert HASH not in store.senders.tokens and ANOTHER_HASH not in store.senders.tokens
    store.forget("never heard of")
    with pytest.raises(TenantForgottenError):
        store.write(Origin("never heard of", "s" * 16, "", ""), batch(1))
    assert owners(store) == []


def test_a_note_goes_when_nothing_can_arrive_any_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check of a promise forgets customers of its own, so that notes for ever would never end."""
    noted = "SELECT count() AS n FROM crop.forgotten FINAL"
    store.write(OTHER, batch(0)).result()
    store.forget(OTHER.tenant)
    store.senders.drop_old_notes()
    assert store.senders.is_forgotten(OTHER.tenant) and store.rows(noted) == [{"n": 1}]
    later = time.time() + 3_700
    monkeypatch.setattr(time, "time", lambda: later)
    store.write(HOME, batch(0)).result()
    store.forget(HOME.tenant)
    assert not store.senders.is_forgotten(OTHER.tenant) and store.senders.is_forgotten(HOME.tenant)
    assert store.rows(noted) == [{"n": 1}]
    assert owners(store) == []


def test_a_revoked_key_stores_nothing_though_it_was_good_when_the_body_began(store: Store) -> None:
    store.senders.put_token(HASH, HOME, revoked=False)
    store.write(HOME, batch(0), HASH).result()
    store.senders.put_token(HASH, HOME, revoked=True)
    with pytest.raises(TokenRevokedError):
        store.write(HOME, batch(1), HASH)
    with pytest.raises(TokenRevokedError):
        store.write(HOME, batch(1), ANOTHER_HASH)
    store.write(HOME, batch(2)).result()  # A file that a member brings in has no device's key.
    store.flush()
    assert store.questions.count(list(store.series)) == 2


def test_readings_that_are_still_queued_keep_the_log_and_the_deletion_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went on: the log was dropped though it alone held what had been acknowledged to others."""
    store.write(OTHER, batch(0)).result()
    store.flush()
    released, insert = threading.Event(), Store._insert

    def insert_late(of: Store, records: list[bytes]) -> None:
        released.wait(30)
        insert(of, records)

    monkeypatch.setattr(Store, "_insert", insert_late)
    monkeypatch.setattr(store_module, "FORGET_WAIT_S", 0.5, raising=False)
    original_flush = Store.flush
    monkeypatch.setattr(Store, "flush", lambda of, timeout_s=5.0: original_flush(of, min(timeout_s, 0.5)))
    store.write(HOME, batch(0)).result()
    with pytest.raises(StillQueuedError):
        store.forget(OTHER.tenant)
    assert list(store.log.replay()), "the log was dropped before the readings of others were stored"
    store.write(OTHER, batch(1)).result()  # Nothing of the deletion is begun.
    released.set()
    store.forget(OTHER.tenant)
    assert owners(store) == [HOME.tenant]
    assert store.questions.count(list(store.series)) == 1


def test_two_at_once_delete_one_organisation_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(OTHER, batch(0)).result()
    original = Store.flush

    def slow(of: Store, timeout_s: float = 5.0) -> bool:
        time.sleep(0.3)
        return original(of, timeout_s)

    monkeypatch.setattr(Store, "flush", slow)
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(store.forget, OTHER.tenant) for _ in range(4)]:
            done.result()
    assert owners(store) == []
    assert store.limits.reached(OTHER) is None


def test_a_write_is_either_before_the_deletion_and_deleted_or_refused(store: Store) -> None:
    stopped, refused = threading.Event(), threading.Event()

    def write(device: int) -> None:
        at = 0
        while not stopped.is_set():
            at += 1
            try:
                store.write(
                    Origin(OTHER.tenant, "s" * 16, f"{device:016d}", ""), batch(at, field=f"f{at % 7}")
                ).result()
            except TenantForgottenError:
                refused.set()

    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, device) for device in range(4)]
        time.sleep(0.5)
        store.forget(OTHER.tenant)
        assert refused.wait(10)
        stopped.set()
        for done in writing:
            done.result()
    store.flush()
    assert owners(store) == []
    assert store.rows("SELECT count() AS n FROM crop.readings") == [{"n": 0}]


# A process that writes for two tenants, so that all stays in the log, forgets one of them, and is killed on the way.
KILLED = """
import os, signal, sys
from pathlib import Path
from crops import store as store_module
from tests.killing import kill_at
from tests.repairs.test_crop_forgetting import HASH, OTHER
from tests.test_crop_restart import HOME, batch
folder, point, nth = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store_module.GROUP_POINTS, store_module.GATHER_S = 10**9, 600
opened = store_module.Store(folder / "crops", folder / "keys")
opened.senders.put_token(HASH, OTHER, revoked=False)
opened.write(OTHER, batch(0)).result()
opened.write(HOME, batch(0)).result()
forget = opened.senders.forget
def write_and_forget(tenant):
    opened.write(OTHER, batch(1, field="late")).result()  # Only the log holds it.
    forget(tenant)
opened.senders.forget = write_and_forget
kill_at(opened, point, nth)
opened.forget(OTHER.tenant)
print("FORGOTTEN")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("flush", 2),
        ("statement", 4),
        *(pytest.param("statement", nth, marks=pytest.mark.long) for nth in range(5, 10)),
        pytest.param("sync", 2, marks=pytest.mark.long),
        ("drop", 1),
    ],
)
def test_a_kill_on_the_way_brings_nothing_of_it_back(tmp_path: Path, point: str, nth: int) -> None:
    """statement: of the engine. 3 is the durable note, 4 deletes tokens, 5 and 6 store what is queued, then it is deleted."""
    keys(tmp_path / "keys")
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), point, str(nth)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[2],
    )
    assert child.returncode == -signal.SIGKILL, child.stderr[-3000:]
    opened = Store(tmp_path / "crops", tmp_path / "keys")
    try:
        assert owners(opened) == [HOME.tenant]
        assert opened.rows("SELECT DISTINCT series FROM crop.readings") == [{"series": 2}]
        assert opened.rows(f"SELECT count() AS n FROM crop.series WHERE tenant = '{OTHER.tenant}'") == [{"n": 0}]
        assert opened.senders.tokens == {}
        with pytest.raises(TenantForgottenError):
            opened.write(OTHER, batch(5))
        opened.write(HOME, batch(1, field="new")).result()
        opened.forget(OTHER.tenant)
        assert sorted(opened.series)[-1] == 4, "a number was used again"
    finally:
        opened.close()
