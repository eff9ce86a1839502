"""The words of an HTML text, in linear time and without an exception whatever stands in it. Pure.

Each position is looked at a bounded number of times: the scan only goes forward, and where something that was begun has no end,
the rest is taken as it is and the scan ends.
"""

import re
from collections.abc import Iterator
from html import unescape

MAX_HTML = 1 << 20
HIDDEN = {"script", "style", "template", "title"}
# A tag that does not stand in a line of text: its words are apart from those before it.
BLOCKS = re.compile(
    r"address|article|aside|blockquote|body|br|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    r"|head|header|hr|li|main|nav|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul"
)
NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,30})")
MARK = re.compile(r"""["'>]""")
# A reference to a character beyond Unicode: the library would read its digits as one number of any length.
LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}+;?")


def text_of_html(html: str, most: int) -> str:
    """The words of an HTML text, at most so many characters of them; scripts, styles, comments and tags left out."""
    pieces: list[str] = []
    length = 0
    for piece in _pieces(html[:MAX_HTML]):
        pieces.append(piece)
        length += len(piece)
        if length > 4 * most:
            break
    text = unescape(LONG_REFERENCE.sub("�", "".join(pieces)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)[:most]


def _pieces(html: str) -> Iterator[str]:
    at = 0
    while at < len(html):
        tag = html.find("<", at)
        if tag < 0:
            yield html[at:].replace("\n", " ")
            return
        yield html[at:tag].replace("\n", " ")
        if html.startswith("<!--", tag):
            end = html.find("-->", tag + 2)
            if end < 0:
                return  # As browsers have it: what is never closed is a comment to the end.
            at = end + 3
            continue
        name = NAME.match(html, tag + 1)
        if name is None and html[tag + 1 : tag + 2] not in ("!", "?", "/"):
            yield "<"
            at = tag + 1
            continue
        end = _end_of_tag(html, tag + 1)
        if end < 0:
            yield html[tag:]  # No tag at all: somebody wrote "x <y".
            return
        at = end + 1
        if name is not None:
            yield "\n" if BLOCKS.fullmatch(name[1].lower()) else ""
            if name[1].lower() in HIDDEN and name[0][0] != "/":
                at = _end_of_hidden(html, at, name[1].lower())


def _end_of_tag(html: str, at: int) -> int:
    """Where the ">" of a tag stands, those in quoted values aside; -1: nowhere."""
    while mark := MARK.search(html, at):
        if mark[0] == ">":
            return mark.start()
        at = mark.end()
        if html[at - 9 : at - 1].rstrip().endswith("="):
            # A quote that is never closed is none. That is asked once for each kind, for there is no further one then.
            closing = html.find(mark[0], at)
            at = closing + 1 if closing >= 0 else at
    return -1


def _end_of_hidden(html: str, at: int, name: str) -> int:
    end_tag = re.compile(f"</{name}", re.IGNORECASE).search(html, at)
    return end_tag.start() if end_tag else len(html)
