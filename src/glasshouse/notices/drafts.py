"""Verbs of drafts: writing a version, publishing it, and how far its announcement is. Source: PRI-01, PRI-03."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Max
from django.utils.translation import gettext

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.pieces import Piece, piece_of
from glasshouse.notices import in_force, rules
from glasshouse.notices.announcements import without_announcement
from glasshouse.notices.facts import facts_now
from glasshouse.notices.models import Announcement, Text, Version
from glasshouse.notices.rules import Document
from glasshouse.notices.versions import tables

MOST_TEXT = 100_000  # characters

VERSIONS_A_PIECE = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """A version to come. texts: language -> (body, summary of what changes). lead_days: after the last mail."""

    document: str
    texts: dict[str, tuple[str, str]]
    significant: bool
    lead_days: int = 0


@transaction.atomic
def draft(actor: Actor, written: Draft) -> str:
    """Keep a draft; returns its id. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    if written.document not in set(Document):
        raise InvalidError("Choose a document from the list.", field="document")
    texts = {code: (body, summary) for code, (body, summary) in written.texts.items() if body.strip()}
    if "en" not in texts or any(len(body) > MOST_TEXT for body, _ in texts.values()):
        text = gettext("Write the text in English at least, %(most)s characters at most.") % {"most": MOST_TEXT}
        raise InvalidError(text, field="body_en")
    if not all(summary.strip() for _, summary in texts.values()):
        raise InvalidError("Say in plain words what changes, in each language.", field="summary_en")
    if written.significant and not rules.LEAST_LEAD_DAYS <= written.lead_days <= 365:
        text = gettext("A significant change needs a lead time of %(least)s to 365 days.") % {
            "least": rules.LEAST_LEAD_DAYS
        }
        raise InvalidError(text, field="lead_days")
    version = Version.objects.create(
        document=written.document,
        significant=written.significant,
        lead_days=written.lead_days if written.significant else 0,
        written_by=actor.id,
        created_at=clock.now(),
    )
    for code, (body, summary) in texts.items():
        Text.objects.create(version=version, language=code, body=body.replace("\r\n", "\n"), summary=summary)
    events.record(actor, Kind.DOCUMENT_DRAFTED, version.id)
    return version.id


@transaction.atomic
def publish(actor: Actor, draft_id: str) -> Version:
    """Publish a draft: in force at once, or, if significant, once everybody was told and the lead time has passed.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    version = Version.objects.select_for_update().filter(id=draft_id, published_at=None).first()
    if version is None:
        raise NotFoundError
    others = Version.objects.filter(document=version.document)
    if others.exclude(published_at=None).filter(in_force_at=None).exists():
        raise InvalidError(
            "Another version of this document is being announced. Wait until it is in force.", field="document"
        )
    version.number = (others.aggregate(newest=Max("number"))["newest"] or 0) + 1
    version.published_at, version.tables, version.facts = clock.now(), tables(), facts_now()
    if not version.significant:
        version.in_force_at = version.published_at
    version.save(update_fields=["number", "published_at", "tables", "facts", "in_force_at"])
    in_force.forget()
    events.record(actor, Kind.DOCUMENT_PUBLISHED, version.id, significant=version.significant)
    return version


def texts_of_draft(actor: Actor, draft_id: str) -> dict[str, tuple[str, str]]:
    """A draft's texts, as `Draft` has them: its body and what it changes, by language. Raises NotFoundError."""
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    rows = Text.objects.filter(version_id=draft_id, version__number=None).values_list("language", "body", "summary")
    texts = {language: (body, summary) for language, body, summary in rows}
    if not texts:
        raise NotFoundError
    return texts


@dataclass(frozen=True, slots=True)
class VersionProgress:
    """A version and its announcement: how many mails were sent, came back or wait, and how many persons it concerns."""

    version: Version
    sent: int
    bounced: int
    waiting: int
    persons: int


def progress_of_versions(actor: Actor, after: str = "") -> Piece[VersionProgress]:
    """A piece of the versions and drafts with the progress of their announcements, the newest first. Raises NotFoundError."""
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    versions = piece_of(Version.objects.all(), after, by="-created_at", most=VERSIONS_A_PIECE)
    return versions.of([_progress(version) for version in versions])


def _progress(version: Version) -> VersionProgress:
    announced = Announcement.objects.filter(version=version)
    counts = dict(announced.values_list("state").annotate(count=Count("pk")).order_by())
    bounced = counts.get("bounced", 0) + counts.get("failed", 0)
    waiting = counts.get("queued", 0)
    persons = announced_to = sum(counts.values())
    if version.significant and version.in_force_at is None:
        persons += without_announcement(version).count()
    return VersionProgress(version, announced_to - bounced - waiting, bounced, waiting, persons)
