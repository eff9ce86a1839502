"""The bill of materials says what the lock file says, and nothing that is not so here."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glasshouse.cli import __main__ as cli
from glasshouse.operations import bill_of_materials
from glasshouse.operations.bill_of_materials import LockError, bill, installed, licences_of, read

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements" / "main.lock").read_text()
NOW = datetime(2026, 11, 30, 20, 0, 1, tzinfo=UTC)
STATIC = ROOT / "src" / "glasshouse" / "web" / "static"
PIN = "click==0.0.1 \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return bill(LOCK, "1.2.3", NOW)


def test_it_names_every_package_of_the_lock_with_all_its_hashes(made: dict[str, Any]) -> None:
    """The lock is read a second way: cut at each line that begins with a name."""
    wanted = {}
    for piece in re.split(r"\n(?=[a-z0-9])", LOCK):
        name, _, rest = piece.partition("==")
        version = re.split(r"[ ;\\]", rest)[0]
        if not name.startswith("#"):
            wanted[f"{name}=={version}"] = sorted(re.findall("sha256:([0-9a-f]{64})", piece))
    held = {}
    for part in made["components"]:
        if part["bom-ref"].startswith("pkg:pypi/"):
            hashes = part["externalReferences"][0]["hashes"]
            assert {each["alg"] for each in hashes} == {"SHA-256"}
            held[f"{part['name']}=={part['version']}"] = sorted(each["content"] for each in hashes)
            assert part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
    assert len(held) > 60
    left_out = wanted.keys() - held.keys()
    assert {name.partition("==")[0] for name in left_out} == {"numpy"}  # the version for another Python
    assert held == {name: hashes for name, hashes in wanted.items() if name not in left_out}


def test_each_part_states_a_licence(made: dict[str, Any]) -> None:
    assert [part["name"] for part in made["components"] if not part.get("licenses")] == []
    assert licences_of("click") == [{"expression": "BSD-3-Clause"}]
    assert licences_of("aiosmtpd") == [{"license": {"name": "Apache Software License"}}]
    assert licences_of("dkimpy") == [{"license": {"name": "BSD-like"}}]


def test_bundled_files_are_named_with_the_hash_of_what_is_served(made: dict[str, Any]) -> None:
    bundled = {part["bom-ref"]: part for part in made["components"] if not part["bom-ref"].startswith("pkg:")}
    assert bundled.keys() == {"bundled:htmx.js", "bundled:uplot.js", "bundled:public-sans.woff2"}
    for reference, part in bundled.items():
        content = (STATIC / reference.partition(":")[2]).read_bytes()
        assert part["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]
    assert bundled["bundled:htmx.js"]["purl"] == f"pkg:npm/htmx.org@{bundled['bundled:htmx.js']['version']}"
    licences = {path.name for path in STATIC.glob("LICENSE.*")}
    assert len(licences) == len(bundled)


def test_every_part_is_needed_by_something_and_named_once(made: dict[str, Any]) -> None:
    references = [part["bom-ref"] for part in made["components"]]
    assert len(references) == len(set(references))
    needs = {entry["ref"]: entry["dependsOn"] for entry in made["dependencies"]}
    root = made["metadata"]["component"]["bom-ref"]
    reached, waiting = set(), [root]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += needs.get(reference, [])
    assert reached == {root, *references}
    assert "pkg:pypi/starlette" in " ".join(needs[next(name for name in needs if name.startswith("pkg:pypi/fastapi@"))])


def test_the_same_parts_have_the_same_serial_number(made: dict[str, Any]) -> None:
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    assert bill(LOCK, "1.2.3", NOW + timedelta(days=1))["serialNumber"] == made["serialNumber"]
    assert bill(LOCK, "1.2.4", NOW)["serialNumber"] != made["serialNumber"]
    assert made["metadata"]["timestamp"] == "2026-11-30T20:00:01Z"


@pytest.mark.parametrize(
    "lock",
    [
        "",
        "# nothing\n",
        "click==0.0.1\n",
        "click==0.0.1 \\\n    # via rich\n",
        PIN + "--index-url https://elsewhere.example\n",
        PIN + "-e ./somewhere\n",
        PIN + "    --hash=md5:00\n",
    ],
)
def test_a_lock_that_is_not_understood_whole_gives_no_bill(lock: str) -> None:
    with pytest.raises(LockError):
        read(lock)


def test_an_environment_that_is_not_the_lock_s_gives_no_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LockError, match=r"click 0\.0\.1; installed is [1-9]"):
        installed(read(PIN))
    with pytest.raises(LockError, match="installed is none"):
        installed(read(PIN.replace("click", "no-such-package")))
    assert installed(read(PIN.replace("0.0.1", "0.0.1 ; python_full_version < '3.2'"))) == []


def test_a_bundled_file_that_does_not_say_its_version_gives_no_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bundled in bill_of_materials.BUNDLED:
        (tmp_path / bundled.file).write_bytes(b"changed")
    monkeypatch.setattr(bill_of_materials, "STATIC", tmp_path)
    with pytest.raises(LockError, match=r"htmx\.js"):
        bill(LOCK, "1.2.3", NOW)


def test_the_command_prints_it_or_writes_it(tmp_path: Path) -> None:
    run: Callable[..., Any] = CliRunner().invoke
    printed = json.loads(run(cli.main, ["sbom"]).output)
    assert (printed["bomFormat"], printed["specVersion"]) == ("CycloneDX", "1.6")
    file = tmp_path / "bill.json"
    assert run(cli.main, ["sbom", "--output", str(file)]).output == ""
    assert json.loads(file.read_text())["serialNumber"] == printed["serialNumber"]
