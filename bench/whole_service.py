"""A whole service for the length of a bench, on free ports and in fresh folders that are removed with it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasshouse.operations.installation import Installation


@contextmanager
def whole_service(web_processes: int = 1) -> Iterator["Installation"]:
    """The running installation. This process has become its client: Django is set up. web_processes: side by side."""
    from bench.ingest import free_port

    from glasshouse.operations.installation import Installation
    from glasshouse.operations.service import running

    with tempfile.TemporaryDirectory(prefix="glasshouse-bench-", ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)  # The stores have users of their own.
        ports = [free_port() for _ in range(3)]
        home = Installation(
            Path(scratch) / "data", Path(scratch) / "keys", *ports, demo=True, web_processes=web_processes
        )
        with running(home, lambda text: print(f"Starting: {text} …", file=sys.stderr)):
            os.environ.update(home.environment())
            import django

            django.setup()
            yield home
