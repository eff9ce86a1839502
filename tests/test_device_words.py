"""Browsers, systems and networks are named in the reader's language."""

import pytest
from django.utils import translation

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from glasshouse.accounts.rules import device_of, place_of
from glasshouse.web.templatetags.words import device, network

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(("language", "label"), [("en", "Chrome on Linux"), ("de", "Chrome unter Linux")])
def test_a_browser_and_its_system(language: str, label: str) -> None:
    with translation.override(language):
        assert device(device_of(CHROME)) == label
        assert device(device_of("curl/8")) == "curl/8"


@pytest.mark.parametrize(("language", "label"), [("en", "this machine"), ("de", "dieser Rechner")])
def test_a_coarse_place(language: str, label: str) -> None:
    with translation.override(language):
        assert network(place_of("127.0.0.1")) == network(place_of("::1")) == label
        assert network(place_of("192.0.2.7")) == "192.0.2.0/24"
