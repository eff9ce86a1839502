"""The fork server: reads the libraries of the people plane once, and forks its parts, which share that memory.

Rules of this module:

1. It has read libraries, and nothing of ours but what makes a process a part. It knows no setting, no key, no folder and no
   store, so no part can find anything of another part in what it inherits. An order is read by the forked process alone.
2. Its supervisor alone gives it orders, over the socket that it was started with. When that closes, it and its parts end.
3. It has one thread: what is forked of a process with several may hang.
4. What it forks forgets our modules and reads them anew, from where its own environment says. It becomes its user before it
   reads anything else, and shows its own command and environment, as a program does that was started afresh.

The crop plane is never forked here. Source: decision record 53.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glasshouse.kernel import closed_folders, users
from glasshouse.kernel.users import PartUser

# The variable with the number of the socket; what is said when all is read; what the supervisor says, beside files.
LINK, READY, FORK = "GLASSHOUSE_FORK_LINK", b"ready", b"fork"
ORDER_FILES = 3  # where the part's number and its end are told, its order, and where it writes
# Room for what differs in a part's command, and for its environment: an argument and a variable of our own are as long.
COMMAND_ROOM, ENVIRONMENT_ROOM, ROOM = 100, 32_000, "GLASSHOUSE_ROOM"
_DIES_WITH_PARENT, _MAY_BE_LOOKED_AT, _KEEP_CAPABILITIES = 1, 4, 8  # prctl(2)
_ARGUMENTS_AT = 48  # the field of /proc/PID/stat, counted from 1 (proc_pid_stat(5))
OURS = ("glasshouse", "crops", "crop_contract")
# What web, worker and mail listener read all or nearly all (`tests/test_fork_server.py` holds it against what they read).
LIBRARIES = (
    "aiosmtpd.controller",
    "anyio",
    "argon2",
    "astral.sun",
    "certifi",
    "croniter",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.serialization.pkcs7",
    "cryptography.x509",
    "django.contrib.auth.hashers",
    "django.contrib.auth.password_validation",
    "django.contrib.postgres.fields",
    "django.contrib.postgres.search",
    "django.core.handlers.asgi",
    "django.core.mail",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.middleware.csrf",
    "django.middleware.security",
    "django.shortcuts",
    "django.template.defaulttags",
    "django.templatetags.i18n",
    "django.test",
    "django.utils.translation.trans_real",
    "django.views.debug",
    "django.views.generic",
    "django.views.static",
    "dkim",
    "dns.resolver",
    "email_validator",
    "granian.server",
    "h2.connection",
    "holidays",
    "httpcore",
    "httpx",
    "procrastinate",
    "psycopg",
    "psycopg_pool",
    "pydantic.dataclasses",
    "pydantic.networks",
    "pydantic.type_adapter",
    "pyotp",
    "segno",
    "selectolax.lexbor",
    "spf",
    "sqlparse",
    "statistics",
    "structlog",
    "xml.etree.ElementTree",
)


class Order(NamedTuple):
    """What a part is. command: a Python and a module of ours; user: None: as we are; stop: the signal that ends it."""

    command: list[str]
    environment: dict[str, str]
    user: PartUser | None
    opened: dict[Path, list[Path]]
    open_files: int
    stop: int


def encoded(order: Order) -> bytes:
    """An order as it is sent. Raises ValueError where it is too large for what a part shows of itself."""
    opened = {str(folder): [str(path) for path in paths] for folder, paths in order.opened.items()}
    content = json.dumps({**order._asdict(), "opened": opened}).encode()
    _, environment = _shown(order)
    is_ours = order.command[:2] == [sys.executable, "-m"] and len(order.command) == 3
    if not is_ours or len(order.command[2]) > COMMAND_ROOM or len(environment) > ENVIRONMENT_ROOM:
        raise ValueError("The command of a part is another, or its environment is too large.")
    return content


def _read(handle: int) -> Order:
    """The order in an open file, which is closed."""
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        facts = json.loads(file.read())
    user = facts["user"]
    opened = {Path(folder): [Path(path) for path in paths] for folder, paths in facts["opened"].items()}
    return Order(**{**facts, "user": PartUser(*user) if user else None, "opened": opened})


def _shown(order: Order) -> tuple[bytes, bytes]:
    """Command and environment as the kernel shows them of a process."""
    return _ended(order.command), _ended(f"{name}={value}" for name, value in order.environment.items())


def _ended(texts: Iterable[str]) -> bytes:
    """Texts one after the other, each with a zero byte behind it."""
    return b"".join(os.fsencode(text) + b"\0" for text in texts)


# -- the server ------------------------------------------------------------------------------------------------------


def read_libraries() -> None:
    """Read LIBRARIES. Those that only some programs use are left out where a library takes them along if they are there."""
    for name in ("rich", "click"):
        sys.modules[name] = None  # type: ignore[assignment]  # Whoever imports it now is told that it is not there.
    for library in LIBRARIES:
        importlib.import_module(library)
    for name in ("rich", "click"):
        del sys.modules[name]


class Forked(NamedTuple):
    """In a process that was forked: the server's number, an open file with the order, and one for output; None: as ours."""

    server: int
    order: int
    log: int | None


def serve(link: socket.socket) -> Forked | None:
    """Fork when told to. Returns in each process that is forked; and None in this one, when the link closes."""
    looking, server = selectors.DefaultSelector(), os.getpid()
    looking.register(link, selectors.EVENT_READ)
    children: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> number, where its end is told
    while True:
        for key, _ in looking.select():
            if key.fd in children:
                looking.unregister(key.fd)
                _tell_end(key.fd, *children.pop(key.fd))
                continue
            said, handles, _, _ = socket.recv_fds(link, len(FORK), ORDER_FILES)
            if not said:
                return None
            teller, order, log = socket.socket(fileno=handles[0]), handles[1], (*handles[2:], None)[0]
            number = _fork()
            if number == 0:
                looking.close()
                for place in (link, teller, *(other for _, other in children.values())):
                    place.close()
                for pidfd in children:
                    os.close(pidfd)
                return Forked(server, order, log)
            for handle in handles[1:]:
                os.close(handle)
            if number is None:
                teller.close()
                continue
            pidfd = os.pidfd_open(number)
            children[pidfd] = number, teller
            looking.register(pidfd, selectors.EVENT_READ)
            with suppress(OSError):  # Nobody waits for it any more.
                socket.send_fds(teller, [str(number).encode()], [pidfd])


def _fork() -> int | None:
    """The number of a new process; 0: we are it; None: the system lets no more be."""
    try:
        return os.fork()
    except OSError:
        return None


def _tell_end(pidfd: int, number: int, teller: socket.socket) -> None:
    os.close(pidfd)
    _, status = os.waitpid(number, 0)
    with suppress(OSError), teller:
        teller.send(str(os.waitstatus_to_exitcode(status)).encode())


# -- what is forked --------------------------------------------------------------------------------------------------


def become(forked: Forked) -> Order:
    """Become what the order says, all but its program; returns it. Raises OSError where the system does not let us."""
    order = _read(forked.order)
    os.setsid()
    if forked.log is not None:
        for output in (1, 2):
            os.dup2(forked.log, output)
        os.close(forked.log)
    os.chdir("/")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (order.open_files, most))
    _show(order)
    if order.user:
        closed_folders.open_up(order.opened)
        users.become(order.user)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_DIES_WITH_PARENT, order.stop)
        # As a program that was started afresh: its own user may look at it.
        libc.prctl(_KEEP_CAPABILITIES, 0, 0, 0, 0)
        libc.prctl(_MAY_BE_LOOKED_AT, 1, 0, 0, 0)
    if os.getppid() != forked.server:  # It died before the kernel knew that we die with it.
        sys.exit(1)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    tempfile.tempdir = None
    return order


def _show(order: Order) -> None:
    """Have the kernel show this command and environment, as of a program that was started with them.

    Checks, health and operators know a process by them (`promises/processes.py`). They lie where ours lay, which has room.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin = _ARGUMENTS_AT - 3  # Behind the name come the fields from the third on.
    arguments, arguments_end, environment, environment_end = map(int, fields[begin : begin + 4])
    os.environ.clear()  # So the C library points at nothing of what is written over.
    for address, end, content in zip(
        (arguments, environment), (arguments_end, environment_end), _shown(order), strict=True
    ):
        if len(content) > end - address:
            raise OSError("There is no room for the command or the environment of a part.")
        ctypes.memset(address, 0, end - address)
        ctypes.memmove(address, content, len(content))


def run(order: Order) -> None:
    """Run the program of the order, which reads our code from where its environment says."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    others = [place for place in sys.path if Path(place or "/") not in (closed_folders.SOURCE, Path("/"))]
    sys.path[:] = [*filter(None, order.environment.get("PYTHONPATH", "").split(os.pathsep)), *others]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    sys.argv[:] = order.command[2:3]
    runpy.run_module(order.command[2], run_name="__main__", alter_sys=True)


def main() -> Order | None:
    """Serve; returns the order in what is forked, once it has become its part."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    read_libraries()
    gc.collect()
    gc.freeze()  # Looking for garbage writes into each object, so that its memory would not be shared any more.
    link = socket.socket(fileno=int(os.environ.pop(LINK)))
    link.set_inheritable(False)
    link.send(READY)
    forked = serve(link)
    return become(forked) if forked else None


if __name__ == "__main__":
    if part := main():
        run(part)
