"""Handing over a file that came from outside, so that no browser runs it in our name.

It is saved, never shown: as bytes of no kind, by a name without a path, in a sandbox of its own should a browser show it all the
same. Source: OWASP ASVS 5.0, 3.2.1, 5.4.
"""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from glasshouse.requests.files import Download

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def foreign_file(file: Download) -> HttpResponse:
    """The answer that hands a file over."""
    response = HttpResponse(file.body, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=file.name) or "attachment"
    )
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response
