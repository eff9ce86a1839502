"""What takes bytes from outside, as functions that a fuzzer calls: each raises what it says, and nothing else.

Each target has a folder of small files in `corpus`. Each run of the tests tries all of them, and changed ones; the long run looks
for more with atheris, which follows the coverage of our code (`fuzz.py`). What it finds goes into the corpus, with its repair.
"""

import base64
import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import tests.scratch  # noqa: F401 - sets Django up
from crop_contract.sandbox_work import HEAD, Answer, Refused
from crop_contract.variables import recognise
from crops import bodies, lines
from crops.door import Refusal
from glasshouse.greenhouse import files, units
from glasshouse.greenhouse.file_shapes import Layout
from glasshouse.kernel.errors import ForbiddenError, InvalidError
from glasshouse.mail.addresses import AddressError, bucket_of, is_single, parsed
from glasshouse.operations import inbound_mail
from glasshouse.operations.mime import UnreadableError
from glasshouse.organisations import list_work
from glasshouse.requests import drp_messages
from glasshouse.requests.models import Agent
from glasshouse.sources import contact_file, contact_work

CORPUS = Path(__file__).parent / "corpus"
# More files to begin with, of which the long run makes others.
BEGUN_WITH = {"files": Path(__file__).parents[1] / "cases" / "files"}
LONGEST_REFUSAL = 1_000  # characters: it is shown beside a form
NOW_NS = 1_764_000_000 * 10**9
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
AGENT = Agent(verify_key=base64.b64encode(KEY.public_key().public_bytes_raw()).decode())


def line_protocol(data: bytes) -> None:
    """Both parsers; the fast one agrees with the exact one wherever it answers."""
    for unit_ns in (1, 10**9):
        batch = lines.parse(data, unit_ns=unit_ns, now_ns=NOW_NS)
        assert len(batch.code) == len(batch.time) == len(batch.value)
        assert np.isfinite(batch.value).all() and batch.refused >= len(batch.problems)
        if len(data) <= lines.SMALL_BODY and len(batch.code):
            text = data.rstrip(b"\n") + b"\n"
            large = text * (lines.SMALL_BODY // len(text) + 2)
            quick, slow = (read(large, unit_ns=unit_ns, now_ns=NOW_NS) for read in (lines.parse, lines.exact))
            assert sorted(quick.series) == sorted(slow.series)
            assert sorted(zip(quick.time, quick.value, strict=True)) == sorted(zip(slow.time, slow.value, strict=True))


def bodies_of_devices(data: bytes) -> None:
    """gzip, and readings as an Arrow stream."""
    for read in (lambda: bodies.decoded("gzip", data), lambda: bodies.imported(data)):
        try:
            read()
        except Refusal as refusal:
            assert refusal.status < 500


def files_of_loggers(data: bytes) -> None:
    """A layout, and readings by it, which are numbers."""
    try:
        proposal = files.proposal_of(data, zone="Europe/Rome")
        assert type(proposal).from_json(proposal.as_json()) == proposal
        reading = files.read(data, Layout.from_json(proposal.layout.as_json()))
    except InvalidError:
        return
    assert all(math.isfinite(value) for points in reading.points.values() for _, value in points)
    for issue in reading.issues:
        issue.text.encode()


def units_and_variables(data: bytes) -> None:
    """Units as written in a heading, and what a heading names."""
    text = data.decode("utf-8", "replace")
    recognise(text)
    for unit in units.OF_CATALOGUE:
        if units.convertible(text, unit):
            assert math.isfinite(units.to_unit(1.0, text, unit))


def addresses(data: bytes) -> None:
    """An address has one form, which is one mailbox and one bucket."""
    text = data.decode("utf-8", "replace")
    bucket_of(text)
    try:
        form = parsed(text)
    except AddressError:
        return
    assert parsed(form) == form and is_single(form) and bucket_of(form) == bucket_of(text)


def inbound_mails(data: bytes) -> None:
    """A mail is read, or refused with a reason."""
    for read in (inbound_mail.read, inbound_mail.failed_status):
        try:
            mail = read(data)
        except UnreadableError:
            continue
        if isinstance(mail, inbound_mail.InboundMail):
            f"{mail.sender}{mail.subject}{mail.text}{mail.message_id}".encode()
            assert "\n" not in mail.sender + mail.subject + mail.message_id


def lists_of_people(data: bytes) -> None:
    """Lists of addresses and files of contacts: what the sandbox answers is taken, and what it refuses is said in short."""
    for worker in (list_work, contact_work):
        out = io.BytesIO()
        try:
            worker.work({}, data, Answer(out))
        except Refused as refusal:
            assert 0 < len(str(refusal)) <= LONGEST_REFUSAL
            continue
        if worker is contact_work:
            contact_file._ROWS.validate_json(out.getvalue()[HEAD.size :], strict=True)


def messages_of_agents(data: bytes) -> None:
    """What an agent sends: as it comes, and with the agent's own signature."""
    for message in (data, base64.b64encode(KEY.sign(data) + data)):
        try:
            body = drp_messages._signed(AGENT, message).body
            for name in ("issued-at", "expires-at"):
                drp_messages.moment(body, name)
        except (ForbiddenError, InvalidError):
            continue


TARGETS: dict[str, Callable[[bytes], None]] = {
    "line_protocol": line_protocol,
    "bodies": bodies_of_devices,
    "files": files_of_loggers,
    "units": units_and_variables,
    "addresses": addresses,
    "mails": inbound_mails,
    "agents": messages_of_agents,
    "lists": lists_of_people,
}


def corpus_of(name: str) -> list[Path]:
    """The kept files of a target."""
    return sorted((CORPUS / name).iterdir())
