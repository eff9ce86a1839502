"""Which release this is, from a clone and from an installed package."""

import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.cli import __main__ as cli
from glasshouse.kernel import release
from glasshouse.operations.installation import Installation
from tests.conftest import Customer, enter_staff

ROOT = Path(__file__).parents[1]
Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
COMMANDS_OF_A_CLONE = ("bench", "check", "dev", "makemigrations", "mutate", "test")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As if the code lay in the folder of installed packages."""
    packages = tmp_path / "lib" / "site-packages"
    packages.mkdir(parents=True)
    monkeypatch.setattr(release, "SOURCE", packages)
    release.version.cache_clear()
    yield packages
    release.version.cache_clear()


def test_the_version_stands_in_the_project_file_alone() -> None:
    release.version.cache_clear()
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert release.version() == stated
    assert CliRunner().invoke(cli.main, ["--version"]).output == f"glasshouse {stated}\n"


def test_the_version_of_an_installed_package_is_its_metadata_s(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "installed_version", lambda name: f"7.8.9 of {name}")
    assert release.version() == "7.8.9 of glasshouse"


def test_a_copy_of_the_source_alone_says_that_its_version_is_unknown(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(release, "installed_version", missing)
    assert release.version() == "unknown"


def test_a_project_file_of_somebody_else_makes_no_clone(installed: Path) -> None:
    (installed.parent / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "5"\n')
    assert release.clone() is None


@pytest.mark.parametrize("command", COMMANDS_OF_A_CLONE)
def test_a_command_of_a_clone_says_so_when_it_was_installed(
    installed: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(installed)
    result = CliRunner().invoke(cli.main, [command])
    assert isinstance(result.exception, release.CloneNeededError)
    assert f"./glasshouse {command}" in str(result.exception)
    assert list(installed.iterdir()) == []


def test_commands_are_named_as_they_are_typed(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Installation(tmp_path / "data", tmp_path / "keys", 8443, 8444, 8445, demo=False)
    assert home.command("up").startswith("glasshouse up ")
    monkeypatch.setattr(release, "SOURCE", ROOT / "src")
    assert home.command("up").startswith("./glasshouse up ")


def test_staff_see_the_version_under_each_page_and_nobody_else_does(
    web: Web, customer: Make, olaf: Make, home: Installation
) -> None:
    shown = f"<p>Glasshouse {release.version()}</p>"
    own = customer()
    assert shown in enter_staff(web(olaf())).get("/trust").text
    for client, path in ((web(), "/trust"), (web(), "/sign-in"), (web(own), "/trust"), (web(own), "/account")):
        assert shown not in client.get(path).text
    for path in ("/health", "/trust.json", "/robots.txt", "/api/v1/openapi.json"):
        assert release.version() not in web().get(path).text


@pytest.mark.parametrize("store", [None, "store"])
def test_folders_are_named_from_where_the_command_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str | None
) -> None:
    """The stores' programs and the parts work elsewhere, and would take another folder of that name."""
    monkeypatch.chdir(tmp_path)
    given: list[Installation] = []
    monkeypatch.setattr(cli, "_run", given.append)
    result = CliRunner().invoke(
        cli.main, ["up", "--data", "data", "--keys", "keys", *(["--keystore", store] if store else [])]
    )
    assert result.exception is None, result.output
    (home,) = given
    assert (home.data, home.keys) == (tmp_path / "data", tmp_path / "keys")
    assert home.keystore == tmp_path / (store or "keys-store")
