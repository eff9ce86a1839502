"""Whoever has export after export made fills no disk and keeps no worker busy."""

from collections.abc import Callable
from unittest.mock import patch

from glasshouse.kernel import clock
from glasshouse.kernel.ids import BlobId
from glasshouse.subject import exports
from glasshouse.subject.models import Export
from glasshouse.vault import blobs
from tests.conftest import Customer

Make = Callable[[], Customer]


def test_a_few_exports_are_stored_the_newest(customer: Make) -> None:
    own, other = customer(), customer()
    kept_of_other = exports.make_export(other.alone)
    numbers = [exports.make_export(own.alone) for _ in range(exports.MOST_STORED)]
    first = BlobId(Export.objects.get(id=numbers[0]).blob)
    assert blobs.generation_of(first)
    numbers += [exports.make_export(own.alone) for _ in range(2)]
    assert [row.id for row in exports.exports(own.alone)] == numbers[::-1][: exports.MOST_STORED]
    assert not blobs.generation_of(first), "the file of what is stored no longer is gone, too"
    assert [row.id for row in exports.exports(other.alone)] == [kept_of_other]
    _, body = exports.fetch_export(own.alone, numbers[-1])
    assert b"".join(body)[:2] == b"PK"


def test_while_one_is_being_made_no_other_is_begun(customer: Make) -> None:
    own = customer()
    with patch.object(exports, "fill"):
        first = exports.make_export(own.alone)
        assert exports.make_export(own.alone) == first
        Export.objects.filter(id=first).update(created_at=clock.now() - exports.MAKING)
        second = exports.make_export(own.alone)
        assert second != first, "one that was never finished stands in nobody's way"
    exports.fill(second)
    assert exports.make_export(own.alone) not in (first, second)
