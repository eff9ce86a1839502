"""Codes of an authenticator app, by pyotp: SHA-1, 30 s, 6 digits, as the apps expect. Source: RFC 6238; RFC 4226."""

import pyotp
from pyotp.exceptions import OTPVerificationError

STEP_S = 30
DRIFT = 1  # steps that the person's clock may be off, each way


def time_step_of(seed: str, code: str, at: float) -> int | None:
    """The number of the time step that a code belongs to; None if the code is wrong. Compares in constant time.

    seed: base32, 20 bytes; at: seconds since 1970. That a code counts once is up to the caller, who keeps the number.
    Raises ValueError for a seed below 14 bytes, which no version of ours has made. Source: RFC 6238, 5.2; NIST SP 800-63B.
    """
    if not (code.isascii() and code.isdecimal() and len(code) == 6):
        return None
    try:
        return pyotp.TOTP(seed, interval=STEP_S).verify_and_get_timecode(code, for_time=at, valid_window=DRIFT)
    except OTPVerificationError:
        return None
