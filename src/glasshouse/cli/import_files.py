"""`glasshouse import`: one file with its whole report, several with a line each, or an import undone."""

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from glasshouse.cli.options import demo_flag, enter, folders

if TYPE_CHECKING:
    from glasshouse.cli.importing import Who

TOKEN = "GLASSHOUSE_TOKEN"  # noqa: S105 - the name of a variable
console = Console(stderr=True)


@click.command("import")
@folders
@demo_flag
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--as", "address", help="E-mail address that you sign in with; or use a token.")
@click.option("--password", envvar="GLASSHOUSE_PASSWORD", help="Asked for when left out.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with an API token, in the place of --as.")
@click.option("--site", help="Name of the site that the files speak of.")
@click.option("--template", help="Name of the saved template that all the files are read by.")
@click.option("--undo", "undone", metavar="ID", help="Undo this import as a whole, instead of bringing in files.")
@click.option("--compartment", default="", help="Name of its compartment, if it speaks of one.")
@click.option("--zone", help="Clock of the file, such as Europe/Rome; the site's unless the file tells otherwise.")
@click.option(
    "--order", type=click.Choice(["dmy", "mdy", "ymd"]), help="Of day, month and year, where the file does not tell it."
)
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark, where the file does not tell it.")
def import_files(
    files: tuple[Path, ...],
    address: str | None,
    password: str | None,
    token_file: Path | None,
    site: str | None,
    template: str | None,
    undone: str | None,
    **more: Any,
) -> None:
    """Bring in files of a climate computer or a logger. Or undo an import, with --undo ID alone.

    Sign in with --as, or with an API token that may import files: in the variable GLASSHOUSE_TOKEN, or in the file --token-file.

    One file without --template: prints its whole report. Several, or --template: one sign-in for all, a line for each file,
    and one that fails stops no other. Exit codes: 0 all came in (or the import is undone); 1 at least one did not; 2 nothing
    was tried, because the command, the sign-in, the place or the template is wrong; 130 interrupted.
    """
    how = {name: more.pop(name) for name in ("compartment", "zone", "order", "decimal")}
    if bool(undone) == bool(files) or bool(undone) == bool(site):
        raise click.UsageError("Name one or more files and --site, or --undo and the id of an import.")
    is_single = len(files) == 1 and template is None
    if not is_single and files and any(how[name] for name in ("zone", "order", "decimal")):
        raise click.UsageError(
            "Several files are read by a template, or as proposed: leave out --zone, --order, --decimal."
        )
    if is_single and not files[0].is_file():
        raise click.UsageError(f"There is no file {files[0]}.")
    token = _token(address, token_file)
    if not token and not password:
        password = click.prompt("Password", hide_input=True)
    enter(**more)
    who = _who(address, password, token)
    if undone:
        _print_undo(undone, who)
    elif is_single:
        _print_report(files[0], who, (str(site), how["compartment"]), how)
    else:
        _print_outcomes(files, who, (str(site), how["compartment"]), template or "")


def _token(address: str | None, file: Path | None) -> str:
    """The text of the token that is used; "" where somebody signs in. Raises click.UsageError."""
    if (file and address) or not (file or address or os.environ.get(TOKEN)):
        raise click.UsageError(f"Name either --as or a token, by --token-file or the variable {TOKEN}.")
    if not file:
        return "" if address else _some(os.environ[TOKEN], f"The variable {TOKEN}")
    try:
        with file.open() as opened:
            status = os.fstat(opened.fileno())
            text = opened.read(1_000)
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"The token file {file} cannot be read.") from None
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise click.UsageError(f"The token file {file} is one that others can read. Run chmod 600 {file}")
    return _some(text, f"The token file {file}")


def _some(text: str, source: str) -> str:
    """The token in a text. Raises click.UsageError where it holds none: nobody is then asked for a password instead."""
    if not (token := text.strip()):
        raise click.UsageError(f"{source} holds no token. Make one at API tokens, with the right to import.")
    return token


def _who(address: str | None, password: str | None, token: str) -> "Who":
    from glasshouse.cli.importing import Token

    return Token(token) if token else (str(address), str(password))


def _print_undo(undone: str, who: "Who") -> None:
    from rich.progress import Progress

    from glasshouse.cli.importing import undo_import

    with Progress(console=console) as bar:
        task = bar.add_task("Undoing the import", total=100)
        lines = list(undo_import(undone, who, lambda count: bar.update(task, completed=count)))
    click.echo("\n".join(lines))


def _print_report(file: Path, who: "Who", where: tuple[str, str], how: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.progress import Progress

    from glasshouse.cli.importing import bring_in, shown_name

    time_format = "iso" if how["order"] == "ymd" else how["order"]
    with Progress(console=console) as bar:
        task = bar.add_task(f"Reading {escape(shown_name(file))}", total=100)
        step = lambda count: bar.update(task, completed=count)  # noqa: E731
        lines = list(bring_in(file, who, where, how["zone"], step, time_format=time_format, decimal=how["decimal"]))
    click.echo("\n".join(lines))


def _print_outcomes(files: tuple[Path, ...], who: "Who", where: tuple[str, str], template: str) -> None:
    """Import several files; ends with 1 where at least one did not come in."""
    from rich.markup import escape
    from rich.progress import Progress

    from glasshouse.cli.importing import bring_in_all, shown_name

    came_in = 0
    with Progress(console=console) as bar:
        task = bar.add_task("Importing", total=100 * len(files))

        def tell(number: int, percent: int) -> None:
            name = escape(shown_name(files[number]))
            bar.update(task, description=f"Reading {name}", completed=100 * number + percent)

        for done, outcome in enumerate(bring_in_all(files, who, where, template, tell), 1):
            click.echo(outcome.text)
            came_in += outcome.came_in
            bar.update(task, completed=100 * done)
    click.echo(f"{came_in} of {len(files)} files came in.")
    sys.exit(0 if came_in == len(files) else 1)
