"""What a document says of its installation: who the operator is, how long backups of keys live. Filled in where it is shown.

A text names such a fact in braces: {operator}, {operator_name}, {privacy_address}, {key_backup_days}. The version in force shows
what is configured now, so that it cannot become untrue; each version keeps what was configured when it was published.
"""

import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from django.conf import settings
from django.template import Context, Engine

PARTS = {"en": "notices/parts/operator.en.md", "de": "notices/parts/operator.de.md"}
UNNAMED = {"en": "the operator of this installation", "de": "der Betreiber dieser Installation"}
NAME = re.compile(r"\{([a-z_]{1,40})\}")
ACTIVE = re.compile(r"([\\`*_\[\]<>|&])")  # characters that mean something in Markdown within a line


def facts_now() -> dict[str, Any]:
    """What is configured now, as JSON values."""
    operator = asdict(settings.OPERATOR)
    return {"operator": operator | {"group": list(operator["group"])}, "key_backup_days": settings.KEY_BACKUP_DAYS}


def filled(body: str, language: str, facts: dict[str, Any], *, markdown: bool = True) -> str:
    """A document's text with its facts. facts: of `facts_now`; markdown: whether values are escaped, so that they stay words.

    What stands in braces and is no fact stays as it is.
    """
    code = language if language in PARTS else "en"
    escaped: Callable[[str], str] = (lambda text: ACTIVE.sub(r"\\\1", text)) if markdown else str
    operator = {
        name: [escaped(line) for line in value] if isinstance(value, list) else escaped(value)
        for name, value in facts["operator"].items()
    }
    values: dict[str, Callable[[], str]] = {
        "operator": lambda: _part(code, operator),
        "operator_name": lambda: str(operator["name"]) or UNNAMED[code],
        "privacy_address": lambda: str(operator["privacy_address"]),
        "key_backup_days": lambda: str(facts["key_backup_days"]),
    }
    return NAME.sub(lambda match: values[match[1]]() if match[1] in values else match[0], body)


def _part(code: str, operator: dict[str, Any]) -> str:
    context = Context({"operator": operator}, autoescape=False)
    return re.sub(r"\n{2,}", "\n\n", _engine().get_template(PARTS[code]).render(context).strip())


@cache
def _engine() -> Engine:
    return Engine(app_dirs=True, autoescape=False)
