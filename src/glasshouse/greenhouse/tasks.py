"""Jobs of the greenhouse. They are given ids only, act as whoever asked for them, and ask for the right anew when they run."""

from procrastinate.contrib.django import app

from glasshouse.greenhouse import imports
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import GlasshouseError, UnavailableError
from glasshouse.kernel.ids import AccountId, ImportId, OrganisationId, PersonId


@app.task(name="greenhouse.take_file", queue="imports", retry=3)
def take_file(account: str, person: str, organisation: str, upload: str) -> None:
    """Take a file's readings; tried again while the crop plane is away. Safe to repeat."""
    actor = Actor(ActorKind.PERSON, AccountId(account), PersonId(person), OrganisationId(organisation))
    try:
        imports.take(actor, ImportId(upload))
    except imports.StoppedError:
        return
    except UnavailableError:
        raise
    except GlasshouseError as error:
        imports.failed(actor, ImportId(upload), str(error))
