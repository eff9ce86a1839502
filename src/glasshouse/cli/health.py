"""`glasshouse health`: whether the two doors of a running installation say that all is well."""

import sys
from pathlib import Path

import click

from glasshouse.cli.options import demo_flag, folders, home_of

DEADLINE_S = 10.0


@click.command()
@folders
@demo_flag
def health(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Ask both doors whether all is well; exit 1 if one does not say so. For a container's or a monitor's questions."""
    from glasshouse.operations.health import https

    home, is_well = home_of(data, keys, port, demo=demo), True
    for name, door in (("web", home.web_door), ("crops", home.crops_door)):
        try:
            https(door, home.keys / "tls")(DEADLINE_S)
            click.echo(f"{name}: well")
        except Exception as error:  # noqa: BLE001 - whatever it is, the door is not well
            click.echo(f"{name}: {type(error).__name__}")
            is_well = False
    sys.exit(0 if is_well else 1)
