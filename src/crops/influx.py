"""First calls of InfluxDB's clients, answered as InfluxDB does: is it there, which databases and buckets are there, make one.

Every name of a database or bucket is good: a device's token says where its readings go. Readings are not given out here.
Source: InfluxDB 1.8 API reference (/ping, /query); InfluxDB 2.7 API reference (/ping, /health, /ready, /api/v2/buckets, orgs).
"""

import hashlib
import re
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

QUERY, BUCKETS, ORGS, FLUX = "/query", "/api/v2/buckets", "/api/v2/orgs", "/api/v2/query"
# With a device's token:
ASKED = {("GET", QUERY), ("POST", QUERY), ("GET", BUCKETS), ("GET", ORGS), ("POST", FLUX)}
MOST_BYTES = 64 << 10
MOST_STATEMENTS = 20
MOST_FIELDS = 100  # of a form
LONGEST_NAME = 200
VERSION = "v2.7.0"
ORGANISATION = "0" * 15 + "1"
HEADERS = {"X-Influxdb-Build": "OSS", "X-Influxdb-Version": VERSION}
NAME = r'("(?:[^"\\]|\\.)+"|[A-Za-z_][A-Za-z0-9_]*)'
CREATE = re.compile(rf"^CREATE\s+DATABASE\s+{NAME}(\s+WITH\s.*)?$", re.IGNORECASE | re.DOTALL)
SHOW_DATABASES = re.compile(r"^SHOW\s+DATABASES$", re.IGNORECASE)
# A quoted text without an end goes on to the end of the request: no part of a text is looked at twice, whatever it holds.
STATEMENTS = re.compile(r"""(?:"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|[^;"'])++""", re.DOTALL)
NOT_HERE = (
    "only CREATE DATABASE and SHOW DATABASES are answered here: readings are shown by the pages and by the people API"
)


def add_to(app: FastAPI) -> None:
    """Have the application answer these calls."""
    app.add_api_route("/ping", ping, methods=["GET", "HEAD"])
    app.add_api_route(QUERY, query, methods=["GET", "POST"])
    app.add_api_route(BUCKETS, buckets, methods=["GET"])
    app.add_api_route(ORGS, organisations, methods=["GET"])
    app.add_api_route(FLUX, flux, methods=["POST"])
    app.add_api_route("/ready", ready, methods=["GET"])


async def ready() -> dict[str, str]:
    """That it is ready, as InfluxDB 2 says it."""
    return {"status": "ready"}


async def organisations(request: Request) -> Response:
    """The organisation that is asked for by name, or one: whichever is named takes readings."""
    name = request.query_params.get("org", "")[:LONGEST_NAME] or "glasshouse"
    organisation = {"id": ORGANISATION, "name": name, "links": {"self": f"{ORGS}/{ORGANISATION}"}}
    return JSONResponse({"links": {"self": ORGS}, "orgs": [organisation]}, headers=HEADERS)


async def flux() -> Response:
    """That no readings are given out here."""
    return JSONResponse({"code": "invalid", "message": NOT_HERE}, 400, HEADERS)


async def ping() -> Response:
    """That it is there: 204."""
    return Response(status_code=204, headers=HEADERS)


def health(*, is_well: bool) -> Response:
    """Whether the store works. 503: it does not."""
    body: dict[str, object] = {
        "name": "influxdb",
        "message": "ready for queries and writes" if is_well else "the store does not answer",
        "status": "pass" if is_well else "fail",
        "checks": [],
        "version": VERSION,
        "commit": "glasshouse",
    }
    return JSONResponse(body, 200 if is_well else 503)


async def query(request: Request) -> Response:
    """What each statement of `q` says; an error stands in its result, and the status is 200, as InfluxDB 1.x does."""
    texts = request.query_params.getlist("q")
    if request.method == "POST" and not texts:
        try:
            form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            return JSONResponse({"error": f"a form has at most {MOST_FIELDS} fields"}, 400, HEADERS)
        texts = form.get("q", [])
    name = request.query_params.get("db", "")[:LONGEST_NAME] or "glasshouse"
    statements = [text.strip() for text in STATEMENTS.findall(";".join(texts)) if text.strip()][:MOST_STATEMENTS]
    if not statements:
        return JSONResponse({"error": 'missing required parameter "q"'}, 400, HEADERS)
    results = [{"statement_id": number} | _result(text, name) for number, text in enumerate(statements)]
    return JSONResponse({"results": results}, headers=HEADERS)


def _result(statement: str, name: str) -> dict[str, object]:
    if CREATE.match(statement):
        return {}
    if SHOW_DATABASES.match(statement):
        return {"series": [{"name": "databases", "columns": ["name"], "values": [[name]]}]}
    return {"error": NOT_HERE}


async def buckets(request: Request) -> Response:
    """The bucket that is asked for by name, or one: whichever is named takes readings."""
    name = request.query_params.get("name", "")[:LONGEST_NAME] or "glasshouse"
    number = hashlib.sha256(name.encode()).hexdigest()[:16]
    bucket = {
        "id": number,
        "orgID": ORGANISATION,
        "type": "user",
        "name": name,
        "retentionRules": [],
        "labels": [],
        "links": {"self": f"{BUCKETS}/{number}", "write": f"/api/v2/write?bucket={number}"},
    }
    return JSONResponse({"links": {"self": BUCKETS}, "buckets": [bucket]}, headers=HEADERS)
