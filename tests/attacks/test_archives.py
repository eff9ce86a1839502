"""Zip files that mean harm. None is unpacked: a workbook's parts are read one by one, within bounds."""

import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from glasshouse.kernel.errors import InvalidError
from tests.attacks.files import ROWS, SHEET, hand_in, packed, taken, workbook
from tests.attacks.test_spreadsheets import quickly_refused
from tests.conftest import Customer

pytestmark = pytest.mark.usefixtures("home")


def test_a_zip_of_a_zip_is_no_workbook() -> None:
    inner = packed({"a.csv": b"0" * (60 << 20)})
    for _ in range(5):
        inner = packed({"a.zip": inner})
    assert quickly_refused(inner)


def test_entries_that_share_their_bytes_are_refused() -> None:
    """Many names for one compressed piece: 40 kB would unpack to gigabytes."""
    with BytesIO() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
            target.writestr("xl/worksheets/sheet1.xml", b" " * (30 << 20))
            entry = target.infolist()[0]
            for number in range(200):
                copy = zipfile.ZipInfo(f"x{number}")
                for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                    setattr(copy, name, getattr(entry, name))
                target.filelist.append(copy)
        body = made.getvalue()
    assert len(body) < 100_000
    assert "unpack to more than 64 MB" in quickly_refused(body)


def test_paths_that_lead_out_and_links_are_never_written() -> None:
    link = zipfile.ZipInfo("xl/link")
    link.external_attr = 0o120777 << 16
    made = BytesIO(workbook())
    with zipfile.ZipFile(made, "a") as target:
        target.writestr(link, "/etc/passwd")
        target.writestr("../../../../tmp/glasshouse-out", "x")
        target.writestr("/tmp/glasshouse-out", "x")
    assert taken(made.getvalue()).rows == 6
    assert not Path("/tmp/glasshouse-out").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_other_ways_to_pack_are_bounded_or_refused(method: int) -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", method if method != 99 else zipfile.ZIP_STORED) as target:
        target.writestr("xl/worksheets/sheet1.xml", SHEET.format("", ROWS) + " " * (200 << 20 if method != 99 else 0))
    body = made.getvalue()
    if method == 99:
        body = body.replace(struct.pack("<HH", 20, 0), struct.pack("<HH", 20, 1))  # Says that it is encrypted.
    assert quickly_refused(body)


def test_a_list_of_parts_that_contradicts_itself_is_damaged_or_read_right() -> None:
    body = workbook()
    end = body.rindex(b"PK\x05\x06")
    for start, value in ((10, 65_535), (12, 0xFFFFFFFF), (16, 0xFFFFFFFF), (16, 0), (8, 0)):
        wrong = bytearray(body)
        wrong[end + start : end + start + (2 if start < 12 else 4)] = value.to_bytes(2 if start < 12 else 4, "little")
        try:
            assert taken(bytes(wrong)).rows == 6
        except InvalidError as error:
            assert "damaged" in str(error)


def test_at_the_door_a_bomb_is_a_clear_answer(
    customer: Callable[[], Customer], web: Callable[..., httpx.Client]
) -> None:
    own = customer()
    client = web(own)
    answer = hand_in(client, own, workbook({"xl/worksheets/sheet1.xml": b" " * (300 << 20)}), "bomb.xlsx")
    assert answer.status_code == 400
    assert "unpack to more than 64 MB" in answer.text
    assert "save the sheet as CSV" in answer.text
