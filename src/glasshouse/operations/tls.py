"""Certificates: the installation's own authority, the certificate that its listeners show, and the operator's own for the doors.

The operator's chain and key are copied, so that the parts need no right to the operator's folder. `kernel/doors.py` says which
certificate the doors show, and whom clients of ours trust.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from glasshouse.kernel.doors import OWN, PROXY_AUTHORITY, PUBLIC
from glasshouse.operations import certificate_files
from glasshouse.operations.installation import ProxyDoor
from glasshouse.vault.root import write_secret

CA_DAYS, SERVER_DAYS, RENEW_BEFORE_DAYS = 3650, 90, 30


def ensure(
    folder: Path, hosts: tuple[str, ...] = ("localhost",), given: tuple[Path, Path] | None = None
) -> frozenset[str]:
    """Bring the folder's certificates up to date; returns which are new, of `kernel/doors.py`'s names.

    The authority is made once; its server certificate whenever it is missing, carries other names, or ends within 30 days.
    given: files of the operator's own chain and key; None: there is none any more.

    Raises InstallationError where the operator's cannot be used, with what to do; what was shown before is left as it was.
    """
    now, new = datetime.now(UTC), set()
    if not (folder / "ca.crt").exists():
        _make_authority(folder, now)
    if not _is_good(folder / f"{OWN}.crt", hosts, now):
        _make_server(folder, hosts, now)
        new.add(OWN)
    public = (folder / f"{PUBLIC}.crt", folder / f"{PUBLIC}.key")
    if given is None:
        if public[0].exists():
            new.add(PUBLIC)
        for path in public:
            path.unlink(missing_ok=True)
        return frozenset(new)
    chain, key = certificate_files.checked(*given, public_hosts(hosts), now)
    if not public[0].exists() or public[0].read_bytes() != chain or public[1].read_bytes() != key:
        _replace(public[1], key)
        _replace(public[0], chain)
        new.add(PUBLIC)
    return frozenset(new)


def take_proxy_authority(folder: Path, proxy: ProxyDoor | None) -> None:
    """Copy the authority of the proxy's certificate to where the web part reads it; remove the copy where none is named.

    Raises InstallationError where it cannot be used.
    """
    copy = folder / PROXY_AUTHORITY
    if proxy is None:
        copy.unlink(missing_ok=True)
        return
    _replace(copy, certificate_files.checked_authority(proxy.authority, folder, datetime.now(UTC)))


def public_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the operator's own certificate must carry."""
    return tuple(host for host in hosts if host != "localhost")


def _is_good(path: Path, hosts: tuple[str, ...], now: datetime) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_lasting = certificate.not_valid_after_utc - now > timedelta(days=RENEW_BEFORE_DAYS)
    return is_lasting and set(names.get_values_for_type(x509.DNSName)) == set(hosts)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    write_secret(fresh, content)
    fresh.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _make_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Glasshouse local authority")])
    certificate = (
        _builder(name, name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    _replace(folder / "ca.key", _pem(key))
    _replace(folder / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _make_server(folder: Path, hosts: tuple[str, ...], now: datetime) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / 'ca.key'} is not an elliptic-curve key. Remove it and ca.crt to make new ones.")
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _replace(folder / f"{OWN}.key", _pem(key))
    _replace(folder / f"{OWN}.crt", certificate.public_bytes(serialization.Encoding.PEM))
