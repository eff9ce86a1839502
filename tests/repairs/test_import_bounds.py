"""A file costs what our bounds say, whatever is in it: read in a process of its own, one an organisation, two in all."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from crop_contract import sandbox_process
from glasshouse.greenhouse.files import NO_CHOICES, FileChoices, propose, read
from glasshouse.kernel.errors import InvalidError, OverloadedError, UnavailableError
from glasshouse.operations.installation import Installation
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
SMALL = b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n"
SAID = {
    "delimiter": ",",
    "decimal": ".",
    "header": "yes",
    "time_column": "0",
    "time_format": "iso",
    "zone": "Europe/Rome",
}


def wide(columns: int, rows: int) -> bytes:
    lines = ["time," + ",".join(f"c{number}" for number in range(columns - 1))]
    for row in range(rows):
        lines.append(f"2024-05-{1 + row // 1440:02d} {row // 60 % 24:02d}:{row % 60:02d}" + ",12" * (columns - 1))
    return "\n".join(lines).encode()


def tall(rows: int) -> bytes:
    """One series, whose times alone keep any machine busy for seconds."""
    return b"time,temp\n" + b"".join(b"%d,21.5\n" % (1_700_000_000 + 60 * row) for row in range(rows))


def workbook(part: str, content: bytes) -> bytes:
    """A small workbook, with one part exchanged or added."""
    from openpyxl import Workbook

    plain, made = BytesIO(), BytesIO()
    book = Workbook()
    for row in (["Time", "Temp"], ["2024-05-31 12:00", 21.5], ["2024-05-31 13:00", 22.5]):
        book.worksheets[0].append(row)
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            if info.filename != part:
                target.writestr(info.filename, source.read(info))
        if part:
            target.writestr(part, content)
    return made.getvalue()


def hand_in(client: httpx.Client, one: Customer, body: bytes, name: str = "log.csv") -> httpx.Response:
    page = f"/o/{one.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "place": one.site}
    return client.post(page, data=form, files={"file": (name, body)})


def children() -> set[int]:
    """Process ids of this process's children that run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = status.read_text().split(" (", 1)
        except OSError:
            continue
        if rest.rpartition(") ")[2].split()[1] == str(os.getpid()):
            found.add(int(pid))
    return found


# -- where a file is read ------------------------------------------------------------------------------------------


def test_a_page_that_is_opened_again_reads_nothing_of_the_file(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.greenhouse import imports
    from glasshouse.vault import blobs

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL])
    before = imports.preview(one.actor, number)

    def refuse(*_: object) -> Iterator[bytes]:
        raise AssertionError("the file was read again")
        yield b""

    monkeypatch.setattr(blobs, "read", refuse)
    again = imports.preview(one.actor, number)
    assert (again.layout, again.rows) == (before.layout, before.rows)
    assert again.reading.points["temp"][:3] == before.reading.points["temp"][:3]
    same = FileChoices(",", ".", True, 0, "iso")  # what the form says when nothing was changed
    assert imports.preview(one.actor, number, same, "Europe/London").layout.zone == "Europe/London"
    imports.queue(one.actor, number, before.layout)


def test_no_file_is_parsed_by_a_process_of_ours_that_holds_keys(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openpyxl

    from glasshouse.greenhouse import imports, readings

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("parsed where the keys are")

    monkeypatch.setattr(csv, "reader", refuse)
    monkeypatch.setattr(openpyxl, "load_workbook", refuse)
    one = customer()
    for name, body in (("a.csv", SMALL), ("b.xlsx", workbook("", b""))):
        number = imports.upload(one.actor, one.site, "", name, [body])
        layout = imports.preview(one.actor, number, FileChoices(decimal=".")).layout
        imports.choose(one.actor, number, layout)
        assert imports.run(one.actor, number)["points"] == 2
    assert len(readings.series(one.actor)) == 1 or readings.series(one.actor)


def test_a_file_is_read_outside_every_transaction_by_a_process_that_is_told_no_secret(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    from django.db import connections

    from glasshouse.greenhouse import imports

    started = []
    start = subprocess.Popen

    def watched(*command: object, **more: object) -> object:
        assert not any(connection.in_atomic_block for connection in connections.all())
        started.append(more)
        return start(*command, **more)  # type: ignore[call-overload]

    one = customer()
    monkeypatch.setenv("GLASSHOUSE_PROBE", "a secret")
    monkeypatch.setattr(subprocess, "Popen", watched)
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    assert len(started) == 2
    for more in started:
        assert set(more["env"]) == {"PYTHONPATH", "LC_ALL", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}  # type: ignore[call-overload]
        assert SMALL.decode() not in str(more)


def test_what_a_process_reads_is_what_the_functions_read(home: Installation) -> None:
    from glasshouse.greenhouse import file_process

    texts = [
        "Date;Temp (°C);Rhair\n31/05/2024 12:00;21,5;80\n31/05/2024 12:15;x;81\n31/05/2024 12:15;1e999;81\n",
        "%time, Tout \n43815,6.9\n43815.00347,NaN\n43815.00694,6.8\n",
        "time,temp (°F)\n2024-03-31 01:45,1\n2024-03-31 02:15,2\n2024-03-31 03:15,999999\n",
    ]
    for body in [*(text.encode() for text in texts), workbook("", b"")]:
        proposal = file_process.propose([body[:7], body[7:]], "Europe/Rome", NO_CHOICES)
        assert proposal.layout == propose(body, zone="Europe/Rome")
        there, here = file_process.read([body], proposal.layout), read(body, proposal.layout)
        assert {name: list(points) for name, points in there.points.items()} == {
            name: list(points) for name, points in here.points.items()
        }
        assert (there.rows, there.issues, there.refused, there.left_out, there.flagged) == (
            (here.rows, here.issues, here.refused, here.left_out, here.flagged)
        )


def test_what_a_process_concludes_cannot_grow_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import asdict

    from glasshouse.greenhouse import file_process
    from glasshouse.web.file_texts import said

    grown = {"text": "%(a)s" * 3_000, "values": {"a": "x" * 20_000}}
    layout = propose(SMALL, zone="Europe/Rome").as_json()
    layout["left_out"] = [{"index": 1, "name": "temp", "reason": grown}]
    raw = {"layout": layout, "rows": [], "notes": [grown] * 200, "problem": grown}
    monkeypatch.setattr(file_process, "_answers", lambda *_: [json.dumps(raw).encode()])
    proposal = file_process.propose([SMALL], "Europe/Rome", NO_CHOICES)
    statements = [*proposal.notes, proposal.problem, proposal.layout.left_out[0].reason]
    assert len(statements) == 102
    for statement in statements:
        assert statement is not None
        assert len(str(statement)) < 50_000
        assert len(said(asdict(statement))) < 50_000


def test_an_upload_of_an_earlier_version_is_read_once(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse import file_process, imports
    from glasshouse.greenhouse.models import Upload

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL])
    with access.organisation_transaction(one.actor):
        assert Upload.objects.filter(id=number).update(proposal=None) == 1
    runs = []
    answers = file_process._answers
    monkeypatch.setattr(file_process, "_answers", lambda *given: runs.append(1) or answers(*given))
    assert [imports.preview(one.actor, number).layout.headings for _ in range(3)] == [("time", "temp")] * 3
    assert len(runs) == 1


def test_what_is_stored_of_a_file_is_sealed_and_goes_with_it(customer: Make) -> None:
    from datetime import timedelta

    from django.db import connection

    from glasshouse.access import api as access
    from glasshouse.greenhouse import imports
    from glasshouse.greenhouse.models import Upload
    from glasshouse.kernel import clock
    from glasshouse.retention import api as retention

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [b"time,plainheading\n2024-05-31 12:00,21\n"])

    def stored() -> bytes | None:
        with access.organisation_transaction(one.actor), connection.cursor() as cursor:
            cursor.execute("SELECT proposal FROM greenhouse_upload WHERE id = %s", [number])
            row = cursor.fetchone()
            return None if row[0] is None else bytes(row[0])

    sealed = stored()
    assert sealed is not None
    assert b"plainheading" not in sealed
    with access.organisation_transaction(one.actor):
        Upload.objects.filter(id=number).update(created_at=clock.now() - timedelta(days=31))
    retention.run_deletions()
    assert stored() is None
    with pytest.raises(InvalidError, match="removed after 30 days"):
        imports.preview(one.actor, number)


# -- how many at once ----------------------------------------------------------------------------------------------


def test_one_organisation_has_one_place_and_all_have_two(home: Installation) -> None:
    from glasshouse.greenhouse.file_process import place

    with place("a" * 16):  # type: ignore[arg-type]
        with pytest.raises(OverloadedError), place("a" * 16):  # type: ignore[arg-type]
            pass
        with pytest.raises(OverloadedError), place("a" * 16, for_import=True):  # type: ignore[arg-type]
            pass
        with place("b" * 16, for_import=True), pytest.raises(OverloadedError), place("c" * 16):  # type: ignore[arg-type]
            pass
        with place("c" * 16):  # type: ignore[arg-type]
            pass
    with place("a" * 16, for_import=True):  # type: ignore[arg-type]
        with pytest.raises(OverloadedError), place("b" * 16, for_import=True):  # type: ignore[arg-type]
            pass  # Imports never take the last place from the pages.
        with place("b" * 16):  # type: ignore[arg-type]
            pass
    with ExitStack() as both:
        for name in "ab":
            both.enter_context(place(name * 16))  # type: ignore[arg-type]


def test_whoever_comes_while_a_file_is_read_is_told_so_and_nothing_is_kept(customer: Make, web: Web) -> None:
    from glasshouse.greenhouse import imports
    from glasshouse.greenhouse.file_process import place

    one, other = customer(), customer()
    client, blobs_before = web(one), None
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL])
    look = f"/o/{one.organisation}/import/{number}"
    blobs_before = stored_blobs()
    with place(one.actor.organisation):  # type: ignore[arg-type]  # by another process, for the web part
        refused = hand_in(client, one, SMALL)
        assert refused.status_code == 503
        assert "Another file is being read; try again in a moment" in refused.text
        assert refused.headers["Retry-After"]
        assert client.get(look).status_code == 200  # A page that is opened reads no file.
        changed = post(client, look, look, **SAID | {"heading_row": "0"})
        assert changed.status_code == 503
        assert hand_in(web(other), other, SMALL).status_code == 302
    assert len(stored_blobs() - blobs_before) == 1
    assert post(client, look, look, **SAID | {"heading_row": "0"}).status_code == 200
    assert hand_in(client, one, SMALL).status_code == 302


def stored_blobs() -> set[str]:
    from django.conf import settings

    return {path.name for path in Path(settings.BLOB_FOLDER).glob("*/*")}


def test_an_import_waits_for_a_place_and_is_tried_again(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.greenhouse import file_process, imports

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    monkeypatch.setattr(file_process, "WAIT_S", 0.0)
    with file_process.place(one.actor.organisation), pytest.raises(UnavailableError):  # type: ignore[arg-type]
        imports.run(one.actor, number)  # which the job tries again
    assert imports.run(one.actor, number)["points"] == 2


def test_what_cannot_be_read_is_not_kept(customer: Make) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    before = stored_blobs()
    for body in (b"a,b\n", b"", workbook("xl/styles.xml", b"<x>" * 500_000)):
        with pytest.raises(InvalidError):
            imports.upload(one.actor, one.site, "", "x", [body])
    assert stored_blobs() == before
    assert imports.uploads(one.actor) == []


# -- what one file may cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"cpu_s": 1}, "1 seconds of computing to read. Split the file, or save the sheet as CSV"),
        ({"memory_bytes": 64 << 20}, "64 MB of memory"),
        ({"answer_bytes": 100}, "more than is read of one file"),
    ],
    ids=["cpu", "memory", "answer"],
)
def test_what_breaks_a_bound_is_an_error_that_says_which(
    home: Installation, limits: dict[str, int], reason: str
) -> None:
    from dataclasses import replace

    from glasshouse.greenhouse import file_process

    slow = "cpu_s" in limits
    body = tall(2_500_000) if slow else wide(1900, 3 if "answer_bytes" in limits else 1400)
    layout = propose(tall(3) if slow else wide(1900, 3), zone="Europe/Rome")  # 1,900 names alone are a large answer.
    before, started = children(), time.monotonic()
    with pytest.raises(InvalidError, match=reason):
        file_process.read([body], layout, limits=replace(file_process.TO_READ, **limits))
    assert time.monotonic() - started < 60, "bounded, also where others use the cores"
    assert children() <= before


def test_a_busy_machine_is_no_fault_of_the_file_so_that_it_is_tried_again(home: Installation) -> None:
    from dataclasses import replace

    from glasshouse.greenhouse import file_process

    layout, before = propose(tall(3), zone="Europe/Rome"), children()
    with pytest.raises(UnavailableError, match="busy"):
        file_process.read([tall(2_500_000)], layout, limits=replace(file_process.TO_READ, whole_s=0.3))
    assert children() <= before


def test_a_process_that_is_killed_leaves_no_process_and_a_reason(home: Installation) -> None:
    import signal

    from glasshouse.greenhouse import file_process

    before = children()

    def kill(done: int, total: int) -> None:
        for pid in children() - before:
            os.kill(pid, signal.SIGKILL)

    body = b"time,temp\n" + b"2024-05-31 12:00,21\n" * 200_000
    with pytest.raises(InvalidError, match="Split the file"):
        file_process.read([body], propose(SMALL, zone="Europe/Rome"), kill)
    assert children() <= before


def test_an_import_that_is_stopped_ends_its_process(home: Installation) -> None:
    from glasshouse.greenhouse import file_process
    from glasshouse.greenhouse.imports import StoppedError

    before = children()

    def stop(done: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        file_process.read([SMALL * 1], propose(SMALL, zone="Europe/Rome"), stop)
    assert children() <= before


STYLES = (
    b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>%s</cellXfs></styleSheet>'
)


@pytest.mark.parametrize(
    ("part", "content", "reason"),
    [
        (
            "xl/styles.xml",
            STYLES % (b'<xf numFmtId="0" fontId="0"/>' * 400_000),
            r"styles.xml .* 1 MB: save the sheet as CSV",
        ),
        ("xl/workbook.xml", b"<a/>" * 400_000, "workbook.xml .* 1 MB"),
        ("xl/_rels/workbook.xml.rels", b"<a/>" * 400_000, "rels .* 1 MB"),
        ("[Content_Types].xml", b"<a/>" * 400_000, "1 MB"),
        ("xl/sharedStrings.xml", b"<si/>" * 4_000_000, "16 MB"),
        ("xl/worksheets/sheet1.xml", b"<row/>" * 12_000_000, "unpack to more than 64 MB: save the sheet as CSV"),
    ],
    ids=["styles", "workbook", "relations", "types", "strings", "sheet"],
)
def test_a_small_workbook_that_costs_much_is_refused_before_it_does(part: str, content: bytes, reason: str) -> None:
    body = workbook(part, content)
    assert len(body) < 1 << 20
    started = time.process_time()
    with pytest.raises(InvalidError, match=reason):
        propose(body, zone="Europe/Rome")
    assert time.process_time() - started < 2


def test_a_wide_file_is_shown_in_part_and_imported_whole(customer: Make, web: Web) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    client = web(one)
    look = hand_in(client, one, wide(1900, 60)).headers["location"]
    page = client.get(look)
    assert page.status_code == 200
    assert len(page.content) < 400_000
    assert "1599 more columns are not shown here" in page.text
    assert (len(re.findall(r'name="v\d+"', page.text)), len(re.findall(r"<td[ >]", page.text))) == (
        300,
        4 * 300 + 1 * 0 + 5 * (3 + 8) + 8 * 300,
    )
    number = imports.ImportId(look.rsplit("/", 1)[1])
    chosen = imports.preview(one.actor, number).layout
    assert len(chosen.columns) == 1899
    assert post(client, f"{look}/run", look, **SAID).status_code == 302
    ends = time.monotonic() + 60
    while (state := imports.report_of(one.actor, number)).state != "taken":
        assert state.state in ("queued", "reading")
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert state.report["points"] == 1899 * 60


def test_a_time_column_beyond_the_shown_ones_can_be_chosen_and_stays_chosen(customer: Make, web: Web) -> None:
    rows = [f"c{n}" for n in range(300)] + ["time"], ["1"] * 300 + ["2024-05-31 12:00"]
    one = customer()
    client = web(one)
    look = hand_in(client, one, "\n".join(",".join(row) for row in rows).encode()).headers["location"]
    page = client.get(look).text
    assert ">as found: time<" in page
    assert re.search(r'<option value="300">\s*time\s*</option>', page)


def test_headings_beyond_all_reason_are_refused(home: Installation) -> None:
    head = ",".join(["time", *(f"{number}{'h' * 299}" for number in range(1000))])
    with pytest.raises(InvalidError, match="200,000 characters"):
        propose(f"{head}\n2024-05-31 12:00{',1' * 1000}\n".encode(), zone="Europe/Rome")


def test_a_long_cell_is_kept_cut_and_still_no_number(customer: Make) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    body = SMALL + b"2024-05-31 14:00," + b"1" * 100_000 + b"\n"
    look = imports.preview(one.actor, imports.upload(one.actor, one.site, "", "a.csv", [body]))
    assert max(len(cell) for row in look.rows for cell in row) <= 65
    assert [(issue.row, issue.kept) for issue in look.reading.issues] == [(4, False)]


def test_all_remarks_are_counted_and_some_are_kept(home: Installation) -> None:
    body = b"time,temp\n2024-05-31 12:00,1\n" + b"never,1\n" * 30_000 + b"2024-05-31 13:00,warm\n"
    reading = read(body, propose(SMALL, zone="Europe/Rome"))
    assert (reading.rows, reading.refused, reading.left_out) == (30_002, 30_000, 30_001)
    assert len(reading.issues) == 20_000


def test_more_readings_than_one_batch_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.greenhouse import file_rows

    monkeypatch.setattr(file_rows, "MOST_READINGS", 1000)
    body = wide(100, 20)
    with pytest.raises(InvalidError, match="1,000 readings"):
        read(body, propose(body, zone="Europe/Rome"))


# -- times that no calendar of ours knows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["Europe/Rome", "America/New_York", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Manila"]
)
@pytest.mark.parametrize(
    ("wall", "written"),
    [
        ("0001-01-01 00:00", "iso"),
        ("9999-12-31 23:59", "iso"),
        ("1899-12-31 23:59", "iso"),
        ("2201-01-01 00:00", "iso"),
        ("01/01/0001 00:00", "dmy"),
        ("31/12/9999 23:59", "dmy"),
    ],
)
def test_a_time_out_of_the_years_is_its_rows_remark(home: Installation, zone: str, wall: str, written: str) -> None:
    from glasshouse.greenhouse import file_process

    plain = "2024-05-31 {}:00" if written == "iso" else "31/05/2024 {}:00"
    rows = [f"{plain.format(hour)},1" for hour in range(10, 24)]
    body = "\n".join(["time,temp", *rows[:5], f"{wall},1", *rows[5:]]).encode()
    layout = propose(body, zone=zone)
    assert layout.zone == zone
    reading = read(body, layout)
    assert len(reading.points["temp"]) == 14
    assert [(issue.row, issue.kept) for issue in reading.issues] == [(7, False)]
    assert "within the years 1900 to 2200" in reading.issues[0].text
    if zone == "Europe/Rome":
        assert file_process.read([body], layout).issues == reading.issues


def test_times_at_the_ends_of_the_years_come_in(customer: Make) -> None:
    from glasshouse.greenhouse import imports

    one = customer()
    rows = ["1900-01-02 00:00", "1970-01-01 00:00", "2024-05-31 12:00", "2200-12-31 00:00", "1900-01-01 00:00"]
    body = "\n".join(["time,temp", *(f"{row},1" for row in rows)]).encode()
    number = imports.upload(one.actor, one.site, "", "log.csv", [body])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    report = imports.run(one.actor, number)
    assert report["points"] == 4
    assert [issue["row"] for issue in report["issues"] if not issue["kept"]] == [6]  # In UTC it is still 1899.


def test_a_file_with_such_times_is_shown_not_an_error(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    body = b"time,temp\n0001-01-01 00:00,1\n" + b"2024-05-31 12:00,1\n" * 30 + b"9999-12-31 23:59,1\n"
    look = hand_in(client, one, body).headers["location"]
    page = client.get(look)
    assert page.status_code == 200
    assert "is not within the years 1900 to 2200" in page.text


# -- a download on support's record --------------------------------------------------------------------------------


def test_a_download_is_on_support_s_record_once_with_what_it_was_of(
    customer: Make, olaf: Make, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse import imports, readings
    from glasshouse.greenhouse.models import Site
    from glasshouse.support import api as support
    from glasshouse.support import record as support_record
    from glasshouse.support.api import Wish

    one, staff = customer(), olaf()
    number = imports.upload(one.actor, one.site, "", "log.csv", [SMALL + b"2024-05-31 14:00,23\n"])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    name = readings.series(one.actor)[0]["id"]
    support.give(one.actor, Wish(("climate",), 4, "ticket 7"))
    monkeypatch.setattr(readings, "ROWS_BETWEEN_CHECKS", 1)
    inside = staff.actor.for_organisation(one.actor.organisation)  # type: ignore[arg-type]
    assert len(list(readings.export(inside, [name], (1_700_000_000, 1_800_000_000)))) == 4
    seen = [row.ids for row, _ in support_record.of_organisation(one.actor) if row.what == "download"]
    assert seen == [[one.site, name]]
    with access.organisation_transaction(one.actor):
        site = Site.objects.get(id=one.site).name
    page = web(one).get(f"/o/{one.organisation}/record").text
    assert f"downloaded readings of “{site}” (1 series)" in page
    assert "of 0 " not in page


def test_the_process_that_reads_files_starts_no_thread() -> None:
    """The kernel refuses it one wherever it does not run as root: an Excel file could not be read there at all."""
    code = (
        "import crop_contract.sandbox_child, glasshouse.greenhouse.file_work, openpyxl, numpy\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.partition('Threads:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=sandbox_process.ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
