"""Breakages of documents, their acceptance and announced changes: PRI-01, PRI-03."""

from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import (
    Breakage,
    Code,
    Database,
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
        "the database takes a significant version that is in force at once",
        Database(
            "ALTER TABLE notices_version DROP CONSTRAINT significant_waits",
            "ALTER TABLE notices_version ADD CONSTRAINT significant_waits CHECK (NOT significant OR in_force_at IS NULL "
            "OR (announced_at IS NOT NULL AND in_force_at >= announced_at + lead_days * interval '1 day'))",
        ),
        quick=True,
    ),
    Breakage(
        "PRI-03",
        "nothing is announced any more",
        Code("glasshouse/notices/schedule.py", "every_s=10, first_s=3", "every_s=86_400, first_s=86_400", ("worker",)),
    ),
)
