"""People of the ten simulated years."""

from dataclasses import dataclass
from datetime import timedelta

from glasshouse.access import api as access
from glasshouse.access.models import ApiToken
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Browser, EmailLink, Person, Session, Tries
from glasshouse.accounts.rules import Visit
from glasshouse.accounts.sessions import forget_all
from glasshouse.disclosures import api as disclosures
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.ids import AccountId, KeyOwnerId
from glasshouse.mail.models import Message
from glasshouse.notices.models import Acceptance
from glasshouse.organisations import invitations, tokens
from glasshouse.organisations.models import Invitation
from glasshouse.requests import api as requests
from glasshouse.requests.models import Request, RequestMessage
from glasshouse.retention import api as retention
from glasshouse.subject import exports
from glasshouse.subject.models import Export
from glasshouse.vault import api as vault
from tests.signing_up import signed_up


@dataclass(frozen=True)
class Grower:
    """Somebody with an account and an organisation."""

    actor: Actor
    address: str
    password: str

    @property
    def person(self) -> KeyOwnerId:
        return KeyOwnerId(str(self.actor.person))


def grower(name: str) -> Grower:
    """A newcomer, through the verbs of the pages."""
    address, password = f"{name}@years.example", f"a password for {name}"
    actor = signed_up(name.title(), address, password, "Farm")
    forget_all(AccountId(str(actor.account)))
    return Grower(actor, address, password)


def do_everything(one: Grower) -> None:
    """Leave a row in each table that has a rule."""
    accounts.sign_in(one.address, one.password, Visit("10.0.0.1", "Firefox"))
    accounts.ask_reset(one.address, network=one.address)
    exports.make_export(one.actor.alone)
    tokens.create_token(one.actor, "Script", ["greenhouse:site:read"], 3)
    invitations.invite(one.actor, f"friend-of-{one.address}", invitations.Offer("viewer"))
    disclosures.subscribe(f"reads-{one.address}", network=one.address)


def asks(name: str, count: int, *, kind: str) -> None:
    """So many requests, all answered."""
    for number in range(count):
        made = requests.ask(
            f"{name}{number}@years.example", kind, "eu", "please", requests.Arrival(network=f"{name}{number}")
        )
        Request.objects.filter(id=made).update(closed_at=clock.now(), outcome="answered")


def left(anna: Grower, ben: Grower) -> dict[str, object]:
    """What is there after ten years: Anna's account, for it lives; what Ben's hold keeps; numbers of groups; no key unused."""
    vault.forget_opened()
    kept: dict[str, list[int]] = {}
    for model in (Session, Browser, Export):
        kept[model.__name__] = [model.objects.filter(key_owner=one.person).count() for one in (anna, ben)]
    for model in (EmailLink, Message):  # Some have keys of their own, and are found by the address.
        hashes = [vault.lookup("address", one.address) for one in (anna, ben)]
        kept[model.__name__] = [model.objects.filter(address_hash=address_hash).count() for address_hash in hashes]
    with access.organisation_transaction(anna.actor):
        organisation = [ApiToken.objects.count(), Invitation.objects.count()]
    return {
        "persons": [Person.objects.filter(id=one.person).count() for one in (anna, ben)],
        "acceptances": Acceptance.objects.filter(key_owner=anna.person).count(),
        "kept": kept,
        "organisation": organisation,
        "requests": Request.objects.count() + RequestMessage.objects.count(),
        "tries": Tries.objects.filter(until__lt=clock.now() - timedelta(days=2)).count(),
        "statistics": [(one.group, one.count) for one in retention.statistics()],
        "keys": len(vault.key_owners()),
    }
