"""Tries breakages on several scratch services at once: a process for each, which is this command for some of the promises.

A check waits most of its time, for mail and for the worker; so several services are tried in little more time than one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from queue import SimpleQueue

from glasshouse.operations.mutation.runner import Outcome, Say, Trial
from glasshouse.operations.mutation.scratch import STOP_S
from glasshouse.promises.breakage import Breakage


def dealt(breakages: Sequence[Breakage], jobs: int) -> list[list[str]]:
    """The promises of the breakages in so many hands, with about as many breakages each. No hand is empty."""
    hands: list[list[str]] = [[] for _ in range(jobs)]
    counts = [0] * jobs
    for promise, count in Counter(breakage.promise for breakage in breakages).most_common():
        fewest = counts.index(min(counts))
        hands[fewest].append(promise)
        counts[fewest] += count
    return [hand for hand in hands if hand]


def run_together(
    breakages: Sequence[Breakage],
    jobs: int,
    options: Sequence[str],
    folder: Path | None = None,
    say: Say = lambda text: None,
) -> Generator[Trial, None, None]:
    """Try the breakages in several processes; yields trials as they come. options: of `glasshouse mutate`, for each process.

    A process that ends before its time gives a trial *not tried* for its promises. Whoever stops early stops them all.
    """
    trials: SimpleQueue[Trial | None] = SimpleQueue()
    hands = dealt(breakages, jobs)
    children = [_started(hand, options, folder and folder / str(number)) for number, hand in enumerate(hands, 1)]
    readers = [
        threading.Thread(target=_read, args=(child, hand, trials), daemon=True)
        for child, hand in zip(children, hands, strict=True)
    ]
    try:
        for reader in readers:
            reader.start()
        running, count = len(children), 0
        while running:
            say(f"{count} of {len(breakages)} tried on {running} scratch services")
            if (trial := trials.get()) is None:
                running -= 1
            else:
                count += 1
                yield trial
    finally:
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait(2 * STOP_S)
        if folder is not None and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _started(promises: Sequence[str], options: Sequence[str], folder: Path | None) -> "subprocess.Popen[str]":
    where = ["--folder", str(folder)] if folder else []
    command = [sys.executable, "-m", "glasshouse.cli", "mutate", "--lines", *options, *where, *promises]
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop them all.
    )


def _read(child: "subprocess.Popen[str]", promises: Sequence[str], trials: "SimpleQueue[Trial | None]") -> None:
    try:
        for line in child.stdout or ():
            fields = json.loads(line)
            trials.put(Trial(**fields | {"outcome": Outcome(fields["outcome"])}))
        if child.wait() not in (0, 1):
            reason = f"its process ended with exit code {child.returncode}"
            for promise in promises:
                trials.put(Trial(promise, "what was left of them", "", Outcome.NOT_TRIED, reason, 0.0))
    finally:
        trials.put(None)
