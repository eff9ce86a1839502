"""What every command shares: the options that name an installation, and becoming its client."""

import os
from pathlib import Path
from typing import Any

import click

from glasshouse.kernel.release import program
from glasshouse.kernel.servers import Server
from glasshouse.operations import configuration
from glasshouse.operations.installation import (
    PORT,
    Databases,
    Doors,
    Installation,
    InstallationError,
    ProxyDoor,
    default_base,
    default_keys,
)

KEYSTORE, CONFIGURATION = "glasshouse.keystore", "glasshouse.configuration"


def home_of(data: Path | None, keys: Path | None, port: int, *, demo: bool) -> Installation:
    """The installation that options, environment and configuration name, in this order. What is set for parts is exported.

    port: of the web door; 0: not given. Key store and configuration are named by options of their own, read from the command's
    context. Folders are named from where the command was typed: the parts work elsewhere. A demo takes no configuration but one
    that is named. Raises InstallationError with all that is wrong in them.
    """
    name = "demo" if demo else "service"
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    configured = configuration.read(meta.get(CONFIGURATION), os.environ, look=not demo)
    configured.require_sound()
    os.environ.update(configured.for_parts())
    web_port = port or int(configured.get("service.port") or PORT)
    key_store: Path | None = meta.get(KEYSTORE)

    def folder(setting: str) -> Path | None:
        return Path(written) if (written := configured.get(f"folders.{setting}")) else None

    return Installation(
        data=(data or folder("data") or default_base() / name).absolute(),
        keys=(keys or folder("keys") or default_keys() / name).absolute(),
        port=web_port,
        crops_port=int(configured.get("service.crops_port") or web_port + 1),
        mail_port=int(configured.get("service.mail_port") or web_port + 2),
        demo=demo,
        key_store=key_store.absolute() if key_store else folder("keystore"),
        doors=_doors(configured),
        databases=Databases(
            people=Server(dsn) if (dsn := configured.get("database.people")) else None,
            keys=Server(dsn) if (dsn := configured.get("database.keys")) else None,
            people_password=configured.get("database.people_password"),
            keys_password=configured.get("database.keys_password"),
        ),
        web_processes=int(configured.get("service.web_processes") or 1),
        workers=int(configured.get("service.workers") or 1),
    )


def _doors(configured: configuration.Configuration) -> Doors:
    certificate, key = configured.get("service.certificate"), configured.get("service.certificate_key")
    proxy_port, proxy_authority = configured.get("service.proxy_port"), configured.get("service.proxy_authority")
    return Doors(
        origin=configured.get("service.origin"),
        crops_origin=configured.get("service.crops_origin"),
        bind=configured.get("service.bind") or "127.0.0.1",
        certificate=(Path(certificate), Path(key)) if certificate else None,
        proxy=ProxyDoor(int(proxy_port), Path(proxy_authority)) if proxy_port else None,
    )


def folders(command: Any) -> Any:
    """The options that name an installation."""
    for option in (
        click.option(
            "--port",
            type=click.IntRange(0, 65_533),
            default=0,
            show_default=f"{PORT}, or as configured",
            help="Port of the web door; the crops service takes the next.",
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
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=lambda context, _, path: context.meta.update({CONFIGURATION: path}),
            help="File of the configuration.",
        ),
    ):
        command = option(command)
    return command


demo_flag = click.option("--demo", is_flag=True, help="The demo's installation instead of the service's.")


def enter(data: Path | None, keys: Path | None, port: int, demo: bool) -> None:
    """Become a client of a running installation. Raises InstallationError where there is none."""
    import django

    home = home_of(data, keys, port, demo=demo)
    refuse_missing(home)
    os.environ.update(home.environment())
    django.setup()


def refuse_missing(home: Installation) -> None:
    """Raises InstallationError where an installation was never started."""
    if (home.keys / "people" / "django.key").exists() or home.data.exists():
        return
    other = "" if home.demo else " For the demo's installation add --demo."
    raise InstallationError(
        f"There is no installation in {home.data} with keys in {home.keys}. "
        f"Name its folders with --data and --keys, or start it: {program()} {'demo' if home.demo else 'up'}.{other}"
    )
