"""What an upgrade of an installation would do, told without changing anything: `glasshouse upgrade --check`.

Migrations that wait are told by the databases, so the stores must run: it is asked with the new version, while the old one runs.
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from glasshouse.kernel import programs
from glasshouse.kernel.release import version
from glasshouse.operations import major_upgrade, postgres, service
from glasshouse.operations.installation import Installation, InstallationError

MOST_NAMED = 12


class Outlook(NamedTuple):
    """facts: what is, and would be done; unknown: what could not be told, and why; refused: why it would not be done."""

    facts: list[str]
    unknown: list[str]
    refused: list[str]


def look(home: Installation, named: Path | None = None) -> Outlook:
    """Look at an installation. named: folder of the earlier PostgreSQL's programs."""
    outlook = Outlook([f"Glasshouse {version()} looks at the data in {home.data}."], [], [])
    needed = _of_clusters(home, named, outlook)
    needed += _of_tables(home, outlook)
    free = shutil.disk_usage(home.data).free
    outlook.facts.append(f"Disk: at most {needed >> 20} MB are needed, {free >> 20} MB are free.")
    if free < needed:
        outlook.refused.append(f"the disk of {home.data} is too short by {(needed - free) >> 20} MB")
    return outlook


def _of_clusters(home: Installation, named: Path | None, outlook: Outlook) -> int:
    """Major versions of PostgreSQL; returns how many bytes a change of them needs."""
    needed, now = 0, major_upgrade.version_of_programs(programs.binaries())
    for cluster in postgres.stores(home):
        if cluster.server:
            outlook.facts.append(
                f"The {cluster.name} is a server of your own: its PostgreSQL is upgraded by whoever runs it."
            )
            continue
        made = major_upgrade.version_of(cluster.folder)
        if major_upgrade.marker(cluster).exists():
            outlook.facts.append(
                f"An upgrade of the {cluster.name} was cut off. It is finished by: {home.command('upgrade')}"
            )
        elif made is None:
            outlook.refused.append(f"there is no {cluster.name} in {cluster.folder}")
        elif made == now:
            outlook.facts.append(f"The {cluster.name} is of PostgreSQL {made}, as is installed.")
        elif made > now:
            outlook.refused.append(
                f"the {cluster.name} is of PostgreSQL {made}, which is newer than the {now} that is installed"
            )
        else:
            needed += major_upgrade.needed_bytes(cluster)
            outlook.facts.append(
                f"The {cluster.name} goes from PostgreSQL {made} to {now}, by: {home.command('upgrade')}"
            )
            try:
                major_upgrade.earlier_programs(made, named)
            except InstallationError as error:
                outlook.refused.append(str(error))
    return needed


def _of_tables(home: Installation, outlook: Outlook) -> int:
    """Migrations that wait; returns how many bytes they may need: tables that they change are written anew."""
    if not all(cluster.answers() for cluster in postgres.stores(home)):
        outlook.unknown.append(
            "which changes of tables wait: the stores do not run. Ask while the service runs, with either version"
        )
        return 0
    finished = service.run_module(home, "glasshouse.operations.pending", "owner")
    if finished.returncode:
        outlook.unknown.append(f"which changes of tables wait: {finished.stderr.strip()[-300:]}")
        return 0
    answer: dict[str, Any] = json.loads(finished.stdout)
    pending, foreign, size = list(answer["pending"]), list(answer["foreign"]), int(answer["bytes"])
    if foreign:
        outlook.refused.append(
            f"the data is of a newer version: it has {', '.join(foreign[:MOST_NAMED])}, which this one does not know"
        )
    if not pending:
        outlook.facts.append(
            "No change of tables waits. Rights and policies are written anew by the start, if the source changed."
        )
        return 0
    more = f" and {len(pending) - MOST_NAMED} more" if len(pending) > MOST_NAMED else ""
    outlook.facts.append(
        f"{len(pending)} changes of tables wait, made by the next start: {', '.join(pending[:MOST_NAMED])}{more}."
    )
    return 2 * size
