"""Pure rules of queues: how long a failed item waits, after which try it is set aside, what staff are told of an error."""

import re
import traceback
from datetime import timedelta
from pathlib import Path
from types import TracebackType

# After so many tries an item is set aside: 23 hours after the first one. A mail has more, and so almost five days, because the
# mail server of the person may be away for long. Source: RFC 5321, 4.5.4.1 (give up after 4 to 5 days at the earliest).
MAX_TRIES, MAX_MAIL_TRIES = 8, 12
MOST_COUNTED = 1000  # What comes again by itself may fail for ever; it is counted up to here.
# What the columns may hold, in the syntax of Python and of PostgreSQL: a queue; an error's class; a place in our code.
QUEUE = r"^[a-z][a-z0-9.-]*$"
REASON = r"^([A-Za-z_][A-Za-z0-9_]*)?$"
PLACE = r"^([A-Za-z0-9_/.-]+\.py:[0-9]+)?$"
FIRST_WAIT, LONGEST_WAIT, GROWTH = timedelta(seconds=15), timedelta(days=1), 4
SOURCE = str(Path(__file__).resolve().parent.parent)


class ProcessDied(Exception):
    """The process that worked on an item ended in the middle of it."""


DIED = ProcessDied.__name__
# The class of an error -> what it means, for staff. The first base class that is named here counts.
PLAIN = {
    "SMTPRecipientsRefused": "the mail server refused the address",
    "SMTPNotSupportedError": "the mail server does not take addresses of this kind",
    "SMTPAuthenticationError": "the mail server refused our sign-in",
    "SMTPException": "the mail server refused the mail, or answered in a way that is not SMTP",
    "SSLError": "no trusted encrypted connection could be made",
    "AddressError": "the address is none that mail can be sent to",
    "KeyDestroyedError": "its key is destroyed, so it cannot be read any more",
    "KeyLostError": "its key was lost with the key store, so it cannot be read any more",
    "SealBrokenError": "the stored value cannot be opened",
    "HTTPError": "the other side could not be reached, or refused",
    "TimeoutError": "it took too long",
    "OSError": "a connection or a file failed",
    "DatabaseError": "the database refused it",
    "UnavailableError": "a part of the service was not there",
    "GlasshouseError": "a rule of the service refused it",
    DIED: "the process that worked on it ended before it was done",
}


def wait_before(tries: int) -> timedelta:
    """How long an item waits after so many tries: 15 seconds, 1 minute, 4 minutes, and on, up to a day.

    The one rule of all that is tried again: items of queues, mails, imports of files.
    """
    factor: int = GROWTH ** min(max(tries, 1) - 1, 20)
    return min(LONGEST_WAIT, FIRST_WAIT * factor)


def reason_of(error: BaseException) -> str:
    """The error's class, or the nearest one above it that staff are told something of. Never its text."""
    names = [base.__name__ for base in type(error).__mro__]
    name = next((name for name in names if name in PLAIN), names[0])[:60]
    return (
        name if re.fullmatch(REASON, name) else Exception.__name__
    )  # A class that is made at run time may have any name.


def place_of(trace: TracebackType | None) -> str:
    """Where in our own code it failed, as "mail/api.py:120"; "" where none of ours took part. Never a value."""
    own_frames = [frame for frame in traceback.extract_tb(trace) if frame.filename.startswith(SOURCE)]
    place = f"{Path(own_frames[-1].filename).relative_to(SOURCE)}:{own_frames[-1].lineno}"[-80:] if own_frames else ""
    return place if re.fullmatch(PLACE, place) else ""


def plain_reason(reason: str) -> str:
    """A stored reason in plain words."""
    return PLAIN.get(reason, "it could not be processed") if reason else "it could not be done in any try"
