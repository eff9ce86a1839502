"""Jobs of rights. They are given ids only."""

from procrastinate.contrib.django import app

from glasshouse.queues import api as queues
from glasshouse.subject import exports


@app.task(name=exports.FILL_EXPORT, queue="imports")
def fill_export(copy: str) -> None:
    """Make the copy that somebody asked for, once; what fails is taken up by `copies.fill_due`. Safe to repeat."""
    queues.attempt(exports.EXPORTING, copy, exports.fill)
