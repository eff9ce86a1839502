"""Everything that is held of oneself: seeing, correcting, copying, erasing."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, MenuGroup, Need, page
from glasshouse.accounts import api as accounts
from glasshouse.accounts.own import own
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.subject import erasure as rights
from glasshouse.subject import exports, rectification, waiting
from glasshouse.subject.inventory import belonging, view
from glasshouse.web.forms import again, check_word
from glasshouse.web.held import grouped
from glasshouse.web.middleware import actor_of
from glasshouse.web.session_cookie import signed_out


def _exports(actor: Actor) -> dict[str, object]:
    of_person = exports.exports(actor)
    return {"exports": of_person, "making": any(not export.blob for export in of_person)}


def _context(request: HttpRequest) -> dict[str, object]:
    actor = actor_of(request)
    person = accounts.person_of(actor)
    return grouped(view(actor), request.GET) | {
        **_exports(actor),
        "person": person,
        "belonging": belonging(actor),
        "waiting": waiting.of_person(actor),
    }


@page(
    "account/data",
    name="my_data",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
    asks=(Asked("name", "accounts_person.name"),),
    menu="Your data",
    menu_order=202,
    menu_group=MenuGroup.YOU,
    icon="file",
    translated=True,
)
def my_data(request: HttpRequest) -> HttpResponse:
    """Everything that is held of oneself, in plain words; correcting one's name."""
    if request.method == "GET":
        return render(request, "person/data.html", _context(request))
    try:
        rectification.rectify_name(actor_of(request), request.POST.get("name", ""))
    except InvalidError as error:
        return again(request, "person/data.html", error, **_context(request))
    return redirect("my_data")


@page(
    "account/data/export",
    name="make_export",
    form_on="my_data",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    reauth=True,
    before_acceptance=True,
    translated=True,
)
def make_export(request: HttpRequest) -> HttpResponse:
    """Make an export; it can be fetched for a day."""
    exports.make_export(actor_of(request))
    return redirect("my_data")


@page(
    "account/data/export/<slug:export>",
    name="fetch_export",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    reauth=True,
    before_acceptance=True,
    translated=True,
)
def fetch_export(request: HttpRequest, export: str) -> StreamingHttpResponse:
    """Fetch an export of one's own."""
    actor = actor_of(request)
    file = exports.fetch_export(actor, export)
    response = StreamingHttpResponse(_as_person(actor, file.body), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def _as_person(actor: Actor, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, read as the person's own act also after the view has returned."""
    with own(str(actor.person)):
        yield from pieces


@page(
    "account/data/exports",
    name="export_state",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    before_acceptance=True,
    translated=True,
)
def export_state(request: HttpRequest) -> HttpResponse:
    """How far one's exports are: a part of the page that asks again while one is being made."""
    return render(request, "person/exports.html", _exports(actor_of(request)))


@page(
    "account/data/erase",
    name="erase",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    reauth=True,
    before_acceptance=True,
    asks=(Asked("word"),),
    translated=True,
)
def erase(request: HttpRequest) -> HttpResponse:
    """What an erasure would do; once the word erase is written, the erasure and its certificate. Under a hold it waits."""
    actor = actor_of(request)
    accounts.require_reauthentication(actor)
    context = {"plan": rights.plan(actor), "belonging": belonging(actor), "waiting": waiting.of_person(actor)}
    if request.method == "GET":
        return render(request, "person/erase.html", context)
    try:
        check_word(request)
        erased = rights.erase(actor)
    except InvalidError as error:
        return again(request, "person/erase.html", error, **context)
    if erased.waits:
        return redirect("my_data")
    return signed_out(redirect("erasure", erased.id))


@page(
    "account/data/erase/withdraw",
    name="withdraw_erasure",
    form_on="my_data",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
def withdraw_erasure(request: HttpRequest) -> HttpResponse:
    """Have an erasure that waits for the end of a legal hold not be done."""
    waiting.withdraw(actor_of(request))
    return redirect("my_data")
