"""An installation under a name of its own, on IPv4 and IPv6, in a network with nothing else in it."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.hosting.namespace import NOT_POSSIBLE
from tests.ports import free_ports

pytestmark = pytest.mark.slow
WEB, CROPS = "greenhouse.example", "crops.greenhouse.example"
ROOT = Path(__file__).resolve().parents[2]
INSIDE = ("-m", "tests.hosting.namespace")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the people store's own user may enter, too."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def issued(folder: Path, names: tuple[str, ...], days: int = 60, since: int = -1) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "chain.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return paths


def visited(
    folder: Path, settings: str, places: list[str], proxy: str = "", checks: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What clients saw at a demo that was started, visited and stopped in a network of its own."""
    port = free_ports()
    doors = f"https://{WEB}:{port}", f"https://{CROPS}:{port + 1}"
    origins = (f"https://{WEB}", f"https://{CROPS}") if proxy else doors
    hosts, file = folder / "hosts", folder / "glasshouse.toml"
    hosts.write_text(f"127.0.0.1 localhost {WEB} {CROPS}\n::1 localhost {WEB} {CROPS}\n")
    file.write_text(
        f'[service]\norigin = "{origins[0]}"\ncrops_origin = "{origins[1]}"\nbind = "::"\nport = {port}\n{settings}'
        f'[folders]\ndata = "{folder}/data"\nkeys = "{folder}/keys"\n'
    )
    chain, authority = str(folder / "chain.pem"), str(folder / "keys" / "tls" / "ca.crt")
    trusted = {"proxy": chain, "own": chain, "doors": authority}
    plan = {
        "configuration": str(file),
        "places": {name: (origins if name == "proxy" else doors) for name in places},
        "proxy": proxy and str(configured_proxy(folder, port)),
        "checks": list(checks),
    }
    plan["places"] = {
        name: {"web": web, "crops": crops, "authority": trusted[name]} for name, (web, crops) in plan["places"].items()
    }
    (folder / "home").mkdir()
    done = subprocess.run(
        [sys.executable, *INSIDE, str(hosts), sys.executable, "-m", "tests.hosting.visiting", json.dumps(plan)],
        cwd=ROOT,
        env={"PATH": PATH, "HOME": str(folder / "home"), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    if done.returncode == NOT_POSSIBLE:
        pytest.skip(f"This machine lets nobody make a network of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    said = "\n".join(seen["said"])
    assert f"open at {origins[0]}" in said and f"{origins[1]}/api/v2/write" in said
    assert seen["ended with"] == 0
    return seen


def configured_proxy(folder: Path, port: int) -> Path:
    """The example of a proxy's configuration, with the paths and ports of a test."""
    text = (ROOT / "deploy" / "haproxy.cfg").read_text()
    (folder / "proxy.pem").write_bytes((folder / "chain.pem").read_bytes() + (folder / "key.pem").read_bytes())
    for written, meant in (
        ("/etc/haproxy/glasshouse.pem", f"{folder}/proxy.pem"),
        ("/etc/haproxy/glasshouse-ca.crt", f"{folder}/keys/tls/ca.crt"),
        ("127.0.0.1:8443", f"127.0.0.1:{port}"),
        ("127.0.0.1:8444", f"127.0.0.1:{port + 1}"),
    ):
        assert written in text
        text = text.replace(written, meant)
    (folder / "haproxy.cfg").write_text(text)
    return folder / "haproxy.cfg"


def assert_served(seen: dict[str, Any], misdirected: int) -> None:
    assert seen["signed in"] == 302 and seen["cookies"] == [WEB]
    assert [seen[f"{door} over {kind}"] for door in ("web", "crops") for kind in ("IPv4", "IPv6")] == [
        200,
        200,
        204,
        204,
    ]
    assert seen["networks on the page of sessions"] == ["192.0.2.0/24"]
    assert seen["form from the crops door"] == 403
    assert (seen["web under localhost"], seen["crops under the name of web"]) == (
        (421, 404) if misdirected else (400, 421)
    )


def test_it_is_served_under_its_names_at_its_doors_and_behind_a_proxy_and_its_checks_are_verified(folder: Path) -> None:
    proxy = shutil.which("haproxy", path=PATH) or ""  # Where there is none, the doors are tried without.
    issued(folder, (WEB, CROPS))
    places = ["proxy", "doors"] if proxy else ["doors"]
    seen = visited(folder, 'trusted_proxies = ["127.0.0.1"]\n', places, proxy, ("SEC-01", "SEC-07"))
    assert_served(seen["doors"], misdirected=0)
    assert all({WEB, CROPS} <= set(names) for names in seen["doors"]["names"])
    assert {check["state"] for check in seen["checks"]} == {"verified"}, seen["checks"]
    if proxy:
        assert_served(seen["proxy"], misdirected=1)
        assert seen["proxy"]["in the clear"] == [[301, f"https://{WEB}/trust"]]
        assert seen["proxy"]["two hosts"].startswith("HTTP/1.1 400")
        assert seen["proxy"]["a large body"].startswith("HTTP/1.1 413")


@pytest.mark.long
def test_it_shows_the_operators_own_certificate(folder: Path) -> None:
    chain, key = issued(folder, (WEB, CROPS))
    seen = visited(folder, f'certificate = "{chain}"\ncertificate_key = "{key}"\n', ["own"])
    assert_served(seen["own"], misdirected=0)
    assert seen["own"]["names"] == [[CROPS, WEB]] * 2
