"""The commands of a store that is the operator's own PostgreSQL: `glasshouse database sql`, `check`."""

import sys
from typing import Any

import click

from glasshouse.cli.options import demo_flag, folders, home_of
from glasshouse.operations import database as databases
from glasshouse.operations import database_needs, postgres
from glasshouse.operations.installation import Installation, InstallationError

STORES = ("people", "keys")
store_argument = click.argument("store", type=click.Choice(STORES))


@click.group()
def database() -> None:
    """The people store and the key store, where they are PostgreSQL servers of your own."""


def _cluster(home: Installation, store: str) -> postgres.Cluster:
    people, keys = postgres.stores(home)
    cluster = keys if store == "keys" else people
    if cluster.server is None:
        raise InstallationError(
            f"The {cluster.name} is the embedded one. Name a server of your own in {databases.setting_of(cluster)}."
        )
    return cluster


@database.command()
@folders
@demo_flag
@store_argument
def sql(store: str, **place: Any) -> None:
    """Print what a database administrator runs with psql to prepare a store. It may be run again, and has no password in it."""
    home = home_of(**place)
    cluster = _cluster(home, store)
    home.prepare()
    server = cluster.server
    click.echo("\n".join(database_needs.script(cluster, server.database if server else "")))


@database.command()
@folders
@demo_flag
@store_argument
def check(store: str, **place: Any) -> None:
    """Tell what of a store is not as it must be; exit 1 if something is. Nothing is changed."""
    home = home_of(**place)
    cluster = _cluster(home, store)
    if not cluster.secret("owner").exists():
        raise InstallationError(
            f"{home.keys} has no passwords for the {cluster.name} yet. Make them: {home.command(f'database sql {store}')}"
        )
    faults = databases.faults(cluster)
    if faults:
        click.echo(databases.refusal(home, cluster, faults))
        sys.exit(1)
    click.echo(f"The {cluster.name} is as it must be.")
