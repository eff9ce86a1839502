"""Fuzzes one target with coverage: `python -m tests.attacks.fuzz TARGET FOLDER SECONDS`. Ends with an error at the first finding.

FOLDER: where new inputs, and the finding, are written. Our own code is followed, which is loaded here anew, and what of libraries
is named here.
"""

import sys
from pathlib import Path

import atheris

OURS = [
    "crops",
    "crop_contract",
    "glasshouse.greenhouse",
    "glasshouse.mail",
    "glasshouse.operations",
    "glasshouse.organisations",
    "glasshouse.requests",
    "glasshouse.sources",
    # Libraries of plain Python that read what comes from outside.
    "email_validator",
    "idna",
]


def main() -> None:
    """Fuzz until the time is over."""
    name, folder, seconds = sys.argv[1:]
    with atheris.instrument_imports(include=OURS):
        from tests.attacks.fuzz_targets import BEGUN_WITH, CORPUS, TARGETS

    new = Path(folder) / name
    new.mkdir(parents=True, exist_ok=True)
    bounds = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0"]
    folders = [str(new), str(CORPUS / name), *([str(BEGUN_WITH[name])] if name in BEGUN_WITH else [])]
    atheris.Setup([sys.argv[0], *bounds, f"-artifact_prefix={new}/finding-", *folders], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
