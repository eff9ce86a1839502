"""The crops service reports that it works only while its store does: the log's thread, the store's thread and the engine."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from crops.app import Plane
from crops.store import Store
from tests.test_crop_restart import keys


def test_a_store_that_was_closed_is_not_well(tmp_path: Path) -> None:
    store = Store(tmp_path / "crops", keys(tmp_path / "keys"))
    assert store.is_well()
    store.close()
    assert not store.is_well()


def _fail() -> bool:
    raise RuntimeError("the engine is gone")


@pytest.mark.parametrize(("is_well", "status"), [(lambda: True, 200), (lambda: False, 503), (_fail, 503)])
def test_the_service_reports_what_the_store_says(tmp_path: Path, is_well: Any, status: int) -> None:
    folder = keys(tmp_path / "keys")
    for name in ("token.key", "capability.pub"):
        (folder / name).write_bytes(b"x" * 32)
    plane = Plane(tmp_path, folder, None)  # type: ignore[arg-type]
    plane.store = SimpleNamespace(is_well=is_well)  # type: ignore[assignment]
    answer = asyncio.run(plane.health())
    assert answer.status_code == status
    assert json.loads(answer.body)["status"] == ("pass" if status == 200 else "fail")


def test_many_questions_ask_the_store_once(tmp_path: Path) -> None:
    folder = keys(tmp_path / "keys")
    for name in ("token.key", "capability.pub"):
        (folder / name).write_bytes(b"x" * 32)
    plane, checks = Plane(tmp_path, folder, None), []  # type: ignore[arg-type]
    plane.store = SimpleNamespace(is_well=lambda: checks.append(1) is None)  # type: ignore[assignment]

    async def ask_often() -> None:
        await asyncio.gather(*(plane.health() for _ in range(200)))

    asyncio.run(ask_often())
    assert len(checks) == 1


def test_the_running_service_is_well(crops: httpx.Client) -> None:
    answer = crops.get("/health").json()
    assert (answer["name"], answer["status"], answer["checks"]) == ("influxdb", "pass", [])
