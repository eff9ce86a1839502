"""The data that is held of a data subject, as `held.html` shows it."""

from collections.abc import Iterable
from itertools import groupby

from glasshouse.subject.inventory import Item


def grouped(items: Iterable[Item]) -> dict[str, object]:
    """Items as `held.html` shows them: by purpose, the first of many."""
    by_purpose = sorted(items, key=lambda item: item.purpose)
    groups = [(purpose, list(of_purpose)) for purpose, of_purpose in groupby(by_purpose, key=lambda item: item.purpose)]
    shown = [
        (purpose, of_purpose[:20], max(0, len(of_purpose) - 20), _common(of_purpose)) for purpose, of_purpose in groups
    ]
    return {"groups": shown, "count": len(by_purpose)}


def _common(items: list[Item]) -> Item | None:
    """One of the items, if all have the same source, ground, period and recipients: then these are said once."""
    facts = {(item.source, item.basis, item.retention, item.recipients) for item in items}
    return items[0] if len(facts) == 1 else None
