"""Questions about readings, asked of the crop plane with a capability for the sites that the actor may see."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import crops_client
from glasshouse.greenhouse.models import Compartment, Device, Site
from glasshouse.greenhouse.rules import silent_after_s, sparkline, state_of, trend_of
from glasshouse.greenhouse.sun import nights
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor

DAY_S, TREND_STEP_S = 86_400, 1800
ROWS_BETWEEN_CHECKS = 5000  # rows of a download after which it is asked again whether the reader may read
MOST_SHADED_S = 60 * DAY_S


@dataclass(frozen=True, slots=True)
class Place:
    """The sites that an actor may see, by id, with their compartments, their devices' names, and the tenant they belong to."""

    tenant: str
    sites: dict[str, Site]
    compartments: dict[str, Compartment]
    devices: dict[str, str]

    def zone(self, site: str) -> str:
        """IANA name of the site's time zone."""
        return str(self.sites[site].facts["time_zone"])


def _place(actor: Actor, record_kind: str, names: list[str]) -> Place:
    """record_kind, names: what support is shown; record_kind is "" where the caller records it before it shows anything."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_READ)
        sites = {site.id: site for site in Site.objects.filter(organisation_id=actor.organisation)}
        compartments = {
            compartment.id: compartment
            for compartment in Compartment.objects.filter(organisation_id=actor.organisation)
        }
        if record_kind:
            access.record_access(actor, record_kind, names or sorted(sites))
        else:
            access.recorded_elsewhere(actor)
        devices = {device.id: device.name for device in Device.objects.filter(organisation_id=actor.organisation)}
        return Place(access.organisation_of(actor).tenant, sites, compartments, devices)


def _list(place: Place, query: str = "") -> list[dict[str, Any]]:
    if not place.sites:
        return []
    series_list: list[dict[str, Any]] = crops_client.ask(
        "GET",
        f"/v1/series{query}",
        tenant=place.tenant,
        sites=list(place.sites),
        verb="readings:read",
        purpose="overview",
    )
    now_s = clock.now().timestamp()
    for entry in series_list:
        compartment = place.compartments.get(entry["compartment"])
        entry["site_name"], entry["room_name"] = (
            place.sites[entry["site"]].name,
            compartment.name if compartment else "",
        )
        entry["zone"] = place.zone(entry["site"])
        entry["silent_after_s"] = silent_after_s(entry["usual_s"])
        entry["silent"] = entry["at"] is not None and now_s - entry["at"] > entry["silent_after_s"]
        entry["source"] = _source(entry, place.devices.get(entry.pop("device"), ""))
    return series_list


def _source(entry: dict[str, Any], device: str) -> str:
    """Where a series comes from, as a person says it: device and tags, or a file's column."""
    plain = str(entry["tags"]).replace("\\", "")
    if plain.startswith("import,column="):
        origin = plain.removeprefix("import,column=")
    else:
        origin = " · ".join(filter(None, (device, *plain.split(",")[1:])))
    return f"derived from {origin}" if entry["derived"] else origin


def _require_still(actor: Actor) -> None:
    """Nothing, while the actor may still read: a download ends where a right ends. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        access.require(actor, Permission.READINGS_READ)
        access.recorded_elsewhere(actor)  # The whole download went on record before its first row.


def series(actor: Actor) -> list[dict[str, Any]]:
    """Every series of the actor's sites: what it is, and its newest reading. Raises ForbiddenError, UnavailableError."""
    return _list(_place(actor, "list of series", []))


def overview(actor: Actor) -> list[dict[str, Any]]:
    """Every series with its newest reading, state, trend over the hour and line of the day."""
    place, now = _place(actor, "overview", []), clock.now().timestamp()
    start = int(now - DAY_S) // TREND_STEP_S * TREND_STEP_S
    series_list = _list(place, f"?since={start}&step={TREND_STEP_S}")
    for entry in series_list:
        target_range: list[float | None] = [None, None]
        for scope in (place.sites.get(entry["site"]), place.compartments.get(entry["compartment"])):
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
    return series_list


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
        sites=list(place.sites),
        verb="readings:read",
        purpose="chart",
        body=body,
    )
    sites = answer.pop("sites", None) or []
    shaded = len(set(sites)) == 1 and span[1] - span[0] <= MOST_SHADED_S
    facts = place.sites[sites[0]].facts if shaded else {}
    answer["nights"] = nights(facts, *span) if facts.get("latitude") is not None else []
    return answer


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
        sites=list(place.sites),
        verb="readings:read",
        purpose="export",
        body=body,
    )
    series_by_id = {entry["id"]: entry for entry in _list(place)}
    series = list(answer["series"])
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
