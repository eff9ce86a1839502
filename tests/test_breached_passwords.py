"""SEC-05: passwords known from breaches are refused, and what people make of them to reach twelve characters."""

import pytest

from glasshouse.kernel.errors import InvalidError
from tests import scratch

assert scratch.HOME


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "qwertyuiop123",
        "passwordpassword",
        "PasswordPassword!",
        "iloveyou1234",
        "!!monkey123456",
        "football-2024",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "letmeinletmein",
        "dragonmonkey",
        "ｐａｓｓｗｏｒｄ１２３４",
    ],
)
def test_a_breached_password_is_refused_in_every_simple_form(password: str) -> None:
    from glasshouse.accounts import passwords

    with pytest.raises(InvalidError):
        passwords.check_new(password)


@pytest.mark.parametrize(
    "password",
    [
        "a long enough word",
        "pass-0123456789ab-word",
        "9f86d081884c7d65-9a2feaa0c55ad015",
        "tomato ladder quiet river",
        "Zwölf Boxkämpfer",
    ],
)
def test_a_good_password_is_taken(password: str) -> None:
    from glasshouse.accounts import passwords

    passwords.check_new(password)
