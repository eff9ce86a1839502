"""What the import linter cannot see: keys between areas, folders without a page, modules that grew too long."""

import re
from pathlib import Path

import pytest
from django.apps import apps

SOURCE = Path(__file__).parents[2] / "src" / "glasshouse"
AREAS = sorted(path for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists())
LONG = 400
# Those that pages share, and those beside the pages that show them; by the names that views call them by.
TEMPLATES = sorted(
    path.relative_to(folder)
    for folder in (SOURCE / "web" / "templates", SOURCE / "web" / "pages")
    for path in folder.rglob("*.html")
)


@pytest.mark.usefixtures("home")
def test_foreign_keys_stay_inside_their_area() -> None:
    ours = [model for model in apps.get_models() if model.__module__.startswith("glasshouse.")]
    assert len(ours) > 10
    crossing = [
        f"{model.__name__}.{field.name}"
        for model in ours
        for field in model._meta.local_fields
        if field.related_model and field.related_model.__module__.split(".")[1] != model.__module__.split(".")[1]
    ]
    assert crossing == []


@pytest.mark.usefixtures("home")
def test_nothing_cascades_onto_events() -> None:
    from glasshouse.events.models import Event, Link

    assert [field.name for model in (Event, Link) for field in model._meta.local_fields if field.related_model] == []


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_every_area_tells_what_it_is(area: Path) -> None:
    text = (area / "README.md").read_text()
    assert len(text) > 100


def test_no_module_is_too_long_without_saying_why() -> None:
    long = [
        str(path.relative_to(SOURCE.parent))
        for path in SOURCE.parent.rglob("*.py")
        if "migrations" not in path.parts
        and path.read_text().count("\n") > LONG
        and "# Long because" not in path.read_text()
    ]
    assert long == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_every_template_can_be_read(template: Path) -> None:
    from django.template.loader import get_template

    assert get_template(str(template))


def test_whatever_speaks_to_the_outside_passes_the_gate_or_says_why_not() -> None:
    """PRI-15: a module that can open a way out is known here; one that carries personal data calls `gate.leave`."""
    ways = re.compile(
        r"^(?:import|from) (?:smtplib|httpx|requests|socket|urllib\.request|ftplib|http\.client)\b", re.MULTILINE
    )
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if ways.search(path.read_text())}
    gated = {"accounts/texts.py", "mail/smtp.py"}
    carry_nothing = {
        "cli/demo.py": "the demo's own readings, to its own crop plane",
        "operations/health.py": "asks its own parts whether they are well",
        "operations/file_reader.py": "answers processes of this machine, on a Unix socket",
        "operations/fork_server.py": "forks parts for its supervisor, over a pair of sockets",
        "operations/forked.py": "starts parts by the fork server, over a pair of sockets",
        "operations/ports.py": "binds a port of this machine for a moment",
        "operations/sandbox_starter.py": "answers processes of this machine, on a Unix socket",
        "operations/processes.py": "asks its own parts whether they are there",
        "operations/service.py": "asks its own parts whether they are there",
        "operations/service_manager.py": "tells the service manager of this machine, on a Unix socket",
        "operations/tls.py": "the names of this machine",
        "greenhouse/crops_client.py": "the crop plane, which knows no person",
        "kernel/straight.py": "the doors of this installation, for parts and checks of its own",
        "promises/checks/accounts.py": "the live door",
        "promises/checks/asked.py": "the live door's answers",
        "promises/bounds.py": "connections to the live doors, over which nothing is sent",
        "promises/checks/exports.py": "the live door's answers",
        "promises/checks/operations.py": "the live doors",
        "promises/checks/requests.py": "its own mail listener, as a probe",
        "promises/checks/vault.py": "the live door",
        "promises/crop_door.py": "the live door",
        "promises/front_door.py": "the live door",
        "promises/sandboxed.py": "a socket that it must not get, and connects nowhere",
        "promises/mail_door.py": "its own mail listener, as a probe",
        "promises/file_reader.py": "asks a part of this machine, on a Unix socket",
        "promises/sockets.py": "its own listeners",
        "requests/drp_callbacks.py": "a request's number and state, to the agent that sent it",
    }
    assert found <= gated | set(carry_nothing), found - gated - set(carry_nothing)
    for one in gated:
        assert "gate.leave(" in (SOURCE / one).read_text()


def test_every_column_of_the_crop_store_is_classified_and_no_other() -> None:
    from crop_contract.columns import CLASSIFICATION
    from crops.schema import COLUMNS

    assert {table: set(columns) for table, columns in COLUMNS.items()} == {
        table: set(columns) for table, columns in CLASSIFICATION.items()
    }
