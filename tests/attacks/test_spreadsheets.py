"""Workbooks that mean harm: document types, bombs, sheets without end. Refused with what, where and what to do."""

import time
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from glasshouse.greenhouse import file_process
from glasshouse.kernel.errors import InvalidError
from tests.attacks.files import MAIN, PARTS, ROWS, SHEET, TEXT_ROW, packed, proposed, refusal, taken, workbook

SHEET_PART, STRINGS_PART = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
EMPTY_ROW = '<row r="{0}"><c r="A{0}"/></row>'
pytestmark = pytest.mark.usefixtures("home")


def quickly_refused(body: bytes, most_s: float = 8.0) -> str:
    """Refused, and its cost is small: of the processor, since others use it too."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = refusal(body)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < most_s, text
    return text


def test_the_plain_workbook_is_read() -> None:
    assert [value for _, value in taken(workbook()).points["temp"]] == [22.5, 23.5, 24.5, 25.5, 26.5, 27.5]


# -- document types ------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(12))
DOCUMENT_TYPES = {
    "laughs": f"<!DOCTYPE x [{LAUGHS}]>",
    "file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "address": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    "plain": "<!DOCTYPE x>",
    "after a comment": "<!-- " + "x" * 20_000 + " --><?pi x?><!DOCTYPE x>",
}


@pytest.mark.parametrize(
    ("part", "declared"),
    [(SHEET_PART, declared) for declared in DOCUMENT_TYPES]
    + [(part, "file") for part in (*PARTS, "xl/comments1.xml", "customXml/item1.xml")],
)
def test_a_document_type_is_refused_in_every_part(part: str, declared: str) -> None:
    content = {**PARTS, SHEET_PART: SHEET.format("", ROWS)}.get(part, "<x/>")
    head = f'<?xml version="1.0"?>{DOCUMENT_TYPES[declared]}'
    text = quickly_refused(workbook({part: head + content}))
    assert "document type (DTD)" in text
    assert part[:80] in text
    assert "Save the sheet as CSV" in text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_no_encoding_hides_a_document_type(encoding: str) -> None:
    name = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    text = f'<?xml version="1.0" encoding="{name}"?>{DOCUMENT_TYPES["file"]}{SHEET.format("", ROWS)}'
    assert "document type" in refusal(workbook({SHEET_PART: text.encode(encoding)}))


def test_an_entity_brings_nothing_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("2024-05-31 23:00")
    rows = ROWS + TEXT_ROW.format(9, "&e;", "1")
    sheet = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>{SHEET.format("", rows)}'
    assert "document type" in refusal(workbook({SHEET_PART: sheet}))


def test_documents_of_other_programs_with_a_document_type_are_refused_too() -> None:
    ods = packed(
        {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": DOCUMENT_TYPES["laughs"] + "<x/>"}
    )
    assert refusal(ods)


# -- bombs ---------------------------------------------------------------------------------------------------------


def test_a_part_that_unpacks_without_end_is_refused_by_its_size() -> None:
    huge = workbook({SHEET_PART: b" " * (300 << 20)})
    assert len(huge) < 1 << 20
    assert "unpack to more than 64 MB" in quickly_refused(huge)
    assert "unpack to more than 64 MB" in quickly_refused(
        workbook({f"xl/media/{n}.png": bytes(8 << 20) for n in range(9)})
    )


def test_a_size_that_is_a_lie_unpacks_no_more_than_it_says() -> None:
    sheet = SHEET.format("", ROWS + EMPTY_ROW.format(9) * 3_000_000).encode()
    body = bytearray(workbook({SHEET_PART: sheet}))
    with zipfile.ZipFile(BytesIO(bytes(body))) as file:
        true_size = file.getinfo(SHEET_PART).file_size
    lie = true_size.to_bytes(4, "little")
    assert body.count(lie) >= 1
    assert quickly_refused(bytes(body).replace(lie, (5000).to_bytes(4, "little")))


def test_a_workbook_of_very_many_parts_is_refused() -> None:
    assert "more than 5,000 parts" in quickly_refused(workbook({f"x{n}": b"" for n in range(30_000)}))


@pytest.mark.parametrize("long", [200_000, 12_000_000])
def test_a_string_that_many_cells_share_is_not_looked_through_for_each(long: int) -> None:
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * long}</t></si></sst>'
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(9, 100_000))
    text = quickly_refused(workbook({STRINGS_PART: strings}, rows=ROWS + cells))
    assert "row 8 has more than 131,072 characters" in text or "row 9 has more than 131,072 characters" in text


def test_very_many_shared_strings_are_bounded() -> None:
    strings = f'<sst xmlns="{MAIN}">{"<si><t>a</t></si>" * 900_000}</sst>'
    proposed(workbook({STRINGS_PART: strings}))  # 15 MB of them: within the limits.
    strings = f'<sst xmlns="{MAIN}">{"<si><t>a</t></si>" * 1_200_000}</sst>'
    text = quickly_refused(workbook({STRINGS_PART: strings}))
    assert "sharedstrings.xml in this workbook would unpack to more than 16 MB" in text


# -- sheets without end --------------------------------------------------------------------------------------------


def test_a_million_empty_rows_cost_a_bounded_time() -> None:
    assert "more than 1,048,576 rows" in refusal(workbook(rows=ROWS + "<row/>" * 1_100_000))
    last = TEXT_ROW.format(1_048_576, "2024-06-01 12:00", "1")
    assert len(taken(workbook(rows=ROWS + last)).points["temp"]) >= 6


def test_a_sheet_that_claims_no_size_is_read_in_its_whole_width() -> None:
    assert "dimension" not in SHEET
    assert taken(workbook()).points["temp"][0][1] == 22.5


def test_a_far_corner_and_a_claimed_size_make_no_rectangle() -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert quickly_refused(workbook(rows=ROWS + far))
    claimed = workbook(before='<dimension ref="A1:XFD1048576"/>')
    assert quickly_refused(claimed) if _is_refused(claimed) else taken(claimed).rows == 6


def _is_refused(body: bytes) -> bool:
    try:
        proposed(body)
    except InvalidError:
        return True
    return False


def test_very_many_columns_are_refused() -> None:
    wide = '<row r="9">' + "<c><v>1</v></c>" * 20_000 + "</row>"
    assert "at most 2,000 columns" in quickly_refused(workbook(rows=ROWS + wide))


def test_a_sheet_of_very_many_cells_breaks_a_named_limit() -> None:
    time_cell = '<c t="inlineStr"><is><t>2024-05-31 12:00</t></is></c>'
    body = workbook(rows=ROWS + f"<row>{time_cell}<c><v>1</v></c>{'<c/>' * 1_900}</row>" * 6_000)
    with pytest.raises(InvalidError, match="more than 4 seconds of computing to read"):
        file_process.read([body], proposed(workbook()).layout, limits=replace(file_process.TO_READ, cpu_s=4))


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="9"><c r="A9" t="s"><v>99999999</v></c></row>',
        '<row r="9"><c r="A9" t="s"><v>-1</v></c></row>',
        '<row r="9"><c r="A9"><v>1e400</v></c></row>',
        '<row r="9"><c r="ZZZZZZZZ9"><v>1</v></c></row>',
        '<row r="-1"><c r="A9"><v>1</v></c></row>',
        '<row r="99999999999999999999"><c><v>1</v></c></row>',
        '<row r="9"><c r="A9" t="d"><v>99999-99-99</v></c></row>',
        '<row r="9"><c r="A9" s="99999999"><v>1</v></c></row>',
        TEXT_ROW.format(9, "_xD800_", "_x0000_"),
        '<row r="9"><c r="A9" t="inlineStr"><is><t>&#xD800;</t></is></c></row>',
        "<row>" * 100_000,
        "<row><c>" + "<f>" * 100_000,
        '<row r="9"><c r="A9"><f>' + "(" * 100_000 + "</f></c></row>",
    ],
    ids=range(13),
)
def test_a_cell_that_is_none_is_an_issue_or_a_refusal(rows: str) -> None:
    body = workbook(rows=ROWS + rows)
    if _is_refused(body):
        assert refusal(body)
        return
    reading = taken(body)
    assert len(reading.points["temp"]) == 6
    for issue in reading.issues:
        issue.text.encode()


def test_text_of_a_sheet_that_is_no_text_is_shown_as_such() -> None:
    heads = TEXT_ROW.format(1, "time", "temp_xD800__x0000_")
    layout = proposed(workbook(rows=heads + ROWS.partition("</row>")[2])).layout
    assert layout.columns[0].name.encode()
    assert "\0" not in layout.columns[0].name


@pytest.mark.parametrize("cut", [10, 100, 500, 1500, -30, -1])
def test_a_workbook_that_is_cut_off_is_said_to_be_damaged(cut: int) -> None:
    assert "damaged" in refusal(workbook()[:cut])


def test_every_byte_that_flips_is_a_refusal_or_a_reading() -> None:
    """In this process: the reader's own errors would show, which the sandbox only names."""
    import random

    from glasshouse.greenhouse.files import propose, read

    body, chance = workbook(), random.Random(7)  # noqa: S311 - no secret
    started = time.process_time()
    for _ in range(300):
        changed = bytearray(body)
        for _ in range(chance.choice((1, 1, 3, 20))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            read(bytes(changed), propose(bytes(changed), zone="Europe/Rome"))
        except InvalidError:
            continue
    assert time.process_time() - started < 60
