"""`glasshouse mutate`: breaks the promises on purpose, on a scratch service, and shows which breakages their checks notice."""

import json
import signal
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from glasshouse.kernel.release import needed_clone
from glasshouse.operations.mutation.runner import Outcome, Runner, Trial
from glasshouse.operations.mutation.together import run_together
from glasshouse.promises.breakage import Breakage
from glasshouse.promises.breakages import load
from glasshouse.promises.register import REGISTER

STYLES = {Outcome.CAUGHT: "green", Outcome.MISSED: "bold red", Outcome.NOT_TRIED: "red", Outcome.STAYED: "bold red"}
console, output = Console(stderr=True), Console()


@click.command()
@click.argument("promises", nargs=-1, type=click.Choice(list(REGISTER)), metavar="[PROMISE]…")
@click.option("--quick", is_flag=True, help="Only those that need no part to start again.")
@click.option(
    "--breakage", "names", multiple=True, metavar="TEXT", help="Only those whose name holds a text. Repeatable."
)
@click.option(
    "--all", "others", is_flag=True, help="Run the other promises' checks too, and tell which of them turn red."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--lines", "as_lines", is_flag=True, help="As JSON, a line for each breakage as soon as it was tried.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="How many scratch services to make. Each needs about 1 GiB of memory.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where to make the scratch service: a folder that is not there yet.",
)
def mutate(
    promises: tuple[str, ...],
    quick: bool,
    names: tuple[str, ...],
    others: bool,
    as_json: bool,
    as_lines: bool,
    jobs: int,
    folder: Path | None,
) -> None:
    """Break the promises one at a time on a scratch service; exit 1 if a check does not notice.

    The scratch service is made for it, with demo growers, and removed at the end. No other installation is touched.
    """
    needed_clone("mutate")
    chosen = _chosen(promises, names, quick=quick)
    options = [option for option, given in (("--quick", quick), ("--all", others)) if given]
    options += [part for name in names for part in ("--breakage", name)]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Also where a shell has it ignored.
        signal.signal(number, _interrupt)
    with console.status("Starting …") as status:

        def say(text: str) -> None:
            status.update(f"{text} …")

        if jobs > 1:
            running = run_together(chosen, jobs, options, folder, say)
        else:
            running = Runner(chosen, folder, others, each_restored=not quick, say=say).run()
        trials = _shown(running, as_lines=as_lines)
    if as_json:
        click.echo(json.dumps([trial.as_json() for trial in trials], indent=1))
    elif not as_lines:
        _print(trials)
    sys.exit(0 if all(trial.outcome is Outcome.CAUGHT and not trial.also_red for trial in trials) else 1)


def _chosen(promises: tuple[str, ...], names: tuple[str, ...], *, quick: bool) -> list[Breakage]:
    """The breakages that were asked for. Raises UsageError where there is none: nothing tried must not look like success."""
    chosen = [
        breakage
        for breakage in load()
        if (not promises or breakage.promise in promises)
        and (not names or any(name in breakage.name for name in names))
        and (breakage.quick or not quick)
    ]
    if not chosen:
        raise click.UsageError("No breakage is named so. Their names stand in src/glasshouse/promises/breakages.")
    return chosen


def _shown(running: Generator[Trial, None, None], *, as_lines: bool) -> list[Trial]:
    """Every trial, each shown as soon as it is over. Ends the command with 130 where it is interrupted."""
    trials: list[Trial] = []
    try:
        with closing(running):
            for trial in running:
                trials.append(trial)
                console.print(_line(trial))
                if as_lines:
                    click.echo(json.dumps(trial.as_json()))
    except KeyboardInterrupt:
        console.print("Interrupted; the scratch service is gone.")
        sys.exit(130)
    return trials


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _line(trial: Trial) -> str:
    style = STYLES[trial.outcome]
    red = f"; also red: {', '.join(trial.also_red)}" if trial.also_red else ""
    return f"[{style}]{trial.outcome}[/] {trial.promise} {trial.breakage} [dim]({trial.took_s:.0f} s){red}[/]"


def _print(trials: list[Trial]) -> None:
    table = Table("promise", "breakage", "kind", "outcome", "what the check said", "also red")
    for trial in trials:
        style = STYLES[trial.outcome]
        table.add_row(
            trial.promise,
            trial.breakage,
            trial.kind,
            f"[{style}]{trial.outcome}[/]",
            trial.figure,
            ", ".join(trial.also_red),
        )
    output.print(table)
    counts = Counter(trial.outcome for trial in trials)
    red = sum(bool(trial.also_red) for trial in trials)
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]) or "none"
    output.print(f"{len(trials)} breakages: {summary}; {red} turned a check red that is not theirs.")
