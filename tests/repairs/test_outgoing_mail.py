"""One mail that cannot be sent never stops the others: it is tried again, set aside, and shown. Source: issue 10, line 1."""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from glasshouse.cli.installation import Installation
from tests.conftest import administering
from tests.test_mail import Postbox, postbox

__all__ = ["postbox"]
LONE_SURROGATE = "\ud800"


@contextlib.contextmanager
def tomorrow() -> Iterator[None]:
    """A clock of tomorrow: what is queued under it is left alone by the service's own worker."""
    from glasshouse.kernel import clock

    with clock.frozen(clock.now() + timedelta(days=1)):
        yield


def queued(**values: Any) -> Any:
    """A row as an older version may have left it in the queue, unchecked."""
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id
    from glasshouse.mail.models import Message

    now = clock.now()
    row = {
        "holder": new_id(),
        "kind": "test",
        "address": f"{uuid.uuid4().hex[:10]}@grower.example",
        "subject": "A subject",
        "body": "A line.\n",
        "created_at": now,
        "next_try_at": now,
    }
    message = Message(**(row | values))
    message.save(force_insert=True)
    return message


@pytest.fixture
def emptied(home: Installation) -> Iterator[None]:
    """Takes the test's mails away again: everybody else's checks look at the same queue."""
    yield
    from glasshouse.mail.models import Message

    Message.objects.filter(kind="test").delete()


UNSENDABLE = [
    {"address": "=?utf-8?q??=@x.example"},
    {"address": ".:@x.example"},
    {"address": "a@x.example\r\nBcc: b@x.example"},
    {"address": ""},
    {"address": "@"},
    {"address": "a@x.example, b@x.example"},
    {"address": "<>"},
    {"address": "a" * 70_000 + "@x.example"},
]
SENDABLE = [
    {"answers": "<p\x0bq@x>"},
    {"answers": "<p\x0cq@x>"},
    {"answers": "<p\x1cq@x>"},
    {"answers": "<p\u0085q@x>"},
    {"answers": "<p\u2028q@x>"},
    {"answers": "<=?utf-8?q?=0aBcc:_b=40x=2Eexample?=@x>"},
    {"answers": "a@b>\r\nBcc: b@x.example"},
    {"answers": "x" * 100_000},
    {"answers": "<" + "a" * 180 + "@x.example>"},
    {"subject": "one\ntwo"},
    {"subject": "one\x0btwo\u2028three\x00"},
    {"subject": "=?utf-8?q?a=0aBcc:_b=40x=2Eexample?="},
    {"subject": "x" * 100_000},
    {"subject": "é" * 5_000},
    {"body": "a\x00b\u2028c\r\rd"},
    {"body": "y" * 200_000},
]


def described(values: dict[str, str]) -> str:
    return "-".join(f"{name}:{value[:24]!a}" for name, value in values.items())


@pytest.mark.parametrize("values", UNSENDABLE, ids=described)
def test_what_cannot_be_sent_is_a_try_of_its_own_and_the_others_leave(
    postbox: Postbox, emptied: None, values: dict[str, str]
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail

    with tomorrow():
        poison, good = queued(**values), queued()
        mail.deliver_due(limit=5000)
        poison.refresh_from_db()
        good.refresh_from_db()
        assert good.sent_at is not None
        assert (poison.sent_at, poison.tries) == (None, 1)
        assert poison.next_try_at > clock.now()
    assert good.address in [letter["To"] for letter in postbox.letters]


@pytest.mark.parametrize("values", SENDABLE, ids=described)
def test_what_came_from_outside_is_no_header_as_it_came(
    postbox: Postbox, emptied: None, values: dict[str, str]
) -> None:
    from glasshouse.mail import api as mail

    with tomorrow():
        odd, good = queued(**values), queued()
        mail.deliver_due(limit=5000)
        odd.refresh_from_db()
        good.refresh_from_db()
    assert (odd.sent_at is not None, good.sent_at is not None) == (True, True)
    (letter,) = [one for one in postbox.letters if one["To"] == odd.address]
    assert letter["Bcc"] is None
    for name in ("In-Reply-To", "References"):
        for value in letter.get_all(name, []):
            assert not any(mark in value for mark in ("\n", "=?", "\x0b")), value
            assert len(value) < 400
    assert all(len(line) <= 998 for line in letter.as_bytes().splitlines())


def test_a_value_that_cannot_be_opened_does_not_stop_the_queue(postbox: Postbox, emptied: None) -> None:
    from django.db import connection

    from glasshouse.kernel.ids import HolderId
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.vault import api as vault

    with tomorrow():
        broken, gone, good = queued(), queued(), queued()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE mail_message SET body = '\\x00' WHERE id = %s", [broken.id])
        vault.destroy(HolderId(gone.holder))
        vault.forget_opened()
        mail.deliver_due(limit=5000)
        rows = Message.objects.in_bulk([broken.id, gone.id, good.id])
    assert [rows[row.id].sent_at is not None for row in (broken, gone, good)] == [False, False, True]
    assert [rows[row.id].tries for row in (broken, gone)] == [1, 1]


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), LookupError("x"), UnicodeEncodeError("ascii", "x", 0, 1, "x"), RecursionError(), OSError()],
)
def test_whatever_sending_raises_is_the_items_own_failure(
    postbox: Postbox, emptied: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from glasshouse.mail import api as mail

    honest = mail._send

    def send(message: Any) -> None:
        if message.id == poison.id:
            raise error
        honest(message)

    monkeypatch.setattr(mail, "_send", send)
    with tomorrow():
        poison, good = queued(), queued()
        mail.deliver_due(limit=5000)
        poison.refresh_from_db()
        good.refresh_from_db()
    assert (poison.sent_at, poison.tries, good.sent_at is not None) == (None, 1, True)


def test_the_try_survives_a_process_that_dies_while_it_sends(
    postbox: Postbox, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.mail import api as mail

    class KilledError(BaseException):
        pass

    def send(message: Any) -> None:
        raise KilledError

    monkeypatch.setattr(mail, "_send", send)
    with tomorrow():
        poison = queued()
        with pytest.raises(KilledError):
            mail.deliver_due(limit=5000)
        poison.refresh_from_db()
    assert (poison.sent_at, poison.tries) == (None, 1)


def test_a_server_that_takes_the_mail_and_then_answers_nonsense_gets_it_once(
    postbox: Postbox, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import smtplib

    from glasshouse.mail import api as mail

    real = smtplib.SMTP.docmd

    def strange(self: smtplib.SMTP, cmd: str, args: str = "") -> tuple[int, bytes]:
        if cmd.upper() == "QUIT":
            return 500, b"what?"
        return real(self, cmd, args)

    monkeypatch.setattr(smtplib.SMTP, "docmd", strange)
    with tomorrow():
        message = queued()
        mail.deliver_due(limit=5000)
        message.refresh_from_db()
    assert message.sent_at is not None
    assert len([one for one in postbox.letters if one["To"] == message.address]) == 1


def test_two_processes_send_a_mail_once(postbox: Postbox, emptied: None) -> None:
    from django.db import connection

    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail

    moment = clock.now() + timedelta(days=1)
    with clock.frozen(moment):
        message = queued()

    def deliver() -> None:
        with clock.frozen(moment):
            mail.deliver_due(limit=5000)
        connection.close()

    both = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len([one for one in postbox.letters if one["To"] == message.address]) == 1


ODD_ADDRESSES = [
    "=?utf-8?q??=@x.example",
    ".:@x.example",
    "a..b@x.example",
    ".a@x.example",
    "a.@x.example",
    "a@-x.example",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_an_address_that_is_none_is_refused_at_every_door(home: Installation, address: str) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import normal_address
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.rights import requests

    with pytest.raises(InvalidError):
        normal_address(address)
    with pytest.raises(InvalidError):
        accounts.ask_reset(address, network=uuid.uuid4().hex)
    with pytest.raises(InvalidError):
        requests.ask(address, "access", "eu", "x", requests.Arrival(network=uuid.uuid4().hex))


def test_pri_26_sees_mail_that_waits_and_mail_that_was_set_aside(home: Installation, emptied: None) -> None:
    from glasshouse.kernel import clock
    from glasshouse.promises.checks import check

    assert str(check("PRI-26").state) == "kept"
    with administering(home) as link:
        old = clock.now() - timedelta(hours=1)
        with tomorrow():
            message = queued()
        link.execute("UPDATE mail_message SET created_at = %s WHERE id = %s", [old, message.id])
        finding = check("PRI-26")
    assert str(finding.state) == "not kept", finding.figure
    message.delete()
    assert str(check("PRI-26").state) == "kept"
