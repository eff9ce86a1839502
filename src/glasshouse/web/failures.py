"""Answers to errors: a page, a part of a page, or JSON. None of them needs the database or reveals what exists.

An unexpected error is noted in the log under a number that the page shows: where it happened and of which type it is.
Its message, the address and what was sent are left out, for they may hold personal data or a secret link.
"""

import secrets
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import escape

from glasshouse.kernel.errors import GlasshouseError, stack_of
from glasshouse.notices import in_force

log = structlog.stdlib.get_logger("glasshouse.web")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; worker-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ENGLISH = "en"
EXPIRED = "expired"  # a form whose token is not the session's any more
# Answers that are no failure of ours: whoever is signed in keeps the menu. Nothing of the database may be asked for others.
WITH_SHELL = (400, 403, 404, 405, 413)
AGENTS = ("/v1/agent", "/v1/data-rights-request")


def form_of(path: str, headers: dict[str, str]) -> str:
    """The form in which the caller wants an error: "json", "agent" (Data Rights Protocol), "part" (of an open page) or "page".

    headers: names in lower case.
    """
    if path.startswith(AGENTS):
        return "agent"
    accept = headers.get("accept", "")
    if path.startswith(("/api/", "/v1/")) or ("json" in accept and "html" not in accept):
        return "json"
    return "part" if headers.get("hx-request") else "page"


@lru_cache(maxsize=128)
def _text(kind: str, limit: int, language: str) -> str:
    with translation.override(language):
        return " ".join(render_to_string("failure_text.html", {"kind": kind, "limit": limit}).split())


def error_page(
    status: int,
    form: str,
    *,
    kind: str = "",
    limit: int = 0,
    number: str = "",
    text: str = "",
    request: HttpRequest | None = None,
) -> HttpResponse:
    """The answer to a failure. kind: what it is, if the status alone does not say; limit: bytes; number: of the log's entry.

    request: what failed, where it is known: people are answered in their language, and in the shell of who is signed in.
    """
    is_for_people = request is not None and form in ("page", "part")
    language = translation.get_language_from_request(request) if request and is_for_people else ENGLISH
    shown = text or _text(kind or str(status), limit, language)
    if form in ("json", "agent"):
        # An agent hears its protocol's words (Data Rights Protocol, 3.06).
        body = {"detail": shown} if form == "json" else {"code": str(status), "message": shown, "reason": "other"}
        body |= {"error": number} if number else {}
        response: HttpResponse = JsonResponse(body)
    else:
        response = HttpResponse(_page(form, status, {"text": shown, "number": number}, language, request))
    response.status_code = status
    for header, value in HEADERS.items():
        response.headers[header] = value
    return response


def _page(form: str, status: int, said: dict[str, str], language: str, request: HttpRequest | None) -> str:
    # The number as it was last read: an error's page asks no database.
    facts = {
        "status": status,
        "operator": settings.OPERATOR,
        "notice_number": in_force.number(),
        "language": language,
    } | said
    number = said["number"]
    try:
        with translation.override(language):
            if form == "page" and request is not None and status in WITH_SHELL and _is_signed_in(request):
                return _in_shell(request, facts)
            return render_to_string("failure_part.html" if form == "part" else "failure.html", facts)
    except Exception as error:  # noqa: BLE001 - a broken template must not keep the reader from being told
        log.error("template of the error pages broken", stack=stack_of(error))
        return (
            f"<!doctype html><title>Glasshouse</title><h1>That did not work</h1><p>Error {number or status}. Please try again. "
            f"About your data: {escape(settings.OPERATOR.privacy_address)}"
        )


def _is_signed_in(request: HttpRequest) -> bool:
    return getattr(getattr(request, "actor", None), "account", None) is not None


def _in_shell(request: HttpRequest, facts: dict[str, Any]) -> str:
    """The page with the menu of who is signed in, where that can be read; else without it."""
    try:
        with transaction.atomic():
            return render_to_string("failure.html", {"text": facts["text"], "number": facts["number"]}, request)
    except Exception as error:  # noqa: BLE001 - what the menu needs must not keep the reader from being told
        log.warning("an error's page without its menu", stack=stack_of(error))
        return render_to_string("failure.html", facts)


def of_request(request: HttpRequest, status: int, **more: Any) -> HttpResponse:
    """The answer to a failure of this request, in the form that the caller understands."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return error_page(status, form_of(request.path, headers), request=request, **more)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400 (Django's handler400)."""
    if isinstance(exception, RequestDataTooBig):
        return of_request(request, 413, limit=int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
    return of_request(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 (Django's handler403)."""
    return of_request(request, 403)


def expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token (Django's CSRF_FAILURE_VIEW). The reason is for attackers only."""
    return of_request(request, 403, kind=EXPIRED)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 (Django's handler404): the same whether there is nothing, or something of somebody else's."""
    return of_request(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 (Django's handler500), noted in the log."""
    import sys

    return unexpected(request, sys.exc_info()[1])


def unexpected(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """500 for an error that is nobody's mistake but a failure, noted in the log; nothing of its text is shown."""
    return of_request(request, 500, number=_noted(request, error))


def _noted(request: HttpRequest, error: BaseException | None) -> str:
    match = request.resolver_match
    return note(error, f"{request.method} {match.view_name if match else '(no page)'}")


def is_unexpected(error: GlasshouseError) -> bool:
    """Whether an error of ours is a failure, as a value that was altered: the reader can do nothing about it."""
    return error.status == HTTPStatus.INTERNAL_SERVER_ERROR


def answered(request: HttpRequest, error: GlasshouseError, field: str) -> HttpResponse:
    """An error of ours as JSON for a script or a program, under a name. A failure has a number, as everywhere."""
    if is_unexpected(error):
        number = _noted(request, error)
        return JsonResponse(
            {field: f"{_text('500', 0, ENGLISH)} Number of the error: {number}", "error": number}, status=error.status
        )
    return JsonResponse({field: str(error)}, status=error.status)


def note(error: BaseException | None, where: str) -> str:
    """Write an unexpected error into the log; returns the number it is found under. where: a route's name, never an address."""
    number = secrets.token_hex(4)
    log.error("unexpected error", number=number, where=where, stack=stack_of(error))
    return number


def with_page(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, with a page of ours where a framework gave none: 405 and other bare answers of errors."""
    bare = response.status_code >= HTTPStatus.BAD_REQUEST and not response.streaming
    if not bare or response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return response
    page = of_request(request, response.status_code)
    page.headers["Allow"] = response.headers.get("Allow", "")
    return page
