"""The command line: every command of `glasshouse`, those of one subject in a module of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crop_contract import logs
from glasshouse.cli.check_config import check_config
from glasshouse.cli.database import database
from glasshouse.cli.health import health
from glasshouse.cli.import_files import import_files
from glasshouse.cli.keys import keys
from glasshouse.cli.mutate import mutate
from glasshouse.cli.office import COMMANDS
from glasshouse.cli.options import demo_flag, enter, folders, home_of
from glasshouse.cli.promises import promises
from glasshouse.cli.sandbox import sandbox
from glasshouse.cli.sbom import sbom
from glasshouse.cli.upgrade import upgrade
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.kernel.release import needed_clone, program, version
from glasshouse.operations.installation import Installation

console = Console(stderr=True)
output = Console()


def say(text: str, *, lead: str = "", on: Console = output) -> None:
    """Print a line as it is, never broken: paths and addresses are copied from it. lead: printed bold before it."""
    on.print(f"[bold]{lead}[/] {escape(text)}" if lead else escape(text), soft_wrap=True, emoji=False)


@click.group()
@click.version_option(version(), prog_name="glasshouse", message="%(prog)s %(version)s")
def main() -> None:
    """Glasshouse: crop intelligence that keeps, and shows, its promises."""
    logs.configure()


for command in (
    *COMMANDS,
    check_config,
    database,
    health,
    import_files,
    keys,
    mutate,
    promises,
    sandbox,
    sbom,
    upgrade,
):
    main.add_command(command)


def _say_open(home: Installation, lines: list[str]) -> None:
    """Where it is open, and what the operator should know of this start. lines: what a demo tells."""
    from glasshouse.kernel.users import TOGETHER
    from glasshouse.operations.variables import unnamed_operator

    authority = home.keys / "tls" / "ca.crt"
    trusted = "" if home.doors.certificate else f" (certificate authority: {authority})"
    say(f"{home.origin}{trusted}", lead="Glasshouse is open at")
    say(f"Devices write to {home.crops_origin}/api/v2/write")
    for line in lines:
        say(line)
    if os.environ.get(TOGETHER):
        say("their own users could not run it from here (see decision record 34).", lead="All parts run as root:")
    if not home.demo and not os.environ.get("GLASSHOUSE_SMTP_HOST"):
        wait = "mail waits, sign-ups too. Set GLASSHOUSE_SMTP_HOST and start again."
        say(wait, lead="No mail server is named:")
    if not home.demo and (missing := unnamed_operator()):
        say(f"{', '.join(missing)}. The privacy notice says so.", lead="The operator has not named itself:")
    say("Ctrl-C stops it.")


def _run(home: Installation, *, reload: bool = False) -> None:
    from glasshouse.cli import demo as demo_growers
    from glasshouse.operations.reload import Reload
    from glasshouse.operations.renewal import Renewal
    from glasshouse.operations.service import running
    from glasshouse.operations.service_manager import ServiceManager

    manager = ServiceManager.of(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        with (
            console.status("Starting …") as status,
            running(home, lambda text: status.update(f"Starting: {text} …")) as parts,
        ):
            lines = demo_growers.begin(home) if home.demo else []
            status.stop()
            _say_open(home, lines)
            renewal = Renewal(home, parts, say)
            look = Reload(home, parts, say).look if reload else renewal.look

            def each_round() -> None:
                manager.alive()
                if manager.asked_to_reload():
                    renewal.look_at_once()
                look()

            manager.opened()
            try:
                parts.watch(each_round)
            finally:
                manager.stopping()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _interrupt() -> None:
    raise KeyboardInterrupt


@main.command()
@folders
def up(data: Path | None, keys: Path | None, port: int) -> None:
    """Run the whole service."""
    _run(home_of(data, keys, port, demo=False))


@main.command()
@folders
def demo(data: Path | None, keys: Path | None, port: int) -> None:
    """Run the whole service with demo growers."""
    _run(home_of(data, keys, port, demo=True))


@main.command()
@folders
def dev(data: Path | None, keys: Path | None, port: int) -> None:
    """Run the demo; what you change in the source is taken in at once."""
    needed_clone("dev")
    _run(home_of(data, keys, port, demo=True), reload=True)


@main.command()
@folders
@demo_flag
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def datamap(data: Path | None, keys: Path | None, port: int, demo: bool, as_json: bool) -> None:
    """Print what every stored field is."""
    enter(data, keys, port, demo)
    from glasshouse.promises.evidence import whole_map

    rows = whole_map()
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=1))
        return
    table = Table("store", "table", "column", "class", "sealed", "category", "purpose")
    for row in rows:
        entry = row.entry
        facts = (
            (entry.classification, "yes" if row.sealed else "", entry.category, entry.purpose)
            if entry
            else ("unclassed", "", "", "")
        )
        table.add_row(row.store, row.table, row.column, *facts)
    output.print(table)


@main.group()
def events() -> None:
    """The event log."""


@events.command()
@folders
@demo_flag
def verify(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Find any event altered, removed or inserted; exit 1 if there is one, 130 if it is interrupted."""
    enter(data, keys, port, demo)
    from rich.progress import Progress

    from glasshouse.events import api

    read = 0
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Reading the chain", total=None)

        def tell(processed: int, total: int) -> None:
            nonlocal read
            read = processed
            bar.update(task, completed=processed, total=total)

        try:
            verification = api.verify(tell)
        except KeyboardInterrupt:
            bar.stop()
            click.echo(f"Interrupted after {read} links. Nothing was changed; run it again for a result.")
            sys.exit(130)
    summary = f"{verification.event_count} events in the chain; {len(verification.breaks)} breaks."
    click.echo("\n".join([*verification.breaks, summary]))
    sys.exit(1 if verification.breaks else 0)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def test(arguments: tuple[str, ...]) -> None:
    """Run all tests, browser journeys included, several at once.

    --fast: unit tests only, which need no service. --long: those too that take long, such as growth to ten million rows.
    Other options are pytest's. With the path of a test, that is run in one process; -n tells how many there are.
    """
    os.chdir(needed_clone("test"))
    if "--fast" not in arguments:
        _ensure_chromium()
    command = [sys.executable, "-m", "pytest", *_at_once(arguments), *arguments]
    sys.exit(subprocess.run(command, env=_remembering(os.environ)).returncode)


def _remembering(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which Python keeps what it compiled: else each process of the tests compiles all of them anew.

    Where nothing is to be written beside the source, it is kept in the project's own environment.
    """
    compiling_environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if environment.get("PYTHONDONTWRITEBYTECODE"):
        compiling_environment.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "compiled"))
    return compiling_environment


def _at_once(arguments: tuple[str, ...]) -> list[str]:
    """Options that run tests in several processes, each with a service of its own.

    There are two more of them than cores, as all wait now and then; unit tests do not wait. What fails while others use the
    cores is tried once more, and named at the end: a test that needs that is to be mended.
    """
    serial = any(argument.startswith(("-n", "--numprocesses", "--pdb", "--collect-only")) for argument in arguments)
    if serial or any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return []
    cores = os.cpu_count() or 1
    several = ["-n", str(cores if "--fast" in arguments else cores + 2), "--dist", "worksteal"]
    return several if "--fast" in arguments else [*several, "-p", "pytest_rerunfailures", "--reruns", "1", "-rfER"]


def _ensure_chromium() -> None:
    if shutil.which("chromium") or os.environ.get("GLASSHOUSE_CHROMIUM"):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise click.ClickException(
            "Chromium is needed for the browser journeys. Install it, or name it in GLASSHOUSE_CHROMIUM."
        )
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


@main.command()
@click.argument(
    "what",
    type=click.Choice(["ingest", "access", "privacy", "hostile", "processes", "sandbox", "files"]),
    default="ingest",
)
@click.option("--readings", default=20_000_000, show_default=True, help="Of ingest: how many to write and ask about.")
@click.option("--rows", default=10_000, show_default=True, help="Of privacy: how many rows the person has.")
@click.option("--quick", is_flag=True, help="Of hostile: a look within two minutes, with fewer pages.")
def bench(what: str, readings: int, rows: int, quick: bool) -> None:
    """Measure: readings (beside InfluxDB and VictoriaMetrics); what access control costs; what a person's rights cost; what
    an attack costs everybody else; pages a second with several web processes; what the sandbox costs a small file; which files
    of loggers come in rightly, and how fast.
    """
    sys.path.insert(0, str(needed_clone("bench")))
    import importlib

    module = importlib.import_module(f"bench.{what}")
    module.main(*{"ingest": (readings,), "privacy": (rows,), "hostile": (quick,)}.get(what, ()))


@main.command()
def check() -> None:
    """Run the linters, the type check and the contracts."""
    _run_tools(
        needed_clone("check"),
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["djangofmt", "--check", "src"],
        ["lint-imports"],
        ["mypy"],
        ["django-admin", "makemigrations", "--check", "--dry-run"],
    )


@main.command()
@click.argument("area", default="")
def makemigrations(area: str) -> None:
    """Write the migrations that changed models want, of one area or of all, in the form that `check` wants."""
    root = needed_clone("makemigrations")
    migrations = [str(path) for path in sorted((root / "src").rglob("migrations"))]
    _run_tools(
        root,
        ["django-admin", "makemigrations", *([area] if area else [])],
        ["ruff", "check", "--fix", "--quiet", *migrations],
        ["ruff", "format", "--quiet", *migrations],
    )


@main.command()
def texts() -> None:
    """Bring the catalogues of translated texts up to date with the source, and compile them; tells what is not translated."""
    from glasshouse.cli import catalogues

    needed_clone("texts")
    for language in catalogues.HEADERS:
        flaws = catalogues.write(language)
        for flaw in flaws:
            say(flaw, lead=f"{language}:")
        say(f"{language}: {len(flaws)} to translate. It runs from the next start.")


def _run_tools(root: Path, *commands: list[str]) -> None:
    """Run tools of the environment one after the other, with settings but without a store; ends at the first that fails."""
    os.chdir(root)
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as scratch:
        home = Installation(Path(scratch) / "data", Path(scratch) / "keys", 8443, 8444, 8445, demo=False)
        home.prepare()
        # No store runs: that migrations cannot be compared with what a database has applied is no warning here.
        quiet = {"PYTHONPATH": str(root / "src"), "PYTHONWARNINGS": "ignore::RuntimeWarning"}
        environment = os.environ | home.environment() | quiet
        for command in commands:
            click.echo(f"· {' '.join(command[:4])}")
            if code := subprocess.run([str(tools / command[0]), *command[1:]], env=environment).returncode:
                sys.exit(code)


def run() -> None:
    """Run the command that was typed; an error of ours is told in a line, and ends it with its own exit code."""
    try:
        main(prog_name="glasshouse")
    except GlasshouseError as error:
        say(str(error), lead="[red]Not done:[/red]", on=console)
        sys.exit(getattr(error, "exit_code", 2))
    except ImproperlyConfigured as error:
        say(str(error), lead="[red]Not done:[/red]", on=console)
        sys.exit(2)
    except OperationalError:
        folder, verb = os.environ.get("GLASSHOUSE_DATA", ""), "demo" if os.environ.get("GLASSHOUSE_DEMO") else "up"
        text = (
            f"the people store of {folder} does not answer. The command needs the running service: "
            f"{program()} {verb} starts it. If it runs on other folders, name them with --data and --keys."
        )
        say(text, lead="[red]Not done:[/red]", on=console)
        sys.exit(2)


if __name__ == "__main__":
    run()
