"""Both doors are asked all that their OpenAPI descriptions allow, and much that they do not: no answer is an error of ours."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from crop_contract.capability import VERBS, Capability, sign
from glasshouse.operations.installation import Installation
from glasshouse.organisations import tokens
from tests.conftest import Customer
from tests.test_crop_door import SITE, Plane, plane

__all__ = ["plane"]
MANY = [10, pytest.param(300, marks=pytest.mark.long)]  # questions for each operation; more in the long run


def ask_all(description: dict[str, Any], ask: Callable[[Case], Any], count: int) -> list[str]:
    """Ask each operation so many questions, good and bad ones; what was answered with an error of ours."""
    broken = []
    schema = schemathesis.openapi.from_dict(description)
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def asked(case: Case) -> None:
                answer = ask(case)
                if answer.status_code >= 500:
                    broken.append(f"{case.method} {case.path}: {answer.status_code} for {str(case.body)[:200]!r}")

            with contextlib.suppress(Unsatisfiable):  # Nothing can be wrong with a question that has no part.
                asked()
    return broken


@pytest.mark.parametrize("count", MANY)
def test_the_people_api(home: Installation, customer: Callable[[], Customer], count: int) -> None:
    from glasshouse.web.people_api import api

    own = customer()
    secret = tokens.create_token(own.actor, "Fuzz", ["greenhouse:site:read", "greenhouse:limits:set"], 1)
    authority = str(home.keys / "tls" / "ca.crt")

    def ask(case: Case) -> Any:
        return case.call(
            base_url=home.origin, headers={"Authorization": f"Bearer {secret}"}, verify=authority, timeout=90
        )

    assert ask_all(dict(api.get_openapi_schema()), ask, count) == []


@pytest.mark.parametrize("count", MANY)
def test_the_crop_plane(plane: Plane, tmp_path: Path, count: int) -> None:
    from crops.app import create
    from crops.door import Door

    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("disk.key", "wal.key", "token.key", "capability.pub"):
        (keys / name).write_bytes(b"a" * 32 if name != "disk.key" else b"ab" * 32)
    door = create(tmp_path / "data", keys)
    assert isinstance(door, Door)
    description = door._inner.openapi()  # type: ignore[attr-defined]
    assert len(description["paths"]) >= 6
    authority = str(plane.folder / "tls" / "ca.crt")

    def ask(case: Case) -> Any:
        capability = Capability("w" * 16, (SITE,), tuple(VERBS), "test", int(time.time()) + 50)
        return case.call(
            base_url=f"https://localhost:{plane.port}",
            headers={"Authorization": f"Capability {sign(plane.key, capability)}"},
            verify=authority,
            timeout=90,
        )

    assert ask_all(description, ask, count) == []
    plane.check_serves()
