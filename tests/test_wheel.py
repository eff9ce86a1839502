"""The wheel: it holds everything that the service needs, and the service starts from it where nothing else of ours is."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).parents[1]
PACKAGES = ("glasshouse", "crops", "crop_contract")
LOCK = ROOT / "requirements" / "main.lock"
START_S, STOP_S = 300, 120


def tracked() -> list[str]:
    """Every file that git knows, or would take in, from the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git knows: nothing that lies about here gets into it."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(source)]
    subprocess.run(command, check=True, timeout=300)
    (path,) = built.iterdir()
    return path


def metadata_of(wheel: Path, name: str) -> str:
    """A file of the wheel's own folder of metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


@pytest.mark.slow
def test_the_wheel_holds_each_tracked_file_of_the_packages_and_no_other(wheel: Path) -> None:
    sources = (name.removeprefix("src/") for name in tracked() if name.startswith("src/"))
    wanted = {name for name in sources if not name.endswith("/README.md")} | {"glasshouse/main.lock"}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert archive.read("glasshouse/main.lock") == LOCK.read_bytes()
    assert held - wanted == set()
    assert wanted - held == set()
    assert {name.split("/")[0] for name in held} == set(PACKAGES)


@pytest.mark.slow
def test_the_wheel_needs_what_main_in_names_and_bears_the_project_s_version(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    metadata = Parser().parsestr(metadata_of(wheel, "METADATA"))
    lines = (ROOT / "requirements" / "main.in").read_text().split()
    assert sorted(_plain(line) for line in metadata.get_all("Requires-Dist")) == sorted(map(_plain, lines))
    assert metadata["Version"] == project["version"]
    assert metadata["License-Expression"] == project["license"]
    assert "glasshouse = glasshouse.cli.__main__:run" in metadata_of(wheel, "entry_points.txt")


def _plain(requirement: str) -> str:
    """A requirement with its extras in order."""
    name, extras, rest = re.fullmatch(r"([\w.-]+)(?:\[([\w,-]+)\])?(.*)", requirement.strip()).groups()
    return f"{name.lower()}[{','.join(sorted((extras or '').split(',')))}]{rest}"


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder with nothing in it but an empty home and an empty environment of Python, which other users may enter."""
    with tempfile.TemporaryDirectory(prefix="glasshouse-wheel-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "home").mkdir()
        (place / "work").mkdir()
        venv.create(place / "venv", with_pip=False)
        yield place


def pip(place: Path, *words: str) -> None:
    """Run pip for the empty environment."""
    command = [sys.executable, "-m", "pip", "--python", str(place / "venv" / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*command, *words], check=True, timeout=1_800)


def environment(place: Path) -> dict[str, str]:
    """Nothing of ours, and the empty home."""
    return {"PATH": f"{place}/venv/bin:{os.environ['PATH']}", "HOME": str(place / "home"), "PYTHONUNBUFFERED": "1"}


def said_by(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What the installed command says."""
    command = [str(place / "venv" / "bin" / "glasshouse"), *words]
    return subprocess.run(
        command, env=environment(place), cwd=place / "work", capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_the_installed_command_tells_its_version_and_which_commands_need_a_clone(wheel: Path, empty: Path) -> None:
    pip(empty, "--no-deps", "--no-index", str(wheel))
    # Its dependencies, but nothing of ours: they are those of the environment that runs the tests.
    (packages,) = (empty / "venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert said_by(empty, "--version").stdout == f"glasshouse {version}\n"
    assert '"bomFormat": "CycloneDX"' in said_by(empty, "sbom").stdout
    refused = said_by(empty, "check")
    assert refused.returncode == 2
    assert "installed from a wheel" in refused.stderr and "./glasshouse check" in " ".join(refused.stderr.split())
    missing = said_by(empty, "keys", "status")
    assert missing.returncode == 2
    assert "start it: glasshouse up" in " ".join(missing.stderr.split())
    assert list((empty / "work").iterdir()) == []


@pytest.mark.long
@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_with_the_locked_dependencies(wheel: Path, empty: Path) -> None:
    """As the README says: the lock with its hashes, then the wheel, then the service."""
    pip(empty, "--no-compile", "--require-hashes", "-r", str(LOCK))
    pip(empty, "--no-deps", str(wheel))
    assert differing_from_lock(empty) == []
    port = free_ports()
    command = [
        str(empty / "venv" / "bin" / "glasshouse"),
        "demo",
        "--data",
        "data",
        "--keys",
        "keys",
        "--port",
        str(port),
    ]
    service = subprocess.Popen(
        command,
        env=environment(empty),
        cwd=empty / "work",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        read_until(service, "Ctrl-C stops it")
        trust = ssl.create_default_context(cafile=empty / "work" / "keys" / "tls" / "ca.crt")

        def page(path: str) -> str:
            with urllib.request.urlopen(f"https://localhost:{port}{path}", context=trust, timeout=60) as answer:
                return answer.read().decode()

        assert "What we promise" in page("/trust")
        assert 'name="password"' in page("/sign-in")
        assert "--" in page("/static/glasshouse.css")
        service.send_signal(signal.SIGINT)
        assert service.wait(STOP_S) == 0
    finally:
        service.kill()
        service.wait()
    assert list((empty / "home").iterdir()) == []


def read_until(service: "subprocess.Popen[str]", wanted: str) -> None:
    """Read what a service prints until a text is in it."""
    said = ""
    assert service.stdout
    while wanted not in said:
        line = service.stdout.readline()
        assert line, said
        said += line


def differing_from_lock(place: Path) -> list[str]:
    """Installed packages that the lock does not name in this version, and what `pip check` finds."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(place / "venv" / "bin" / "python"), "freeze", "--all"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    pins = {_pin(text) for text in re.findall(r"^([\w.-]+==[^\s;]+)", LOCK.read_text(), re.M)}
    checked = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(place / "venv" / "bin" / "python"), "check"],
        check=False,
        capture_output=True,
        text=True,
    )
    others = [line for line in listed if not line.startswith("glasshouse @") and _pin(line) not in pins]
    return others + ([] if checked.returncode == 0 else checked.stdout.splitlines())


def _pin(text: str) -> str:
    """A name and its version, the name as packaging compares it. Source: PEP 503."""
    name, _, version = text.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"
