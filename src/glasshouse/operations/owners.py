"""Who owns which folder and file of an installation: settled at each start, so that each part's user reads only what it needs.

Rules of this module:

1. It runs as root while no part does. An ordinary user's installation is that user's, and stays so.
2. Keys are settled file by file at each start. A folder of data is settled as a whole where its own owner or mode is not right
   yet, and it comes last: a start that was cut off is finished by the next.
3. No link is followed: whoever owns a folder could lead us anywhere.

Source: SEC-10; decision record 34.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glasshouse.kernel import users
from glasshouse.kernel.doors import PROXY_AUTHORITY
from glasshouse.kernel.places import reader_socket_folder, starter_socket
from glasshouse.kernel.users import CROPS, DOORS, PEOPLE, READER, STARTER, TLS, WEB, WORKER
from glasshouse.operations import heartbeat, restarts
from glasshouse.operations.installation import KEYS_AUTHORITY, PEOPLE_AUTHORITY, Installation, InstallationError

# Of keys/people: what not all three processes of the people plane may read. By name: the group, or nobody.
OF_FEWER = {
    "capability.key": WEB,
    "erasure.secret": DOORS,
    "ledger.secret": "",
    "auditor.secret": "",
    "backup.secret": "",
    "support.secret": "",
}
FOR_ALL_LISTENERS = (
    *("ca.crt", "server.crt", "server.key", "public.crt", "public.key"),
    *(PEOPLE_AUTHORITY, KEYS_AUTHORITY, PROXY_AUTHORITY),
    # Ours for a PostgreSQL server of the operator's, and its key (`kernel/servers.py`).
    *(f"{Path(name).stem}-client.{kind}" for name in (PEOPLE_AUTHORITY, KEYS_AUTHORITY) for kind in ("crt", "key")),
)
ROOT = 0


class Belongs(NamedTuple):
    """Whose something is to be: the numbers of its user and group, and its mode."""

    uid: int
    gid: int
    mode: int


def settle(home: Installation) -> None:
    """Make the folders of the parts, and give each folder and file to whom it belongs. Raises InstallationError."""
    apart = users.are_apart()
    if apart:
        users.refuse_taken()
    try:
        for folder, belongs in _folders(home).items():
            _make(folder, belongs, apart=apart)
        if apart:
            _settle_keys(home)
            _settle_data(home)
        else:
            _take_back(home)
    except OSError as error:
        raise InstallationError(
            f"{error.filename} cannot be given to whom it belongs: {error.strerror}. Look at who owns it, and start again."
        ) from None


def temporary_folder(home: Installation, part: str = "start") -> Path:
    """Where a part may write for a moment; nobody else can look into it. Without a part: where a start and its programs may."""
    return home.data / "tmp" / part.replace(" ", "-")


def _own(part: str, mode: int = 0o700) -> Belongs:
    return Belongs(users.number(part), users.number(part), mode)


def _of_group(group: str, mode: int) -> Belongs:
    return Belongs(ROOT, users.number(group), mode)


def _folders(home: Installation) -> dict[Path, Belongs]:
    """The folders that the parts need besides those of the stores, outer ones first. mode: where each part has a user."""
    data, run = home.data, home.data / "run"
    passable = Belongs(ROOT, ROOT, 0o711)
    socket = reader_socket_folder(data)
    return {
        data: passable,
        home.keystore: passable,
        home.keys: passable,
        home.keys / "store": Belongs(ROOT, ROOT, 0o700),
        home.keys / "tls": _of_group(TLS, 0o2750),
        home.keys / "people": Belongs(users.number(WORKER), users.number(PEOPLE), 0o2750),
        home.day_keys: _own(WORKER),
        data / "logs": Belongs(ROOT, ROOT, 0o700),
        data / "tmp": passable,
        temporary_folder(home): Belongs(ROOT, ROOT, 0o700),
        **{temporary_folder(home, part): _own(part) for part in users.PARTS},
        data / "spool": _of_group(PEOPLE, 0o2770),
        data / "reading": _of_group(PEOPLE, 0o2770),
        run: passable,
        restarts.folder_in(data): _own(WORKER),
        heartbeat.folder_in(data, WORKER): _own(WORKER),
        heartbeat.folder_in(data, WEB): _own(WEB),
        run / "copies": _own(WORKER, 0o711),
        # Who may not pass cannot even knock.
        socket: Belongs(users.number(READER), users.number(WORKER), 0o2710),
        starter_socket(data).parent: Belongs(users.number(STARTER), users.number(PEOPLE), 0o2710),
        home.key_backups: _own(WORKER),
    }


def _make(folder: Path, belongs: Belongs, *, apart: bool) -> None:
    """Make a folder where it is missing; an ordinary user's is open to that user, but for passing through."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700 if apart or belongs.mode != 0o711 else 0o711, parents=True)
    # The folders around it are root's, but the one that a socket gets whose path would be too long.
    if folder.parent.stat().st_mode & 0o002 and (
        folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), belongs.uid)
    ):
        raise InstallationError(f"{folder} is somebody else's. Remove it, and start again.")
    if apart:
        # A link of the operator is followed, and none that a part could have put into a folder of its own.
        _give(folder.resolve() if folder.parent.stat().st_uid == ROOT else folder, belongs)


def _give(path: Path, belongs: Belongs) -> None:
    """Give one file or folder to whom it belongs. What is neither, or has more names than one, is left as it is."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            return
        error.filename = str(path)
        raise
    try:
        facts = os.fstat(handle)
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1 and facts.st_uid != belongs.uid:
            return  # Its other name may be anywhere.
        if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
            return
        if (facts.st_uid, facts.st_gid) != belongs[:2]:
            os.fchown(handle, belongs.uid, belongs.gid)
        if stat.S_IMODE(os.fstat(handle).st_mode) != belongs.mode:
            os.fchmod(handle, belongs.mode)
    finally:
        os.close(handle)


def _settle_keys(home: Installation) -> None:
    owner, crops = users.number(WORKER), home.keys / "crops"
    for path in _files_in(home.keys / "people"):
        group = OF_FEWER.get(path.name, PEOPLE)
        _give(path, Belongs(owner, users.number(group) if group else owner, 0o640 if group else 0o600))
    for path in _files_in(home.day_keys):
        _give(path, _own(WORKER, 0o600))
    for path in _files_in(crops):
        _give(path, _own(CROPS, 0o600))
    _give(crops, _own(CROPS))
    settle_certificates(home)
    for path in _files_in(home.keys / "store"):
        _give(path, Belongs(ROOT, ROOT, 0o600))


def settle_certificates(home: Installation) -> None:
    """Give each certificate and key of TLS to whom it belongs; also while the parts run, after a renewal. Raises OSError."""
    if users.are_apart():
        for path in _files_in(home.keys / "tls"):
            shared = path.name in FOR_ALL_LISTENERS
            _give(path, _of_group(TLS, 0o640) if shared else Belongs(ROOT, ROOT, 0o600))


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.is_symlink() and not path.is_dir()]


def _settle_data(home: Installation) -> None:
    blobs, crops = (home.data / "blobs").resolve(), (home.data / "crops").resolve()
    of_people = _of_group(PEOPLE, 0o2770)
    if not _is(blobs, of_people):
        _whole(blobs, of_people, files=0o660)
    if not _is(crops, _own(CROPS)):
        _whole(crops, _own(CROPS), files=0o600)
    if any(path.lstat().st_uid != users.number(WORKER) for path in home.key_backups.iterdir()):
        _whole(home.key_backups, _own(WORKER), files=0o600)


def _is(path: Path, belongs: Belongs) -> bool:
    facts = path.lstat()
    return (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == belongs


def _whole(top: Path, belongs: Belongs, *, files: int) -> None:
    """Give a folder with all in it, itself last. files: the mode of its files."""
    for folder, _, names, handle in os.fwalk(top, topdown=False, follow_symlinks=False):
        for name in names:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode):
                os.chown(name, belongs.uid, belongs.gid, dir_fd=handle, follow_symlinks=False)
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
                try:
                    os.fchmod(file, files)
                finally:
                    os.close(file)
        if Path(folder) != top:
            os.fchown(handle, belongs.uid, belongs.gid)
            os.fchmod(handle, belongs.mode)
    _give(top, belongs)


def _take_back(home: Installation) -> None:
    """An installation that root ran, and whose files were given to this user since: its keys are this user's alone again."""
    for folder in (home.keys / "people", home.keys / "crops", home.keys / "tls"):
        if folder.stat().st_mode & stat.S_ISGID:
            for path in _files_in(folder):
                if path.stat().st_uid == os.geteuid():
                    path.chmod(0o600)
            folder.chmod(0o700)
