"""Corrections of stored readings: listed, proposed, shown before they are done, done, undone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from crop_contract.kept import KEPT_DAYS
from glasshouse.access.pages import Asked, Audience, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import amendments
from glasshouse.greenhouse import readings as readings_of
from glasshouse.greenhouse.models import Amendment, AmendmentState
from glasshouse.kernel import clock
from glasshouse.kernel.ids import AmendmentId
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside
from glasshouse.web.variable_titles import variable_title

SHOWN_MARKED = 200  # in all
TEXTS = ("kind", "starts", "ends", "reason", "minutes", "unit", "zone", "read_as")


def _listed(request: HttpRequest, **_: str) -> dict[str, object]:
    """The corrections so far, and the series that a form offers."""
    actor, context = inside(request)
    series = readings_of.series(actor, request.GET.get("after", ""))
    return context | {
        "amendments": amendments.amendments(actor, request.GET.get("corrections", "")),
        "series": series,
        "measured": [entry for entry in series if not entry["derived"]],
    }


@page(
    "o/<slug:organisation>/corrections",
    name="corrections",
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    menu="Corrections",
    menu_order=45,
    menu_group=MenuGroup.SET_UP,
    icon="off",
    translated=True,
)
def correction_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """What was corrected, and a form for another correction."""
    return render(request, "grower/amendments.html", _listed(request))


@page(
    "o/<slug:organisation>/corrections",
    name="corrections",
    methods=("POST",),
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
    asks=(
        Asked("series", "greenhouse_amendment.series"),
        Asked("kind", "greenhouse_amendment.kind"),
        Asked("starts", "greenhouse_amendment.starts_at"),
        Asked("ends", "greenhouse_amendment.ends_at"),
        Asked("minutes", "greenhouse_amendment.details"),
        Asked("zone", "greenhouse_amendment.details"),
        Asked("read_as", "greenhouse_amendment.details"),
        Asked("unit", "greenhouse_amendment.details"),
        Asked("reason", "greenhouse_amendment.reason"),
    ),
)
@shows_again("grower/amendments.html", _listed)
def propose_correction(request: HttpRequest, organisation: str) -> HttpResponse:
    """Show what a correction would do."""
    actor, form = inside(request).actor, request.POST
    texts = {name: form.get(name, "") for name in TEXTS}
    number = amendments.propose(actor, amendments.Asked(series=form.getlist("series"), **texts))
    return redirect("correction", organisation, number)


def _shown(request: HttpRequest, number: str, **_: str) -> dict[str, object]:
    """One correction: what it would do, or did."""
    actor, context = inside(request)
    row = amendments.amendment_of(actor, AmendmentId(number))
    return context | _context(row) | {"marked": _marked(row, amendments.marked_by(actor, row))}


def _context(row: Amendment) -> dict[str, object]:
    zone = ZoneInfo(str(row.site.facts["time_zone"]))
    names = {int(name): title for name, title in _names(row).items()}
    until = row.done_at + timedelta(days=KEPT_DAYS) if row.done_at else None
    report = row.report or {}
    rows = [
        (names.get(int(series), ""), _local(at, zone), value, None if to is None else _local(to, zone), new)
        for series, at, value, to, new in report.get("rows", [])
    ]
    return {
        "amendment": row,
        "report": report,
        "rows": rows,
        "names": list(names.values()),
        "starts": _local(row.starts_at.timestamp(), zone),
        "ends": _local(row.ends_at.timestamp(), zone),
        "until": until,
        "minutes": row.details.get("shift_s", 0) // 60,
        "under_way": row.state in amendments.UNDER_WAY,
        "may_undo": row.state == AmendmentState.DONE and until is not None and clock.now() < until,
        "lapses_at": row.created_at + amendments.SHOWN_FOR,
        "may_do": row.state in (AmendmentState.SHOWN, AmendmentState.FAILED),
    }


def _names(row: Amendment) -> dict[str, str]:
    """What each series of a correction is called, in the reader's language, by its id."""
    return {name: f"{variable_title(title)} · {source}" for name, title, source in row.series}


def _marked(row: Amendment, marked: dict[str, dict[str, list[float]]]) -> list[tuple[str, str, float, str]]:
    zone = ZoneInfo(str(row.site.facts["time_zone"]))
    names = _names(row)
    rows = [
        (names.get(name, ""), _local(at, zone), value, f"{name}:{time_ns}")
        for name, columns in marked.items()
        for at, time_ns, value in zip(columns["time"], columns["time_ns"], columns["value"], strict=True)
    ]
    return rows[:SHOWN_MARKED]


def _local(at_s: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


@page(
    "o/<slug:organisation>/corrections/<slug:number>",
    name="correction",
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
)
def correction(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """One correction: what it would do, or did; readings that it marked, on demand."""
    return render(request, "grower/amendment.html", _shown(request, number))


@page(
    "o/<slug:organisation>/corrections/<slug:number>/carry-out",
    name="carry_out_correction",
    form_on="correction",
    methods=("POST",),
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
)
@shows_again("grower/amendment.html", _shown)
def carry_out_correction(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Do what was shown."""
    actor = inside(request).actor
    amendments.carry_out(actor, AmendmentId(number))
    return redirect("correction", organisation, number)


@page(
    "o/<slug:organisation>/corrections/<slug:number>/lift",
    name="lift_marks",
    form_on="correction",
    methods=("POST",),
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
    asks=(Asked("reading", "greenhouse_amendment.details"), Asked("reason", "greenhouse_amendment.reason")),
)
@shows_again("grower/amendment.html", _shown)
def lift_marks(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Show what lifting the marks of some readings would do."""
    actor, form = inside(request).actor, request.POST
    lifting = amendments.propose_lifting(actor, AmendmentId(number), form.getlist("reading"), form.get("reason", ""))
    return redirect("correction", organisation, lifting)


@page(
    "o/<slug:organisation>/corrections/<slug:number>/undo",
    name="undo_correction",
    form_on="correction",
    methods=("POST",),
    need=Permission.READINGS_CORRECT,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
)
@shows_again("grower/amendment.html", _shown)
def undo_correction(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Undo a correction."""
    actor = inside(request).actor
    amendments.undo(actor, AmendmentId(number))
    return redirect("correction", organisation, number)
