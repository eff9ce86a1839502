"""What every command shares: the options that name an installation, and becoming its client."""

import os
from pathlib import Path
from typing import Any

import click

from glasshouse.operations.installation import Installation, default_base, default_keys


def home_of(data: Path | None, keys: Path | None, port: int, *, demo: bool) -> Installation:
    """The installation that the options name."""
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


def enter(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Become a client of a running installation."""
    import django

    os.environ.update(home_of(data, keys, port, demo=demo).environment())
    django.setup()
