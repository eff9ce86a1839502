"""The crop plane's routes: InfluxDB's write API for devices, and questions of web, each with a capability."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI, Request, Response

from crop_contract import forgetting
from crop_contract.capability import Capability, CapabilityError, check
from crop_contract.columns import CLASSIFICATION
from crop_contract.stacks import stack_of
from crops import engine, influx, lines, refusals
from crops.answers import MOST_EXPORTED, Answers, PieceAsked, TooManyError, UnknownSeriesError
from crops.bodies import MOST_BODY_BYTES, decoded, imported, parsed
from crops.change_routes import ChangeRoutes, answered
from crops.changes import Named
from crops.door import Admitted, Door, Refusal, Scope, header
from crops.left_out import LeftOut
from crops.limits import LimitReached, Limits, Origin
from crops.request_models import CompartmentId, NewDevice, OpaqueId, Question, RunNumber
from crops.senders import StillQueuedError, TenantForgottenError, Token
from crops.store import Store, WriteQueueFullError
from crops.wal import LogError

log = structlog.stdlib.get_logger("crops")
HEALTH_S, DROP_EVERY_S = 1.0, 3_600.0
MOST_IMPORT_BYTES, MOST_QUESTION_BYTES = 128 << 20, 256 << 10
MOST_STEPS = 1_000  # of the trend of one series
MOST_LISTED = 501  # series in one answer
BODY_TIMEOUT_S = 60.0
LEFT_OUT = {"X-Glasshouse-Left-Out": "text fields: a text is no reading"}
WRITES = ("/api/v2/write", "/write")
WRITING = ("devices:write", "readings:write")  # verbs that a deleted organisation has no longer
VERBS = {  # by route: what a capability must cover, and the most bytes of the body
    ("POST", "/v1/devices"): ("devices:write", 16 << 10),
    ("DELETE", "/v1/devices/"): ("devices:write", 0),
    ("GET", "/v1/series"): ("readings:read", 0),
    ("GET", "/v1/left-out"): ("readings:read", 0),
    ("POST", "/v1/imports"): ("readings:write", MOST_IMPORT_BYTES),
    ("POST", "/v1/changes/undo"): ("readings:write", MOST_QUESTION_BYTES),
    ("POST", "/v1/changes/amend"): ("readings:write", MOST_QUESTION_BYTES),
    ("POST", "/v1/marked"): ("readings:read", MOST_QUESTION_BYTES),
    ("POST", "/v1/readings"): ("readings:read", MOST_QUESTION_BYTES),
    ("POST", "/v1/export"): ("readings:read", MOST_QUESTION_BYTES),
    ("DELETE", "/v1/tenant"): ("tenant:forget", 0),
    ("GET", "/v1/evidence"): ("evidence:read", 0),
}


class LoggedBatch(NamedTuple):
    """A batch, and the future of the log that completes when it is durable; None when nothing of it is stored."""

    batch: lines.Batch
    logged: "Future[int] | None"


def create(data: Path, keys: Path, body_timeout_s: float = BODY_TIMEOUT_S, host: str = "") -> Door:
    """The ASGI application over the store in `data` with the keys in `keys`.

    body_timeout_s: how long a body may take. host: the only name under which it answers; "": any.
    """
    plane = Plane(data, keys, Limits.from_environment())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        plane.open()
        dropping = asyncio.create_task(plane.drop_old_changes())
        yield
        dropping.cancel()
        await asyncio.to_thread(plane.store.close)

    app = FastAPI(title="Glasshouse crops", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    refusals.answer_errors(app)
    influx.add_to(app)
    app.add_api_route("/health", plane.health, methods=["GET"])
    app.add_api_route("/robots.txt", _robots, methods=["GET", "HEAD"])
    for path in WRITES:
        app.add_route(path, plane.write, methods=["POST"])  # crops.lines checks the body, not FastAPI.
    app.add_api_route("/v1/devices", plane.add_device, methods=["POST"])
    app.add_api_route("/v1/devices/{device}", plane.revoke_device, methods=["DELETE"], status_code=204)
    app.add_api_route("/v1/left-out", plane.fields_left_out, methods=["GET"])
    app.add_api_route("/v1/series", plane.series, methods=["GET"])
    app.add_api_route("/v1/imports", plane.import_readings, methods=["POST"])
    ChangeRoutes(plane).add_to(app)
    app.add_api_route("/v1/readings", plane.readings, methods=["POST"])
    app.add_api_route("/v1/export", plane.export, methods=["POST"])
    app.add_api_route("/v1/tenant", plane.forget, methods=["DELETE"], status_code=204)
    app.add_api_route("/v1/evidence", plane.evidence, methods=["GET"])
    return Door(app, plane.admit, body_timeout_s, host)


async def _robots() -> Response:
    """Nothing here is for robots. Source: RFC 9309."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain; charset=utf-8")


def token_of(request: Request) -> str:
    """The token, as InfluxDB clients send it: Token, Bearer, Basic with the token as password, or `?p=` of version 1."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "token":  # Clients of version 1.8 send "user:password".
        return rest.strip().rpartition(":")[2]
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except ValueError:  # Not base64, not ASCII, or not UTF-8 when decoded.
            return ""
    return request.query_params.get("p", "")


class Plane:
    """The open store, and the keys that requests are checked with."""

    store: Store
    answers: Answers

    def __init__(self, data: Path, keys: Path, limits: Limits) -> None:
        self._data, self._keys, self._limits = data, keys, limits
        self._token_key = (keys / "token.key").read_bytes()
        self._capability_key = (keys / "capability.pub").read_bytes()
        self._health_lock, self._health_thread = asyncio.Lock(), ThreadPoolExecutor(1, "health")
        self._is_well, self._checked_at_s = False, float("-inf")
        self.left_out = LeftOut()

    def open(self) -> None:
        """Open the store. This stores what a crash left in the log, and forgets whom it was told to forget."""
        self.store = Store(self._data, self._keys, self._limits)
        for tenant in forgetting.read_tenants(self._data):
            self.store.forget(tenant)
        forgetting.remove(self._data)
        self.answers = Answers(self.store)
        engine.give_back()

    async def drop_old_changes(self) -> None:
        """Delete every hour what was kept of changes that are too old to be undone."""
        while True:
            await asyncio.sleep(DROP_EVERY_S)
            try:
                await asyncio.to_thread(self.store.changes.drop_old)
            except Exception as error:  # noqa: BLE001 - noted in the log; tried again in an hour
                log.error("old changes not deleted", stack=stack_of(error))

    def _hash(self, token: str) -> str:
        return hmac.new(self._token_key, token.encode(), hashlib.sha256).hexdigest()

    def admit(self, scope: Scope) -> Admitted:
        """The sender, and how long the body may be, from the head of a request alone. Raises Refusal."""
        method, path = scope["method"], scope["path"]
        if path in WRITES or (method, path) in influx.ASKED:
            if path in WRITES and method != "POST":
                return Admitted("", 0)
            token = token_of(Request(scope))
            token_hash = self._hash(token)
            known: Token | None = self.store.senders.tokens.get(token_hash)
            if known is None or known.revoked:
                raise Refusal(
                    401,
                    "unauthorized",
                    "This token is unknown or revoked. Register the device, or give it its new key.",
                )
            scope["crops.origin"], scope["crops.token"] = known.origin, token_hash
            most_bytes = MOST_BODY_BYTES if path in WRITES else influx.MOST_BYTES
            return Admitted(f"{known.origin.tenant}/{known.origin.device}", most_bytes)
        route = "/v1/devices/" if path.startswith("/v1/devices/") else path
        if (method, route) not in VERBS:
            return Admitted("", 0)  # There is no such route, or it needs neither a right nor a body.
        verb, most_bytes = VERBS[method, route]
        capability = self._checked(header(scope, b"authorization"), verb)
        return Admitted(f"web/{capability.tenant}", most_bytes)

    def capability_of(self, request: Request, verb: str) -> Capability:
        """The capability of a request, if it covers the verb. Raises Refusal."""
        return self._checked(request.headers.get("authorization", ""), verb)

    def _checked(self, authorization: str, verb: str) -> Capability:
        scheme, _, text = authorization.partition(" ")
        try:
            if scheme != "Capability":
                raise CapabilityError("A capability is needed.")
            capability = check(self._capability_key, text)
        except CapabilityError as error:
            raise Refusal(401, "unauthorized", str(error)) from None
        if verb not in capability.verbs:
            raise Refusal(403, "forbidden", f"This capability does not cover {verb}.")
        if verb in WRITING and self.store.senders.is_forgotten(capability.tenant):
            raise refusals.refusal_of(TenantForgottenError())
        return capability

    # -- devices ---------------------------------------------------------------------------------------------

    async def write(self, request: Request) -> Response:
        """Store a body of line protocol. 204: all of it is durable. 400: which lines are wrong; the other lines are stored."""
        origin: Origin = request.scope["crops.origin"]
        token: str = request.scope["crops.token"]
        unit = request.query_params.get("precision", "ns")
        if unit not in lines.NS:
            raise Refusal(400, "invalid", f"precision={unit[:10]!r} is not one of {', '.join(sorted(lines.NS))}.")
        body = decoded(request.headers.get("content-encoding", "identity").lower(), await request.body())
        try:
            # Reading a few lines takes less time than passing them to a thread.
            if len(body) <= lines.SMALL_BODY:
                batch, logged = self._log(origin, token, body, lines.NS[unit])
            else:
                batch, logged = await asyncio.to_thread(self._log, origin, token, body, lines.NS[unit])
            if logged:
                await asyncio.wrap_future(logged)
        except WriteQueueFullError:
            raise Refusal(503, "unavailable", "Too much is waiting to be stored. Send it again in a second.") from None
        except LogError as error:
            raise Refusal(507, "internal error", f"Nothing of this batch was stored: {error}.") from None
        if batch.texts:
            self.left_out.note(origin, batch.texts)
        if batch.limit_reached:
            raise _limit_reached(batch, batch.limit_reached)
        if batch.refused:
            first = batch.problems[0]
            raise Refusal(
                400,
                "invalid",
                f"partial write: {batch.refused} refused, {len(batch.code)} points stored; "
                f"line {first.line}, column {first.column}: {first.message}",
                problems=[{"line": p.line, "column": p.column, "message": p.message} for p in batch.problems],
            )
        return Response(status_code=204, headers=LEFT_OUT if batch.texts else None)

    def _log(self, origin: Origin, token_hash: str, body: bytes, unit_ns: int) -> LoggedBatch:
        batch = parsed(body, unit_ns)
        return LoggedBatch(batch, self.store.write(origin, batch, token_hash) if len(batch.code) else None)

    async def add_device(self, request: Request, new: NewDevice) -> dict[str, str]:
        """Create a device's token. It is shown only in this answer."""
        capability = self.capability_of(request, "devices:write")
        if new.site not in capability.sites:
            raise Refusal(403, "forbidden", "This capability does not cover that site.")
        token = f"gh_{secrets.token_urlsafe(32)}"
        origin = Origin(capability.tenant, new.site, new.device, new.compartment)
        await asyncio.to_thread(self.store.senders.put_token, self._hash(token), origin, revoked=False)
        return {"token": token}

    async def fields_left_out(self, request: Request) -> dict[str, list[str]]:
        """By device of the capability's sites, the fields that were left out since the start because their values are texts."""
        capability = self.capability_of(request, "readings:read")
        return self.left_out.of(capability.tenant, capability.sites)

    async def revoke_device(self, request: Request, device: OpaqueId) -> None:
        """Revoke a device's token, at once."""
        capability = self.capability_of(request, "devices:write")
        for token_hash, token in list(self.store.senders.tokens.items()):
            origin = token.origin
            if origin.device == device and origin.tenant == capability.tenant and origin.site in capability.sites:
                await asyncio.to_thread(self.store.senders.put_token, token_hash, origin, revoked=True)

    async def health(self) -> Response:
        """Whether the store works, in InfluxDB's form. 503: it does not. It is checked at most once every HEALTH_S."""
        async with self._health_lock:
            if time.monotonic() - self._checked_at_s > HEALTH_S:
                loop = asyncio.get_running_loop()
                try:
                    # It has a thread of its own, so that long questions do not make the store look dead.
                    self._is_well = await loop.run_in_executor(self._health_thread, self.store.is_well)
                except Exception as error:  # noqa: BLE001 - noted in the log, without its text
                    log.error("health of the store not checked", stack=stack_of(error))
                    self._is_well = False
                self._checked_at_s = time.monotonic()
        return influx.health(is_well=self._is_well)

    # -- questions of web ------------------------------------------------------------------------------------

    async def series(self, request: Request) -> Response:
        """The tenant's series at its sites, each with its newest reading and the variable that it most likely is.

        With since (epoch s) and step (s), each also has `trend`: rows of bucket start and mean. At most `most` (and
        MOST_LISTED), those after the one that `after` names; or, with `s`, those that are named.
        """
        capability = self.capability_of(request, "readings:read")
        since_s, step_s = _number(request, "since"), _number(request, "step")
        if since_s and step_s and (time.time() - since_s) / step_s > MOST_STEPS:
            raise Refusal(400, "invalid", f"More than {MOST_STEPS:,} steps a series. Choose a longer step.")
        asked = request.query_params
        most = min(_number(request, "most") or MOST_LISTED, MOST_LISTED)
        piece = PieceAsked(asked.get("after", ""), most, tuple(asked.getlist("s")[:MOST_LISTED]))
        return await self._answered(self.answers.series, capability, since_s, step_s, piece)

    async def _answered(self, answer: Callable[..., Any], *arguments: Any) -> Response:
        """The answer as JSON, computed in a thread. Raises Refusal."""
        try:
            body = await asyncio.to_thread(lambda: json.dumps(answer(*arguments)))
        except UnknownSeriesError:
            raise Refusal(404, "not found", "There is no such series.") from None
        except TooManyError:
            raise Refusal(
                413,
                "too large",
                f"That is more than {MOST_EXPORTED:,} readings. Choose a shorter time or fewer series.",
            ) from None
        return Response(body, media_type="application/json")

    async def import_readings(
        self, request: Request, site: OpaqueId, change: OpaqueId, run: RunNumber = 0, compartment: CompartmentId = ""
    ) -> dict[str, int]:
        """Store a file's readings, all or none. All of it is durable before the answer. Repeating it changes nothing.

        change, run: by which it is undone, and by which a repeated request is known.
        Body: an Arrow stream of (stream, time in ns since 1970 UTC, value). Its metadata names the streams and their fields.
        """
        capability = self.capability_of(request, "readings:write")
        if site not in capability.sites:
            raise Refusal(403, "forbidden", "This capability does not cover that site.")
        origin = Origin(capability.tenant, site, "", compartment)
        batch = await asyncio.to_thread(imported, await request.body())
        named = Named(capability.tenant, site, change, run)
        done = await answered("this file", self.store.changes.import_batch, named, origin, batch)
        return {"taken": len(batch.code), "new": done.added, "replaced": done.replaced}

    async def readings(self, request: Request, question: Question) -> Response:
        """Readings in buckets, for charts; see Answers.readings."""
        capability, span = self.capability_of(request, "readings:read"), question.span()
        return await self._answered(
            self.answers.readings, capability, question.series, span, question.points, question.step
        )

    async def export(self, request: Request, question: Question) -> Response:
        """Every reading; see Answers.export."""
        capability = self.capability_of(request, "readings:read")
        return await self._answered(self.answers.export, capability, question.series, question.span())

    async def forget(self, request: Request) -> None:
        """Delete everything of a tenant: readings, series, tokens of devices. Safe to repeat; 503: repeat it."""
        capability = self.capability_of(request, "tenant:forget")
        try:
            await asyncio.to_thread(self.store.forget, capability.tenant)
            self.left_out.forget(capability.tenant)
        except StillQueuedError:
            raise Refusal(503, "unavailable", "Readings still wait to be stored. Delete again in a minute.") from None

    async def evidence(self, request: Request) -> dict[str, Any]:
        """The columns that the store really has, with their classification, and how it keeps its tables: for promise checks."""
        self.capability_of(request, "evidence:read")
        await asyncio.to_thread(self.store.flush)
        ours = "WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA')"
        tables = await asyncio.to_thread(
            self.store.rows, f"SELECT name, engine FROM system.tables {ours} AND NOT is_temporary ORDER BY name"
        )
        sql = f"SELECT table, name FROM system.columns {ours} ORDER BY table, name"
        rows = await asyncio.to_thread(self.store.rows, sql)
        for row in rows:
            row["classification"] = CLASSIFICATION.get(row["table"], {}).get(row["name"], "unclassified")
        return {"columns": rows, "tables": tables}


def _limit_reached(batch: lines.Batch, reached: LimitReached) -> Refusal:
    refused = f"; {batch.refused} lines were refused besides" if batch.refused else ""
    return Refusal(
        422,
        "unprocessable entity",
        f"partial write: {reached.message}. {batch.dropped_points} points of {batch.dropped_series} new series were left out, "
        f"{len(batch.code)} points stored{refused}",
        limit=reached.limit,
        series=reached.series,
        dropped=batch.dropped_points,
        problems=[{"line": p.line, "column": p.column, "message": p.message} for p in batch.problems],
    )


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 10:
        raise Refusal(400, "invalid", f"{name} must be a whole number.")
    return int(text)
