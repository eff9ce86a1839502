"""First calls of InfluxDB's clients are read in a time that grows with their length alone, because all others wait meanwhile."""

import time
from collections.abc import Callable

import httpx
import pytest

from crops import influx
from tests.conftest import Customer
from tests.test_ingest import NOW, device, values


@pytest.mark.parametrize("text", ['"\\' * 30_000, "'\\" * 30_000, "\"'" * 30_000, '\\"' * 30_000, "a" * 60_000 + '"'])
def test_statements_without_end_cost_no_more_than_their_length(text: str) -> None:
    started_s = time.process_time()
    influx.STATEMENTS.findall(text)
    assert time.process_time() - started_s < 2


def test_a_quoted_text_holds_what_it_holds() -> None:
    split = influx.STATEMENTS.findall('CREATE DATABASE "a;\\"b";SHOW DATABASES;x \'y;')
    assert split == ['CREATE DATABASE "a;\\"b"', "SHOW DATABASES", "x 'y;"]


# What clients of InfluxDB 1 and 2 send first (Python, Node, Debian's influx, Telegraf, Home Assistant), written from what is
# known of them and not recorded from their traffic: method, path, form or body, status.
FIRST_CALLS = [
    ("GET", "/ping", None, 204),
    ("HEAD", "/ping", None, 204),
    ("GET", "/health", None, 200),
    ("GET", "/ready", None, 200),
    ("GET", "/api/v2/buckets?limit=1&name=climate", None, 200),
    ("GET", "/api/v2/buckets?name=climate&orgID=x", None, 200),
    ("GET", "/api/v2/orgs?org=farm", None, 200),
    ("POST", "/api/v2/write?org=farm&bucket=climate&precision=ns", b"", 204),  # Home Assistant tries its key so.
    ("POST", "/write?db=home_assistant", b"", 204),
    ("POST", "/api/v2/write?bucket=b&org=farm&precision=s", 'm,k=v t=1.5,s="x",n=3i {now}\n', 204),
    ("POST", "/write?db=telegraf", "cpu,host=a usage_idle=99.5 {now}000000000\n", 204),
    ("POST", "/write?consistency=&db=climate&precision=s&rp=", "m t=1 {now}\n", 204),
    ("POST", "/query", {"q": 'CREATE DATABASE "telegraf"'}, 200),
    ("GET", "/query?q=SHOW+DATABASES&db=home_assistant", None, 200),
    ("GET", "/query?chunked=true&db=&epoch=ns&q=SHOW+DATABASES", None, 200),
]


def test_first_calls_are_answered_as_influxdb_answers_them(
    customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    token = device(customer())
    for method, path, sent, status in FIRST_CALLS:
        body = {"data": sent} if isinstance(sent, dict) else {"content": sent and sent.replace("{now}", str(NOW))}
        body = {"content": sent} if isinstance(sent, bytes) else body
        answer = crops.request(method, path, headers={"Authorization": f"Token {token}"}, **body)
        assert answer.status_code == status, (method, path, answer.text)
        assert "error" not in answer.text, answer.text
    key = {"Authorization": f"Token {token}"}
    assert crops.get("/api/v2/orgs", params={"org": "farm"}, headers=key).json()["orgs"][0]["name"] == "farm"
    flux = crops.post("/api/v2/query?org=farm", json={"query": 'from(bucket: "b")'}, headers=key)
    assert (flux.status_code, flux.json()["code"]) == (400, "invalid") and "people API" in flux.json()["message"]
    assert crops.get("/api/v2/nowhere").json() == {"code": "not found", "message": "path not found"}
    for method, path in (("GET", "/api/v2/orgs"), ("POST", "/api/v2/query")):
        assert crops.request(method, path).status_code == 401


def test_text_fields_are_said_and_not_refused(
    customer: Callable[[], Customer], crops: httpx.Client, web: Callable[..., httpx.Client]
) -> None:
    owner, other = customer(), customer()
    token, key = device(owner), device(other)
    plain = crops.post("/write?precision=s", content=f"m t=1 {NOW}", headers={"Authorization": f"Token {token}"})
    assert "X-Glasshouse-Left-Out" not in plain.headers
    for _ in range(2):
        lines = f'm t=2,mode="auto",<b>="x" {NOW}'
        answer = crops.post("/write?precision=s", content=lines, headers={"Authorization": f"Token {token}"})
        assert answer.status_code == 204 and "text fields" in answer.headers["X-Glasshouse-Left-Out"]
    crops.post("/write?precision=s", content=f'm foreign_mode="x" {NOW}', headers={"Authorization": f"Token {key}"})
    assert values(owner) == {"t": 2.0}
    page = web(owner).get(f"/o/{owner.organisation}/sites").text
    assert "a text is no reading: &lt;b&gt;, mode" in page and "foreign_mode" not in page
