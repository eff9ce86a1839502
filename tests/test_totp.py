"""The codes of an authenticator app, against the vectors of the standards."""

import base64

import pyotp
import pytest

from glasshouse.accounts import totp

SEED = base64.b32encode(b"12345678901234567890").decode()
# RFC 4226, appendix D: the code of each counter from 0.
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
# RFC 6238, appendix B, SHA-1: seconds, code of eight digits; ours are its last six.
TOTP = (
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
)


@pytest.mark.parametrize(("counter", "code"), list(enumerate(HOTP)))
def test_codes_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert pyotp.HOTP(SEED).at(counter) == code
    assert totp.time_step_of(SEED, code, (counter + 1) * 30) == counter


@pytest.mark.parametrize(("at", "code"), TOTP)
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert pyotp.TOTP(SEED, digits=8).at(at) == code
    assert totp.time_step_of(SEED, code[-6:], at) == at // 30


def test_a_clock_may_be_off_by_one_step_and_no_more() -> None:
    code = HOTP[5]  # of the seconds 150 to 179
    found = [totp.time_step_of(SEED, code, at) for at in (119.9, 120, 150, 179.9, 209.9, 210)]
    assert found == [None, 5, 5, 5, 5, None]


@pytest.mark.parametrize(
    "code", ["", "75522", "7552240", "75522a", "٧٥٥٢٢٤", "７５５２２４", "+75522", " 75522", "7" * 100_000]
)
def test_what_is_not_six_digits_is_wrong(code: str) -> None:
    assert totp.time_step_of(SEED, code, 60) is None


def test_a_seed_shorter_than_the_standard_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="112 bits"):
        totp.time_step_of(SEED[:16], HOTP[0], 30)
