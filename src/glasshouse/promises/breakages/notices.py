"""Breakages of documents, their acceptance and announced changes: PRI-01, PRI-03."""

from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import (
    Breakage,
    Code,
    Environment,
    Place,
    answering,
    changed_rows,
    executed,
    lost_rows,
    stopped,
)

ANNOUNCEMENTS = "glasshouse/notices/announcements.py"


@contextmanager
def _worker_stopped(place: Place) -> Iterator[None]:
    with stopped(place, "worker"):
        yield


@contextmanager
def _left_out(place: Place) -> Iterator[None]:
    left_out = lost_rows("notices_announcement", "id = (SELECT min(id) FROM notices_announcement)")
    with stopped(place, "worker"), executed(place, left_out):  # The worker would announce it once more.
        yield


BREAKAGES = (
    Breakage(
        "PRI-01",
        "the database takes everybody for somebody who accepted",
        answering("glasshouse_accepted(whom text)", "boolean", "SELECT true"),
    ),
    Breakage(
        "PRI-01",
        "documents were accepted before they were in force",
        changed_rows("notices_acceptance", at="at - interval '1 year'"),
    ),
    Breakage(
        "PRI-01",
        "pages open before the documents are accepted",
        Code(
            "glasshouse/web/middleware.py",
            "request.accepted = state.accepted  #",
            "request.accepted = True  #",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-01",
        "the words that were accepted are not stored",
        Code("glasshouse/notices/acceptance.py", 'shown=accepted["shown"],', 'shown="",', ("web",)),
    ),
    Breakage(
        "PRI-03",
        "an announcement is marked told but was never queued",
        Code(
            ANNOUNCEMENTS,
            '    message = mail.queue_draft(KeyOwnerId(person.id), "announcement", person.address, _news(version, person.id))\n',
            '    message = "0" * 16\n',
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-03",
        "the mails of an announcement are gone before they left",
        lost_rows("mail_message", "kind = 'announcement'"),
    ),
    Breakage(
        "PRI-03",
        "somebody was left out of an announcement",
        Environment(_left_out),
        quick=True,
    ),
    Breakage(
        "PRI-03",
        "a significant version comes into force at once",
        Code(
            ANNOUNCEMENTS,
            "version.announced_at + timedelta(days=version.lead_days)",
            "version.announced_at + timedelta(days=0)",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-03", "nothing is announced while the worker is stopped", Environment(_worker_stopped), also=("PRI-26",)
    ),
)
