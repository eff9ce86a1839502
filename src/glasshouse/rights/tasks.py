"""Jobs of rights. They are given ids only."""

from procrastinate.contrib.django import app

from glasshouse.rights import copies


@app.task(name="rights.fill_copy", queue="imports", retry=3)
def fill_copy(copy: str) -> None:
    """Make the copy that somebody asked for. Safe to repeat."""
    copies.fill(copy)
