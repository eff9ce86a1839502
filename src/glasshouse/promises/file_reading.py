"""What the file reader answers: which files hold a pattern, how the keys lie, what the processes are, what a user can open.

Rules of this module:

1. No answer holds content of a file, or what a process was started with: names, counts, modes, owners, numbers.
2. Each question has bounds: how many patterns, how long, how many names in an answer. The keys are never searched: whoever may
   ask could find out a secret piece by piece.
3. What a user can open is tried as that user, in a process that has no capability left.

Knows no database and no settings. Source: decision record 34.
"""

import hashlib
import json
import os
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.kernel import users
from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises import processes, readable
from glasshouse.promises.raw_bytes import begins_encrypted, files, needles_of, whether_holds

Progress = Callable[[int], None]
MOST_PATTERNS, LEAST_BYTES, MOST_BYTES, MOST_NAMES = 4_000, 6, 4_000, 50
EVERYWHERE, IN_CROPS, IN_LOGS = "everywhere", "crops", "logs"
TRIED_S = 20
OF_KEYS = ("people", "crops", "store", "tls")


class RefusedError(Exception):
    """A question that is none of ours, or past its bounds."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of an installation: data, the folder above the keys of both planes, the key store."""

    data: Path
    keys: Path
    keystore: Path


def answer(places: Places, question: dict[str, Any], progress: Progress) -> Any:
    """The answer to a question, as JSON values. Raises RefusedError, UnavailableError, OSError, or what progress raises."""
    match question:
        case {"verb": "ping"}:
            return "pong"
        case {"verb": "search", "within": within, "texts": list(texts), "secrets": list(secrets), "began": began}:
            return _search(places.data, str(within), _texts(texts), _secrets(secrets), float(began), progress)
        case {"verb": "crop files"}:
            return _crop_files(places.data)
        case {"verb": "keys"}:
            return _keys(places)
        case {"verb": "processes"}:
            return [_process(places, number) for number in processes.numbers_of(places.data)]
        case {"verb": "trial", "process": int(number)}:
            return _trial(places, number)
    raise RefusedError("unknown question")


def _texts(given: list[Any]) -> list[str]:
    if len(given) > MOST_PATTERNS or not all(
        isinstance(text, str) and LEAST_BYTES <= len(text.encode()) <= MOST_BYTES for text in given
    ):
        raise RefusedError(f"at most {MOST_PATTERNS} texts of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return given


def _secrets(given: list[Any]) -> tuple[bytes, ...]:
    secrets = tuple(bytes.fromhex(str(secret)) for secret in given)
    if len(secrets) > MOST_PATTERNS or not all(LEAST_BYTES <= len(secret) <= MOST_BYTES for secret in secrets):
        raise RefusedError(f"at most {MOST_PATTERNS} patterns of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secrets


# -- files -----------------------------------------------------------------------------------------------------------


def _search(
    data: Path, within: str, texts: list[str], secrets: tuple[bytes, ...], began: float, progress: Progress
) -> dict[str, Any]:
    if not texts and not secrets:
        raise RefusedError("no pattern")
    if within == EVERYWHERE:
        search = readable.look(data, texts, began=began, secrets=secrets, progress=progress)
        counts = {"count": search.count, "passed": search.passed, "left": search.left}
        return counts | {"places": search.places[:MOST_NAMES]}
    if within not in (IN_CROPS, IN_LOGS):
        raise RefusedError("unknown place")
    count, places, needles = 0, [], [*needles_of(texts), *secrets]
    for path in _logs(data) if within == IN_LOGS else files(data / "crops"):
        try:
            if path.stat().st_mtime < began - 1:
                continue
            progress(count)
            count += 1
            if whether_holds(path, needles):
                places.append(path.name)
        except FileNotFoundError:  # It was merged or put away meanwhile.
            continue
    return {"count": count, "passed": 0, "left": 0, "places": places[:MOST_NAMES]}


def _logs(data: Path) -> Iterator[Path]:
    for path in files(data):
        if "log" in path.suffix or path.parent == data / "logs":
            yield path


def _crop_files(data: Path) -> dict[str, Any]:
    disk = data / "crops" / "raw" / "sealed"
    sealed = list(files(disk)) if disk.is_dir() else []
    return {
        "count": len(sealed),
        "unsealed": [path.name for path in sealed if not begins_encrypted(path)][:MOST_NAMES],
    }


def _keys(places: Places) -> dict[str, Any]:
    """How the folders and files of keys lie; how many keys are in more than one file; how many links of the data lead to them."""
    keys = places.keys
    paths = [path for name in OF_KEYS if (keys / name).is_dir() for path in (keys / name, *(keys / name).rglob("*"))]
    facts = [(path, path.lstat()) for path in paths[:MOST_PATTERNS]]
    secret = [path for path, fact in facts if stat.S_ISREG(fact.st_mode) and path.suffix in (".key", ".secret")]
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in secret}
    lying = [
        {"name": str(path.relative_to(keys)), "uid": fact.st_uid, "gid": fact.st_gid, "mode": fact.st_mode}
        for path, fact in facts
    ]
    links = [path.resolve() for path in (*places.data.glob("*"), *places.data.glob("*/*")) if path.is_symlink()]
    linked = sum(path.is_relative_to(keys.resolve()) for path in links)
    return {"lying": lying, "shared": len(secret) - len(digests), "linked": linked}


# -- processes -------------------------------------------------------------------------------------------------------


def _process(places: Places, number: int) -> dict[str, Any]:
    identity, listening = processes.identity_of(number), dict(processes.listening())
    started, open_files = processes.started_with(number), processes.open_files(number)
    ours = [
        f"{name}/{Path(path).relative_to(folder)}"
        for name, folder in (("data", places.data), ("keys", places.keys))
        for path in open_files
        if Path(path).is_relative_to(folder)
    ]
    return {
        "number": number,
        "program": processes.program_of(number),
        "part": _part(places, number),
        "users": identity.get("Uid", []),
        "groups": [*identity.get("Gid", []), *identity.get("Groups", [])],
        "capabilities": identity.get("CapEff", [0])[0],
        "key_places": [name for name in ("people", "crops") if str(places.keys / name).encode() in started],
        "open": ours,
        "listens_at": [
            listening[link[8:-1]] for link in open_files if link.startswith("socket:[") and link[8:-1] in listening
        ],
    }


def _part(places: Places, number: int) -> str:
    """Which part a process belongs to, by its command; "": it is none of them, or below one."""
    arguments = processes.arguments_of(number)
    for folder, name in ((places.data / "people", "people store"), (places.keystore / "cluster", "key store")):
        if str(folder) in arguments and Path(arguments[0]).name == "postgres":
            return name
    program = processes.program_of(number)
    named = {"inbound_smtp": users.MAIL, "file_reader": users.READER, "sandbox_starter": users.STARTER}
    return named.get(program, program if program in users.PARTS else "")


def _trial(places: Places, number: int) -> list[str] | None:
    """What the user of a process can open: files of keys, and folders of data. None: we may not become that user."""
    if number not in processes.numbers_of(places.data):
        raise RefusedError("no process of ours")
    identity = processes.identity_of(number)
    if not identity or not _may_become_others():
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _try_as(identity, places, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answered:
        tried = answered.read()
    _, status = os.waitpid(child, 0)
    if status or not tried:
        raise UnavailableError("What the user of a part can open could not be tried.")
    opened: list[str] = json.loads(tried)
    return opened


def _may_become_others() -> bool:
    return bool(processes.identity_of(os.getpid()).get("CapEff", [0])[0] >> users.SETUID & 1)


def _try_as(identity: dict[str, list[int]], places: Places, writing: int) -> None:
    """In a process of its own, which ends here: become that user, with no capability, and try."""
    code = 1
    try:
        signal.alarm(TRIED_S)
        candidates = list(_candidates(places))  # While everything can be listed.
        os.setgroups(identity["Groups"])
        os.setresgid(identity["Gid"][0], identity["Gid"][1], identity["Gid"][1])
        os.setresuid(identity["Uid"][0], identity["Uid"][1], identity["Uid"][1])
        users.hold(())
        opened = [name for name, path in candidates if _opens(path)]
        os.write(writing, json.dumps(opened).encode())
        code = 0
    finally:
        os._exit(code)


def _candidates(places: Places) -> Iterator[tuple[str, Path]]:
    for folder, names in (("keys", OF_KEYS), ("keystore", ("cluster", "backups", "socket"))):
        top = places.keys if folder == "keys" else places.keystore
        for name in names:
            yield f"{folder}/{name}/", top / name
            if folder == "keys":
                yield from (
                    (f"keys/{path.relative_to(top)}", path) for path in (top / name).rglob("*") if path.is_file()
                )
    for path in (*places.data.iterdir(), *(places.data / "tmp").glob("*"), *(places.data / "run").glob("*")):
        if path.is_dir():
            yield f"data/{path.relative_to(places.data)}/", path


def _opens(path: Path) -> bool:
    """Whether this process can read a file, or list a folder, or write either."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return os.access(path, os.W_OK, effective_ids=True)
    return True
