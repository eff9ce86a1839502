"""What a list reads of the database is bounded as what it shows: a piece, however many rows there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.db import connection, models

from glasshouse.accounts import api as accounts
from glasshouse.authorities import api as authorities
from glasshouse.authorities.models import LegalRequest
from glasshouse.consent.models import Restriction
from glasshouse.disclosures import api as disclosures
from glasshouse.disclosures import business_transfers, passing_on
from glasshouse.disclosures.models import BusinessTransfer, Disclosure, PassedOn, Recipient
from glasshouse.kernel import clock
from glasshouse.kernel.ids import KeyOwnerId, new_id
from glasshouse.kernel.pieces import PIECE, Piece, piece_of_lists
from glasshouse.mail.models import Message
from glasshouse.notices import api as notices
from glasshouse.notices.models import Acceptance
from glasshouse.operations.installation import Installation
from glasshouse.privacy_office import api as office
from glasshouse.privacy_office import set_aside
from glasshouse.queues.models import Failure
from glasshouse.requests import api as requests
from glasshouse.requests import referrals
from glasshouse.requests.models import Referral, Request
from glasshouse.retention.models import LegalHold, Statistic
from glasshouse.sources import api as sources
from glasshouse.sources import suggestions
from glasshouse.sources.models import Source, ThirdPartyData
from tests.attacks.test_bounded_lists import multiply
from tests.conftest import Customer, administering
from tests.planting import Planter

FEW, MANY = 3, 450
MOST = 3 * PIECE  # rows for a list: a piece of it, and what belongs to its rows


class Question(NamedTuple):
    """A list: which table grows, with which values beside, and how it is asked for. whose: of the row's columns.

    unique: columns of which each row needs its own value. one_by_one: how many are planted where each needs rows beside.
    """

    model: type[models.Model]
    values: Callable[[Customer], dict[str, Any]]
    ask: Callable[[Customer], object]
    unique: tuple[str, ...] = ()
    staff: bool = True
    one_by_one: int = 0

    def grow(self, planter: Planter, who: Customer, key: object, count: int) -> None:
        """So many more rows."""
        if not self.one_by_one:
            multiply(planter.home, self.model, key, count, unique=self.unique)
            return
        for _ in range(min(count, self.one_by_one)):
            planter.parents.clear()
            planter.plant(self.model, **self.values(who))


def _hash(who: Customer) -> str:
    return accounts.person_of(who.actor).address_hash


QUESTIONS = {
    "recipients": Question(Recipient, lambda _: {}, lambda who: disclosures.recipients(who.actor.id)),
    "public recipients": Question(
        Recipient,
        lambda _: {"kind": "authority"},
        lambda _: (disclosures.public_recipients(), disclosures.unreadable_count()),
    ),
    "business transfers": Question(
        BusinessTransfer, lambda _: {}, lambda who: business_transfers.transfers(who.actor), one_by_one=40
    ),
    "sources": Question(Source, lambda _: {}, lambda who: sources.sources(who.actor)),
    "legal requests": Question(LegalRequest, lambda _: {}, lambda who: authorities.legal_requests(who.actor)),
    "restrictions": Question(
        Restriction, lambda _: {"lifts_at": None}, lambda who: office.desk(who.actor), ("key_owner",)
    ),
    "legal holds": Question(
        LegalHold,
        lambda _: {"scope": "address", "ends_at": clock.now().replace(year=2099), "told_at": clock.now()},
        lambda who: office.desk(who.actor),
    ),
    "statistics": Question(Statistic, lambda _: {}, lambda who: office.desk(who.actor), ("table",)),
    "set aside jobs": Question(
        Failure, lambda _: {"set_aside_at": clock.now()}, lambda who: set_aside.listed(who.actor), ("item",)
    ),
    "set aside mails": Question(
        Message, lambda _: {"set_aside_at": clock.now(), "sent_at": None}, lambda who: set_aside.listed(who.actor)
    ),
    "referrals": Question(
        Referral,
        lambda _: {"answered_at": clock.now()},
        lambda who: referrals.passed(who.actor),
        ("request_id",),
        staff=False,
    ),
    "own requests": Question(
        Request,
        lambda who: {"address_hash": _hash(who), "proved_at": clock.now(), "closed_at": clock.now()},
        lambda who: requests.of_person(who.alone),
        staff=False,
    ),
    "acceptances": Question(
        Acceptance,
        lambda who: {"key_owner": who.actor.person},
        lambda who: notices.acceptances(who.alone),
        staff=False,
        one_by_one=230,
    ),
    "disclosures": Question(
        Disclosure,
        lambda who: {"key_owner": new_id(), "address_hash": _hash(who)},
        lambda who: disclosures.of_person(KeyOwnerId(str(who.actor.person)), _hash(who)),
        staff=False,
    ),
    "passed on": Question(
        PassedOn,
        lambda who: {"key_owner": who.actor.person},
        lambda who: passing_on.piece_passed_on(KeyOwnerId(str(who.actor.person)), _hash(who), ""),
        staff=False,
    ),
    "suggestions": Question(
        ThirdPartyData,
        lambda who: {"address_hash": _hash(who)},
        lambda who: suggestions.suggestions(who.alone),
        staff=False,
        one_by_one=230,
    ),
}


@contextmanager
def rows_read() -> Iterator[list[int]]:
    """How many rows each question to the people store brings, while the block lasts."""
    counts: list[int] = []

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        counts.append(max(0, context["cursor"].rowcount) if sql.lstrip().upper().startswith(("SELECT", "WITH")) else 0)
        return answer

    with connection.execute_wrapper(count):
        yield counts


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_list_reads_a_piece_however_many_rows_there_are(
    name: str, customer: Callable[[], Customer], officer: Customer, home: Installation
) -> None:
    question = QUESTIONS[name]
    who = officer if question.staff else customer()
    planter = Planter(home, owner=str(who.actor.person), organisation=who.organisation if not question.staff else "")
    before = _keys(home, question.model)
    try:
        row = planter.plant(question.model, **question.values(who))
        question.grow(planter, who, row.pk, FEW)
        with rows_read() as few:
            question.ask(who)
        question.grow(planter, who, row.pk, MANY)
        with rows_read() as many:
            question.ask(who)
        assert len(many) <= len(few) + 1, "as many questions"
        most = question.one_by_one // 2 or MOST
        assert sum(many) <= sum(few) + most, f"{sum(many)} rows read of {question.one_by_one or MANY}"
    finally:
        with administering(home) as link:
            link.execute("SET session_replication_role = replica")
            link.execute(
                f"DELETE FROM {question.model._meta.db_table} WHERE {question.model._meta.pk.column}::text <> ALL (%s)",
                [before],
            )
        planter.pull()


def _keys(home: Installation, model: type[models.Model]) -> list[str]:
    with administering(home) as link:
        return [str(row[0]) for row in link.execute(f"SELECT {model._meta.pk.column} FROM {model._meta.db_table}")]


def test_lists_that_follow_one_another_are_shown_once_and_whole() -> None:
    """Also where a piece ends with a list, where one is empty, and where the row of the address is there no more."""
    lists = [[f"a{n}" for n in range(3)], [], [f"b{n}" for n in range(4)], ["c0"]]

    def part(rows: list[str]) -> Callable[[str, int], Piece[str]]:
        def rows_after(after: str, most: int) -> Piece[str]:
            begin = rows.index(after) + 1 if after in rows else 0
            return Piece(rows[begin : begin + most], "", after if begin else "")

        return rows_after

    for most in range(1, 10):
        shown, after = list[str](), ""
        while True:
            piece = piece_of_lists([part(rows) for rows in lists], after, str, most)
            assert len(piece) <= most
            shown += piece
            after = piece.after
            if not after:
                break
        assert shown == [row for rows in lists for row in rows], most
    assert piece_of_lists([part(rows) for rows in lists], "gone", str, 2) == ["a0", "a1"]
