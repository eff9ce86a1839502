"""Values that are held, as pages and exports show them; and those that no single field tells: holds, disclosures, memberships."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from glasshouse.access import api as access
from glasshouse.access.permissions import TITLES as ROLE_TITLES
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import passing_on
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.ids import KeyOwnerId, OrganisationId
from glasshouse.retention import legal_holds
from glasshouse.vault.datamap import NAMES, place

HASH = "kept as a hash only, which tells nobody the value"  # the value of a column that is no sealed text


class Said(NamedTuple):
    """A value of several parts, for people. text: marked for translation, with the parts as "%(name)s" in it.

    parts: a text as it is, a number, a day, or texts that are marked, in a tuple.
    """

    text: str
    parts: Mapping[str, str | int | date | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Item:
    """One value that is held, in plain words. place: table and column; since: when its row was made, or None.

    value: as programs read it, in English. said: the same for people; None where the value is a text of its own.
    """

    place: str
    category: str
    label: str
    value: str
    purpose: str
    basis: str
    retention: str
    recipients: tuple[str, ...]
    source: str
    since: datetime | None
    said: Said | None = None

    def as_json(self) -> dict[str, object]:
        """The item as JSON; times in ISO 8601."""
        values = asdict(self) | {"since": self.since.isoformat() if self.since else None}
        values.pop("said")
        return values


def of_legal_holds(person: str) -> Iterator[Item]:
    """Legal holds: what would end is kept, and the person sees until when."""
    for legal_hold in legal_holds.may_show(legal_holds.on_person(person)):
        until = f"until {legal_hold.ends_at:%Y-%m-%d}"
        yield Item(
            place("retention.LegalHold", "reason"),
            "user.privacy_preferences",
            "Legal hold",
            f"{until}: {legal_hold.reason}",
            "a duty to keep what would end",
            "legal obligation",
            until,
            (),
            "us",
            legal_hold.created_at,
            Said("until %(day)s: %(reason)s", {"day": legal_hold.ends_at, "reason": legal_hold.reason}),
        )


def of_disclosures(person: str, address_hash: str) -> Iterator[Item]:
    """What went to whom, with how often and when last; and who was told of a correction or a restriction."""
    for notice in passing_on.passed_on(KeyOwnerId(person), address_hash):
        way = "by mail" if notice.message else "not told: no contact is known"
        yield Item(
            place("disclosures.PassedOn", "recipient"),
            "user.behavior",
            "Passed on",
            f"{notice.what}: {notice.recipient.name}, {way}",
            "telling recipients of corrections, restrictions and erasures",
            "legal obligation",
            "3 years after it was passed on",
            (notice.recipient.name,),
            "us",
            notice.at,
            Said(
                "%(what)s: %(recipient)s, %(way)s",
                {"what": (str(notice.what),), "recipient": notice.recipient.name, "way": (way,)},
            ),
        )
    for disclosure in disclosures.of_person(KeyOwnerId(person), address_hash):
        recipient = disclosure.recipient
        fields = ", ".join(NAMES.get(name, name).lower() for name in recipient.fields)
        last = f"{disclosure.times} times, last on {disclosure.last_at:%Y-%m-%d}"
        server = f" by {disclosure.server}" if disclosure.server else ""
        value = f"{fields} to {recipient.name}{server} ({recipient.region}), {last}"
        period = "3 years after the last time"
        yield Item(
            place("disclosures.Disclosure", "recipient"),
            "user.behavior",
            "Disclosure",
            value,
            recipient.purpose,
            recipient.basis,
            period,
            (recipient.name,),
            "us",
            disclosure.first_at,
            _said(disclosure),
        )


def _said(disclosure: disclosures.Received) -> Said:
    recipient = disclosure.recipient
    parts = {
        "fields": tuple(NAMES.get(name, name) for name in recipient.fields),
        "recipient": recipient.name,
        "region": recipient.region,
        "times": disclosure.times,
        "day": disclosure.last_at,
    }
    if disclosure.server:
        text = "%(fields)s, to %(recipient)s by %(server)s (%(region)s), %(times)s×, last on %(day)s"
        return Said(text, parts | {"server": disclosure.server})
    return Said("%(fields)s, to %(recipient)s (%(region)s), %(times)s×, last on %(day)s", parts)


def of_memberships(actor: Actor) -> Iterator[Item]:
    for organisation in access.organisations_of(actor):
        # A job reads it also before the documents are accepted.
        member = replace(JOB.for_organisation(OrganisationId(organisation.id)), account=actor.account)
        with access.organisation_transaction(member):
            rights = access.rights_of_membership(access.membership_of(member))
        value = f"{organisation.name}: {rights.role}"
        titles: dict[str, str] = {str(role): title for role, title in ROLE_TITLES.items()}
        purpose = "deciding what you may do there"
        yield Item(
            place("access.Membership", "role"),
            "user.workplace",
            "Membership",
            value,
            purpose,
            "contract",
            "until you leave",
            (),
            "an administrator",
            None,
            Said(
                "%(organisation)s: %(role)s",
                {"organisation": organisation.name, "role": (titles.get(rights.role, rights.role),)},
            ),
        )
