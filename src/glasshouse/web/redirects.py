"""Where a form or a link may lead on to: the one function that turns a value of a request into the address of a redirect.

A browser reads an address otherwise than it looks: it drops tabs and line ends, takes a backslash for a slash, and "//host" for
another host. So nothing is repaired here: what is not plainly a page of ours leads to the start. Source: WHATWG URL, "basic URL
parser"; OWASP Unvalidated Redirects and Forwards Cheat Sheet.
"""

import re
from urllib.parse import unquote

from django.urls import Resolver404, resolve, reverse

from glasshouse.access import pages
from glasshouse.access.pages import Page

START, MOST = "/", 2_000
# Visible ASCII, but for what browsers read as a slash or a fragment. Ours are percent-encoded where they hold more.
PLAIN = re.compile(r"/[!\"$-\[\]-~]*")


def safe_path(path_given: str) -> str:
    """The path with its query, if a page of ours answers there; of an act, the page that its form stands on; else the start."""
    if len(path_given) > MOST or not PLAIN.fullmatch(path_given):
        return START
    decoded, before = path_given, ""
    for _ in range(5):  # As often as something on the way may decode it.
        if (
            "//" in decoded
            or "\\" in decoded
            or any(not letter.isprintable() or letter.isspace() for letter in decoded)
        ):
            return START
        decoded, before = unquote(decoded), decoded
        if decoded == before:
            break
    else:
        return START
    path = unquote(path_given.partition("?")[0])
    try:
        match = resolve(path)
    except Resolver404:
        return START
    if match.namespaces or "/." in path:
        return START
    if pages.find(match.url_name or "", "GET") is not None:
        return path_given
    act = pages.find(match.url_name or "", "POST")
    return form_address(act, match.kwargs) or START if act else START


def form_address(act: Page, arguments: dict[str, str]) -> str:
    """The address of the page that the form of an act stands on; "" where none is declared. arguments: of the act's path."""
    page = pages.page_of_form(act)
    return reverse(page.name, kwargs={name: arguments[name] for name in page.arguments}) if page else ""
