"""A folder that somebody outside fills: no name, kill, full disk or exchange of a file stops it for good."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasshouse.greenhouse import intake_folder
from glasshouse.greenhouse.intake_folder import Folder
from glasshouse.greenhouse.statements import Statement

ORGANISATION, SITE, NUMBER = "o" * 16, "s" * 16, "0" * 16
REASON = Statement("It broke.")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / ORGANISATION / SITE
    path.mkdir(parents=True)
    return path


@pytest.fixture
def folder(place: Path, tmp_path: Path) -> Iterator[Folder]:
    with intake_folder.opened(tmp_path, ORGANISATION, SITE) as opened:
        yield opened


def taken_by_name(folder: Folder, place: Path, name: str) -> bool:
    (place / name).write_text("x" * 40)
    offered = folder.read(name)
    assert offered
    return folder.take(name, NUMBER, offered)


def test_a_name_as_long_as_may_be_is_taken_and_put_aside(folder: Folder, place: Path) -> None:
    name = "ä" * 116 + ".csv"
    (place / name).touch()
    assert folder.flaw(name) is None
    assert taken_by_name(folder, place, name)
    (taken,) = folder.taken()
    assert taken.name.endswith("ä.csv")
    folder.finish(taken)
    assert len(list(place.glob("done/*.csv"))) == 1


def test_what_a_cut_off_look_left_beside_a_refused_file_is_replaced(folder: Folder, place: Path) -> None:
    assert taken_by_name(folder, place, "a.csv")
    (taken,) = folder.taken()
    beside = place / "refused" / f"{NUMBER}~a.csv.reason.txt"
    elsewhere = place / "elsewhere.csv"
    elsewhere.write_text("as it was")
    os.link(elsewhere, beside)
    folder.refuse("a.csv", NUMBER, REASON, of=taken)
    assert (beside.read_text(), elsewhere.read_text()) == ("It broke.\n", "as it was")
    assert folder.taken() == []


def test_no_reason_stays_without_its_file(folder: Folder, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (place / "a.exe").touch()
    monkeypatch.setattr(Folder, "_move", full)
    with pytest.raises(OSError, match="No space"):
        folder.refuse("a.exe", NUMBER, REASON)
    assert list((place / "refused").iterdir()) == []


def test_content_that_was_exchanged_after_it_was_read_stays(folder: Folder, place: Path) -> None:
    for number, is_new_file in enumerate((False, True)):
        path = place / f"{number}.csv"
        path.write_text("11111")
        offered = folder.read(path.name)
        assert offered
        time.sleep(0.02)  # The clock of a file system goes in steps.
        if is_new_file:  # Its inode is often the one that was just freed.
            path.unlink()
        path.write_text("22222")
        assert not folder.take(path.name, NUMBER, offered)
        assert path.read_text() == "22222"
    assert folder.taken() == []


def test_one_customers_folder_that_is_closed_stops_no_other(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = intake_folder._ids

    def closed(folder: Path) -> list[str]:
        if folder.name == "c" * 16:
            raise PermissionError(13, "Permission denied")
        return ids(folder)

    (tmp_path / ("c" * 16)).mkdir()
    monkeypatch.setattr(intake_folder, "_ids", closed)
    assert intake_folder.places(tmp_path) == [f"{ORGANISATION}:{SITE}"]
    assert place.is_dir()
