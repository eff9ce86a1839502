"""The check of exports: PRI-22."""

import io
import json
import zipfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel import clock
from glasshouse.probes import api as probes
from glasshouse.promises import filled, held, oracle
from glasshouse.promises.filled import Filled
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.held import HASHED, Held
from glasshouse.promises.registry import check
from glasshouse.promises.stage import open_stage

if TYPE_CHECKING:
    from httpx import Response

SAID = ("place", "label", "value", "purpose", "basis", "retention", "recipients", "source", "since")
LINK, OLD = timedelta(hours=24), timedelta(minutes=16)  # as the pages say: for 24 hours, proven within 15 minutes


@check(
    "PRI-22",
    steps=(
        "A probe fills in whatever a person can, makes an export by its page and fetches it by its link.",
        "Each sealed value that a raw search finds for the probe, opened here, is looked for in the export's file for programs "
        "and in its page to read, column by column.",
        "The file on the disk is read as bytes. Another person and a browser that is signed out try the link; so does the probe "
        "once its last proof of identity is 16 minutes old, and once the link has ended.",
    ),
    oracle="Every column of every table of the people store, read by a role that can only read, and opened by a decryption of "
    "the check's own; the bytes on the disk; the answers of the door.",
)
def export() -> Finding:
    """An export holds every value, is sealed at rest, and only its person gets it, proven afresh, for a day."""
    steps = Steps()
    with open_stage() as stage:
        given = filled.person(stage)
        resident, here = given.resident, given.resident.visitor
        stage.mail_has_left(resident)
        names = [resident.person, resident.account, given.hashes[1]]
        values, hashes = held.values_of(names), held.hashes_of(names)
        link, number = filled.export(given)
        body = here.get(link)
        if _is_zip(steps, body):
            _holds(steps, body.content, values, hashes)
        _sealed(steps, number)
        _others(steps, given, link, stage.visitor().get(link))
        _afresh(steps, given, link)
        _ends(steps, given, link, number)
    return steps.judged()


def _is_zip(steps: Steps, answer: "Response") -> bool:
    good = answer.status_code == 200 and answer.content[:2] == b"PK"
    return steps.expect("its person fetches the export", good, str(answer.status_code))


def _holds(steps: Steps, body: bytes, values: list[Held], hashes: list[str]) -> None:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        items, page = json.loads(archive.read("data.json")), archive.read("data.html").decode()
    closed = [value.place for value in values if value.text is None]
    steps.expect(
        "each sealed value of the person opens with a key that its row names", not closed, ", ".join(closed[:3])
    )
    places = {value.place for value in values}
    lost = [
        f"{place} {len(left)} of {count}"
        for place, count in sorted(Counter(value.place for value in values).items())
        if (
            left := held.missing(
                [v for v in values if v.place == place], [i["value"] for i in items if i["place"] == place]
            )
        )
    ]
    claim = f"each of {len(values)} sealed values in {len(places)} columns that a raw search finds is in the file for programs"
    steps.expect(claim, bool(values) and not lost, ", ".join(lost[:4]))
    untold = Counter(hashes) - Counter(item["place"] for item in items if HASHED in item["value"])
    steps.expect(
        f"so is each of {len(hashes)} that are kept as a hash only",
        bool(hashes) and not untold,
        ", ".join(sorted(untold)),
    )
    dumb = [item["place"] for item in items if not set(SAID) <= set(item) or not item["purpose"] or not item["source"]]
    steps.expect(
        "each says what it is, what for, on what ground, how long, whose and who gets it", not dumb, ", ".join(dumb[:3])
    )
    rows = [[cell.text() for cell in row.css("td")] for row in LexborHTMLParser(page).css("table tr")]
    seen = Counter(" ".join(row[1].split()) for row in rows if len(row) > 6)
    # What we put together ourselves, such as a disclosure with its day, the page says in other words than the file.
    wanted = Counter(" ".join(item["value"].split()) for item in items if item["place"] in places)
    steps.expect(
        "its page to read has the same values, a row each",
        not wanted - seen and seen.total() == len(items),
        f"{len(wanted - seen)} are not",
    )


def _sealed(steps: Steps, number: str) -> None:
    blob = oracle.value("SELECT blob FROM rights_copy WHERE id = %s", number)
    paths = list(Path(settings.BLOB_FOLDER).rglob(str(blob))) if blob else []
    raw = paths[0].read_bytes() if paths else b""
    plain = [mark for mark in (b"PK\x03\x04", b"data.json", b"data.html", b"<table") if mark in raw]
    steps.expect("on the disk it is sealed", len(raw) > 100 and not plain)


def _others(steps: Steps, given: Filled, link: str, signed_out: "Response") -> None:
    other = given.colleague.visitor.get(link)
    steps.expect("another person does not get it", other.status_code == 404, str(other.status_code))
    asked = signed_out.is_redirect and "/sign-in" in signed_out.headers["location"]
    steps.expect("who is signed out does not get it", asked, str(signed_out.status_code))


def _afresh(steps: Steps, given: Filled, link: str) -> None:
    here, person, now = given.resident.visitor, given.resident.person, clock.now()
    count = "SELECT count(*) FROM rights_copy WHERE key_owner = %s"
    sessions = [str(row[0]) for row in oracle.rows("SELECT id FROM accounts_session WHERE key_owner = %s", person)]
    for session in sessions:
        probes.date(session, "accounts_session", "proved_at", now - OLD)
    before, fetched = oracle.value(count, person), here.get(link)
    made = here.submit("/account/data", {}, action="/export")
    refused = [answer.is_redirect and "/reauthenticate" in answer.headers["location"] for answer in (fetched, made)]
    good = all(refused) and oracle.value(count, person) == before
    steps.expect("16 minutes after the last proof of identity it is neither made nor fetched without a new one", good)
    for session in sessions:
        probes.date(session, "accounts_session", "proved_at", now)
    steps.expect("with one it is fetched", here.get(link).status_code == 200)


def _ends(steps: Steps, given: Filled, link: str, number: str) -> None:
    lives = oracle.value("SELECT expires_at - created_at FROM rights_copy WHERE id = %s", number)
    steps.expect("its link ends within 24 hours", lives is not None and timedelta(0) < lives <= LINK, str(lives))
    probes.date(number, "rights_copy", "expires_at", clock.now() - timedelta(seconds=1))
    here = given.resident.visitor
    answer = here.get(link)
    steps.expect("a link that has ended opens nothing", answer.status_code == 404, str(answer.status_code))
    steps.expect("and is not on the page any more", link not in here.get("/account/data").text)
