"""A folder that others may not enter, above the data: told in one sentence, with the command that mends it."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest

from glasshouse.operations import postgres
from glasshouse.operations.installation import Installation, InstallationError
from tests import prepared

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only then do stores run as users of their own")


def test_it_is_named_with_a_command_that_mends_it() -> None:
    with tempfile.TemporaryDirectory(dir=prepared.apart()) as name:
        closed = Path(name)
        assert closed.stat().st_mode & 0o777 == 0o700
        (closed / "data").mkdir()
        cluster = postgres.people_store(Installation(closed / "data", closed / "keys", 1, 2, 3, demo=False))
        with pytest.raises(InstallationError) as told:
            postgres._refuse_closed_parents(cluster)
        assert "\n" not in str(told.value)
        command = str(told.value).partition("run: ")[2]
        assert command == f"chmod o+x {closed}"
        subprocess.run(shlex.split(command), check=True)
        postgres._refuse_closed_parents(cluster)
