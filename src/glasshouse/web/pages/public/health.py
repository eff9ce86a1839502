"""Whether the web part does its work: asked by the supervisor, through the same threads and database as every page."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from glasshouse.access.pages import Audience, Need, page
from glasshouse.notices import api as notices


@page("health", name="health", need=Need.ANYBODY, audience=Audience.PUBLIC, methods=("GET", "HEAD"))
def health(request: HttpRequest) -> JsonResponse:
    """200 when a thread is free and the people store answers it; 503 when the store does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        notices.number_in_force()  # Known before the first page, also to pages of errors, which ask no database.
    except DatabaseError:
        return JsonResponse({"status": "fail"}, status=503)
    return JsonResponse({"status": "pass"})
