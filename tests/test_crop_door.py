"""The crop service over TLS: no body is read of a sender that may not send it, and every body has bounds."""

import gzip
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crop_contract.capability import VERBS, Capability, sign
from crops import bodies
from crops.app import VERBS as ROUTE_VERBS
from crops.door import Refusal
from glasshouse.operations import tls
from tests.ports import free_ports

NOW = int(time.time())
SITE, TENANT, CHANGE = "s" * 16, "t" * 16, "c" * 16
BODY_SECONDS = 4


@dataclass(slots=True)
class Plane:
    """A crop service of its own, with devices of several customers, and the key that the people plane would have.

    tokens: of one device each of TENANT and of another customer, and of two devices of a third customer.
    """

    port: int
    folder: Path
    tls_context: ssl.SSLContext
    key: bytes
    pid: int
    tokens: list[str]

    def authorization(self, verb: str, tenant: str = TENANT) -> str:
        """The header of a request of web that has a capability for the verb."""
        return "Capability " + sign(self.key, Capability(tenant, (SITE,), (verb,), "test", int(time.time()) + 50))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"https://localhost:{self.port}", verify=self.tls_context, timeout=90)

    def connect(self, head: str, body: bytes = b"") -> ssl.SSLSocket:
        """A connection that has sent a head and the given part of its body."""
        connection = self.tls_context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), 20), server_hostname="localhost"
        )
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return connection

    def peak_memory_kb(self) -> int:
        """The most memory that any process of the service ever had."""
        return max(_peak_kb(pid) for pid in (self.pid, *_children(self.pid)))

    def check_serves(self, most_s: float = 3.0) -> None:
        """Check that the device of the other customer is served within most_s."""
        started_at = time.monotonic()
        with self.client() as client:
            answer = client.post(
                "/api/v2/write?precision=s",
                content=f"m a=1 {NOW}",
                headers={"Authorization": f"Token {self.tokens[1]}"},
            )
        assert answer.status_code == 204, answer.text
        assert time.monotonic() - started_at < most_s


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    folder = tmp_path_factory.mktemp("plane")
    (folder / "tls").mkdir()
    (folder / "keys").mkdir()
    tls.ensure(folder / "tls")
    key = Ed25519PrivateKey.generate()
    (folder / "keys" / "disk.key").write_text("ab" * 32)
    (folder / "keys" / "wal.key").write_bytes(secrets.token_bytes(32))
    (folder / "keys" / "token.key").write_bytes(secrets.token_bytes(32))
    (folder / "keys" / "capability.pub").write_bytes(key.public_key().public_bytes_raw())
    port = free_ports()
    environment = os.environ | {"CROPS_DATA": str(folder / "data"), "CROPS_KEYS": str(folder / "keys")}
    environment |= {"CROPS_TLS": str(folder / "tls"), "CROPS_PORT": str(port), "CROPS_BODY_SECONDS": str(BODY_SECONDS)}
    environment |= {"CROPS_SERIES_PER_DEVICE": "20", "CROPS_SERIES_PER_ORGANISATION": "30"}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen([sys.executable, "-m", "crops"], env=environment, stdout=log, stderr=log)
    started = Plane(
        port,
        folder,
        ssl.create_default_context(cafile=folder / "tls" / "ca.crt"),
        key.private_bytes_raw(),
        service.pid,
        [],
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            with started.client() as client:
                client.get("/ping")
            break
        except httpx.HTTPError:
            assert service.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
    with started.client() as client:
        for tenant, device in ((TENANT, "d" * 16), ("u" * 16, "e" * 16), ("v" * 16, "f" * 16), ("v" * 16, "g" * 16)):
            answer = client.post(
                "/v1/devices",
                json={"device": device, "site": SITE},
                headers={"Authorization": started.authorization("devices:write", tenant)},
            )
            started.tokens.append(answer.json()["token"])
    yield started
    service.terminate()
    service.wait(30)


ROUTES = [
    ("POST", "/api/v2/write"),
    ("POST", "/write"),
    ("POST", "/v1/devices"),
    ("POST", "/v1/imports?site=" + SITE),
    ("POST", "/v1/changes/undo"),
    ("POST", "/v1/changes/amend"),
    ("POST", "/v1/marked"),
    ("POST", "/v1/readings"),
    ("POST", "/v1/export"),
    ("DELETE", "/v1/tenant"),
    ("DELETE", "/v1/devices/" + "d" * 16),
    ("GET", "/v1/series"),
    ("GET", "/v1/evidence"),
]


def status(connection: ssl.SSLSocket) -> int:
    """The status of the answer. The rest of it is not read."""
    received = b""
    while b"\r\n" not in received:
        piece = connection.recv(4096)
        assert piece, "closed without an answer"
        received += piece
    return int(received.split()[1])


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("credential", ["", "Authorization: Token gh_guess\n", "Authorization: Capability a.b\n"])
def test_a_sender_without_a_right_is_refused_before_its_body_is_read(
    plane: Plane, method: str, path: str, credential: str
) -> None:
    head = f"{method} {path} HTTP/1.1\nHost: localhost\n{credential}Content-Type: application/json\nContent-Length: 150000000"
    with plane.connect(head, b"[") as connection:
        connection.settimeout(3)
        assert status(connection) == 401
    with plane.connect(
        head.replace("Content-Length: 150000000", "Transfer-Encoding: chunked"), b"1\r\n[\r\n"
    ) as connection:
        connection.settimeout(3)
        assert status(connection) == 401


def test_150_mb_without_a_credential_cost_no_memory_and_delay_nobody(plane: Plane) -> None:
    before_kb = plane.peak_memory_kb()

    def send(_: int) -> None:
        connection = plane.connect(
            "POST /v1/readings HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 150000000"
        )
        try:
            for _ in range(150):
                connection.sendall(b"[" * 1_000_000)
        except OSError:
            pass  # The service closed the connection.
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as senders:
        running_senders = [senders.submit(send, number) for number in range(4)]
        for _ in range(5):
            plane.check_serves()
        for running in running_senders:
            running.result()
    assert plane.peak_memory_kb() - before_kb < 40_000


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_its_bound_is_refused_declared_or_not(plane: Plane, declared: bool) -> None:
    head = f"POST /v1/readings HTTP/1.1\nHost: localhost\nAuthorization: {plane.authorization('readings:read')}\n"
    if declared:
        connection = plane.connect(head + "Content-Length: 9000000")
    else:
        connection = plane.connect(head + "Transfer-Encoding: chunked", b"80000\r\n" + b"[" * 0x80000 + b"\r\n")
    with connection:
        connection.settimeout(3)
        assert status(connection) == 413


def test_a_body_that_arrives_byte_by_byte_is_ended_and_delays_nobody(plane: Plane) -> None:
    head = f"POST /api/v2/write HTTP/1.1\nHost: localhost\nAuthorization: Token {plane.tokens[0]}\nContent-Length: 1000"
    with plane.connect(head, b"m a=") as connection:
        connection.settimeout(0.3)
        deadline, answer = time.monotonic() + BODY_SECONDS + 5, b""
        while not answer and time.monotonic() < deadline:
            connection.sendall(b"1")
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                plane.check_serves()
        assert answer.split()[1] == b"408"


def test_500_unfinished_bodies_of_one_device_leave_the_others_served(plane: Plane) -> None:
    head = f"POST /api/v2/write HTTP/1.1\nHost: localhost\nAuthorization: Token {plane.tokens[0]}\nContent-Length: 1000"
    connections = []
    try:
        for _ in range(500):
            connections.append(plane.connect(head, b"m a="))
        plane.check_serves()
        connections[-1].settimeout(3)
        assert status(connections[-1]) == 429
    finally:
        for connection in connections:
            connection.close()
    plane.check_serves()


def test_large_unfinished_bodies_are_bounded_in_bytes(plane: Plane) -> None:
    before_kb = plane.peak_memory_kb()
    connections = []
    head = f"POST /api/v2/write HTTP/1.1\nHost: localhost\nAuthorization: Token {plane.tokens[0]}\nContent-Length: 33000000"
    try:
        for _ in range(20):
            connection = plane.connect(head)
            connection.settimeout(2)
            connections.append(connection)
            try:
                connection.sendall(b"m" * 30_000_000)
            except OSError:
                continue
        plane.check_serves()
    finally:
        for connection in connections:
            connection.close()
    assert plane.peak_memory_kb() - before_kb < 500_000


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"a":' * 40_000,
        '{"series":["1"],"start":1e400,"end":2}',
        '{"series":["1"],"start":NaN,"end":2}',
        '{"series":["1"],"start":-Infinity,"end":NaN}',
        '{"series":["\\ud800"],"start":1,"end":2}',
        '{"\\ud800":1}',
        '{"series":["1"],"start":' + "9" * 100_000 + ',"end":2}',
        '{"series":["1"],"start":1,"end":1.5e308}',
        "NaN",
        '"\\udfff"',
        "\x00",
        "",
        '{"series":["٣"],"start":1,"end":2}',
    ],
)
@pytest.mark.parametrize("path", ["/v1/readings", "/v1/export", "/v1/devices", "/v1/imports?site=" + SITE])
def test_a_malformed_body_is_answered_as_an_error_of_its_sender(plane: Plane, path: str, body: str) -> None:
    verb = {"/v1/devices": "devices:write", "/v1/imports?site=" + SITE: "readings:write"}.get(path, "readings:read")
    headers = {"Authorization": plane.authorization(verb), "Content-Type": "application/json"}
    with plane.client() as client:
        answer = client.post(path, content=body.encode(), headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    json.loads(answer.text)


def test_the_steps_of_a_question_have_bounds(plane: Plane) -> None:
    headers = {"Authorization": plane.authorization("readings:read")}
    with plane.client() as client:
        assert client.get("/v1/series?since=1&step=1", headers=headers).status_code == 400
        question = {"series": ["1"], "start": 0, "end": 1 << 32, "step": 1}
        assert client.post("/v1/readings", json=question, headers=headers).status_code == 400


def test_heads_have_bounds(plane: Plane) -> None:
    with plane.client() as client:
        assert client.get("/v1/series?since=" + "1" * 20_000).status_code == 414
        assert client.get("/ping", headers={"x": "y" * 110_000}).status_code == 431
        for value in ("-1", "1x", "٣", "9" * 30):
            head = f"POST /write HTTP/1.1\nHost: localhost\nAuthorization: Token {plane.tokens[0]}\nContent-Length: {value}"
            try:
                with plane.connect(head) as connection:
                    assert 400 <= status(connection) < 500
            except (AssertionError, OSError) as error:
                assert "closed" in str(error) or isinstance(error, OSError)


def test_a_small_body_that_unpacks_to_gigabytes_is_refused(plane: Plane) -> None:
    before_kb, bomb = plane.peak_memory_kb(), gzip.compress(b"m a=1 1\n" * 60_000_000, 9)
    headers = {"Authorization": f"Token {plane.tokens[0]}", "Content-Encoding": "gzip"}
    with plane.client() as client:
        assert client.post("/write", content=bomb, headers=headers).status_code == 413
    assert plane.peak_memory_kb() - before_kb < 150_000


def test_a_device_with_too_many_series_gets_the_limit_named_and_its_other_readings_stored(plane: Plane) -> None:
    token, lines = plane.tokens[2], [f"m,s={number} a=1 {NOW}" for number in range(25)]
    with plane.client() as client:

        def write(token: str, body: str) -> httpx.Response:
            return client.post("/write?precision=s", content=body, headers={"Authorization": f"Token {token}"})

        assert write(token, "\n".join(lines[:20])).status_code == 204
        answer = write(token, "\n".join([*lines, f"m,s=3 a=7 {NOW + 60}", "m,s=4 a=warm"]))
        assert answer.status_code == 422
        error = answer.json()
        assert error["code"] == "unprocessable entity"
        assert "device has 20 series and may have 20" in error["message"]
        assert "21 points stored" in error["message"] and "1 lines were refused" in error["message"]
        assert (error["limit"], error["series"], error["dropped"]) == (20, 20, 5)
        series = client.get(
            "/v1/series", headers={"Authorization": plane.authorization("readings:read", "v" * 16)}
        ).json()
        assert len(series) == 20
        assert next(row["value"] for row in series if row["tags"] == "m,s=3") == 7
        # The organisation's limit: ten senders at once write 20 more series of another device.
        with ThreadPoolExecutor(10) as senders:
            answers = list(
                senders.map(lambda n: write(plane.tokens[3], f"m,q={n} a=1 {NOW}\nm,r={n} a=1 {NOW}"), range(10))
            )
        assert sorted({answer.status_code for answer in answers}) in ([204, 422], [422])
        assert any("organisation has 30 series" in answer.json()["message"] for answer in answers if answer.content)
        series = client.get(
            "/v1/series", headers={"Authorization": plane.authorization("readings:read", "v" * 16)}
        ).json()
        assert len(series) == 30
        assert write(plane.tokens[1], f"m,s=1 a=1 {NOW}").status_code == 204, "another customer may have more series"


def test_every_verb_that_a_route_needs_can_be_in_a_capability() -> None:
    assert {verb for verb, _ in ROUTE_VERBS.values()} <= VERBS


def test_an_import_beyond_the_limit_stores_nothing_and_says_so(plane: Plane) -> None:
    names = [f"column {number}" for number in range(25)]
    metadata = {"names": "\n".join(names), "fields": "\n".join(["air_temp"] * 25)}
    schema = pa.schema([("stream", pa.int32()), ("time", pa.int64()), ("value", pa.float64())], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        columns = [pa.array(range(25), pa.int32()), pa.array([NOW * 10**9] * 25, pa.int64()), pa.array([1.0] * 25)]
        stream.write_batch(pa.record_batch(columns, schema=schema))
    body, tenant = sink.getvalue().to_pybytes(), "w" * 16
    with plane.client() as client:
        headers = {"Authorization": plane.authorization("readings:write", tenant)}
        answer = client.post(f"/v1/imports?site={SITE}&change={CHANGE}", content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        assert "site of this file has 0 series and may have 20; the file adds 25" in answer.json()["message"]
        assert "Nothing of this file was stored" in answer.json()["message"]
        headers = {"Authorization": plane.authorization("readings:read", tenant)}
        assert client.get("/v1/series", headers=headers).json() == []


def test_every_member_of_a_gzip_body_is_read() -> None:
    """Log shippers and `cat a.gz b.gz` make such bodies. Source: RFC 1952, 2.2."""
    first, second = gzip.compress(b"a b=1 1\n"), gzip.compress(b"a b=2 2\n")
    assert bodies.decoded("gzip", first + second) == b"a b=1 1\na b=2 2\n"
    for bad in (
        first + second[:-9],
        first + b"rest",
        first + b"\0" * 8,
        gzip.compress(b"") * (bodies.MOST_GZIP_MEMBERS + 1),
    ):
        with pytest.raises(Refusal):
            bodies.decoded("gzip", bad)
    half = gzip.compress(bytes(bodies.MOST_BODY_BYTES // 2 + 1))
    with pytest.raises(Refusal):
        bodies.decoded("gzip", half + half)


def _arrow(value: float) -> bytes:
    metadata = {"names": "column", "fields": "air_temp"}
    schema = pa.schema([("stream", pa.int32()), ("time", pa.int64()), ("value", pa.float64())], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        columns = [pa.array([0], pa.int32()), pa.array([NOW * 10**9], pa.int64()), pa.array([value])]
        stream.write_batch(pa.record_batch(columns, schema=schema))
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("what", ["line protocol", "large line protocol", "import", "device"])
def test_a_body_that_was_let_in_before_its_organisation_was_deleted_stores_nothing(plane: Plane, what: str) -> None:
    """Its head was checked, and then its end was sent as late as its sender liked."""
    tenant = secrets.token_hex(8)
    device = json.dumps({"device": "d" * 16, "site": SITE}).encode()
    with plane.client() as client:
        rights = {"Authorization": plane.authorization("devices:write", tenant), "Content-Type": "application/json"}
        token = client.post("/v1/devices", content=device, headers=rights).json()["token"]
        path, authorization, body = {
            "line protocol": ("/write?precision=s", f"Token {token}", f"m a=1 {NOW}".encode()),
            "large line protocol": ("/write?precision=s", f"Token {token}", f"m a=1 {NOW}\n".encode() * 20_000),
            "import": (
                f"/v1/imports?site={SITE}&change={CHANGE}",
                plane.authorization("readings:write", tenant),
                _arrow(1),
            ),
            "device": ("/v1/devices", plane.authorization("devices:write", tenant), device),
        }[what]
        head = (
            f"POST {path} HTTP/1.1\nHost: localhost\nAuthorization: {authorization}\n"
            f"Content-Type: application/json\nContent-Length: {len(body)}"
        )
        with plane.connect(head, body[:5]) as connection:
            time.sleep(0.3)
            deletion = {"Authorization": plane.authorization("tenant:forget", tenant)}
            assert client.delete("/v1/tenant", headers=deletion).status_code == 204
            connection.sendall(body[5:])
            assert status(connection) == 410
        series = client.get("/v1/series", headers={"Authorization": plane.authorization("readings:read", tenant)})
        assert series.json() == []
        # The next one is refused by its head.
        with plane.connect(head) as connection:
            connection.settimeout(3)
            assert status(connection) == (401 if authorization.startswith("Token") else 410)
        assert client.delete("/v1/tenant", headers=deletion).status_code == 204, "it may be repeated"


def test_a_body_that_was_let_in_before_its_key_was_revoked_stores_nothing(plane: Plane) -> None:
    tenant, device = secrets.token_hex(8), "d" * 16
    rights = {"Authorization": plane.authorization("devices:write", tenant)}
    with plane.client() as client:
        token = client.post("/v1/devices", json={"device": device, "site": SITE}, headers=rights).json()["token"]
        body = f"m a=1 {NOW}".encode()
        head = f"POST /write?precision=s HTTP/1.1\nHost: localhost\nAuthorization: Token {token}\nContent-Length: {len(body)}"
        with plane.connect(head, body[:5]) as connection:
            time.sleep(0.3)
            assert client.delete(f"/v1/devices/{device}", headers=rights).status_code == 204
            connection.sendall(body[5:])
            assert status(connection) == 401
        series = client.get("/v1/series", headers={"Authorization": plane.authorization("readings:read", tenant)})
        assert series.json() == []
