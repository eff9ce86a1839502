"""The embedded stores go from one major version of PostgreSQL to the next, whole, and a cut at any step undoes nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glasshouse.kernel import programs
from glasshouse.operations import major_upgrade, postgres, service, upgrade_check
from glasshouse.operations.installation import Installation, InstallationError
from tests import prepared
from tests.hosting.test_database import NAMES, a_folder
from tests.keystore.place import Place
from tests.outside import installed
from tests.ports import free_ports

pytestmark = pytest.mark.slow
NOW = programs.binaries


def nothing(text: str) -> None:
    """What is said of progress."""


@pytest.fixture
def of_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An installation whose stores the version before made, with one grower in it; it does not run."""
    with a_folder() as folder:
        port = free_ports()
        place = Place.__new__(Place)
        place.folder = folder
        place.home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=True, testing=True)
        prepared.take_keys(place.home)
        with monkeypatch.context() as patched:
            patched.setattr(programs, "binaries", installed)
            with prepared.store(place.home):
                service.migrate(place.home)
        yield place


def test_root_follows_no_link_that_the_stores_user_left(tmp_path: Path) -> None:
    people, _ = postgres.stores(Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=True, testing=True))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    before = elsewhere.stat()
    people.sockets.mkdir(parents=True)
    (people.sockets / "new").symlink_to(elsewhere)
    with pytest.raises(InstallationError, match="not followed"):
        postgres.make_sockets(replace(people, sockets=people.sockets / "new"))
    assert (elsewhere.stat().st_uid, elsewhere.stat().st_mode) == (before.st_uid, before.st_mode)
    (elsewhere / "PG_VERSION").write_text("17")
    people.folder.mkdir(parents=True, exist_ok=True)  # The sockets lie elsewhere where the path is long.
    (people.folder / "PG_VERSION").symlink_to(elsewhere / "PG_VERSION")
    assert (major_upgrade.version_of(elsewhere), major_upgrade.version_of(people.folder)) == (17, None)


@pytest.mark.long
def test_all_of_it_is_there_afterwards_and_the_old_folder_too(
    of_before: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, home = of_before, of_before.home
    with monkeypatch.context() as patched:
        patched.setattr(programs, "binaries", installed)
        with place.doors():
            grower = place.grower()
    made = major_upgrade.version_of_programs(installed())
    assert {major_upgrade.version_of(cluster.folder) for cluster in postgres.stores(home)} == {made}
    with pytest.raises(InstallationError, match=f"was made by PostgreSQL {made}"), place.doors():
        pass
    told = place.command("upgrade", "--check", "--json", "--programs", str(installed()))
    assert told.returncode == 1 and f"goes from PostgreSQL {made}" in told.stdout, told.stderr
    assert json.loads(told.stdout)["refused"] == []
    done = place.command("upgrade", "--programs", str(installed()))
    assert done.returncode == 0 and done.stdout.count("counted in both") == 2, done.stderr
    kept = [*home.data.glob("people.before-*"), *home.keystore.glob("cluster.damaged-*")]
    assert [major_upgrade.version_of(path) for path in kept] == [made, made]
    again = place.command("upgrade")
    assert again.returncode == 0 and "Nothing was changed" in again.stdout
    with place.doors():
        assert place.run(NAMES, PERSONS=grower["person"]) == {grower["person"]: True}
        told = place.command("upgrade", "--check", "--json")
        assert told.returncode == 0, told.stdout
        assert any("No change of tables waits" in line for line in json.loads(told.stdout)["facts"])


class Cut(BaseException):
    """As a kill: nothing catches it."""


STEPS = {
    "before the copy": (major_upgrade, "_copy"),
    "before rows are counted": (major_upgrade, "_compared"),
    "before the marker": (major_upgrade.os, "sync"),
    "before the switch": (major_upgrade, "_switch"),
}


@pytest.mark.long
def test_cut_off_at_any_step_it_is_run_again(of_before: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    home = of_before.home
    people = postgres.people_store(home)
    with monkeypatch.context() as patched:
        patched.setattr(programs, "binaries", installed)
        with prepared.store(home):
            before = _facts(people)

    def cut(*given: Any, **named: Any) -> Any:
        raise Cut

    for module, name in STEPS.values():
        with monkeypatch.context() as patched:
            patched.setattr(module, name, cut)
            with pytest.raises(Cut):
                major_upgrade.upgrade(home, nothing, installed())
        assert major_upgrade.version_of(people.folder) == major_upgrade.version_of_programs(installed())
        with pytest.raises(InstallationError):
            major_upgrade.refuse_unfinished(home)
    # Between the two names: the folder of before has gone, and the new one has not come.
    renamed: list[Path] = []
    rename = Path.rename

    def once(path: Path, target: Path) -> Path:
        if renamed:
            raise Cut
        renamed.append(path)
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", once)
        with pytest.raises(Cut):
            major_upgrade.upgrade(home, nothing, installed())
    assert not (people.folder / "PG_VERSION").exists()
    with pytest.raises(InstallationError, match="was cut off"):
        major_upgrade.refuse_unfinished(home)
    done = major_upgrade.upgrade(home, nothing, installed())
    assert [store.store for store in done] == ["key store"], "the people store was whole, and only had to be named"
    major_upgrade.refuse_unfinished(home)
    with prepared.store(home):
        assert _facts(people) == before


def _facts(cluster: postgres.Cluster) -> dict[Any, int]:
    with cluster.administering(cluster.database) as link:
        return major_upgrade._facts(link)


def a_cluster(folder: Path, made: int) -> None:
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text(f"{made}\n")


def test_what_cannot_be_done_is_told_before_anything_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = major_upgrade.version_of_programs(NOW())
    home = Installation(tmp_path / "data", tmp_path / "keys", 1, 2, 3, demo=True)
    a_cluster(home.data / "people", now - 9)
    a_cluster(home.keystore / "cluster", now)
    told = upgrade_check.look(home)
    assert any(f"PostgreSQL {now - 9}, which made the store" in line for line in told.refused) and told.unknown
    with pytest.raises(InstallationError, match="--programs"):
        major_upgrade.upgrade(home, nothing)
    with pytest.raises(InstallationError, match=f"made by PostgreSQL {now - 9}"):
        major_upgrade.refuse_unfinished(home)
    monkeypatch.setattr(major_upgrade, "earlier_programs", lambda made, named: NOW())
    monkeypatch.setattr(major_upgrade, "SPARE", 1e15)
    with pytest.raises(InstallationError, match="disk is too short"):
        major_upgrade.upgrade(home, nothing)
    assert any("too short" in line for line in upgrade_check.look(home).refused)
    (home.data / "people" / "PG_VERSION").write_text(f"{now + 1}\n")
    with pytest.raises(InstallationError, match="newer than what is installed"):
        major_upgrade.upgrade(home, nothing)
    assert any("newer than" in line for line in upgrade_check.look(home).refused)
    assert sorted(path.name for path in home.data.iterdir()) == ["people", "running.lock"]
    assert replace(home, demo=False).demo is False
