"""The operator's own certificate: read, and refused with the reason where the doors could not show it."""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from glasshouse.operations.installation import InstallationError

MOST_BYTES = 256 << 10
ENDS_SOON = timedelta(days=14)


def checked(chain: Path, key: Path, hosts: tuple[str, ...], now: datetime) -> tuple[bytes, bytes]:
    """The contents of both files. hosts: the names that the certificate must carry; the first of the chain is looked at.

    Raises InstallationError.
    """
    chain_bytes, key_bytes = _content(chain), _content(key)
    try:
        certificates = x509.load_pem_x509_certificates(chain_bytes)
    except ValueError:
        raise InstallationError(f"{chain} holds no certificate in PEM form.") from None
    try:
        private = serialization.load_pem_private_key(key_bytes, None)
    except (ValueError, TypeError):
        raise InstallationError(f"{key} holds no private key in PEM form without a password.") from None
    leaf = certificates[0]
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise InstallationError(f"{key} is not the key of the first certificate in {chain}.")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise InstallationError(
            f"The certificate in {chain} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}, and not today. Renew it."
        )
    if missing := [host for host in hosts if not _carries(leaf, host)]:
        raise InstallationError(f"The certificate in {chain} does not carry {', '.join(missing)}. Get one that does.")
    return chain_bytes, key_bytes


def checked_authority(path: Path, own: Path, now: datetime) -> bytes:
    """The contents of a file with the authority that signs a proxy's certificate. own: folder of the installation's own.

    Whoever has a certificate of it says where requests come from, so it must sign nobody else: the installation's own authority
    and a bundle of authorities are refused. Raises InstallationError.
    """
    content = _content(path)
    try:
        authorities = x509.load_pem_x509_certificates(content)
    except ValueError:
        raise InstallationError(f"{path} holds no certificate in PEM form.") from None
    if len(authorities) != 1:
        raise InstallationError(
            f"{path} holds {len(authorities)} certificates. Name one authority, which signs the proxy's alone."
        )
    authority = authorities[0]
    if not _signs(authority):
        raise InstallationError(
            f"The certificate in {path} is no authority's. Name that of whoever signed the proxy's certificate."
        )
    if not authority.not_valid_before_utc <= now < authority.not_valid_after_utc:
        raise InstallationError(
            f"The authority in {path} ended on {authority.not_valid_after_utc:%Y-%m-%d}, or is not valid yet."
        )
    ours = own / "ca.crt"
    if ours.exists() and x509.load_pem_x509_certificate(ours.read_bytes()).public_key() == authority.public_key():
        raise InstallationError(
            f"{path} is the authority of this installation, which signs its own parts. Make one for the proxy alone."
        )
    return content


def _signs(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def ends_at(chain: Path) -> datetime:
    """When the first certificate of a chain ends. Raises InstallationError."""
    return x509.load_pem_x509_certificates(_content(chain))[0].not_valid_after_utc


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise InstallationError(f"{path} cannot be read ({error.strerror}).") from None
    if len(content) > MOST_BYTES:
        raise InstallationError(f"{path} is too long for a certificate or a key.")
    return content


def _carries(certificate: x509.Certificate, host: str) -> bool:
    """Whether a certificate is for a host, by a name of its own or one with a star for the first label. Source: RFC 9525, 6.3."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    carried = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return host in carried or f"*.{host.partition('.')[2]}" in carried
