"""Backups of the key store lapse by day, and nothing that is needed goes with them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from glasshouse.kernel import clock
from glasshouse.operations.installation import Installation
from glasshouse.vault import api as vault
from glasshouse.vault import backup_file, backups, epochs
from glasshouse.vault.backup_file import BackupError
from tests.conftest import Customer, administering

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def no_backups_of_others(home: Installation) -> Iterator[None]:
    """Each test begins and ends without backups and keys of days."""

    def remove() -> None:
        for path in (*backups.default_folder().iterdir(), *epochs.folder().iterdir()):
            path.unlink()

    del home
    remove()
    yield
    remove()


def test_a_backup_holds_living_keys_and_the_ledger_and_no_byte_of_a_destroyed_key(
    home: Installation, customer: Callable[[], Customer]
) -> None:
    one = customer()
    with administering(home, "vault") as link:
        row = link.execute("SELECT wrapped FROM vault_data_key WHERE key_owner = %s", [one.actor.person]).fetchone()
    made = backups.back_up()
    lines = list(backup_file.read(made.path, epochs.key_of_today()))
    assert row and any(bytes(row[0]).hex() in line for line in lines)
    assert made.header.keys == sum('"wrapped": "' in line and '"wrapped": ""' not in line for line in lines)
    assert made.header.lines == sum('"vault_ledger"' in line for line in lines)
    assert bytes(row[0]) not in made.path.read_bytes(), "it is sealed"


def test_after_its_days_a_backup_is_gone_and_every_copy_of_it_opens_no_more(tmp_path: Path) -> None:
    made = backups.back_up()
    copy = tmp_path / "kept.keys"
    copy.write_bytes(made.path.read_bytes())
    day = epochs.today()
    for days in range(1, settings.KEY_BACKUP_DAYS):
        with clock.frozen(clock.now() + timedelta(days=days)):
            backups.keep_up()
            assert day in epochs.days(), days
    with clock.frozen(clock.now() + timedelta(days=settings.KEY_BACKUP_DAYS)):
        backups.keep_up()
        assert day not in epochs.days()
        assert not made.path.exists()
        assert not list(epochs.folder().glob(f"*{day.isoformat()}*")), "its key is on no file"


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
def test_a_clock_that_jumps_leaves_a_backup_that_opens(jump: timedelta) -> None:
    backups.keep_up()
    with clock.frozen(clock.now() + jump):
        backups.keep_up()
        newest = backups.there()[-1]
        assert list(backup_file.read(newest.path, epochs.key_of_today()))
    backups.keep_up()
    assert list(backup_file.read(backups.there()[-1].path, epochs.key_of_today()))
    assert all(abs((day - epochs.today()).days) <= settings.KEY_BACKUP_DAYS for day in epochs.days())


def test_no_key_of_a_day_is_destroyed_while_a_backup_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    backups.keep_up()
    days = epochs.days()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_file, "write", full)
    with clock.frozen(clock.now() + timedelta(days=30)):
        with pytest.raises(BackupError, match="No space left"):
            backups.keep_up()
        assert backups.lapse() == []
        assert set(days) <= set(epochs.days())


def test_of_a_day_that_is_over_one_backup_stays(customer: Callable[[], Customer]) -> None:
    backups.keep_up()
    customer()
    backups.keep_up()
    backups.keep_up()
    assert len(backups.there()) == 2, "nothing changed the second time"
    with clock.frozen(clock.now() + timedelta(days=1)):
        backups.keep_up()
        assert len(backups.there()) == 2


def test_an_old_root_key_lives_until_the_last_backup_that_needs_it_has_lapsed() -> None:
    backups.keep_up()
    before = vault.roots().current()
    assert list(vault.rotate_root())
    assert vault.roots().generations() == [before + 1]
    assert list(vault.roots().retired()) == [before]
    vault.roots().key(before)
    with clock.frozen(clock.now() + timedelta(days=settings.KEY_BACKUP_DAYS - 1)):
        backups.keep_up()
        assert list(vault.roots().retired()) == [before]
    with clock.frozen(clock.now() + timedelta(days=settings.KEY_BACKUP_DAYS, minutes=1)):
        backups.keep_up()
        assert vault.roots().retired() == {}
        assert not list(Path(settings.KEYS_FOLDER).glob(f"root-{before}.*"))


@pytest.mark.parametrize("place", ["keys", "keys/people", "data", "data/blobs", "nowhere"])
def test_a_backup_is_never_put_beside_the_root_keys_or_into_the_data(home: Installation, place: str) -> None:
    with pytest.raises(BackupError):
        backups.back_up(home.data.parent / place)


def test_what_is_no_backup_in_the_folder_disturbs_nothing() -> None:
    (backups.default_folder() / "note.keys").write_text("not a backup")
    backups.keep_up()
    assert len(backups.there()) == 1
    (backups.default_folder() / "note.keys").unlink()
