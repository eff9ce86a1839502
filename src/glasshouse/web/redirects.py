"""Where a form or a link may lead on to: the one function that turns a value of a request into the address of a redirect.

A browser reads an address otherwise than it looks: it drops tabs and line ends, takes a backslash for a slash, and "//host" for
another host. So nothing is repaired here: what is not plainly a page of ours leads to the start. Source: WHATWG URL, "basic URL
parser"; OWASP Unvalidated Redirects and Forwards Cheat Sheet.
"""

import re
from urllib.parse import unquote

from django.urls import Resolver404, resolve

from glasshouse.access import pages

START, MOST = "/", 2_000
# Visible ASCII, but for what browsers read as a slash or a fragment. Ours are percent-encoded where they hold more.
PLAIN = re.compile(r"/[!\"$-\[\]-~]*")


def safe_path(path_given: str) -> str:
    """The path with its query, if a page of ours answers there; else the start."""
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
    opens = pages.find(match.url_name or "", "GET") is not None
    return path_given if opens and not match.namespaces and "/." not in path else START
