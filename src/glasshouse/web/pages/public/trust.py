"""The trust page: open to everybody."""

import csv
from dataclasses import asdict, fields
from datetime import date
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext, gettext_noop

from glasshouse.access.pages import Audience, MenuGroup, Need, page
from glasshouse.events import api as events
from glasshouse.kernel.errors import NotFoundError
from glasshouse.promises import api as promises
from glasshouse.promises.evidence import whole_map
from glasshouse.promises.findings import State
from glasshouse.subject.data_words import in_words
from glasshouse.vault.processing import Activity, activities
from glasshouse.web.csv_files import CSV, cell

AREAS = {"security": "SEC", "privacy": "PRI"}
CHOICES = {
    "": gettext_noop("All"),
    "security": gettext_noop("Security"),
    "privacy": gettext_noop("Privacy"),
    "unclaimed": gettext_noop("Not claimed"),
}


class Look(NamedTuple):
    """How a state is shown: the tint of its chip, its word (marked for translation), its icon, and its part of the bar."""

    tone: str
    word: str
    icon: str
    bar: str


# Verified is the only green.
LOOKS = {
    State.VERIFIED: Look("ok", gettext_noop("Verified"), "check", "f-ok"),
    State.NOT_VERIFIED: Look("bad", gettext_noop("Not verified"), "cross", "f-bad"),
    State.CANNOT_TELL: Look("warn", gettext_noop("Cannot tell"), "help", "f-warn"),
    State.NOTHING_TO_CHECK: Look("mute", gettext_noop("Nothing to check yet"), "dot", "f-n"),
    State.NOT_CHECKED: Look("mute", gettext_noop("Not checked yet"), "off", "f-n"),
}


class DayBar(NamedTuple):
    """A day of the timeline, drawn on 450 × 56. word: its state; the height says it beside the colour."""

    day: date
    word: str
    tone: str
    x: int
    y: int
    height: int


DAYS, A_ROW = 90, 45
DAY_PX, ROW_PX, FULL_PX = 10, 30, 26
HEIGHTS = {State.NOT_VERIFIED: FULL_PX, State.CANNOT_TELL: 22, State.VERIFIED: 18, State.NOTHING_TO_CHECK: 8}
NO_CHECK, NO_CHECK_PX = Look("mute", gettext_noop("No check on that day"), "off", "f-n"), 4


def _timeline(days: list[promises.Day]) -> dict[str, object]:
    """The bars of the last days, the states that occur in them, and what they say in words: no day is counted."""
    bars, looks = [], {}
    for number, (day, state) in enumerate(days):
        look = LOOKS[state] if state else NO_CHECK
        height = HEIGHTS.get(state, NO_CHECK_PX) if state else NO_CHECK_PX
        bottom = number // A_ROW * ROW_PX + FULL_PX
        bars.append(DayBar(day, look.word, look.bar, number % A_ROW * DAY_PX, bottom - height, height))
        looks[look] = True
    with_result = {day.state for day in days if day.state}
    if not with_result:
        said = gettext("No check has run yet.")
    elif with_result == {State.VERIFIED}:
        said = gettext("Verified on every day with a check.")
    elif State.NOT_VERIFIED in with_result:
        said = gettext("Not verified on some days: see what happened.")
    else:
        said = gettext("Not every day has a clear result: see what happened.")
    return {"bars": bars, "looks": list(looks), "in_words": said}


class Choice(NamedTuple):
    """Which of the promises the page shows."""

    title: str
    address: str
    current: bool


class Part(NamedTuple):
    """A part of the bar, in percent of the whole."""

    start: str
    share: str
    tone: str


@page(
    "trust",
    name="trust",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
    menu="Promises",
    menu_order=100,
    menu_group=MenuGroup.TRUST,
    icon="shield-check",
)
def trust(request: HttpRequest) -> HttpResponse:
    """Every promise, its state, the figure that shows it, and when it was checked; `show` narrows them."""
    standings = promises.standings()
    wanted = request.GET.get("show", "")
    choices, shown = [], standings
    for name, title in CHOICES.items():
        rows = [standing for standing in standings if _is_shown(standing, name)]
        choices.append(
            Choice(f"{gettext(title)} {len(rows)}", f"?show={name}#promises" if name else "?#promises", name == wanted)
        )
        shown = rows if name == wanted else shown
    states = [standing.state for standing in standings]
    counts = {state.name.lower(): states.count(state) for state in State}
    listed = [asdict(standing) | LOOKS[standing.state]._asdict() for standing in shown]
    context = {"rows": listed, "total": len(standings), "choices": choices, "parts": _parts(states)} | counts
    return render(request, "public/trust.html", context)


def _is_shown(standing: promises.Standing, name: str) -> bool:
    if name in AREAS:
        return standing.id.startswith(AREAS[name])
    return not name or (name == "unclaimed" and standing.state is not State.VERIFIED)


def _parts(states: list[State]) -> list[Part]:
    """The bar of all promises, state by state."""
    parts, start = [], 0.0
    for state, look in LOOKS.items():
        share = 100 * states.count(state) / len(states)
        parts.append(Part(f"{start:.2f}", f"{share:.2f}", look.bar))
        start += share
    return parts


@page("trust/roots.json", name="roots", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def roots(request: HttpRequest) -> JsonResponse:
    """The daily roots of the event chain: keep a copy, and you can tell later whether the log before it was altered."""
    context = [
        {"day": root.day.isoformat(), "events": root.number, "sha256": root.hash, "published_at": root.published_at}
        for root in events.roots()
    ]
    return JsonResponse({"roots": context})


@page("trust.json", name="trust_json", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)
def promises_json(request: HttpRequest) -> JsonResponse:
    """The trust page for programs."""
    return JsonResponse({"promises": [standing.as_json() for standing in promises.standings()]})


SORTED_BY = ("purpose", "categories", "subject", "basis")  # columns of the record of processing, fields of an Activity


@page(
    "trust/data",
    name="processing",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
    menu="What we store",
    menu_order=103,
    menu_group=MenuGroup.TRUST,
    icon="activity",
)
def processing(request: HttpRequest) -> HttpResponse:
    """The record of processing: a page, with format=json or format=csv for programs."""
    recorded = activities(whole_map())
    form = request.GET.get("format")
    if form == "json":
        return JsonResponse({"activities": [asdict(activity) for activity in recorded]})
    if form == "csv":
        response = HttpResponse(content_type=CSV)
        response.headers["Content-Disposition"] = 'attachment; filename="processing.csv"'
        writer = csv.writer(response)
        names = [field.name for field in fields(Activity)]
        writer.writerow(names)
        for activity in recorded:
            values = (getattr(activity, name) for name in names)
            writer.writerow([cell("; ".join(value) if isinstance(value, tuple) else value) for value in values])
        return response
    order = request.GET.get("order", "")
    column, is_descending = order.removeprefix("-"), order.startswith("-")
    if column in SORTED_BY:
        recorded = sorted(recorded, key=lambda activity: _as_read(getattr(activity, column)), reverse=is_descending)
    headings = {name: _heading(name, order) for name in SORTED_BY}
    return render(request, "public/processing.html", {"activities": recorded, "headings": headings})


def _as_read(value: str | tuple[str, ...]) -> str:
    """A value of a column as its reader sees it, for sorting."""
    return ", ".join(in_words(text) for text in (value if isinstance(value, tuple) else (value,))).casefold()


def _heading(column: str, order: str) -> dict[str, str]:
    """Where a column's heading leads, and how the table is sorted by it now ("" where it is not)."""
    now = {column: "ascending", f"-{column}": "descending"}.get(order, "")
    return {"address": f"?order=-{column}" if now == "ascending" else f"?order={column}", "order": now}


@page(
    "trust/<slug:promise>",
    name="promise",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
)
def promise(request: HttpRequest, promise: str) -> HttpResponse:
    """One promise: how it is checked, what the newest check saw, and in which states it stood before."""
    standing = next((row for row in promises.standings() if row.id == promise), None)
    if standing is None:
        raise NotFoundError
    periods = [LOOKS[period.state]._asdict() | {"period": period} for period in promises.history(standing.id)]
    context: dict[str, object] = {"promise": standing, "periods": periods}
    context["explanation"] = promises.explanation_of(standing.id)
    context["timeline"] = _timeline(promises.days(standing.id, DAYS))
    return render(request, "public/promise.html", context | LOOKS[standing.state]._asdict())
