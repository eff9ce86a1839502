"""Verbs of accounts: sign up, sign in and out, reset, change.

Rules:

1. No answer, mail or timing tells whether an address is known: both ways do the same work and say the same words.
2. Cheap checks come first: length, throttle, the link; a password is hashed last (passwords.py).
3. A password is chosen after the address is confirmed; a change of address needs the mailbox and the signed-in account.
4. What changes an address or a credential calls `credentials.changed`.

Source: SEC-05; OWASP Authentication Cheat Sheet.
"""

# Long because signing up, resetting and changing an address share one set of rules.

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction

from glasshouse.accounts import buckets, credentials, languages, links, passwords, second_factor, sessions, throttle
from glasshouse.accounts.links import CHANGE, RESET, SIGN_UP
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.own import STORAGE, own, person_at, stored_address
from glasshouse.accounts.rules import Visit, known_forms, normal_address, plain_name, reachable_address
from glasshouse.accounts.sessions import SignedIn, require_reauthentication
from glasshouse.accounts.signing_in import confirmed, reauthenticate, sign_in
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, SecondFactorNeededError
from glasshouse.kernel.ids import AccountId, KeyOwnerId, PersonId, new_id
from glasshouse.mail import api as mail
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable

NOWHERE = Visit("unknown")  # Whoever names no network is counted together with all who name none.
MINUTES_10, HOUR = timedelta(minutes=10), timedelta(hours=1)


def _address_hash(address: str) -> str:
    return vault.lookup("address", address)


# -- signing up ----------------------------------------------------------------------------------------------------


def ask_sign_up(address: str, *, network: str, language: str = "") -> None:
    """Mail a link that confirms the address, or, to a known address, a hint to sign in. Raises InvalidError, ThrottledError.

    Everything else (name, password, documents) is asked behind the link, so that nobody chooses it for somebody else.
    language: of the page that asks, and so of the mail; "": English.
    """
    address = normal_address(address)
    throttle.take_from(_of_sign_ups(network))
    throttle.take_from(buckets.of_mail(address))
    hashed = _address_hash(address)
    with transaction.atomic():
        key_owner = KeyOwnerId(new_id())
        secret = links.new(SIGN_UP, key_owner, {"address": address}, address_hash=hashed)
        if person_at(hashed):
            mail.queue_template(key_owner, SIGN_UP, address, "accounts/mails/sign_up_known", {}, language=language)
        else:
            mail.queue_template(
                key_owner, SIGN_UP, address, "accounts/mails/sign_up", {"secret": secret}, language=language
            )
        events.record(ANONYMOUS, Kind.SIGN_UP_ASKED, key_owner)


def _of_sign_ups(network: str) -> throttle.Bucket:
    return throttle.of_network("sign-up", network, most=60, window=HOUR)


def sign_up_was_good(network: str) -> None:
    """Somebody confirmed an address and has an account now: their asking counts no longer against their network."""
    throttle.give_back([_of_sign_ups(network)])


def sign_up_address(secret: str, *, take: bool = False) -> str:
    """The address that a sign-up's link confirms. take: the link is used up, in the caller's transaction.

    Raises NotFoundError when the link has ended, or somebody has the address by now.
    """
    address = links.claims_of(SIGN_UP, secret, take=take)["address"]
    if person_at(_address_hash(address)):
        raise NotFoundError(links.ENDED)
    return address


def open_account(actor: Actor, name: str, address: str, password_hash: str) -> Account:
    """Make person and account, with the ids of the actor, of an address that is confirmed. In the caller's transaction.

    Raises NotFoundError when somebody has the address by now.
    """
    now, hashed = clock.now(), _address_hash(address)
    try:
        with transaction.atomic():
            person = Person.objects.create(
                id=str(actor.person), name=name, address=address, address_hash=hashed, created_at=now
            )
    except IntegrityError:
        raise NotFoundError(links.ENDED) from None
    account = Account.objects.create(id=str(actor.account), person=person, password=password_hash, created_at=now)
    links.end_for(person.id, hashed)
    events.record(actor.alone, Kind.ACCOUNT_CREATED, account.id)
    return account


# -- changing ------------------------------------------------------------------------------------------------------


def ask_reset(address: str, *, network: str, browser: str = "", language: str = "") -> None:
    """Mail a link to set a new password, or a hint that there is no account. Raises InvalidError, ThrottledError.

    The link, and the mail, are sealed under a key of their own, so that what is done is the same for every address. browser:
    the known-browser cookie. language: of the page that asks, and so of the mail to whomever; "": English.
    """
    reachable_address(address)
    throttle.take_from(_of_resets(network))
    normal, person = stored_address(address)
    hashed = _address_hash(normal)
    throttle.take_from(buckets.of_mail(normal, person, browser))
    with transaction.atomic():
        account = Account.objects.filter(person_id=person).first()
        key_owner = KeyOwnerId(new_id())
        secret = links.new(RESET, key_owner, {"account": account.id if account else ""}, address_hash=hashed)
        if account:
            mail.queue_template(key_owner, RESET, normal, "accounts/mails/reset", {"secret": secret}, language=language)
        else:
            mail.queue_template(key_owner, RESET, normal, "accounts/mails/reset_unknown", {}, language=language)
        events.record(ANONYMOUS, Kind.PASSWORD_RESET_ASKED, account.id if account else key_owner)


def _of_resets(network: str) -> throttle.Bucket:
    return throttle.of_network("reset", network, most=60, window=HOUR)


def address_of_reset(secret: str, visit: Visit = NOWHERE) -> str:
    """The address to which a live link for a new password was mailed. Changes nothing. Raises NotFoundError, ThrottledError."""
    throttle.take_network("reset-link", visit.network, most=60, window=MINUTES_10)
    account = Account.objects.filter(id=links.claims_of(RESET, secret)["account"]).first()
    if account is None:
        raise NotFoundError(links.ENDED)
    with own(account.person_id):
        return str(account.person.address)


def finish_reset(secret: str, password: str, visit: Visit = NOWHERE) -> str:
    """Set the password by a mailed link, and end what was handed out before, API tokens too.

    Returns the browser's new cookie. Raises InvalidError, NotFoundError, ThrottledError, OverloadedError.
    """
    throttle.take_network("finish-reset", visit.network, most=60, window=MINUTES_10)
    number = links.claims_of(RESET, secret)["account"]
    throttle.take("finish-reset-link", secret, most=20, window=HOUR)
    password_hash = passwords.hashed(password)
    person = Account.objects.filter(id=number).values_list("person_id", flat=True).first()
    with own(person), transaction.atomic():  # A restricted person forgets passwords, too.
        account = Account.objects.filter(id=links.claims_of(RESET, secret, take=True)["account"]).first()
        if account is None:
            raise NotFoundError(links.ENDED)
        _set_password(Actor(ActorKind.PERSON, AccountId(account.id)), account, password_hash)
        browser = sessions.renewed_cookie(visit.browser)
    buckets.note_reset(account.person_id, browser)
    throttle.give_back([_of_resets(visit.network)])
    return browser


def _set_password(actor: Actor, account: Account, password_hash: str) -> None:
    account.password = password_hash
    account.save(update_fields=["password"])
    credentials.changed(actor, account, end_tokens=True)
    events.record(actor, Kind.PASSWORD_CHANGED, account.id)


def change_password(actor: Actor, present_password: str, new_password: str, visit: Visit) -> SignedIn:
    """Set a new password, end every session and API token, and begin a new session.

    Raises InvalidError, ThrottledError, OverloadedError.
    """
    passwords.check_new(new_password)
    account = confirmed(actor, present_password)
    password_hash = passwords.hashed(new_password)
    with transaction.atomic():
        _set_password(actor, account, password_hash)
        return sessions.begin(account, visit, pending=False)


def ask_change(actor: Actor, address: str, present_password: str) -> None:
    """Mail a link to the new address that makes it the account's. Raises InvalidError, ThrottledError, OverloadedError."""
    normal = normal_address(address)
    throttle.take_from(buckets.of_mail(normal))
    account = confirmed(actor, present_password)
    with transaction.atomic():
        key_owner, claims = KeyOwnerId(account.person_id), {"account": account.id, "address": normal}
        secret = links.new(CHANGE, key_owner, claims, address_hash=_address_hash(normal))
        mail.queue_template(
            key_owner,
            CHANGE,
            normal,
            "accounts/mails/change",
            {"secret": secret},
            language=languages.of_person(account.person),
        )
        events.record(actor, Kind.ADDRESS_CHANGE_ASKED, account.id)


@transaction.atomic
def sign_out_elsewhere(actor: Actor) -> None:
    """End every session of the account but the actor's own, every API token, and trust no browser any longer."""
    credentials.end_access(Account.objects.get(id=actor.account), keep=actor.session)
    events.record(actor, Kind.SESSION_ENDED, actor.id)


def new_address(actor: Actor, secret: str) -> str:
    """The address that a live link would make the actor's. Changes nothing. Raises NotFoundError, ForbiddenError."""
    claims = links.claims_of(CHANGE, secret)
    if claims["account"] != actor.account:
        raise ForbiddenError(
            "This link belongs to another account. Sign in with the account that asked for it, then open the link again. "
            "If you did not ask for it, you need do nothing."
        )
    return claims["address"]


def finish_change(actor: Actor, secret: str) -> None:
    """Make the confirmed address the account's; tell the old one; end what was handed out before.

    The actor is the account that asked: a click by whoever owns the new address, and no more, would give somebody else's account
    that address. Raises NotFoundError, ForbiddenError.
    """
    new_address(actor, secret)
    with own(actor.person), transaction.atomic():
        address = links.claims_of(CHANGE, secret, take=True)["address"]
        account = Account.objects.get(id=actor.account)
        if person_at(_address_hash(address)):
            raise NotFoundError(links.ENDED)
        _change_address(actor, account, address)


def _change_address(actor: Actor, account: Account, address: str) -> None:
    person, old_address, old_address_hash = account.person, account.person.address, account.person.address_hash
    person.address, person.address_hash = address, _address_hash(address)
    try:
        with transaction.atomic():
            person.save(update_fields=["address", "address_hash"])
    except IntegrityError:  # Somebody was faster.
        raise NotFoundError(links.ENDED) from None
    credentials.changed(actor, account, old_address_hash, person.address_hash, end_tokens=True)
    # Under other keys, nothing would find them as the person's any more: no view, no erasure.
    mail.forget_sent_to(old_address_hash, but=KeyOwnerId(person.id), ended=(RESET, SIGN_UP))
    language = languages.of_person(person)
    mail.queue_template(KeyOwnerId(person.id), CHANGE, old_address, "accounts/mails/changed", {}, language=language)
    events.record(actor, Kind.ADDRESS_CHANGED, account.id)


def person_of(actor: Actor) -> Person:
    """The person behind the actor. Raises NotFoundError."""
    person = Person.objects.filter(id=actor.person).first()
    if person is None:
        raise NotFoundError
    return person


def name_of(person: KeyOwnerId) -> str:
    """The name of a person; "" where there is none (any more), or its use is restricted."""
    found_person = Person.objects.filter(id=person).first()
    return found_person.name if found_person else ""


def address_of(person: KeyOwnerId) -> str:
    """The address of a person; "" where there is none (any more), or its use is restricted."""
    found_person = Person.objects.filter(id=person).first()
    return found_person.address if found_person else ""


def address_known(address: str) -> bool:
    """Whether a person has this stored address; to be asked only on behalf of somebody who has proved it."""
    return bool(person_at(_address_hash(address)))


def account_at(address: str) -> AccountId | None:
    """The account of an address, restricted or not; None where there is none. Raises InvalidError."""
    account_ids = Account.objects.filter(person_id=person_at(_address_hash(normal_address(address)))).values_list(
        "id", flat=True
    )
    return AccountId(account_ids[0]) if account_ids else None


def actor_of_address(address: str) -> Actor:
    """The person with an address, as an actor that has just reauthenticated; for the operator's command line only.

    Raises InvalidError, NotFoundError.
    """
    account = Account.objects.filter(person_id=person_at(_address_hash(known_forms(address)[0]))).first()
    if account is None:
        raise NotFoundError("Nobody has this address.")
    return Actor(ActorKind.PERSON, AccountId(account.id), PersonId(account.person_id), proved_at=clock.now())


def people(accounts: list[AccountId]) -> dict[str, Person]:
    """The persons behind accounts, by account id; without those whose data is restricted, and those who are erased."""
    rows = Account.objects.filter(id__in=accounts)
    # Whoever asks for many shows their names.
    persons = {person.id: person for person in readable(Person.objects.filter(account__in=rows))}
    return {account.id: persons[account.person_id] for account in rows if account.person_id in persons}


def persons_at(address_hashes: list[str]) -> list[Person]:
    """The persons who have one of these addresses, without those whose data is restricted, and those who are erased."""
    return readable(Person.objects.filter(address_hash__in=address_hashes))


def person_id(account: AccountId) -> PersonId:
    """The id of the person behind an account; "" where there is none (any more)."""
    return PersonId(Account.objects.filter(id=account).values_list("person_id", flat=True).first() or "")


def account_of(person: PersonId) -> AccountId | None:
    """The account of a person; None where there is none (any more)."""
    account = Account.objects.filter(person_id=person).values_list("id", flat=True).first()
    return AccountId(account) if account else None


class TokenOwner(NamedTuple):
    """The account behind an API token. generation: of the tokens that count now; those before it have ended."""

    person: PersonId
    generation: int


def token_owner(account: AccountId) -> TokenOwner | None:
    """Whose an account's tokens are; None where there is none (any more)."""
    row = Account.objects.filter(id=account).values_list("person_id", "token_generation").first()
    return None if row is None else TokenOwner(PersonId(row[0]), row[1])


def persons_among(key_owners: set[str]) -> set[str]:
    """Which of these ids are a person's."""
    with own(STORAGE):
        return set(Person.objects.filter(id__in=key_owners).values_list("id", flat=True))


def all_persons() -> list[PersonId]:
    """The id of every person. For jobs."""
    with own(STORAGE):
        return [PersonId(number) for number in Person.objects.values_list("id", flat=True)]


def visible_persons_among(key_owners: set[str]) -> set[str]:
    """Which of these ids are a person's whose data is not restricted; also within a transaction, unlike `persons_among`."""
    return set(Person.objects.filter(id__in=key_owners).values_list("id", flat=True))


def is_staff(account: AccountId | None) -> bool:
    """Whether the account is the operator's staff."""
    return Account.objects.filter(id=account).exclude(staff_role="").exists()


def staff_role(account: AccountId | None) -> str:
    """The role of an account of the operator's staff, read now; "" for everybody else."""
    return Account.objects.filter(id=account).values_list("staff_role", flat=True).first() or ""


def only_officer(actor: Actor) -> bool:
    """Whether the actor is the only privacy officer."""
    officers = Account.objects.filter(staff_role="privacy")
    return officers.filter(id=actor.account).exists() and officers.count() == 1


def require_staff_role(actor: Actor, roles: Collection[str]) -> None:
    """Nothing, if the actor is staff with one of the roles and a second factor.

    Raises SecondFactorNeededError where only the factor is missing, NotFoundError for everybody else.
    """
    if actor.kind is not ActorKind.STAFF or staff_role(actor.account) not in roles:
        raise NotFoundError
    if not second_factor.has_second_factor(actor.account):
        raise SecondFactorNeededError


def create_staff(name: str, address: str, password: str, role: str) -> AccountId:
    """Make an account for the operator's staff, apart from customers' accounts. For the command line only.

    Raises InvalidError.
    """
    normal, plain = normal_address(address), plain_name(name, field="name")
    if person_at(_address_hash(normal)):
        raise InvalidError(
            "This address has an account. Staff accounts are separate: use another address.", field="address"
        )
    hashed, now = passwords.hashed(password), clock.now()
    with transaction.atomic():
        person = Person.objects.create(name=plain, address=normal, address_hash=_address_hash(normal), created_at=now)
        account = Account.objects.create(person=person, password=hashed, staff_role=role, created_at=now)
        links.end_for(person.id, person.address_hash)
        events.record(ANONYMOUS, Kind.STAFF_CREATED, account.id)
    return AccountId(account.id)


__all__ = ["SignedIn", "Visit", "reauthenticate", "require_reauthentication", "sign_in"]
