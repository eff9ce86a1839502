"""PRI-26, PRI-28: requests by page and by mail, on the clock of a law; nothing is told to strangers."""

import smtplib
import ssl
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, led, post, prove_link
from tests.desk import listed, page_of

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.mark.parametrize(
    ("law", "asked", "until", "extended"),
    [
        ("gdpr", "2026-01-31", "2026-02-28", "2026-04-30"),
        ("gdpr", "2024-01-31", "2024-02-29", "2024-04-30"),
        ("gdpr", "2026-11-30", "2026-12-30", "2027-02-28"),
        ("uk", "2026-12-15", "2027-01-15", "2027-03-15"),
        ("ccpa", "2026-01-01", "2026-02-15", "2026-04-01"),
        ("lgpd", "2026-01-01", "2026-01-16", "2026-01-16"),
        ("pipeda", "2026-01-01", "2026-01-31", "2026-03-02"),
    ],
)
def test_each_law_has_its_clock(law: str, asked: str, until: str, extended: str) -> None:
    from glasshouse.requests.legal_deadlines import LAWS, due

    moment = datetime.fromisoformat(asked).replace(tzinfo=UTC)
    assert due(LAWS[law], moment).date().isoformat() == until
    assert due(LAWS[law], moment, extended=True).date().isoformat() == extended


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please delete all my data", "erase"),
        ("Bitte löschen Sie meine Daten", "erase"),
        ("I want a copy of my data", "copy"),
        ("What do you have about me? my data", "access"),
        ("My name is wrong", "correct"),
        ("When are you open?", "question"),
    ],
)
def test_the_kind_of_a_text_is_guessed(text: str, kind: str) -> None:
    from glasshouse.requests.rules import likely_kind

    assert likely_kind(text) == kind


def asked(address: str, **more: str) -> str:
    from glasshouse.requests import api as requests

    arrival = requests.Arrival(network=uuid.uuid4().hex)
    return requests.ask(address, "access", more.get("region", "eu"), more.get("text", "please"), arrival)


def test_everybody_hears_the_same_whether_known_or_not(customer: Make, web: Web) -> None:
    one = customer()
    pages = []
    for address in (one.address, f"stranger-{uuid.uuid4().hex[:6]}@grower.example"):
        client = web()
        fields = {"address": address, "kind": "access", "region": "eu", "text": "x"}
        answer = post(client, "/privacy", "/privacy", **fields)
        pages.append((answer.status_code, answer.text))
    assert pages[0] == pages[1]


def test_the_link_proves_the_address_and_only_then_tells_of_an_account(customer: Make, web: Web) -> None:
    one = customer()
    asked(one.address)
    path = f"/privacy/prove/{prove_link(one.address, 'prove')}"
    assert "your own page" not in web().get(path).text, "opening the link proves nothing"
    assert "your own page" in led(web(), path, path).text
    stranger = f"nobody-{uuid.uuid4().hex[:6]}@grower.example"
    asked(stranger)
    path = f"/privacy/prove/{prove_link(stranger, 'prove')}"
    page = led(web(), path, path).text
    assert "is confirmed" in page
    assert "This address has an account" not in page
    assert post(web(), "/privacy/prove/" + "x" * 43, "/privacy").status_code == 404


def test_a_look_alike_address_is_another_address(customer: Make) -> None:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    one = customer()
    local, _, domain = one.address.partition("@")
    mine = vault.lookup("address", one.address)
    for address in (f"{local}+x@{domain}", one.address.replace("e", "\u0435", 1), one.address.replace("@", "@x.")):
        number = asked(address)
        assert Request.objects.get(id=number).address_hash != mine
    for same in (one.address.upper(), f" {one.address} "):
        assert Request.objects.get(id=asked(same)).address_hash == mine


def test_the_officer_answers_extends_and_refuses_in_the_thread(customer: Make, officer: Customer, web: Web) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.mail import api as mail
    from glasshouse.requests import api as requests
    from glasshouse.requests import worklist

    address = f"asker-{uuid.uuid4().hex[:6]}@grower.example"
    number = asked(address)
    with pytest.raises(NotFoundError):
        worklist.worklist(customer().alone)
    assert listed(officer.alone, number).urgency == "calm"
    before = listed(officer.alone, number).request.due_at
    with pytest.raises(InvalidError):
        requests.extend(officer.alone, number, " ")
    requests.extend(officer.alone, number, "it is much")
    with pytest.raises(InvalidError):
        requests.extend(officer.alone, number, "still more")
    assert listed(officer.alone, number).request.due_at > before
    requests.answer(officer.alone, number, "We hold nothing of you.", refuse=True)
    letters = [letter for letter in mail.newest(400) if letter.address == address]
    assert all(f"[{number}]" in letter.subject for letter in letters)
    assert "edpb.europa.eu" in letters[0].body
    with pytest.raises(NotFoundError):
        requests.answer(officer.alone, number, "again", refuse=False)
    late = asked(address, region="br")
    with clock.frozen(clock.now() + timedelta(days=12)):
        assert listed(officer.alone, late).urgency == "soon"
    with pytest.raises(InvalidError, match="knows no"):
        requests.extend(officer.alone, late, "please")


def send(home: Installation, letter: EmailMessage | bytes, to: str = "privacy@localhost") -> None:
    context = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    with smtplib.SMTP("localhost", home.mail_port, timeout=60) as server:
        server.starttls(context=context)
        server.sendmail(
            "sender@grower.example", [to], letter.as_bytes(policy=SMTP) if isinstance(letter, EmailMessage) else letter
        )


def found(address: str) -> list[object]:
    from glasshouse.requests.models import Request
    from glasshouse.vault import api as vault

    return list(Request.objects.filter(address_hash=vault.lookup("address", address)))


def test_a_mail_opens_a_request(home: Installation) -> None:
    address = f"writer-{uuid.uuid4().hex[:6]}@grower.example"
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = f"Wilma Writer <{address}>", "privacy@localhost", "Löschung"
    letter.set_content("Bitte löschen Sie meine Daten.")
    letter.add_attachment(b"passport" * 1000, maintype="image", subtype="png", filename="passport.png")
    send(home, letter)
    (request,) = found(address)
    assert (request.kind, request.channel) == ("erase", "mail")  # type: ignore[attr-defined]
    assert "Bitte löschen" in request.text  # type: ignore[attr-defined]
    assert "passport" not in request.text  # type: ignore[attr-defined]
    assert prove_link(address, "prove")


def test_hostile_huge_foreign_and_automatic_mails(home: Installation) -> None:
    from glasshouse.requests.models import UnansweredMail

    address = f"hostile-{uuid.uuid4().hex[:6]}@grower.example"
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = address, "privacy@localhost", "<script>alert(1)</script>"
    letter.set_content("<p>delete <script>alert(1)</script><b>me</b></p>", subtype="html")
    send(home, letter)
    (request,) = found(address)
    assert "alert(1)" not in request.text.partition("\n\n")[2]  # type: ignore[attr-defined]
    with pytest.raises(smtplib.SMTPResponseException):
        send(home, b"From: x@grower.example\r\n\r\n" + b"x" * 70 + b"\r\n" * (20 << 20))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(home, letter, to="somebody@localhost")
    mark = uuid.uuid4().hex
    send(home, f"From: nobody at all\r\nSubject: {mark}\r\n\r\nx".encode())
    (unclear,) = [row for row in UnansweredMail.objects.all() if mark in (row.text or "")]
    assert unclear.address == "", "a person looks at it"
    robot = EmailMessage()
    other = f"robot-{uuid.uuid4().hex[:6]}@grower.example"
    robot["From"], robot["To"], robot["Auto-Submitted"] = other, "privacy@localhost", "auto-replied"
    robot.set_content("I am away")
    send(home, robot)
    assert found(other) == []
    with smtplib.SMTP("localhost", home.mail_port, timeout=60) as server, pytest.raises(smtplib.SMTPSenderRefused):
        server.sendmail("a@grower.example", ["privacy@localhost"], b"x")


def test_ten_requests_at_once_are_slowed(customer: Make) -> None:
    from glasshouse.kernel.errors import ThrottledError

    address = f"many-{uuid.uuid4().hex[:6]}@grower.example"
    for _ in range(5):
        asked(address)
    with pytest.raises(ThrottledError):
        asked(address)


def sent(home: Installation, sender: str, subject: str, body: str, **heads: str) -> None:
    """A mail to the privacy address, by real SMTP with STARTTLS."""
    letter = EmailMessage(policy=SMTP)
    letter["From"], letter["To"], letter["Subject"] = sender, "privacy@localhost", subject
    for name, value in heads.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(body)
    with smtplib.SMTP("localhost", home.mail_port, timeout=60) as server:
        server.starttls(context=ssl.create_default_context(cafile=str(home.keys / "tls" / "ca.crt")))
        server.send_message(letter)


def test_a_mail_and_its_answers_are_one_thread(home: Installation, officer: Customer) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.requests.api import messages_of
    from glasshouse.requests.models import Request, RequestMessage
    from glasshouse.vault import api as vault

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    sent(home, address, "My data", "What do you have about me?", Message_ID="<first@grower.example>")
    request = Request.objects.get(address_hash=vault.lookup("address", address))
    assert request.thread == "<first@grower.example>"
    assert request.authentication == "spf=none dkim=none arc=none"
    assert all(row.answers == "<first@grower.example>" for row in Message.objects.filter(key_owner=request.key_owner))
    sent(home, address.upper(), f"Re: Your privacy request [{request.id}]", "One more thing.")
    assert Request.objects.filter(address_hash=vault.lookup("address", address)).count() == 1
    assert [row.text.strip() for row in RequestMessage.objects.filter(request=request, sender="person")] == [
        "One more thing."
    ]
    # A stranger who knows the number writes into no one's thread.
    stranger = f"{uuid.uuid4().hex[:10]}@grower.example"
    sent(home, stranger, f"Re: Your privacy request [{request.id}]", "Let me in.")
    assert RequestMessage.objects.filter(request=request, sender="person").count() == 1
    assert Request.objects.filter(address_hash=vault.lookup("address", stranger)).exists()
    (messages,) = messages_of([request]).values()
    assert [message.sender for message in messages] == ["us", "person"]


def test_what_a_signature_says_is_noted_and_decides_nothing(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dkim
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from glasshouse.operations import inbound_smtp

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
    record = "v=DKIM1; k=rsa; p=" + "".join(public.split("\n")[1:-2])
    real = dkim.verify
    monkeypatch.setattr("dkim.verify", lambda body, **_: real(body, dnsfunc=lambda name, timeout=5: record.encode()))
    body = b"From: a@grower.example\r\nTo: privacy@localhost\r\nSubject: x\r\n\r\nHello\r\n"
    signed = dkim.sign(body, b"s", b"grower.example", private) + body
    assert "dkim=pass" in inbound_smtp.authenticated(signed, "127.0.0.1", "", "")
    assert "dkim=fail" in inbound_smtp.authenticated(signed.replace(b"Hello", b"Hallo"), "127.0.0.1", "", "")
    assert "dkim=fail" in inbound_smtp.authenticated(b"DKIM-Signature: nonsense\r\n" + body, "127.0.0.1", "", "")
    relayed = (
        b"Authentication-Results: mx.operator.example;\r\n\tdkim=none; spf=pass smtp.mailfrom=grower.example\r\n" + body
    )
    assert inbound_smtp.authenticated(relayed, "127.0.0.1", "", "").startswith("spf=pass")
    assert not inbound_smtp.authenticated(relayed, "192.0.2.1", "h", "").startswith("spf=pass"), (
        "a stranger's word of itself"
    )
    monkeypatch.setattr("spf.check2", lambda **_: ("softfail", "x"))
    assert inbound_smtp.authenticated(body, "192.0.2.1", "h", "a@grower.example").startswith("spf=softfail")


def test_a_letter_or_a_call_is_entered_by_the_officer(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.kernel.errors import InvalidError, NotFoundError
    from glasshouse.mail.models import Message
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request
    from tests.conftest import enter_staff

    letter = requests.Arrival("letter", entered_by=officer.actor.id)
    with pytest.raises(NotFoundError):
        requests.enter(customer().actor, "", "access", "br", "x", letter)
    with pytest.raises(InvalidError):
        requests.enter(officer.actor, "", "access", "br", " ", letter)
    number = requests.enter(officer.actor, "", "access", "br", "Please tell me", letter)
    request = Request.objects.get(id=number)
    assert (request.law, request.channel, request.proved_at) == ("lgpd", "letter", None)
    assert not Message.objects.filter(key_owner=request.key_owner).exists(), "without an address nothing is mailed"
    requests.answer(officer.actor, number, "On paper.", refuse=False)
    checked = requests.Arrival("phone", entered_by=officer.actor.id, identity="called back at the number we hold")
    number = requests.enter(officer.actor, "caller@grower.example", "erase", "eu", "Erase me", checked)
    assert Request.objects.get(id=number).proved_at
    client, page = enter_staff(web(officer)), "/staff/requests"
    fields = {
        "channel": "phone",
        "kind": "copy",
        "region": "ca",
        "text": "A copy please",
        "address": "",
    }
    assert post(client, page, page, **fields | {"channel": "pigeon"}).status_code == 400
    assert post(client, page, page, **fields).status_code == 302
    number = Request.objects.filter(channel="phone", kind="copy").latest("asked_at").id
    assert "A copy please" in page_of(client, number)


def test_officers_are_reminded_before_the_day_and_after_it(officer: Customer, olaf: Make) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.requests import reminders as deadlines
    from glasshouse.requests.models import OfficerRegion, Request
    from tests.conftest import as_staff

    other = as_staff(olaf(), "privacy")
    OfficerRegion.objects.create(account_id=other.actor.account, regions=["br"])
    try:
        number = asked(f"{uuid.uuid4().hex[:8]}@grower.example", region="br")
        assert listed(other.actor, number).is_own_region
        assert not listed(officer.actor, number).is_own_region

        def told(who: Customer) -> int:
            mails = Message.objects.filter(key_owner=who.actor.person, kind="deadline")
            return sum(number in row.body for row in mails)

        deadlines.escalate_due()
        assert told(other) == 0
        Request.objects.filter(id=number).update(due_at=clock.now() + timedelta(days=4))
        deadlines.escalate_due()
        deadlines.escalate_due()
        assert (told(other), told(officer)) == (1, 0), "once, and only whose region it is"
        Request.objects.filter(id=number).update(due_at=clock.now() - timedelta(hours=1))
        deadlines.escalate_due()
        deadlines.escalate_due()
        assert (told(other), told(officer)) == (2, 1), "past the day everybody in the office hears of it"
    finally:
        OfficerRegion.objects.all().delete()
        Request.objects.filter(id=number).delete()


def test_an_answer_is_wanted_on_a_working_day() -> None:
    from glasshouse.requests.legal_deadlines import working_day

    christmas = datetime(2026, 12, 27, 10, tzinfo=UTC)  # a Sunday
    closed = {christmas.date() - timedelta(days=days) for days in (1, 2)}
    assert working_day(christmas, closed).isoformat() == "2026-12-24"
    assert working_day(datetime(2026, 12, 23, tzinfo=UTC), closed).isoformat() == "2026-12-23"


def test_who_has_not_proved_the_address_is_told_nothing(officer: Customer) -> None:
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.requests import api as requests
    from glasshouse.requests import email_links as links
    from glasshouse.requests.models import Request

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = asked(address)
    with pytest.raises(InvalidError, match="not confirmed"):
        requests.answer(officer.actor, number, "Here is everything about you.", refuse=False)
    old = prove_link(address, "privacy/prove")
    requests.ask_again(officer.actor, number)
    fresh = prove_link(address, "privacy/prove")
    assert fresh != old
    links.confirm(fresh)
    requests.answer(officer.actor, number, "Here it is.", refuse=False)
    with pytest.raises(Exception, match="belongs to no request"):
        links.confirm(old)
    assert Request.objects.get(id=number).outcome == "answered"
    number = asked(f"{uuid.uuid4().hex[:10]}@grower.example")
    requests.answer(officer.actor, number, "Not without a proof.", refuse=True)


@pytest.mark.usefixtures("home")
def test_what_nobody_proves_is_reminded_once_and_closed() -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.requests import drp_status
    from glasshouse.requests import reminders as deadlines
    from glasshouse.requests.models import Request

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = asked(address)
    row = Request.objects.filter(id=number)
    mails = Message.objects.filter(address_hash=row.get().address_hash)
    deadlines.give_up_due()
    assert mails.count() == 1
    row.update(asked_at=clock.now() - timedelta(days=8))
    deadlines.give_up_due()
    deadlines.give_up_due()
    assert mails.count() == 2, "the link once more, once"
    row.update(asked_at=clock.now() - timedelta(days=15), reminded_at=clock.now() - timedelta(days=8))
    deadlines.give_up_due()
    found = row.get()
    assert found.outcome == "unproved"
    assert found.closed_at
    assert mails.count() == 3
    assert drp_status.status_of(found)["reason"] == "insuf_verification"
    proved = asked(f"{uuid.uuid4().hex[:10]}@grower.example")
    Request.objects.filter(id=proved).update(asked_at=clock.now() - timedelta(days=20), proved_at=clock.now())
    deadlines.give_up_due()
    assert Request.objects.get(id=proved).closed_at is None


def test_the_desk_never_reads_the_link_that_proves_a_person(officer: Customer, web: Web) -> None:
    from tests.conftest import enter_staff

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = asked(address)
    secret = prove_link(address, "privacy/prove")
    page = page_of(enter_staff(web(officer)), number)
    assert "Please confirm that this address" in page
    assert secret not in page
