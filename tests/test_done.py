"""What an act has just done is told by a key, never by a text of the address."""

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.test import RequestFactory

from glasshouse.web import done


@pytest.mark.parametrize("key", ["anything", "", "<b>Role saved</b>", "Role saved"])
def test_an_unknown_key_says_nothing(key: str) -> None:
    assert done.sentence(RequestFactory().get("/", {"done": key})) == ""


def test_a_known_key_says_its_sentence_on_a_page_and_not_at_an_act() -> None:
    assert done.sentence(RequestFactory().get("/?done=role-saved")) == "Role saved"
    assert done.sentence(RequestFactory().post("/?done=role-saved")) == ""


def test_an_act_leads_to_its_page_with_its_key() -> None:
    assert done.led("role-saved", "roles", "abc").headers["Location"] == "/o/abc/roles?done=role-saved"
    with pytest.raises(KeyError):
        done.led("unknown", "roles", "abc")
