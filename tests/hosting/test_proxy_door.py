"""The door of a proxy that shows a certificate: who has none is not let in, and what the proxy says of clients is believed."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from glasshouse.accounts.models import Session
from glasshouse.kernel.doors import PROXY_AUTHORITY
from glasshouse.kernel.networks import client_of
from glasshouse.operations import certificate_files, configuration, service, tls
from glasshouse.operations.installation import Installation, InstallationError, ProxyDoor
from tests.conftest import Customer, post
from tests.hosting.test_public_names import issued
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
CLIENT, OTHER = "203.0.113.9", "198.51.100.4"


def made_by_the_document(folder: Path) -> None:
    """The proxy's authority and certificate, by the commands of docs/hosting.md."""
    text = (ROOT / "docs" / "hosting.md").read_text()
    block = re.search(r"```sh\n(openssl.*?)```", text, re.S)
    assert block, "docs/hosting.md says how the proxy's certificate is made"
    subprocess.run(["sh", "-euc", block[1]], cwd=folder, check=True, capture_output=True)


@contextmanager
def proxy_door(home: Installation, authority: Path) -> Iterator[int]:
    """The web part's process at the proxy's door, beside the service of the tests; the port of that door."""
    port = free_ports()
    tls.take_proxy_authority(home.keys / "tls", ProxyDoor(port, authority))
    environment = service.people_environment(home) | {"GLASSHOUSE_DOOR": "1", "GLASSHOUSE_PROXY_DOOR": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "glasshouse.operations.web"], env=environment)
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)
        tls.take_proxy_authority(home.keys / "tls", None)


@contextmanager
def haproxy(folder: Path, home: Installation, door: int) -> Iterator[int]:
    """A proxy that comes to its door with its certificate, in the way that deploy/haproxy.cfg shows; the port of the proxy."""
    port = free_ports()
    (folder / "front.pem").write_bytes(b"".join(path.read_bytes() for path in issued(folder, ("localhost",))))
    line = next(
        line.strip().removeprefix("# ")
        for line in (ROOT / "deploy" / "haproxy.cfg").read_text().splitlines()
        if "glasshouse-proxy.pem" in line and "server web" in line
    )
    for written, meant in (
        ("/etc/haproxy/glasshouse-proxy.pem", f"{folder}/glasshouse-proxy.pem"),
        ("/etc/haproxy/glasshouse-ca.crt", f"{home.keys}/tls/ca.crt"),
        ("127.0.0.1:8446", f"127.0.0.1:{door}"),
        ("greenhouse.example", "localhost"),
    ):
        assert written in line
        line = line.replace(written, meant)
    (folder / "haproxy.cfg").write_text(
        "defaults\n mode http\n timeout connect 3s\n timeout client 60s\n timeout server 60s\n"
        f"frontend https\n bind 127.0.0.1:{port} ssl crt {folder}/front.pem\n"
        f" http-request set-header X-Forwarded-For {CLIENT}\n"
        f" http-request set-header Host localhost:{home.port}\n default_backend web\nbackend web\n {line}\n"
    )
    process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], env={"PATH": PATH})
    try:
        time.sleep(1)
        assert process.poll() is None
        yield port
    finally:
        process.terminate()
        process.wait(30)


def visitor(base: str, authority: Path, certificate: Path | None = None) -> httpx.Client:
    """A client that says that it comes from elsewhere."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate:
        context.load_cert_chain(certificate)
    headers = {"X-Forwarded-For": OTHER, "Referer": f"{base}/"}
    return httpx.Client(base_url=base, verify=context, headers=headers, timeout=60)


def networks_of(who: Customer) -> set[str]:
    return {str(session.network) for session in Session.objects.filter(account_id=who.actor.account)}


@pytest.mark.slow
def test_a_proxy_is_believed_by_its_certificate_and_nobody_else_is_let_in(
    customer: Callable[[], Customer], home: Installation, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    made_by_the_document(tmp_path)
    own, ca = customer(), home.keys / "tls" / "ca.crt"
    with proxy_door(home, tmp_path / "glasshouse-proxy-ca.crt") as door:
        straight = f"https://localhost:{door}"
        host = {"Host": f"localhost:{home.port}"}
        with visitor(straight, ca) as nobody, pytest.raises(httpx.TransportError):
            nobody.get("/trust", headers=host)
        stranger = tmp_path / "stranger.pem"
        stranger.write_bytes(b"".join(path.read_bytes() for path in issued(tmp_path, ("proxy",))))
        with visitor(straight, ca, stranger) as other, pytest.raises(httpx.TransportError):
            other.get("/trust", headers=host)
        with visitor(straight, ca, tmp_path / "glasshouse-proxy.pem") as direct:
            assert direct.get("/trust", headers=host).status_code == 200
        # At the web door a certificate says nothing, and the header of whoever is no trusted proxy is not believed.
        with visitor(home.origin, ca, tmp_path / "glasshouse-proxy.pem") as same:
            assert post(same, "/sign-in", address=own.address, password=own.password).status_code == 302
        assert not any(network.startswith(("198.51.100", "203.0.113")) for network in networks_of(own))
        if shutil.which("haproxy", path=PATH) is None:
            pytest.skip("There is no haproxy on this machine.")
        with (
            haproxy(tmp_path, home, door) as front,
            visitor(f"https://localhost:{front}", tmp_path / "chain.pem") as client,
        ):
            client.headers["Referer"] = f"{home.origin}/"
            assert post(client, "/sign-in", address=own.address, password=own.password).status_code == 302
        assert "203.0.113.0/24" in networks_of(own)
        assert not any(network.startswith("198.51.100") for network in networks_of(own))


def test_only_the_first_hop_is_the_proxys_to_say() -> None:
    assert client_of("192.0.2.7", f"{OTHER}, {CLIENT}", (), of_proxy=True) == CLIENT
    assert client_of("192.0.2.7", f"{OTHER}, {CLIENT}", ()) == "192.0.2.7"
    assert client_of("192.0.2.7", "", (), of_proxy=True) == "192.0.2.7"
    assert client_of("192.0.2.7", f"{OTHER}, nonsense", (), of_proxy=True) == "192.0.2.7"


def test_an_authority_that_signs_others_too_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    tls.ensure(own)
    made_by_the_document(tmp_path)
    now = datetime.now(UTC)
    good = tmp_path / "glasshouse-proxy-ca.crt"
    assert certificate_files.checked_authority(good, own, now) == good.read_bytes()
    bundle, none, leaf = tmp_path / "bundle.crt", tmp_path / "none.crt", issued(tmp_path, ("proxy",))[0]
    bundle.write_bytes(good.read_bytes() * 2)
    none.write_text("no certificate")
    for path, said in (
        (own / "ca.crt", "of this installation"),
        (bundle, "2 cert"),
        (none, "no cert"),
        (leaf, "no auth"),
    ):
        with pytest.raises(InstallationError, match=said):
            certificate_files.checked_authority(path, own, now)
    with pytest.raises(InstallationError, match="ended"):
        certificate_files.checked_authority(good, own, now.replace(year=now.year + 40))
    tls.take_proxy_authority(own, ProxyDoor(1, good))
    assert (own / PROXY_AUTHORITY).read_bytes() == good.read_bytes()
    tls.take_proxy_authority(own, None)
    assert not (own / PROXY_AUTHORITY).exists()


def test_port_and_authority_belong_together_and_the_port_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("x")
    port, authority = {"GLASSHOUSE_PROXY_PORT": "8446"}, {"GLASSHOUSE_PROXY_AUTHORITY": str(tmp_path / "ca.crt")}
    assert configuration.read(None, port | authority, look=False).problems == ()
    for environment in (port, authority):
        (problem,) = configuration.read(None, environment, look=False).problems
        assert "belong together" in problem
    (problem,) = configuration.read(None, {"GLASSHOUSE_PROXY_PORT": "8444"} | authority, look=False).problems
    assert "ports of their own" in problem


def test_the_proxys_door_is_looked_at_as_the_other_doors_are(tmp_path: Path) -> None:
    home = Installation(tmp_path / "data", tmp_path / "keys", 8443, 8444, 8445, demo=True)
    assert home.door_ports == (8443, 8444)
    door = ProxyDoor(8446, tmp_path / "ca.crt")
    assert replace(home, doors=replace(home.doors, proxy=door)).door_ports == (8443, 8444, 8446)
