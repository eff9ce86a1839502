"""The HTML part of a mail, made of its text as it leaves. Nothing of it is stored, and nothing in it is loaded from anywhere.

Rules:

1. The text decides. A value with markup in it stays text: all is escaped, and only this module and its template write tags.
2. A link shows its whole address, so that it never leads elsewhere than it says. What names a user before the host is no link.
3. One line that is only a link to our own pages becomes a button. A link to any other host never does, whoever wrote it.
4. No picture, no script, no file of ours or of others: opening a mail tells nobody.
"""

import re
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.template import Context, Engine, Template
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from glasshouse.mail.rendering import footer_language
from glasshouse.mail.rules import body_text, subject_line

MOST_CHARACTERS = 100_000  # A longer text is mailed as text alone.
FOOTER = "\n--\n"
BEFORE, AFTER = "(<[\"'„“«", ".,;:!?)>]\"'“”»"  # what may stand around an address in a sentence
ADDRESS = re.compile(r"https?://[!#-&*-;=?-Z_a-z~]{1,2000}")
BREAK = mark_safe("<br>\n")
LINK_STYLE = "color:#15683a;overflow-wrap:anywhere"
TEXT_STYLE = "margin:0 0 16px;overflow-wrap:anywhere"
SHEET_STYLE = (
    "max-width:576px;margin:0 auto;padding:24px 20px;border:1px solid #dde4df;border-radius:8px;background:#ffffff;"
    "color:#14201a;font:16px/1.5 system-ui,-apple-system,Roboto,Arial,sans-serif"
)
FOOTER_STYLE = (
    "margin:24px 0 0;padding-top:16px;border-top:1px solid #dde4df;color:#5a675f;font-size:13px;overflow-wrap:anywhere"
)
BUTTON_STYLE = (
    "display:inline-block;padding:12px 24px;border-radius:6px;background:#15683a;color:#ffffff;"
    "font-weight:bold;text-decoration:none"
)


def attach(mail: EmailMessage, subject: str, body: str) -> None:
    """Add the HTML part beside the text of a mail. A text of more than MOST_CHARACTERS stays alone."""
    if len(body) <= MOST_CHARACTERS:
        mail.add_alternative(document(subject, body), subtype="html")


def document(subject: str, body: str) -> str:
    """The HTML of a mail, its language that of the footer. body: as it is stored, with the footer."""
    text, _, footer = body_text(body).rpartition(FOOTER)
    language = footer_language(footer) if text else ""
    if not language:
        text, footer = body_text(body), ""
    with translation.override(language or settings.LANGUAGE_CODE):
        values = {
            "language": language,
            "subject": subject_line(subject),
            "operator": settings.OPERATOR.name or settings.ORIGIN.partition("://")[2],
            "sheet_style": SHEET_STYLE,
            "footer_style": FOOTER_STYLE,
            "paragraphs": _paragraphs(text),
            "footer": _lines(footer.strip("\n").split("\n")),
        }
        return str(_template().render(Context(values, use_l10n=False)))


@cache
def _template() -> Template:
    return Engine(app_dirs=True, autoescape=True).get_template("mail/message.html")


def _paragraphs(text: str) -> SafeString:
    """The text with its paragraphs and lines, links, and at most one button."""
    lines = text.strip("\n").split("\n")
    buttons = [line for line in lines if _is_own_link(line)]
    button = buttons[0] if len(buttons) == 1 else ""
    return format_html_join("\n", "{}", ((part,) for part in _parts(lines, button)))


def _parts(lines: Sequence[str], button: str) -> Iterator[SafeString]:
    """The paragraphs of some lines, one after the other. button: the line that becomes one; "": none does."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        is_button = bool(button) and line == button
        if line.strip() and not is_button:
            paragraph.append(line)
            continue
        if paragraph:
            yield format_html('<p dir="auto" style="{}">{}</p>', TEXT_STYLE, _lines(paragraph))
            paragraph = []
        if is_button:
            yield _button(line.strip())


def _button(address: str) -> SafeString:
    return format_html(
        '<p style="{}"><a class="button" href="{}" style="{}">{}</a></p>\n<p style="{}">{}</p>',
        TEXT_STYLE,
        address,
        BUTTON_STYLE,
        gettext("Open the page"),
        f"{TEXT_STYLE};font-size:14px",
        _link(address),
    )


def _lines(lines: Sequence[str]) -> SafeString:
    return format_html_join(BREAK, "{}", ((_line(line),) for line in lines))


def _line(line: str) -> SafeString:
    """A line with its links. Runs of white space stay as they are, between the pieces."""
    return format_html_join("", "{}", ((_piece(piece),) for piece in re.split(r"(\s+)", line)))


def _piece(piece: str) -> SafeString | str:
    end = piece.lstrip(BEFORE)
    address = end.rstrip(AFTER)
    if _is_address(address):
        return format_html("{}{}{}", piece[: len(piece) - len(end)], _link(address), end[len(address) :])
    if piece == settings.OPERATOR.privacy_address:
        return format_html('<a class="link" href="mailto:{}" style="{}">{}</a>', piece, LINK_STYLE, piece)
    return piece


def _link(address: str) -> SafeString:
    return format_html('<a class="link" href="{}" style="{}">{}</a>', address, LINK_STYLE, address)


def _is_address(text: str) -> bool:
    """Whether a text is an address of a page: in ASCII, with a host, and with nothing that only looks like one before it."""
    if not ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _is_own_link(line: str) -> bool:
    return line.strip().startswith(f"{settings.ORIGIN}/") and _is_address(line.strip())
