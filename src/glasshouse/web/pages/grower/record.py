"""What support looked at, in plain words."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.support import record as support_record
from glasshouse.web.organisation_page import inside

DESCRIPTIONS = {
    "chart": "looked at a chart of {}",
    "compartment made": "made a compartment",
    "download": "downloaded readings of {}",
    "emergency": "opened everything in an emergency",
    "events": "read the list of events",
    "invitations": "read the list of invitations",
    "list of series": "saw the list of series of {}",
    "members": "read names and addresses of {}",
    "overview": "looked at the overview of {}",
    "own rights": "looked at what the grant allows",
    "page": "opened the page {}",
    "refused": "was refused the page {}: nothing of it was shown",
    "requests": "read the requests for access",
    "roles": "saw which roles there are",
    "sites": "read the sites {}",
    "target range set": "set a target range at {}",
}
OF_SERIES = ("chart", "download")


@page("o/<slug:organisation>/record", name="record", need=Permission.ACCESS_RECORD_READ, audience=Audience.GROWER)
def record(request: HttpRequest, organisation: str) -> HttpResponse:
    """What support looked at, in plain words."""
    actor, context = inside(request)
    record_entries = support_record.of_organisation(actor, request.GET.get("record", ""))
    named = {number for entry in record_entries for number in entry.access.ids}
    names = {site.id: f"“{site.name}”" for site in greenhouse.site_names(actor, named)}
    rows: list[dict[str, object]] = []
    for record_entry in record_entries:
        access, who = record_entry.access, record_entry.name
        what = DESCRIPTIONS.get(access.what, access.what).format(_named(access.what, access.ids, names))
        # A page left open asks again and again: what was looked at within ten minutes is one line.
        same = next((row for row in rows[-6:] if (row["who"], row["what"]) == (who, what)), None)
        if same is not None and same["since"] - access.at < timedelta(minutes=10):  # type: ignore[operator]
            same["since"], same["times"] = access.at, int(str(same["times"])) + 1
        else:
            rows.append({"at": access.at, "since": access.at, "times": 1, "who": who, "what": what})
    return render(request, "grower/record.html", context | {"rows": record_entries.of(rows)})


def _named(what: str, ids: list[str], names: dict[str, str]) -> str:
    known = [names[number] for number in ids if number in names]
    rest = len(ids) - len(known)
    if what in OF_SERIES:
        sites, series = ", ".join(known), f"{rest} series" if rest else "no series"
        return f"{sites} ({series})" if sites else series
    if not known:
        return f"{rest} of yours" if rest != 1 else ids[0].replace("_", " ")
    return ", ".join(known) + (f" and {rest} more" if rest else "")
