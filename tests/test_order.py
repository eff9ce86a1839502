"""The order of tests that several processes share: long files first in each part, and no test lost."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.order import LONGEST, dealt


def _items(files: dict[str, int]) -> list[Any]:
    return [SimpleNamespace(nodeid=f"tests/{name}::test_{n}") for name, count in files.items() for n in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_each_worker_begins_with_a_long_file_and_nothing_is_lost(workers: int) -> None:
    items = _items({"test_a.py": 40, **dict.fromkeys(LONGEST[:7], 2), "test_b.py": 41})
    ordered = dealt(items, workers)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in items)
    begins = [ordered[len(items) * number // workers].nodeid for number in range(workers)]
    assert begins == [f"tests/{name}::test_0" for name in LONGEST[:workers]]


def test_files_that_are_not_long_keep_the_order_that_chance_gave_them() -> None:
    items = _items({"test_z.py": 3, LONGEST[0]: 1, "test_a.py": 3})
    names = [item.nodeid for item in dealt(items, 2) if LONGEST[0] not in item.nodeid]
    assert names == [item.nodeid for item in items if LONGEST[0] not in item.nodeid]


def test_more_long_tests_than_a_part_has_room_for_are_all_there() -> None:
    items = _items({LONGEST[0]: 30, "test_a.py": 2})
    assert len(dealt(items, 3)) == 32


def test_every_long_file_is_there() -> None:
    assert [name for name in LONGEST if not (Path(__file__).parent / name).exists()] == []
