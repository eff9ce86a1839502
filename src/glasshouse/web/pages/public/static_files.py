"""The few bundled files of the pages. No folder is served: only these names exist."""

from django.http import Http404, HttpRequest, HttpResponse

from glasshouse.access.pages import Audience, Need, page
from glasshouse.web import static_assets

FOR_EVER, FOR_A_WHILE = "public, max-age=31536000, immutable", "public, max-age=300"


@page(
    "static/<str:name>",
    name="static",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "HEAD"),
    before_acceptance=True,
)
def static_file(request: HttpRequest, name: str) -> HttpResponse:
    """One bundled file, compressed where the browser takes that."""
    files = static_assets.assets()
    asset = files.by_name.get(files.plain_names.get(name, name))
    if asset is None:
        raise Http404
    response = HttpResponse(asset.content, content_type=asset.content_type)
    response.headers["Cache-Control"] = FOR_EVER if name in files.plain_names else FOR_A_WHILE
    if asset.packed is not None:
        response.headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.content = asset.packed
            response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.content))
    return response


def _takes_gzip(accepted: str) -> bool:
    """Whether a browser takes gzip; one that gives it the weight 0 does not. Source: RFC 9110, 12.5.3."""
    for choice in accepted.lower().split(","):
        coding, *parameters = (part.strip() for part in choice.split(";"))
        if coding in ("gzip", "*"):
            return not any(
                parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters
            )
    return False
