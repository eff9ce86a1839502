"""Verbs of documents: draft, publish, announce, accept; what is in force; who still has to accept.

Rules: a published version never changes. A significant one comes into force only when its announcement went out to everybody who
has an account and its lead time has passed since; the database holds that too. What a person accepts is kept with the words
shown. Until the versions in force are accepted, neither a page nor a row of a customer opens (`glasshouse_accepted` in the row
policies). Source: PRI-01, PRI-03; GDPR Art. 7, 12 to 14.
"""

# Long because writing, publishing and announcing a version share its states.

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.accounts.models import Account
from glasshouse.accounts.own import STORAGE, own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.errors import InvalidError, NotFoundError
from glasshouse.kernel.ids import KeyOwnerId
from glasshouse.mail import api as mail
from glasshouse.notices import rules
from glasshouse.notices.models import Acceptance, Announcement, Text, Version
from glasshouse.notices.rules import REQUIRED, Document
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.vault.datamap import people_rows
from glasshouse.vault.processing import activities

TEXTS = Path(__file__).parent / "texts"
MOST_TEXT = 100_000
BATCH = 500
INSTALLATION = "installation"
ANNOUNCING, TELLING, SETTLING = "notices.announce", "notices.tell", "notices.settle"


def tables() -> list[dict[str, object]]:
    """The tables of the privacy notice, from the data map: what is held of persons, why, on what ground, how long, for whom."""
    found = [one for one in activities(people_rows([])) if one.classification == "personal"]
    keep = ("purpose", "categories", "basis", "retention", "recipients")
    return json.loads(json.dumps([{name: asdict(one)[name] for name in keep} for one in found]))  # type: ignore[no-any-return]


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
                kept = dict(Text.objects.filter(version=newest).values_list("language", "body"))
                if kept != texts:
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


# -- what is in force ----------------------------------------------------------------------------------------------


def current(document: Document) -> Version:
    """The version in force. Raises NotFoundError."""
    mine = Version.objects.filter(document=document, in_force_at__lte=clock.now())
    found = mine.order_by("-number").first()
    if found is None:
        raise NotFoundError("No version of this document is in force.")
    return found


def version_of(document: Document, number: int) -> Version:
    """A published version. Raises NotFoundError."""
    found = Version.objects.filter(document=document, number=number).first()
    if found is None:
        raise NotFoundError("There is no such version.")
    return found


def versions(document: Document) -> list[Version]:
    """Every published version, the newest first."""
    return list(Version.objects.filter(document=document).exclude(number=None).order_by("-number"))


def coming() -> list[Version]:
    """Versions that are announced and not in force yet."""
    return list(Version.objects.filter(in_force_at__gt=clock.now()).order_by("in_force_at"))


def text_of(version: Version, language: str) -> Text:
    """A version's words in a language, or in English where there are none in it. Raises NotFoundError."""
    found = {one.language: one for one in Text.objects.filter(version=version)}
    if not found:
        raise NotFoundError("This version has no text.")
    return found.get(language) or found.get("en") or next(iter(found.values()))


def stale() -> bool:
    """Whether the tables of the privacy notice in force no longer say what the data map says."""
    return bool(current(Document.NOTICE).tables != tables())


# -- acceptance ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be accepted: the versions, and the sentence beside the box."""

    versions: tuple[Version, ...]
    sentence: str
    language: str

    def claims(self, how: str) -> str:
        """The acceptance as a text that a sign-up carries along until the address is proved."""
        at = clock.now().isoformat()
        ids = [one.id for one in self.versions]
        return json.dumps({"ids": ids, "shown": self.sentence, "language": self.language, "how": how, "at": at})


def offer(language: str = "en") -> Offer:
    """What somebody who uses the service has to accept now."""
    found = {one: current(one) for one in REQUIRED}
    sentence = rules.SENTENCES[language].format(**{str(one): version.number for one, version in found.items()})
    return Offer(tuple(found.values()), sentence, language)


def missing(actor: Actor) -> list[Version]:
    """The versions in force that the actor's person has still to accept."""
    wanted = [current(one) for one in REQUIRED]
    done = set(
        Acceptance.objects.filter(key_owner=actor.person, version__in=wanted).values_list("version_id", flat=True)
    )
    return [one for one in wanted if one.id not in done]


def accept(actor: Actor, ids: list[str], language: str, *, how: str = "page") -> None:
    """Record that the actor's person accepts the versions shown, which must be those in force. Raises InvalidError."""
    offered = offer(language)
    if set(ids) != {one.id for one in offered.versions}:
        raise InvalidError("The documents have changed meanwhile. Please look at them once more.", field="accept")
    take(actor, offered.claims(how))


def take(actor: Actor, claims: str) -> None:
    """Record what a sign-up accepted, as of the moment it did; nothing where it accepted nothing."""
    if not claims:
        return
    told = json.loads(claims)
    with transaction.atomic():
        for one in Version.objects.filter(id__in=told["ids"]):
            if not Acceptance.objects.filter(key_owner=actor.person, version=one).exists():
                Acceptance(
                    key_owner=str(actor.person),
                    version=one,
                    shown=told["shown"],
                    language=told["language"],
                    how=told["how"],
                    at=told["at"],
                ).save(force_insert=True)
        events.record(actor.alone, Kind.DOCUMENT_ACCEPTED, str(actor.person), versions=len(told["ids"]))


@transaction.atomic
def refuse(actor: Actor) -> None:
    """Note that the person does not accept; the way out stays open."""
    events.record(actor.alone, Kind.DOCUMENT_REFUSED, str(actor.person))


def acceptances(actor: Actor) -> list[Acceptance]:
    """What the actor's person accepted, the newest first."""
    return list(Acceptance.objects.select_related("version").filter(key_owner=actor.person).order_by("-at"))


# -- the officer's side --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draft:
    """A version to come. texts: language -> (body, summary of what changes)."""

    document: str
    texts: dict[str, tuple[str, str]]
    significant: bool
    lead_days: int = 0


@transaction.atomic
def draft(actor: Actor, wanted: Draft) -> str:
    """Keep a draft; returns its id. Raises InvalidError, NotFoundError."""
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    if wanted.document not in set(Document):
        raise InvalidError("Choose a document from the list.", field="document")
    texts = {code: pair for code, pair in wanted.texts.items() if pair[0].strip()}
    if "en" not in texts or any(len(body) > MOST_TEXT for body, _ in texts.values()):
        raise InvalidError(f"Write the text in English at least, {MOST_TEXT} characters at most.", field="body_en")
    if not all(summary.strip() for _, summary in texts.values()):
        raise InvalidError("Say in plain words what changes, in each language.", field="summary_en")
    if wanted.significant and not rules.LEAST_LEAD_DAYS <= wanted.lead_days <= 365:
        raise InvalidError(
            f"A significant change needs a lead time of {rules.LEAST_LEAD_DAYS} to 365 days.", field="lead_days"
        )
    made = Version.objects.create(
        document=wanted.document,
        significant=wanted.significant,
        lead_days=wanted.lead_days if wanted.significant else 0,
        written_by=actor.id,
        created_at=clock.now(),
    )
    for code, (body, summary) in texts.items():
        Text.objects.create(version=made, language=code, body=body.replace("\r\n", "\n"), summary=summary)
    events.record(actor, Kind.DOCUMENT_DRAFTED, made.id)
    return made.id


@transaction.atomic
def publish(actor: Actor, version: str) -> Version:
    """Publish a draft: in force at once, or, if significant, once everybody was told and the lead time has passed.

    Raises InvalidError, NotFoundError.
    """
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    found = Version.objects.select_for_update().filter(id=version, published_at=None).first()
    if found is None:
        raise NotFoundError
    others = Version.objects.filter(document=found.document)
    if others.exclude(published_at=None).filter(in_force_at=None).exists():
        raise InvalidError(
            "Another version of this document is being announced. Wait until it is in force.", field="document"
        )
    found.number = (others.aggregate(newest=Max("number"))["newest"] or 0) + 1
    found.published_at, found.tables = clock.now(), tables()
    if not found.significant:
        found.in_force_at = found.published_at
    found.save(update_fields=["number", "published_at", "tables", "in_force_at"])
    events.record(actor, Kind.DOCUMENT_PUBLISHED, found.id, significant=found.significant)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """A version as the officer's page shows it: how far its announcement is."""

    version: Version
    told: int
    bounced: int
    waiting: int
    concerned: int


def standings(actor: Actor) -> list[Standing]:
    """Every version and draft with the state of its announcement, the newest first. Raises NotFoundError."""
    access.require_staff(actor, Permission.DOCUMENT_PUBLISH)
    found = []
    for one in Version.objects.order_by("-created_at")[:100]:
        states = list(Announcement.objects.filter(version=one).values_list("state", flat=True))
        bad = states.count("bounced") + states.count("failed")
        waiting = states.count("queued")
        everybody = len(states) + _untold(one).count() if one.significant and one.in_force_at is None else len(states)
        found.append(Standing(one, len(states) - bad - waiting, bad, waiting, everybody))
    return found


# -- announcing ----------------------------------------------------------------------------------------------------


def _untold(version: Version):  # type: ignore[no-untyped-def]
    # NOT EXISTS: PostgreSQL reads a NOT IN (subquery) once for each account, as soon as it is large.
    told = Announcement.objects.filter(version=version, key_owner=OuterRef("person_id"))
    return Account.objects.filter(~Exists(told)).order_by("id")


def announce_due() -> int:
    """Carry on what is published and significant: tell everybody, follow up what bounced, and set the day; returns mails queued.

    For the worker. Safe to stop anywhere and to repeat: who was told is on record in the transaction that queues the mail.
    """
    counts: list[int] = []

    def carry_on(version: Version) -> None:
        with own(STORAGE):  # Owed to everybody, also to those whose data is restricted otherwise.
            counts.append(_carry_on(version))

    under_way = Version.objects.filter(significant=True).exclude(published_at=None)
    for version in under_way.filter(Q(in_force_at=None) | Q(in_force_at__gt=clock.now())):
        queues.guarded(ANNOUNCING, version.id, partial(carry_on, version))
    return sum(counts)


def _carry_on(version: Version) -> int:
    queued = _tell(version)
    _settle(version)
    waiting = Announcement.objects.filter(version=version, state="queued").exists()
    # Whom no mail can be written to, and staff know of, does not keep everybody else's version back.
    owed = queues.not_left(_untold(version), TELLING, prefix=f"{version.id}:")
    if version.in_force_at is None and not waiting and not owed.exists():
        with transaction.atomic():
            version.announced_at = clock.now()
            version.in_force_at = version.announced_at + timedelta(days=version.lead_days)
            version.save(update_fields=["announced_at", "in_force_at"])
            events.record(JOB, Kind.DOCUMENT_ANNOUNCED, version.id)
    return queued


def _letter(version: Version, key_owner: str) -> tuple[str, str]:
    """(subject, body) of an announcement, in the language in which its person accepted what holds now."""
    spoken = Acceptance.objects.filter(key_owner=key_owner).order_by("-at").values_list("language", flat=True).first()
    language = spoken if spoken in rules.LETTERS else "en"
    fixed, later = rules.DAYS[language]
    day = (
        fixed.format(day=f"{version.in_force_at:%Y-%m-%d}")
        if version.in_force_at
        else later.format(days=version.lead_days)
    )
    words = {
        "title": rules.TITLES_BY_LANGUAGE[language][Document(version.document)],
        "number": version.number,
        "day": day,
        "summary": text_of(version, language).summary,
        "path": f"{settings.ORIGIN}/documents/{version.document}",
        "data": f"{settings.ORIGIN}/account/data",
    }
    subject, body = rules.LETTERS[language]
    return subject.format(**words), body.format(**words)


def _tell(version: Version) -> int:
    queued = 0
    while True:
        with transaction.atomic():
            _lock(version)
            batch = list(
                queues.ready(_untold(version).select_related("person"), TELLING, prefix=f"{version.id}:")[:BATCH]
            )
            queued += queues.each_within(
                TELLING, batch, partial(_announce, version), lambda account: f"{version.id}:{account.pk}"
            )
        if len(batch) < BATCH:
            return queued


def _announce(version: Version, account: Account) -> None:
    person = account.person
    subject, body = _letter(version, person.id)
    message = mail.queue(KeyOwnerId(person.id), "announcement", person.address, subject=subject, body=body)
    told = Announcement(key_owner=person.id, version=version, address=person.address, message=message, at=clock.now())
    told.save(force_insert=True)


def _lock(version: Version) -> None:
    """Have whoever announces a version wait for each other, so that nobody is told twice."""
    Version.objects.select_for_update().get(id=version.id)


def _settle(version: Version) -> None:
    """Note what became of the mails; what came back is sent once more after a day."""
    for batch in _batches(version):
        progress.report()
        fates = mail.fates([one.message for one in batch])
        to_resend = []
        for one in batch:
            state = fates.get(one.message, one.state)
            if (
                state in ("bounced", "failed")
                and one.resent_at is None
                and clock.now() - one.at > timedelta(days=rules.RESEND_AFTER_DAYS)
            ):
                to_resend.append(one.id)
            elif state != one.state:
                Announcement.objects.filter(id=one.id).update(state=state)
        rows = queues.ready(Announcement.objects.filter(id__in=to_resend), SETTLING)
        with transaction.atomic():
            _lock(version)
            queues.each_within(SETTLING, list(rows.filter(resent_at=None)), partial(_resend, version))


def _resend(version: Version, announcement: Announcement) -> None:
    subject, body = _letter(version, announcement.key_owner)
    key_owner, address = KeyOwnerId(announcement.key_owner), announcement.address
    announcement.message = mail.queue(key_owner, "announcement", address, subject=subject, body=body)
    announcement.resent_at = clock.now()
    announcement.save(update_fields=["message", "resent_at"])


def _batches(version: Version):  # type: ignore[no-untyped-def]
    rows = Announcement.objects.filter(version=version).order_by("id")
    last = ""
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        yield batch
        last = batch[-1].id
