"""Undoing an import, from its report."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from glasshouse.access.pages import Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import imports, undo
from glasshouse.greenhouse.import_results import grouped
from glasshouse.kernel.ids import ImportId
from glasshouse.web.forms import shows_again
from glasshouse.web.organisation_page import inside


def _report(request: HttpRequest, number: str, **_: str) -> dict[str, object]:
    """The report again, where its import cannot be undone."""
    actor, context = inside(request)
    upload = imports.report_of(actor, ImportId(number))
    issues = imports.issues_of(upload.report)
    return context | {
        "upload": upload,
        "undoing": undo.state_of(upload),
        "under_way": upload.state in imports.UNDER_WAY,
        "groups": grouped(issues)[:100],
        "listed_issues": issues[:100],
        "listed": len(issues),
    }


@page(
    "o/<slug:organisation>/import/<slug:number>/undo",
    name="undo_import",
    form_on="import_report",
    methods=("POST",),
    need=Permission.FILE_IMPORT,
    audience=Audience.GROWER,
    translated=True,
    to_support=False,
)
@shows_again("grower/import_report.html", _report)
def undo_import(request: HttpRequest, organisation: str, number: str) -> HttpResponse:
    """Undo an import as a whole, in the background."""
    actor = inside(request).actor
    undo.ask(actor, ImportId(number))
    return redirect("import_report", organisation, number)
