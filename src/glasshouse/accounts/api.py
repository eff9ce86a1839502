"""Verbs of accounts: sign up, prove an address, sign in and out, reset, change.

No answer, mail or timing tells whether an address is known: every road does the same work (one Argon2 hash, one mail)
and says the same words. Source: SEC-05; OWASP Authentication Cheat Sheet.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from glasshouse.accounts import second_step, sessions, throttle
from glasshouse.accounts.models import Account, Person, Ticket
from glasshouse.accounts.own import STORAGE, own, person_at
from glasshouse.accounts.rules import PASSWORD_MOST, Visit, known_form, normal_address, plain_name
from glasshouse.accounts.sessions import SignedIn, require_fresh
from glasshouse.accounts.sessions import digest as _hash
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import AccountId, HolderId, PersonId, new_id, new_token
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault

LINK = timedelta(hours=24)
SIGN_UP, RESET, CHANGE = "sign-up", "reset", "change"


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a newcomer claims. Nothing of it is believed before the address is proved.

    accepted: which documents were accepted, for the area that keeps them; carried along as it is.
    """

    name: str
    address: str
    password: str
    organisation: str
    invitation: str = ""
    accepted: str = ""


def _address_hash(address: str) -> str:
    return vault.lookup("address", address)


def checked_password(password: str) -> str:
    """The password's Argon2id hash. Raises InvalidError when it is short, overlong, or on the list of breached ones."""
    if len(password) > PASSWORD_MOST:
        raise InvalidError(f"A password has at most {PASSWORD_MOST} characters.", field="password")
    try:
        validate_password(password)
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), field="password") from None
    return make_password(password)


def _ticket(purpose: str, holder: str, claims: dict[str, str]) -> str:
    secret = new_token()
    Ticket.objects.create(
        secret_hash=_hash(secret), purpose=purpose, holder=holder, claims=claims, expires_at=clock.now() + LINK
    )
    return secret


def _letter(what: str, path: str) -> str:
    return f"{what}:\n\n{settings.ORIGIN}/{path}\n\nThe link works once, for 24 hours.\n"


def _take_ticket(purpose: str, secret: str) -> Ticket:
    ticket = (
        Ticket.objects.select_for_update()
        .filter(secret_hash=_hash(secret), purpose=purpose, expires_at__gt=clock.now())
        .first()
    )
    if ticket is None:
        raise NotFoundError("This link is used up or too old. Ask for a new one.")
    return ticket


@transaction.atomic
def ask_sign_up(sign_up: SignUp, *, network: str) -> None:
    """Mail a link that finishes the sign-up, or, to a known address, a hint to sign in. Raises InvalidError, ThrottledError."""
    address = normal_address(sign_up.address)
    claims = {
        "name": plain_name(sign_up.name, field="name"),
        "organisation": plain_name(sign_up.organisation, field="organisation") if not sign_up.invitation else "",
        "invitation": sign_up.invitation,
        "accepted": sign_up.accepted,
        "address": address,
        "password": checked_password(sign_up.password),
    }
    throttle.take("sign-up", network, most=20, window=timedelta(hours=1))
    throttle.take("mail", address, most=5, window=timedelta(hours=1))
    holder = HolderId(new_id())
    secret = _ticket(SIGN_UP, holder, claims)
    if person_at(_address_hash(address)):
        text = (
            f"Somebody asked for an account with this address, which has one.\n\nSign in: {settings.ORIGIN}/sign-in\n"
        )
    else:
        text = _letter("Please prove that this address is yours", f"prove/{secret}")
    mail.queue(holder, SIGN_UP, address, subject="Your Glasshouse account", body=text)
    events.record(ANONYMOUS, Kind.SIGN_UP_ASKED, holder)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who has just proved an address; the organisation to be made or the invitation (hash) to be taken; what was accepted."""

    actor: Actor
    organisation: str
    invitation: str
    accepted: str


@transaction.atomic
def finish_sign_up(secret: str) -> Newcomer:
    """Make person and account from a proved sign-up. Raises NotFoundError."""
    ticket = _take_ticket(SIGN_UP, secret)
    claims = dict(ticket.claims)
    if person_at(_address_hash(claims["address"])):
        raise NotFoundError("This link is used up or too old. Ask for a new one.")
    now = clock.now()
    person = Person.objects.create(
        name=claims["name"],
        address=claims["address"],
        address_hash=_address_hash(claims["address"]),
        created_at=now,
    )
    account = Account.objects.create(person=person, password=claims["password"], created_at=now)
    ticket.delete()
    actor = Actor(ActorKind.PERSON, AccountId(account.id), PersonId(person.id), proved_at=now)
    events.record(actor, Kind.ACCOUNT_CREATED, account.id)
    return Newcomer(actor, claims["organisation"], claims.get("invitation", ""), claims.get("accepted", ""))


def sign_in(address: str, password: str, visit: Visit) -> SignedIn:
    """Begin a session, pending where the second step is to come.

    Raises InvalidError (one text for every reason), ThrottledError.
    """
    refused = InvalidError("Address and password do not match.", field="password")
    try:
        normal = known_form(address)
    except InvalidError:
        normal = ""
    throttle.take("sign-in-network", visit.network, most=60, window=timedelta(minutes=10))
    throttle.take("sign-in", normal, most=10, window=timedelta(minutes=10))
    person = person_at(_address_hash(normal))
    account = Account.objects.filter(person_id=person).first()
    if account is None:
        make_password(password[:PASSWORD_MOST])  # The same work as for a known address.
    good = account is not None and len(password) <= PASSWORD_MOST and check_password(password, account.password)
    with transaction.atomic():
        if account is None or not good:
            events.record(ANONYMOUS, Kind.SESSION_REFUSED, account.id if account else "unknown")
        else:
            pending = second_step.has_step(AccountId(account.id)) and not sessions.trusted(account, visit.browser)
            with own(person):
                return sessions.begin(account, visit, pending=pending)
    raise refused


def prove_again(actor: Actor, password: str, code: str = "") -> None:
    """Prove once more to be the person: the password, and a code where there is a second step. Raises InvalidError."""
    account = _confirmed(actor, password)
    if second_step.has_step(actor.account) and not second_step.proves(account, code):
        raise InvalidError(second_step.WRONG, field="code")
    sessions.proved_now(actor)


@transaction.atomic
def ask_reset(address: str, *, network: str) -> None:
    """Mail a link to set a new password, or a hint that there is no account. Raises InvalidError, ThrottledError."""
    normal = normal_address(address)
    throttle.take("reset", network, most=20, window=timedelta(hours=1))
    throttle.take("mail", normal, most=5, window=timedelta(hours=1))
    account = Account.objects.filter(person_id=person_at(_address_hash(normal))).first()
    holder = HolderId(account.person_id if account else new_id())
    secret = _ticket(RESET, holder, {"account": account.id if account else ""})
    if account:
        text = _letter("Set a new password here", f"reset/{secret}")
    else:
        text = f"There is no account with this address. You can make one: {settings.ORIGIN}/sign-up\n"
    mail.queue(holder, RESET, normal, subject="A new password for Glasshouse", body=text)
    events.record(ANONYMOUS, Kind.PASSWORD_RESET_ASKED, holder)


@transaction.atomic
def finish_reset(secret: str, password: str) -> None:
    """Set the password and end every session of the account. Raises InvalidError, NotFoundError."""
    hashed = checked_password(password)
    ticket = _take_ticket(RESET, secret)
    account = Account.objects.filter(id=ticket.claims["account"]).first()
    ticket.delete()
    if account is None:
        raise NotFoundError("This link is used up or too old. Ask for a new one.")
    _set_password(Actor(ActorKind.PERSON, AccountId(account.id)), account, hashed)


def _set_password(actor: Actor, account: Account, hashed: str) -> None:
    account.password = hashed
    account.save(update_fields=["password"])
    sessions.end_all(account)
    Ticket.objects.filter(purpose__in=(RESET, CHANGE), holder=account.person_id).delete()
    events.record(actor, Kind.PASSWORD_CHANGED, account.id)


def _confirmed(actor: Actor, password: str) -> Account:
    throttle.take("confirm", actor.id, most=10, window=timedelta(minutes=10))
    account = Account.objects.get(id=actor.account)
    if not check_password(password[:PASSWORD_MOST], account.password):
        raise InvalidError("That is not your present password.", field="present")
    return account


def change_password(actor: Actor, present: str, fresh: str, visit: Visit) -> SignedIn:
    """Set a new password, end every session, and begin a new one. Raises InvalidError, ThrottledError."""
    hashed = checked_password(fresh)
    account = _confirmed(actor, present)
    with transaction.atomic():
        _set_password(actor, account, hashed)
        return sessions.begin(account, visit, pending=False)


def ask_change(actor: Actor, address: str, present: str) -> None:
    """Mail a link to the new address that makes it the account's. Raises InvalidError, ThrottledError."""
    normal = normal_address(address)
    account = _confirmed(actor, present)
    throttle.take("mail", normal, most=5, window=timedelta(hours=1))
    with transaction.atomic():
        secret = _ticket(CHANGE, account.person_id, {"account": account.id, "address": normal})
        text = _letter("Make this the address of your account", f"change/{secret}")
        mail.queue(HolderId(account.person_id), CHANGE, normal, subject="Your new address for Glasshouse", body=text)
        events.record(actor, Kind.ADDRESS_CHANGE_ASKED, account.id)


@transaction.atomic
def finish_change(secret: str) -> None:
    """Make the proved address the account's; tell the old one; end every session. Raises NotFoundError."""
    ticket = _take_ticket(CHANGE, secret)
    account = Account.objects.get(id=ticket.claims["account"])
    address = ticket.claims["address"]
    ticket.delete()
    if person_at(_address_hash(address)):
        raise NotFoundError("This link is used up or too old. Ask for a new one.")
    with own(account.person_id):
        _change_address(account, address)


def _change_address(account: Account, address: str) -> None:
    person, old = account.person, account.person.address
    person.address, person.address_hash = address, _address_hash(address)
    person.save(update_fields=["address", "address_hash"])
    sessions.end_all(account)
    text = "The address of your account was changed. If that was not you, write to us at once.\n"
    mail.queue(HolderId(person.id), CHANGE, old, subject="Your address for Glasshouse was changed", body=text)
    events.record(Actor(ActorKind.PERSON, AccountId(account.id)), Kind.ADDRESS_CHANGED, account.id)


def person_of(actor: Actor) -> Person:
    """The person behind the actor. Raises NotFoundError."""
    person = Person.objects.filter(id=actor.person).first()
    if person is None:
        raise NotFoundError
    return person


def name_of(person: HolderId) -> str:
    """The name of a person; "" where there is none (any more), or its use is restricted."""
    found = Person.objects.filter(id=person).first()
    return found.name if found else ""


def address_of(person: HolderId) -> str:
    """The address of a person; "" where there is none (any more), or its use is restricted."""
    found = Person.objects.filter(id=person).first()
    return found.address if found else ""


def address_known(address: str) -> bool:
    """Whether a person has this address; to be asked only on behalf of somebody who has proved it. Raises InvalidError."""
    return bool(person_at(_address_hash(known_form(address))))


def actor_of_address(address: str) -> Actor:
    """The person with an address, as an actor that has just proved to be it; for the operator's command line only.

    Raises InvalidError, NotFoundError.
    """
    found = Account.objects.filter(person_id=person_at(_address_hash(known_form(address)))).first()
    if found is None:
        raise NotFoundError("Nobody has this address.")
    return Actor(ActorKind.PERSON, AccountId(found.id), PersonId(found.person_id), proved_at=clock.now())


def people(accounts: list[AccountId]) -> dict[str, Person]:
    """The persons behind accounts, by account id; without those whose data is restricted."""
    found = Account.objects.filter(id__in=accounts)
    persons = {person.id: person for person in Person.objects.filter(account__in=found)}
    vault.open_keys({HolderId(person) for person in persons})  # Whoever asks for many shows their names.
    return {account.id: persons[account.person_id] for account in found if account.person_id in persons}


def person_id(account: AccountId) -> PersonId:
    """The id of the person behind an account; "" where there is none (any more)."""
    return PersonId(Account.objects.filter(id=account).values_list("person_id", flat=True).first() or "")


def persons_among(holders: set[str]) -> set[str]:
    """Which of these ids are a person's."""
    with own(STORAGE):
        return set(Person.objects.filter(id__in=holders).values_list("id", flat=True))


def is_staff(account: AccountId | None) -> bool:
    """Whether the account is the operator's staff."""
    return Account.objects.filter(id=account).exclude(staff_role="").exists()


def only_officer(actor: Actor) -> bool:
    """Whether the actor is the only privacy officer."""
    officers = Account.objects.filter(staff_role="privacy")
    return officers.filter(id=actor.account).exists() and officers.count() == 1


def has_staff_role(actor: Actor, role: str) -> bool:
    """Whether the actor is staff with that role and has a second step."""
    mine = Account.objects.filter(id=actor.account, staff_role=role)
    return mine.exists() and second_step.has_step(actor.account)


def require_officer(actor: Actor) -> None:
    """Nothing, if the actor is a privacy officer of the operator with a second step. Raises NotFoundError."""
    if actor.kind is not ActorKind.STAFF or not has_staff_role(actor, "privacy"):
        raise NotFoundError


@transaction.atomic
def create_staff(name: str, address: str, password: str, role: str) -> AccountId:
    """Make an account for the operator's staff, apart from customers' accounts. For the command line only.

    Raises InvalidError.
    """
    normal = normal_address(address)
    if person_at(_address_hash(normal)):
        raise InvalidError(
            "This address has an account. Staff accounts are separate: use another address.", field="address"
        )
    now = clock.now()
    person = Person.objects.create(
        name=plain_name(name, field="name"), address=normal, address_hash=_address_hash(normal), created_at=now
    )
    account = Account.objects.create(
        person=person, password=checked_password(password), staff_role=role, created_at=now
    )
    events.record(ANONYMOUS, Kind.STAFF_CREATED, account.id)
    return AccountId(account.id)


__all__ = ["SignedIn", "Visit", "require_fresh"]
