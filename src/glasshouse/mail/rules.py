"""Pure rules of mail: what of a text is a key and not a datum; what may stand in a header."""

import re
import unicodedata
from collections.abc import Callable

# The secrets of mailed links (256 bits, URL-safe), and the codes of text messages.
SECRETS = re.compile(r"(?<![\w-])[\w-]{40,}(?![\w-])|(?<!\d)\d{6,8}(?!\d)")
ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
# RFC 5322, 3.6.4: dot-atoms, or a domain literal, of a length that fits into one line.
MESSAGE_ID = re.compile(rf"<({ATOMS}{{1,200}})@({ATOMS}{{1,200}}|\[[A-Za-z0-9.:-]{{1,100}}\])>")
MAX_SUBJECT = 400
NEVER_IN_A_LINE = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators


def masked(text: str) -> str:
    """A text without the secrets in it: whoever reads it later cannot use them to sign in."""
    return SECRETS.sub("•••", text)


def message_id(text: str) -> str:
    """A Message-ID as the grammar has it; "" where the text is none. Source: RFC 5322, 3.6.4."""
    match = MESSAGE_ID.fullmatch(text[:500].strip(" \t\r\n"))
    # An encoded word would be decoded by whoever reads the header.
    return match[0] if match and "=?" not in match[0] else ""


def subject_line(text: str) -> str:
    """A text that can stand in a Subject: one line of MAX_SUBJECT characters at most, without controls and encoded words."""
    return " ".join(_without(text[: 4 * MAX_SUBJECT], NEVER_IN_A_LINE).replace("=?", "= ?").split())[:MAX_SUBJECT]


def body_text(text: str) -> str:
    """A text that can stand in a mail's body or be stored: lines and tabs stay, other controls and lone surrogates go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _without(lines, {"Cc", "Cs"}, but=frozenset("\n\t"), instead="")


def _without(text: str, categories: set[str], but: frozenset[str] = frozenset(), instead: str = " ") -> str:
    category: Callable[[str], str] = unicodedata.category
    return "".join(char if char in but or category(char) not in categories else instead for char in text)
