"""Files that mean harm, and how they are handed in: to the reader in its sandbox, and at the door."""

import re
import zipfile
from io import BytesIO
from typing import Any

import httpx
import pytest

from glasshouse.greenhouse import file_process
from glasshouse.greenhouse.files import NO_CHOICES, Proposal, Reading
from glasshouse.kernel.errors import InvalidError
from tests.conftest import Customer

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TEXT_ROW = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c><c r="B{0}" t="inlineStr"><is><t>{2}</t></is></c></row>'
ROWS = TEXT_ROW.format(1, "time", "temp") + "".join(
    f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>2024-05-31 {10 + n}:00</t></is></c><c r="B{n}"><v>2{n}.5</v></c></row>'
    for n in range(2, 8)
)
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPES}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPES}.sharedStrings+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{TYPES}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
    "</workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    f'<Relationship Id="r3" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>shared</t></si></sst>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs><xf/></cellXfs></styleSheet>',
}
SHEET = f'<worksheet xmlns="{MAIN}">{{0}}<sheetData>{{1}}</sheetData></worksheet>'


def workbook(changed: dict[str, str | bytes] | None = None, *, rows: str = ROWS, before: str = "") -> bytes:
    """An Excel file of plain parts, some exchanged or added. rows: of its sheet; before: what stands before them."""
    parts: dict[str, str | bytes] = PARTS | {"xl/worksheets/sheet1.xml": SHEET.format(before, rows)}  # type: ignore[operator]
    return packed(parts | (changed or {}))


def packed(parts: dict[str, str | bytes]) -> bytes:
    """A zip file."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return made.getvalue()


def table(*rows: str) -> bytes:
    """A CSV that would be read, with rows of the test at its end."""
    good = [f"2024-05-31 {hour}:00,2{hour % 10}.5" for hour in range(10, 20)]
    return "\n".join(["time,temp", *good, *rows, ""]).encode()


def proposed(body: bytes) -> Proposal:
    """How the reader, in its sandbox, would read a file."""
    return file_process.propose([body], "Europe/Rome", NO_CHOICES)


def taken(body: bytes) -> Reading:
    """The whole file, read in the sandbox. Raises InvalidError, also for a file that is kept with what is wrong with it."""
    proposal = proposed(body)
    if proposal.problem:
        raise InvalidError(proposal.problem)
    return file_process.read([body], proposal.layout)


def refusal(body: bytes) -> str:
    """Why a file is refused, whether at once or when it is read whole."""
    with pytest.raises(InvalidError) as error:
        taken(body)
    text = str(error.value)
    assert "our reader failed" not in text, text
    return text


def hand_in(client: httpx.Client, own: Customer, body: bytes, name: str = "log.csv", **more: Any) -> httpx.Response:
    """Upload a file by its form."""
    page = f"/o/{own.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "place": own.site}
    return client.post(page, data=form, files={"file": (name, body)}, **more)
