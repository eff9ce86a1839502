"""A buyer of the business, for the check of what a data room hands over: its certificate, its key, and a transfer to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der
from cryptography.x509.oid import NameOID

from glasshouse.disclosures.models import BusinessTransfer, BusinessTransferNotice, Recipient
from glasshouse.kernel import clock
from glasshouse.kernel.ids import new_id
from glasshouse.promises.recipients import TEXTS
from glasshouse.promises.stage import Resident, Stage

DAY = timedelta(days=1)
ANNOUNCED, WAITING = 45 * DAY, 40 * DAY  # how long ago the buyer was announced, and how long people have to object
CLOSES = timedelta(minutes=10)  # by itself, where the check is cut off


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who is mailed the link of a data room, and alone can open its files."""

    address: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> str:
        """The certificate, as it is pasted into a form."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def opened(self, body: bytes) -> list[list[dict[str, str]]]:
        """What is in a file: of each person the values. Raises ValueError where it is not sealed to the buyer."""
        persons: Any = json.loads(pkcs7_decrypt_der(body, self.certificate, self.key, []))
        return [list(person) for person in persons]


def buyer(stage: Stage) -> Buyer:
    """A buyer who has an address and a certificate."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=3_072)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "probe of a promise check")]), clock.now()
    unsigned = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
    return Buyer(stage.new_address(), unsigned.sign(key, SHA256()), key)


def transfer(writer: Resident, notices: Mapping[str, timedelta]) -> str:
    """A business transfer whose waiting period is over, as the verbs write it; returns its id.

    notices: person -> how long ago they were told.
    The page would have it told to everybody. It is registered as an authority, which no public list names, for no channel; it
    closes by itself in some minutes, and nobody is told of a transfer with an end.
    """
    now = clock.now()
    announced_at = now - ANNOUNCED
    recipient = Recipient.objects.create(
        kind="authority",
        channels=[],
        fields=["user.contact.email", "user.name"],
        written_by=writer.account,
        announced_at=announced_at,
        active_from=announced_at + WAITING,
        **TEXTS,
    )
    opened = BusinessTransfer.objects.create(recipient=recipient, opened_at=announced_at, closed_at=now + CLOSES)
    for person, ago in notices.items():
        BusinessTransferNotice.objects.create(
            business_transfer=opened, key_owner=person, message=new_id(), at=now - ago
        )
    return str(opened.id)
