"""One mail that cannot be sent never stops the others: it is tried again, set aside, and shown. Source: issue 10, line 1."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, enter_staff, post
from tests.test_mail import MailSink, mail_sink

__all__ = ["mail_sink"]


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
        "key_owner": new_id(),
        "kind": "change",
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
    """Takes away what others left in the queue, and the test's own mails again: everybody's checks look at the same one."""
    from glasshouse.mail.models import Message

    Message.objects.filter(sent_at=None).delete()
    yield
    Message.objects.filter(kind="change").delete()


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
    mail_sink: MailSink, emptied: None, values: dict[str, str]
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
    assert good.address in [letter["To"] for letter in mail_sink.letters]


@pytest.mark.parametrize("values", SENDABLE, ids=described)
def test_what_came_from_outside_is_no_header_as_it_came(
    mail_sink: MailSink, emptied: None, values: dict[str, str]
) -> None:
    from glasshouse.mail import api as mail

    with tomorrow():
        odd, good = queued(**values), queued()
        mail.deliver_due(limit=5000)
        odd.refresh_from_db()
        good.refresh_from_db()
    assert (odd.sent_at is not None, good.sent_at is not None) == (True, True)
    (letter,) = [one for one in mail_sink.letters if one["To"] == odd.address]
    assert letter["Bcc"] is None
    for name in ("In-Reply-To", "References"):
        for value in letter.get_all(name, []):
            assert not any(mark in value for mark in ("\n", "=?", "\x0b")), value
            assert len(value) < 400
    assert all(len(line) <= 998 for line in letter.as_bytes().splitlines())


def test_a_value_that_cannot_be_opened_does_not_stop_the_queue(mail_sink: MailSink, emptied: None) -> None:
    from django.db import connection

    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message
    from glasshouse.vault import api as vault

    with tomorrow():
        broken, gone, good = queued(), queued(), queued()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE mail_message SET body = '\\x00' WHERE id = %s", [broken.id])
        vault.destroy(KeyOwnerId(gone.key_owner))
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
    mail_sink: MailSink, emptied: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from glasshouse.mail import api as mail

    honest = mail._send

    def send(message: Any, headers: Any) -> None:
        if message.id == poison.id:
            raise error
        honest(message, headers)

    monkeypatch.setattr(mail, "_send", send)
    with tomorrow():
        poison, good = queued(), queued()
        mail.deliver_due(limit=5000)
        poison.refresh_from_db()
        good.refresh_from_db()
    assert (poison.sent_at, poison.tries, good.sent_at is not None) == (None, 1, True)


def test_the_try_survives_a_process_that_dies_while_it_sends(
    mail_sink: MailSink, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.mail import api as mail

    class KilledError(BaseException):
        pass

    def send(message: Any, headers: Any) -> None:
        raise KilledError

    monkeypatch.setattr(mail, "_send", send)
    with tomorrow():
        poison = queued()
        with pytest.raises(KilledError):
            mail.deliver_due(limit=5000)
        poison.refresh_from_db()
    assert (poison.sent_at, poison.tries) == (None, 1)


def test_a_server_that_takes_the_mail_and_then_answers_nonsense_gets_it_once(
    mail_sink: MailSink, emptied: None, monkeypatch: pytest.MonkeyPatch
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
    assert len([one for one in mail_sink.letters if one["To"] == message.address]) == 1


def test_a_mail_that_another_process_looks_at_in_this_moment_is_sent_all_the_same(
    mail_sink: MailSink, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection, transaction

    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    message = queued()
    looking, over = threading.Event(), threading.Event()

    def look() -> None:
        with transaction.atomic():
            Message.objects.select_for_update().get(id=message.id)
            looking.set()
            over.wait(20)
        connection.close()

    other = threading.Thread(target=look)
    other.start()
    assert looking.wait(20)

    def pause(seconds: float) -> None:
        if seconds:
            over.set()
            other.join()

    monkeypatch.setattr(mail, "sleep", pause)
    assert mail._try(message.id)
    over.set()
    other.join()
    assert [one["To"] for one in mail_sink.letters] == [message.address]


def test_two_processes_send_a_mail_once(mail_sink: MailSink, emptied: None) -> None:
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
    assert len([one for one in mail_sink.letters if one["To"] == message.address]) == 1


NO_ADDRESS_AT_ALL = ["=?utf-8?q??=@x.example", ".:@x.example"]
ODD_ADDRESSES = [
    *NO_ADDRESS_AT_ALL,
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
    from glasshouse.requests import api as requests

    with pytest.raises(InvalidError):
        normal_address(address)
    if address in NO_ADDRESS_AT_ALL:  # The others may be stored by an older version, and a mail reaches them.
        with pytest.raises(InvalidError):
            accounts.ask_reset(address, network=uuid.uuid4().hex)
    with pytest.raises(InvalidError):
        requests.ask(address, "access", "eu", "x", requests.Arrival(network=uuid.uuid4().hex))


def queue_flaws() -> list[str]:
    """What the check of PRI-26 finds wrong with the queue."""
    from glasshouse.promises.checks import requests as check
    from glasshouse.promises.findings import Steps

    steps = Steps()
    check._queue(steps)
    return steps.wrong


def test_pri_26_sees_mail_that_waits(home: Installation, emptied: None) -> None:
    from glasshouse.kernel import clock

    assert queue_flaws() == []
    with administering(home) as link:
        old = clock.now() - timedelta(hours=1)
        with tomorrow():
            message = queued()
        link.execute("UPDATE mail_message SET created_at = %s WHERE id = %s", [old, message.id])
    assert any("waits for more than 15 minutes" in line for line in queue_flaws())
    message.delete()
    assert queue_flaws() == []


ATOMS = "abcXYZ019!#$%&'*+/=?^_`{|}~-.@\"\\(),:;<>[] é\u00ad\u202e\ud800\n\t"


@pytest.mark.usefixtures("home")
@given(
    local=some.text(ATOMS, max_size=30),
    domain=some.sampled_from(["x.example", "münchen.example", "X.Example", "x.", "[1.1.1.1]"]),
)
def test_every_address_that_a_door_takes_can_be_written_into_a_mail(local: str, domain: str) -> None:
    from glasshouse.mail import addresses, smtp

    try:
        address = addresses.parsed(f"{local}@{domain}")
    except addresses.AddressError:
        return
    assert addresses.parsed(address) == address, "the stored form is its own form"
    mail = smtp.composed("0" * 16, address, "x", "y", "")
    (written,) = mail["To"].addresses
    assert f"{written.username}@{written.domain}" == address
    mail.as_bytes(policy=mail.policy.clone(utf8=True))


@pytest.mark.usefixtures("home")
@given(subject=some.text(), body=some.text(), answers=some.text(ATOMS).map(lambda text: f"<{text}@x.example>"))
def test_whatever_is_queued_can_be_composed(subject: str, body: str, answers: str) -> None:
    from glasshouse.mail import smtp

    raw = smtp.composed("0" * 16, "jan@x.example", subject, body, answers).as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    known = {"from", "to", "subject", "message-id", "in-reply-to", "references", "content-type", "mime-version"}
    known |= {"content-transfer-encoding", "date", "auto-submitted", "x-auto-response-suppress"}
    assert {name.decode().lower() for name in names} <= known
    assert all(len(line) <= 998 for line in raw.splitlines())


@pytest.mark.parametrize("address", ["a..b@x.example", "=?utf-8?q??=@x.example", "\ud800@x.example", "x" * 400_000])
def test_signing_in_never_breaks_over_an_address(home: Installation, address: str) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel.errors import InvalidError

    with pytest.raises(InvalidError):
        accounts.sign_in(address, "x", accounts.Visit(uuid.uuid4().hex))


def test_an_address_of_older_versions_that_mail_reaches_still_gets_mail(mail_sink: MailSink, emptied: None) -> None:
    from glasshouse.mail import api as mail

    with tomorrow():
        message = queued(address="a..b@x.example")
        mail.deliver_due(limit=5000)
        message.refresh_from_db()
    assert message.sent_at is not None


def test_a_server_that_drips_is_cut_off_at_the_deadline(
    home: Installation, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket
    import time

    from django.conf import settings as django_settings

    from glasshouse.mail import api as mail
    from glasshouse.mail import smtp

    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        link, _ = server.accept()
        with contextlib.suppress(OSError):
            while not over.wait(0.1):
                link.sendall(b"2")
        link.close()

    threading.Thread(target=drip, daemon=True).start()
    monkeypatch.setattr(smtp, "DEADLINE_S", 1)
    monkeypatch.setattr(django_settings, "SMTP_HOST", "127.0.0.1")
    monkeypatch.setattr(django_settings, "SMTP_PORT", server.getsockname()[1])
    begun = time.monotonic()
    with tomorrow():
        message = queued()
        mail.deliver_due(limit=1)
        message.refresh_from_db()
    over.set()
    server.close()
    assert time.monotonic() - begun < 15
    assert (message.sent_at, message.tries) == (None, 1)


def test_a_mail_is_set_aside_after_its_last_try_and_staff_try_it_again(
    home: Installation,
    officer: Customer,
    web: Callable[..., httpx.Client],
    emptied: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.queues.rules import MAX_MAIL_TRIES

    def fail(message: Any, headers: Any) -> None:
        if message.id == poison.id:
            raise LookupError(message.address)

    monkeypatch.setattr(mail, "_send", fail)
    with tomorrow():
        poison, moment = queued(), clock.now()
    for _ in range(20):
        with clock.frozen(moment):
            mail.deliver_due(limit=5000)
        poison.refresh_from_db()
        moment = max(moment, poison.next_try_at)
    assert poison.tries == MAX_MAIL_TRIES
    assert poison.set_aside_at
    assert mail.fates([poison.id]) == {poison.id: "failed"}
    assert any("set aside" in line for line in queue_flaws())
    client, page = enter_staff(web(officer)), "/staff/set-aside"
    text = client.get(page).text
    assert poison.id in text
    assert poison.address not in text
    assert "LookupError" in poison.reason
    assert post(client, f"{page}/mail/{poison.id}/leave", page).status_code == 302
    assert not any("set aside" in line for line in queue_flaws())
    assert post(client, f"{page}/mail/{poison.id}/retry", page).status_code == 302
    monkeypatch.setattr(mail, "_send", lambda message, headers: None)
    mail.deliver_due(limit=5000)
    poison.refresh_from_db()
    assert poison.sent_at


@pytest.mark.parametrize(
    ("door", "address"),
    [
        *((door, address) for door in ("/privacy", "/trust/providers") for address in ODD_ADDRESSES),
        *(("/forgotten", address) for address in ODD_ADDRESSES if address in NO_ADDRESS_AT_ALL),  # others are reachable
    ],
)
def test_the_pages_answer_an_odd_address_with_a_sentence(
    web: Callable[..., httpx.Client], door: str, address: str
) -> None:
    fields = {"address": address, "kind": "access", "region": "eu", "text": "x", "act": "subscribe"}
    answer = post(web(), door, door, **fields)
    assert answer.status_code == 400, answer.status_code
    assert "not an email address" in answer.text


def test_a_mail_that_kills_its_process_in_every_try_is_set_aside(
    mail_sink: MailSink, emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail
    from glasshouse.queues.rules import MAX_MAIL_TRIES

    class KilledError(BaseException):
        pass

    honest = mail._send

    def send(message: Any, headers: Any) -> None:
        if message.id == poison.id:
            raise KilledError
        honest(message, headers)

    monkeypatch.setattr(mail, "_send", send)
    with tomorrow():
        poison, moment = queued(), clock.now()
    for _ in range(MAX_MAIL_TRIES):
        with clock.frozen(moment), pytest.raises(KilledError):
            mail.deliver_due(limit=5000)
        poison.refresh_from_db()
        moment = poison.next_try_at
    with clock.frozen(moment):
        mail.deliver_due(limit=5000)
    poison.refresh_from_db()
    assert (poison.reason, poison.set_aside_at, poison.tries) == ("ProcessDied", moment, MAX_MAIL_TRIES)
