"""Verbs of versions: what the service ships, which version of a document is in force, its text. Source: PRI-01."""

import json
from dataclasses import asdict
from pathlib import Path

from django.db import transaction

from glasshouse.kernel import clock
from glasshouse.kernel.errors import NotFoundError
from glasshouse.notices.models import Text, Version
from glasshouse.notices.rules import REQUIRED, Document
from glasshouse.vault.datamap import people_rows
from glasshouse.vault.processing import activities

TEXTS = Path(__file__).parent / "texts"
INSTALLATION = "installation"
COLUMNS = ("purpose", "categories", "basis", "retention", "recipients")


def tables() -> list[dict[str, object]]:
    """The tables of the privacy notice, from the data map: what is held of persons, why, on what ground, how long, for whom.

    One dict a row, with COLUMNS as keys and JSON values.
    """
    personal = [activity for activity in activities(people_rows([])) if activity.classification == "personal"]
    rows = [{name: asdict(activity)[name] for name in COLUMNS} for activity in personal]
    return json.loads(json.dumps(rows))  # type: ignore[no-any-return]


def install() -> None:
    """Put the first version of each document in force, where there is none yet, and the corrections of later releases.

    A document that the operator has published itself is left alone, and so is one that everybody accepts (`REQUIRED`): its new
    version would shut everybody out until they accept it, which only an officer may decide. For the start of an installation.
    """
    for document in Document:
        with transaction.atomic():
            newest = Version.objects.filter(document=document).order_by("-created_at").first()
            texts = _shipped(document)
            if newest is None:
                _publish_shipped(document, 1, texts)
            elif document not in REQUIRED and newest.written_by == INSTALLATION:
                stored = dict(Text.objects.filter(version=newest).values_list("language", "body"))
                if stored != texts:
                    _publish_shipped(document, int(newest.number or 0) + 1, texts)


def _shipped(document: Document) -> dict[str, str]:
    return {file.name.split(".")[1]: file.read_text() for file in sorted(TEXTS.glob(f"{document}.*.md"))}


def _publish_shipped(document: Document, number: int, texts: dict[str, str]) -> None:
    now = clock.now()
    version = Version.objects.create(
        document=document,
        number=number,
        significant=False,
        tables=tables(),
        written_by=INSTALLATION,
        created_at=now,
        published_at=now,
        in_force_at=now,
    )
    for language, body in texts.items():
        change = TEXTS / f"{document}.{language}.change"  # what the newest shipped text changes, in plain words
        summary = change.read_text() if number > 1 and change.exists() else ""
        Text.objects.create(version=version, language=language, body=body, summary=summary)


def current(document: Document) -> Version:
    """The version in force. Raises NotFoundError."""
    in_force = Version.objects.filter(document=document, in_force_at__lte=clock.now())
    version = in_force.order_by("-number").first()
    if version is None:
        raise NotFoundError("No version of this document is in force.")
    return version


def version_of(document: Document, number: int) -> Version:
    """A published version. Raises NotFoundError."""
    version = Version.objects.filter(document=document, number=number).first()
    if version is None:
        raise NotFoundError("There is no such version.")
    return version


def versions(document: Document) -> list[Version]:
    """Every published version, the newest first."""
    return list(Version.objects.filter(document=document).exclude(number=None).order_by("-number"))


def coming() -> list[Version]:
    """Versions that are announced and not in force yet."""
    return list(Version.objects.filter(in_force_at__gt=clock.now()).order_by("in_force_at"))


def text_of(version: Version, language: str) -> Text:
    """A version's text in a language (two letters), or in English where there is none in it. Raises NotFoundError."""
    texts = {text.language: text for text in Text.objects.filter(version=version)}
    if not texts:
        raise NotFoundError("This version has no text.")
    return texts.get(language) or texts.get("en") or next(iter(texts.values()))


def stale() -> bool:
    """Whether the tables of the privacy notice in force no longer say what the data map says."""
    return bool(current(Document.NOTICE).tables != tables())
