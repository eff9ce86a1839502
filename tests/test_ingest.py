"""A device's readings: stored durably or refused with reasons, and seen only by members of their organisation."""

import errno
import gzip
import http.client
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.db import DatabaseError, connections

from crop_contract.capability import Capability, sign
from crops import wal
from glasshouse.access import api as access
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import readings
from glasshouse.greenhouse.models import Device
from glasshouse.kernel.errors import NotFoundError
from glasshouse.operations.installation import Installation
from glasshouse.operations.service import _answers
from tests.conftest import Customer

NOW = int(time.time()) // 60 * 60


def device(customer: Customer) -> str:
    """Register a device; returns its token."""
    return greenhouse.create_device(customer.actor, customer.site, "", "Box")


def write(crops: httpx.Client, token: str, body: str | bytes, **params: str) -> httpx.Response:
    return crops.post(
        "/api/v2/write", params={"precision": "s"} | params, content=body, headers={"Authorization": f"Token {token}"}
    )


def values(customer: Customer) -> dict[str, float]:
    """By field, the newest value."""
    return {row["field"]: row["value"] for row in readings.series(customer.actor) if not row["derived"]}


def count(customer: Customer) -> int:
    """How many readings of the time around NOW are stored."""
    names = [row["id"] for row in readings.series(customer.actor)]
    answer = readings.readings(customer.actor, names, (NOW - 4000, NOW + 4000), 4000)
    return sum(len(series["rows"]) + len(series["odd"]) for series in answer["series"].values())


def test_a_reading_is_seen_by_its_owner_and_nobody_else(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    owner, other = customer(), customer()
    assert write(crops, device(owner), f"climate air_temp=21.5,co2=800i {NOW}").status_code == 204
    assert values(owner) == {"air_temp": 21.5, "co2": 800.0}
    assert values(other) == {}


def test_the_same_point_twice_is_one_point(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    owner = customer()
    token = device(owner)
    for _ in range(2):
        assert write(crops, token, f"climate air_temp=21.5 {NOW}\nclimate air_temp=22 {NOW + 60}").status_code == 204
    assert count(owner) == 2


def test_a_bad_line_is_named_and_the_good_ones_are_stored(
    customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    owner = customer()
    answer = write(crops, device(owner), f"climate air_temp=1 {NOW}\nclimate air_temp=warm {NOW}\nclimate co2=7 {NOW}")
    assert answer.status_code == 400
    assert answer.json()["problems"] == [
        {"line": 2, "column": 18, "message": "'warm' is not a number, a truth value or a quoted text"}
    ]
    assert "1 refused, 2 points stored" in answer.json()["message"]
    assert values(owner) == {"air_temp": 1.0, "co2": 7.0}


@pytest.mark.parametrize("header", ["Token {}", "Bearer {}", "token {}"])
def test_tokens_come_as_influx_clients_send_them(
    customer: Callable[[], Customer], crops: httpx.Client, header: str
) -> None:
    token = device(customer())
    answer = crops.post(
        "/write", params={"precision": "s"}, content=f"m a=1 {NOW}", headers={"Authorization": header.format(token)}
    )
    assert answer.status_code == 204
    assert (
        crops.post("/write", params={"precision": "s", "u": "x", "p": token}, content=f"m a=1 {NOW}").status_code == 204
    )
    assert (
        crops.post("/write", params={"precision": "s"}, content=f"m a=1 {NOW}", auth=("any", token)).status_code == 204
    )


def test_a_revoked_or_unknown_key_is_refused(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    owner, other = customer(), customer()
    token = device(owner)
    with access.organisation_transaction(owner.actor):
        device_id = Device.objects.get().id
    with pytest.raises(NotFoundError):
        greenhouse.revoke_device(other.actor, device_id)
    assert write(crops, token, f"m a=1 {NOW}").status_code == 204
    greenhouse.revoke_device(owner.actor, device_id)
    assert write(crops, token, f"m a=1 {NOW}").status_code == 401
    assert write(crops, "gh_guess", f"m a=1 {NOW}").status_code == 401


def test_gzip_is_read_and_its_bombs_are_not(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    token = device(customer())
    headers = {"Authorization": f"Token {token}", "Content-Encoding": "gzip"}
    good = crops.post("/api/v2/write?precision=s", content=gzip.compress(f"m a=1 {NOW}".encode()), headers=headers)
    assert good.status_code == 204
    bomb = gzip.compress(b"m a=1 1\n" * 6_000_000)
    assert crops.post("/api/v2/write", content=bomb, headers=headers).status_code == 413
    assert crops.post("/api/v2/write", content=b"no gzip", headers=headers).status_code == 400


def test_a_body_of_100_mb_is_refused_before_it_is_read(home: Installation, customer: Callable[[], Customer]) -> None:
    tls_context = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    connection = http.client.HTTPSConnection("localhost", home.crops_port, context=tls_context, timeout=10)
    connection.putrequest("POST", "/api/v2/write")
    connection.putheader("Authorization", f"Token {device(customer())}")
    connection.putheader("Content-Length", str(100 << 20))
    connection.endheaders(b"m a=1 1\n")
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(("at", "word"), [(NOW + 90_000_000, "future"), (-5, "20 years")])
def test_times_far_off_are_refused(customer: Callable[[], Customer], crops: httpx.Client, at: int, word: str) -> None:
    owner = customer()
    answer = write(crops, device(owner), f"m a=1 {at}\nm a=2 {NOW}")
    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert count(owner) == 1


def test_a_forged_or_foreign_capability_opens_nothing(
    home: Installation, customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    owner, other = customer(), customer()
    assert write(crops, device(owner), f"m a=1 {NOW}").status_code == 204
    series = readings.series(owner.actor)[0]["id"]
    key = (home.keys / "people" / "capability.key").read_bytes()
    with access.organisation_transaction(other.actor):
        tenant = access.organisation_of(other.actor).tenant

    def ask(key: bytes, expires_at: float, verb: str = "readings:read") -> httpx.Response:
        capability = sign(key, Capability(tenant, (owner.site, other.site), (verb,), "test", int(expires_at)))
        question = {"series": [series], "start": NOW - 10, "end": NOW + 10}
        return crops.post("/v1/readings", json=question, headers={"Authorization": f"Capability {capability}"})

    assert ask(key, time.time() + 30).status_code == 404, "another tenant's series"
    assert ask(key, time.time() - 1).status_code == 401, "expired"
    assert ask(key, time.time() + 600).status_code == 401, "valid for too long"
    assert ask(os.urandom(32), time.time() + 30).status_code == 401, "forged"
    assert ask(key, time.time() + 30, "devices:write").status_code == 403, "another verb"


def test_what_was_acknowledged_survives_kill_9(
    home: Installation, customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    owner = customer()
    token = device(owner)
    for minute in range(30):
        assert write(crops, token, f"m a={minute} {NOW + minute * 60}").status_code == 204
    crops_pids = subprocess.run(["pgrep", "-f", "--", "-m crops"], capture_output=True, text=True).stdout.split()
    own_pids = [int(pid) for pid in crops_pids if str(home.data) in _environment(int(pid))]
    assert own_pids
    for pid in own_pids:
        os.kill(pid, signal.SIGKILL)
    _wait_for_crops(home)
    assert count(owner) == 30


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _wait_for_crops(home: Installation) -> None:
    """Wait until the supervisor has started the crops service again."""
    deadline = time.monotonic() + 90
    while not _answers(home, home.crops_door):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("part", ["glasshouse.operations.web", "glasshouse.operations.worker", "postgres -D"])
def test_any_part_that_is_killed_comes_back_and_nothing_is_lost(
    home: Installation, customer: Callable[[], Customer], part: str
) -> None:
    owner = customer()
    part_pids = subprocess.run(["pgrep", "-f", "--", part], capture_output=True, text=True).stdout.split()
    own_pids = [int(pid) for pid in part_pids if str(home.data) in _environment(int(pid)) + _command(int(pid))]
    assert own_pids
    for pid in own_pids:
        os.kill(pid, signal.SIGKILL)
    connections.close_all()
    deadline = time.monotonic() + 90
    while True:
        try:
            assert greenhouse.sites(owner.actor)[0].id == owner.site
            if _answers(home, home.web_door):
                break
        except (DatabaseError, OSError):
            connections.close_all()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_slow_sender_delays_nobody(home: Installation, customer: Callable[[], Customer], crops: httpx.Client) -> None:
    owner = customer()
    token = device(owner)
    tls_context = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    slow = http.client.HTTPSConnection("localhost", home.crops_port, context=tls_context, timeout=10)
    slow.putrequest("POST", "/api/v2/write?precision=s")
    slow.putheader("Authorization", f"Token {token}")
    slow.putheader("Content-Length", "1000")
    slow.endheaders(b"m a=1 ")
    for minute in range(20):
        assert write(crops, token, f"m b={minute} {NOW + minute}").status_code == 204
    slow.close()
    assert values(owner) == {"b": 19.0}


def test_a_full_disk_refuses_the_batch_and_leaves_the_log_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = wal.Log(tmp_path, b"k" * 32)
    log.start()
    assert log.append(b"before").result(5) == 1
    original, free_bytes = os.write, 20

    def write_on_full_disk(file: int, content: bytes) -> int:
        nonlocal free_bytes
        if not free_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = original(file, bytes(content)[:free_bytes])
        free_bytes -= written
        return written

    monkeypatch.setattr(wal.os, "write", write_on_full_disk)
    with pytest.raises(wal.LogError, match="No space left"):
        log.append(b"lost" * 50).result(5)
    monkeypatch.undo()
    log.append(b"after").result(5)
    log.stop()
    assert [replayed.record for replayed in wal.Log(tmp_path, b"k" * 32).replay()] == [b"before", b"after"]


def test_a_segment_that_was_rolled_can_be_dropped_alone(tmp_path: Path) -> None:
    log = wal.Log(tmp_path, b"k" * 32)
    log.start()
    log.append(b"old").result(5)
    ended_segment = log.roll().result(5)
    log.append(b"new").result(5)
    log.drop(ended_segment)
    log.stop()
    assert [replayed.record for replayed in wal.Log(tmp_path, b"k" * 32).replay()] == [b"new"]


def test_the_first_calls_of_influx_clients_are_answered_as_influxdb_does(
    customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    token = device(customer())
    with_user = {"Authorization": f"Token grower:{token}"}
    assert crops.post("/write?precision=s", content=f"m a=1 {NOW}", headers=with_user).status_code == 204
    ping = crops.get("/ping")
    assert (ping.status_code, ping.headers["X-Influxdb-Build"], ping.headers["X-Influxdb-Version"][0]) == (
        204,
        "OSS",
        "v",
    )
    assert {"name", "message", "status", "checks", "version"} <= crops.get("/health").json().keys()
    # Telegraf and the Python client of version 1 make a database first; Debian's influx asks which there are.
    made = crops.post("/query", data={"q": 'CREATE DATABASE "tele;graf"'}, headers=with_user)
    assert (made.status_code, made.json()) == (200, {"results": [{"statement_id": 0}]})
    basic = crops.get("/query", params={"q": "SHOW DATABASES", "db": "ha"}, auth=("user", token)).json()
    assert basic["results"][0]["series"][0]["values"] == [["ha"]]
    both = crops.post("/query", params={"q": "CREATE DATABASE a; SELECT * FROM m"}, headers=with_user).json()["results"]
    assert [("error" in result, result["statement_id"]) for result in both] == [(False, 0), (True, 1)]
    bucket = crops.get(
        "/api/v2/buckets", params={"name": "climate"}, headers={"Authorization": f"Token {token}"}
    ).json()
    assert bucket["buckets"][0]["name"] == "climate" and len(bucket["buckets"][0]["id"]) == 16
    for method, path in (("GET", "/query?q=SHOW+DATABASES"), ("POST", "/query"), ("GET", "/api/v2/buckets")):
        assert crops.request(method, path).status_code == 401
        assert crops.request(method, path, headers={"Authorization": "Token gh_wrong"}).status_code == 401
    assert crops.post("/query", content=b"q=" + b"x" * 70_000, headers=with_user).status_code == 413
    assert crops.get("/query", headers=with_user).status_code == 400
    assert crops.post("/query", content=b"&".join([b"q=a"] * 101), headers=with_user).status_code == 400
