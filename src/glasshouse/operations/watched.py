"""A program of ours that runs to its end, however long that takes, as long as it makes progress."""

import os
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Ended(NamedTuple):
    """How a program ended. code: None where it was stopped, for it made no progress; errors: the end of what it wrote there."""

    code: int | None
    errors: str


def run(command: Sequence[str], environment: Mapping[str, str], *, quiet_s: float) -> Ended:
    """Run a program. quiet_s: so long (s) it may write nothing to its standard output, then it is stopped."""
    with tempfile.TemporaryFile() as errors:
        written, output = os.pipe()
        child = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        os.close(output)
        try:
            code = child.wait(quiet_s) if _ends(written, quiet_s) else None
        except subprocess.TimeoutExpired:
            code = None
        finally:  # Also where we are interrupted: nothing that was started here goes on.
            child.kill()
            child.wait()
            os.close(written)
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - 8_000))
        return Ended(code, errors.read().decode(errors="replace").strip())


def _ends(written: int, quiet_s: float) -> bool:
    """Wait until the program closes its output; False: it wrote nothing for too long. written: the end to read of a pipe."""
    while select.select([written], [], [], quiet_s)[0]:
        if not os.read(written, 65_536):
            return True
    return False
