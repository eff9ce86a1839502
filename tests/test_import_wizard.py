"""The preview of a file: in the reader's language, with values by both clocks, a chart, doubts to leave out; small if wide."""

import re
from collections.abc import Callable

import httpx
import pytest

from glasshouse.greenhouse import imports
from glasshouse.greenhouse.file_shapes import EXCHANGED, FAR, REPEATED, Layout
from glasshouse.greenhouse.files import proposal_of, read
from glasshouse.kernel.ids import ImportId
from tests.conftest import Customer, post
from tests.file_corpus import unbalanced
from tests.repairs.test_import_bounds import SAID, hand_in, wide
from tests.test_files import until

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
HOURS = [f"2024-05-31 {hour:02d}:00" for hour in range(24)]
DOUBTFUL = (
    "time,temp\n"
    + "".join(f"{at},{20 + number / 10}\n" for number, at in enumerate(HOURS))
    + "2024-05-31 23:00,25\n2024-06-01 00:00,240\n"
)


def left(body: str, leave_out: tuple[str, ...] = (), *, implausible: bool = False) -> tuple[int, dict[str, bool]]:
    """How many readings come in, and each issue's text with whether it came in; the sums must add up."""
    from dataclasses import replace

    layout = proposal_of(body.encode(), zone="Europe/Rome").layout
    columns = tuple(replace(column, leave_implausible=implausible) for column in layout.columns)
    chosen = Layout.from_json(replace(layout, columns=columns, leave_out=leave_out).as_json())
    reading = read(body.encode(), chosen)
    assert not unbalanced(chosen, reading)
    return sum(map(len, reading.points.values())), {issue.text: issue.kept for issue in reading.issues}


def test_doubtful_rows_and_values_come_in_flagged_or_are_left_out_as_said() -> None:
    readings, issues = left(DOUBTFUL)
    assert readings == 26
    assert issues == {
        "the same time as row 25; where both hold a value, this one counts": True,
        "240 °C is implausible for Air temperature": True,
    }
    readings, issues = left(DOUBTFUL, (REPEATED,))
    assert readings == 25
    assert issues["the same time as row 25; left out by choice"] is False
    readings, issues = left(DOUBTFUL, (REPEATED,), implausible=True)
    assert readings == 24
    assert set(issues.values()) == {False}


def test_rows_far_from_all_others_and_exchanged_dates_are_left_out_as_said() -> None:
    far = "time,temp,rh\n2004-01-01 00:00,1,\n" + "".join(f"{at},20,80\n" for at in HOURS)
    assert left(far)[0] == 49
    readings, issues = left(far, (FAR,))
    assert readings == 48
    assert issues == {"its row's time lies far from all others; left out by choice": False}
    days = [f"{day:02d}/01/2024" for day in range(13, 32)] + ["02/01/2024", "02/02/2024", "03/02/2024"]
    exchanged = "time;temp\n" + "".join(f"{day} 12:00;20\n" for day in days)
    before = left(exchanged)
    assert any("jumps" in text for text in before[1])
    readings, issues = left(exchanged, (EXCHANGED,))
    assert readings == before[0] - sum("jumps" in text for text in issues)
    assert not any(came_in for text, came_in in issues.items() if "jumps" in text)


def test_doubts_are_left_out_by_a_tick_on_the_page_and_the_tick_stays(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    look = hand_in(client, one, DOUBTFUL.encode()).headers["location"]
    page = client.get(look).text
    assert set(re.findall(r'name="(leave-\w+)"', page)) == {"leave-1", f"leave-{REPEATED}"}
    assert not re.search(r'name="leave-\w+" value="yes" checked', page)
    again = post(client, look, look, **SAID, **{"leave-1": "yes"}).text
    assert re.findall(r'name="(leave-\w+)" value="yes" checked', again) == ["leave-1"]
    ticks = {"leave-1": "yes", f"leave-{REPEATED}": "yes"}
    report = post(client, f"{look}/run", look, **SAID, **ticks).headers["location"]
    until(lambda: "came in" in client.get(report).text)
    assert "25 of 26 rows came in: 24 readings" in client.get(report).text
    again = client.get(look).text
    assert re.findall(r'name="(leave-\w+)" value="yes" checked', again) == [f"leave-{REPEATED}", "leave-1"]


def test_preview_state_and_report_are_in_german(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    client.headers["Accept-Language"] = "de"
    rows = DOUBTFUL.replace("23:00,25", "23:00,warm").replace("time,temp", "time,temp,note").replace("\n", ",\n")
    body = "Anlage 3\n\n" + rows.replace("note,", "note", 1)
    look = hand_in(client, one, body.encode()).headers["location"]
    page = client.get(look).text
    for text in (
        "Wie die Datei gelesen wird",
        "Zeile 1 über der Tabelle enthält keine Messwerte",
        "wie erkannt: Jahr-Monat-Tag",
        "240 °C ist unplausibel (Lufttemperatur)",
        "dieselbe Zeit wie Zeile 27",
        "sie ist leer",
        "Lufttemperatur (°C)",
    ):
        assert text in page, text
    assert ">20,1<" in page
    assert "20,0; 20,1; 20,2" in page, "numbers are written as the language writes them"
    refused = post(client, look, look, **SAID | {"zone": "Mars/Olympus"})
    assert "Wählen Sie eine Zeitzone" in refused.text
    report = post(client, f"{look}/run", look, **SAID).headers["location"]
    until(lambda: "kamen herein" in client.get(report).text)
    page = client.get(report).text
    assert "&#x27;warm&#x27; ist keine Zahl" in page
    assert "Auffälligkeiten nach Art" in page
    assert "'warm' ist keine Zahl" in client.get(f"{report}?format=csv").text
    bad = hand_in(client, one, b"\x00\x01\x02\x00")
    assert "weder eine Texttabelle noch eine Excel-Datei" in bad.text
    none = hand_in(client, one, b"a,b\n1,2\n3,4\n").headers["location"]
    assert "Keine Spalte sieht nach einer Zeit aus" in client.get(none).text


def test_a_report_and_a_proposal_of_an_earlier_version_are_still_shown(customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Upload

    one = customer()
    number = imports.upload(one.actor, one.site, "", "old.csv", [DOUBTFUL.encode()])
    with access.organisation_transaction(one.actor):
        row = Upload.objects.get(id=number)
        row.proposal |= {"notes": ["A note of before."], "problem": ""}
        row.report = {
            **dict.fromkeys(("rows", "rows_in", "points", "new", "replaced", "flagged", "left_out"), 1),
            "columns_left_out": [{"index": 1, "name": "note", "reason": "it is empty"}],
            "issues": [{"row": 3, "column": "temp", "text": "'x' is not a number", "kept": False}],
        }
        row.save(update_fields=["proposal", "report"])
    client = web(one)
    look = f"/o/{one.organisation}/import/{number}"
    assert "A note of before." in client.get(look).text
    with access.organisation_transaction(one.actor):
        Upload.objects.filter(id=number).update(state="taken")
    report = client.get(f"{look}/report").text
    assert "note: it is empty" in report
    assert "&#x27;x&#x27; is not a number" in report
    with access.organisation_transaction(one.actor):
        row = Upload.objects.get(id=number)
        row.state, row.report = "failed", {"problem": "It failed before."}
        row.save(update_fields=["state", "report"])
    assert "It failed before." in client.get(f"{look}/report").text


def test_a_file_of_300_columns_has_a_small_page_and_one_list_of_variables(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    look = hand_in(client, one, wide(300, 60)).headers["location"]
    page = client.get(look)
    assert len(page.content) < 300_000
    assert len(re.findall(r'name="v\d+"', page.text)) == 299
    assert page.text.count("<datalist") == 1
    assert page.text.count('value="Air temperature (°C)"') == 1
    said = SAID | {"v1": "air temperature (°c)", "u1": "°C", "v2": "left out", "v3": "Nonsense"}
    assert "is not a variable of the catalogue" in post(client, look, look, **said).text
    again = post(client, look, look, **said | {"v3": "air_rh"})
    assert again.status_code == 200
    assert len(again.content) < 300_000
    assert post(client, f"{look}/run", look, **said | {"v3": ""}).status_code == 302
    number = ImportId(look.rsplit("/", 1)[1])
    columns = {column.name: column for column in Layout.from_json(imports.report_of(one.actor, number).layout).columns}
    assert columns["c0"].variable == "air_temp"
    assert "c1" not in columns
    assert columns["c2"].variable == ""


def test_values_stand_by_the_clock_of_the_file_and_of_the_site_and_as_a_chart(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    look = hand_in(client, one, DOUBTFUL.encode()).headers["location"]
    page = post(client, look, look, **SAID | {"zone": "Etc/GMT"}).text
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    place = cells.index("2024-05-31 00:00")
    assert cells[place + 1] == "2024-05-31 02:00:00"
    assert "20.0" in cells[place + 1 : place + 4]
    text = re.sub(r"\s+", " ", page)
    assert "By the clock of the file from 2024-05-31 00:00 to 2024-06-01 00:00; by the clock of the site" in text
    assert "from 2024-05-31 02:00 to 2024-06-01 02:00." in text
    (line,) = re.findall(r'<path d="(M[^"]+)" fill="none" stroke="currentColor" stroke-width="1.5"', page)
    heights = [float(y) for y in re.findall(r"[ML][\d.]+,([\d.]+)", line)]
    assert min(heights) == pytest.approx(2, abs=0.1), "the highest value is not smoothed away"


def test_the_preview_of_a_running_import_leads_to_its_report(customer: Make, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Upload, UploadState

    one = customer()
    client = web(one)
    number = imports.upload(one.actor, one.site, "", "log.csv", [DOUBTFUL.encode()])
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    look = f"/o/{one.organisation}/import/{number}"
    shown = {}
    for state in UploadState:
        with access.organisation_transaction(one.actor):
            Upload.objects.filter(id=number).update(state=state, report=None)
        answer = client.get(look, follow_redirects=False)
        shown[state] = answer.headers.get("location", answer.status_code)
    running = (UploadState.QUEUED, UploadState.READING, UploadState.UNDOING)
    assert shown == {state: f"{look}/report" if state in running else 200 for state in UploadState}
