"""Pure rules of requests: what a text most likely asks for."""

import re

# The words by which a mail is classed; the first that fits. Staff see the text and may see it otherwise.
WORDS = (
    ("erase", r"eras|delet|remove me|forget|lösch|supprim|borrar|elimin"),
    ("copy", r"copy|export|portab|kopie|copie|copia"),
    ("correct", r"correct|wrong|rectif|berichtig|corrig"),
    ("object", r"object|unsubscribe|stop mailing|widersp|oppos"),
    ("restrict", r"restrict|einschränk|limit"),
    ("access", r"access|auskunft|accès|acceso|my data"),
)


def classed(text: str) -> str:
    """What a text most likely asks for: access, copy, correct, erase, object, restrict or question."""
    plain = text.lower()
    found = next((kind for kind, words in WORDS if re.search(words, plain)), "")
    return found or ("access" if any(_asks_what(line) for line in plain.splitlines()) else "question")


def _asks_what(line: str) -> bool:
    """Whether a line asks what we hold, have or store. One look only, for the text is a stranger’s."""
    _, what, rest = line.partition("what ")
    return bool(what) and any(verb in rest for verb in ("hold", "have", "store"))
