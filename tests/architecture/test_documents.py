"""Every path that a document names exists, and the documents name every area."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from glasshouse.cli.__main__ import main

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "glasshouse"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "architecture.md",
    ROOT / "docs" / "dependencies.md",
    ROOT / "docs" / "hosting.md",
    ROOT / "docs" / "threat-model.md",
    *sorted(SOURCE.glob("*/README.md")),
]
ENDINGS = r"py|md|toml|html|css|js|sql|txt|json|lock|sh|png"
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?:[\w.*-]+/)+[\w.*-]*|[\w.*-]+\.(?:{ENDINGS})")
NOT_OURS = {"_CA", "ca.crt", "text/plain"}


def paths_of(text: str) -> Iterator[str]:
    """Relative paths in a Markdown text: targets of links, and code that is a path and nothing else."""
    text = FENCED.sub("", text)
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]
    for code in CODE.findall(text):
        if PATH.fullmatch(code) and code not in NOT_OURS:
            yield code


def exists(path: str, document: Path) -> bool:
    """Whether a path, from the document's folder, the root, or one of the source folders, leads to something."""
    return any(
        any(base.glob(path)) if "*" in path else (base / path).exists()
        for base in (document.parent, ROOT, ROOT / "src", SOURCE)
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    assert [path for path in paths_of(document.read_text()) if not exists(path, document)] == []


def test_a_path_is_seen_and_a_wrong_one_is_found() -> None:
    text = "`api.py`, `a/b.py`, [x](docs/no.md#there), `/o/x`, `api.record`, `./glasshouse test tests/x.py`, [y](https://x.test/a.py)"
    assert list(paths_of(text)) == ["docs/no.md", "api.py", "a/b.py"]
    assert not exists("docs/no.md", ROOT / "README.md")
    assert exists("texts/*.md", SOURCE / "notices" / "README.md")
    assert not exists("texts/*.xyz", SOURCE / "notices" / "README.md")


def areas() -> list[str]:
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def test_the_page_of_architecture_lists_every_area_from_the_top_down() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    listed = re.findall(r"^\| `([a-z_]+)` \|", text, re.M)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert listed == [area for layer in layers for area in layer.split(" | ")]
    assert sorted(listed) == areas()
    for package in ("crops", "crop_contract"):
        assert f"| `src/{package}` |" in text


def test_each_layer_says_what_it_may_use() -> None:
    lines = (ROOT / "pyproject.toml").read_text().partition("layers = [\n")[2].partition("\n]")[0].splitlines()
    assert len(lines) % 2 == 0
    for comment, layer in zip(lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(r"  # [A-Z].*\.", comment), layer
        assert re.fullmatch(r'  "[a-z_ |]+",', layer), comment


def required(name: str) -> list[str]:
    """The direct dependencies that a file of requirements names, without their bounds on versions."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements" / name).read_text().splitlines())
    return [re.split(r"[~=<>!; ]", line)[0] for line in lines if line and not line.startswith("-")]


def test_every_direct_dependency_stands_once_in_its_table_and_no_other_does() -> None:
    product, development = (ROOT / "docs" / "dependencies.md").read_text().split("## For development")
    for name, text in (("main.in", product), ("dev.in", development)):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
        header, _, *body = rows
        assert sorted(row[0] for row in body) == sorted(required(name)), (
            f"docs/dependencies.md and requirements/{name} differ"
        )
        assert all(len(row) == len(header) and all(row) for row in body)


COMMAND = re.compile(r"(?:^    |`)\./glasshouse ([^`\n]*)", re.M)


def commands_of(text: str) -> list[list[str]]:
    """The commands that a document has a reader type, without comments, as words."""
    return [shlex.split(line.partition("#")[0].replace("[", "").replace("]", "")) for line in COMMAND.findall(text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_document_names_is_one_and_takes_these_options(document: Path) -> None:
    for words in commands_of(document.read_text()):
        command: click.Command = main
        while words and isinstance(command, click.Group):
            assert words[0] in command.commands, words
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        free = command.context_settings.get("ignore_unknown_options", False)
        assert free or {word for word in words if word.startswith("--")} <= known, (command.name, words)
