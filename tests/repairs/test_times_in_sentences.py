"""A moment within a sentence is followed by the sentence's own sign, without a space before it."""

from datetime import UTC, date, datetime

import pytest

from glasshouse.web.templatetags.components import time_of


@pytest.mark.parametrize("at", [datetime(2026, 12, 1, 11, 30, tzinfo=UTC), date(2026, 12, 1)])
def test_nothing_follows_a_moment(at: date) -> None:
    assert f"{time_of(at)}.".endswith("</time>.")
