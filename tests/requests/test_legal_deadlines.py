"""Worked examples of legal deadlines, counted by hand on a calendar: dates in, dates out."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import holidays
import pytest

from glasshouse.promises import law_examples
from glasshouse.requests.laws import ANSWER, APPEAL, CONSENT, LAWS, OFFERED, REGIONS, STRICTEST
from glasshouse.requests.legal_deadlines import acknowledge_by, due, legal_end, may_extend

CLOSED = holidays.country_holidays("NL", years=(2026, 2027, 2028))


class Example(NamedTuple):
    """What a law says of a request that came on a day. extended, receipt: "" where the law knows none. ends: by Reg. 1182/71."""

    region: str
    kind: str
    asked: str
    due: str
    extended: str = ""
    receipt: str = ""
    ends: str = ""


EXAMPLES = (
    # A month has no such day: its last one. 2027-02-28 is a Sunday.
    Example("eu", "access", "2027-01-31", "2027-02-28", "2027-04-30", ends="2027-03-01"),
    Example("eu", "access", "2028-01-31", "2028-02-29", "2028-04-30"),
    Example("eu", "erase", "2026-11-30", "2026-12-30", "2027-02-28"),
    # 2026-12-25 and 26 are holidays, the 27th is a Sunday.
    Example("eu", "copy", "2026-11-25", "2026-12-25", "2027-02-25", ends="2026-12-28"),
    # Easter Sunday, and Easter Monday after it.
    Example("eu", "object", "2027-02-28", "2027-03-28", "2027-05-28", ends="2027-03-30"),
    Example("uk", "access", "2026-09-03", "2026-10-03", "2026-12-03", ends="2026-10-05"),  # a Saturday
    Example("ch", "access", "2027-02-01", "2027-03-03", "2027-04-02"),
    Example("br", "erase", "2027-02-20", "2027-03-07"),
    Example("br", "object", "2026-12-20", "2027-01-04"),
    Example("ca", "access", "2027-02-15", "2027-03-17", "2027-04-16"),
    Example("ca-qc", "access", "2028-02-15", "2028-03-16"),
    Example("us", "access", "2026-11-30", "2027-01-14", "2027-02-28", receipt="2026-12-14"),
    Example("us-ca", "object", "2026-11-30", "2026-12-21", receipt="2026-12-14"),
    # From a Friday; the 5th of July, a holiday, is counted: no later day is taken than any reading of the law allows.
    Example("us-ca", "restrict", "2027-07-02", "2027-07-23", receipt="2027-07-16"),
    Example("us-ca", "copy", "2027-07-03", "2027-08-17", "2027-10-01", receipt="2027-07-16"),  # a Saturday
    Example("us-va", "access", "2027-01-01", "2027-02-15", "2027-04-01"),
    Example("us-tn", "erase", "2028-02-01", "2028-03-17", "2028-05-01"),
    Example("us-in", "correct", "2027-11-20", "2028-01-04", "2028-02-18"),
    Example("us-de", "copy", "2027-06-30", "2027-08-14", "2027-09-28"),
    Example("us-ct", "access", "2027-12-31", "2028-02-14", "2028-03-30"),
    Example("us-ri", "access", "2027-02-28", "2027-04-14", "2027-05-29"),
    Example("us-tx", "access", "2027-03-15", "2027-04-29", "2027-06-13"),
    Example("us-or", "access", "2027-03-15", "2027-04-29", "2027-06-13"),
    Example("us-or", "object", "2027-03-01", "2027-03-16"),
    Example("us-mn", "object", "2027-03-01", "2027-03-16"),
    # Montana gives 45 days for a withdrawn consent, and no extension of them.
    Example("us-mt", "object", "2027-03-01", "2027-04-15"),
    Example("us-mt", "access", "2027-03-01", "2027-04-15", "2027-05-30"),
    # Not read in the law's own words: 45 days, no extension, 15 days for a withdrawn consent.
    Example("us-ia", "access", "2027-01-01", "2027-02-15"),
    Example("us-md", "object", "2027-03-01", "2027-03-16"),
    Example("us-md", "erase", "2027-03-01", "2027-04-15"),
    Example("us-va", "object", "2027-03-01", "2027-03-16"),
    Example("us-ky", "access", "2027-03-01", "2027-04-15"),
    Example("us-ut", "access", "2028-02-01", "2028-03-17", "2028-05-01"),
    # Nobody knows where: the shortest time of all, and the receipt of California.
    Example("other", "access", "2027-03-01", "2027-03-16", receipt="2027-03-15"),
    Example("other", "object", "2027-03-01", "2027-03-16", receipt="2027-03-15"),
)


def _moment(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=9)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.region}-{example.kind}-{example.asked}")
def test_a_deadline_is_the_one_counted_by_hand(example: Example) -> None:
    law, asked = LAWS[REGIONS[example.region][1]], _moment(example.asked)
    due_at = due(law, asked, example.kind)
    assert due_at == _moment(example.due), "at the same time of day"
    assert may_extend(law, example.kind) == bool(example.extended)
    if example.extended:
        assert due(law, asked, example.kind, extended=True) == _moment(example.extended)
    receipt = acknowledge_by(law, asked)
    assert ((receipt and receipt.date().isoformat()) or "") == example.receipt
    assert legal_end(law, due_at, CLOSED).isoformat() == (example.ends or example.due)


def test_clocks_that_are_put_forward_move_no_deadline() -> None:
    asked = datetime(2027, 3, 27, 23, 30, tzinfo=UTC)  # In the European Union the next day has 23 hours.
    assert due(LAWS["gdpr"], asked) == datetime(2027, 4, 27, 23, 30, tzinfo=UTC)
    assert due(LAWS["lgpd"], asked) - asked == timedelta(days=15)


def test_an_unknown_region_is_never_later_than_any_law() -> None:
    for day in range(400):
        asked = datetime(2027, 1, 1, 9, tzinfo=UTC) + timedelta(days=day)
        for kind in ("access", "object", "restrict", "unclear"):
            strict = due(LAWS[STRICTEST], asked, kind)
            assert strict == min(due(law, asked, kind) for law in LAWS.values())


def test_what_nobody_has_read_in_the_laws_own_words_counts_by_the_strictest_reading() -> None:
    states = [law for law in LAWS.values() if law.id.startswith("us-")]
    read = {part: [law for law in states if part not in law.unread] for part in (ANSWER, APPEAL, CONSENT)}
    assert all(read.values())
    for law in states:
        assert set(law.unread) <= {ANSWER, APPEAL, CONSENT}
        if ANSWER in law.unread:
            assert law.days <= min(each.days for each in read[ANSWER])
            assert not may_extend(law)
        if APPEAL in law.unread:
            assert 0 < law.appeal_days <= min(each.appeal_days for each in read[APPEAL] if each.appeal_days)
        if CONSENT in law.unread:
            assert law.objection_days <= min(each.objection_days for each in read[CONSENT] if each.objection_days)


def test_each_law_says_where_it_stands_and_who_hears_complaints() -> None:
    for law in LAWS.values():
        assert law.source and law.title, law.id
        assert law.authority.startswith("https://"), law.id
        assert law.id == STRICTEST or law.days or law.months, law.id
        assert len(law.id) <= 12
    assert {law for _, law in REGIONS.values()} == set(LAWS)
    assert set(OFFERED) <= set(REGIONS)
    assert max(map(len, REGIONS)) <= 6


def test_the_table_of_the_check_which_is_written_apart_says_the_same() -> None:
    assert {region: law for region, (_, law) in REGIONS.items()} == law_examples.LAW_OF
    assert set(law_examples.OFFERED) == set(OFFERED)
    for law in LAWS.values():
        for kind in ("access", "erase", "object", "restrict", "unclear"):
            for asked in (_moment("2027-01-31"), _moment("2028-02-29"), _moment("2027-07-03")):
                latest = law_examples.last_day(law.id, asked.date(), kind)
                if law.unread:
                    assert latest and due(law, asked, kind).date() <= latest, (
                        "the strictest reading is never a later day"
                    )
                    continue
                assert due(law, asked, kind).date() == latest, (law.id, kind)
                extended = law_examples.last_day(law.id, asked.date(), kind, extended=True)
                assert may_extend(law, kind) == (extended is not None), (law.id, kind)
                if extended:
                    assert due(law, asked, kind, extended=True).date() == extended
