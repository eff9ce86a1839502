"""Search of an organisation's pages, sites, compartments, devices and members by name."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from glasshouse.access.pages import Asked, Audience, FormRules, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.greenhouse import finding as places
from glasshouse.kernel.wanted import fitting
from glasshouse.organisations import finding as people
from glasshouse.web.forms import shows_again
from glasshouse.web.menu import Entry, shell_of
from glasshouse.web.organisation_page import inside

LONGEST = 80  # characters that are looked for
MOST_PAGES = 8


def _result(request: HttpRequest, wanted: str) -> dict[str, object]:
    actor, context = inside(request)
    may, counts = set(context["may"]), []  # type: ignore[call-overload]
    pages = _pages(request, wanted)
    if wanted and Permission.SITE_READ.name in may:
        context["places"] = fitting_places = places.find_places(actor, wanted)
        counts.append(fitting_places.total)
    if wanted and Permission.MEMBER_READ.name in may:
        context["people"] = fitting_members = people.find_members(actor, wanted)
        counts.append(fitting_members.total)
    nothing = bool(wanted) and not pages and not any(counts)
    return context | {"search": wanted, "pages": pages, "nothing": nothing}


@page(
    "o/<slug:organisation>/search",
    name="search",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    to_support=False,
    translated=True,
)
def search(request: HttpRequest, organisation: str) -> HttpResponse:
    """The form, for whoever has no search in the menu."""
    return render(request, "grower/search.html", _result(request, ""))


@page(
    "o/<slug:organisation>/search",
    name="search",
    need=Need.MEMBER,
    audience=Audience.GROWER,
    methods=("POST",),
    to_support=False,
    translated=True,
    asks=(Asked("query"),),
    form=FormRules(preview=True, repeatable=True),
)
@shows_again("grower/search.html", lambda request, **_: _result(request, ""))
def find(request: HttpRequest, organisation: str) -> HttpResponse:
    """What bears a name, as far as the actor's role shows it. The search is no part of an address, which browsers keep."""
    wanted = " ".join(request.POST.get("query", "").split())[:LONGEST]
    return render(request, "grower/search.html", _result(request, wanted))


def _pages(request: HttpRequest, wanted: str) -> list[Entry]:
    """The entries of the menu whose titles fit, in the reader's language."""
    shell = shell_of(request, "")
    entries = [*(entry for group in shell.main for entry in group.entries), *shell.you]
    return fitting(entries, wanted, lambda entry: translation.gettext(entry.title), MOST_PAGES)[0]
