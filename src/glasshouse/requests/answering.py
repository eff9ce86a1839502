"""How often a program may answer mails: anybody may have written them, under anybody's address.

Whoever is named as sender gets one mail a day by itself, and all of them together `settings.ANSWERS_AN_HOUR`: a flood of forged
mails makes no flood of answers. What may not be answered now is stored all the same, and answered later (reminders.py).
Source: RFC 3834, 2; OWASP ASVS 5.0, 2.4.
"""

from datetime import timedelta

from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.kernel.errors import ThrottledError
from glasshouse.probes import api as probes
from glasshouse.vault import api as vault

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYBODY = "everybody"


def may_answer(address: str) -> bool:
    """Whether a program may write to an address that a mail named as its sender; if so, that counts. address: normal."""
    if _is_probes(address):
        return True
    if throttle.counting("mail-answer", address):
        return False
    try:
        # The worker writes in a transaction: where that is undone, no mail left.
        every_hour = throttle.Bucket("mail-answers", EVERYBODY, settings.ANSWERS_AN_HOUR, HOUR)
        throttle.take_from(every_hour, undone_with_act=True)
        throttle.take_from(throttle.Bucket("mail-answer", address, 1, DAY), undone_with_act=True)
    except ThrottledError:
        return False
    return True


def count_mail(address: str) -> None:
    """Count a mail that is taken in. Raises ThrottledError where all senders together send too many."""
    if not _is_probes(address):
        throttle.take("mails", EVERYBODY, most=settings.MAILS_AN_HOUR, window=HOUR)


def _is_probes(address: str) -> bool:
    """Whether it is a promise check's, which has a mail server of its own, and mails this installation every hour."""
    return probes.sink_port(vault.lookup("address", address)) is not None
