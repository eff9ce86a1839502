"""Jobs of rights. They are given ids only."""

from procrastinate.contrib.django import app

from glasshouse.queues import api as queues
from glasshouse.subject import exports as copies


@app.task(name=copies.FILL_COPY, queue="imports")
def fill_copy(copy: str) -> None:
    """Make the copy that somebody asked for, once; what fails is taken up by `copies.fill_due`. Safe to repeat."""
    queues.attempt(copies.COPYING, copy, copies.fill)
