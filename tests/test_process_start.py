"""What each process of ours reads when it starts: nothing that most of them never use."""

import subprocess
import sys

import pytest
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from glasshouse.vault import taxonomy
from tests.scratch import HOME

# isort: split
from glasshouse.operations import service

RARELY_USED = ("fideslang", "webauthn", "numpy", "pyarrow", "httpx", "phonenumbers", "rich", "pygments")
NOT_OF_THE_SUPERVISOR = (
    "django.db.models",
    "glasshouse.web.settings",
    "glasshouse.vault.api",
    "glasshouse.accounts.models",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    [
        "import django; django.setup()",
        "import glasshouse.operations.worker",
        "import glasshouse.operations.web",
        "import glasshouse.operations.inbound_smtp",
        "import glasshouse.operations.file_reader",
        "import glasshouse.operations.sandbox_starter",
        "import glasshouse.operations.fork_server",
        "import crops.__main__",
    ],
)
def test_a_process_starts_without_libraries_that_few_processes_use(start: str) -> None:
    code = f"import sys; {start}; print(*[name for name in {RARELY_USED} if name in sys.modules])"
    environment = service.people_environment(HOME)
    started = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert started.stdout.split() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "start", ["glasshouse.cli.__main__", "glasshouse.cli.demo", "glasshouse.operations.mutation.supervisor"]
)
def test_the_supervisor_reads_no_model_and_no_settings(start: str) -> None:
    code = f"import sys; import {start}; print(*[name for name in sys.modules if name in {NOT_OF_THE_SUPERVISOR}])"
    environment = service.people_environment(HOME)
    started = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert started.stdout.split() == []


def test_the_copy_of_the_taxonomy_is_the_packages_own() -> None:
    assert {category.fides_key: category.name for category in DEFAULT_TAXONOMY.data_category} == taxonomy.CATEGORIES
