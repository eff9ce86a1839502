"""Jobs of the greenhouse. They are given ids only, act as whoever asked for them, and ask for the right anew when they run."""

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from glasshouse.greenhouse import imports
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import GlasshouseError, UnavailableError
from glasshouse.kernel.ids import AccountId, ImportId, OrganisationId, PersonId
from glasshouse.queues import api as queues
from glasshouse.queues.rules import MAX_TRIES

QUEUE = "greenhouse.import"
GAVE_UP = (
    "The file could not be taken: a part of the service failed each time. Nothing of it is stored. Start it once more."
)


@app.task(
    name="greenhouse.take_file",
    queue="imports",
    pass_context=True,
    retry=RetryStrategy(max_attempts=MAX_TRIES, exponential_wait=3),
)
def take_file(context: JobContext, account: str, person: str, organisation: str, upload: str) -> None:
    """Take a file's readings; tried again, after growing waits, while a part of the service fails. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    attempts = context.job.attempts
    if attempts >= MAX_TRIES:  # Each worker that took it died of it.
        imports.failed(actor, ImportId(upload), GAVE_UP)
        return
    try:
        with queues.claimed(QUEUE, upload) as mine:
            if not mine:
                return  # Taken for dead while it worked slowly: that process takes the file to the end.
            imports.take(actor, ImportId(upload))
    except imports.StoppedError:
        return
    except Exception as error:
        if isinstance(error, GlasshouseError) and not isinstance(error, UnavailableError):
            imports.failed(actor, ImportId(upload), str(error))
            return
        queues.count_failure(QUEUE, upload, error)
        if attempts + 1 < MAX_TRIES:
            raise
        imports.failed(actor, ImportId(upload), GAVE_UP)
    else:
        queues.worked(QUEUE, upload)
