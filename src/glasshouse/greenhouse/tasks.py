"""Jobs of the greenhouse. Their arguments are ids; they act as the person who started them, and check the permission again."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from glasshouse.greenhouse import amendments, imports, undo
from glasshouse.greenhouse.imports import IMPORTING
from glasshouse.greenhouse.statements import Statement, statement_of
from glasshouse.greenhouse.undo import UNDOING
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, GlasshouseError, NotFoundError, UnavailableError
from glasshouse.kernel.ids import AccountId, AmendmentId, ImportId, OrganisationId, PersonId
from glasshouse.queues import api as queues
from glasshouse.queues.rules import MAX_TRIES, ProcessDied

GAVE_UP = Statement(
    "The file could not be taken: a part of the service failed each time. Nothing of it is stored. Start it once more."
)
UNDO_GAVE_UP = Statement(
    "It was not done whole: a part of the service failed each time. What was done stays so. Start it once more."
)


# Sooner than other queues: whoever uploaded the file waits for it. All tries take 55 minutes.
RETRY = RetryStrategy(max_attempts=MAX_TRIES, exponential_wait=3)


@app.task(name=imports.TAKE_FILE, queue="imports", retry=RETRY)
def take_file(account: str, person: str, organisation: str, upload: str) -> None:
    """Run an import; tried again, after growing waits, while a part of the service fails. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    _tried(
        IMPORTING, upload, partial(_import, actor, ImportId(upload)), partial(_noted, imports.failed, actor), GAVE_UP
    )


def _import(actor: Actor, upload: ImportId) -> None:
    if not imports.has_ended(actor, upload):
        imports.run(actor, upload)


@app.task(name=undo.UNDO_FILE, queue="imports", retry=RETRY)
def undo_file(account: str, person: str, organisation: str, upload: str) -> None:
    """Undo an import; tried again as `take_file` is. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    _tried(
        UNDOING, upload, partial(undo.run, actor, ImportId(upload)), partial(_noted, undo.failed, actor), UNDO_GAVE_UP
    )


@app.task(name=amendments.AMEND_READINGS, queue="imports", retry=RETRY)
def amend_readings(account: str, person: str, organisation: str, amendment: str) -> None:
    """Do, or undo, a correction of readings; tried again as `take_file` is. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    act, number = partial(amendments.run, actor, AmendmentId(amendment)), amendment
    _tried(amendments.AMENDING, number, act, partial(_noted, _amendment_failed, actor), UNDO_GAVE_UP)


def _amendment_failed(actor: Actor, number: str, problem: Statement) -> None:
    amendments.failed(actor, AmendmentId(number), str(problem))


def _noted(
    failed: Callable[[Actor, ImportId, Statement], None], actor: Actor, item: ImportId, problem: Statement
) -> None:
    """Note why nothing came of an item. Where whoever asked for it may not see it any more, the service itself notes it.

    Nothing is noted where the organisation or the item is gone.
    """
    for who in (actor, JOB.for_organisation(OrganisationId(str(actor.organisation)))):
        with suppress(NotFoundError, ForbiddenError):
            failed(who, item, problem)
            return


def _tried(
    queue: str,
    upload: str,
    act: Callable[[], object],
    failed: Callable[[ImportId, Statement], None],
    gave_up: Statement,
) -> None:
    """Act on an item, and count the try. failed: notes why nothing came of it; gave_up: what it says after the last try."""
    with queues.claimed(queue, upload) as is_claimed:
        if not is_claimed:  # A slow worker was taken for dead: that process finishes it.
            return
        tries = queues.count_try(queue, upload)
        if tries > MAX_TRIES:  # Every worker that ran it died.
            queues.failed(queue, upload, ProcessDied())
            failed(ImportId(upload), gave_up)
            return
        try:
            act()
        except imports.StoppedError:
            pass
        except Exception as error:
            if isinstance(error, UnavailableError) or not isinstance(error, GlasshouseError):
                queues.failed(queue, upload, error)
                if tries < MAX_TRIES:
                    raise
                failed(ImportId(upload), gave_up)
                return
            failed(ImportId(upload), statement_of(error))
        queues.worked(queue, upload)
