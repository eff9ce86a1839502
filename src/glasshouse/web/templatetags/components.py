"""The components that pages are made of: one tag, one template in `templates/parts`, one block of the style sheet each.

Tags with content take it between the tag and its end: `{% card "Members" %}…{% endcard %}`. What they are given is text, and is
escaped; their content is markup. `/styleguide` of the demo shows each in all its states. Decision record 42.
"""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from glasshouse.mail.texts import day as written_day

register = template.Library()
# A state is always icon, word and tint.
STATE_ICONS = {
    "ok": "check",
    "warn": "warning",
    "bad": "cross",
    "info": "info",
    "mute": "dot",
    "violet": "lock",
    "line": "",
}
CONTROL = re.compile(r"<(input|select|textarea)\b(?![^>]*type=\"hidden\")")
NO_NAME = re.compile(r"[^\w]+")
KINDS = {"": "", "primary": "p", "danger": "danger", "danger-primary": "danger p", "ghost": "ghost"}


def _part(name: str, **context: object) -> SafeString:
    return render_to_string(f"parts/{name}.html", context)


@register.simple_tag
def chip(state: str, text: object, icon: str | None = None) -> SafeString:
    """A state as icon, word and tint; "line" is a category, which has no colour. Raises KeyError for another state."""
    return _part("chip", state=state, text=text, icon=STATE_ICONS[state] if icon is None else icon)


@register.simple_block_tag
def page_head(content: str, title: str, sub: str = "", back: str = "", back_title: str = "") -> SafeString:
    """The head of a page; its content are the actions, of which one may be primary. back: the page above, with its title."""
    return _part(
        "page_head", content=content if content.strip() else "", title=title, sub=sub, back=back, back_title=back_title
    )


@register.simple_block_tag
def tabs(content: str, label: str) -> SafeString:
    """Pages of one subject beside each other. label: what they are, for screen readers."""
    return _part("tabs", content=content, label=label)


@register.simple_tag
def tab(title: str, address: str, current: object = False, count: object = "") -> SafeString:
    """One of the tabs."""
    return _part("tab", title=title, address=address, current=current, count=count)


@register.simple_block_tag
def card(content: str, title: str = "", count: object = "", kind: str = "") -> SafeString:
    """A panel. kind: "p0" without a padding of its own (tables, lines), "p5" with a wide one, "danger"."""
    return _part("card", content=content, title=title, count=count, kind=kind)


@register.simple_block_tag
def data_table(content: str, label: str, kind: str = "stacked") -> SafeString:
    """A table that scrolls within its place, and becomes blocks on the phone. Its content are thead and tbody."""
    return _part("data_table", content=content, label=label, kind=kind)


@register.simple_tag
def sort_heading(title: str, address: str, order: str = "") -> SafeString:
    """A heading that sorts by its column. order: "ascending" or "descending" where the table is sorted by it."""
    return _part("sort_heading", title=title, address=address, order=order)


@register.simple_block_tag
def row_menu(content: str, label: str) -> SafeString:
    """The further acts of a row; the destructive one stands last, after a line."""
    return _part("row_menu", content=content, label=label)


@register.simple_block_tag(takes_context=True)
def field(
    context: template.Context,
    content: str,
    name: str,
    label: str,
    hint: str = "",
    optional: str = "",
    wrong: str = "",
    prefix: str = "",
    form: str = "",
) -> SafeString:
    """A label, the control that is its content, a hint below, and the error of this field between label and control.

    name: the field's. The control gets id, aria-describedby and aria-invalid. wrong: the error, unless the page's own is of it.
    prefix: sets it apart from a field of that name in another form of the page; the page's own error is not shown beside it.
    form: the address of the field's form, where several forms of a page have a field of this name; the error is then of the
    form that was sent alone.
    """
    is_sent = not prefix and (not form or context.get("sent_to") == form)
    error = wrong or (context.get("error", "") if is_sent and context.get("field") == name else "")
    id_ = f"field-{prefix}{name}" if is_sent or not form else f"field-{prefix}{name}{NO_NAME.sub('-', form)}"
    described = " ".join([f"{id_}-error"] * bool(error) + [f"{id_}-hint"] * bool(hint))
    marks = format_html(' id="{}"', id_)
    if described:
        marks += format_html(' aria-describedby="{}"', described)
    if error:
        marks += mark_safe(' aria-invalid="true"')
    control = mark_safe(CONTROL.sub(lambda match: match[0] + marks, content, count=1))  # noqa: S308 - markup of our template
    return _part("field", id=id_, content=control, label=label, hint=hint, optional=optional, error=error)


@register.simple_tag(takes_context=True)
def error_summary(context: template.Context) -> SafeString:
    """What is wrong with the form, on top of the page, with the focus and a link to the field; nothing where nothing is."""
    if not context.get("error"):
        return SafeString("")
    return _part("error_summary", error=context["error"], field=context.get("field", ""))


@register.simple_tag
def button(
    text: str, kind: str = "", icon: str = "", busy: str = "", size: str = "", **attributes: object
) -> SafeString:
    """A button that sends its form. kind: primary, danger, ghost; busy: what it says while it works; size: "s" or "xl".

    attributes: of the element, with "_" for "-". Raises KeyError for another kind.
    """
    return _part(
        "button", text=text, kind=KINDS[kind], icon=icon, busy=busy, size=size, attributes=_attributes(attributes)
    )


@register.simple_tag
def link_button(
    text: str, address: str, kind: str = "", icon: str = "", size: str = "", **attributes: object
) -> SafeString:
    """A link that looks like a button: it leads to a page, and changes nothing. As `button`."""
    return _part(
        "link_button",
        text=text,
        address=address,
        kind=KINDS[kind],
        icon=icon,
        size=size,
        attributes=_attributes(attributes),
    )


def _attributes(attributes: dict[str, Any]) -> SafeString:
    given = ((name.replace("_", "-"), value) for name, value in attributes.items() if value != "")
    return format_html_join("", ' {}="{}"', given)


@register.simple_block_tag
def banner(content: str, state: str = "info", kind: str = "") -> SafeString:
    """A message that stays. state: as of a chip; kind: "full" across the page, "alert" read out at once."""
    return _part("banner", content=content, state=state, icon=STATE_ICONS[state], kind=kind)


@register.simple_block_tag
def toast(content: str) -> SafeString:
    """What was just done, with a button that undoes it as its content, if there is one."""
    return _part("toast", content=content)


@register.simple_block_tag
def dialog(content: str, id: str, title: str, kind: str = "dialog") -> SafeString:
    """A question above the page, opened by a link to "#id". kind: "sheet" edits one thing of the list behind it."""
    return _part("dialog", content=content, id=id, title=title, kind=kind)


@register.simple_block_tag
def empty_state(content: str, icon: str, title: str) -> SafeString:
    """What will be here, and how to begin."""
    return _part("empty_state", content=content, icon=icon, title=title)


@register.simple_tag
def stat(value: object, label: str, unit: str = "", tone: str = "") -> SafeString:
    """A figure with what it counts. tone: "tx-ok", "tx-bad", "tx-warn"; "" for none."""
    return _part("stat", value=value, label=label, unit=unit, tone=tone)


@register.simple_block_tag
def segmented(content: str, label: str) -> SafeString:
    """A choice of at most four, side by side: links, or buttons of a form."""
    return _part("segmented", content=content, label=label)


@register.simple_tag
def segment(title: str, address: str, current: object = False) -> SafeString:
    """A link of a segmented control."""
    return _part("segment", title=title, address=address, current=current)


@register.simple_tag
def copy_field(value: str, label: str) -> SafeString:
    """A text that is copied by a button. label: what it is."""
    return _part("copy_field", value=value, label=label)


@register.simple_tag
def time_of(at: date, day: bool = False, zone: str = "", named: bool = False) -> SafeString:
    """A moment or a day: in UTC here, in the page's language, and in the reader's own way by `page.js`.

    day: a moment without the clock; zone: a site's; named: with the zone's name, where it is kept as proof.
    """
    if not isinstance(at, datetime):
        at, day = datetime.combine(at, time(12), UTC), True  # The same day wherever its reader is.
    shown = written_day(at) if day else f"{written_day(at)}, {at:%H:%M} UTC"
    text = _part("time", at=at, shown=shown, day=day, zone=zone, named=named)
    return SafeString(text.rstrip("\n"))  # It stands within a sentence, so no line's end follows it.


@register.simple_block_tag
def checklist(content: str, label: str) -> SafeString:
    """Steps of setting up, done one after another."""
    return _part("checklist", content=content, label=label)


@register.simple_block_tag
def checklist_step(content: str, number: int, title: str, state: str = "") -> SafeString:
    """A step. state: "done", "now" or "" for one to come."""
    return _part("checklist_step", content=content, number=number, title=title, state=state)


@register.simple_tag
def progress(done: int, total: int, label: str, tone: str = "f-acc") -> SafeString:
    """How much of a whole is done. label: says it in words."""
    share = 100 * done / total if total else 0
    return _part("progress", share=f"{share:.1f}", label=label, tone=tone)


@register.filter
def initials(name: str) -> str:
    """At most two letters of a name, for its avatar."""
    parts = name.split()
    return conditional_escape("".join(part[0] for part in [*parts[:1], *parts[1:][-1:]]).upper())
