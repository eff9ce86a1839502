"""Verbs of versions: what the service ships, which version of a document is in force, its text. Source: PRI-01."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from django.db import transaction

from glasshouse.kernel import clock
from glasshouse.kernel.errors import NotFoundError
from glasshouse.notices import in_force
from glasshouse.notices.facts import facts_now, filled
from glasshouse.notices.models import Text, Version
from glasshouse.notices.rules import LEAST_LEAD_DAYS, REQUIRED, Document
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
    """Put the first version of each document in force, where there is none yet, and bring the texts of later releases.

    A document that the operator has published itself is left alone. A new text of one that everybody accepts (`REQUIRED`) waits
    as a significant draft: it would shut everybody out until they accept it, so an officer publishes it, which announces it. A
    new text of another document is in force at once. For the start of an installation.
    """
    for document in Document:
        with transaction.atomic():
            newest = Version.objects.filter(document=document).exclude(number=None).order_by("-number").first()
            texts = _shipped(document)
            if newest is None:
                _publish_shipped(document, 1, texts)
            elif newest.written_by == INSTALLATION:
                is_shown = _bodies(newest) == texts
                if document in REQUIRED:
                    _draft_shipped(document, {} if is_shown else texts)
                elif not is_shown:
                    _publish_shipped(document, int(newest.number or 0) + 1, texts)


def _shipped(document: Document) -> dict[str, str]:
    return {file.name.split(".")[1]: file.read_text() for file in sorted(TEXTS.glob(f"{document}.*.md"))}


def _bodies(version: Version) -> dict[str, str]:
    return dict(Text.objects.filter(version=version).values_list("language", "body"))


def _publish_shipped(document: Document, number: int, texts: dict[str, str]) -> None:
    now = clock.now()
    version = Version.objects.create(
        document=document,
        number=number,
        significant=False,
        tables=tables(),
        facts=facts_now(),
        written_by=INSTALLATION,
        created_at=now,
        published_at=now,
        in_force_at=now,
    )
    _write_texts(version, texts, is_first=number == 1)


def _draft_shipped(document: Document, texts: dict[str, str]) -> None:
    """Have the shipped texts wait as the one draft of the installation; none where there are none. Drafts of officers stay."""
    drafts = Version.objects.filter(document=document, written_by=INSTALLATION, number=None)
    current_drafts = [draft.id for draft in drafts if _bodies(draft) == texts]
    drafts.exclude(id__in=current_drafts).delete()
    if texts and not current_drafts:
        version = Version.objects.create(
            document=document,
            significant=True,
            lead_days=LEAST_LEAD_DAYS,
            written_by=INSTALLATION,
            created_at=clock.now(),
        )
        _write_texts(version, texts, is_first=False)


def _write_texts(version: Version, texts: dict[str, str], *, is_first: bool) -> None:
    for language, body in texts.items():
        change = TEXTS / f"{version.document}.{language}.change"  # what the newest shipped text changes, in plain words
        summary = change.read_text() if change.exists() and not is_first else ""
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


class ReadableText(NamedTuple):
    """A version's text as it is shown: with the facts of its installation. summary: what changed, in plain words."""

    language: str
    body: str
    summary: str


def readable(version: Version, language: str, *, markdown: bool = True) -> ReadableText:
    """A version's text with the facts: those of now where it is in force or to come, those of then where it is past.

    markdown: whether it is rendered as such; otherwise values are as they are. Raises NotFoundError.
    """
    text = text_of(version, language)
    newest = Version.objects.filter(document=version.document, in_force_at__lte=clock.now()).order_by("-number").first()
    is_past = newest is not None and version.number is not None and version.number < (newest.number or 0)
    facts = version.facts if is_past and version.facts else facts_now()
    return ReadableText(text.language, filled(text.body, text.language, facts, markdown=markdown), text.summary)


def number_in_force() -> int:
    """The number of the privacy notice in force; 0 where there is none. At most in_force.FRESH_S old: it stands on every page."""
    if in_force.is_old():
        rows = Version.objects.filter(document=Document.NOTICE).exclude(in_force_at=None)
        in_force.remember([(number or 0, at) for number, at in rows.values_list("number", "in_force_at") if at])
    return in_force.number()


def number_shown(number: int) -> int:
    """The number of the privacy notice that a form says it showed, if that was ever in force; otherwise of the one that is."""
    rows = Version.objects.filter(document=Document.NOTICE, number=number, in_force_at__lte=clock.now())
    return number if number > 0 and rows.exists() else int(current(Document.NOTICE).number or 0)


def stale() -> bool:
    """Whether the tables of the privacy notice in force no longer say what the data map says."""
    return bool(current(Document.NOTICE).tables != tables())
