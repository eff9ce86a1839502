"""`glasshouse sbom`: the bill of materials of this version, for who has to know what runs."""

import json
from pathlib import Path

import click

from glasshouse.kernel import clock, release
from glasshouse.operations.bill_of_materials import bill


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; printed when left out.")
def sbom(output: Path | None) -> None:
    """Print the bill of materials: each package with version, hashes and licence, in CycloneDX 1.6 (JSON)."""
    text = json.dumps(bill(release.lock().read_text(), release.version(), clock.now()), indent=1, ensure_ascii=False)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text + "\n")
