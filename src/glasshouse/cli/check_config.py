"""`glasshouse check-config`: what is set, where, and what is wrong with it, before anything starts."""

import json
import os
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from glasshouse.cli.options import CONFIGURATION, demo_flag, folders, home_of
from glasshouse.kernel.errors import GlasshouseError
from glasshouse.operations import certificate_files, configuration, database, service, tls
from glasshouse.operations.configuration import SETTINGS, Configuration
from glasshouse.operations.installation import Installation

output = Console()
OPERATOR = ("operator.name", "operator.address", "operator.privacy_officer", "operator.supervisory_authority")


@click.command("check-config")
@folders
@demo_flag
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check_config(data: Path | None, keys: Path | None, port: int, demo: bool, as_json: bool) -> None:
    """Tell what the configuration sets, and all that is wrong with it; exit 2 if something is. Nothing is started or changed."""
    named = click.get_current_context().meta.get(CONFIGURATION)
    configured = configuration.read(named, os.environ, look=not demo)
    problems = list(configured.problems)
    notes: list[str] = []
    if not problems:
        home = home_of(data, keys, port, demo=demo)
        problems += _problems(home)
        notes += [] if problems else _notes(home, configured)
    if as_json:
        click.echo(json.dumps({"settings": _as_json(configured), "problems": problems, "notes": notes}, indent=1))
    else:
        output.print(_table(configured))
        for lead, lines in (("Wrong:", problems), ("Note:", notes)):
            for line in lines:
                click.echo(f"{lead} {line}")
        click.echo(f"{len(problems)} wrong." if problems else "Nothing is wrong.")
    sys.exit(2 if problems else 0)


def _shown(configured: Configuration, setting: configuration.Setting) -> tuple[str, str]:
    """A setting's value, masked where it is a secret, and where it was set; "" and "" where it is not."""
    value = configured.values.get(setting.variable)
    if value is None:
        return "", ""
    return ("(a secret)" if setting.secret else value.text), value.place


def _as_json(configured: Configuration) -> dict[str, dict[str, str]]:
    rows = {setting.key: _shown(configured, setting) for setting in SETTINGS}
    return {key: {"value": value, "set_by": place} for key, (value, place) in rows.items()}


def _table(configured: Configuration) -> Table:
    table = Table("setting", "value", "set by", "unless set")
    for setting in SETTINGS:
        table.add_row(setting.key, *_shown(configured, setting), setting.usual)
    return table


def _problems(home: Installation) -> list[str]:
    """What the start would refuse, as far as that can be told without starting or changing anything."""
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        # Settings are read with secrets at hand, which an installation that was never started does not have.
        place = replace(home, data=Path(scratch) / "data", keys=Path(scratch) / "keys", key_store=None)
        place.prepare()
        try:
            service.refuse_bad_settings(place)
        except GlasshouseError as error:
            problems.append(str(error))
    if home.doors.certificate:
        try:
            certificate_files.checked(*home.doors.certificate, tls.public_hosts(home.hosts), datetime.now(UTC))
        except GlasshouseError as error:
            problems.append(str(error))
    if home.doors.proxy:
        try:
            certificate_files.checked_authority(home.doors.proxy.authority, home.keys / "tls", datetime.now(UTC))
        except GlasshouseError as error:
            problems.append(str(error))
    return problems + database.tried(home)


def _notes(home: Installation, configured: Configuration) -> list[str]:
    """What works, but perhaps not as the operator wants it."""
    notes = []
    if home.doors.certificate:
        ends = certificate_files.ends_at(home.doors.certificate[0])
        if ends - datetime.now(UTC) < certificate_files.ENDS_SOON:
            notes.append(f"The certificate ends on {ends:%Y-%m-%d}. It is read again each hour: renew the file.")
    elif home.doors.origin:
        notes.append(
            "Browsers do not trust the installation's own authority. Name a certificate (service.certificate), or put a "
            "proxy with one before the doors."
        )
    if not home.demo and not configured.get("mail.server"):
        notes.append("No mail server is named (mail.server): mail waits, sign-ups too.")
    if configured.get("mail.server") and not configured.get("mail.from"):
        notes.append("Mail is sent from glasshouse@localhost, which servers refuse. Set mail.from.")
    if not home.demo:
        missing = [key for key in OPERATOR if not configured.get(key)]
        if missing:
            notes.append(f"The privacy notice says that this is not stated: {', '.join(missing)}.")
    return notes
