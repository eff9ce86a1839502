"""How the crop plane answers an error: always in InfluxDB's form, with what is wrong and nothing of what was sent."""

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from crops.door import Refusal
from crops.senders import SenderRefusedError, TenantForgottenError


def answer_errors(app: FastAPI) -> None:
    """Have the application answer its own errors and those of FastAPI."""
    app.add_exception_handler(Refusal, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _malformed)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _unreadable)  # type: ignore[arg-type]
    app.add_exception_handler(SenderRefusedError, _sender_refused)  # type: ignore[arg-type]


def refusal_of(error: SenderRefusedError) -> Refusal:
    """The answer to a sender that may not write any more."""
    if isinstance(error, TenantForgottenError):
        return Refusal(410, "gone", str(error))
    return Refusal(401, "unauthorized", str(error))


async def _refused(_: Request, refusal: Refusal) -> Response:
    status, headers, content = refusal.response()
    return Response(content, status, {name.decode(): value.decode() for name, value in headers})


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    """What FastAPI found wrong. The value is left out: it may be one that JSON cannot hold (NaN, half a character)."""
    first = error.errors()[0]
    field = ".".join(str(part)[:40] for part in first["loc"])
    return await _refused(request, Refusal(422, "invalid", f"{field}: {first['msg']}"))


async def _unreadable(request: Request, error: HTTPException) -> Response:
    """What FastAPI could not read as JSON at all. Its other errors (no such route, another method) stay as they are."""
    if error.status_code == 404:
        return await _refused(request, Refusal(404, "not found", "path not found"))
    if error.status_code != 400:
        return await http_exception_handler(request, error)
    text = "The body is no JSON in UTF-8, holds a number that is too long, or is nested too deeply. Nothing was done."
    return await _refused(request, Refusal(400, "invalid", text))


async def _sender_refused(request: Request, error: SenderRefusedError) -> Response:
    return await _refused(request, refusal_of(error))
