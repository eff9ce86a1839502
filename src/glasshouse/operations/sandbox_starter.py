"""The sandbox starter: a part that starts the sandbox's process as a user who owns nothing, and can do nothing else.

Rules of this module:

1. It runs where root started the service: no other part may give a process another user. It keeps the rights to do that, and to
   kill what it started, and has no key, no folder and no connection of ours.
2. It listens on a Unix socket and asks the kernel who calls: web, mail listener, worker and root. A caller hands over two pipes,
   and chooses nothing: neither program, arguments, environment nor user.
3. The connection is the child's life. Who hangs up has killed it; whoever is slow to say what they want is hung up on.
4. MOST_CHILDREN run at once, MOST_OF_ONE of them for one part, so that one that was taken over leaves places to the others, and
   each for LONGEST_S. One more is refused, and its caller says that no process could be started.

5. What a caller hands over may make its last close wait as long as the caller likes (SO_LINGER). A signal ends such a wait, so a
   timer runs while a turn works.

One thread: it forks, and never waits. Source: decision record 43.
"""

import itertools
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog

from crop_contract import logs, sandbox_kernel
from crop_contract.processes import die_with_parent
from crop_contract.sandbox_process import COMMAND, ENVIRONMENT, START
from glasshouse.kernel import users
from glasshouse.kernel.errors import stack_of
from glasshouse.kernel.places import starter_socket
from glasshouse.kernel.users import PartUser
from glasshouse.operations.file_reader import listen, peer_of

log = structlog.stdlib.get_logger("glasshouse.sandbox_starter")
MOST_CHILDREN, MOST_CALLERS, ASKS_WITHIN_S, LOOKS_S = 16, 64, 5.0, 1.0
MOST_OF_ONE = 12  # children of one part; of its connections as large a share. Root, who could do anything, has all.
LONGEST_S = 900.0  # of a child: longer than any caller's own deadline
PIPES = 2  # the child's input and its output
CLOSES_WITHIN_S = 0.02  # of what a caller handed over
ALIVE = b"alive\n"  # what the supervisor asks


@dataclass(slots=True, eq=False)
class Caller:
    """Who is connected. user: their number; child: of theirs, once it is started; pidfd: by which its end is seen."""

    link: socket.socket
    user: int
    since: float = field(default_factory=time.monotonic)
    child: "subprocess.Popen[bytes] | None" = None
    pidfd: int = -1


class Starter:
    """Takes callers, starts a process for each, tells each how theirs ended."""

    def __init__(self, listener: socket.socket, allowed: frozenset[int]) -> None:
        self._listener, self._allowed = listener, allowed
        self._callers: set[Caller] = set()
        self._looking = selectors.DefaultSelector()
        self._users = itertools.cycle(
            range(sandbox_kernel.FIRST_USER, sandbox_kernel.FIRST_USER + sandbox_kernel.USERS)
        )
        listener.setblocking(False)
        self._looking.register(listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Work until the process ends."""
        while True:
            self.turn()

    def turn(self) -> None:
        """What happened within LOOKS_S."""
        events = self._looking.select(LOOKS_S)
        with _waits_cut_off():
            self._serve(events)

    def _serve(self, events: "list[tuple[selectors.SelectorKey, int]]") -> None:
        for key, _ in events:
            try:
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._callers and key.fd == key.data.pidfd:
                    self._ended(key.data)
                elif key.data in self._callers:
                    self._heard(key.data)
            except Exception as error:  # noqa: BLE001 - one caller's; noted without its text, and the others are served
                log.error("caller not served", stack=stack_of(error))
                if key.data in self._callers:
                    self._part(key.data)
        now = time.monotonic()
        for caller in list(self._callers):
            if now - caller.since > (LONGEST_S if caller.child else ASKS_WITHIN_S):
                self._part(caller)

    def _accept(self) -> None:
        with suppress(OSError):
            link, _ = self._listener.accept()
            user = peer_of(link)
            of_one = MOST_CALLERS * MOST_OF_ONE // MOST_CHILDREN
            of_theirs = sum(caller.user == user for caller in self._callers) if user else 0
            if user not in self._allowed or len(self._callers) >= MOST_CALLERS or of_theirs >= of_one:
                link.close()
                return
            link.setblocking(False)
            caller = Caller(link, user)
            self._callers.add(caller)
            self._looking.register(link, selectors.EVENT_READ, caller)

    def _heard(self, caller: Caller) -> None:
        """A caller asks; or hangs up, or says anything more, which ends its child."""
        try:
            said, pipes, flags, _ = socket.recv_fds(caller.link, len(START), PIPES)
        except BlockingIOError:
            return
        except OSError:
            said, pipes, flags = b"", [], 0
        try:
            if caller.child is not None:
                caller.child.kill()
                self._looking.unregister(caller.link)  # The child's end is told all the same.
            elif said == ALIVE:
                caller.link.send(b'{"alive": true}\n')
                self._part(caller)
            elif (said, len(pipes), flags & socket.MSG_CTRUNC) != (START, PIPES, 0) or self._is_full(caller.user):
                self._part(caller)
            else:
                self._start(caller, *pipes)
        finally:
            for pipe in pipes:
                os.close(pipe)

    def _is_full(self, user: int) -> bool:
        """Whether no child more may run, or none more of this user."""
        running = [caller.user for caller in self._callers if caller.child is not None]
        return len(running) >= MOST_CHILDREN or (user != 0 and running.count(user) >= MOST_OF_ONE)

    def _start(self, caller: Caller, stdin: int, stdout: int) -> None:
        number = next(self._users)
        nobody = PartUser(number, number)
        try:
            caller.child = subprocess.Popen(
                COMMAND,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                close_fds=True,
                start_new_session=True,
                preexec_fn=lambda: users.become(nobody),
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.error("no process could be started", error=type(error).__name__)
            self._part(caller)
            return
        caller.pidfd = os.pidfd_open(caller.child.pid)
        self._looking.register(caller.pidfd, selectors.EVENT_READ, caller)
        self._tell(caller, {"parent": os.getpid()})

    def _ended(self, caller: Caller) -> None:
        assert caller.child is not None  # noqa: S101 - whoever has a pidfd has a child
        _, wait_status, usage = os.wait4(caller.child.pid, 0)
        caller.child.returncode = os.waitstatus_to_exitcode(wait_status)
        self._tell(caller, {"status": caller.child.returncode, "spent_s": usage.ru_utime + usage.ru_stime})
        self._part(caller)

    def _tell(self, caller: Caller, fact: dict[str, object]) -> None:
        with suppress(OSError):  # Nobody is there any more: the next look at the link says so.
            caller.link.send(json.dumps(fact).encode() + b"\n")

    def _part(self, caller: Caller) -> None:
        """Have done with a caller, and with what still runs for them."""
        self._callers.discard(caller)
        for looked_at in (caller.link, caller.pidfd):
            with suppress(KeyError, ValueError):  # It is not looked at.
                self._looking.unregister(looked_at)
        caller.link.close()
        if caller.child is not None and caller.child.returncode is None:
            caller.child.kill()
            caller.child.wait()
        if caller.pidfd >= 0:
            os.close(caller.pidfd)


@contextmanager
def _waits_cut_off() -> Iterator[None]:
    """Within, a signal comes every CLOSES_WITHIN_S. Python's own calls go on after it; a close does not wait any longer."""
    signal.setitimer(signal.ITIMER_REAL, CLOSES_WITHIN_S, CLOSES_WITHIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def is_alive(path: Path, deadline_s: float) -> bool:
    """Whether a starter answers at its socket. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(deadline_s)
        link.connect(str(path))
        link.sendall(ALIVE)
        return bool(link.recv(100))


def main() -> None:
    """Start what is asked for until told to stop."""
    logs.configure()
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGALRM, lambda *_: None)
    listener = listen(starter_socket(Path(os.environ["GLASSHOUSE_DATA"])), MOST_CALLERS)
    logs.take_uncaught()
    callers = {0, *(users.number(part) for part in (users.WEB, users.MAIL, users.WORKER))}
    Starter(listener, frozenset(callers)).serve()


if __name__ == "__main__":
    main()
