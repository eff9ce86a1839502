"""What support looked at, in plain words."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, gettext_noop, ngettext

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.support import record as support_record
from glasshouse.web.menu import title_of_area
from glasshouse.web.organisation_page import inside

# "%(of)s": the sites or series, or the page.
DESCRIPTIONS = {
    "chart": gettext_noop("looked at a chart of %(of)s"),
    "compartment made": gettext_noop("added a compartment"),
    "download": gettext_noop("downloaded readings of %(of)s"),
    "emergency": gettext_noop("opened everything in an emergency"),
    "events": gettext_noop("read the activity log"),
    "invitations": gettext_noop("read the list of invitations"),
    "list of series": gettext_noop("saw the list of series of %(of)s"),
    "members": gettext_noop("read names and addresses of %(of)s"),
    "overview": gettext_noop("looked at the overview of %(of)s"),
    "own rights": gettext_noop("looked at what the access allows"),
    "page": gettext_noop("opened the page %(of)s"),
    "refused": gettext_noop("was refused the page %(of)s: nothing of it was shown"),
    "requests": gettext_noop("read the requests for access"),
    "roles": gettext_noop("saw which roles there are"),
    "sites": gettext_noop("read the sites %(of)s"),
    "target range set": gettext_noop("set a target range at %(of)s"),
}
OF_SERIES, OF_PAGES, OF_PEOPLE = ("chart", "download"), ("page", "refused"), ("members", "requests")


@page(
    "o/<slug:organisation>/record",
    name="record",
    need=Permission.ACCESS_RECORD_READ,
    audience=Audience.GROWER,
    translated=True,
    under="support_access",
)
def record(request: HttpRequest, organisation: str) -> HttpResponse:
    """What support looked at, in plain words."""
    actor, context = inside(request)
    record_entries = support_record.of_organisation(actor, request.GET.get("record", ""))
    named = {number for entry in record_entries for number in entry.access.ids}
    names = {site.id: f"“{site.name}”" for site in greenhouse.site_names(actor, named)}
    rows: list[dict[str, object]] = []
    for record_entry in record_entries:
        access, who = record_entry.access, record_entry.name
        what = gettext(DESCRIPTIONS.get(access.what, access.what)) % {"of": _named(access.what, access.ids, names)}
        # A page left open asks again and again: what was looked at within ten minutes is one line.
        same = next((row for row in rows[-6:] if (row["who"], row["what"]) == (who, what)), None)
        if same is not None and same["since"] - access.at < timedelta(minutes=10):  # type: ignore[operator]
            same["since"], same["times"] = access.at, int(str(same["times"])) + 1
        else:
            rows.append({"at": access.at, "since": access.at, "times": 1, "who": who, "what": what})
    return render(request, "grower/record.html", context | {"rows": record_entries.of(rows)})


def _named(what: str, ids: list[str], names: dict[str, str]) -> str:
    """What was looked at, in words: sites by their names, other things counted."""
    known = [names[number] for number in ids if number in names]
    rest = len(ids) - len(known)
    if what in OF_PAGES:
        return ", ".join(title_of_area(name) for name in ids)
    if what in OF_PEOPLE:
        return ngettext("%(count)s person", "%(count)s people", rest) % {"count": rest}
    if what in OF_SERIES:
        series = gettext("%(count)s series") % {"count": rest} if rest else gettext("no series")
        return f"{', '.join(known)} ({series})" if known else series
    more = ngettext("%(count)s place", "%(count)s places", rest) % {"count": rest}
    return ", ".join([*known, *([more] if rest or not known else [])])
