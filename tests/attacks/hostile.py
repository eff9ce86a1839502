"""A worker that was taken over: it does what the order says, and tells how far it came. Runs in the sandbox only."""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crop_contract.sandbox_work import Answer, Refused


def loop(argument: str, answer: Answer) -> None:
    while True:
        pass


def loop_deaf(argument: str, answer: Answer) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    loop(argument, answer)


def sleep(argument: str, answer: Answer) -> None:
    answer.note("asleep")
    time.sleep(600)


def sleep_in_silence(argument: str, answer: Answer) -> None:
    os.close(1)
    time.sleep(600)


def allocate(argument: str, answer: Answer) -> None:
    pieces = []
    while True:
        pieces.append(b"x" * (16 << 20))


def fork(argument: str, answer: Answer) -> None:
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    answer.json("forked")


def thread(argument: str, answer: Answer) -> None:
    threading.Thread(target=time.sleep, args=(1,)).start()
    answer.json("started a thread")


def program(argument: str, answer: Answer) -> None:
    answer.json(subprocess.run(["/bin/echo", "started"], capture_output=True, text=True, check=True).stdout)


def replace_itself(argument: str, answer: Answer) -> None:
    os.execv("/bin/echo", ["echo", "x"])  # noqa: S606


def write_file(argument: str, answer: Answer) -> None:
    Path(argument).write_bytes(b"x")
    answer.json("written")


def write_temporary(argument: str, answer: Answer) -> None:
    with tempfile.TemporaryFile() as file:
        while True:
            file.write(b"x" * (1 << 20))


def write_memory_file(argument: str, answer: Answer) -> None:
    file = os.memfd_create("x")
    answer.json(os.write(file, b"x"))


def remove_file(argument: str, answer: Answer) -> None:
    Path(argument).unlink()
    answer.json("removed")


def answer_without_end(argument: str, answer: Answer) -> None:
    while True:
        answer.send(b"x" * (1 << 20))


def claim_long_answer(argument: str, answer: Answer) -> None:
    sys.stdout.buffer.write(struct.pack("!cQ", b"D", 1 << 62))
    sys.stdout.buffer.flush()
    time.sleep(600)


def answer_nonsense(argument: str, answer: Answer) -> None:
    sys.stdout.buffer.write(argument.encode())


def refuse_with_nonsense(argument: str, answer: Answer) -> None:
    answer.send(argument.encode(), b"R")


def break_with_nonsense(argument: str, answer: Answer) -> None:
    answer.send(argument.encode(), b"B")


def connect(argument: str, answer: Answer) -> None:
    with socket.create_connection(("127.0.0.1", int(argument)), 5) as link:
        answer.json(link.recv(10).decode())


def connect_by_path(argument: str, answer: Answer) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(argument)
        answer.json("connected")


def listen(argument: str, answer: Answer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer.json(server.getsockname()[1])


def read_file(argument: str, answer: Answer) -> None:
    answer.json(Path(argument).read_bytes()[:20].hex())


def list_folder(argument: str, answer: Answer) -> None:
    answer.json(sorted(path.name for path in Path(argument).iterdir()))


def tell_environment(argument: str, answer: Answer) -> None:
    answer.json(sorted(os.environ))


def tell_open_files(argument: str, answer: Answer) -> None:
    still_open = []
    for number in range(3, 1024):
        try:
            os.fstat(number)
        except OSError:
            continue
        still_open.append(number)
    answer.json(still_open)


def open_many(argument: str, answer: Answer) -> None:
    opened = []
    try:
        while True:
            opened.append(os.dup(0))
    except OSError:
        answer.json(len(opened))


def tell_user(argument: str, answer: Answer) -> None:
    answer.json([os.getuid(), os.geteuid(), os.getgid(), os.getgroups()])


def become_root(argument: str, answer: Answer) -> None:
    os.setuid(0)
    answer.json("root")


def no_new_rights(argument: str, answer: Answer) -> None:
    answer.json(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))


def signal_process(argument: str, answer: Answer) -> None:
    os.kill(int(argument), 0)
    answer.json("reached")


def look_into_process(argument: str, answer: Answer) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, int(argument), 0, 0):  # PTRACE_ATTACH
        raise PermissionError(ctypes.get_errno(), "ptrace")
    answer.json("attached")


def new_namespace(argument: str, answer: Answer) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000):
        raise PermissionError(ctypes.get_errno(), "unshare")
    answer.json("in a namespace")


def raise_limits(argument: str, answer: Answer) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    answer.json("raised")


def crash(argument: str, answer: Answer) -> None:
    ctypes.string_at(0)


def end_silently(argument: str, answer: Answer) -> None:
    os._exit(int(argument))


def refuse(argument: str, answer: Answer) -> None:
    raise Refused(argument)


def fail(argument: str, answer: Answer) -> None:
    raise ZeroDivisionError(argument)


ACTS: dict[str, Callable[[str, Answer], None]] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__
}


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Do what the order says. What the kernel refuses is answered."""
    try:
        ACTS[request["act"]](request.get("argument", ""), answer)
    except OSError as error:
        answer.json({"refused": error.errno})
    except RuntimeError as error:
        answer.json({"refused": str(error)})


def main() -> None:
    """Run acts in the sandbox, as whoever starts this, and print what they answered: for the tests without root."""
    from crop_contract import sandbox, sandbox_process

    sandbox_process.ENVIRONMENT["PYTHONPATH"] = os.environ["PYTHONPATH"]
    limits = sandbox.Limits(cpu_s=2, whole_s=20, memory_bytes=512 << 20, answer_bytes=1 << 20)
    said: dict[str, Any] = {"missing": sandbox.restrictions().missing, "mode": sandbox.restrictions().mode}
    for act, argument in (word.split("=", 1) for word in sys.argv[1:]):
        try:
            said[act] = [
                json.loads(part) for part in sandbox.run(__spec__.name, {"act": act, "argument": argument}, [], limits)
            ]
        except sandbox.SandboxError as error:
            said[act] = repr(error)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
