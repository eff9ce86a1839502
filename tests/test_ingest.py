"""A device's readings: taken, durable, refused with reasons, and seen by their owner alone."""

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


def device(who: Customer) -> str:
    return greenhouse.create_device(who.actor, who.site, "", "Box")


def write(crops: httpx.Client, token: str, body: str | bytes, **params: str) -> httpx.Response:
    return crops.post(
        "/api/v2/write", params={"precision": "s"} | params, content=body, headers={"Authorization": f"Token {token}"}
    )


def values(who: Customer) -> dict[str, float]:
    return {one["field"]: one["value"] for one in readings.series(who.actor) if not one["derived"]}


def count(who: Customer) -> int:
    names = [one["id"] for one in readings.series(who.actor)]
    found = readings.readings(who.actor, names, (NOW - 4000, NOW + 4000), 4000)
    return sum(len(one["rows"]) + len(one["odd"]) for one in found["series"].values())


def test_a_reading_is_seen_by_its_owner_and_nobody_else(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    one, other = customer(), customer()
    assert write(crops, device(one), f"climate air_temp=21.5,co2=800i {NOW}").status_code == 204
    assert values(one) == {"air_temp": 21.5, "co2": 800.0}
    assert values(other) == {}


def test_the_same_point_twice_is_one_point(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    one = customer()
    token = device(one)
    for _ in range(2):
        assert write(crops, token, f"climate air_temp=21.5 {NOW}\nclimate air_temp=22 {NOW + 60}").status_code == 204
    assert count(one) == 2


def test_a_bad_line_is_named_and_the_good_ones_are_kept(customer: Callable[[], Customer], crops: httpx.Client) -> None:
    one = customer()
    answer = write(crops, device(one), f"climate air_temp=1 {NOW}\nclimate air_temp=warm {NOW}\nclimate co2=7 {NOW}")
    assert answer.status_code == 400
    assert answer.json()["problems"] == [
        {"line": 2, "column": 18, "message": "'warm' is not a number, a truth value or a quoted text"}
    ]
    assert "1 refused, 2 points stored" in answer.json()["message"]
    assert values(one) == {"air_temp": 1.0, "co2": 7.0}


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
    one, other = customer(), customer()
    token = device(one)
    with access.organisation_transaction(one.actor):
        mine = Device.objects.get().id
    with pytest.raises(NotFoundError):
        greenhouse.revoke_device(other.actor, mine)
    assert write(crops, token, f"m a=1 {NOW}").status_code == 204
    greenhouse.revoke_device(one.actor, mine)
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
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    link = http.client.HTTPSConnection("localhost", home.crops_port, context=trust, timeout=10)
    link.putrequest("POST", "/api/v2/write")
    link.putheader("Authorization", f"Token {device(customer())}")
    link.putheader("Content-Length", str(100 << 20))
    link.endheaders(b"m a=1 1\n")
    assert link.getresponse().status == 413
    link.close()


@pytest.mark.parametrize(("at", "word"), [(NOW + 90_000_000, "future"), (-5, "20 years")])
def test_times_far_off_are_refused(customer: Callable[[], Customer], crops: httpx.Client, at: int, word: str) -> None:
    one = customer()
    answer = write(crops, device(one), f"m a=1 {at}\nm a=2 {NOW}")
    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert count(one) == 1


def test_a_forged_or_foreign_capability_opens_nothing(
    home: Installation, customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    one, other = customer(), customer()
    assert write(crops, device(one), f"m a=1 {NOW}").status_code == 204
    series = readings.series(one.actor)[0]["id"]
    key = (home.keys / "people" / "capability.key").read_bytes()
    with access.organisation_transaction(other.actor):
        tenant = access.organisation_of(other.actor).tenant

    def ask(key: bytes, ends: float, verb: str = "readings:read") -> httpx.Response:
        held = sign(key, Capability(tenant, (one.site, other.site), (verb,), "test", int(ends)))
        question = {"series": [series], "start": NOW - 10, "end": NOW + 10}
        return crops.post("/v1/readings", json=question, headers={"Authorization": f"Capability {held}"})

    assert ask(key, time.time() + 30).status_code == 404, "another tenant's series"
    assert ask(key, time.time() - 1).status_code == 401, "expired"
    assert ask(key, time.time() + 600).status_code == 401, "lives too long"
    assert ask(os.urandom(32), time.time() + 30).status_code == 401, "forged"
    assert ask(key, time.time() + 30, "devices:write").status_code == 403, "another verb"


def test_what_was_acknowledged_survives_kill_9(
    home: Installation, customer: Callable[[], Customer], crops: httpx.Client
) -> None:
    one = customer()
    token = device(one)
    for minute in range(30):
        assert write(crops, token, f"m a={minute} {NOW + minute * 60}").status_code == 204
    found = subprocess.run(["pgrep", "-f", "--", "-m crops"], capture_output=True, text=True).stdout.split()
    ours = [int(pid) for pid in found if str(home.data) in _environment(int(pid))]
    assert ours
    for pid in ours:
        os.kill(pid, signal.SIGKILL)
    _restart(home)
    assert count(one) == 30


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _restart(home: Installation) -> None:
    """Wait until the supervisor's part answers again."""

    ends = time.monotonic() + 30
    while not _answers(home, home.crops_port):
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.mark.parametrize("part", ["glasshouse.operations.web", "glasshouse.operations.worker", "postgres -D"])
def test_any_part_that_is_killed_comes_back_and_nothing_is_lost(
    home: Installation, customer: Callable[[], Customer], part: str
) -> None:
    one = customer()
    found = subprocess.run(["pgrep", "-f", "--", part], capture_output=True, text=True).stdout.split()
    mine = [int(pid) for pid in found if str(home.data) in _environment(int(pid)) + _command(int(pid))]
    assert mine
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
    connections.close_all()
    ends = time.monotonic() + 40
    while True:
        try:
            assert greenhouse.sites(one.actor)[0].id == one.site
            if _answers(home, home.port):
                break
        except (DatabaseError, OSError):
            connections.close_all()
        assert time.monotonic() < ends
        time.sleep(0.2)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_slow_sender_slows_nobody(home: Installation, customer: Callable[[], Customer], crops: httpx.Client) -> None:
    one = customer()
    token = device(one)
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    slow = http.client.HTTPSConnection("localhost", home.crops_port, context=trust, timeout=10)
    slow.putrequest("POST", "/api/v2/write?precision=s")
    slow.putheader("Authorization", f"Token {token}")
    slow.putheader("Content-Length", "1000")
    slow.endheaders(b"m a=1 ")
    for minute in range(20):
        assert write(crops, token, f"m b={minute} {NOW + minute}").status_code == 204
    slow.close()
    assert values(one) == {"b": 19.0}


def test_a_full_disk_refuses_the_batch_and_spares_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    log = wal.Log(tmp_path, b"k" * 32)
    log.start()
    assert log.append(b"before").result(5) == 1
    honest, left = os.write, [20]

    def full(file: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = honest(file, bytes(data)[: left[0]])
        left[0] -= taken
        return taken

    monkeypatch.setattr(wal.os, "write", full)
    with pytest.raises(wal.LogError, match="No space left"):
        log.append(b"lost" * 50).result(5)
    monkeypatch.undo()
    log.append(b"after").result(5)
    log.stop()
    assert [record for _, record in wal.Log(tmp_path, b"k" * 32).replay()] == [b"before", b"after"]


def test_a_segment_that_was_rolled_can_be_dropped_alone(tmp_path: Path) -> None:
    log = wal.Log(tmp_path, b"k" * 32)
    log.start()
    log.append(b"old").result(5)
    ended = log.roll().result(5)
    log.append(b"new").result(5)
    log.drop(ended)
    log.stop()
    assert [record for _, record in wal.Log(tmp_path, b"k" * 32).replay()] == [b"new"]
