"""The command `glasshouse upgrade`: what an upgrade would do, and the embedded stores brought to the next PostgreSQL."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from glasshouse.cli.options import demo_flag, folders, home_of, refuse_missing
from glasshouse.operations import major_upgrade, upgrade_check

console = Console(stderr=True)


@click.command()
@folders
@demo_flag
@click.option(
    "--check",
    is_flag=True,
    help="Only tell what it would do. Changes nothing; exit 1: not all can be told, 2: refused.",
)
@click.option("--json", "as_json", is_flag=True, help="With --check: as JSON.")
@click.option(
    "--programs",
    type=click.Path(path_type=Path),
    help="Folder of the earlier PostgreSQL's programs, where they are not found.",
)
def upgrade(check: bool, as_json: bool, programs: Path | None, **place: Any) -> None:
    """Bring embedded stores that an earlier major version of PostgreSQL made to the one that is installed.

    The service must be stopped. It may be interrupted, and is run again then. Tables are brought up to date by the next start.
    """
    home = home_of(**place)
    refuse_missing(home)
    if check:
        outlook = upgrade_check.look(home, programs)
        if as_json:
            click.echo(json.dumps(outlook._asdict(), indent=1))
        else:
            for line in (
                *outlook.facts,
                *(f"Not told: {line}" for line in outlook.unknown),
                *(f"Refused: {line}" for line in outlook.refused),
            ):
                click.echo(line)
        sys.exit(2 if outlook.refused else 1 if outlook.unknown else 0)
    with console.status("Upgrading …") as status:
        done = major_upgrade.upgrade(home, lambda text: status.update(f"{text} …"), programs)
    for store in done:
        click.echo(
            f"The {store.store} went from PostgreSQL {store.before} to {store.now}: {store.rows} rows, counted in both."
        )
        click.echo(f"{store.put_aside} is what it was before; delete it when all is well.")
    if not done:
        click.echo("Both stores are of the PostgreSQL that is installed. Nothing was changed.")
    click.echo(f"Start it: {home.command('demo' if home.demo else 'up')}".replace(" --demo", ""))
