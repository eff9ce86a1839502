"""The certificates that listeners show: made, renewed, exchanged for the operator's own, refused with the reason."""

import socket
import ssl
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509

from glasshouse.kernel import doors
from glasshouse.operations import tls
from glasshouse.operations.installation import Doors, Installation, InstallationError
from glasshouse.operations.processes import Part, Supervisor
from glasshouse.operations.renewal import Renewal
from tests.hosting.test_public_names import CROPS, WEB, issued
from tests.ports import free_ports

HOSTS = ("localhost", WEB, CROPS)
# Shows the certificate that a door would, until it is stopped.
LISTENER = """
import socket, ssl, sys
from pathlib import Path
from glasshouse.kernel.doors import certificate
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*certificate(Path(sys.argv[1])))
listening = socket.create_server(("127.0.0.1", int(sys.argv[2])))
while True:
    try:
        context.wrap_socket(listening.accept()[0], server_side=True).close()
    except OSError:
        continue
"""


def names(path: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(alternatives.get_values_for_type(x509.DNSName))


def test_one_is_made_anew_when_the_names_change_or_its_end_comes_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tls.ensure(tmp_path) == {doors.OWN}
    authority = (tmp_path / "ca.crt").read_bytes()
    assert tls.ensure(tmp_path) == frozenset()
    assert tls.ensure(tmp_path, HOSTS) == {doors.OWN} and names(tmp_path / "server.crt") == set(HOSTS)
    monkeypatch.setattr(tls, "RENEW_BEFORE_DAYS", tls.SERVER_DAYS)
    assert tls.ensure(tmp_path, HOSTS) == {doors.OWN}
    assert (tmp_path / "ca.crt").read_bytes() == authority


def test_the_operators_own_is_copied_and_goes_again_when_it_is_named_no_more(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    given = issued(tmp_path, (WEB, CROPS))
    assert doors.PUBLIC in tls.ensure(tmp_path / "tls", HOSTS, given)
    shown = doors.certificate(tmp_path / "tls")
    assert shown[0].read_bytes() == given[0].read_bytes() and shown[1].stat().st_mode & 0o077 == 0
    assert tls.ensure(tmp_path / "tls", HOSTS, given) == frozenset()
    assert tls.ensure(tmp_path / "tls", HOSTS) == {doors.PUBLIC}
    assert doors.certificate(tmp_path / "tls")[0].name == "server.crt"


@pytest.mark.parametrize(
    ("carried", "days", "since", "reason"),
    [
        ((WEB,), 60, -1, f"does not carry {CROPS}"),
        ((f"*.{WEB}",), 60, -1, f"does not carry {WEB}"),
        ((WEB, CROPS), -1, -3, "not today"),
        ((WEB, CROPS), 60, 2, "not today"),
    ],
)
def test_one_that_browsers_would_refuse_is_refused_with_the_reason(
    carried: tuple[str, ...], days: int, since: int, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "tls").mkdir()
    with pytest.raises(InstallationError, match=reason):
        tls.ensure(tmp_path / "tls", HOSTS, issued(tmp_path, carried, days, since))
    assert not (tmp_path / "tls" / "public.crt").exists()


def test_a_star_counts_for_one_label(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    assert doors.PUBLIC in tls.ensure(tmp_path / "tls", HOSTS, issued(tmp_path, (WEB, f"*.{WEB}")))


def test_files_that_are_no_pair_or_no_certificate_leave_what_was_shown(tmp_path: Path) -> None:
    for name in ("a", "b", "tls"):
        (tmp_path / name).mkdir()
    good, other = issued(tmp_path / "a", (WEB, CROPS)), issued(tmp_path / "b", (WEB, CROPS))
    tls.ensure(tmp_path / "tls", HOSTS, good)
    before = doors.certificate(tmp_path / "tls")[0].read_bytes()
    (tmp_path / "text").write_text("no certificate")
    for chain, key, reason in (
        (good[0], other[1], "is not the key"),
        (tmp_path / "text", good[1], "holds no certificate"),
        (good[0], tmp_path / "text", "holds no private key"),
        (tmp_path / "nowhere", good[1], "cannot be read"),
    ):
        with pytest.raises(InstallationError, match=reason):
            tls.ensure(tmp_path / "tls", HOSTS, (chain, key))
    assert doors.certificate(tmp_path / "tls")[0].read_bytes() == before


def shown(port: int, trust: ssl.SSLContext, name: str, deadline_s: float = 20) -> bytes:
    """The certificate that a listener shows to whoever trusts it under a name."""
    ends = time.monotonic() + deadline_s
    while True:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), 2) as link,
                trust.wrap_socket(link, server_hostname=name) as secured,
            ):
                return secured.getpeercert(binary_form=True) or b""
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


@pytest.mark.slow
def test_a_door_shows_a_renewed_certificate_while_the_service_runs(tmp_path: Path) -> None:
    port, folder, said = free_ports(), tmp_path / "keys" / "tls", []
    folder.mkdir(parents=True)
    given = issued(tmp_path, (WEB, CROPS))
    home = Installation(
        tmp_path / "data",
        tmp_path / "keys",
        port,
        port + 1,
        port + 2,
        demo=True,
        doors=Doors(f"https://{WEB}", f"https://{CROPS}", certificate=given),
    )
    tls.ensure(folder, home.hosts, given)
    command = [sys.executable, "-c", LISTENER, str(folder), str(port)]
    supervisor = Supervisor(say=said.append)
    supervisor.add(Part("web", command, {"PYTHONPATH": ":".join(sys.path)}))
    try:
        renewal = Renewal(home, supervisor, said.append, every_s=0)
        first = shown(port, doors.trust(folder), WEB)
        renewal.look()
        assert not said
        issued(tmp_path, (WEB,))
        renewal.look()
        assert f"does not carry {CROPS}" in said.pop() and shown(port, doors.trust(folder), WEB) == first
        issued(tmp_path, (WEB, CROPS))
        renewal.look()
        assert "web starts again" in said.pop()
        second = shown(port, doors.trust(folder), WEB)
        assert second != first and second == ssl.PEM_cert_to_DER_cert(given[0].read_text())
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(port, doors.trust(folder), "elsewhere.example")
    finally:
        supervisor.stop()
