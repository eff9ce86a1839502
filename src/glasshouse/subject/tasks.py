"""Jobs of a data subject's rights. They are given ids only."""

from procrastinate.contrib.django import app

from glasshouse.queues import api as queues
from glasshouse.subject import exports


@app.task(name=exports.FILL_EXPORT, queue="imports")
def fill_export(copy: str) -> None:
    """Make the export that a person asked for; what fails is taken up by `exports.fill_due`. Safe to repeat.

    copy: the export's id. Tasks that wait in the queue of an older version name their argument so.
    """
    queues.attempt(exports.EXPORTING, copy, exports.fill)
