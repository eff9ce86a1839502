"""PRI-01: a document that is read in German has its title and its frame in German, and stays German from version to version."""

import re
from collections.abc import Callable

import httpx

Web = Callable[..., httpx.Client]


def test_the_frame_of_a_german_document_is_german_and_links_keep_it(web: Web) -> None:
    client = web()
    page = client.get("/documents/notice?lang=de").text
    assert "<title>Datenschutzerklärung" in " ".join(page.split())
    assert '<html lang="de"' in page and "<h1>Datenschutzerklärung</h1>" in page
    assert "in Kraft seit" in page
    assert "in force from" not in page
    assert "Privacy notice" not in page.partition("<main")[2].partition("</main>")[0]
    links = re.findall(r'href="(\?version=\d+[^"]*)"', page)
    assert links
    assert all("lang=" in link for link in links)
    english = client.get("/documents/notice?lang=en").text
    assert "<h1>Privacy notice</h1>" in english
    assert "in force from" in english
