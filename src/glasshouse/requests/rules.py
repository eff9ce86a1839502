"""Pure rules of requests: what a text most likely asks for."""

import re

# Patterns by which the kind of a mail is guessed; the first that fits counts. Staff see the text, and may decide otherwise.
PATTERNS = (
    ("erase", r"eras|delet|remove me|forget|lösch|supprim|borrar|elimin"),
    ("copy", r"copy|export|portab|kopie|copie|copia"),
    ("correct", r"correct|wrong|rectif|berichtig|corrig"),
    ("object", r"object|unsubscribe|stop mailing|widersp|oppos"),
    ("restrict", r"restrict|einschränk|limit"),
    ("access", r"access|auskunft|accès|acceso|my data"),
)


def likely_kind(text: str) -> str:
    """What a text most likely asks for: access, copy, correct, erase, object, restrict or question."""
    plain = text.lower()
    kind = next((kind for kind, pattern in PATTERNS if re.search(pattern, plain)), "")
    return kind or ("access" if any(_asks_what(line) for line in plain.splitlines()) else "question")


def _asks_what(line: str) -> bool:
    """Whether a line asks what we hold, have or store. In linear time, for anybody may have written the text."""
    _, what, rest = line.partition("what ")
    return bool(what) and any(verb in rest for verb in ("hold", "have", "store"))
