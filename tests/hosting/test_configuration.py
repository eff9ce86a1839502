"""One configuration: what the file and the environment set, and what is refused, all at once and each with its place."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from glasshouse.operations import configuration
from glasshouse.operations.configuration import SETTINGS, read
from glasshouse.operations.variables import OF_THE_COMMAND_LINE, OF_THE_CROPS, OF_THE_START, read_by
from glasshouse.operations.variables import SETTINGS as MODULE


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "glasshouse.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_goes_before_the_file_and_each_value_says_where_it_was_set(tmp_path: Path) -> None:
    file = written(tmp_path, '[mail]\nserver = "mail.example"\nport = 2525\n[operator]\ngroup = ["A Ltd", "B Ltd"]\n')
    configured = read(file, {"GLASSHOUSE_SMTP_PORT": "587"})
    assert configured.problems == ()
    assert configured.get("mail.server") == "mail.example"
    assert configured.values["GLASSHOUSE_SMTP_PORT"] == ("587", "GLASSHOUSE_SMTP_PORT")
    assert configured.get("operator.group") == "A Ltd; B Ltd"
    assert configured.values["GLASSHOUSE_SMTP_HOST"].place == f"{file}: mail.server"


def test_everything_that_is_wrong_is_told_at_once_with_its_place_and_what_to_do(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'port = 1\n[service]\norigin = "http://x.example"\nprot = 8443\nport = 99999\ntrusted_proxies = "10.0.0.0/99"\n'
        'country = "Germany"\ncertificate = "relative.pem"\n[mail]\nport = true\n',
    )
    problems = "\n".join(read(file, {}).problems)
    for part in (
        "port stands outside a section",
        "service.origin: 'http://x.example' cannot be used. Write it like https://",
        "service.prot is not known. Did you mean service.port?",
        "service.port: '99999' cannot be used. Write a whole number from 1 to 65535",
        "service.trusted_proxies",
        "service.country: 'Germany' cannot be used. Write two letters",
        "service.certificate: 'relative.pem' cannot be used. Write the whole path",
        "mail.port: write a text, a whole number, or a list of texts",
    ):
        assert part in problems
    assert all(str(file) in line for line in read(file, {}).problems)


@pytest.mark.parametrize(
    ("origin", "crops", "wrong"),
    [
        ("https://greenhouse.example", "https://greenhouse.example:8444", "one of its own"),
        ("https://GREENHOUSE.example.", "https://greenhouse.example:444", "one of its own"),
        ("https://greenhouse.example", "", "service.crops_origin is not set"),
        ("", "https://crops.example", "service.origin is not set"),
        ("https://greenhouse.example", "https://crops.greenhouse.example", ""),
        ("https://localhost:8443", "https://localhost:8444", ""),
    ],
)
def test_crops_has_a_host_name_of_its_own_because_cookies_ignore_ports(origin: str, crops: str, wrong: str) -> None:
    given = {"GLASSHOUSE_PUBLIC_ORIGIN": origin, "GLASSHOUSE_CROPS_PUBLIC_ORIGIN": crops}
    problems = read(None, {name: value for name, value in given.items() if value}, look=False).problems
    assert wrong in "\n".join(problems)
    assert bool(problems) is bool(wrong)


@pytest.mark.parametrize(
    "origin",
    [
        "greenhouse.example",
        "http://greenhouse.example",
        "https://",
        "https://192.0.2.1",
        "https://[::1]",
        "https://user@greenhouse.example",
        "https://greenhouse.example/path",
        "https://greenhouse.example?x",
        "https://greenhouse.example#x",
        "https://greenhouse.example:0",
        "https://greenhouse.example:99999",
        "https://green_house.example",
        "https://-a.example",
        "https://a..example",
        "https://gewächshaus.example",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 130 + "example",
        "https://evil.example\n.greenhouse.example",
        "https://a.example,https://b.example",
        "https://*.example",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    configured = read(
        None, {"GLASSHOUSE_PUBLIC_ORIGIN": origin, "GLASSHOUSE_CROPS_PUBLIC_ORIGIN": "https://c.example"}, look=False
    )
    assert configured.get("service.origin") == ""
    assert any("GLASSHOUSE_PUBLIC_ORIGIN" in problem for problem in configured.problems)


@pytest.mark.parametrize(
    ("origin", "form"),
    [
        ("https://Greenhouse.Example:443/", "https://greenhouse.example"),
        ("https://greenhouse.example:8443", "https://greenhouse.example:8443"),
        ("https://xn--gewchshaus-s5a.example", "https://xn--gewchshaus-s5a.example"),
    ],
)
def test_an_origin_has_one_form(origin: str, form: str) -> None:
    given = {"GLASSHOUSE_PUBLIC_ORIGIN": origin, "GLASSHOUSE_CROPS_PUBLIC_ORIGIN": "https://crops.example"}
    assert read(None, given, look=False).get("service.origin") == form


def test_a_secret_stands_in_no_file_that_others_may_read(tmp_path: Path) -> None:
    file = written(tmp_path, '[mail]\npassword = "hidden-word-8"\n', mode=0o644)
    assert "chmod 600" in "\n".join(read(file, {}).problems)
    assert "hidden-word-8" not in "\n".join(read(file, {}).problems)
    secret = tmp_path / "mail.secret"
    secret.write_text("word\n")
    secret.chmod(0o640)
    file = written(tmp_path, f'[mail]\npassword_file = "{secret}"\n', mode=0o644)
    assert read(file, {}).problems == () and read(file, {}).get("mail.password") == "word"
    secret.chmod(0o644)
    assert "chmod o=" in "\n".join(read(file, {}).problems)
    assert read(None, {"GLASSHOUSE_SMTP_PASSWORD_FILE": str(tmp_path / "none")}, look=False).problems


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[mail", b"a" * 300_000, b"[mail]\nserver = {a = 1}\n"])
def test_a_file_that_is_no_configuration_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "glasshouse.toml"
    file.write_bytes(content)
    assert len(read(file, {}).problems) == 1
    assert len(read(tmp_path / "nowhere.toml", {}).problems) == 1


def test_every_variable_that_the_settings_read_has_its_key_in_the_file() -> None:
    wanted = (read_by(MODULE) | OF_THE_CROPS) - OF_THE_START - OF_THE_COMMAND_LINE
    assert wanted == {setting.variable for setting in SETTINGS if not setting.of_start}
    assert (
        len({setting.key for setting in SETTINGS}) == len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    )


def check_config(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(configuration.PREFIX)}
    return subprocess.run(
        [sys.executable, "-m", "glasshouse.cli", "check-config", *arguments],
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_check_config_tells_what_holds_and_hides_secrets_and_makes_nothing(tmp_path: Path) -> None:
    data, secret = tmp_path / "data", "hidden-word-9"
    file = written(
        tmp_path,
        f'[folders]\ndata = "{data}"\nkeys = "{tmp_path}/keys"\n[mail]\npassword = "{secret}"\nserver = "m.example"\n',
    )
    done = check_config("--config", str(file), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"]) == (0, [])
    assert secret not in done.stdout + done.stderr
    assert told["settings"]["mail.password"]["value"] == "(a secret)"
    assert told["settings"]["folders.data"] == {"value": str(data), "set_by": f"{file}: folders.data"}
    assert any("mail.from" in note for note in told["notes"])
    assert not data.exists() and not (tmp_path / "keys").exists()


@pytest.mark.slow
def test_check_config_ends_with_2_where_something_is_wrong(tmp_path: Path) -> None:
    file = written(tmp_path, '[mail]\nform = "x@y.example"\n')
    done = check_config("--config", str(file))
    assert done.returncode == 2 and "mail.form is not known. Did you mean mail.from?" in done.stdout
    done = check_config(GLASSHOUSE_MAIL_FROM="not an address")
    assert done.returncode == 2 and "GLASSHOUSE_MAIL_FROM" in done.stdout


@pytest.mark.slow
def test_a_start_with_a_wrong_configuration_starts_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, f'[folders]\ndata = "{tmp_path}/data"\nkeys = "{tmp_path}/keys"\n[mail]\nsrever = "x"\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(configuration.PREFIX)}
    command = [sys.executable, "-m", "glasshouse.cli", "up", "--config", str(file)]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "mail.srever is not known. Did you mean mail.server?" in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_example_can_be_used_as_it_is_and_names_every_setting(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "deploy" / "glasshouse.toml"
    file = written(tmp_path, example.read_text())
    assert read(file, {}).problems == ()
    everything = "\n".join(
        line[2:] if line.startswith("# ") and (line[2:3] == "[" or " = " in line) else line
        for line in example.read_text().splitlines()
    )
    sections = tomllib.loads(everything)
    named = {f"{section}.{name}".removesuffix("_file") for section, entries in sections.items() for name in entries}
    assert named == {setting.key for setting in SETTINGS}
