"""The check of sealing: SEC-08."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises import evidence, file_reader, filled, opened, oracle, sockets
from glasshouse.promises.filled import Filled
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Stage, open_stage

SENT_BYTES = 2 << 20
ROOTS = ("root-*", "lookup.key", "epochs/*.key")  # They open everything, or find anybody.


@check(
    "SEC-08",
    steps=(
        "A probe gives a text of its own in each way in: name, address, browser's name, organisation, site, device, token, "
        "request by page and by mail, reasons, an invitation, a reading's tag at the crop door, an uploaded file. It makes an "
        "export. A second file is half sent while the check looks.",
        "Every file that was changed since is read: the data folder, temporary folders, files that a process holds open. Of "
        "older files some are read each time, all within days. So are the root keys looked for.",
        "The keys' files are looked at; a value of one probe is tried with the keys of another; each file of the crop store must "
        "carry the engine's mark of an encrypted file.",
    ),
    oracle="Raw bytes, searched as UTF-8, UTF-16, hex and base64; a decryption of the check's own; modes and places of files.",
)
def sealing() -> Finding:
    """What a probe wrote, and is just sending, stands in no byte of what the processes can write; keys lie apart."""
    steps, began = Steps(), time.time()
    with open_stage() as stage:
        given = filled.person(stage)
        tag, sent = given.canary("reading's tag"), given.canary("file that is being sent")
        status = filled.send_reading(given.device, f"probe,note={tag} air_temp=21.5 {time.time_ns()}")
        if status != 204:
            raise UnavailableError(f"A probe's reading was answered {status}.")
        filled.export(given)
        with _sending(given, sent):
            search = file_reader.look(given.needles, began=began, secrets=_root_keys())
        claim = f"none of {len(given.needles)} texts and of the root keys is readable in {search.extent}"
        steps.expect(claim, search.count > 0 and not search.places, ", ".join(search.places[:3]))
        file_reader.tell_elsewhere(steps)
        _crop_files(steps)
        _keys_apart(steps)
        _a_key_each(steps, given)
        _spool(steps, stage)
    steps.note(
        "backups and replicas, which this installation does not have; that keys are rotated, which the operator does by a command"
    )
    return steps.judged()


@contextmanager
def _sending(given: Filled, canary: str) -> Iterator[None]:
    """While the block lasts, a file is half sent to the web door. Raises UnavailableError."""
    door, line = settings.WEB_DOOR, f"2024-05-31 12:00,1,{canary}\n".encode()
    cookies = "; ".join(f"{name}={value}" for name, value in given.resident.visitor.cookies.items())
    head = (
        f"POST {given.resident.page('import')} HTTP/1.1\r\nHost: {door.netloc}\r\nCookie: {cookies}\r\n"
        f"Content-Type: multipart/form-data; boundary=probe\r\nContent-Length: {SENT_BYTES * 2}\r\n\r\n--probe\r\n"
        'Content-Disposition: form-data; name="file"; filename="probe.csv"\r\n\r\n'
    )
    trust = sockets.context()
    try:
        with (
            socket.create_connection((door.address, door.port), 20) as link,
            trust.wrap_socket(link, server_hostname=door.host) as secured,
        ):
            secured.sendall(head.encode() + line * (SENT_BYTES // len(line)))
            time.sleep(0.3)  # until the web part has put away what it was sent
            secured.setblocking(False)
            with suppress(ssl.SSLWantReadError):  # It waits for the rest, as it should.
                if refusal := secured.recv(200):
                    answer = refusal[:40].decode(errors="replace")
                    raise UnavailableError(f"The web door refused the probe's file: {answer}")
            yield
    except OSError as error:
        raise UnavailableError("The web door did not take the probe's file.") from error


def _root_keys() -> tuple[bytes, ...]:
    """The root keys' own bytes, and as hex."""
    paths = [path for name in ROOTS for path in Path(settings.KEYS_FOLDER).glob(name)]
    raw = [path.read_bytes() for path in paths]
    return tuple(form for key in raw for form in (key, key.hex().encode()))


def _crop_files(steps: Steps) -> None:
    files = file_reader.crop_files()
    if not files.count:
        raise UnavailableError("The crop store's disk holds no file that this check can see.")
    claim = f"each of {files.count} files of the crop store carries the engine's mark of an encrypted file"
    steps.expect(claim, not files.unsealed, ", ".join(files.unsealed[:2]))


def _keys_apart(steps: Steps) -> None:
    keys = Path(settings.KEYS_FOLDER).resolve()
    steps.expect("the keys lie apart from the data", evidence.keys_lie_apart())
    paths = [path for path in keys.rglob("*") if path.is_file()]
    shared = evidence.open_to_others([keys, *paths])
    owner = keys.stat().st_uid  # Who started the service, or the worker's own user.
    foreign = [path.name for path in paths if path.stat().st_uid != owner]
    wrong = ", ".join([*shared, *foreign][:3])
    claim = f"the keys' folder and its {len(paths)} files are readable by their owner, and by the parts that they are for, only"
    steps.expect(claim, bool(paths) and not shared and not foreign, wrong)
    steps.expect("nothing in the data folder leads to them", not file_reader.keys().linked)


def _a_key_each(steps: Steps, given: Filled) -> None:
    resident, colleague = given.resident, given.colleague
    rows = {who.organisation: opened.held(opened.rows_naming([who.organisation])) for who in (resident, colleague)}
    keys = {who.organisation: opened.keys_of(who.organisation) for who in (resident, colleague)}
    own = [value for value in rows[resident.organisation] if value.table == "access_organisation"]
    opens = [opened.open_value(value, resident.organisation, keys[resident.organisation]) for value in own]
    steps.expect("a customer's value opens with the customer's key", bool(own) and None not in opens)
    crossed = [
        opened.open_value(value, owner, keys[colleague.organisation])
        for value in own
        for owner in (resident.organisation, colleague.organisation)
    ]
    steps.expect("it does not open with another customer's key", bool(crossed) and not any(crossed))
    everyone = [
        opened.keys_of(owner)
        for owner in (resident.organisation, colleague.organisation, resident.person, colleague.person)
    ]
    distinct = {key for of_one in everyone for key in of_one.values()}
    good = all(everyone) and len(distinct) == sum(map(len, everyone))
    steps.expect("each of two customers and two persons has keys of its own", good)
    question: LiteralString = "SELECT DISTINCT root_generation FROM vault_data_key WHERE destroyed_at IS NULL"
    roots = {row[0] for row in oracle.rows(question, database=oracle.VAULT)}
    there = [root for root in roots if (settings.KEYS_FOLDER / f"root-{root}.key").exists()]
    steps.expect(
        "each living data key is wrapped by a root key that is there", bool(roots) and len(there) == len(roots)
    )


def _spool(steps: Steps, stage: Stage) -> None:
    """Nothing with a name lies where files are held for a moment: what is sent has none, and goes with its process."""
    folder = Path(settings.DATA_FOLDER) / "spool"
    left = [path.name for path in folder.rglob("*")] if folder.is_dir() else []
    steps.expect("what is held for a moment has no name on the disk", not left, f"{len(left)} files")
