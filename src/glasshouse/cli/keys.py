"""The commands of keys: `glasshouse keys rotate`, `backup`, `restore`, `status`, `move`."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from glasshouse.cli.options import demo_flag, enter, folders, home_of

console = Console(stderr=True)


@click.group()
def keys() -> None:
    """Keys of the people plane, and their backups."""


@keys.command()
@folders
@demo_flag
@click.option("--data-keys", is_flag=True, help="Each key owner's data key too: everything sealed is sealed anew.")
def rotate(data_keys: bool, **place: Any) -> None:
    """Make a new root key and wrap every key owner's data key with it. May be interrupted and run again."""
    enter(**place)
    from django.conf import settings

    from glasshouse.access.reseal import rotate_data_keys
    from glasshouse.vault import api, backups

    done, total = 0, None
    try:
        with Progress(console=console) as progress:
            task = progress.add_task("Wrapping data keys anew", total=None)
            for wrapped in api.rotate_root():
                done, total = wrapped.done, wrapped.total
                progress.update(task, completed=done, total=total)
            for resealed in rotate_data_keys() if data_keys else ():
                progress.update(
                    task, description=resealed.step.capitalize(), completed=resealed.done, total=resealed.total
                )
    except KeyboardInterrupt:
        again = "keys rotate --data-keys" if data_keys else "keys rotate"
        click.echo(
            f"Interrupted: {_how_far(done, total)} All can be read as before, and what is done counts. The rotation is not "
            f"over; run it again to finish it: {home_of(**place).command(again)}",
            err=True,
        )
        sys.exit(130)
    backups.back_up()
    click.echo(f"Root key {api.roots().current()} wraps all data keys now.")
    for number in sorted(api.roots().retired()):
        click.echo(
            f"root-{number}.key stays for {settings.KEY_BACKUP_DAYS} days: backups of the key store from before need it."
        )
    if data_keys:
        click.echo("Every key owner has a new data key; the old ones are deleted.")


def _how_far(done: int, total: int | None) -> str:
    if total is None:
        return "no data key was wrapped anew yet."
    return "every data key was wrapped anew." if done == total else f"{done} of {total} data keys were wrapped anew."


@keys.command()
@folders
@demo_flag
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Folder for the backup; the key store's own unless named."
)
def backup(folder: Path | None, **place: Any) -> None:
    """Back the key store up now, sealed under the key of the day. The service must run."""
    enter(**place)
    from django.conf import settings

    from glasshouse.vault import backups

    with console.status("Backing up …"):
        made = backups.back_up(folder)
    header = made.header
    click.echo(f"{made.path}: {header.keys} keys, {header.lines} lines of the ledger.")
    click.echo(f"It can be opened until the key of {header.day} is destroyed, after {settings.KEY_BACKUP_DAYS} days.")


@keys.command()
@folders
@demo_flag
@click.option(
    "--replace", is_flag=True, help="Also over a key store that is whole; keys made since the backup are lost."
)
@click.option(
    "--accept-loss", is_flag=True, help="Also where something of the data is sealed under keys that the backup lacks."
)
@click.argument("backup", required=False, type=click.Path(path_type=Path))
def restore(replace: bool, accept_loss: bool, backup: Path | None, **place: Any) -> None:
    """Bring a backup of the key store back, the newest unless one is named. The service must be stopped."""
    from glasshouse.operations import key_restore

    home = home_of(**place)
    path = backup or key_restore.newest(home)
    with Progress(console=console) as progress:
        task = progress.add_task("Bringing keys back", total=None)
        restored = key_restore.restore(
            home,
            path,
            replace=replace,
            accept_loss=accept_loss,
            report=lambda count: progress.update(task, completed=count),
        )
    click.echo(
        f"{path}, made {restored.header.made_at[:16]} UTC, is back: {restored.keys} keys, {restored.lines} lines."
    )
    if restored.taken_over:
        click.echo(f"{restored.taken_over} lines of the ledger were newer and came from the data.")
    if restored.destroyed:
        click.echo(f"{restored.destroyed} keys of what was erased since were destroyed again.")
    for folder in key_restore.put_aside(home):
        click.echo(f"{folder} is what was there before; it is deleted after some days. It holds keys: keep it apart.")
    if restored.lost.owners:
        click.echo(
            f"Keys of {restored.lost.owners} key owners are lost: what is sealed under them cannot be read any more. "
            f"Rows of which: {restored.lost}."
        )


@keys.command()
@folders
@demo_flag
def move(**place: Any) -> None:
    """Finish moving the keys of an earlier version's data into the key store. The service must be stopped."""
    from glasshouse.operations.service import move_keys

    home = home_of(**place)
    with console.status("Moving keys …"):
        move_keys(home)
    click.echo(f"The keys of {home.data} are in {home.keystore}.")


@keys.command()
@folders
@demo_flag
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool, **place: Any) -> None:
    """Tell how many keys there are, how long the ledger is, and which backups can be opened."""
    from glasshouse.operations import key_status

    facts = key_status.look(home_of(**place))
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), "\n".join(map(str, value)) if isinstance(value, list) else str(value))
    Console().print(table)
