"""The check of PRI-05 is seen to fail, whatever a form insists on without need."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.promises.breaking import trigger


@pytest.fixture
def rewritten(home: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Every page arrives with one text in place of another, as if a template had been changed."""
    from glasshouse.promises.front_door import Visitor

    honest = Visitor.request

    def rewrite(old: str, new: str) -> None:
        def other(self: Visitor, method: str, path: str, **parts: Any) -> httpx.Response:
            answer = honest(self, method, path, **parts)
            if method == "GET" and old in answer.text:
                body = answer.text.replace(old, new).encode()
                return httpx.Response(
                    answer.status_code, content=body, request=answer.request, headers={"content-type": "text/html"}
                )
            return answer

        monkeypatch.setattr(Visitor, "request", other)

    return rewrite


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('<textarea name="text"', '<textarea required name="text"', "insists on text"),
        ("works without it", "", "what is lost without"),
        (
            '<input name="address" type="email"',
            '<input name="birthday" required><input name="address" type="email"',
            "birthday",
        ),
        ("(optional", "(", "optional"),
    ],
)
def test_a_form_that_insists_is_seen(rewritten: Callable[[str, str], None], old: str, new: str, word: str) -> None:
    rewritten(old, new)
    finding = checked("PRI-05")
    assert finding.state == "not verified", finding.evidence
    assert word in str([line for line in finding.evidence if line.startswith("NOT")]), finding.evidence


@pytest.mark.long
def test_a_door_that_insists_though_its_page_does_not_is_seen(home: Installation) -> None:
    insists = "IF octet_length(NEW.text) <= 30 THEN RAISE 'say what you want'; END IF; RETURN NEW;"
    with trigger(home, "rights_request", "BEFORE INSERT", insists):
        finding = checked("PRI-05")
    assert finding.state == "not verified", finding.evidence
    assert "a privacy request needs an address" in finding.figure
