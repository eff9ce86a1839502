"""Questions about readings, asked of the crop plane with a capability for the sites that the actor may see."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import crops_client
from glasshouse.greenhouse.models import Compartment, Device, Site
from glasshouse.greenhouse.rules import silent_after_s, sparkline, state_of, trend_of
from glasshouse.greenhouse.sun import nights
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.pieces import Piece

DAY_S, TREND_STEP_S = 86_400, 1800
ROWS_BETWEEN_CHECKS = 5000  # rows of a download after which it is asked again whether the reader may read
MOST_SHADED_S = 60 * DAY_S
SERIES_A_PIECE = 200
ONE_MORE = [("most", str(SERIES_A_PIECE + 1))]  # by which it is known whether the list goes on


class Place(NamedTuple):
    """The ids of the sites that an actor may see, and the tenant that they belong to."""

    tenant: str
    sites: list[str]


class Names(NamedTuple):
    """The sites and compartments of some series, by id, and their devices' names."""

    sites: dict[str, Site]
    compartments: dict[str, Compartment]
    devices: dict[str, str]


def _place(actor: Actor, record_kind: str, names: list[str]) -> Place:
    """record_kind, names: what support is shown; record_kind is "" where the caller records it before it shows anything."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_READ)
        sites = sorted(Site.objects.filter(organisation_id=actor.organisation).values_list("id", flat=True))
        if record_kind:
            access.record_access(actor, record_kind, names or sites)
        else:
            access.recorded_elsewhere(actor)
        return Place(access.organisation_of(actor).tenant, sites)


def _names(actor: Actor, entries: list[dict[str, Any]]) -> Names:
    """What the places and devices of these series are called: read for them alone, however many there are."""

    def ids(column: str) -> set[str]:
        return {entry[column] for entry in entries if entry[column]}

    with access.organisation_transaction(actor):
        access.recorded_elsewhere(actor)
        of_organisation = {"organisation_id": actor.organisation}
        return Names(
            {row.id: row for row in Site.objects.filter(id__in=ids("site"), **of_organisation)},
            {row.id: row for row in Compartment.objects.filter(id__in=ids("compartment"), **of_organisation)},
            {row.id: row.name for row in Device.objects.filter(id__in=ids("device"), **of_organisation)},
        )


class _Listed(NamedTuple):
    """Series of a list, and what their places are called."""

    series: list[dict[str, Any]]
    names: Names


def _list(actor: Actor, place: Place, query: Sequence[tuple[str, str]]) -> _Listed:
    """Series that a question asks the crop plane for, those at sites that are there still."""
    if not place.sites:
        return _Listed([], Names({}, {}, {}))
    series_list: list[dict[str, Any]] = crops_client.ask(
        "GET",
        f"/v1/series?{urlencode(query)}",
        tenant=place.tenant,
        sites=place.sites,
        verb="readings:read",
        purpose="overview",
    )
    names = _names(actor, series_list)
    now_s = clock.now().timestamp()
    for entry in series_list:
        compartment = names.compartments.get(entry["compartment"])
        entry["site_name"], entry["room_name"] = (
            names.sites[entry["site"]].name,
            compartment.name if compartment else "",
        )
        entry["zone"] = str(names.sites[entry["site"]].facts["time_zone"])
        entry["silent_after_s"] = silent_after_s(entry["usual_s"])
        entry["silent"] = entry["at"] is not None and now_s - entry["at"] > entry["silent_after_s"]
        entry["source"] = _source(entry, names.devices.get(entry.pop("device"), ""))
    return _Listed(series_list, names)


def _piece(listed: list[dict[str, Any]], after: str) -> Piece[dict[str, Any]]:
    """A piece of a list of which one more was asked for than it holds."""
    is_more = len(listed) > SERIES_A_PIECE
    shown = listed[:SERIES_A_PIECE]
    return Piece(shown, str(shown[-1]["id"]) if is_more else "", after)


def _source(entry: dict[str, Any], device: str) -> str:
    """Where a series comes from, as a person says it: device and tags, or a file's column."""
    plain = str(entry["tags"]).replace("\\", "")
    if plain.startswith("import,column="):
        origin = plain.removeprefix("import,column=")
    else:
        origin = " · ".join(filter(None, (device, *plain.split(",")[1:])))
    return gettext("derived from %s") % origin if entry["derived"] else origin


def _require_still(actor: Actor) -> None:
    """Nothing, while the actor may still read: a download ends where a right ends. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_READ)
        access.recorded_elsewhere(actor)  # The whole download went on record before its first row.


def fields_left_out(actor: Actor) -> dict[str, list[str]]:
    """By id of a device, the fields that it sent since the start and that were left out: their values are texts.

    Empty for who may not see readings, and while the crop plane cannot be reached. Raises NotFoundError.
    """
    with access.organisation_transaction(actor):
        if Permission.READINGS_READ not in access.rights_of(actor).permissions:
            return {}
    place = _place(actor, "", [])
    if not place.sites:
        return {}
    try:
        answer: dict[str, list[str]] = crops_client.ask(
            "GET",
            "/v1/left-out",
            tenant=place.tenant,
            sites=place.sites,
            verb="readings:read",
            purpose="fields of devices",
        )
    except UnavailableError:
        return {}
    return answer


def series(actor: Actor, after: str = "", names: Sequence[str] = ()) -> Piece[dict[str, Any]]:
    """A piece of the series of the actor's sites, by place: what each is, and its newest reading.

    names: these alone, of those that are there. Raises ForbiddenError, UnavailableError.
    """
    place = _place(actor, "list of series", list(names))
    if names:
        return Piece(_list(actor, place, [("s", name) for name in names]).series)
    return _piece(_list(actor, place, [*ONE_MORE, ("after", after)]).series, after)


def overview(actor: Actor, after: str = "", names: Sequence[str] = ()) -> Piece[dict[str, Any]]:
    """A piece of the series, each with its newest reading, state, trend over the hour and line of the day.

    names: these alone, of those that are there.
    """
    place, now = _place(actor, "overview", []), clock.now().timestamp()
    start = int(now - DAY_S) // TREND_STEP_S * TREND_STEP_S
    trend = [("since", str(start)), ("step", str(TREND_STEP_S))]
    wanted = [("s", name) for name in names] if names else [*ONE_MORE, ("after", after)]
    series_list, called = _list(actor, place, [*trend, *wanted])
    for entry in series_list:
        target_range: list[float | None] = [None, None]
        for scope in (called.sites.get(entry["site"]), called.compartments.get(entry["compartment"])):
            target_range = ((scope.limits if scope else None) or {}).get(entry["variable"], target_range)
        entry["wanted"] = target_range
        usual_s = entry["usual_s"]
        entry["state"] = state_of(
            entry["value"], entry["at"], now, [entry["least"], entry["most"]], target_range, usual_s
        )
        entry["trend_word"] = trend_of(entry["trend"], now) if entry["state"] != "silent" else ""
        entry["line"] = sparkline(entry["trend"], start, now, 3 * max(TREND_STEP_S, usual_s or 0))
        entry["when"] = datetime.fromtimestamp(entry["at"], UTC) if entry["at"] else None
        entry["ago_s"] = max(0, int(now - entry["at"])) if entry["at"] else None
    return _piece(series_list, after)


def readings(actor: Actor, names: list[str], span: tuple[int, int], points: int) -> dict[str, Any]:
    """Readings of some series in buckets, and the nights of their site.

    Raises NotFoundError, ForbiddenError, UnavailableError.
    """
    place = _place(actor, "chart", names)
    body = {"series": names, "start": span[0], "end": span[1], "points": points}
    answer: dict[str, Any] = crops_client.ask(
        "POST",
        "/v1/readings",
        tenant=place.tenant,
        sites=place.sites,
        verb="readings:read",
        purpose="chart",
        body=body,
    )
    sites = answer.pop("sites", None) or []
    shaded = len(set(sites)) == 1 and span[1] - span[0] <= MOST_SHADED_S
    facts = _facts(actor, sites[0]) if shaded else {}
    answer["nights"] = nights(facts, *span) if facts.get("latitude") is not None else []
    return answer


def _facts(actor: Actor, site: str) -> dict[str, Any]:
    with access.organisation_transaction(actor):
        access.recorded_elsewhere(actor)
        row = Site.objects.filter(id=site, organisation_id=actor.organisation).first()
        return row.facts if row else {}


def export(actor: Actor, names: list[str], span: tuple[int, int]) -> Iterator[list[object]]:
    """Rows of a table of every reading: heading, then site, compartment, series, local time, UTC, value, unit, flag.

    Raises NotFoundError, ForbiddenError, InvalidError (too many), UnavailableError; all of them before the first row.
    """
    place = _place(actor, "", [])
    body = {"series": names, "start": span[0], "end": span[1]}
    answer = crops_client.ask(
        "POST",
        "/v1/export",
        tenant=place.tenant,
        sites=place.sites,
        verb="readings:read",
        purpose="export",
        body=body,
    )
    series = list(answer["series"])
    series_by_id = {entry["id"]: entry for entry in _list(actor, place, [("s", name) for name in series]).series}
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_READ)
        # Once for the whole download: the sites that it is of, by which its customer knows it, and the series.
        access.record_access(actor, "download", [*sorted({series_by_id[name]["site"] for name in series}), *series])

    def rows() -> Iterator[list[object]]:
        yield ["site", "compartment", "series", "variable", "unit", "time_local", "time_utc", "value", "flag"]
        for name, columns in answer["series"].items():
            entry = series_by_id[name]
            zone, least, most = ZoneInfo(entry["zone"]), entry["least"], entry["most"]
            head = [entry["site_name"], entry["room_name"], entry["source"], entry["title"], entry["unit"]]
            for number, (at, value) in enumerate(zip(columns["time"], columns["value"], strict=True)):
                if number % ROWS_BETWEEN_CHECKS == 0:
                    _require_still(actor)
                moment = datetime.fromtimestamp(at, UTC)
                is_implausible = least is not None and not least <= value <= most
                local = moment.astimezone(zone).isoformat(" ", "seconds")
                yield [*head, local, moment.isoformat(), value, "implausible" if is_implausible else ""]

    return rows()
