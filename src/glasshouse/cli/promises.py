"""`glasshouse promises`: checks the promises now, and explains how each is checked."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from glasshouse.cli.options import demo_flag, enter, folders
from glasshouse.promises.register import REGISTER

if TYPE_CHECKING:
    from glasshouse.promises.api import Standing

console, output = Console(stderr=True), Console()


@click.command()
@folders
@demo_flag
@click.argument("ids", nargs=-1, type=click.Choice(list(REGISTER)), metavar="[PROMISE]…")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--explain", is_flag=True, help="Tell what each check does, what it judges by, and what it saw.")
def promises(
    data: Path | None, keys: Path | None, port: int, demo: bool, ids: tuple[str, ...], as_json: bool, explain: bool
) -> None:
    """Check every promise now, or those named; exit 1 if one is not verified."""
    enter(data, keys, port, demo)
    from glasshouse.promises import api
    from glasshouse.promises.findings import State

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Checking", total=len(ids or REGISTER))

        def tell(standing: "Standing") -> None:
            bar.update(task, advance=1, description=f"Checking: {standing.id} {standing.state}")

        rows = api.check_all(ids, tell)
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=1))
    elif explain:
        for row in rows:
            _explain(row)
    else:
        _print(rows)
    sys.exit(1 if any(row.state == State.NOT_VERIFIED for row in rows) else 0)


def _print(rows: "list[Standing]") -> None:
    table = Table("id", "state", "figure", "checked")
    for row in rows:
        when = row.checked_at.strftime("%Y-%m-%d %H:%M") if row.checked_at else ""
        table.add_row(row.id, row.state, escape(row.figure), when)
    output.print(table)


def _explain(row: "Standing") -> None:
    from glasshouse.promises import api

    output.print(f"[bold]{row.id}[/] {escape(row.text)}", soft_wrap=True)
    output.print(f"{row.state}: {escape(row.figure)}", soft_wrap=True)
    if explanation := api.explanation_of(row.id):
        for number, step in enumerate(explanation.steps, 1):
            output.print(f"  {number}. {escape(step)}", soft_wrap=True)
        if explanation.oracle:
            output.print(f"  Judged by: {escape(explanation.oracle)}", soft_wrap=True)
        output.print(f"  Checked every {explanation.every_s / 3600:.0f} h.", soft_wrap=True)
    for line in row.evidence:
        output.print(f"  {escape(line)}", soft_wrap=True)
    output.print()
