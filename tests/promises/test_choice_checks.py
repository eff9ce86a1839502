"""The live check of what people are asked for: verified on a healthy service, and seen to fail when broken."""

from dataclasses import replace

import pytest

from tests.checking import checked


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<label>Diet <input name="diet" required></label>', "no page declares"),
        ('<label>Say it <textarea name="text" required></textarea></label>', "though nothing needs it"),
        ('<label>Say it <textarea name="text"></textarea></label>', "is optional"),
        ('<label>Say it (optional) <textarea name="text"></textarea></label>', ""),
        ('<label>Address <input name="address" required></label>', ""),
    ],
)
@pytest.mark.usefixtures("home")
def test_pri_05_sees_what_is_asked_too_much(page: str, said: str) -> None:
    from glasshouse.promises.asked_fields import flaws

    found = list(flaws("/privacy", page))
    assert found == [] if not said else said in found[0]


@pytest.mark.usefixtures("home")
def test_pri_05_sees_a_page_that_asks_for_what_nobody_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import pages

    undeclared = {
        key: replace(page, asks=page.asks[:1]) for key, page in pages._pages.items() if key.name == "privacy_ask"
    }
    monkeypatch.setattr(pages, "_pages", pages._pages | undeclared)
    result = checked("PRI-05")
    assert result.state == "not verified"
    assert "/privacy asks for" in result.figure


@pytest.mark.usefixtures("home")
def test_pri_05_sees_a_declaration_of_a_column_that_the_map_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.access import pages
    from glasshouse.promises.asked_fields import flaws

    key = next(key for key in pages._pages if key.name == "forgotten" and key.method == "POST")
    unknown = replace(pages._pages[key], asks=(pages.Asked("address", "mail_message.street"),))
    monkeypatch.setitem(pages._pages, key, unknown)
    assert "does not know" in next(flaws("/forgotten", '<input name="address" required>'))
