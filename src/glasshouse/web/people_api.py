"""The people API: what programs may ask and do with a token. Every operation calls the same verb as its page."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, NinjaAPI, Query, Schema, UploadedFile
from ninja.security import HttpBearer
from pydantic import model_validator

from glasshouse.access import api as access
from glasshouse.access.pages import KB, FormRules, Need
from glasshouse.access.permissions import Permission
from glasshouse.accounts.own import state_of
from glasshouse.events import api as events
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports, readings, whole_import
from glasshouse.greenhouse.files import MOST_BYTES
from glasshouse.greenhouse.statements import stated
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, InvalidError
from glasshouse.kernel.ids import ImportId, OrganisationId, SiteId
from glasshouse.kernel.pieces import Piece
from glasshouse.kernel.text import is_text, strings_in
from glasshouse.organisations.tokens import actor_of_token
from glasshouse.web import failures

Operation = TypeVar("Operation", bound=Callable[..., Any])


class Token(HttpBearer):
    """Authorization: Bearer TOKEN."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        """The actor of a live token; None otherwise, which is answered with 401."""
        actor = actor_of_token(token)
        if actor.kind is not ActorKind.TOKEN:
            return None
        if not state_of(str(actor.person)).accepted:
            raise ForbiddenError(
                "The documents in force are not accepted yet: sign in on the page once, then try again."
            )
        return actor


api = NinjaAPI(title="Glasshouse people API", version="1", auth=Token(), docs_url=None, urls_namespace="people_api")


# What each operation needs, of the token's bearer and of the token: "GET /sites" -> need.
OPERATIONS: dict[str, Permission | Need] = {}


def operation(method: str, path: str, *, need: Permission | Need) -> Callable[[Operation], Operation]:
    """Declare an operation and what it needs; the verb behind it asks for that."""

    def declare(view: Operation) -> Operation:
        OPERATIONS[f"{method} {path}"] = need
        return api.api_operation([method], path, url_name=view.__name__)(view)

    return declare


def _importer(token: str) -> str:
    """Who sends a file with a token. Raises ForbiddenError."""
    actor = actor_of_token(token)
    if actor.kind is not ActorKind.TOKEN:
        raise ForbiddenError
    with access.organisation_transaction(actor):
        access.require(actor, Permission.FILE_IMPORT)
    return str(actor.account)


# How much an operation takes, by its name, where it is more than from anybody.
FORMS = {"import_file": FormRules(most_bytes_allowed=MOST_BYTES + 64 * KB, sender=_importer, programs=True)}


@api.exception_handler(GlasshouseError)
def answer_error(request: HttpRequest, error: GlasshouseError) -> HttpResponse:
    """An error of ours as JSON; a failure has a number."""
    if failures.is_unexpected(error):
        return failures.unexpected(request, error)
    return api.create_response(request, {"detail": str(error)}, status=error.status)


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def _more_compartments(request: HttpRequest, site: str, after: str) -> str | None:
    return f"{request.path}?site={site}&compartments={after}" if after else None


def _lead_on(request: HttpRequest, response: HttpResponse, piece: Piece[Any]) -> None:
    """Tell where the next piece of a list is. Source: RFC 8288."""
    if piece.after:
        response["Link"] = f'<{request.path}?after={piece.after}>; rel="next"'


class PlainSchema(Schema):
    """What a program sends: every string in it, at any depth, must be text."""

    @model_validator(mode="before")
    @classmethod
    def _all_text(cls, value: Any) -> Any:
        # Ninja hands over a view of the request's values; what it reads from is the plain value.
        if not all(map(is_text, strings_in(getattr(value, "_obj", value)))):
            raise ValueError("A text holds a character that is none (NUL, or half of a surrogate pair).")
        return value


class Limits(PlainSchema):
    """A target range; both empty: none."""

    variable: str
    compartment: str = ""
    least: float | None = None
    most: float | None = None


class Place(PlainSchema):
    """Where a file was measured, and how it is read. compartment: id; template: its name, or any that has the file's headings."""

    compartment: str = ""
    template: str = ""


class Span(PlainSchema):
    """Series and a time (epoch s)."""

    series: list[str]
    start: int
    end: int
    points: int = 300


@operation("GET", "/me", need=Need.MEMBER)
def me(request: HttpRequest) -> dict[str, Any]:
    """What this token may do now."""
    actor = _actor(request)
    with access.organisation_transaction(actor):
        rights = access.rights_of(actor)
    sites = None if rights.sites is None else sorted(rights.sites)
    return {
        "organisation": actor.organisation,
        "permissions": sorted(rights.permissions),
        "sites": sites,
        "why": rights.why,
    }


@operation("GET", "/sites", need=Permission.SITE_READ)
def sites(
    request: HttpRequest, response: HttpResponse, after: str = "", site: str = "", compartments: str = ""
) -> list[dict[str, Any]]:
    """Sites with their compartments, oldest first. Where there are more, `Link: <…>; rel="next"` leads on.

    Of a site with more compartments, `more_compartments` is the address of the next of them.
    """
    within = greenhouse.Within(site, compartments_after=compartments) if site else None
    piece = greenhouse.sites(_actor(request), after, within)
    _lead_on(request, response, piece)
    return [
        {
            "id": site.id,
            "name": site.name,
            "facts": site.facts,
            "compartments": [{"id": compartment.id, "name": compartment.name} for compartment in site.compartments],
            "more_compartments": _more_compartments(request, site.id, site.compartments.after),
        }
        for site in piece
    ]


@operation("GET", "/series", need=Permission.READINGS_READ)
def series(request: HttpRequest, response: HttpResponse, after: str = "") -> list[dict[str, Any]]:
    """Series with their newest readings, by place. Where there are more, `Link: <…>; rel="next"` leads on."""
    piece = readings.series(_actor(request), after)
    _lead_on(request, response, piece)
    return piece


@operation("GET", "/readings", need=Permission.READINGS_READ)
def some_readings(request: HttpRequest, span: Query[Span]) -> dict[str, Any]:
    """Readings of some series in buckets."""
    return readings.readings(_actor(request), span.series, (span.start, span.end), min(2000, max(1, span.points)))


@operation("PUT", "/sites/{site}/target-ranges", need=Permission.TARGET_RANGES_SET)
def limits(request: HttpRequest, site: str, limits: Limits) -> dict[str, bool]:
    """Set a target range at a site or in its compartment."""
    raw = {"variable": limits.variable, "least": _text(limits.least), "most": _text(limits.most)}
    greenhouse.set_target_ranges(_actor(request), SiteId(site), limits.compartment, raw)
    return {"done": True}


def _text(number: float | None) -> str:
    return "" if number is None else repr(number)


@operation("POST", "/sites/{site}/files", need=Permission.FILE_IMPORT)
def import_file(
    request: HttpRequest,
    site: str,
    place: Form[Place],
    file: File[UploadedFile | None] = None,
) -> HttpResponse:
    """Have a file (the form's part `file`) imported by a saved template, and by nothing else; 202 once it is queued.

    `import` is what `GET /imports/{number}` is asked with. 503: too many files are being read, try again.
    """
    actor = _actor(request)
    if file is None:
        imports.templates(actor)  # Who may not import is told that first.
        raise InvalidError("Send the file as the part “file” of a form (multipart/form-data).", field="file")
    where = (SiteId(site), place.compartment)
    number = whole_import.take(actor, where, str(file.name), file.chunks(), place.template)
    return api.create_response(request, {"import": number}, status=202)


@operation("GET", "/imports/{number}", need=Permission.FILE_IMPORT)
def import_state(request: HttpRequest, number: str) -> dict[str, Any]:
    """Where an import stands: new, queued, reading, taken, failed, stopped, undoing, undone; what came in, or why nothing did."""
    row = imports.report_of(_actor(request), ImportId(number))
    report = row.report or {}
    names = ("rows", "rows_in", "points", "new", "replaced", "left_out")
    counts = {name: report[name] for name in names if name in report}
    return {"state": row.state, "percent": row.percent, "problem": str(stated(report.get("problem")))} | counts


@operation("GET", "/events", need=Permission.EVENTS_READ)
def event_list(request: HttpRequest, response: HttpResponse, after: str = "") -> list[dict[str, Any]]:
    """Events of the organisation, newest first. Where there are more, `Link: <…>; rel="next"` leads on."""
    actor = _actor(request)
    with access.organisation_transaction(actor):
        access.require(actor, Permission.EVENTS_READ)
        recorded = events.of_organisation(OrganisationId(str(actor.organisation)), after)
    _lead_on(request, response, recorded)
    return [
        {"at": event.at, "kind": event.kind, "actor": event.actor, "subject": event.subject, "facts": event.facts}
        for event in recorded
    ]
