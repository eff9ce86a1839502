"""Sealing: a value opens in its place, and nowhere else."""

from pathlib import Path

import pytest

from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.vault import envelope
from glasshouse.vault.envelope import SealBrokenError
from glasshouse.vault.root import FileRootKeys, RootKeyError

PLACE = ("person", "name", "key_owner-1")


def test_a_sealed_value_opens_in_its_place() -> None:
    key = envelope.new_key()
    sealed = envelope.seal(key, 3, b"Ada", place=PLACE)
    assert b"Ada" not in sealed
    assert envelope.generation_of(sealed) == 3
    assert envelope.open_sealed(key, sealed, place=PLACE) == b"Ada"


@pytest.mark.parametrize(
    "place", [("other", "name", "key_owner-1"), ("person", "mail", "key_owner-1"), ("person", "name", "key_owner-2")]
)
def test_a_sealed_value_moved_elsewhere_does_not_open(place: tuple[str, str, str]) -> None:
    key = envelope.new_key()
    with pytest.raises(SealBrokenError):
        envelope.open_sealed(key, envelope.seal(key, 1, b"Ada", place=PLACE), place=place)


@pytest.mark.parametrize("at", [0, 1, 5, 20, -1])
def test_an_altered_value_does_not_open(at: int) -> None:
    key = envelope.new_key()
    sealed = bytearray(envelope.seal(key, 1, b"Ada Lovelace", place=PLACE))
    sealed[at] ^= 1
    with pytest.raises(SealBrokenError):
        envelope.open_sealed(key, bytes(sealed), place=PLACE)


def test_a_root_key_open_to_others_is_refused(tmp_path: Path) -> None:
    keys = FileRootKeys(tmp_path)
    (tmp_path / f"root-{keys.add()}.key").chmod(0o644)
    with pytest.raises(RootKeyError, match="chmod 600"):
        keys.key(1)


def test_data_and_keys_in_one_folder_are_refused(tmp_path: Path) -> None:
    for data, keys in ((tmp_path, tmp_path), (tmp_path, tmp_path / "keys"), (tmp_path / "data", tmp_path)):
        with pytest.raises(InstallationError, match="same folder"):
            Installation(data, keys, 1, 2, 3, demo=False).prepare()


def test_new_keys_are_never_made_over_old_data(tmp_path: Path) -> None:
    (tmp_path / "data" / "people").mkdir(parents=True)
    (tmp_path / "data" / "people" / "PG_VERSION").write_text("18")
    with pytest.raises(InstallationError, match="holds no keys"):
        Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=False).prepare()
