"""The crop plane's door: InfluxDB write API for devices, capability-guarded questions for web."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from crop_contract.capability import Capability, CapabilityError, check
from crop_contract.columns import CLASSIFICATION
from crops import lines
from crops.answers import MOST_EXPORTED, Answers, TooManyError, UnknownSeriesError
from crops.bodies import MOST_BODY, imported, plain
from crops.door import Admitted, Door, Refusal, Scope, header
from crops.limits import Limits, Origin
from crops.store import Store, WriteQueueFullError
from crops.wal import LogError

log = logging.getLogger("crops")
HEALTH_S = 1.0
MOST_IMPORT, MOST_QUESTION = 128 << 20, 256 << 10  # bytes
MOST_STEPS, MOST_BUCKETS = 1_000, 100_000  # a series, of a list with trends and of one question
MOST_COMPARED = 20_000_000
SLOWEST_S = 60.0
OLDEST_S = 20 * 365 * 86_400
FUTURE_S = 86_400
WRITES = ("/api/v2/write", "/write")
VERBS = {  # what a capability must cover, by route; and the most bytes of the route's body
    ("POST", "/v1/devices"): ("devices:write", 16 << 10),
    ("DELETE", "/v1/devices/"): ("devices:write", 0),
    ("GET", "/v1/series"): ("readings:read", 0),
    ("POST", "/v1/imports"): ("readings:write", MOST_IMPORT),
    ("POST", "/v1/readings"): ("readings:read", MOST_QUESTION),
    ("POST", "/v1/export"): ("readings:read", MOST_QUESTION),
    ("DELETE", "/v1/tenant"): ("tenant:forget", 0),
    ("GET", "/v1/evidence"): ("evidence:read", 0),
}
Name = Annotated[str, Field(pattern=r"^([a-z_]{1,20}\.)?[0-9]{1,10}(\.[0-9]{1,10})?$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-z]{16}$")]
Room = Annotated[str, Field(pattern=r"^([0-9a-z]{16})?$")]


class NewDevice(BaseModel):
    """A device to be known from now on."""

    device: Id
    site: Id
    compartment: Room = ""


class Question(BaseModel):
    """Readings of some series between two times (epoch seconds), in at most `points` buckets."""

    series: Annotated[list[Name], Field(min_length=1, max_length=500)]
    start: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    end: Annotated[int, Field(ge=-(1 << 32), le=1 << 33)]
    points: Annotated[int, Field(ge=1, le=4000)] = 400
    step: Annotated[int, Field(ge=0, le=1 << 32)] = 0

    def span(self) -> tuple[int, int]:
        """Start and end. Raises Refusal."""
        if self.end <= self.start:
            raise Refusal(400, "invalid", "The end must come after the start.")
        if self.step and (self.end - self.start) / self.step > MOST_BUCKETS:
            raise Refusal(400, "invalid", f"More than {MOST_BUCKETS:,} buckets a series. Choose a longer step.")
        return self.start, self.end


def create(data: Path, keys: Path, most_s: float = SLOWEST_S) -> Door:
    """The ASGI application over the store in `data` with the keys in `keys`. most_s: seconds that a body may take."""
    plane = Plane(data, keys, Limits.from_environment())

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        plane.open()
        yield
        await asyncio.to_thread(plane.store.close)

    app = FastAPI(title="Glasshouse crops", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Refusal, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _malformed)  # type: ignore[arg-type]
    app.add_api_route("/ping", _ping, methods=["GET", "HEAD"])
    app.add_api_route("/health", plane.health, methods=["GET"])
    for path in WRITES:
        app.add_route(path, plane.write, methods=["POST"])  # No schema to check: the lines are read by crops.lines.
    app.add_api_route("/v1/devices", plane.add_device, methods=["POST"])
    app.add_api_route("/v1/devices/{device}", plane.revoke_device, methods=["DELETE"], status_code=204)
    app.add_api_route("/v1/series", plane.series, methods=["GET"])
    app.add_api_route("/v1/imports", plane.take_import, methods=["POST"])
    app.add_api_route("/v1/readings", plane.readings, methods=["POST"])
    app.add_api_route("/v1/export", plane.export, methods=["POST"])
    app.add_api_route("/v1/tenant", plane.forget, methods=["DELETE"], status_code=204)
    app.add_api_route("/v1/evidence", plane.evidence, methods=["GET"])
    return Door(app, plane.admit, most_s)


async def _refused(_: Request, refusal: Refusal) -> Response:
    status, headers, content = refusal.parts()
    return Response(content, status, {name.decode(): value.decode() for name, value in headers})


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    """What FastAPI found wrong, without the value itself: it may hold what no answer can (NaN, half a character)."""
    first = error.errors()[0]
    place = ".".join(str(part)[:40] for part in first["loc"])
    return await _refused(request, Refusal(422, "invalid", f"{place}: {first['msg']}"))


async def _ping() -> Response:
    return Response(status_code=204, headers={"X-Influxdb-Version": "2.7-glasshouse"})


def token_of(request: Request) -> str:
    """The token as InfluxDB clients send it: Token, Bearer, or Basic with the token as password; or v1's ?p=."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except ValueError:  # Not base64, not ASCII, or not UTF-8 when decoded.
            return ""
    return request.query_params.get("p", "")


class Plane:
    """The open store and the keys that the door checks with."""

    store: Store
    answers: Answers

    def __init__(self, data: Path, keys: Path, limits: Limits) -> None:
        self._data, self._keys, self._limits = data, keys, limits
        self._token_key = (keys / "token.key").read_bytes()
        self._public = (keys / "capability.pub").read_bytes()
        self._health_lock, self._health_thread = asyncio.Lock(), ThreadPoolExecutor(1, "health")
        self._well, self._asked_at = False, float("-inf")

    def open(self) -> None:
        """Open the store; replays what a crash left in the log."""
        self.store = Store(self._data, self._keys, self._limits)
        self.answers = Answers(self.store)

    def _hash(self, token: str) -> str:
        return hmac.new(self._token_key, token.encode(), hashlib.sha256).hexdigest()

    def admit(self, scope: Scope) -> Admitted:
        """Who asks, and how long a body may be, from the head of a request alone. Raises Refusal."""
        method, path = scope["method"], scope["path"]
        if path in WRITES:
            if method != "POST":
                return Admitted("", 0)
            token = token_of(Request(scope))
            origin, revoked = self.store.tokens.get(self._hash(token), (None, True))
            if origin is None or revoked:
                raise Refusal(
                    401,
                    "unauthorized",
                    "This token is unknown or revoked. Register the device, or give it its new key.",
                )
            scope["crops.origin"] = origin
            return Admitted(f"{origin.tenant}/{origin.device}", MOST_BODY)
        route = "/v1/devices/" if path.startswith("/v1/devices/") else path
        if (method, route) not in VERBS:
            return Admitted("", 0)  # Nothing is there, or it needs no right and no body.
        verb, most_bytes = VERBS[method, route]
        return Admitted(f"web/{self._held(header(scope, b'authorization'), verb).tenant}", most_bytes)

    def _may(self, request: Request, verb: str) -> Capability:
        return self._held(request.headers.get("authorization", ""), verb)

    def _held(self, authorization: str, verb: str) -> Capability:
        scheme, _, text = authorization.partition(" ")
        try:
            if scheme != "Capability":
                raise CapabilityError("A capability is needed.")
            held = check(self._public, text)
        except CapabilityError as error:
            raise Refusal(401, "unauthorized", str(error)) from None
        if verb not in held.verbs:
            raise Refusal(403, "forbidden", f"This capability does not cover {verb}.")
        return held

    # -- devices ---------------------------------------------------------------------------------------------

    async def write(self, request: Request) -> Response:
        """Take a body of line protocol. 204: all of it is durable. 400: what was wrong; the good lines are kept."""
        origin: Origin = request.scope["crops.origin"]
        unit = request.query_params.get("precision", "ns")
        if unit not in lines.NS:
            raise Refusal(400, "invalid", f"precision={unit[:10]!r} is not one of {', '.join(sorted(lines.NS))}.")
        body = plain(request.headers.get("content-encoding", "identity").lower(), await request.body())
        try:
            # A handful of lines is read sooner than a thread is found for it.
            if len(body) <= lines.SMALL:
                batch, logged = self._take(origin, body, lines.NS[unit])
            else:
                batch, logged = await asyncio.to_thread(self._take, origin, body, lines.NS[unit])
            if logged:
                await asyncio.wrap_future(logged)
        except WriteQueueFullError:
            raise Refusal(503, "unavailable", "Too much is waiting to be stored. Send it again in a second.") from None
        except LogError as error:
            raise Refusal(507, "internal error", f"Nothing of this batch was stored: {error}.") from None
        if batch.beyond:
            raise _beyond(batch)
        if batch.refused:
            first = batch.problems[0]
            raise Refusal(
                400,
                "invalid",
                f"partial write: {batch.refused} refused, {len(batch.code)} points stored; "
                f"line {first.line}, column {first.column}: {first.message}",
                problems=[{"line": p.line, "column": p.column, "message": p.message} for p in batch.problems],
            )
        return Response(status_code=204)

    def _take(self, origin: Origin, body: bytes, unit_ns: int) -> tuple[lines.Batch, "Future[int] | None"]:
        batch = _parsed(body, unit_ns)
        return batch, self.store.write(origin, batch) if len(batch.code) else None

    async def add_device(self, request: Request, new: NewDevice) -> dict[str, str]:
        """Make a device's token: the one time that it is shown."""
        held = self._may(request, "devices:write")
        if new.site not in held.sites:
            raise Refusal(403, "forbidden", "This capability does not cover that site.")
        token = f"gh_{secrets.token_urlsafe(32)}"
        origin = Origin(held.tenant, new.site, new.device, new.compartment)
        await asyncio.to_thread(self.store.put_token, self._hash(token), origin, revoked=False)
        return {"token": token}

    async def revoke_device(self, request: Request, device: Id) -> None:
        """Refuse a device's token from now on."""
        held = self._may(request, "devices:write")
        for hashed, (origin, _) in list(self.store.tokens.items()):
            if origin.device == device and origin.tenant == held.tenant and origin.site in held.sites:
                await asyncio.to_thread(self.store.put_token, hashed, origin, revoked=True)

    async def health(self) -> Response:
        """Whether the store does its work, in InfluxDB's form; asked anew at most once in HEALTH_S. 503: it does not."""
        async with self._health_lock:
            if time.monotonic() - self._asked_at > HEALTH_S:
                loop = asyncio.get_running_loop()
                try:
                    # A thread of its own: long questions of others must not look like a dead store.
                    self._well = await loop.run_in_executor(self._health_thread, self.store.is_well)
                except Exception:
                    log.exception("the store could not be asked")
                    self._well = False
                self._asked_at = time.monotonic()
        body = {"name": "glasshouse-crops", "status": "pass" if self._well else "fail"}
        return JSONResponse(body, 200 if self._well else 503)

    # -- questions of web ------------------------------------------------------------------------------------

    async def series(self, request: Request) -> Response:
        """The tenant's series at its sites, each with its newest reading and the variable it most likely is.

        With since (epoch s) and step (s), each also with `trend`: rows of bucket start and mean.
        """
        held = self._may(request, "readings:read")
        since, step = _whole(request, "since"), _whole(request, "step")
        if since and step and (time.time() - since) / step > MOST_STEPS:
            raise Refusal(400, "invalid", f"More than {MOST_STEPS:,} steps a series. Choose a longer step.")
        return await self._answered(self.answers.series, held, since, step)

    async def _answered(self, answer: Callable[..., Any], *asked: Any) -> Response:
        """The answer as JSON, worked out beside the event loop."""
        try:
            body = await asyncio.to_thread(lambda: json.dumps(answer(*asked)))
        except UnknownSeriesError:
            raise Refusal(404, "not found", "There is no such series.") from None
        except TooManyError:
            raise Refusal(
                413,
                "too large",
                f"That is more than {MOST_EXPORTED:,} readings. Choose a shorter time or fewer series.",
            ) from None
        return Response(body, media_type="application/json")

    async def take_import(self, request: Request, site: Id, compartment: Room = "") -> dict[str, int]:
        """Store a file's readings as one batch: durable as a whole before the answer. The same again changes nothing.

        Body: an Arrow stream of (stream, time in ns since 1970 UTC, value); its metadata names the streams and their fields.
        """
        held = self._may(request, "readings:write")
        if site not in held.sites:
            raise Refusal(403, "forbidden", "This capability does not cover that site.")
        origin = Origin(held.tenant, site, "", compartment)
        batch = await asyncio.to_thread(imported, await request.body())
        before, replaced = await asyncio.to_thread(self._before, origin, batch)
        try:
            await asyncio.wrap_future(await asyncio.to_thread(self.store.write, origin, batch))
        except WriteQueueFullError:
            raise Refusal(503, "unavailable", "Too much is waiting to be stored. Send it again in a second.") from None
        except LogError as error:
            raise Refusal(507, "internal error", f"Nothing of this file was stored: {error}.") from None
        if batch.beyond:
            raise _beyond(batch)
        after = await asyncio.to_thread(self._count, origin)
        return {"taken": len(batch.code), "new": after - before, "replaced": replaced}

    def _before(self, origin: Origin, batch: lines.Batch) -> tuple[int, int]:
        """(readings that the place holds, how many of them the batch gives another value)."""
        held, replaced = self._count(origin), 0
        for code, (tags, field) in enumerate(batch.series):
            number = self.store.number_of(origin, tags, field)
            mine = batch.code == code
            if number is None or not mine.any():
                continue
            time, value = batch.time[mine], batch.value[mine]
            span = int(time.min()) // 10**9, int(time.max()) // 10**9 + 1
            old = self.store.ask.raw([number], *span, MOST_COMPARED)[number]
            _, new, at = np.intersect1d(time, old.time, return_indices=True)
            replaced += int((value[new] != old.value[at]).sum())
        return held, replaced

    def _count(self, origin: Origin) -> int:
        self.store.settle()
        return self.store.ask.count([one.id for one in list(self.store.series.values()) if one.origin == origin])

    async def readings(self, request: Request, question: Question) -> Response:
        """Buckets for charts; see Answers.readings."""
        held, span = self._may(request, "readings:read"), question.span()
        return await self._answered(self.answers.readings, held, question.series, span, question.points, question.step)

    async def export(self, request: Request, question: Question) -> Response:
        """Every reading; see Answers.export."""
        held = self._may(request, "readings:read")
        return await self._answered(self.answers.export, held, question.series, question.span())

    async def forget(self, request: Request) -> None:
        """Delete everything of a tenant: readings, series, device keys. Safe to repeat."""
        held = self._may(request, "tenant:forget")
        await asyncio.to_thread(self.store.forget, held.tenant)

    async def evidence(self, request: Request) -> dict[str, Any]:
        """The store's real columns with their class, for the promise checks."""
        self._may(request, "evidence:read")
        await asyncio.to_thread(self.store.settle)
        sql = "SELECT table, name FROM system.columns WHERE database = 'crop' ORDER BY table, name"
        rows = await asyncio.to_thread(self.store.rows, sql)
        for row in rows:
            row["klass"] = CLASSIFICATION.get(row["table"], {}).get(row["name"], "unclassed")
        return {"columns": rows}


def _beyond(batch: lines.Batch) -> Refusal:
    assert batch.beyond is not None  # noqa: S101 - for the type checker
    refused = f"; {batch.refused} lines were refused besides" if batch.refused else ""
    return Refusal(
        422,
        "unprocessable entity",
        f"partial write: {batch.beyond.message}. {batch.left_out} points of {batch.left_out_series} new series were left out, "
        f"{len(batch.code)} points stored{refused}",
        limit=batch.beyond.limit,
        series=batch.beyond.series,
        dropped=batch.left_out,
        problems=[{"line": p.line, "column": p.column, "message": p.message} for p in batch.problems],
    )


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 10:
        raise Refusal(400, "invalid", f"{name} must be a whole number of seconds.")
    return int(text)


def _parsed(body: bytes, unit_ns: int) -> lines.Batch:
    now = time.time_ns()
    batch = lines.parse(body, unit_ns=unit_ns, now_ns=now)
    late = batch.time > now + FUTURE_S * 1_000_000_000
    early = batch.time < now - OLDEST_S * 1_000_000_000
    wrong = late | early
    if wrong.any():
        # Times far off are most often a wrong precision; they are named by their line in the exact gear's numbering of points.
        count = int(wrong.sum())
        batch.refused += count
        what = "lies more than a day in the future" if late.any() else "is more than 20 years old"
        at = int(wrong.argmax())
        message = f"a time {what}; is the request's precision right?"
        batch.problems.append(lines.Problem(at + 1, 1, message))
        keep = ~wrong
        batch.code, batch.time, batch.value = batch.code[keep], batch.time[keep], batch.value[keep]
    return batch
