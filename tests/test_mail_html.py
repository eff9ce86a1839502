"""The HTML part of a mail: made of the text, and of nothing else."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as some

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from glasshouse.mail import html, smtp
from glasshouse.mail.rendering import with_footer

OWN = f"{settings.ORIGIN}/change/SECRET"
TAGS = {"html", "head", "meta", "title", "style", "body", "div", "p", "a", "br"}


class Parsed(HTMLParser):
    """The tags, links and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self, kind: str) -> list[str | None]:
        """Where the links of a kind lead: "link" or "button"."""
        return [attrs["href"] for tag, attrs in self.tags if tag == "a" and attrs["class"] == kind]


def page_of(body: str, language: str = "en") -> Parsed:
    return Parsed(html.document("Subject", with_footer(body, language, 3)))


def test_a_mail_leaves_as_text_and_as_html() -> None:
    body = with_footer("Ein Gewächshaus.\n", "de", 1)
    mail = smtp.composed("0" * 16, "jan@x.example", "Grüße", body, "", by_hand=True)
    assert mail.get_content_type() == "multipart/alternative"
    text, page = mail.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content() == body
    assert "Ein Gewächshaus." in page.get_content()
    assert b"<html" not in text.as_bytes()


@pytest.mark.parametrize(("language", "label"), [("en", "Open the page"), ("de", "Seite öffnen")])
def test_the_one_line_that_is_a_link_of_ours_is_a_button_in_the_mails_language(language: str, label: str) -> None:
    page = page_of(f"Confirm:\n\n{OWN}\n\nOnce.\n", language)
    assert page.tags[0] == ("html", {"lang": language})
    assert page.links("button") == [OWN]
    assert OWN in page.links("link"), "its address is shown below it"
    assert label in page.text


@pytest.mark.parametrize(
    "body",
    [
        f"{OWN}\n\n{OWN}x\n",
        "https://bank.example/sign-in\n",
        f"{settings.ORIGIN}.evil.example/\n",
        f"See {OWN} now\n",
        f"{OWN}<b>\n",
    ],
    ids=["two", "foreign", "longer host", "in a sentence", "with markup"],  # Test processes differ in their ports.
)
def test_no_other_link_is_a_button(body: str) -> None:
    assert page_of(body).links("button") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("See https://x.example/a?b=1&c=2.", "https://x.example/a?b=1&c=2"),
        ("(http://x.example/a)", "http://x.example/a"),
        ("„https://x.example/“", "https://x.example/"),
        ("https://x.example:8443/%20#a", "https://x.example:8443/%20#a"),
    ],
)
def test_an_address_in_a_sentence_is_a_link_that_shows_it(text: str, address: str) -> None:
    page = page_of(text)
    assert page.links("link")[0] == address
    assert text in page.text


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "https://bank.example@evil.example/",
        "https://",
        "https://[x/",
        "https://x.example:99999/",
        "data:text/html,x",
        "https://bücher.example/",
        "https://x.example/\u202egpj.exe",
    ],
)
def test_what_only_looks_like_an_address_stays_text(text: str) -> None:
    page = page_of(text)
    without_footer = page.links("link")[: -len(Parsed(html.document("", with_footer("x", "en", 3))).links("link"))]
    assert without_footer == []
    assert text in page.text


@given(some.text() | some.sampled_from(["<img src=x>", "</p><script>", '" onload="x', "&lt;b&gt;", "{{ x }}{% y %}"]))
def test_a_value_stays_text(value: str) -> None:
    body = f"Name: {value}\n"
    mail = smtp.composed("0" * 16, "jan@x.example", value, with_footer(body, "en", 1), "")
    page = Parsed(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    assert {tag for tag, attrs in page.tags} <= TAGS
    assert all(
        set(attrs) <= {"class", "style", "href", "dir", "lang", "charset", "name", "content"} for _, attrs in page.tags
    )
    shown = re.sub(r"\s+", "", page.text)
    assert all(re.sub(r"\s+", "", line) in shown for line in html.body_text(body).split("\n"))


def test_lines_of_a_paragraph_stay_lines() -> None:
    page = page_of("First\nsecond\n\nthird\n")
    assert [tag for tag, _ in page.tags].count("br") == 2, "one here, one in the footer"
    assert "<br>" not in page.text
    assert re.search(r"First\s+second\s+third", page.text)


def test_the_privacy_address_is_a_link() -> None:
    assert f"mailto:{settings.OPERATOR.privacy_address}" in page_of("x").links("link")


def test_nothing_is_loaded_from_anywhere() -> None:
    source = html.document("Subject", with_footer(f"{OWN}\n\nhttps://x.example/pixel.gif\n", "en", 1))
    assert not re.search(
        r"<(img|script|link|iframe|object|video|audio|form|base)|url\(|@import|src=|background=", source
    )


def test_a_text_without_our_footer_says_no_language() -> None:
    page = Parsed(html.document("Subject", "Of an earlier version.\n--\nJan\n"))
    assert page.tags[0] == ("html", {})
    assert "Jan" in page.text and "--" in page.text


def test_a_text_beyond_the_bound_is_mailed_as_text_alone() -> None:
    mail = smtp.composed("0" * 16, "jan@x.example", "x", "y" * (html.MOST_CHARACTERS + 1), "")
    assert mail.get_content_type() == "text/plain"
