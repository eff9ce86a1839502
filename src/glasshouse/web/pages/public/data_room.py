"""A buyer's data room, opened by a mailed link."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.privacy_office import data_rooms


def _context(secret: str) -> dict[str, object]:
    opened = data_rooms.open_room(secret)
    return {"opened": opened, "parts": range(1, opened.parts + 1), "secret": secret}


@page(
    "data-room/<slug:secret>",
    name="data_room",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    before_acceptance=True,
)
def data_room(request: HttpRequest, secret: str) -> HttpResponse:
    """What may be fetched, and until when."""
    return render(request, "public/data_room.html", _context(secret))


@page(
    "data-room/<slug:secret>/<slug:part>",
    name="fetch_data_room",
    form_on="data_room",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    translated=True,
    methods=("POST",),
    before_acceptance=True,
)
def fetch_data_room(request: HttpRequest, secret: str, part: str) -> HttpResponse:
    """Fetch a part, which goes on record."""
    file = data_rooms.fetch(secret, int(part) if part.isdecimal() and len(part) < 7 else 0)
    response = HttpResponse(file.body, content_type="application/pkcs7-mime")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
