"""Who acts. An Actor travels with each call."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from glasshouse.kernel.ids import AccountId, OrganisationId, PersonId, SessionId, TokenId


class ActorKind(StrEnum):
    """What kind of actor acts."""

    ANONYMOUS = "anonymous"
    JOB = "job"
    PERSON = "person"
    STAFF = "staff"
    TOKEN = "token"  # noqa: S105 - a kind, not a token


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts, and for which organisation it acts at the moment.

    proved_at: when the person last reauthenticated in this session, aware UTC. token: the API token that acts for the person.
    """

    kind: ActorKind
    account: AccountId | None = None
    person: PersonId | None = None
    organisation: OrganisationId | None = None
    session: SessionId | None = None
    proved_at: datetime | None = None
    token: TokenId | None = None

    @property
    def id(self) -> str:
        """The opaque id for event rows: the account, or the kind where there is none."""
        return self.account or str(self.kind)

    @property
    def alone(self) -> "Actor":
        """The same actor, acting for no organisation: as on the pages of its own account."""
        return replace(self, organisation=None)

    def for_organisation(self, organisation: OrganisationId) -> "Actor":
        """The same actor, acting for organisation."""
        return replace(self, organisation=organisation)


ANONYMOUS = Actor(ActorKind.ANONYMOUS)
JOB = Actor(ActorKind.JOB)
