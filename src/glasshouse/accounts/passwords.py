"""Passwords: what one must be, hashing and comparing; the only place where Argon2 runs.

Rules: cheap checks come first (length, then the list of breached ones); a caller has checked its throttle and its link before.
Argon2 takes 100 MB and a tenth of a second each time, so AT_ONCE run together in a process. IN_LINE more may wait, WAIT_S at
most: whoever waits holds a thread, and most threads must stay free for all other pages.
Source: OWASP Password Storage Cheat Sheet; NIST SP 800-63B, 5.1.1.2.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from glasshouse.accounts.rules import PASSWORD_MOST
from glasshouse.kernel.errors import InvalidError, OverloadedError

AT_ONCE, IN_LINE, WAIT_S = 2, 3, 5.0
_turns = threading.BoundedSemaphore(AT_ONCE)
_places = threading.BoundedSemaphore(AT_ONCE + IN_LINE)


@contextmanager
def _turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise OverloadedError
    try:
        if not _turns.acquire(timeout=WAIT_S):
            raise OverloadedError
        try:
            yield
        finally:
            _turns.release()
    finally:
        _places.release()


def check_new(password: str) -> None:
    """Nothing, if this may become a password. Raises InvalidError: short, overlong, or on the list of breached ones."""
    if len(password) > PASSWORD_MOST:
        raise InvalidError(f"A password has at most {PASSWORD_MOST} characters.", field="password")
    try:
        validate_password(password)
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), field="password") from None


def hashed(password: str) -> str:
    """The Argon2id hash of a new password. Raises InvalidError as check_new, OverloadedError when too many are hashed now."""
    check_new(password)
    with _turn():
        return make_password(password)


def matches(password: str, encoded: str) -> bool:
    """Whether the password is the one that was hashed; an overlong one is not, unread. Raises OverloadedError.

    encoded: "" where there is no account; then the same work is done, so that the time taken tells nothing.
    """
    if len(password) > PASSWORD_MOST:
        return False
    with _turn():
        if not encoded:
            make_password(password)
            return False
        return check_password(password, encoded)
