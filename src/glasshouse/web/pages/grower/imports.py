"""Imports of files: upload, preview with corrections, run, progress, report; templates."""

import csv
from dataclasses import replace
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import KB, Asked, Audience, FormRules, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports
from glasshouse.greenhouse.files import (
    DELIMITERS,
    MOST_BYTES,
    MOST_ISSUES,
    NO_CHOICES,
    TIME_FORMATS,
    FileChoices,
    Layout,
)
from glasshouse.greenhouse.imports import SHOWN_COLUMNS
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import ImportId, SiteId, TemplateId
from glasshouse.web.csv_files import CSV, cell
from glasshouse.web.forms import again, shows_again
from glasshouse.web.organisation_page import inside
from glasshouse.web.sites_asked import within_of

# What a form says of how a file is read: of the file, then (v and u) of each column.
LAYOUT_FIELDS = ("delimiter", "decimal", "header", "time_column", "time_format", "zone", "v*", "u*")


@page(
    "o/<slug:organisation>/import",
    name="import",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
    to_support=False,
    form=FormRules(most_bytes_allowed=MOST_BYTES + 64 * KB),
    menu="Import",
    menu_order=40,
    asks=(
        Asked("file", "greenhouse_upload.blob"),
        Asked("place", "greenhouse_upload.site_id"),
    ),
)
def upload(request: HttpRequest, organisation: str) -> HttpResponse:
    """Choose a file and the place that it speaks of."""
    actor, context = inside(request)
    context |= {
        "sites": greenhouse.sites(actor, request.GET.get("sites", ""), within_of(request)),
        "uploads": imports.uploads(actor),
        "templates": imports.templates(actor),
    }
    if request.method == "GET":
        return render(request, "grower/import.html", context)
    site, _, compartment = request.POST.get("place", "").partition("/")
    file = request.FILES.get("file")
    try:
        if file is None or not file.size:
            raise InvalidError("Choose a file that is not empty.", field="file")
        if file.size > MOST_BYTES:
            raise InvalidError(f"The file is larger than {MOST_BYTES >> 20} MB. Split it.", field="file")
        number = imports.upload(actor, SiteId(site), compartment, str(file.name), file.chunks())
    except InvalidError as error:
        return again(request, "grower/import.html", error, **context)
    return redirect("preview_import", organisation, number)


def _layout_in_form(request: HttpRequest) -> FileChoices:
    """What the form says of the file as a whole. Raises InvalidError."""
    form = request.POST
    if "time_column" not in form:
        return NO_CHOICES
    if form.get("delimiter") not in DELIMITERS or form.get("time_format") not in TIME_FORMATS:
        raise InvalidError("Choose a delimiter and a form of time from the lists.", field="delimiter")
    column = form.get("time_column", "")
    return FileChoices(
        form["delimiter"],
        "," if form.get("decimal") == "," else ".",
        form.get("header") == "yes",
        int(column) if column.isdecimal() and len(column) < 5 else 0,
        form["time_format"],
    )


def _chosen(request: HttpRequest, layout: Layout) -> Layout:
    """The layout with the variables, units and zone of the form."""
    form = request.POST
    variables = {column.index: form.get(f"v{column.index}", column.variable) for column in layout.columns}
    units = {column.index: form.get(f"u{column.index}", column.unit) for column in layout.columns}
    return imports.corrected(layout, form.get("zone", layout.zone), variables, units)


@page(
    "o/<slug:organisation>/import/<slug:number>",
    name="preview_import",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    to_support=False,
)
def preview_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """What the file says and how it will be read."""
    return render(request, "grower/import_preview.html", _as_proposed(request, number))


def _as_proposed(request: HttpRequest, number: str, **_: str) -> dict[str, object]:
    """The file as it would be read without anything of a form."""
    actor, context = inside(request)
    return context | _preview_context(imports.preview(actor, ImportId(number)), None)


class _Chosen(NamedTuple):
    """A file as a form says that it is read, and the layout that the form describes."""

    preview: imports.ImportPreview
    layout: Layout


def _chosen_in(request: HttpRequest, actor: Actor, number: str) -> _Chosen:
    """What the form chooses for a file. Raises InvalidError."""
    preview = imports.preview(actor, ImportId(number), _layout_in_form(request), request.POST.get("zone", ""))
    return _Chosen(preview, _chosen(request, preview.layout))


@page(
    "o/<slug:organisation>/import/<slug:number>",
    name="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    to_support=False,
    form=FormRules(preview=True),
    asks=tuple(Asked(field) for field in LAYOUT_FIELDS),
)
@shows_again("grower/import_preview.html", _as_proposed)
def preview_with_choices(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Preview again, with what the person corrected."""
    actor, context = inside(request)
    chosen = _chosen_in(request, actor, number)
    return render(request, "grower/import_preview.html", context | _preview_context(*chosen))


@page(
    "o/<slug:organisation>/import/<slug:number>/template",
    name="save_template",
    form_on="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    to_support=False,
    form=FormRules(preview=True),
    asks=(
        *(Asked(field, "greenhouse_template.layout") for field in LAYOUT_FIELDS),
        Asked("template", "greenhouse_template.name"),
    ),
)
@shows_again("grower/import_preview.html", _as_proposed)
def save_template(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Save what was chosen as a template for files of this kind."""
    actor, context = inside(request)
    chosen = _chosen_in(request, actor, number)
    try:
        imports.save_template(actor, request.POST.get("template", ""), chosen.layout)
    except InvalidError as error:
        return again(request, "grower/import_preview.html", error, **context | _preview_context(*chosen))
    context["saved"] = True
    return render(request, "grower/import_preview.html", context | _preview_context(*chosen))


@page(
    "o/<slug:organisation>/import/<slug:number>/run",
    name="run_import",
    form_on="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    to_support=False,
    asks=tuple(Asked(field, "greenhouse_upload.layout") for field in LAYOUT_FIELDS),
)
@shows_again("grower/import_preview.html", _as_proposed)
def run_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Import the readings."""
    actor = inside(request).actor
    chosen = _chosen_in(request, actor, number)
    imports.queue(actor, ImportId(number), chosen.layout)
    return redirect("import_report", organisation, number)


def _preview_context(preview: imports.ImportPreview, chosen: Layout | None) -> dict[str, object]:
    """What the page shows: of a wide file only its first columns, so that its size is bounded whatever is in the file."""
    chosen_columns = {column.index: column for column in chosen.columns} if chosen else {}
    columns = [
        (column, chosen_columns.get(column.index, replace(column, variable="-") if chosen else column))
        for column in preview.layout.columns[:SHOWN_COLUMNS]
    ]
    context = chosen or preview.layout
    headings = list(enumerate(context.headings))
    cells = max(map(len, preview.rows))
    return {"upload": preview.upload, "layout": context, "columns": columns} | {
        "delimiters": DELIMITERS.items(),
        "time_formats": TIME_FORMATS.items(),
        "rows": [row[:SHOWN_COLUMNS] for row in preview.rows],
        "headings": [pair for pair in headings if pair[0] < SHOWN_COLUMNS or pair[0] == context.time_column],
        "more_columns": len(preview.layout.columns) - len(columns),
        "more_cells": max(0, cells - SHOWN_COLUMNS),
        "template_name": preview.template,
        "points": [(name, points[:3]) for name, points in preview.reading.points.items()],
        "issues": preview.reading.issues[:5],
    }


@page(
    "o/<slug:organisation>/import/<slug:number>/stop",
    name="stop_import",
    form_on="import_report",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    methods=("POST",),
    to_support=False,
)
def stop_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Stop an import that is under way."""
    actor = inside(request).actor
    imports.stop(actor, ImportId(number))
    return redirect("import_report", organisation, number)


@page(
    "o/<slug:organisation>/templates/<slug:template>/remove",
    name="remove_template",
    form_on="import",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    methods=("POST",),
    to_support=False,
)
def remove_template(request: HttpRequest, organisation: str, template: str) -> HttpResponse:
    """Remove a saved template."""
    actor = inside(request).actor
    imports.remove_template(actor, TemplateId(template))
    return redirect("import", organisation)


@page(
    "o/<slug:organisation>/import/<slug:number>/report",
    name="import_report",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    to_support=False,
)
def report(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """How far an import is, then what came of it; with format=csv each issue as a file. Asked again by the page meanwhile."""
    actor, context = inside(request)
    upload = imports.report_of(actor, ImportId(number))
    issues = imports.issues_of(upload.report)
    if request.GET.get("format") != "csv":
        template = "grower/import_state.html" if request.headers.get("HX-Request") else "grower/import_report.html"
        context |= {"upload": upload, "listed_issues": issues[:100], "under_way": upload.state in imports.UNDER_WAY}
        context |= {"listed": len(issues), "cut": len(issues) == MOST_ISSUES}
        response = render(request, template, context)
        if request.headers.get("HX-Request") and upload.state not in imports.UNDER_WAY:
            response.headers["HX-Refresh"] = "true"  # It has ended: the whole page, once, with the report.
        return response
    response = HttpResponse(content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="report.csv"'
    writer = csv.writer(response)
    writer.writerow(["row", "column", "what", "kept"])
    for issue in issues:
        flagged = "yes" if issue["kept"] else "no"
        writer.writerow([issue["row"], cell(issue["column"]), cell(issue["text"]), flagged])
    return response
