"""What every command shares: the options that name an installation, and becoming its client."""

import os
from pathlib import Path
from typing import Any

import click

from glasshouse.operations.installation import PORT, Installation, default_base, default_keys

KEYSTORE = "glasshouse.keystore"


def home_of(data: Path | None, keys: Path | None, port: int, *, demo: bool) -> Installation:
    """The installation that the options name; the key store is named by the command's own option, read from its context."""
    name = "demo" if demo else "service"
    context = click.get_current_context(silent=True)
    return Installation(
        data=data or default_base() / name,
        keys=keys or default_keys() / name,
        port=port,
        crops_port=port + 1,
        mail_port=port + 2,
        demo=demo,
        key_store=context.meta.get(KEYSTORE) if context else None,
    )


def folders(command: Any) -> Any:
    """The options that name an installation."""
    for option in (
        click.option(
            "--port", default=PORT, show_default=True, help="Port of the web door; the crops service takes the next."
        ),
        click.option(
            "--keys", type=click.Path(path_type=Path), help="Folder of the keys; never inside the data folder."
        ),
        click.option(
            "--keystore",
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=lambda context, _, folder: context.meta.update({KEYSTORE: folder}),
            help="Folder of the key store; beside the keys unless named.",
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
