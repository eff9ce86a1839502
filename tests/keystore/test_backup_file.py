"""The format of a backup: whatever is done to a file, it opens whole or not at all. No service runs."""

import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.vault import backup_file
from glasshouse.vault.backup_file import CHUNK, MAGIC, BackupError, Header

HEADER = Header(
    day="2026-11-30",
    made_at="2026-11-30T09:00:00+00:00",
    installation="0123456789abcdef",
    keys=3,
    lines=2,
    head="0" * 64,
    roots=[1],
    salt="00" * 16,
)
KEY = bytes(range(32))
LINES = [f"line {number} " + "x" * 700 for number in range(4_000)]  # about two and a half chunks


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backups") / "one.keys"
    backup_file.write(path, HEADER, LINES, KEY)
    assert path.stat().st_size > 2 * CHUNK
    return path


def changed(backup: Path, content: bytes) -> Path:
    path = backup.with_name(f"{secrets.token_hex(4)}.keys")
    path.write_bytes(content)
    return path


def test_a_backup_gives_back_what_went_in(backup: Path) -> None:
    assert list(backup_file.read(backup, KEY)) == LINES
    assert backup_file.header_of(backup) == HEADER
    assert backup.stat().st_mode & 0o777 == 0o600


@given(st.integers(0, 1 << 30), st.integers(1, 255))
def test_a_backup_with_any_byte_changed_does_not_open(backup: Path, place: int, change: int) -> None:
    content = bytearray(backup.read_bytes())
    content[place % len(content)] ^= change
    path = changed(backup, bytes(content))
    try:
        with pytest.raises(BackupError):
            assert list(backup_file.read(path, KEY)) == LINES
            raise AssertionError("it opened")
    finally:
        path.unlink()


@given(st.integers(0, 1 << 30))
def test_a_backup_that_was_cut_off_anywhere_does_not_open(backup: Path, length: int) -> None:
    content = backup.read_bytes()
    path = changed(backup, content[: length % len(content)])
    try:
        with pytest.raises(BackupError):
            list(backup_file.read(path, KEY))
    finally:
        path.unlink()


def test_parts_cannot_be_left_out_swapped_repeated_or_taken_from_another_backup(backup: Path) -> None:
    content = backup.read_bytes()
    start = content.index(b"\n", len(MAGIC)) + 1
    parts, at = [], start
    while at < len(content):
        length = 4 + int.from_bytes(content[at : at + 4], "big")
        parts.append(content[at : at + length])
        at += length
    assert len(parts) == 3
    other = backup.with_name("other.keys")
    backup_file.write(other, replace(HEADER, salt="11" * 16), LINES, KEY)
    other_content = other.read_bytes()
    other_part = other_content[start : start + len(parts[0])]
    orders = [parts[1:], parts[:2], [parts[1], parts[0], parts[2]], [*parts, parts[2]], [other_part, *parts[1:]]]
    for order in orders:
        with pytest.raises(BackupError):
            list(backup_file.read(changed(backup, content[:start] + b"".join(order)), KEY))


def test_another_days_key_opens_nothing(backup: Path) -> None:
    with pytest.raises(BackupError, match="does not open"):
        list(backup_file.read(backup, os.urandom(32)))


@pytest.mark.parametrize(
    "content", [b"", b"GH", MAGIC, MAGIC + b"{}\n", MAGIC + b"[1]\n", MAGIC + b"{" * 70_000, os.urandom(500)]
)
def test_what_is_no_backup_is_told_as_that(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.keys"
    path.write_bytes(content)
    with pytest.raises(BackupError, match="is no backup"):
        backup_file.header_of(path)


def test_a_backup_that_fails_on_its_way_leaves_nothing(tmp_path: Path) -> None:
    def lines() -> "list[str]":
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        backup_file.write(tmp_path / "one.keys", HEADER, (line for line in lines()), KEY)
    assert list(tmp_path.iterdir()) == []
