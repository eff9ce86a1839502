"""`glasshouse sandbox`: which restrictions hold, on this machine, for the process that reads a foreign file."""

import json
from dataclasses import asdict

import click
from rich.console import Console

from crop_contract import sandbox as foreign_files
from crop_contract.sandbox import RESTRICTIONS, SandboxError
from crop_contract.sandbox_kernel import FIRST_USER
from glasshouse.kernel import closed_folders, users
from glasshouse.kernel.users import PartUser


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def sandbox(as_json: bool) -> None:
    """Tell how files that people send are kept apart here; exit 1 if a restriction is missing that needs no root."""
    if users.are_apart():  # So that it tells what holds for what the sandbox starter starts.
        closed_folders.open_up(closed_folders.closed(closed_folders.of_code()))
        users.become(PartUser(FIRST_USER, FIRST_USER))
    try:
        held = foreign_files.restrictions()
    except SandboxError as error:
        raise click.ClickException(f"The process could not be started or failed: {error}") from None
    if as_json:
        click.echo(json.dumps(asdict(held) | {"mode": held.mode}))
    else:
        console = Console()
        console.print(f"Mode: [bold]{held.mode}[/]", highlight=False, soft_wrap=True)
        for name, says in RESTRICTIONS.items():
            console.print(
                f"{'[red]missing[/]' if name in held.missing else 'holds  '} {name}: {says}",
                highlight=False,
                soft_wrap=True,
            )
    if set(held.missing) - {"user"}:
        raise SystemExit(1)
