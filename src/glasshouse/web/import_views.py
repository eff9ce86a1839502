"""Doors of files: upload, look and correct, take, report."""

import csv

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from crops.catalogue import VARIABLES
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports
from glasshouse.greenhouse.files import MOST_BYTES
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import ImportId, SiteId
from glasshouse.web.greenhouse_views import within
from glasshouse.web.views import again, form_page, signed_in


@signed_in
@form_page
def upload(request: HttpRequest, organisation: str) -> HttpResponse:
    """Choose a file and the place that it speaks of."""
    actor, shown = within(request, organisation)
    shown |= {"sites": greenhouse.sites(actor), "uploads": imports.uploads(actor)}
    if request.method == "GET":
        return render(request, "import.html", shown)
    site, _, room = request.POST.get("place", "").partition("/")
    file = request.FILES.get("file")
    try:
        if file is None or not file.size:
            raise InvalidError("Choose a file that is not empty.", field="file")
        if file.size > MOST_BYTES:
            raise InvalidError(f"The file is larger than {MOST_BYTES >> 20} MB. Split it.", field="file")
        number = imports.upload(actor, SiteId(site), room, str(file.name), file.chunks())
    except InvalidError as error:
        return again(request, "import.html", error, **shown)
    return redirect("look", organisation, number)


@signed_in
@form_page
def look(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """What the file says and how it will be read; a person corrects, then the readings are taken."""
    actor, shown = within(request, organisation)
    found, layout, rows = imports.look(actor, ImportId(number))
    variables = {column.index: request.POST.get(f"v{column.index}", column.variable) for column in layout.columns}
    columns = [(column, variables[column.index]) for column in layout.columns]
    zone = request.POST.get("zone", layout.zone)
    shown |= {"upload": found, "layout": layout, "rows": rows, "columns": columns, "zone": zone}
    shown |= {"variables": sorted(VARIABLES.values(), key=lambda one: one.title)}
    if request.method == "GET":
        return render(request, "import_look.html", shown)
    try:
        imports.take(actor, ImportId(number), imports.corrected(layout, zone, variables))
    except InvalidError as error:
        return again(request, "import_look.html", error, **shown)
    return redirect("report", organisation, number)


@signed_in
@require_GET
def report(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """What came of a file; with format=csv every remark as a file."""
    actor, shown = within(request, organisation)
    found = imports.report_of(actor, ImportId(number))
    remarks = (found.report or {}).get("remarks", [])
    if request.GET.get("format") != "csv":
        return render(request, "import_report.html", shown | {"upload": found, "first": remarks[:100]})
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="report.csv"'
    writer = csv.writer(response)
    writer.writerow(["row", "column", "what", "kept"])
    for remark in remarks:
        # A cell that begins like a formula would be run by a spreadsheet.
        cells = [
            f"'{text}" if text[:1] in ("=", "+", "-", "@") else text for text in (remark["column"], remark["text"])
        ]
        writer.writerow([remark["row"], *cells, "yes" if remark["kept"] else "no"])
    return response
