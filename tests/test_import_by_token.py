"""Files by API token: imported by a saved template alone, with what the token and its maker may, and never more."""

import ssl
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from glasshouse.access.permissions import Permission
from glasshouse.cli import import_files
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports
from glasshouse.greenhouse.models import UploadState
from glasshouse.greenhouse.tasks import take_file
from glasshouse.kernel.ids import ImportId
from glasshouse.operations.installation import Installation
from glasshouse.organisations import tokens
from tests.conftest import Customer

Make = Callable[[], Customer]
GOOD = "time,Box 1 (klux)\n2024-05-{day} 12:00,1\n2024-05-{day} 12:15,2\n"


@pytest.fixture
def one(customer: Make) -> Customer:
    made = customer()
    number = imports.upload(made.actor, made.site, "", "kind.csv", [GOOD.format(day=10).encode()])
    imports.save_template(made.actor, "Roof", imports.preview(made.actor, number).layout)
    return made


@pytest.fixture
def client(home: Installation) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    with httpx.Client(base_url=f"{home.origin}/api/v1", verify=trust, timeout=120) as made:
        yield made


def token_of(one: Customer, *scopes: Permission, sites: list[str] | None = None) -> str:
    given = scopes or (Permission.FILE_IMPORT, Permission.SITE_READ)
    return tokens.create_token(one.actor, "Script", [str(scope) for scope in given], 1, sites)


def sent(client: httpx.Client, token: str, site: str, content: bytes, **fields: str) -> httpx.Response:
    head = {"Authorization": f"Bearer {token}"}
    return client.post(f"/sites/{site}/files", headers=head, files={"file": ("a.csv", content)}, data=fields)


def test_a_program_sends_a_file_and_asks_what_became_of_it(one: Customer, client: httpx.Client) -> None:
    token = token_of(one)
    # More than anybody may send unasked.
    times = product(range(1, 31), range(24), range(0, 60, 5))
    rows = "".join(f"2024-05-{day:02} {hour:02}:{minute:02},1\n" for day, hour, minute in times)
    answer = sent(client, token, one.site, f"time,Box 1 (klux)\n{rows}".encode(), template="Roof")
    assert answer.status_code == 202, answer.text
    number = answer.json()["import"]
    who = one.actor
    take_file(str(who.account), str(who.person), str(who.organisation), number)
    state = client.get(f"/imports/{number}", headers={"Authorization": f"Bearer {token}"}).json()
    assert (state["state"], state["points"], state["problem"]) == ("taken", 30 * 288, "")


def test_what_no_template_reads_is_refused_with_the_reason(one: Customer, client: httpx.Client) -> None:
    token = token_of(one)
    other = b"time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n"
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "No template has the headings"),
        ({"template": "Roof"}, "are not those of the template"),
        ({"template": "Cellar"}, "You have no template 'Cellar'"),
    )
    for fields, said in cases:
        answer = sent(client, token, one.site, other, **fields)
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text
    nothing = client.post(
        f"/sites/{one.site}/files", headers={"Authorization": f"Bearer {token}"}, data={"template": "Roof"}
    )
    assert (nothing.status_code, "as the part" in nothing.json()["detail"]) == (400, True)
    assert all(row.state == UploadState.NEW for row in imports.uploads(one.actor))


def test_a_token_imports_nowhere_else_and_not_without_the_right(
    one: Customer, customer: Make, client: httpx.Client
) -> None:
    content, before = GOOD.format(day=11).encode(), len(imports.uploads(one.actor))
    other = customer()
    assert sent(client, token_of(one), other.site, content).status_code == 404
    assert sent(client, token_of(other), one.site, content).status_code == 404
    lacking = sent(client, token_of(one, Permission.SITE_READ), one.site, content)
    assert (lacking.status_code, "This token does not allow this." in lacking.text) == (403, True), lacking.text
    assert sent(client, "ght_wrong_wrong", one.site, content).status_code == 401
    assert sent(client, token_of(one, Permission.SITE_READ), one.site, b"x" * (1 << 20)).status_code in (403, 413)
    second = greenhouse.create_site(one.actor, {"name": "Second", "time_zone": "Europe/Rome"})
    assert sent(client, token_of(one, sites=[str(second)]), one.site, content).status_code == 404
    token = token_of(one)
    tokens.revoke_token(one.actor, tokens.tokens(one.actor)[0].token.id)
    assert sent(client, token, one.site, content).status_code == 401
    assert len(imports.uploads(one.actor)) == before
    number = imports.uploads(one.actor)[0].id
    head = {"Authorization": f"Bearer {token_of(other)}"}
    assert client.get(f"/imports/{number}", headers=head).status_code == 404


def typed(monkeypatch: pytest.MonkeyPatch, one: Customer, *arguments: object, **environment: str) -> Result:
    """The command, in this process, which is a client of the service already."""
    monkeypatch.setattr(import_files, "enter", lambda *_, **__: None)
    site = greenhouse.sites(one.actor)[0].name
    return CliRunner().invoke(import_files.import_files, ["--site", site, *map(str, arguments)], env=environment)


def test_the_command_imports_with_a_token_of_the_environment_or_a_file(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = tmp_path / "a.csv", tmp_path / "token"
    path.write_text(GOOD.format(day=12))
    token = token_of(one)
    result = typed(monkeypatch, one, "--template", "Roof", path, GLASSHOUSE_TOKEN=token)
    assert (result.exit_code, "2 readings, 2 new" in result.output) == (0, True), result.output
    number = ImportId(result.output.rpartition("--undo ")[2].partition(")")[0])
    assert imports.report_of(one.actor, number).state == UploadState.TAKEN
    secret.write_text(f"{token}\n")
    secret.chmod(0o600)
    result = typed(monkeypatch, one, "--template", "Roof", "--token-file", secret, path)
    assert (result.exit_code, "1 of 1 files came in." in result.output) == (0, True), result.output


def test_the_command_says_what_is_wrong_with_a_token(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = tmp_path / "a.csv", tmp_path / "token"
    path.write_text(GOOD.format(day=13))
    empty = tmp_path / "empty"
    empty.write_text("\n")
    empty.chmod(0o600)
    cases = (
        ((), {"GLASSHOUSE_TOKEN": "ght_a_b"}, "unknown, revoked or too old"),
        ((), {"GLASSHOUSE_TOKEN": token_of(one, Permission.SITE_READ)}, "may not"),
        (("--token-file", secret), {}, "cannot be read"),
        (("--token-file", secret, "--as", one.address), {}, "either --as or a token"),
        ((), {}, "--as"),
        ((), {"GLASSHOUSE_TOKEN": " "}, "holds no token"),
        (("--token-file", empty), {}, "holds no token"),
    )
    for options, environment, said in cases:
        result = typed(monkeypatch, one, "--template", "Roof", *options, path, **environment)
        text = f"{result.output} {result.exception}"
        assert result.exit_code != 0, text
        assert said in text, text
    secret.write_text(token_of(one))
    secret.chmod(0o644)
    result = typed(monkeypatch, one, "--template", "Roof", "--token-file", secret, path)
    assert "others can read" in f"{result.output} {result.exception}"
    assert len(imports.uploads(one.actor)) == 1
