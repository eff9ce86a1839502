"""What is held of a person is shown and exported as it is: only what opens something is masked (PRI-21, PRI-22)."""

from collections.abc import Callable

import pytest
from django.db import transaction

from glasshouse.accounts import texts
from glasshouse.kernel.ids import KeyOwnerId, new_token
from glasshouse.mail import api as mail
from tests.conftest import Customer

LONG_LOCAL_PART = "a" * 50


def shown_of(one: Customer, *, place: str) -> list[str]:
    """The values of a column in the view of everything held."""
    from glasshouse.subject import inventory

    return [item.value for item in inventory.view(one.actor) if item.place == place]


@pytest.mark.parametrize("words", ["Order 1234567", "Call 20261130 or 87654321", f"See {'x' * 50}"])
def test_numbers_and_long_words_of_a_mail_are_shown(customer: Callable[[], Customer], words: str) -> None:
    one = customer()
    with transaction.atomic():
        mail.queue_draft(KeyOwnerId(str(one.actor.person)), "test", one.address, mail.Draft(words, f"{words}\n"))
    assert words in shown_of(one, place="mail_message.subject")
    shown = [body.split("\n\n")[0] for body in shown_of(one, place="mail_message.body")]  # Without the footer.
    assert words in shown


@pytest.mark.parametrize("address", ["jan.1234567@grower.example", f"{LONG_LOCAL_PART}@grower.example"])
def test_an_address_is_shown_as_it_is(customer: Callable[[], Customer], address: str) -> None:
    one = customer()
    with transaction.atomic():
        mail.queue_draft(KeyOwnerId(str(one.actor.person)), "test", address, mail.Draft("x", "x"))
    assert address in shown_of(one, place="mail_message.address")


def test_the_secret_of_a_link_and_the_code_of_a_text_message_are_not_shown(customer: Callable[[], Customer]) -> None:
    one, secret = customer(), new_token()
    owner = KeyOwnerId(str(one.actor.person))
    with transaction.atomic():
        mail.queue_draft(owner, "test", one.address, mail.Draft("x", f"https://localhost/reset/{secret}\n"))
        mail.keep_sent(owner, texts.KIND, "+31612345678", body="Your code is 482913.")
    bodies = "".join(shown_of(one, place="mail_message.body"))
    assert secret not in bodies and "https://localhost/reset/•••" in bodies
    assert "482913" not in bodies and "Your code is •••." in bodies
    assert "+31612345678" in shown_of(one, place="mail_message.address")


def test_an_answer_to_a_request_is_stored_with_its_numbers_and_without_its_link(
    customer: Callable[[], Customer],
) -> None:
    from glasshouse.mail.rules import masked

    secret = new_token()
    assert masked(f"Invoice 1234567: https://localhost/privacy/prove/{secret}") == (
        "Invoice 1234567: https://localhost/privacy/prove/•••"
    )
