"""Verbs of the files that come with mails: kept sealed as they came, handed to the officer as a download, never opened here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db.models import F, Q

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import NotFoundError
from glasshouse.kernel.ids import BlobId, KeyOwnerId
from glasshouse.requests.mail_files import LeftOut, MailFile
from glasshouse.requests.models import Request, RequestFile, RequestMessage
from glasshouse.vault import blobs
from glasshouse.vault.fields import readable


class Download(NamedTuple):
    """A file to hand over. name: as its sender named it; body: its bytes, in pieces."""

    name: str
    body: Iterator[bytes]


class Arriving:
    """Files that are about to be stored with a request or a message of its thread. blobs: what is stored of them so far."""

    def __init__(self, files: tuple[MailFile, ...], left_out: tuple[LeftOut, ...]) -> None:
        self._files, self._left_out = files, left_out
        self.blobs: list[BlobId] = []

    def belong_to(self, request: Request, message: RequestMessage | None = None) -> None:
        """Seal and store them with a request, in the caller's transaction."""
        for file in self._files:
            self.blobs.append(blobs.store([file.content], KeyOwnerId(request.key_owner)))
            RequestFile(
                request=request,
                message=message.id if message else "",
                key_owner=request.key_owner,
                name=file.name or "(no name)",
                media_type=file.media_type,
                size_bytes=len(file.content),
                left_out=":".join(self._left_out) if file.is_mail else "",
                blob=self.blobs[-1],
                at=clock.now(),
            ).save(force_insert=True)


@contextmanager
def arriving(files: tuple[MailFile, ...], left_out: tuple[LeftOut, ...] = ()) -> Iterator[Arriving]:
    """The length of a block that stores files, around its transaction: if it fails, none is left behind."""
    new_files = Arriving(files, left_out)
    with removed_on_failure(new_files.blobs):
        yield new_files


@contextmanager
def removed_on_failure(stored: list[BlobId]) -> Iterator[None]:
    """The length of a block, around its transaction, that stores blobs and notes them in a list: if it fails, they go."""
    try:
        yield
    except BaseException:
        for blob in stored:
            blobs.remove(blob)
        raise


def of_requests(requests: list[Request]) -> dict[str, list[RequestFile]]:
    """The files of each request, and of those merged into it, the oldest first."""
    files: dict[str, list[RequestFile]] = {request.id: [] for request in requests}
    of_these = Q(request__in=[*files]) | Q(request__merged_into__in=[*files])
    rows = RequestFile.objects.filter(of_these).annotate(goes_on_with=F("request__merged_into"))
    for file in readable(rows.order_by("at", "id")):
        for number in files.keys() & {file.request_id, file.goes_on_with}:
            files[number].append(file)
    return files


def fetch(actor: Actor, request: str, number: str) -> Download:
    """A file of a request, or of one merged into it, for the privacy officer. Raises NotFoundError."""
    access.require_staff(actor, Permission.REQUEST_READ)
    of_request = Q(request_id=request) | Q(request__merged_into=request)
    file = RequestFile.objects.filter(of_request, id=number).first()
    if file is None:
        raise NotFoundError
    return Download(file.name, blobs.read(BlobId(file.blob), KeyOwnerId(file.key_owner)))
