"""What a review attacked: keys that come back, half-written secrets, a restore that harms, links in the stores' folders."""

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from glasshouse.access import reseal
from glasshouse.kernel import clock
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import KeyOwnerId, OrganisationId
from glasshouse.ledger import api as ledger
from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.subject.closing import close_organisation
from glasshouse.vault import api as vault
from glasshouse.vault import backups, epochs
from glasshouse.vault.keys.kinds import LineKind
from glasshouse.vault.keys.models import DataKey
from glasshouse.vault.root import RootKeyError, write_secret
from tests.conftest import Customer
from tests.keystore.test_ledger import as_role
from tests.prepared import apart

Make = Callable[[], Customer]


@pytest.fixture
def no_backups(home: Installation) -> Iterator[None]:
    """No backups and keys of days before and after."""

    def remove() -> None:
        for path in (*backups.default_folder().iterdir(), *epochs.folder().iterdir()):
            path.unlink()

    del home
    remove()
    yield
    remove()


@pytest.mark.usefixtures("home")
def test_a_rotation_brings_no_key_back_that_is_destroyed_meanwhile(customer: Make) -> None:
    owner = str(customer().actor.organisation)
    rotation = vault.rotate_root()
    next(rotation)  # It has read many rows by now.
    ledger.destroy_keys([owner], LineKind.CLOSING)
    assert list(rotation)
    assert list(DataKey.objects.filter(key_owner=owner).values_list("wrapped", flat=True)) in ([b""], [memoryview(b"")])


@pytest.mark.parametrize("change", ["wrapped = 'x'", "key_owner = repeat('0', 16)", "generation = 9"])
def test_the_database_lets_no_destroyed_key_come_back_and_no_key_change_its_owner(
    home: Installation, customer: Make, change: str
) -> None:
    owner = str(customer().actor.organisation)
    ledger.destroy_keys([owner], LineKind.CLOSING)
    with as_role(home, "owner") as link, pytest.raises(psycopg.errors.CheckViolation, match="stays"):
        link.execute(f"UPDATE vault_data_key SET {change} WHERE key_owner = %s".encode(), [owner])


@pytest.mark.long
@pytest.mark.usefixtures("no_backups")
def test_after_a_rotation_of_data_keys_the_next_look_makes_a_backup(customer: Make) -> None:
    customer()
    backups.keep_up()
    count = len(backups.there())
    assert list(reseal.rotate_data_keys(wait_s=0))
    backups.keep_up()
    assert len(backups.there()) == count + 1


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_a_rotation_goes_on_where_somebody_is_erased_meanwhile(customer: Make) -> None:
    owner = str(customer().actor.organisation)
    rotation = reseal.rotate_data_keys(wait_s=0)
    next(rotation)
    ledger.destroy_keys([owner], LineKind.CLOSING)
    assert list(rotation)


@pytest.mark.usefixtures("no_backups")
def test_a_day_key_that_is_damaged_seals_no_backup() -> None:
    (epochs.folder() / f"{epochs.today()}.key").touch(mode=0o600)
    with pytest.raises(RootKeyError, match="damaged"):
        backups.back_up()


def test_a_secret_that_was_cut_off_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space"):
        write_secret(tmp_path / "root-1.key", bytes(32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("home")
def test_a_closing_that_the_crop_plane_does_not_answer_leaves_no_line(customer: Make) -> None:
    organisation = str(customer().actor.organisation)

    def away(_: str) -> None:
        raise UnavailableError("The crop plane does not answer.")

    with pytest.raises(UnavailableError):
        close_organisation(OrganisationId(organisation), away)
    assert not ledger.has_lines(organisation)
    assert vault.generations_of(KeyOwnerId(organisation)), "nothing is closed at a later start"


def test_the_start_follows_no_link_in_a_stores_folder(home: Installation, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root's own")
    link = tmp_path / "glasshouse.conf"
    link.symlink_to(secret)
    del home
    with pytest.raises(InstallationError, match="not followed"):
        postgres._write(link, "listen_addresses = '*'", None)
    assert secret.read_text() == "root's own"


def test_a_store_that_was_cut_off_while_it_was_made_is_made_anew() -> None:
    with tempfile.TemporaryDirectory(dir=apart(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        home = Installation(Path(folder) / "data", Path(folder) / "keys", 1, 2, 3, demo=True, testing=True)
        home.prepare()
        store = postgres.key_store(home)
        half_made = store.folder.with_name("cluster.making")
        half_made.mkdir()
        (half_made / "PG_VERSION").write_text("18\n")
        postgres.prepare(store)
        assert (store.folder / "global" / "pg_control").exists()
        assert not half_made.exists()


@pytest.mark.usefixtures("no_backups")
def test_what_a_restore_put_aside_goes_when_backups_lapse() -> None:
    old, young = (Path(settings.KEYSTORE_FOLDER) / f"cluster.damaged-{number}" for number in (1, 2))
    for folder in (old, young):
        folder.mkdir()
    past = clock.now() - timedelta(days=settings.KEY_BACKUP_DAYS + 1)
    os.utime(old, (past.timestamp(), past.timestamp()))
    try:
        backups.keep_up()
        assert (old.exists(), young.exists()) == (False, True)
    finally:
        young.rmdir()
