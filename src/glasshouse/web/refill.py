"""A page whose form was refused, or waited for a confirmation, shows again what was written in it: every field, also lists of
boxes, whatever its template says.

The form is the one with the address that was sent to, by itself or by one of its buttons. Passwords, codes, files and hidden
fields are left as the page has them.
"""

import html

from django.http import QueryDict
from selectolax.lexbor import LexborHTMLParser, LexborNode

LEFT_ALONE = {"password", "hidden", "file", "submit", "button", "image", "reset"}


def refilled(page: str, path: str, written: QueryDict, *, at: str | None = None) -> str:
    """The page with what was written in each form that goes to the path. A <details> around such a form is opened.

    at: the path that the page is shown at, where a form without an address goes; None: the path itself.
    """
    tree = LexborHTMLParser(page)
    forms = [form for form in tree.css("form") if path in _paths(form, path if at is None else at)]
    for form in forms:
        for field in form.css("input[name], select[name], textarea[name]"):
            _fill(field, written)
        parent = form.parent
        while parent is not None:
            if parent.tag == "details":
                parent.attrs["open"] = ""
            parent = parent.parent
    return str(tree.html) if forms else page


def _paths(form: LexborNode, page_path: str) -> set[str | None]:
    """Where a form is sent to: by itself, by its buttons, by a script."""
    sent_to = form.attributes.get("action") or form.attributes.get("data-make") or page_path
    return {sent_to, *(button.attributes["formaction"] for button in form.css("[formaction]"))}


def _fill(field: LexborNode, written: QueryDict) -> None:
    name = str(field.attributes["name"])
    kind = "" if field.tag != "input" else (field.attributes.get("type") or "text").lower()
    if kind in LEFT_ALONE or name == "csrfmiddlewaretoken" or field.attributes.get("autocomplete") == "one-time-code":
        return
    if kind in ("checkbox", "radio"):
        _mark(field, "checked", (field.attributes.get("value") or "on") in written.getlist(name))
    elif name not in written:
        return  # A part of the page that was not shown when the form was sent.
    elif field.tag == "select":
        _choose(field, written.getlist(name))
    elif field.tag == "textarea":
        field.inner_html = html.escape(str(written[name]))
    else:
        field.attrs["value"] = str(written[name])


def _choose(select: LexborNode, values: list[str]) -> None:
    options = {option: option.attributes.get("value") or option.text() for option in select.css("option")}
    if set(values) & set(options.values()):  # Otherwise what was written is no choice here, and the page's own stays.
        for option, value in options.items():
            _mark(option, "selected", value in values)


def _mark(node: LexborNode, name: str, on: bool) -> None:
    if on:
        node.attrs[name] = ""
    elif name in node.attributes:
        del node.attrs[name]
