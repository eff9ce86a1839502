"""The container file and its compose file, read strictly: they are not built here. And `glasshouse health`, which both use."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from glasshouse.cli.health import health
from glasshouse.operations.configuration import VARIABLES
from glasshouse.operations.installation import Installation

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "Containerfile"
INSTRUCTIONS = {
    *(
        "FROM",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "WORKDIR",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ),
}
SECRET = re.compile(r"password|secret|token|private", re.IGNORECASE)


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction with its words, continued lines joined. Fails on what is none."""
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, words = line.partition(" ")
            assert name in INSTRUCTIONS and words.strip(), line
            yield name, words.strip()


def words_of(name: str) -> list[str]:
    return [words for each, words in instructions() if each == name]


def test_its_bases_are_pinned_and_its_packages_checked_by_their_hashes() -> None:
    bases = [words.split()[0] for words in words_of("FROM")]
    assert len(set(bases)) == 1 and re.fullmatch(
        r"docker\.io/library/python:3\.1\d-[a-z-]+@sha256:[0-9a-f]{64}", bases[0]
    )
    assert any("pip install" in words and "--require-hashes" in words for words in words_of("RUN"))
    assert "NOT BUILT" in CONTAINER.read_text()


def test_it_runs_as_no_root_and_holds_no_secret() -> None:
    order = [name for name, _ in instructions()]
    assert words_of("USER") == ["10001:10001"]
    assert "RUN" not in order[order.index("USER") :] and "COPY" not in order[order.index("USER") :]
    assert not [words for name, words in instructions() if SECRET.search(words)]
    copied = [path for words in words_of("COPY") if "--from" not in words for path in words.split()[:-1]]
    assert copied and all((ROOT / path).exists() for path in copied)


def test_what_it_sets_and_starts_is_known() -> None:
    variables = {name for words in words_of("ENV") for name in re.findall(r"(GLASSHOUSE_\w+)=", words)}
    assert variables and variables <= VARIABLES
    folders = json.loads(words_of("VOLUME")[0])
    assert [folder for folder in folders if f"={folder}/service" not in words_of("ENV")[0]] == []
    entry = json.loads(words_of("ENTRYPOINT")[0])
    assert entry[1:] == ["-m", "glasshouse.cli"] and json.loads(words_of("CMD")[0]) == ["up"]
    assert json.loads(words_of("HEALTHCHECK")[0].partition("CMD ")[2]) == [*entry, "health"]


def test_compose_takes_away_what_it_does_not_need() -> None:
    read: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    assert set(read) == {"name", "services", "volumes", "secrets"}
    (service,) = read["services"].values()
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and service["init"] is True
    assert service["security_opt"] == ["no-new-privileges:true"] and service["user"] == words_of("USER")[0]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert [port.rpartition(":")[2] for port in service["ports"]] == words_of("EXPOSE")[0].split()
    named = dict(volume.split(":")[:2] for volume in service["volumes"] if not volume.startswith("."))
    assert set(named) == set(read["volumes"]) and list(named.values()) == json.loads(words_of("VOLUME")[0])
    assert set(service["environment"]) <= VARIABLES
    assert set(service["secrets"]) == set(read["secrets"]) and all("file" in each for each in read["secrets"].values())
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == CONTAINER


def test_health_is_told_by_its_exit_code(home: Installation) -> None:
    place = ["--data", str(home.data), "--keys", str(home.keys)]
    told = CliRunner().invoke(health, [*place, "--port", str(home.port), "--demo"])
    assert (told.exit_code, told.output) == (0, "web: well\ncrops: well\n")
    told = CliRunner().invoke(health, [*place, "--port", "1", "--demo"])
    assert told.exit_code == 1 and "web: ConnectError" in told.output
