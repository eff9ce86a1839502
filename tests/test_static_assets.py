"""Static files: fingerprinted, compressed, kept by browsers for ever; the plain address for a while."""

import gzip
import re

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.http import Http404
from django.test import RequestFactory

from glasshouse.web import static_assets
from glasshouse.web.pages.public import static_files

SHEET = static_assets.SHEET


def fetch(name: str, accepted: str = "") -> object:
    return static_files.static_file(
        RequestFactory().get(f"/static/{name}", headers={"Accept-Encoding": accepted}), name
    )


def test_a_fingerprint_is_of_the_content_and_never_asked_for_again() -> None:
    name = static_assets.address_of(SHEET).rpartition("/")[2]
    assert re.fullmatch(r"glasshouse\.[0-9a-f]{12}\.css", name)
    answer = fetch(name)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = fetch(SHEET)
    assert plain.headers["Cache-Control"] == "public, max-age=300"
    assert plain.content == answer.content
    with pytest.raises(Http404):
        fetch("glasshouse.000000000000.css")
    with pytest.raises(Http404):
        fetch("../settings.py")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_what_a_browser_takes_is_compressed(accepted: str, packed: bool) -> None:
    answer = fetch(SHEET, accepted)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    assert answer.headers["Content-Length"] == str(len(answer.content))
    content = gzip.decompress(answer.content) if packed else answer.content
    assert b"--n0" in content


def test_the_sheet_names_the_font_that_the_page_loads_before_it() -> None:
    font = static_assets.address_of("public-sans.woff2")
    assert f"url({font.rpartition('/')[2]})".encode() in static_assets.assets().by_name[SHEET].content
    assert fetch("public-sans.woff2", "gzip").headers.get("Content-Encoding") is None


def test_a_first_visit_is_small() -> None:
    """Style, scripts and font of a public page, as they are sent. The page itself adds some 5 KB."""
    names = (SHEET, "page.js", "components.js", "public-sans.woff2", "icon.svg")
    sent = [static_assets.assets().by_name[name] for name in names]
    assert sum(len(asset.packed or asset.content) for asset in sent) < 55_000


@pytest.mark.parametrize("name", ["overview.avif", "overview-dark.avif"])
def test_the_picture_of_the_home_page_is_small(name: str) -> None:
    asset = static_assets.assets().by_name[name]
    assert asset.content_type == "image/avif"
    assert 5_000 < len(asset.content) < 30_000
    assert fetch(name, "gzip").headers.get("Content-Encoding") is None


def test_every_part_of_the_sheet_is_in_it() -> None:
    folder = static_assets.FOLDER / "styles"
    assert {path.stem for path in folder.iterdir()} == set(static_assets.STYLES)
