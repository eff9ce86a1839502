"""The commands of docs/hosting.md give a grower's account and the worker the rights that a site's folder needs, and no more."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HOSTING = Path(__file__).parents[2] / "docs" / "hosting.md"
WORKER, GROWER, STRANGER = 60602, 60711, 60712
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others"),
    pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl, of Debian's package acl"),
]


@pytest.fixture
def site() -> Iterator[Path]:
    """A site's folder, made by the commands."""
    section = HOSTING.read_text().partition("## Files from an SFTP server")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert [line.split()[0] for line in lines] == ["install", "install", "setfacl", "setfacl"]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        for line in lines:
            command = line.replace("/srv/sftp", name).replace("grower-account", str(GROWER))
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if "not supported" in done.stderr:
                pytest.skip("this file system has no access control lists")
            assert done.returncode == 0, done.stderr
        yield Path(name) / "glasshouse" / "ORGANISATION" / "SITE"


def runs(user: int, script: str) -> bool:
    """Whether a script of a shell succeeds as a user without further groups, with the umask that its program has."""
    umask = "007" if user == GROWER else "077"
    command = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", "sh", "-c"]
    return subprocess.run([*command, f"umask {umask}; {script}"], capture_output=True, check=False).returncode == 0


def test_the_worker_takes_what_the_grower_puts_and_the_grower_reads_what_became_of_it(site: Path) -> None:
    assert runs(GROWER, f"echo time,temp > {site}/a.csv")
    assert runs(WORKER, f"cat {site}/a.csv && mkdir -m 770 {site}/refused && mv {site}/a.csv {site}/refused/")
    assert runs(WORKER, f"echo why > {site}/refused/a.csv.reason.txt && chmod 660 {site}/refused/a.csv.reason.txt")
    assert runs(GROWER, f"cat {site}/refused/a.csv {site}/refused/a.csv.reason.txt")
    assert not runs(GROWER, f"echo other > {site}/refused/a.csv.reason.txt")
    assert not runs(GROWER, f"ls {site.parent}"), "other sites are not listed"
    assert not runs(STRANGER, f"ls {site}")
