"""The command line: `glasshouse up`, `demo`, `test`, `check`, `promises`, `datamap`, `events`, `keys`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from django.db.utils import OperationalError
from rich.console import Console
from rich.table import Table

from glasshouse.cli.installation import Installation, default_base, default_keys
from glasshouse.kernel.errors import GlasshouseError

console = Console(stderr=True)
output = Console()
ROOT = Path(os.environ.get("GLASSHOUSE_ROOT", Path.cwd()))


def _home(data: Path | None, keys: Path | None, port: int, *, demo: bool) -> Installation:
    name = "demo" if demo else "service"
    return Installation(
        data=data or default_base() / name,
        keys=keys or default_keys() / name,
        port=port,
        crops_port=port + 1,
        mail_port=port + 2,
        demo=demo,
    )


def folders(command: Any) -> Any:
    """The options that name an installation."""
    for option in (
        click.option(
            "--port", default=8443, show_default=True, help="Port of the web door; the crops service takes the next."
        ),
        click.option(
            "--keys", type=click.Path(path_type=Path), help="Folder of the keys; never inside the data folder."
        ),
        click.option("--data", type=click.Path(path_type=Path), help="Folder of the data."),
    ):
        command = option(command)
    return command


demo_flag = click.option("--demo", is_flag=True, help="The demo's installation instead of the service's.")


@click.group()
def main() -> None:
    """Glasshouse: crop intelligence that keeps, and shows, its promises."""


def _run(home: Installation) -> None:
    from glasshouse.cli.demo import plant
    from glasshouse.cli.service import running

    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        with (
            console.status("Starting …") as status,
            running(home, lambda text: status.update(f"Starting: {text} …")) as parts,
        ):
            lines = plant(home) if home.demo else []
            status.stop()
            output.print(
                f"Glasshouse is open at [bold]{home.origin}[/] (certificate authority: {home.keys / 'tls' / 'ca.crt'})"
            )
            output.print(f"Devices write to {home.crops_origin}/api/v2/write")
            for line in lines:
                output.print(line)
            if not home.demo and not os.environ.get("GLASSHOUSE_SMTP_HOST"):
                output.print(
                    "[bold]No mail server is named:[/] mail waits, sign-ups too. Set GLASSHOUSE_SMTP_HOST and start again."
                )
            output.print("Ctrl-C stops it.")
            parts.watch()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _interrupt() -> None:
    raise KeyboardInterrupt


@main.command()
@folders
def up(data: Path | None, keys: Path | None, port: int) -> None:
    """Run the whole service."""
    _run(_home(data, keys, port, demo=False))


@main.command()
@folders
def demo(data: Path | None, keys: Path | None, port: int) -> None:
    """Run the whole service with demo growers."""
    _run(_home(data, keys, port, demo=True))


def _enter(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Become a client of a running installation."""
    import django

    os.environ.update(_home(data, keys, port, demo=demo).environment())
    django.setup()


@main.command()
@folders
@demo_flag
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def promises(data: Path | None, keys: Path | None, port: int, demo: bool, as_json: bool) -> None:
    """Check every promise now; exit 1 if one is not kept."""
    _enter(data, keys, port, demo)
    from glasshouse.promises import api
    from glasshouse.promises.findings import State

    rows = api.check_all()
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=1))
    else:
        table = Table("id", "state", "figure", "checked")
        for row in rows:
            table.add_row(
                row.id, row.state, row.figure, row.checked_at.strftime("%Y-%m-%d %H:%M") if row.checked_at else ""
            )
        output.print(table)
    sys.exit(1 if any(row.state == State.NOT_KEPT for row in rows) else 0)


@main.command()
@folders
@demo_flag
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def datamap(data: Path | None, keys: Path | None, port: int, demo: bool, as_json: bool) -> None:
    """Print what every stored field is."""
    _enter(data, keys, port, demo)
    from glasshouse.promises.evidence import whole_map

    rows = whole_map()
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=1))
        return
    table = Table("store", "table", "column", "class", "sealed", "category", "purpose")
    for row in rows:
        entry = row.entry
        facts = (
            (entry.klass, "yes" if row.sealed else "", entry.category, entry.purpose)
            if entry
            else ("unclassed", "", "", "")
        )
        table.add_row(row.store, row.table, row.column, *facts)
    output.print(table)


@main.command("import")
@folders
@demo_flag
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "address", required=True, help="E-mail address that you sign in with.")
@click.option("--password", prompt=True, hide_input=True, envvar="GLASSHOUSE_PASSWORD", help="Asked for when left out.")
@click.option("--site", required=True, help="Name of the site that the file speaks of.")
@click.option("--compartment", default="", help="Name of its compartment, if it speaks of one.")
@click.option("--zone", help="Clock of the file, such as Europe/Rome; the site's unless the file tells otherwise.")
def import_file(
    file: Path, address: str, password: str, site: str, compartment: str, zone: str | None, **place: Any
) -> None:
    """Bring in a file of a climate computer or a logger; prints the report."""
    _enter(**place)
    from rich.progress import Progress

    from glasshouse.cli.importing import bring_in

    with Progress(console=console) as bar:
        task = bar.add_task(f"Reading {file.name}", total=100)
        lines = list(
            bring_in(
                file, (address, password), (site, compartment), zone, lambda done: bar.update(task, completed=done)
            )
        )
    click.echo("\n".join(lines))


def _code() -> str:
    return str(click.prompt("Code of your second step", err=True))


@main.command("staff")
@folders
@demo_flag
@click.argument("address")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", type=click.Choice(["support", "privacy", "security"]), default="support", show_default=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="GLASSHOUSE_PASSWORD")
def add_staff(address: str, name: str, role: str, password: str, **place: Any) -> None:
    """Make an account for the operator's staff: separate from customers' accounts, and part of none."""
    _enter(**place)
    from glasshouse.accounts import api

    api.create_staff(name, address, password, role)
    click.echo(f"{address} is {role} staff. At the first sign-in a second step must be set up.")


@main.command()
@folders
@demo_flag
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
@click.option("--past", is_flag=True, help="Print the certificates of the sweeps so far.")
def sweep(data: Path | None, keys: Path | None, port: int, demo: bool, dry_run: bool, past: bool) -> None:
    """Delete what has outlived its rule; prints the certificate."""
    _enter(data, keys, port, demo)
    from glasshouse.retention import api

    if past:
        for one in api.certificates():
            rows = ", ".join(f"{count} of {table}" for table, count in one.rows.items()) or "no row"
            click.echo(f"{one.at:%Y-%m-%d %H:%M} {one.id}: {rows}; {one.keys} keys")
        return
    if dry_run:
        for table, count in api.due().items():
            click.echo(f"{count:8} rows of {table} are due")
        return
    done = api.sweep()
    told = ", ".join(f"{count} of {table}" for table, count in done.rows.items()) or "no row"
    click.echo(f"Deleted: {told}; {done.keys} unused keys destroyed. Certificate {done.id}.")


@main.command()
@folders
@demo_flag
@click.argument("address")
@click.option("--by", "owner", required=True, help="E-mail address of the staff account that answers for the hold.")
@click.option("--reason", required=True, help="The law or the court that makes us keep it.")
@click.option("--days", required=True, type=int, help="For how many days.")
def hold(address: str, owner: str, reason: str, days: int, **place: Any) -> None:
    """Keep everything of a person from the sweep for some time (a legal hold)."""
    _enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel.ids import HolderId
    from glasshouse.retention import api as retention

    whom, who = accounts.actor_of_address(address), accounts.actor_of_address(owner)
    if not accounts.is_staff(who.account):
        raise click.ClickException("A hold needs somebody of the staff to answer for it.")
    number = retention.hold(HolderId(str(whom.person)), str(who.account), reason, days)
    click.echo(f"Held for {days} days: {number}.")


@main.command()
@folders
@demo_flag
@click.argument("address")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def erase(address: str, dry_run: bool, **place: Any) -> None:
    """Erase the person with this address everywhere, as the person's own page does."""
    _enter(**place)
    from glasshouse.accounts import api as accounts
    from glasshouse.rights import api as rights

    actor = accounts.actor_of_address(address)
    wanted = rights.plan(actor)
    for purpose, count in wanted.rows.items():
        click.echo(f"{count:8} rows for {purpose}")
    for name in wanted.leaves:
        click.echo(f"leaves {name}")
    for name in wanted.closes:
        click.echo(f"closes {name}, with all its readings")
    for obstacle in wanted.obstacles:
        click.echo(f"in the way: {obstacle}")
    if not dry_run:
        click.confirm("This cannot be undone. Erase?", abort=True)
        done = rights.erase(actor)
        click.echo(f"Erased: {done.rows} rows, the key destroyed. Certificate {done.id}.")


@main.group()
def events() -> None:
    """The event log."""


@events.command()
@folders
@demo_flag
def verify(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Find any event altered, removed or inserted; exit 1 if there is one."""
    _enter(data, keys, port, demo)
    from glasshouse.events import api

    count, wrong = api.verify()
    click.echo("\n".join([*wrong, f"{count} events in the chain; {len(wrong)} breaks."]))
    sys.exit(1 if wrong else 0)


@main.group()
def keys() -> None:
    """Keys of the people plane."""


@keys.command()
@folders
@demo_flag
@click.option("--data-keys", is_flag=True, help="Each holder's data key too: everything sealed is sealed anew.")
def rotate(data: Path | None, keys: Path | None, port: int, demo: bool, data_keys: bool) -> None:
    """Make a new root key and wrap every holder's data key with it. May be interrupted and run again."""
    _enter(data, keys, port, demo)
    from rich.progress import Progress

    from glasshouse.access.reseal import rotate_data_keys
    from glasshouse.vault import api

    with Progress(console=console) as progress:
        task = progress.add_task("Wrapping data keys anew", total=None)
        for done, total in api.rotate_root():
            progress.update(task, completed=done, total=total)
        for what, done, total in rotate_data_keys() if data_keys else ():
            progress.update(task, description=what.capitalize(), completed=done, total=total)
    click.echo(f"Root key {api.roots().current()} wraps all data keys now.")
    if data_keys:
        click.echo("Every holder has a new data key; the old ones are deleted.")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def test(arguments: tuple[str, ...]) -> None:
    """Run all tests, browser journeys included."""
    _ensure_chromium()
    os.chdir(ROOT)
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", *arguments]).returncode)


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
@click.argument("what", type=click.Choice(["ingest", "access"]), default="ingest")
@click.option("--readings", default=20_000_000, show_default=True, help="Of ingest: how many to write and ask about.")
def bench(what: str, readings: int) -> None:
    """Measure: readings against InfluxDB and VictoriaMetrics, where they are installed; or what access control costs."""
    sys.path.insert(0, str(ROOT))
    import importlib

    module = importlib.import_module(f"bench.{what}")
    module.main(readings) if what == "ingest" else module.main()


@main.command()
def check() -> None:
    """Run the linters, the type check and the contracts."""
    os.chdir(ROOT)
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as scratch:
        home = Installation(Path(scratch) / "data", Path(scratch) / "keys", 8443, 8444, 8445, demo=False)
        home.prepare()
        environment = os.environ | home.environment()
        for command in (
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
            ["lint-imports"],
            ["mypy"],
        ):
            click.echo(f"· {' '.join(command)}")
            if code := subprocess.run([str(tools / command[0]), *command[1:]], env=environment).returncode:
                sys.exit(code)


if __name__ == "__main__":
    try:
        main(prog_name="glasshouse")
    except GlasshouseError as error:
        console.print(f"[bold red]Not done:[/] {error}")
        sys.exit(2)
    except OperationalError:
        console.print(
            "[bold red]Not done:[/] the people store does not answer. Is Glasshouse running on these folders?"
        )
        sys.exit(2)
