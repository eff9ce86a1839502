"""Templates as they are sent: what only their authors need goes, so that pages are small however deep a template is indented.

Indentation goes from each line, and a tag that stands on several lines becomes one line. Browsers show the same: they read
white space as one space, but within `pre` and `textarea`, which stay as they are. Source: HTML Living Standard, 13.2.5.
"""

import re

from django.template import Origin
from django.template.loaders import app_directories, filesystem

KEPT = re.compile(r"(<(?P<name>pre|textarea)\b.*?</(?P=name)>)", re.DOTALL)
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
LINE_IN_TAG, BEFORE_END, INDENTATION = re.compile(r"\s*\n\s*"), re.compile(r"\s+(/?>)$"), re.compile(r"\n[ \t]+")


def compact(source: str) -> str:
    """A template's source without indentation, and with each tag on one line."""
    parts = KEPT.split(source)  # what lies between, then what is kept and its name, in turn
    return "".join(_compact(part) if number % 3 == 0 else part for number, part in enumerate(parts) if number % 3 != 2)


def _compact(part: str) -> str:
    one_line = TAG.sub(lambda tag: BEFORE_END.sub(r"\1", LINE_IN_TAG.sub(" ", tag[0])), part)
    return INDENTATION.sub("\n", one_line)


class _Compacting(filesystem.Loader):
    def get_contents(self, origin: Origin) -> str:
        """A template's source; of a page, compact."""
        source = super().get_contents(origin)
        return compact(source) if str(origin.name).endswith(".html") else source


class PageLoader(_Compacting):
    """Templates beside the pages that show them."""


class AreaLoader(_Compacting, app_directories.Loader):
    """Templates of areas and libraries."""
