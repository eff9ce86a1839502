"""Verbs of exports: everything held, as a zip of a page to read and a file for programs, made and sealed in a stream.

No export is ever whole in memory or readable on disk. A large one is made by the worker, with its progress on the page.
Source: PRI-22; GDPR Art. 15(3), 20.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language

from glasshouse.accounts import api as accounts
from glasshouse.accounts import languages
from glasshouse.accounts.own import own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import AccountId, BlobId, KeyOwnerId, PersonId
from glasshouse.queues import api as queues
from glasshouse.queues import progress
from glasshouse.subject import export_page
from glasshouse.subject.inventory import Belonging, HeldFile, belonging, count_of, files_at, view
from glasshouse.subject.items import Item
from glasshouse.subject.models import Export
from glasshouse.vault import blobs

EXPORTING = "rights.copy"
FILL_EXPORT = "rights.fill_copy"  # the task in tasks.py
LINK = timedelta(hours=24)
PATIENCE = timedelta(minutes=2)  # After that, an export that nobody is making was left by a process that died.
# So that nobody fills the disk, or keeps the worker busy: so many exports of a person are stored, and none is begun while another
# one is being made, but for one that was begun so long ago.
MOST_STORED, MAKING = 5, timedelta(hours=1)
PIECE = 1 << 18  # bytes
TELL_EVERY = 2000


class ExportFile(NamedTuple):
    """An export to hand over. name: of the file; body: its bytes, in pieces."""

    name: str
    body: Iterator[bytes]


class _Pipe:
    """What a zip is written into: bytes that are taken out again before they grow."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, piece: bytes) -> int:
        """Take a piece in."""
        self.held += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> bytes:
        """What was written since."""
        piece, self.held = bytes(self.held), bytearray()
        return piece


def make_export(actor: Actor) -> str:
    """Make an export of everything held of the actor's person; the worker makes a large one. Returns its id.

    While one is being made, it is that one. The oldest of those that are stored goes. Raises ReauthenticationError.
    Source: GDPR Art. 15(3), 20.
    """
    accounts.require_reauthentication(actor)
    person, now = accounts.person_of(actor), clock.now()
    being_made = Export.objects.filter(key_owner=person.id, blob="", created_at__gt=now - MAKING).first()
    if being_made:
        return str(being_made.id)
    total = count_of(person.id)
    _make_room(person.id)
    with transaction.atomic():
        export = Export.objects.create(
            key_owner=person.id,
            account=str(actor.account),
            name=f"glasshouse-data-{now:%Y-%m-%d}.zip",
            total=total,
            created_at=now,
            expires_at=now + LINK,
        )
        events.record(actor.alone, Kind.EXPORT_MADE, export.id)
        if total > settings.ROWS_WHILE_WAITING:
            queues.defer(FILL_EXPORT, "imports", copy=export.id)
    if total <= settings.ROWS_WHILE_WAITING:
        with queues.claimed(EXPORTING, export.id):  # The worker looks for exports that nobody makes.
            fill(export.id)
    return export.id


def _make_room(person: str) -> None:
    """Delete a person's oldest exports, so that there is room for one more; with their files."""
    rows = Export.objects.filter(key_owner=person).order_by("-created_at", "-id")
    for export in rows[MOST_STORED - 1 :]:
        blob = export.blob
        export.delete()
        if blob:
            blobs.remove(BlobId(blob))


def fill(number: str) -> None:
    """Fill an export that is not filled yet; nothing if it is, or is no longer wanted. Safe to repeat."""
    export = Export.objects.filter(id=number, blob="").first()
    if export is None:
        return
    actor = Actor(ActorKind.PERSON, AccountId(export.account), PersonId(export.key_owner), proved_at=clock.now())
    with own(export.key_owner):
        kinds = belonging(_kind_of(actor))
        address_hash = accounts.person_of(actor).address_hash
        # A page that waits for it has a language, which counts where the person chose none; the worker has English.
        language = languages.of_key_owner(KeyOwnerId(export.key_owner)) or get_language() or "en"
        pieces = zipped(
            lambda: view(actor),
            lambda count: _note_progress(export, count),
            kinds,
            lambda: files_at(address_hash),
            language=language,
        )
        blob = blobs.store(pieces, KeyOwnerId(export.key_owner))
        if not Export.objects.filter(id=number, blob="").update(blob=blob, done=export.total):
            blobs.remove(blob)  # The person was erased meanwhile, or another worker was quicker.


def _kind_of(actor: Actor) -> Actor:
    """The actor as what its account is: of the staff, or a person."""
    return replace(actor, kind=ActorKind.STAFF) if accounts.is_staff(actor.account) else actor


def fill_due() -> int:
    """Make the exports that a process left unfinished; returns how many. For the worker. Safe to repeat."""
    now = clock.now()
    unfilled = Export.objects.filter(blob="", expires_at__gt=now, created_at__lt=now - PATIENCE).order_by("created_at")
    return queues.each(EXPORTING, list(queues.ready(unfilled, EXPORTING).values_list("id", flat=True)[:20]), fill)


def _note_progress(export: Export, item_count: int) -> None:
    Export.objects.filter(id=export.id).update(done=min(item_count, export.total))


def zipped(
    items: Callable[[], Iterator[Item]],
    note_progress: Callable[[int], None],
    kinds: Sequence[Belonging] = (),
    files: Callable[[], Iterator[HeldFile]] = lambda: iter(()),
    *,
    language: str = "en",
) -> Iterator[bytes]:
    """The bytes of a zip of a page and a file for programs, in pieces; with a file of what is not in it, where there is such.

    items: gone through twice. note_progress: called now and then with how many items are in it.
    kinds: what is not in it, and why. files: those that the person sent us. language: of the page; the file for programs is
    in English.
    """
    pipe, row = _Pipe(), partial(export_page.row, language=language)
    last = f"</table>{export_page.not_included(kinds, language)}</html>\n"

    def members() -> Iterator[tuple[str, Iterator[bytes]]]:
        yield "data.json", _lines("[\n", _json, "\n]\n", items(), lambda count: note_progress(count // 2))
        yield "data.html", _lines(export_page.head(language), row, last, items(), note_progress)
        for held in files():
            yield f"files/{held.id}-{file_name(held.name)}", held.body  # By its number: a name is no path here.

    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, body in members():
            with archive.open(name, "w", force_zip64=True) as file:
                for piece in body:
                    file.write(piece)
                    if len(pipe.held) > PIECE:
                        yield pipe.taken()
        if kinds:
            archive.writestr("not-included.json", json.dumps([kind._asdict() for kind in kinds], ensure_ascii=False))
    yield pipe.taken()


def _lines(
    first: str,
    line: Callable[[Item, int], str],
    last: str,
    items: Iterable[Item],
    note_progress: Callable[[int], None],
) -> Iterator[bytes]:
    """A file with a line for each item. note_progress: told now and then how many items are in it."""
    yield first.encode()
    for number, item in enumerate(items):
        yield line(item, number).encode()
        if number % TELL_EVERY == TELL_EVERY - 1:
            progress.report()
            note_progress(number)
    yield last.encode()


def file_name(name: str) -> str:
    """A name that stands for one file in every system's folder."""
    plain = "".join(letter if letter.isalnum() or letter in " .-_" else "_" for letter in name)
    return re.sub(r"\.{2,}", "_", plain).strip(" .")[:100] or "file"


def _json(item: Item, number: int) -> str:
    return ("" if number == 0 else ",\n") + json.dumps(item.as_json(), ensure_ascii=False)


def exports(actor: Actor) -> list[Export]:
    """The actor's exports that can still be fetched, or are being made."""
    return list(Export.objects.filter(key_owner=actor.person, expires_at__gt=clock.now()).order_by("-created_at"))


def fetch_export(actor: Actor, number: str) -> ExportFile:
    """One of the actor's exports. Raises NotFoundError, ReauthenticationError."""
    accounts.require_reauthentication(actor)
    available = Export.objects.filter(id=number, key_owner=actor.person, expires_at__gt=clock.now())
    export = available.exclude(blob="").first()
    if export is None:
        raise NotFoundError("This export is no longer stored. Make a new one.")
    return ExportFile(export.name, blobs.read(BlobId(export.blob), KeyOwnerId(export.key_owner)))
