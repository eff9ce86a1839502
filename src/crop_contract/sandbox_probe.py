"""Work on nothing: what `sandbox.restrictions` runs, to hear which restrictions hold."""

from typing import Any

from crop_contract.sandbox_work import Answer


def work(request: dict[str, Any], body: bytes, answer: Answer) -> None:
    """Nothing."""
