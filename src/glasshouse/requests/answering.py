"""How often a program may answer mails: anybody may have written them, under anybody's address.

Whoever is named as sender gets one mail a day by itself, and all of them together `settings.ANSWERS_AN_HOUR`: a flood of forged
mails makes no flood of answers. What may not be answered now is stored all the same, and answered later (reminders.py).
Source: RFC 3834, 2; OWASP ASVS 5.0, 2.4.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.kernel.errors import ThrottledError
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYBODY = "everybody"
# The tests of one service send more large mails than a day brings.
MOST_BYTES_A_DAY, STEP_BYTES = (
    1 << (38 if settings.TESTING else 30),
    256 << 10,
)  # of mails; one smaller than a step counts by its number only
LEAST_FREE_BYTES = 1 << 30


def may_answer(address: str) -> bool:
    """Whether a program may write to an address that a mail named as its sender; if so, that counts. address: normal."""
    if _is_probes(address):
        return True
    if throttle.noted("mail-answer", address, DAY):
        return False
    try:
        # The worker writes in a transaction: where that is undone, no mail left.
        every_hour = throttle.Bucket("mail-answers", EVERYBODY, settings.ANSWERS_AN_HOUR, HOUR)
        throttle.take_from(every_hour, undone_with_act=True)
        throttle.take_from(throttle.Bucket("mail-answer", address, 1, DAY), undone_with_act=True)
    except ThrottledError:
        return False
    return True


@contextmanager
def counted(address: str, size_bytes: int) -> Iterator[None]:
    """Counts a mail that is taken in within the block, of all senders together: how many, and how much they store.

    What its own sender's limits refuse counts against nobody else. Raises ThrottledError.
    """
    if _is_probes(address):
        yield
        return
    number = throttle.Bucket("mails", EVERYBODY, settings.MAILS_AN_HOUR, HOUR)
    amount = throttle.Bucket("mail-bytes", EVERYBODY, MOST_BYTES_A_DAY // STEP_BYTES, DAY)
    taken: list[throttle.Bucket] = []
    try:
        for bucket in [number, *[amount] * (size_bytes // STEP_BYTES)]:
            throttle.take_from(bucket)
            taken.append(bucket)
        yield
    except ThrottledError:
        throttle.give_back(taken)
        raise


def has_room() -> bool:
    """Whether the disk has room for what a mail stores: a full one would stop the whole service, and mail can wait."""
    return shutil.disk_usage(settings.DATA_FOLDER).free > LEAST_FREE_BYTES


def _is_probes(address: str) -> bool:
    """Whether it is a promise check's, which has a mail server of its own, and mails this installation every hour."""
    return probes.sink_port(vault.lookup("address", address)) is not None
