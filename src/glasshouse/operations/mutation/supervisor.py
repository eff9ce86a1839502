"""The supervisor of a scratch service, as a program: `python -m glasshouse.operations.mutation.supervisor DATA KEYS PORT`.

It runs from the copied source, so all parts do. Commands come as JSON lines on standard input, and each is answered by one on
standard output; at the end of input everything is stopped. So nothing outlives whoever started it, however that one ended.
"""

import json
import os
import queue
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from glasshouse.kernel import users
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.operations import ports, service
from glasshouse.operations.health import Patience
from glasshouse.operations.installation import Installation, InstallationError
from glasshouse.operations.processes import Supervisor

GRACE_S = 5.0
Command = dict[str, object]


def installation(data: Path, keys: Path, port: int) -> Installation:
    """The installation of a scratch service: a demo, whose ports stand side by side."""
    return Installation(data, keys, port, port + 1, port + 2, demo=True)


@dataclass(slots=True)
class Commands:
    """Carries out what is read from standard input, between two looks of the supervisor at its parts."""

    home: Installation
    supervisor: Supervisor = field(default_factory=Supervisor)
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def read(self) -> None:
        """Read lines until the end of input; to be run in a thread of its own."""
        for line in sys.stdin:
            self.lines.put(line)
        # To the main thread, which may be waiting for a part to start.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def take(self) -> None:
        """Carry out what has been read so far."""
        while not self.lines.empty():
            try:
                answer(self.carry_out(json.loads(self.lines.get())))
            except (GlasshouseError, OSError) as error:
                answer({"error": str(error)})

    def carry_out(self, command: Command) -> Command:
        """Carry out one command; returns the process number of each part. Raises InstallationError."""
        if command["verb"] == "restart":
            self._restart(command)
        elif command["verb"] == "migrate":
            service.migrate(self.home)
        return {"processes": {part.name: part.child.pid for part in self.supervisor.parts if part.child}}

    def _restart(self, command: Command) -> None:
        names, variables = command["parts"], command["variables"]
        if not isinstance(names, list) or not isinstance(variables, dict):
            raise TypeError("A restart names its parts and their variables.")
        parts = [part for part in self.supervisor.parts if part.name in names]
        for part in reversed(parts):
            part.end(GRACE_S)
        for part in parts:
            changed = part.environment | variables
            part.environment = {name: value for name, value in changed.items() if value is not None}
            if part.user:
                part.user = users.of(str(command.get("user") or part.name))
            part.start()
        try:
            service.wait_until_open(self.home, self.supervisor)
        except InstallationError:
            # A breakage may leave a door without TLS: then it is enough that somebody listens.
            if any(map(ports.is_free, (self.home.port, self.home.crops_port, self.home.mail_port))):
                raise


def answer(facts: Command) -> None:
    """Write one line."""
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Run a scratch service until the end of input."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell may have it ignored in the background.
    service.PATIENCE = Patience(every_s=10, deadline_s=60, failures=60, start_s=1800)  # A stopped part stays stopped.
    home = installation(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    commands = Commands(home)
    threading.Thread(target=commands.read, daemon=True).start()
    try:
        with service.running(home, lambda text: print(text, file=sys.stderr, flush=True)) as supervisor:
            commands.supervisor = supervisor
            answer(commands.carry_out({"verb": "look"}))
            supervisor.watch(commands.take)
    except KeyboardInterrupt:
        pass  # The end of input.
    except GlasshouseError as error:
        answer({"error": str(error)})
    sys.stdout.flush()
    os._exit(0)  # The thread that reads standard input may be waiting in it.


if __name__ == "__main__":
    main()
