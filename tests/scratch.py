"""Sets Django up for the tests of this process, on an installation of its own that does not run yet.

Import it before anything of glasshouse that needs Django. The fixture `home` starts this very installation; unit tests never do.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import django

from glasshouse.operations.installation import Installation
from tests import prepared
from tests.ports import free_ports


def _made() -> Installation:
    folder = Path(tempfile.mkdtemp(prefix="glasshouse-test-", dir=prepared.apart()))
    folder.chmod(0o755)  # The store has a user of its own.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    port = free_ports()
    home = Installation(folder / "data", folder / "keys", port, port + 1, port + 2, demo=True, testing=True)
    prepared.take_keys(home)
    home.prepare()
    return home


HOME = _made()
os.environ.update(HOME.environment())
# All tests mail to one service: only the tests of these bounds set them low.
os.environ["GLASSHOUSE_INTAKE_MAIL_DOMAIN"] = "files.example"
os.environ.update(GLASSHOUSE_MAIL_ANSWERS_AN_HOUR="100000", GLASSHOUSE_MAILS_AN_HOUR="100000")
django.setup()
