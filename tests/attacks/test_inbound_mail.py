"""Hostile mails to the privacy address: none breaks the door, none is answered in circles or in floods, none is cut in silence.

Source: OWASP ASVS 5.0, 1.5, 2.4, 5.2 to 5.4; RFC 3834; RFC 5321, 2.3.8 (SMTP smuggling).
"""

import asyncio
import json
import re
import socket
import ssl
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import Envelope, Session
from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.accounts.models import Tries
from glasshouse.kernel import clock
from glasshouse.mail import smtp
from glasshouse.mail.models import Message
from glasshouse.operations import inbound_mail, inbound_smtp
from glasshouse.operations.installation import Installation
from glasshouse.requests import answering
from glasshouse.requests import api as requests
from glasshouse.requests.mail_files import LeftOut
from glasshouse.requests.models import Request, RequestMessage, UnansweredMail
from glasshouse.vault import api as vault
from tests.conftest import Customer, enter_staff, post
from tests.desk import order_of, page_of

Web = Callable[..., httpx.Client]
pytestmark = pytest.mark.usefixtures("home")


def a_sender() -> str:
    return f"{uuid.uuid4().hex[:12]}@sender.example"


def a_mail(sender: str, *lines: str, body: bytes = b"Please delete my data.\r\n") -> bytes:
    head = [f"From: {sender}", "To: privacy@localhost", "Subject: my data", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def delivered(
    raw: bytes, mail_from: str = "somebody@sender.example", to: tuple[str, ...] = ("privacy@localhost",)
) -> str:
    """Hand a mail to the door as a mail server does; its answer."""

    async def deliver() -> str:
        envelope = Envelope()
        envelope.content, envelope.rcpt_tos, envelope.mail_from = raw, [*to], mail_from
        session = Session(asyncio.get_running_loop())
        session.peer = ("127.0.0.1", 1)
        return await inbound_smtp.InboundSmtp().handle_DATA(None, session, envelope)  # type: ignore[arg-type]

    return asyncio.run(deliver())


def asked(address: str) -> list[Request]:
    return list(Request.objects.filter(address_hash=vault.lookup("address", address)).order_by("asked_at"))


def mailed(address: str) -> list[Message]:
    return list(Message.objects.filter(address_hash=vault.lookup("address", address)).order_by("created_at"))


def unanswered(address: str) -> list[Any]:
    from glasshouse.requests.models import UnansweredMail

    return list(UnansweredMail.objects.filter(address_hash=vault.lookup("address", address)))


# -- machines ------------------------------------------------------------------------------------------------------

MACHINES = {
    "Auto-Submitted: auto-replied": "submitted",
    "auto-submitted: AUTO-GENERATED (x); owner=a": "submitted",
    "Auto-Submitted: auto-notified": "submitted",
    "Precedence: bulk": "precedence",
    "precedence: LIST": "precedence",
    "Precedence: junk (x)": "precedence",
    "X-Auto-Response-Suppress: All": "suppress",
    "X-Auto-Response-Suppress: DR, OOF, AutoReply": "suppress",
    "List-Id: <x.example>": "list",
    "List-Unsubscribe: <mailto:x@x.example>": "list",
    "List-Post: NO": "list",
    "X-Autoreply: yes": "machine",
    "Return-Path: <>": "null_path",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b": "report",
    "Content-Type: MULTIPART/REPORT": "report",
}


@pytest.mark.parametrize("line", MACHINES)
def test_a_mail_that_a_machine_wrote_is_kept_for_a_person_and_answered_by_nobody(line: str) -> None:
    sender = a_sender()
    raw = a_mail(sender, line)
    assert delivered(raw) == "250 OK"
    assert (asked(sender), mailed(sender)) == ([], [])
    (kept,) = unanswered(sender)
    assert (kept.reason, kept.address, kept.size_bytes) == (MACHINES[line], sender, len(raw))
    assert "Please delete my data." in kept.text or "multipart" in line.lower()


@pytest.mark.parametrize(
    "path", ["", "<>", "mailer-daemon@x.example", "MAILER-DAEMON@x.example", "owner-list@x.example"]
)
def test_a_mail_without_a_way_back_is_answered_by_nobody(path: str) -> None:
    sender = a_sender()
    assert delivered(a_mail(sender), mail_from=path) == "250 OK"
    assert (asked(sender), mailed(sender), len(unanswered(sender))) == ([], [], 1)


@pytest.mark.parametrize(
    "local", ["mailer-daemon", "Postmaster", "no-reply", "bounces+17", "majordomo", "owner-growers"]
)
def test_the_address_of_a_program_is_never_written_to(local: str) -> None:
    sender = f"{local}@{uuid.uuid4().hex[:8]}.example"
    assert delivered(a_mail(sender)) == "250 OK"
    assert (asked(sender.lower()), mailed(sender.lower()), len(unanswered(sender.lower()))) == ([], [], 1)


def test_we_never_write_to_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    own = f"service@{uuid.uuid4().hex[:8]}.example"
    monkeypatch.setattr(settings, "MAIL_FROM", own)
    for sender in (own, f"bounce-{'0' * 16}@{own.rpartition('@')[2]}", f"privacy@{own.rpartition('@')[2]}"):
        assert delivered(a_mail(sender)) == "250 OK"
        assert (asked(sender), mailed(sender), len(unanswered(sender))) == ([], [], 1)


@pytest.mark.parametrize(
    "line", ["Auto-Submitted: no", "Precedence: first-class", "X-Auto-Response-Suppress: None", "X-Y: z"]
)
def test_a_mail_that_a_person_wrote_opens_a_request(line: str) -> None:
    sender = a_sender()
    assert delivered(a_mail(sender, line)) == "250 OK"
    assert (len(asked(sender)), len(mailed(sender)), unanswered(sender)) == (1, 1, [])


def test_what_was_kept_is_made_a_request_or_deleted_by_the_officer(
    officer: Customer, web: Web, home: Installation
) -> None:
    wanted, spam = a_sender(), a_sender()
    for sender in (wanted, spam):
        assert delivered(a_mail(sender, "Precedence: bulk")) == "250 OK"
    client = enter_staff(web(officer))
    page = client.get("/staff/requests").text
    assert wanted in page
    assert spam in page
    kept, unwanted = unanswered(wanted)[0], unanswered(spam)[0]
    whole = client.get(f"/staff/mails/{kept.id}")
    assert whole.content == a_mail(wanted, "Precedence: bulk")
    assert_never_runs(whole)
    assert post(client, f"/staff/mails/{kept.id}/request", "/staff/requests").status_code == 302
    (request,) = asked(wanted)
    assert request.kind == "erase"
    assert len(mailed(wanted)) == 1
    assert post(client, f"/staff/mails/{unwanted.id}/delete", "/staff/requests").status_code == 302
    assert (asked(spam), mailed(spam), unanswered(spam), unanswered(wanted)) == ([], [], [], [])
    for gone in (kept, unwanted):
        assert not list(Path(settings.BLOB_FOLDER).rglob(gone.blob))
        assert client.get(f"/staff/mails/{gone.id}").status_code == 404


# -- our own mail --------------------------------------------------------------------------------------------------


def as_sent(message: Message) -> EmailMessage:
    return smtp.composed(
        message.id, message.address, message.subject, message.body, message.answers or "", by_hand=message.by_hand
    )


def test_what_a_program_of_ours_writes_says_so(officer: Customer) -> None:
    from glasshouse.kernel.ids import RequestId
    from glasshouse.requests import api as requests

    sender = a_sender()
    assert delivered(a_mail(sender, "Message-ID: <one@sender.example>")) == "250 OK"
    (link,) = mailed(sender)
    letter = as_sent(link)
    assert letter["Auto-Submitted"] == "auto-replied"
    assert letter["In-Reply-To"] == "<one@sender.example>"
    assert "OOF" in letter["X-Auto-Response-Suppress"]
    assert "DR" not in letter["X-Auto-Response-Suppress"].replace(" ", "").split(",")
    assert smtp.composed("0" * 16, sender, "x", "y", "")["Auto-Submitted"] == "auto-generated"
    assert smtp.composed("0" * 16, sender, "x", "y", "")["Date"]
    requests.answer(officer.actor, RequestId(asked(sender)[0].id), "We hold nothing.", refuse=True)
    by_hand = as_sent(mailed(sender)[-1])
    assert "We hold nothing." in by_hand.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert by_hand["Auto-Submitted"] is None


def test_our_own_mail_that_comes_back_to_us_is_not_answered() -> None:
    sender = a_sender()
    assert delivered(a_mail(sender, "Message-ID: <one@sender.example>")) == "250 OK"
    letter = as_sent(mailed(sender)[0])
    other = a_sender()
    letter.replace_header("From", other)
    assert delivered(letter.as_bytes()) == "250 OK"
    assert (asked(other), mailed(other), len(unanswered(other))) == ([], [], 1)


# -- floods --------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An installation that has answered nobody yet, and answers five mails an hour: tomorrow, apart from its worker."""
    keys = [throttle._key(purpose, "everybody") for purpose in ("mail-answers", "mails")]
    Tries.objects.filter(key__in=keys).delete()
    Request.objects.filter(link_waits=True).update(link_waits=False)  # Of other tests.
    monkeypatch.setattr(settings, "ANSWERS_AN_HOUR", 5)
    with clock.frozen(clock.now() + timedelta(days=1)):
        yield 5
    Tries.objects.filter(key__in=keys).delete()  # What is counted by the clock of tomorrow.


def test_a_flood_of_forged_senders_makes_no_flood_of_answers(few_answers: int) -> None:
    from glasshouse.requests import reminders

    senders = [a_sender() for _ in range(48)]
    for sender in senders:
        assert delivered(a_mail(sender)) == "250 OK"
    assert sum(len(mailed(sender)) for sender in senders) == few_answers
    assert all(len(asked(sender)) == 1 for sender in senders), "nothing that somebody wrote is lost"
    reminders.mail_waiting_links()
    assert sum(len(mailed(sender)) for sender in senders) == few_answers
    with clock.frozen(clock.now() + timedelta(hours=1, minutes=1)):
        reminders.mail_waiting_links()
        assert sum(len(mailed(sender)) for sender in senders) == 2 * few_answers
    waiting = [request for sender in senders for request in asked(sender) if request.link_waits]
    assert len(waiting) == 48 - 2 * few_answers
    Request.objects.filter(id__in=[request.id for request in waiting]).update(link_waits=False, closed_at=clock.now())


def test_one_sender_gets_one_mail_a_day_by_itself(few_answers: int) -> None:
    from glasshouse.requests import reminders

    sender = a_sender()
    answers = [delivered(a_mail(sender, body=b"Number %d\r\n" % number)) for number in range(30)]
    assert answers[0] == "250 OK"
    assert answers[-1].startswith("452"), "more than that is put off"
    assert len(mailed(sender)) == 1
    (request,) = asked(sender)
    texts = [
        request.text,
        *(message.text for message in RequestMessage.objects.filter(request=request, sender="person")),
    ]
    taken = sum(answer == "250 OK" for answer in answers)
    assert all(any(f"Number {number}" in text for text in texts) for number in range(taken))
    with clock.frozen(clock.now() + timedelta(hours=23)):
        assert delivered(a_mail(sender, body=b"Once more\r\n")) == "250 OK"
        reminders.mail_waiting_links()
        assert len(mailed(sender)) == 1


def test_all_senders_together_are_bounded_at_the_door(few_answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAILS_AN_HOUR", 3)
    answers = [delivered(a_mail(a_sender(), *lines)) for lines in ((), ("Precedence: bulk",), (), (), ("List-Id: x",))]
    assert [answer[:3] for answer in answers] == ["250", "250", "250", "452", "452"]


# -- files ---------------------------------------------------------------------------------------------------------

HOSTILE_FILES = {
    "scan.pdf": ("application/pdf", b"%PDF-1.7 power of attorney"),
    "page.html": ("text/html", b"<script>alert(document.cookie)</script>"),
    "picture.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "../../../etc/passwd": ("application/octet-stream", b"root"),
    'a";\r\nSet-Cookie: x=y; b="c.txt': ("text/plain", b"cookie"),
    "fdp.\u202eexe.pdf": ("application/x-msdownload", b"MZ"),
    "ü日本.txt": ("text/plain", b"name"),
}


def with_files(sender: str) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, "privacy@localhost", "my data"
    letter.set_content("Please delete my data. My power of attorney is attached.\n")
    for name, (kind, content) in HOSTILE_FILES.items():
        major, _, minor = kind.partition("/")
        letter.add_attachment(content, maintype=major, subtype=minor, filename=name.replace("\r\n", " "))
    return letter.as_bytes(policy=letter.policy.clone(linesep="\r\n"))


def assert_never_runs(answer: httpx.Response) -> None:
    """A browser saves it, and if it shows it all the same, gives it no rights."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert not any(part.startswith("script-src") for part in policy)
    assert "Set-Cookie" not in answer.headers


def test_files_are_kept_sealed_and_handed_to_the_officer_only_as_a_download(
    officer: Customer, customer: Callable[[], Customer], web: Web
) -> None:
    from glasshouse.requests.models import RequestFile

    sender = a_sender()
    assert delivered(with_files(sender)) == "250 OK"
    (request,) = asked(sender)
    rows = list(RequestFile.objects.filter(request=request))
    assert [row.size_bytes for row in rows] == [len(content) for _, content in HOSTILE_FILES.values()]
    assert not any(mark in row.name for row in rows for mark in "/\\\u202e\r\n\x00")
    client, stranger = enter_staff(web(officer)), web(customer())
    page = page_of(client, request.id)
    for row, (kind, content) in zip(rows, HOSTILE_FILES.values(), strict=True):
        stored = next(Path(settings.BLOB_FOLDER).rglob(row.blob)).read_bytes()
        assert content not in stored
        path = f"/staff/requests/{request.id}/files/{row.id}"
        assert path in page
        assert kind in page
        answer = client.get(path)
        assert answer.content == content
        assert_never_runs(answer)
        assert stranger.get(path).status_code == 404
        assert web().get(path).status_code in (302, 404)
        assert client.get(f"/staff/requests/{'0' * 16}/files/{row.id}").status_code == 404
    assert "<script>alert(document" not in page


def test_a_person_finds_their_files_in_view_and_export_and_a_stranger_finds_none(web: Web) -> None:
    from glasshouse.subject import guests
    from tests.conftest import prove_link

    sender = a_sender()
    assert delivered(with_files(sender)) == "250 OK"
    secret = prove_link(sender, "privacy/prove")
    from glasshouse.requests import email_links

    page_secret = email_links.confirm(secret).page_secret
    values = [item.value for item in guests.held(page_secret)]
    assert "scan.pdf" in values
    archive = zipfile.ZipFile(BytesIO(b"".join(guests.export(page_secret).body)))
    names = [name for name in archive.namelist() if name.startswith("files/")]
    assert len(names) == len(HOSTILE_FILES)
    assert not any(".." in name or "\\" in name for name in names)
    assert {archive.read(name) for name in names} == {content for _, content in HOSTILE_FILES.values()}
    assert "scan.pdf" in json.dumps(json.loads(archive.read("data.json")), ensure_ascii=False)


def test_files_end_with_their_request() -> None:
    from glasshouse.kernel.actor import JOB
    from glasshouse.requests.models import RequestFile
    from glasshouse.retention import api as retention

    sender = a_sender()
    assert delivered(with_files(sender)) == "250 OK"
    (request,) = asked(sender)
    blobs = list(RequestFile.objects.filter(request=request).values_list("blob", flat=True))
    assert all(list(Path(settings.BLOB_FOLDER).rglob(blob)) for blob in blobs)
    Request.objects.filter(id=request.id).update(closed_at=clock.now() - timedelta(days=1096))
    retention._delete(Request, JOB, among=[request.id])
    assert asked(sender) == []
    assert not any(list(Path(settings.BLOB_FOLDER).rglob(blob)) for blob in blobs)


def test_an_erasure_takes_the_mails_that_were_kept_with_their_files() -> None:
    from glasshouse.requests import email_links
    from glasshouse.subject import erasure
    from tests.conftest import prove_link

    sender = a_sender()
    assert delivered(a_mail(sender, "Precedence: bulk")) == "250 OK"
    (kept,) = unanswered(sender)
    assert delivered(a_mail(sender)) == "250 OK"
    page_secret = email_links.confirm(prove_link(sender, "privacy/prove")).page_secret
    erasure.erase_address(email_links.of_page(page_secret))
    assert unanswered(sender) == []
    assert not list(Path(settings.BLOB_FOLDER).rglob(kept.blob))


def test_a_failure_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name for path in Path(settings.BLOB_FOLDER).rglob("*")}
    monkeypatch.setattr("glasshouse.requests.api.mail_link", lambda *_: 1 / 0)
    sender = a_sender()
    assert delivered(with_files(sender)).startswith("451")
    assert asked(sender) == []
    new = {path for path in Path(settings.BLOB_FOLDER).rglob("*") if path.is_file() and path.name not in before}
    assert not new


# -- nothing is cut in silence -------------------------------------------------------------------------------------

LONG = "x" * 25_000
CUT: dict[str, tuple[str, list[str], bytes]] = {
    "text": ("text", [], b"\r\n".join([b"word " * 100] * 60) + b"\r\nTHE END\r\n"),
    "subject": ("subject", [], b"x\r\n"),
    "charset": ("charset", ["Content-Type: text/plain; charset=x-nobody"], "Löschen\r\n".encode("cp1252")),
    "bytes": ("charset", ["Content-Type: text/plain; charset=utf-8"], b"L\xf6schen\r\n"),
    "encoding": ("encoding", ["Content-Transfer-Encoding: base64"], b"!!!! this is no base64 ????\r\n"),
    "depth": (
        "parts",
        ["Content-Type: multipart/mixed; boundary=b0"],
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(300))
        + b"--b300\r\n\r\ndeep\r\n",
    ),
    "number": ("parts", ["Content-Type: multipart/mixed; boundary=b"], b"--b\r\n\r\nx\r\n" * 3000),
    "files": (
        "files",
        ["Content-Type: multipart/mixed; boundary=b"],
        b"--b\r\n\r\nx\r\n" + b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n" * 60,
    ),
}


@pytest.mark.parametrize("what", CUT)
def test_what_is_not_shown_is_told_and_kept(what: str, officer: Customer, web: Web) -> None:
    from glasshouse.requests.models import RequestFile

    sender, (code, lines, body) = a_sender(), CUT[what]
    raw = a_mail(sender, *lines, body=body)
    if what == "subject":
        raw = raw.replace(b"Subject: my data", b"Subject: " + b" ".join([b"word"] * 150))
    assert delivered(raw) == "250 OK"
    (request,) = asked(sender)
    (whole,) = RequestFile.objects.filter(request=request).exclude(left_out="")
    assert code in whole.left_out.split(":")
    client = enter_staff(web(officer))
    assert "Not shown here, but in the whole mail" in page_of(client, request.id)
    assert client.get(f"/staff/requests/{request.id}/files/{whole.id}").content == raw


def test_the_officer_can_read_the_whole_of_a_long_text(officer: Customer, web: Web) -> None:
    sender = a_sender()
    end = uuid.uuid4().hex
    body = b"\r\n".join([b"word " * 100] * 30) + f"\r\n{end}\r\n".encode()
    assert delivered(a_mail(sender, body=body)) == "250 OK"
    assert delivered(a_mail(sender, body=body.replace(end[:9].encode(), b"secondend"))) == "250 OK"
    client = enter_staff(web(officer))
    page = "".join(page_of(client, request.id) for request in asked(sender))
    assert end in page
    assert f"secondend{end[9:]}" in page


def test_parts_beside_the_text_are_files() -> None:
    letter = EmailMessage()
    letter["From"] = "jan@x.example"
    letter.set_content("first\n")
    letter.add_alternative("<p>something else: delete me</p>", subtype="html")
    letter.add_attachment("second\n", filename="second.txt", disposition="inline")
    letter.add_attachment(EmailMessage())
    mail = inbound_mail.read(letter.as_bytes())
    assert mail.text.strip() == "first"
    assert [file.media_type for file in mail.files][:2] == ["text/html", "text/plain"]
    same = EmailMessage()
    same["From"] = "jan@x.example"
    same.set_content("Delete me, please.\n")
    same.add_alternative("<p>Delete <b>me</b>,\n please.</p>", subtype="html")
    assert inbound_mail.read(same.as_bytes()).files == ()
    assert inbound_mail.read(same.as_bytes()).left_out == ()


def test_who_wrote_it_is_never_what_was_cut_off_and_a_person_looks_at_it() -> None:
    long = "jan@x.example" + " " * 3000 + "<eve@y.example>"
    for value in (
        long,
        '"' + "x" * 3000 + '" <jan@x.example>',
        "<jan@x.example> eve@y.example",
        "<jan@x.example>eve",
        '<jan@x.example> "eve" <eve@y.example>',
        "jan@x.example <eve@y.example>, bob@z.example",
        "friends: jan@x.example;",
        "jan@x.example;",
        "undisclosed-recipients:;",
        "",
        "<>",
        "jan",
        "<jan@x.example",
        "=?utf-8?q?jan=40x.example?=",
    ):
        mark = uuid.uuid4().hex
        raw = b"From: " + value.encode() + f"\r\nSubject: x\r\n\r\nPlease delete my data {mark}\r\n".encode()
        assert delivered(raw) == "250 OK", value[:40]
        (row,) = [row for row in UnansweredMail.objects.order_by("-at")[:20] if mark in row.text]
        assert (row.address, row.reason, row.size_bytes) == ("", "senders", len(raw))
        assert not row.text.startswith("From: jan@x.example\n"), (
            "what the header says is shown, and not what was guessed"
        )
    for address in ("jan@x.example", "eve@y.example", "bob@z.example"):
        assert (asked(address), mailed(address), unanswered(address)) == ([], [], [])


# -- hostile forms -------------------------------------------------------------------------------------------------

FORMS: dict[str, bytes] = {
    "empty": b"",
    "no from": b"Subject: x\r\n\r\nx\r\n",
    "two froms": b"From: a@x.example\r\nFrom: b@x.example\r\n\r\nx\r\n",
    "group": b"From: a: b@x.example;\r\n\r\nx\r\n",
    "no headers": b"\r\nx\r\n",
    "nul": b"From: a\x00b@x.example\r\nSubject: \x00\r\n\r\n\x00\x00\r\n",
    "nul in text": b"From: NEW\r\nSubject: a\x00b\r\n\r\n\x00please\x00\r\n",
    "surrogates": b"From: NEW\r\nContent-Type: text/plain; charset=utf-16-le\r\n\r\n\x00\xd8\x00\xd8x\x00\r\n",
    "surrogates in utf-8": b"From: NEW\r\nSubject: \xed\xa0\x80\r\n\r\n\xed\xa0\x80\r\n",
    "encoded words": b"From: NEW\r\nSubject: " + b"=?utf-8?q?=F0=9F=98=80?=\r\n " * 2500 + b"\r\n\r\nx\r\n",
    "encoded word with a break": b"From: NEW\r\nSubject: =?utf-8?q?a=0d=0aBcc:_b=40x.example?=\r\n\r\nx\r\n",
    "nested encoded words": b"From: NEW\r\nSubject: " + b"=?utf-8?b?" * 300 + b"?=" * 300 + b"\r\n\r\nx\r\n",
    "endless parameters": b"From: NEW\r\nContent-Type: text/plain" + b"; a*0*=x" * 4000 + b"\r\n\r\nx\r\n",
    "bad continuation": b"From: NEW\r\nContent-Type: text/plain; name*99999999999999999999*=utf-8''x\r\n\r\nx\r\n",
    "bad charset in a name": b"From: NEW\r\nContent-Type: a/b; name*=x-no''%ff%fe\r\n\r\nx\r\n",
    "huge header": b"From: NEW\r\nX: " + b"y" * 900_000 + b"\r\n\r\nx\r\n",
    "many headers": b"From: NEW\r\n" + b"X: y\r\n" * 5000 + b"\r\nx\r\n",
    "many hops": b"From: NEW\r\n" + b"Received: y\r\n" * 150 + b"\r\nx\r\n",
    "headers without names": b"From: NEW\r\n" + b": y\r\n" * 100 + b"\r\nx\r\n",
    "one boundary in itself": b"From: NEW\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 2000,
    "thousands of parts": b"From: NEW\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\n\r\nx\r\n" * 50_000,
    "enclosed mails": b"From: NEW\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 3000 + b"x\r\n",
    "angle brackets": b"From: NEW\r\nContent-Type: text/html\r\n\r\n" + b"<" * 300_000 + b"\r\n",
    "empty boundary": b'From: NEW\r\nContent-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n',
    "unknown encoding": b"From: NEW\r\nContent-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\r\n",
    "eight bits in from": b"From: J\xf6rg <NEW>\r\n\r\nx\r\n",
    "vertical tabs": b"From: NEW\r\nMessage-ID: <p\x0bq@x>\r\nSubject: a\x0b\x0c\x1c\xc2\x85b\r\n\r\nx\r\n",
    "a subject of numbers": b"From: NEW\r\nSubject: " + b"[0123456789abcdef]" * 100 + b"\r\n\r\nx\r\n",
    "endless references": b"From: NEW\r\nReferences: " + b"<0123456789abcdef@x>\r\n " * 3000 + b"x\r\n\r\nx\r\n",
}


# Those that name no sender, or several: kept for a person, answered to nobody.
UNCLEAR = {"no from", "two froms", "group", "no headers", "nul"}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_comes_is_answered_clearly_and_soon(form: str) -> None:
    sender, begun = a_sender(), time.process_time()
    answer = delivered(FORMS[form].replace(b"NEW", sender.encode()))
    assert time.process_time() - begun < 5
    assert re.fullmatch(r"250 OK|55\d 5\.\d\.\d{1,2} .{5,200}", answer), answer
    is_clear = answer == "250 OK" and form not in UNCLEAR
    assert len(mailed(sender)) == len(asked(sender)) == int(is_clear)
    assert (answer == "250 OK") or form not in UNCLEAR
    for request in asked(sender):
        (request.text + request.address).encode()
        assert "\x00" not in request.text


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\n\r", b"\r\r\n"])
def test_bare_line_breaks_are_refused(line_end: bytes) -> None:
    sender, hidden = a_sender(), a_sender()
    inner = a_mail(hidden).replace(b"\r\n", line_end)
    raw = a_mail(sender, body=b"x" + line_end + b"." + line_end + b"MAIL FROM:<a@x.example>" + line_end + inner)
    assert delivered(raw).startswith("554 5.6.11")
    assert (asked(sender), asked(hidden)) == ([], [])


def test_a_mail_within_a_mail_is_never_a_second_one_at_the_live_door(home: Installation) -> None:
    """What smuggles by a line break that only one of two servers takes for one."""
    sender, hidden = a_sender(), a_sender()
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r"):
        smuggled = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<privacy@localhost>\r\nDATA\r\n" + a_mail(hidden)
        with socket.create_connection(("127.0.0.1", home.mail_port), 20) as plain:
            assert said(plain)[:3] == b"220"
            told(plain, b"EHLO x", b"250")
            told(plain, b"STARTTLS", b"220")
            with trust.wrap_socket(plain, server_hostname="localhost") as link:
                told(link, b"EHLO x", b"250")
                told(link, b"MAIL FROM:<a@x.example>", b"250")
                told(link, b"RCPT TO:<privacy@localhost>", b"250")
                told(link, b"DATA", b"354")
                link.sendall(a_mail(sender, body=b"x" + end + smuggled + b"\r\n.\r\n"))
                assert said(link)[:3] == b"554"
    assert (asked(sender), asked(hidden)) == ([], [])


def said(link: Any) -> bytes:
    """The last line of an answer."""
    line = b""
    while not (line.endswith(b"\r\n") and line[3:4] == b" "):
        if line.endswith(b"\r\n"):
            line = b""
        piece = link.recv(1)
        assert piece
        line += piece
    return line


def told(link: Any, command: bytes, expected: bytes) -> None:
    link.sendall(command + b"\r\n")
    answer = said(link)
    assert answer[:3] == expected, answer


def test_a_request_is_not_lost_beside_a_report() -> None:
    door, envelope = inbound_smtp.InboundSmtp(), Envelope()

    def recipient(address: str) -> str:
        return asyncio.run(door.handle_RCPT(None, None, envelope, address, []))  # type: ignore[arg-type]

    assert recipient(f"bounce-{'0' * 16}@localhost") == "250 OK"
    assert recipient("privacy@localhost").startswith("452")
    envelope.rcpt_tos[:] = []
    assert recipient("privacy@localhost") == "250 OK"
    assert recipient(f"bounce-{'0' * 16}@localhost").startswith("452")
    assert recipient("privacy@grower.example") == "250 OK"


# -- what a review attacked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"Please erase all my data.\r\n",  # no line of the boundary at all
        b"Please erase all my data.\r\n--x\r\n\r\nhello\r\n--x--\r\n",
        b"--x\r\n\r\nhello\r\n--x--\r\nPlease erase all my data.\r\n",
    ],
)
def test_words_beside_the_parts_are_told_and_the_mail_is_kept(body: bytes) -> None:
    head = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    assert LeftOut.PARTS in inbound_mail.read(head + body).left_out


def test_a_line_that_only_begins_like_the_boundary_ends_nothing_and_the_usual_notice_is_no_loss() -> None:
    head = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    notice = b"This is a multi-part message in MIME format.\r\n"
    mail = inbound_mail.read(head + notice + b"--x\r\n\r\none\r\n--x--y\r\n--xy\r\ntwo\r\n--x-- \r\n")
    assert mail.text.splitlines() == ["one", "--x--y", "--xy", "two"]
    assert mail.left_out == ()


def test_a_forged_mail_does_not_swallow_another_wish_of_the_person_it_names() -> None:
    sender = a_sender()
    assert delivered(a_mail(sender, body=b"Please delete all my data.\r\n")) == "250 OK"
    assert delivered(a_mail(sender, body=b"Please send me a copy of my data.\r\n")) == "250 OK"
    kinds = {request.kind for request in asked(sender)}
    assert len(kinds) == 2, kinds
    assert delivered(a_mail(sender, body=b"Please delete all my data, I said.\r\n")) == "250 OK"
    assert len(asked(sender)) == 2
    assert all(request.link_waits for request in asked(sender)), (
        "the one mail of today has gone; the links come tomorrow"
    )


def test_what_a_senders_own_limit_refuses_counts_against_nobody_else(few_answers: int) -> None:
    sender = a_sender()
    answers = [delivered(a_mail(sender, "Precedence: bulk")) for _ in range(25)]
    assert answers.count("250 OK") == 20 and answers[-1].startswith("452")
    key = throttle._key("mails", "everybody")
    until = Tries.objects.get(key=key).until
    assert delivered(a_mail(sender, "Precedence: bulk")).startswith("452")
    assert Tries.objects.get(key=key).until <= until


def test_mails_are_bounded_in_bytes_and_wait_where_the_disk_is_nearly_full(
    few_answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_BYTES_A_DAY", 4 * answering.STEP_BYTES)
    key = throttle._key("mail-bytes", "everybody")
    Tries.objects.filter(key=key).delete()
    large = b"x" * 70 + b"\r\n"
    answers = [delivered(a_mail(a_sender(), "Precedence: bulk", body=large * 8_000)) for _ in range(3)]
    Tries.objects.filter(key=key).delete()
    assert answers == ["250 OK", "250 OK", answers[2]] and answers[2].startswith("452")
    monkeypatch.setattr(answering, "LEAST_FREE_BYTES", 1 << 60)
    assert delivered(a_mail(a_sender())).startswith("45")


def test_what_nobody_confirmed_is_behind_what_somebody_did(officer: Customer) -> None:
    sender = a_sender()
    assert delivered(a_mail(sender)) == "250 OK"
    (forged,) = asked(sender)
    Request.objects.filter(id=forged.id).update(due_at=clock.now())
    number = requests.ask(a_sender(), "access", "eu", "please", requests.Arrival(network="x"))
    order = order_of(officer.actor)
    assert order.index(number) < order.index(forged.id)
    Request.objects.filter(id__in=[number, forged.id]).update(closed_at=clock.now())


def test_a_busy_machine_refuses_no_mail_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    from crop_contract import sandbox

    def late(limit: str) -> Any:
        def run(*_: object, **__: object) -> Any:
            raise sandbox.LimitError(limit)

        return run

    for limit, answer in (("whole_s", "45"), ("cpu_s", "55")):
        monkeypatch.setattr(sandbox, "run", late(limit))
        assert inbound_smtp.take(a_mail(a_sender())).startswith(answer), limit
