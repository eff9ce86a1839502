"""Verbs of acceptance: what a person has to accept, and what was accepted. Source: PRI-01; GDPR Art. 7."""

import json
from dataclasses import dataclass

from django.db import transaction

from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.notices import rules
from glasshouse.notices.models import Acceptance, Version
from glasshouse.notices.rules import REQUIRED
from glasshouse.notices.versions import current


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be accepted: the versions, and the sentence beside the box."""

    versions: tuple[Version, ...]
    sentence: str
    language: str

    def claims(self, how: str) -> str:
        """The acceptance as JSON, which a sign-up carries along until the address is confirmed. how: "page" or "sign-up", say."""
        at = clock.now().isoformat()
        ids = [version.id for version in self.versions]
        return json.dumps({"ids": ids, "shown": self.sentence, "language": self.language, "how": how, "at": at})


def offer(language: str = "en") -> Offer:
    """What somebody who uses the service has to accept now. language: a key of rules.LANGUAGES."""
    versions = {document: current(document) for document in REQUIRED}
    numbers = {str(document): version.number for document, version in versions.items()}
    return Offer(tuple(versions.values()), rules.SENTENCES[language].format(**numbers), language)


def missing(actor: Actor) -> list[Version]:
    """The versions in force that the actor's person has still to accept."""
    required = [current(document) for document in REQUIRED]
    rows = Acceptance.objects.filter(key_owner=actor.person, version__in=required)
    accepted = set(rows.values_list("version_id", flat=True))
    return [version for version in required if version.id not in accepted]


def accept(actor: Actor, ids: list[str], language: str, *, how: str = "page") -> None:
    """Record that the actor's person accepts the versions shown, which must be those in force. Raises InvalidError."""
    offered = offer(language)
    if set(ids) != {version.id for version in offered.versions}:
        raise InvalidError("The documents have changed meanwhile. Please look at them once more.", field="accept")
    record_acceptance(actor, offered.claims(how))


def record_acceptance(actor: Actor, claims: str) -> None:
    """Record what a sign-up accepted, as of the moment it did; nothing where it accepted nothing. claims: of `Offer.claims`."""
    if not claims:
        return
    accepted = json.loads(claims)
    with transaction.atomic():
        for version in Version.objects.filter(id__in=accepted["ids"]):
            if not Acceptance.objects.filter(key_owner=actor.person, version=version).exists():
                Acceptance(
                    key_owner=str(actor.person),
                    version=version,
                    shown=accepted["shown"],
                    language=accepted["language"],
                    how=accepted["how"],
                    at=accepted["at"],
                ).save(force_insert=True)
        events.record(actor.alone, Kind.DOCUMENT_ACCEPTED, str(actor.person), versions=len(accepted["ids"]))


@transaction.atomic
def refuse(actor: Actor) -> None:
    """Note that the person does not accept; the way out stays open."""
    events.record(actor.alone, Kind.DOCUMENT_REFUSED, str(actor.person))


def acceptances(actor: Actor, after: str = "") -> Piece[Acceptance]:
    """A piece of what the actor's person accepted, the newest first. after: as in `piece_of`."""
    rows = Acceptance.objects.select_related("version").filter(key_owner=actor.person)
    return piece_of(rows, after, by="-at")
