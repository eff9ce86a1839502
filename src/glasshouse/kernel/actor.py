"""Who does something. An Actor travels with each call."""

from dataclasses import dataclass
from enum import StrEnum

from glasshouse.kernel.ids import AccountId, OrganisationId, PersonId


class ActorKind(StrEnum):
    ANONYMOUS = "anonymous"
    JOB = "job"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts, and for which organisation it acts at the moment."""

    kind: ActorKind
    account: AccountId | None = None
    person: PersonId | None = None
    organisation: OrganisationId | None = None

    @property
    def id(self) -> str:
        """The opaque id for event rows: the account, or the kind where there is none."""
        return self.account or str(self.kind)

    def within(self, organisation: OrganisationId) -> "Actor":
        """The same actor, acting for organisation."""
        return Actor(self.kind, self.account, self.person, organisation)


ANONYMOUS = Actor(ActorKind.ANONYMOUS)
JOB = Actor(ActorKind.JOB)
