"""What the ledger tells is carried out line by line: one that fails, or is held, loses nothing, and keeps no other."""

from collections.abc import Callable
from typing import Any

import pytest

from glasshouse.access import api as access
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import STORAGE, own
from glasshouse.kernel.errors import InvalidError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.ledger import api as ledger
from glasshouse.retention import legal_holds
from glasshouse.subject import carrying_out, erasure
from glasshouse.subject.models import Erasure
from glasshouse.vault import api as vault
from glasshouse.vault.keys.kinds import LineKind
from tests.conftest import Customer, carried_out_again

pytestmark = pytest.mark.usefixtures("home")
Make, Join = Callable[[], Customer], Callable[..., Customer]


def is_there(who: Customer) -> bool:
    with own(STORAGE):
        return Person.objects.filter(id=who.actor.person).exists()


def has_key(who: Customer) -> bool:
    return bool(vault.generations_of(KeyOwnerId(str(who.actor.person))))


def entered(who: Customer) -> int:
    line = ledger.enter(LineKind.ERASURE, str(who.actor.person))
    assert line
    return line.number


def test_a_line_that_fails_keeps_its_rows_and_its_key_and_no_other_line(
    customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = customer()
    bad, good = join(firm, "viewer"), join(firm, "viewer")
    failing, other = entered(bad), entered(good)
    real = erasure.finish

    def finish(row: Erasure, *more: Any) -> Erasure:
        if row.person == bad.actor.person:
            raise ValueError
        return real(row, *more)

    monkeypatch.setattr(erasure, "finish", finish)
    assert failing in carrying_out.carry_out(lambda tenant: None)
    assert (is_there(bad), has_key(bad)) == (True, True)
    assert (is_there(good), has_key(good)) == (False, False)
    numbers = [line.number for line in ledger.unmarked()]
    assert failing in numbers and other not in numbers
    monkeypatch.setattr(erasure, "finish", real)
    assert failing not in carrying_out.carry_out(lambda tenant: None)
    assert (is_there(bad), has_key(bad)) == (False, False)


def test_no_hold_is_placed_on_somebody_whose_erasure_stands_in_the_ledger(
    customer: Make, join: Join, officer: Customer
) -> None:
    person = join(customer(), "viewer")
    entered(person)
    order = legal_holds.Order(str(officer.actor.account), "A court asks.", 10)
    with pytest.raises(InvalidError, match="has begun"):
        legal_holds.place(person.address, order)
    carrying_out.carry_out(lambda tenant: None)
    assert not is_there(person)


def test_what_is_held_all_the_same_waits_and_keeps_no_door_shut(
    customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = join(customer(), "viewer")
    number = entered(person)
    held = str(person.actor.person)
    real = legal_holds.on_person
    monkeypatch.setattr(legal_holds, "on_person", lambda owner: [object()] if owner == held else real(owner))
    monkeypatch.setattr(legal_holds, "end_older", lambda *_: None)
    assert number not in carrying_out.carry_out(lambda tenant: None)
    assert (is_there(person), has_key(person)) == (True, True)
    assert number in [line.number for line in ledger.unmarked()]


def test_what_is_there_again_is_carried_out_each_day(customer: Make, join: Join) -> None:
    firm = customer()
    person, closed = join(firm, "viewer"), customer()
    entered(person)
    ledger.enter(LineKind.CLOSING, closed.organisation)
    carrying_out.carry_out_again()
    assert is_there(person), "an erasure of this hour may be under way still"
    assert carried_out_again() >= 2
    assert (is_there(person), has_key(person), is_there(firm)) == (False, False, True)
    assert closed.organisation not in access.all_organisations()
    assert vault.generations_of(KeyOwnerId(closed.organisation)) == []


def test_what_is_held_is_not_carried_out_again(customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    person = join(customer(), "viewer")
    entered(person)
    held = str(person.actor.person)
    real = legal_holds.on_person
    monkeypatch.setattr(legal_holds, "on_person", lambda owner: [object()] if owner == held else real(owner))
    monkeypatch.setattr(legal_holds, "end_older", lambda *_: None)
    carried_out_again()
    assert (is_there(person), has_key(person)) == (True, True)
