"""Hostile spellings of email addresses: one mailbox is one address, one throttle, one hash; what is none is refused everywhere.

Source: OWASP ASVS 5.0, 1.2 (encoding), 2.2 (input validation), 6.3 (throttling), 6.6; RFC 5322, 5891, 6532.
"""

import contextlib
import uuid
from collections.abc import Callable
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from glasshouse.accounts import api as accounts
from glasshouse.accounts import throttle
from glasshouse.accounts.models import Account, Person
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.errors import InvalidError, NotFoundError, ThrottledError
from glasshouse.mail import addresses, smtp
from glasshouse.mail.models import Message
from glasshouse.operations.installation import Installation
from glasshouse.vault import api as vault
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., Any]
REFUSED = [
    "1:carol@x.example",
    "friends:carol@x.example;",
    "friends:;",
    "carol@x.example,",
    "carol@x.example;",
    "carol@x.example,dave@x.example",
    "carol@x.example dave@x.example",
    "Carol <carol@x.example>",
    "<carol@x.example>",
    "carol@x.example (Carol)",
    "(x)carol@x.example",
    '"carol"@x.example',
    '"carol dave"@x.example',
    '"\\"@evil.example,"@x.example',
    "@evil.example:carol@x.example",
    "carol@dave@x.example",
    "carol@evil.example%x.example@",
    "carol@x.example\r\nBcc: dave@x.example",
    "carol@x.example\nBcc: dave@x.example",
    "carol@x.example\x00",
    "car\x0bol@x.example",
    "car\u2028ol@x.example",
    "car\u0085ol@x.example",
    "car\u202eol@x.example",
    "car\u200bol@x.example",
    "\ud800@x.example",
    "=?utf-8?q?carol=40evil.example=3e?=@x.example",
    "carol@=?utf-8?q?x?=.example",
    "carol@[127.0.0.1]",
    "carol@[IPv6:::1]",
    "carol@127.0.0.1",
    "carol@localhost",
    "carol@x..example",
    "carol@.example",
    "carol@x.example.",
    "carol@-x.example",
    "carol＠x.example",
    "carol@x.exa\u2100mple",
    "carol@x\uff0fevil.example",
    "carol",
    "@x.example",
    "carol@",
    "",
    "@",
    " ",
    "a" * 65 + "@x.example",
    "a@" + "b" * 64 + ".example",
    "a@" + "b." * 200 + "example",
    "a" * 400_000,
]


@pytest.mark.parametrize("text", REFUSED, ids=[f"{number}" for number in range(len(REFUSED))])
def test_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(addresses.AddressError):
        addresses.parsed(text)


def test_two_domains_are_two_addresses_and_one_domain_is_one() -> None:
    assert addresses.parsed("anna@straße.de") == "anna@xn--strae-oqa.de"
    assert addresses.parsed("anna@strasse.de") == "anna@strasse.de"
    assert addresses.parsed("anna@βόλος.example") != addresses.parsed("anna@βόλοσ.example")
    for same in (
        "Anna@Straße.DE",
        " anna@straße.de\n",
        "anna@stra\u00dfe.de",
        "anna@xn--strae-oqa.de",
        "ANNA@XN--STRAE-OQA.DE",
    ):
        assert addresses.parsed(same) == "anna@xn--strae-oqa.de"
    assert addresses.parsed("anna@x。example") == "anna@x.example"
    assert addresses.parsed("andre\u0301@x.example") == addresses.parsed("Andr\u00e9@x.example")
    # A mailbox of its own, which NFKC would make another person's.
    assert addresses.parsed("ﬁ@x.example") != addresses.parsed("fi@x.example")


LETTERS = "abcXYZ019!#$%&'*+/=?^_`{|}~-.@\"\\(),:;<>[] éßςﬁKİＡ\u00ad\u200d\u202e\u0301\ud800\n\t\r\x00"


@given(text=some.one_of(some.text(LETTERS, max_size=40), some.text(max_size=40), some.emails()))
def test_whatever_is_taken_is_one_address_in_one_form_wherever_it_is_read(text: str) -> None:
    with contextlib.suppress(addresses.AddressError):
        assert addresses.bucket_of(addresses.forms_of(text)[-1]) == addresses.bucket_of(addresses.forms_of(text)[0])
    try:
        address = addresses.parsed(text)
    except addresses.AddressError:
        return
    assert addresses.parsed(address) == address
    assert addresses.parsed(address.upper()) == address or not address.isascii()
    assert getaddresses([address]) == [("", address)]
    raw = smtp.composed("0" * 16, address, "x", "y", "").as_bytes(policy=policy.SMTPUTF8)
    head = raw.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", " ").replace(":  ", ": ")  # a long line is folded
    assert [line for line in head.split("\r\n") if line.startswith("To:")] == [f"To: {address}"]
    if address.isascii():
        (read,) = message_from_bytes(raw, policy=policy.default)["To"].addresses
        assert f"{read.username}@{read.domain}" == address


# -- each door -----------------------------------------------------------------------------------------------------


def doors(own: Customer, officer: Customer) -> dict[str, Callable[[str], object]]:
    """Every verb by which an address comes in."""
    from glasshouse.authorities import api as authorities
    from glasshouse.disclosures import api as disclosures
    from glasshouse.organisations import invitations
    from glasshouse.requests import api as requests
    from glasshouse.requests import replies

    network, paper = uuid.uuid4().hex, requests.Arrival("letter")
    offer = invitations.Offer("viewer", None)
    facts = {"authority": "A court", "country": "NL", "grounds": "Art. 1", "asked": ["user.contact.email"]}
    return {
        "sign-up": lambda text: accounts.ask_sign_up(text, network=network),
        "reset": lambda text: accounts.ask_reset(text, network=network),
        "change": lambda text: accounts.ask_change(own.actor, text, own.password),
        "invitation": lambda text: invitations.invite(own.actor, text, offer),
        "staff": lambda text: accounts.create_staff("Olaf", text, "tomatoes-under-glass", "support"),
        "request": lambda text: requests.ask(text, "access", "eu", "x", requests.Arrival(network=network)),
        "letter": lambda text: requests.enter(officer.actor, text or "?", "access", "eu", "x", paper),
        "mail": lambda text: replies.from_mail(text, "access", "x", requests.Arrival("mail")),
        "subscription": lambda text: disclosures.subscribe(text, network=network),
        "legal request": lambda text: authorities.enter(officer.actor, authorities.Facts(address=text, **facts)),  # type: ignore[arg-type]
    }


DOORS = [
    "sign-up",
    "reset",
    "change",
    "invitation",
    "staff",
    "request",
    "letter",
    "mail",
    "subscription",
    "legal request",
]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_what_is_no_address_with_a_sentence(door: str, customer: Make, officer: Customer) -> None:
    own = customer()
    before = Message.objects.count()
    for text in REFUSED:
        if door == "reset" and addresses_of_old(text):
            continue  # Earlier versions may have stored it, and a mail reaches it.
        with pytest.raises(InvalidError):
            doors(own, officer)[door](text)
    written = Message.objects.order_by("-created_at")[: max(0, Message.objects.count() - before)]
    assert not [one for one in written if "carol" in one.address]


def addresses_of_old(text: str) -> bool:
    """Whether a mail reaches the form in which an earlier version may have stored a text."""
    try:
        return bool(addresses.reachable(text))
    except addresses.AddressError:
        return False


@pytest.mark.parametrize("door", [door for door in DOORS if door != "reset"])
def test_every_door_goes_through_the_one_parser(
    door: str, customer: Make, officer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, asked = customer(), []

    def refuse(text: str) -> str:
        asked.append(text)
        raise addresses.AddressError("refused by the test")

    monkeypatch.setattr(addresses, "parsed", refuse)
    with pytest.raises(InvalidError):
        doors(own, officer)[door](f"{uuid.uuid4().hex[:10]}@grower.example")
    assert asked


def test_a_list_of_invitations_that_cannot_be_read_is_refused_with_a_sentence(customer: Make) -> None:
    from glasshouse.organisations import invitations

    own, offer = customer(), invitations.Offer("viewer", None)
    with pytest.raises(InvalidError):
        invitations.invite_many(own.actor, '"' + "a" * 150_000, offer)
    one = uuid.uuid4().hex[:10]
    report = invitations.invite_many(
        own.actor, f"{one}@straße.example\n1:{one}@grower.example\n{one}@strasse.example\n", offer
    )
    assert [bool(row.problem) for row in report] == [False, True, False]


# -- throttles -----------------------------------------------------------------------------------------------------


def spellings(name: str) -> list[str]:
    """One mailbox, written in many ways."""
    return [
        f"{name}@grower.example",
        f"{name.upper()}@GROWER.EXAMPLE",
        f"  {name}@grower.example\t",
        f"{name}@grower。example",
        f"{name.title()}@Grower.Example",
        f"{name}@ｇｒｏｗｅｒ.example",
    ]


def test_spellings_of_one_address_use_up_one_throttle(home: Installation) -> None:
    name = f"x{uuid.uuid4().hex[:10]}"
    for text in spellings(name)[:5]:
        accounts.ask_sign_up(text, network=uuid.uuid4().hex)
    with pytest.raises(ThrottledError):
        accounts.ask_reset(spellings(name)[5], network=uuid.uuid4().hex)
    with pytest.raises(ThrottledError):
        accounts.ask_sign_up(f"{name}@grower.example", network=uuid.uuid4().hex)


def test_every_spelling_under_which_an_account_is_found_counts_as_one_sign_in(customer: Make) -> None:
    own = stored_by_an_earlier_version(customer(), "x{}@strasse.example")
    twin = own.address.replace("strasse", "straße")
    for number in range(10):
        with pytest.raises(InvalidError):
            accounts.sign_in(twin if number % 2 else own.address, "wrong-wrong-wrong", Visit(uuid.uuid4().hex))
    for text in (own.address, twin, twin.upper(), twin.replace("straße", "xn--strae-oqa")):
        with pytest.raises(ThrottledError):
            accounts.sign_in(text, own.password, Visit(uuid.uuid4().hex))


def test_whether_the_throttles_of_two_spellings_meet_does_not_tell_that_an_account_is_there(home: Installation) -> None:
    name = f"x{uuid.uuid4().hex[:10]}"
    for _ in range(10):
        with pytest.raises(InvalidError):
            accounts.sign_in(f"{name}@straße.example", "wrong-wrong-wrong", Visit(uuid.uuid4().hex))
    with pytest.raises(ThrottledError):  # As in the test before, though nobody has either address.
        accounts.sign_in(f"{name}@strasse.example", "wrong-wrong-wrong", Visit(uuid.uuid4().hex))


def test_a_probes_tries_are_found_under_the_keys_that_are_counted(home: Installation) -> None:
    from datetime import timedelta

    from glasshouse.accounts.models import Tries

    address = addresses.parsed(f"x{uuid.uuid4().hex[:10]}@straße.example")
    throttle.take("mail", address, most=5, window=timedelta(hours=1))
    assert Tries.objects.filter(key__in=throttle.keys_of([address])).count() == 1
    assert throttle.noted("mail", address, timedelta(hours=1))


# -- what earlier versions stored ------------------------------------------------------------------------------------


def stored_by_an_earlier_version(own: Customer, form: str) -> Customer:
    """The customer with an address as an earlier version stored it. form: {} is a name."""
    address = form.format(uuid.uuid4().hex[:10])
    person = Person.objects.get(id=own.actor.person)
    person.address, person.address_hash = address, vault.lookup("address", address)
    person.save(update_fields=["address", "address_hash"])
    return Customer(own.actor, address, own.password, own.site)


OLD = {  # as it is typed: as it was stored
    "x{}@straße.example": "x{}@strasse.example",
    "X{}@STRASSE.example": "x{}@strasse.example",
    "x{}@βόλος.example": "x{}@" + "βόλος.example".encode("idna").decode(),
    "ﬁ{}@x.example": "fi{}@x.example",
    "ｘ{}＠ｘ．example": "x{}@x.example",
    "x..{}@x.example": "x..{}@x.example",
    "x{}.@x.example": "x{}.@x.example",
    "1:x{}@x.example": "1:x{}@x.example",
    "x{}@localhost": "x{}@localhost",
    '"x {}"@x.example': '"x {}"@x.example',
}


@pytest.mark.parametrize("typed", OLD)
def test_whoever_signed_up_at_an_earlier_version_still_signs_in(typed: str, customer: Make) -> None:
    own = stored_by_an_earlier_version(customer(), OLD[typed])
    name = own.address.replace(OLD[typed].partition("{}")[0], "", 1)[:10]
    for text in (typed.format(name), own.address):
        assert accounts.sign_in(text, own.password, Visit(uuid.uuid4().hex))
        with pytest.raises(InvalidError):
            accounts.sign_in(text, "wrong-wrong-wrong", Visit(uuid.uuid4().hex))


@pytest.mark.parametrize(
    "typed", ["x{}@straße.example", "ﬁ{}@x.example", "x..{}@x.example", "x{}.@x.example", "x{}@localhost"]
)
def test_whoever_signed_up_at_an_earlier_version_gets_a_new_password_by_mail(typed: str, customer: Make) -> None:
    own = stored_by_an_earlier_version(customer(), OLD[typed])
    name = own.address.replace(OLD[typed].partition("{}")[0], "", 1)[:10]
    for text in (typed.format(name), own.address):
        accounts.ask_reset(text, network=uuid.uuid4().hex)
    mails = Message.objects.filter(address_hash=vault.lookup("address", own.address), kind="reset")
    assert [one.address for one in mails] == 2 * [own.address]
    assert smtp.composed("0" * 16, own.address, "x", "y", "")["To"] == own.address


def test_the_page_lets_somebody_of_an_earlier_version_in(customer: Make, web: Web) -> None:
    own = stored_by_an_earlier_version(customer(), "x{}@strasse.example")
    typed = own.address.replace("strasse", "straße")
    assert post(web(), "/sign-in", address=typed, password=own.password).status_code == 302
    assert post(web(), "/forgotten", "/forgotten", address=typed).status_code in (200, 302)


def test_the_stored_form_of_an_earlier_version_is_nobody_elses_account(customer: Make) -> None:
    """Who signs up today with the other of two domains has an account of their own, and no way into the first."""
    old, new = stored_by_an_earlier_version(customer(), "x{}@strasse.example"), customer()
    twin = old.address.replace("strasse", "straße")
    new = stored_by_an_earlier_version(new, addresses.parsed(twin))
    assert accounts.sign_in(twin, new.password, Visit(uuid.uuid4().hex))
    assert accounts.sign_in(old.address, old.password, Visit(uuid.uuid4().hex))
    with pytest.raises(InvalidError):
        accounts.sign_in(twin, old.password, Visit(uuid.uuid4().hex))
    accounts.ask_reset(twin, network=uuid.uuid4().hex)
    assert not Message.objects.filter(address_hash=vault.lookup("address", old.address), kind="reset").exists()


def test_only_the_person_themselves_is_found_under_an_earlier_form(customer: Make) -> None:
    """A legal request, a hold or a command that names one of two domains never reaches the other."""
    old = stored_by_an_earlier_version(customer(), "x{}@strasse.example")
    twin = old.address.replace("strasse", "straße")
    with pytest.raises(NotFoundError):
        accounts.actor_of_address(twin)
    assert accounts.account_at(twin) is None
    assert not accounts.address_known(addresses.parsed(twin))
    assert accounts.actor_of_address(old.address).person == old.actor.person
    accounts.ask_sign_up(twin, network=uuid.uuid4().hex)
    (mail,) = Message.objects.filter(address_hash=vault.lookup("address", addresses.parsed(twin)))
    assert mail.address == addresses.parsed(twin)
    assert Account.objects.filter(person_id=old.actor.person).exists()


def test_an_objection_that_an_earlier_version_noted_still_counts(officer: Customer) -> None:
    from glasshouse.kernel import clock
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import Suppression

    name = uuid.uuid4().hex[:10]
    noted = vault.lookup("address", f"x{name}@strasse.example")
    Suppression(address_hash=noted, at=clock.now()).save(force_insert=True)
    source = sources.add_source(officer.actor, "partner", "Fair Ltd", "contract 7", "knowing whom to invite").id
    report = sources.bring_in(
        officer.actor, source, f"address;company\nx{name}@straße.example;Farm\ny{name}@straße.example;Farm\n"
    )
    assert (report.taken, report.skipped, report.problems) == (1, 1, [])
