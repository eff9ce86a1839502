"""The few bundled files of the pages. No folder is served: only these names exist."""

from pathlib import Path

from django.http import FileResponse, Http404, HttpRequest

from glasshouse.access.pages import Audience, Need, page

FOLDER = Path(__file__).parents[2] / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
NAMES = {path.name: TYPES[path.suffix] for path in FOLDER.iterdir() if path.suffix in TYPES}


@page(
    "static/<str:name>",
    name="static",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "HEAD"),
    before_acceptance=True,
)
def static_file(request: HttpRequest, name: str) -> FileResponse:
    """One bundled file."""
    if name not in NAMES:
        raise Http404
    response = FileResponse((FOLDER / name).open("rb"), content_type=NAMES[name])
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
