"""An installation of its own for the tests of keys, copied and put back; a module shares one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keystore.place import Place
from tests.prepared import apart


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="glasshouse-keystore-", dir=apart(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Place(Path(folder))
