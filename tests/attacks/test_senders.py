"""Who wrote a mail, at which of our addresses, in which letters: read as people write it, and never taken for somebody else.

Source: RFC 5322, 3.4, 3.6; RFC 2045 to 2047; OWASP ASVS 5.0, 1.5, 5.2.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import httpx
import pytest
from aiosmtpd.smtp import Envelope
from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError
from glasshouse.operations import inbound_mail, inbound_smtp
from glasshouse.operations.installation import Installation
from glasshouse.requests import unanswered
from glasshouse.requests.models import RequestFile, UnansweredMail
from tests.attacks.test_inbound_mail import a_mail, a_sender, asked, delivered, mailed
from tests.attacks.test_inbound_mail import unanswered as set_aside
from tests.conftest import Customer, enter_staff, post

Web = Callable[..., httpx.Client]
pytestmark = pytest.mark.usefixtures("home")


# -- who wrote it --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def unused_limits(home: Installation) -> None:
    """Limits of all senders together as nobody has used them: other tests did, at the clock of later days."""
    from glasshouse.accounts.models import Tries

    keys = [throttle._key(purpose, "everybody") for purpose in ("mail-answers", "mails", "mail-bytes")]
    Tries.objects.filter(key__in=keys).delete()


@pytest.mark.parametrize(
    "form",
    [
        "{a}",
        "<{a}>",
        '"{a}" <{a}>',
        '"{b}" <{a}>',
        "{b} <{a}>",
        "{b} (by {b}) <{a}>",
        "{a} ({b})",
        "=?utf-8?q?{b}?= <{a}>",
        '"Jan, of {b}" <{a}>',
        '"Jan \\" <{b}>" <{a}>',
        " <{a}> ,",
        "Jörg <{a}>",
    ],
)
def test_the_address_in_the_brackets_wrote_it_whatever_name_stands_before(form: str) -> None:
    a, b = a_sender(), a_sender()
    assert delivered(a_mail(form.format(a=a, b=b))) == "250 OK"
    assert (len(asked(a)), len(mailed(a)), set_aside(a)) == (1, 1, [])
    assert (asked(b), mailed(b), set_aside(b)) == ([], [], [])


@pytest.mark.parametrize(
    "form",
    ["{a}, {b}", "<{a}>, <{b}>", "friends: {a};", "friends: {a}, {b};", "n0:{a};", "{a}; {b}", "<{a}><{b}>", "Jan", ""],
)
def test_several_senders_a_group_or_none_wait_for_the_officer(form: str, officer: Customer, web: Web) -> None:
    a, b, mark = a_sender(), a_sender(), uuid.uuid4().hex
    raw = a_mail(form.format(a=a, b=b), "Message-ID: <one@x.example>", body=f"Please delete it {mark}\r\n".encode())
    assert delivered(raw) == "250 OK"
    for address in (a, b):
        assert (asked(address), mailed(address), set_aside(address)) == ([], [], [])
    (kept_mail,) = [row for row in UnansweredMail.objects.order_by("-at")[:20] if mark in row.text]
    assert (kept_mail.address, kept_mail.reason) == ("", "senders")
    client = enter_staff(web(officer))
    page = client.get("/staff/requests").text
    assert mark in page
    assert "No sender, or several" in page
    assert client.get(f"/staff/mails/{kept_mail.id}").content == raw
    path = f"/staff/mails/{kept_mail.id}/request"
    for wrong in ("", "nobody", f"{a}, {b}"):
        assert post(client, path, "/staff/requests", address=wrong).status_code == 400
    assert post(client, path, "/staff/requests", address=b).status_code == 302
    (request,) = asked(b)
    assert mark in request.text
    assert RequestFile.objects.filter(request=request).count() == 1
    assert len(mailed(b)) == 1, "the link goes to the one address that the officer named"
    assert (asked(a), mailed(a)) == ([], [])


def test_a_mail_of_a_known_sender_goes_to_nobody_else(officer: Customer) -> None:
    a, b = a_sender(), a_sender()
    assert delivered(a_mail(a, "Precedence: bulk")) == "250 OK"
    (kept_mail,) = set_aside(a)
    unanswered.make_request(officer.actor, kept_mail.id, b)
    assert (len(asked(a)), asked(b)) == (1, [])
    with pytest.raises(InvalidError):
        unanswered.keep("nobody", "x", "senders", b"x")


def test_mails_without_a_sender_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "MOST_OF_NOBODY_A_DAY", 3)
    with clock.frozen(clock.now() + timedelta(days=40)):
        answers = [delivered(a_mail("")) for _ in range(5)]
    assert [answer[:3] for answer in answers] == ["250", "250", "250", "452", "452"]
    from glasshouse.accounts import throttle
    from glasshouse.accounts.models import Tries

    Tries.objects.filter(key=throttle._key("mail-unanswered", "nobody")).delete()


def test_a_forged_senders_address_gets_one_mail_a_day_however_the_forger_writes() -> None:
    victim = a_sender()
    for number in range(4):
        for line in ("X-Y: z", "Precedence: bulk"):
            assert delivered(a_mail(f'"{a_sender()}" <{victim.upper()}>', line, body=b"Wish %d\r\n" % number))[:3] in (
                "250",
                "452",
            )
    assert len(mailed(victim)) == 1


# -- at which address ----------------------------------------------------------------------------------------------


def taken(address: str) -> bool:
    door, envelope = inbound_smtp.InboundSmtp(), Envelope()
    return asyncio.run(door.handle_RCPT(None, None, envelope, address, [])).startswith("250")  # type: ignore[arg-type]


def test_the_privacy_address_and_those_beside_it_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for local in ("privacy", "PRIVACY", "privacy+law", "privacy+a+b", "dpo", "DPO+x"):
        assert taken(f"{local}@localhost"), local
    for local in ("", "+", "+privacy", "privac", "privacyx", "xprivacy", "postmaster", "dpo.x", "bounce-1"):
        assert not taken(f"{local}@localhost"), local
    assert not taken("datenschutz@localhost")
    monkeypatch.setattr(settings, "PRIVACY_MAILBOXES", ("datenschutz",))
    assert taken("Datenschutz+x@localhost")
    assert not taken("dpo@localhost")


def test_we_never_write_to_an_address_that_is_ours() -> None:
    domain = settings.MAIL_FROM.rpartition("@")[2]
    for local in ("dpo", "dpo+x", "privacy+x"):
        assert unanswered.is_ours(f"{local}@{domain}")
    assert not unanswered.is_ours("dpo@grower.example")


# -- in which letters ----------------------------------------------------------------------------------------------

WISH = "Löschen Sie bitte alle meine Daten – danke."
LETTERS: dict[str, bytes] = {
    "utf-8 without a mark": b"\r\n" + WISH.encode(),
    "windows without a mark": b"\r\n" + WISH.encode("cp1252"),
    "utf-8 marked as ascii": b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + WISH.encode(),
    "utf-8 under an unknown charset": b"Content-Type: text/plain; charset=x-unknown\r\n\r\n" + WISH.encode(),
    "windows under an unknown charset": b"Content-Type: text/plain; charset=x-unknown\r\n\r\n" + WISH.encode("cp1252"),
    "base64 of utf-16": b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + __import__("base64").encodebytes(WISH.encode("utf-16")).replace(b"\n", b"\r\n"),
    "tags inside words": b"Content-Type: text/html\r\n\r\n<p>L<b>&ouml;s</b>chen <i>S</i>ie bitte <u>al</u>le me<!-- x -->ine "
    b"Da<span>ten &ndash; danke.</span>",
}


@pytest.mark.parametrize("form", LETTERS)
def test_letters_are_read_as_they_were_meant(form: str) -> None:
    sender = a_sender()
    head = f"From: {sender}\r\nTo: privacy@localhost\r\nSubject: x\r\n".encode()
    assert delivered(head + LETTERS[form] + b"\r\n") == "250 OK"
    (request,) = asked(sender)
    assert WISH in request.text
    assert request.kind == "erase"


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
@pytest.mark.parametrize("name", ["From", "Subject"])
def test_unmarked_letters_in_a_header_are_read(name: str, charset: str) -> None:
    sender = a_sender()
    value = {"From": f"Jörg Müller <{sender}>", "Subject": "Löschung für Jörg"}
    value |= {other: text for other, text in (("From", sender), ("Subject", "x")) if other != name}
    raw = "\r\n".join(f"{key}: {text}" for key, text in value.items()).encode(charset) + b"\r\n\r\nDanke\r\n"
    mail = inbound_mail.read(raw)
    assert mail.sender == sender
    assert value[name] in (mail.from_line, mail.subject)


def test_a_letter_that_is_cut_makes_no_nonsense_of_the_others() -> None:
    sender = a_sender()
    mail = inbound_mail.read(f"From: {sender}\r\nSubject: {'ö' * 6000}\r\n\r\nx\r\n".encode())
    assert set(mail.subject) <= {"ö", "\ufffd"}


HOSTILE_CHARACTERS = ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\u202e", "=?utf-8?q?a=0d=0aBcc:_b?="]
HEADERS = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "References",
    "In-Reply-To",
    "Date",
    "Reply-To",
    "Return-Path",
    "Auto-Submitted",
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Authentication-Results",
    "DKIM-Signature",
    "List-Id",
]


def with_header(sender: str, name: str, text: str) -> bytes:
    """A mail in which one header has a text in the place that its form allows."""
    values = {"From": f'"p{text}q" <{sender}>', "Message-ID": f"<p{text}q@x>", "References": f"<p{text}q@x>"}
    headers = {"From": sender, "Subject": "x", name: values.get(name, f"p{text}q")}
    head = "\r\n".join(f"{key}: {value}" for key, value in headers.items())
    return head.encode() + b"\r\n\r\nPlease delete it\r\n"


@pytest.mark.parametrize("name", HEADERS)
def test_no_character_of_a_header_breaks_out_of_it(name: str) -> None:
    sender = a_sender()
    for character in HOSTILE_CHARACTERS:
        mail = inbound_mail.read(with_header(sender, name, character))
        assert mail.sender in (sender, ""), "never another one"
        for text in (mail.subject, mail.message_id, mail.sender, mail.from_line):
            assert not re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", text), (name, character)
        assert "=?" not in mail.message_id
        assert "Please delete it" in mail.text or "Please delete it" in repr([file.content for file in mail.files])


@pytest.mark.parametrize("name", ["From", "Subject", "Message-ID", "References", "Content-Type"])
def test_a_mail_with_all_of_them_in_a_header_is_taken(name: str) -> None:
    sender = a_sender()
    assert delivered(with_header(sender, name, "".join(HOSTILE_CHARACTERS))) == "250 OK"
    for letter in mailed(sender):
        assert letter.answers in (None, ""), "what is no Message-ID is answered to none"


# -- how much ------------------------------------------------------------------------------------------------------


def nested(depth: int, text: bytes) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(depth)
    )
    tail = b"".join(b"\r\n--b%d--" % number for number in reversed(range(depth)))
    return head + b"Content-Type: text/plain\r\n\r\n" + text + tail + b"\r\n"


def test_two_hundred_nested_parts_are_read() -> None:
    begun = time.process_time()
    mail = inbound_mail.read(b"From: a@x.example\r\n" + nested(200, WISH.encode()))
    assert (mail.text.strip(), mail.left_out, mail.files) == (WISH, (), ())
    assert time.process_time() - begun < 2


def test_however_large_and_deep_the_work_is_bounded() -> None:
    begun = time.process_time()
    mail = inbound_mail.read(b"From: a@x.example\r\n" + nested(240, b"word " * (6 << 20)))
    assert "parts" in mail.left_out
    assert time.process_time() - begun < 10


def test_thirty_files_of_25_megabytes_together_are_kept() -> None:
    sender, size = a_sender(), (25 << 20) // 30
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, "privacy@localhost", "my data"
    letter.set_content("Please delete my data. All proofs are attached.\n")
    for number in range(30):
        letter.add_attachment(
            bytes([number]) * size, maintype="application", subtype="pdf", filename=f"proof-{number}.pdf"
        )
    raw = letter.as_bytes(policy=letter.policy.clone(linesep="\r\n"))
    assert len(raw) < inbound_smtp.MOST_BYTES, "the door takes it"
    assert delivered(raw) == "250 OK"
    (request,) = asked(sender)
    files = list(RequestFile.objects.filter(request=request))
    assert [file.size_bytes for file in files] == [size] * 30
    assert request.kind == "erase"


def test_300_kilobytes_of_angle_brackets_cost_little() -> None:
    begun = time.process_time()
    inbound_mail.read(b"From: a@x.example\r\nContent-Type: text/html\r\n\r\n" + b"<" * 300_000 + b"\r\n")
    assert time.process_time() - begun < 2
