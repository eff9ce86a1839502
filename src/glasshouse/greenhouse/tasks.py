"""Jobs of the greenhouse. Their arguments are ids; they act as the person who started them, and check the permission again."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from glasshouse.greenhouse import imports
from glasshouse.greenhouse.imports import IMPORTING
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import GlasshouseError, UnavailableError
from glasshouse.kernel.ids import AccountId, ImportId, OrganisationId, PersonId
from glasshouse.queues import api as queues
from glasshouse.queues.rules import MAX_TRIES, ProcessDied

GAVE_UP = (
    "The file could not be taken: a part of the service failed each time. Nothing of it is stored. Start it once more."
)


@app.task(
    name=imports.TAKE_FILE,
    queue="imports",
    # Sooner than other queues: whoever uploaded the file waits for it. All tries take 55 minutes.
    retry=RetryStrategy(max_attempts=MAX_TRIES, exponential_wait=3),
)
def take_file(account: str, person: str, organisation: str, upload: str) -> None:
    """Run an import; tried again, after growing waits, while a part of the service fails. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    with queues.claimed(IMPORTING, upload) as is_claimed:
        if is_claimed:  # Otherwise a slow worker was taken for dead: that process finishes the import.
            _run(actor, ImportId(upload))


def _run(actor: Actor, upload: ImportId) -> None:
    tries = queues.count_try(IMPORTING, upload)
    if tries > MAX_TRIES:  # Every worker that ran it died.
        queues.failed(IMPORTING, upload, ProcessDied())
        imports.failed(actor, upload, GAVE_UP)
        return
    try:
        imports.run(actor, upload)
    except imports.StoppedError:
        pass
    except Exception as error:
        if isinstance(error, UnavailableError) or not isinstance(error, GlasshouseError):
            queues.failed(IMPORTING, upload, error)
            if tries < MAX_TRIES:
                raise
            imports.failed(actor, upload, GAVE_UP)
            return
        imports.failed(actor, upload, str(error))
    queues.worked(IMPORTING, upload)
