"""The page of a promise shows the last 90 days: the worst result of each day, in words, and nothing where no check ran."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from glasshouse.kernel import clock
from glasshouse.operations.installation import Installation
from glasshouse.promises import api
from glasshouse.promises.findings import State
from glasshouse.promises.models import Result

Web = Callable[..., httpx.Client]
PROMISE = "SEC-09"  # It has no check, so that nothing but this test writes results of it.


@pytest.fixture
def results(home: Installation) -> Iterator[Callable[..., None]]:
    def add(state: State, since: datetime, until: datetime) -> None:
        Result.objects.create(promise=PROMISE, state=state, figure="x", since=since, checked_at=until)

    Result.objects.filter(promise=PROMISE).delete()
    yield add
    Result.objects.filter(promise=PROMISE).delete()


def test_each_day_has_its_worst_result(results: Callable[..., None]) -> None:
    now = clock.now().astimezone(UTC)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    results(State.VERIFIED, noon - timedelta(days=120), noon - timedelta(days=80))
    results(State.NOT_VERIFIED, noon - timedelta(days=3), noon - timedelta(days=3))
    results(State.VERIFIED, noon - timedelta(days=3), noon)
    results(State.CANNOT_TELL, noon, noon)
    days = dict(api.days(PROMISE))
    assert len(days) == 90 and max(days) == now.date()
    assert days[noon.date() - timedelta(days=80)] is State.VERIFIED
    assert days[noon.date() - timedelta(days=79)] is None
    assert days[noon.date() - timedelta(days=3)] is State.NOT_VERIFIED
    assert days[noon.date() - timedelta(days=2)] is State.VERIFIED
    assert days[noon.date()] is State.CANNOT_TELL


def test_the_page_says_each_day_in_words_and_counts_none(results: Callable[..., None], web: Web) -> None:
    now = clock.now().astimezone(UTC)
    results(State.VERIFIED, now - timedelta(days=20), now)
    page = " ".join(web().get(f"/trust/{PROMISE}").text.split())
    assert "Verified on every day with a check." in page
    assert page.count("<rect") == 90
    assert f"{now:%-d %B %Y}: Verified" in page
    assert "No check on that day" in page
    results(State.NOT_VERIFIED, now - timedelta(days=5), now - timedelta(days=5))
    page = " ".join(web().get(f"/trust/{PROMISE}").text.split())
    assert "Not verified on some days" in page
    assert f"{now - timedelta(days=5):%-d %B %Y}: Not verified" in page
