"""Has structlog imported without rich. Whoever wants that imports this module before structlog.

structlog takes rich along, if it finds it, to show errors in colours. We show no text of an error (`crop_contract/logs.py`), and
each of our processes would read rich at its start, which takes longer than structlog itself.
"""

import importlib
import sys


def _import() -> None:
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # Whoever imports it now is told that it is not there.
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


_import()
