"""Imports of files: upload, preview with choices, run, progress, report; templates."""

import csv
from dataclasses import replace
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from glasshouse.access.pages import KB, Asked, Audience, FormRules, MenuGroup, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import import_results, imports, layout_choices, undo
from glasshouse.greenhouse.file_shapes import DOUBTS
from glasshouse.greenhouse.files import (
    DELIMITERS,
    ENCODINGS,
    MOST_BYTES,
    MOST_ISSUES,
    TIME_FORMATS,
    FileChoices,
    Layout,
)
from glasshouse.greenhouse.models import UploadState
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import ImportId, SiteId, TemplateId
from glasshouse.web.csv_files import CSV, cell
from glasshouse.web.file_texts import said as said_of
from glasshouse.web.forms import again, shows_again
from glasshouse.web.import_preview import THOUSANDS, shown
from glasshouse.web.organisation_page import inside
from glasshouse.web.sites_asked import within_of
from glasshouse.web.variable_titles import variable_of

# What a form says of how a file is read: of the file, then (v and u) of each column.
FILE_FIELDS = (
    *("delimiter", "encoding", "sheet", "decimal", "thousands", "heading_row", "units_row", "first_row"),
    *("time_column", "clock_column", "time_format", "name_column"),
)
LAYOUT_FIELDS = (*FILE_FIELDS, "zone", "v*", "u*", "name-*", "leave-*")


@page(
    "o/<slug:organisation>/import",
    name="import",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    methods=("GET", "POST"),
    to_support=False,
    form=FormRules(most_bytes_allowed=MOST_BYTES + 64 * KB),
    asks=(
        Asked("file", "greenhouse_upload.blob"),
        Asked("place", "greenhouse_upload.site_id"),
    ),
    menu="Import",
    menu_order=40,
    menu_group=MenuGroup.SET_UP,
    icon="import",
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
            raise InvalidError(gettext("Choose a file that is not empty."), field="file")
        if file.size > MOST_BYTES:
            raise InvalidError(
                gettext("The file is larger than %(most)s MB. Split it.") % {"most": MOST_BYTES >> 20}, field="file"
            )
        number = imports.upload(actor, SiteId(site), compartment, str(file.name), file.chunks())
    except InvalidError as error:
        return again(request, "grower/import.html", error, **context)
    return redirect("preview_import", organisation, number)


def _layout_in_form(request: HttpRequest) -> FileChoices:
    """What the form says of the file as a whole; an empty field leaves it to what is found. Raises InvalidError."""
    form = request.POST
    lists = {"delimiter": DELIMITERS, "time_format": TIME_FORMATS, "encoding": ENCODINGS, "decimal": (".", ",")}
    said: dict[str, Any] = {name: form[name] for name in lists if form.get(name)}
    for name, value in said.items():
        if value not in lists[name]:
            raise InvalidError("Choose a delimiter and a form of time from the lists.", field=name)
    if form.get("thousands", "as found") in THOUSANDS:
        said["thousands"] = form["thousands"]
    if form.get("sheet"):
        said["sheet"] = form["sheet"]
    for name in ("heading_row", "units_row", "first_row", "time_column", "clock_column", "name_column"):
        text = form.get(name, "").strip()
        if text in ("", "-1"):
            said |= {name: -1} if text and name in ("clock_column", "name_column") else {}
        elif text.isdecimal() and len(text) < 6:
            said[name] = int(text)
        else:
            raise InvalidError("Write the number of a row, such as 3.", field=name)
    return FileChoices(**said)


def _chosen(request: HttpRequest, layout: Layout) -> Layout:
    """The layout with the variables, units, names, zone and doubts of the form."""
    form = request.POST
    keys = [*layout_choices.column_keys(layout), *(str(left.index) for left in layout.left_out)]
    said, units, names = (
        {key: form[before + key] for key in keys if before + key in form} for before in ("v", "u", "name-")
    )
    variables = {key: variable_of(text) for key, text in said.items()}
    doubtful = {key for key in keys if f"leave-{key}" in form}
    chosen = layout_choices.with_choices(layout, form.get("zone") or layout.zone, variables, units, names, doubtful)
    return replace(chosen, leave_out=tuple(name for name in DOUBTS if f"leave-{name}" in form))


@page(
    "o/<slug:organisation>/import/<slug:number>",
    name="preview_import",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
def preview_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """What the file says and how it will be read."""
    context = _as_proposed(request, number)
    if context["is_under_way"]:  # Nothing is chosen any more: the report tells how far it is, and stops it.
        return redirect("import_report", organisation, number)
    return render(request, "grower/import_preview.html", context)


def _as_proposed(request: HttpRequest, number: str, **_: str) -> dict[str, object]:
    """The file as it would be read without anything of a form."""
    actor, context = inside(request)
    preview = imports.preview(actor, ImportId(number))
    is_under_way = preview.upload.state in (*imports.UNDER_WAY, UploadState.UNDOING)
    return context | shown(preview, None) | {"is_under_way": is_under_way}


class _Chosen(NamedTuple):
    """A file as a form says that it is read, and the layout that the form describes."""

    preview: imports.ImportPreview
    layout: Layout


def _chosen_in(request: HttpRequest, actor: Actor, number: str) -> _Chosen:
    """What the form chooses for a file. Raises InvalidError."""
    preview = imports.preview(actor, ImportId(number), _layout_in_form(request), request.POST.get("zone", ""))
    return _Chosen(preview, preview.layout if preview.problem else _chosen(request, preview.layout))


@page(
    "o/<slug:organisation>/import/<slug:number>",
    name="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
    form=FormRules(preview=True),
    asks=tuple(Asked(field) for field in LAYOUT_FIELDS),
)
@shows_again("grower/import_preview.html", _as_proposed)
def preview_with_choices(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Preview again, with what the person corrected."""
    actor, context = inside(request)
    chosen = _chosen_in(request, actor, number)
    context |= _said(request) | shown(*chosen)
    return render(request, "grower/import_preview.html", context, status=400 if chosen.preview.problem else 200)


def _said(request: HttpRequest) -> dict[str, object]:
    """What a form says of the file, to be shown as chosen."""
    return {"said": {name: request.POST[name] for name in FILE_FIELDS if name in request.POST}}


@page(
    "o/<slug:organisation>/import/<slug:number>/template",
    name="save_template",
    form_on="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
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
        return again(request, "grower/import_preview.html", error, **context | _said(request) | shown(*chosen))
    context["saved"] = True
    return render(request, "grower/import_preview.html", context | _said(request) | shown(*chosen))


@page(
    "o/<slug:organisation>/import/<slug:number>/run",
    name="run_import",
    form_on="preview_import",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
    asks=tuple(Asked(field, "greenhouse_upload.layout") for field in LAYOUT_FIELDS),
)
@shows_again("grower/import_preview.html", _as_proposed)
def run_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Import the readings."""
    actor, context = inside(request)
    chosen = _chosen_in(request, actor, number)
    try:
        imports.queue(actor, ImportId(number), chosen.layout)
    except InvalidError as error:  # Shown with all that was chosen.
        return again(request, "grower/import_preview.html", error, **context | _said(request) | shown(*chosen))
    return redirect("import_report", organisation, number)


@page(
    "o/<slug:organisation>/import/<slug:number>/stop",
    name="stop_import",
    form_on="import_report",
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
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
    translated=True,
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
    translated=True,
    to_support=False,
)
def report(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """How far an import is, then what came of it; with format=csv each issue as a file. Asked again by the page meanwhile."""
    actor, context = inside(request)
    upload = imports.report_of(actor, ImportId(number))
    issues = imports.issues_of(upload.report)
    if request.GET.get("format") != "csv":
        undoing = undo.state_of(upload)
        state = "grower/import_undo_state.html" if undoing.is_under_way else "grower/import_state.html"
        template = state if request.headers.get("HX-Request") else "grower/import_report.html"
        context |= {"upload": upload, "listed_issues": issues[:100], "under_way": upload.state in imports.UNDER_WAY}
        context |= {"undoing": undoing}
        context |= {"groups": import_results.grouped(issues)[:100]}
        context |= {"listed": len(issues), "cut": len(issues) == MOST_ISSUES}
        response = render(request, template, context)
        if request.headers.get("HX-Request") and not (context["under_way"] or undoing.is_under_way):
            response.headers["HX-Refresh"] = "true"  # It has ended: the whole page, once, with the report.
        return response
    response = HttpResponse(content_type=CSV)
    response.headers["Content-Disposition"] = 'attachment; filename="report.csv"'
    writer = csv.writer(response)
    writer.writerow(["row", "column", "what", "kept"])
    for issue in issues:
        flagged = "yes" if issue["kept"] else "no"
        writer.writerow([issue["row"], cell(issue["column"]), cell(said_of(import_results.said_of(issue))), flagged])
    return response
