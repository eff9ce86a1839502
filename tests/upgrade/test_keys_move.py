"""Data of commit 16a847e has its keys in the data folder: they are moved into the key store, wherever the move is cut off."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasshouse.operations import postgres, service
from tests import prepared
from tests.conftest import post
from tests.upgrade.test_from_16a847e import EXPECTED, HERE, Upgraded, folder_for_stores

ADDRESSES: list[str] = EXPECTED["addresses"]


@pytest.fixture
def place() -> Iterator[Upgraded]:
    folder = folder_for_stores()
    upgraded = Upgraded(folder)
    yield upgraded
    upgraded.stop()
    shutil.rmtree(folder, ignore_errors=True)


def command(place: Upgraded, *words: str) -> "subprocess.CompletedProcess[str]":
    options = ["--data", str(place.home.data), "--keys", str(place.home.keys), "--port", str(place.home.port), "--demo"]
    return subprocess.run(
        [sys.executable, "-m", "glasshouse.cli", *words, *options],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1] / "src")},
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def signs_in(place: Upgraded, address: str) -> bool:
    with place.client() as client:
        return post(client, "/sign-in", address=address, password=EXPECTED["password"]).status_code == 302


def old_keys(place: Upgraded) -> list[bytes]:
    """The wrapped keys in the old table. A store must run."""
    with postgres.people_store(place.home).administering("vault") as link:
        return [bytes(row[0]) for row in link.execute("SELECT wrapped FROM vault_data_key WHERE length(wrapped) > 0")]


def holding_any(folder: Path, needles: list[bytes]) -> list[str]:
    contents = ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path.name for path, content in contents if any(needle in content for needle in needles)]


@pytest.mark.long
def test_a_move_that_was_cut_off_is_finished_by_the_command(place: Upgraded) -> None:
    with prepared.store(place.home):
        wrapped = old_keys(place)
        environment = service.people_environment(place.home) | {"GLASSHOUSE_ROLE": "owner"}
        subprocess.run([sys.executable, "-m", "glasshouse.operations.migrate"], env=environment, check=True)
        assert old_keys(place) == wrapped, "the old table is there until the end"
    assert len(wrapped) > 5 and holding_any(place.home.data, wrapped), "the test can see it"
    done = command(place, "keys", "move")
    assert done.returncode == 0, done.stderr
    assert holding_any(place.home.data, wrapped) == []
    assert not (place.home.keys / "people" / "root-1.key").exists(), "what wrapped them is gone: copies open no more"
    place.start()
    assert all(signs_in(place, address) for address in ADDRESSES)
    status = json.loads(command(place, "keys", "status", "--json").stdout)
    assert status["state"] == "whole" and status["living_keys"] > 5


@pytest.mark.long
def test_a_copy_of_before_the_move_brings_nobody_back(place: Upgraded, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", place.home.data, copy], check=True)
    place.start()
    erased, other = ADDRESSES[0], ADDRESSES[1]
    done = command(place, "erase", erased)
    if "in the way" in done.stdout:
        erased, other = other, erased
        done = command(place, "erase", erased)
    assert done.returncode == 0, done.stdout + done.stderr
    place.stop()
    shutil.rmtree(place.home.data)
    copy.rename(place.home.data)
    place.start()
    assert not signs_in(place, erased)
    assert signs_in(place, other)
    assert not postgres.people_store(place.home).has("vault")
