"""A mail from outside never breaks, never hangs the listener, and is heard where a person wrote it. Source: issue 10, line 16."""

import base64
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from crop_contract import sandbox
from glasshouse.kernel.errors import InvalidError, UnavailableError
from glasshouse.operations import inbound_mail, inbound_smtp
from glasshouse.operations.html_text import text_of_html
from glasshouse.requests import replies

HEAD = b"From: jan@x.example\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"
TAKEN = "250 OK"


@pytest.fixture
def taken(home: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], tuple[str, Any]]:
    """Hands a mail to the listener's verb; returns its answer and what would become a request."""

    def take(raw: bytes) -> tuple[str, Any]:
        arrived: list[Any] = []
        monkeypatch.setattr(replies, "from_mail", lambda *given: arrived.append(given))
        return inbound_smtp.take(raw), (arrived or [None])[0]

    return take


@pytest.mark.parametrize(
    "charset",
    ["x-unknown", "punycode", "idna", "hex", "rot13", "undefined", "unicode_escape", "\x00", "a" * 999, "utf-7"],
)
def test_an_unknown_charset_is_no_reason_not_to_hear_somebody(
    taken: Callable[[bytes], tuple[str, Any]], charset: str
) -> None:
    raw = HEAD + f'Content-Type: text/plain; charset="{charset}"\r\n\r\nBitte löschen Sie alles\r\n'.encode()
    answer, arrived = taken(raw)
    assert answer == TAKEN
    assert "schen Sie alles" in arrived[2]


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "koi8-r", "shift_jis", "gb18030", "utf-16"])
def test_a_known_charset_is_read_by_its_rules(charset: str) -> None:
    words = {"koi8-r": "удалить", "shift_jis": "削除", "gb18030": "删除"}.get(charset, "Löschen")
    head = HEAD + f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
    assert inbound_mail.read(head + base64.encodebytes(words.encode(charset))).text.strip() == words


def test_eight_bit_text_without_any_header_is_read(taken: Callable[[bytes], tuple[str, Any]]) -> None:
    raw = "From: jan@x.example\r\nSubject: Löschung\r\n\r\nBitte löschen".encode()
    assert inbound_mail.read(raw).text == "Bitte löschen"
    assert inbound_mail.read(raw).subject == "Löschung"
    assert "löschen" in inbound_mail.read(raw.decode().encode("cp1252")).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p><b>del</b>ete <i>me</i></p>", "delete me"),
        ("one<br>two<p>three</p>", "one\ntwo\nthree"),
        ("<style>p {}</style><SCRIPT>alert(1)</script >a<!-- no -->b", "ab"),
        ("a &lt;b&gt; &amp; &#233; &#xe9;", "a <b> & é é"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<a title=\"x>y\" href='a>b'>go</a>", "go"),
        ("<p title=it's>Hello <b>you</b></p>", "Hello you"),
        ("x <y", "x <y"),
        ("a<!-->b", "ab"),
        ("&#99999999999999999999;", "�"),
    ],
)
def test_html_becomes_the_words_that_a_person_reads(html: str, text: str) -> None:
    assert text_of_html(html, 1000) == text


HOSTILE_HTML = [
    "<",
    "<a",
    "<!--",
    "<a '",
    '<a ="',
    "</",
    "<script>",
    "<style",
    "&",
    "&#",
    "&#9",
    "<!",
    "<?",
    "<p>",
    "<a =\"'",
    "\n",
    "< ",
    "-->",
    "&lt",
]


@pytest.mark.parametrize("piece", HOSTILE_HTML)
def test_the_time_for_html_grows_with_its_size_only(piece: str) -> None:
    assert_linear(lambda count: text_of_html(piece * count, 20_000), 20_000)


def assert_linear(act: Callable[[int], object], count: int) -> None:
    """Eight times as much takes about eight times as long: with a square it would be 64 times."""
    act(count)
    small, large = (min(_spent(act, one) for _ in range(3)) for one in (count, 8 * count))
    assert large < 24 * small + 0.05, f"{small:.4f} s, then {large:.4f} s"


def _spent(act: Callable[[int], object], count: int) -> float:
    begun = time.process_time()
    act(count)
    return time.process_time() - begun


def html_mail(count: int) -> bytes:
    return HEAD + b"Content-Type: text/html\r\n\r\n" + b"\r\n".join(b"<" * 900 for _ in range(count))


HOSTILE_MAILS: dict[str, Callable[[int], bytes]] = {
    "angle brackets": html_mail,
    "empty lines": lambda n: HEAD + b"\r\n" + b"\r\n" * 500 * n,
    "headers": lambda n: HEAD + b"X: y\r\n" * 20 * n + b"\r\nx",
    "folded header": lambda n: HEAD + b"Content-Type: a\r\n" + b" b\r\n" * 20 * n + b"\r\nx",
    "nested parts": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n)
    ),
    "one boundary": lambda n: HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100 * n,
    "nearly a boundary": lambda n: HEAD + b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n" + b"\r\n--b" * 100 * n,
    "comments": lambda n: b"From: " + b"(" * 100 * n + b"jan@x.example\r\n\r\n",
    "encoded words": lambda n: HEAD + b"Subject: " + b"=?utf-8?q?" * 20 * n + b"\r\n\r\nx",
    "results": lambda n: HEAD + b"Authentication-Results: x;" + b" spf" * 100 * n + b"\r\n\r\nx",
    "seals": lambda n: HEAD + b"ARC-Seal: x\r\n" * 4 * n + b"DKIM-Signature: x\r\n" * n + b"\r\nx",
    "spaces": lambda n: (
        HEAD
        + b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=x.example; s=s; h=from; bh=; b=\r\n\r\n"
        + (b" " * 990 + b"x\r\n") * n
    ),
    "base64": lambda n: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A=B\r\n" * 100 * n,
    "quoted": lambda n: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n=4" * 100 * n,
    "parameters": lambda n: HEAD + b"Content-Type: text/plain; " + b'a="b;' * 20 * n + b"\r\n\r\nx",
    "no header ends": lambda n: b"x" * 1000 * n,
}


@pytest.mark.parametrize("kind", HOSTILE_MAILS)
def test_the_time_for_a_mail_grows_with_its_size_only(
    taken: Callable[[bytes], tuple[str, Any]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.resolver.resolve", _no_network)
    monkeypatch.setattr("dns.resolver.query", _no_network)

    def process(count: int) -> None:
        raw = HOSTILE_MAILS[kind](count)
        inbound_smtp.authenticated(raw, "127.0.0.1", "", "")
        taken(raw)
        inbound_smtp.take_back(raw, "0" * 16)

    assert_linear(process, 30)


def _no_network(*_: object, **__: object) -> None:
    raise OSError("there is no network in a test")


def test_a_mail_that_breaks_a_bound_is_refused_for_good(taken: Callable[[bytes], tuple[str, Any]]) -> None:
    for raw in (
        b"X: y\r\n" * 501 + HEAD + b"\r\nx",
        b"X: " + b"y" * (200 << 10),
        b"",
    ):
        answer, arrived = taken(raw)
        assert answer.startswith("55"), (answer, raw[:60])
        assert arrived is None


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ('"jan@x.example" <jan@x.example>', "jan@x.example"),
        ("a@x.example <b@y.example>", "b@y.example"),
        ("jan@x.example (Jan, of x)", "jan@x.example"),
        ('"Jan, \\" of (x)" <jan@x.example>', "jan@x.example"),
        ("=?utf-8?q?a=40x.example=2C?= <jan@x.example>", "jan@x.example"),
        ("jan@x.example", "jan@x.example"),
    ],
)
def test_the_sender_is_the_address_and_never_the_name(value: str, sender: str) -> None:
    assert inbound_mail.sender_of(value) == sender


def test_parts_in_parts_are_read_as_far_as_people_write_them() -> None:
    inner = EmailMessage()
    inner.set_content("Bitte löschen")
    inner.add_alternative("<p>not this</p>", subtype="html")
    for number in range(30):
        inner.add_attachment(b"x" * 1000, maintype="image", subtype="png", filename=f"{number}.png")
    inner["From"], inner["Subject"] = "jan@x.example", "x"
    assert inbound_mail.read(inner.as_bytes()).text.strip() == "Bitte löschen"
    boundaries = [b"b%d" % number for number in range(15)]
    body = b"Content-Type: text/plain\r\n\r\ndeep\r\n"
    for one in reversed(boundaries):
        body = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n%s\r\n--%s--\r\n" % (one, one, body, one)
    assert inbound_mail.read(b"From: jan@x.example\r\n" + body).text.strip() == "deep"
    report = EmailMessage()
    report.set_content("x")
    assert inbound_mail.failed_status(report.as_bytes()) == ""
    failed = (
        b"Content-Type: multipart/report; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nx\r\n--r\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\n--r--\r\n"
    )
    assert inbound_mail.failed_status(failed)


def test_our_own_trouble_puts_the_mail_off_and_the_mails_refuses_it(
    home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, code in (
        (OperationalError("away"), "451"),
        (UnavailableError("away"), "451"),
        (InvalidError("x"), "550"),
    ):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(replies, "from_mail", fail)
        assert inbound_smtp.take(HEAD + b"\r\nx").startswith(code)
    for trouble, code in (
        (sandbox.BrokenError("x"), "554"),
        (sandbox.LimitError("cpu_s"), "554"),
        (sandbox.NotStartedError(), "451"),
        (sandbox.KilledError(), "451"),
    ):

        def break_off(*_: object, trouble: Exception = trouble) -> None:
            raise trouble

        monkeypatch.setattr(sandbox, "run", break_off)
        assert inbound_smtp.take(HEAD + b"\r\nx").startswith(code)
        assert inbound_smtp.take_back(HEAD + b"\r\nx", "0" * 16).startswith(code)


@pytest.mark.parametrize(
    "value",
    [
        "<p\x0bq@x>",
        "<p\x0cq@x>",
        "<p\x1cq@x>",
        "<p\u0085q@x>",
        "<p\u2028q@x>",
        "<=?utf-8?q?=0a?=@x>",
        "x",
        "<a@b> <c@d>",
        "<" + "a" * 900 + "@x>",
    ],
)
def test_a_message_id_that_is_none_is_not_kept(value: str) -> None:
    raw = f"From: jan@x.example\r\nMessage-ID: {value}\r\n\r\nx".encode()
    assert inbound_mail.read(raw).message_id == ""
    assert (
        inbound_mail.read(b"From: jan@x.example\r\nMessage-ID:\r\n <a.b@x.example>\r\n\r\nx").message_id
        == "<a.b@x.example>"
    )


def mutated() -> Any:
    """A plausible mail with bytes changed, doubled, taken away."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Jan <jan@x.example>", "privacy@localhost", "Löschung"
    mail["Message-ID"] = "<a@x.example>"
    mail.set_content("Bitte löschen Sie alles.\n")
    mail.add_alternative("<p>Bitte <b>löschen</b></p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ü.pdf")
    base = mail.as_bytes()
    cut = some.tuples(some.integers(0, len(base)), some.integers(0, 40), some.binary(max_size=20), some.integers(1, 50))

    def apply(changes: list[tuple[int, int, bytes, int]]) -> bytes:
        raw = base
        for at, length, instead, times in changes:
            raw = raw[:at] + instead * times + raw[at + length :]
        return raw

    return some.lists(cut, max_size=6).map(apply)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=some.one_of(some.binary(max_size=3000), mutated()))
def test_whatever_comes_is_read_or_refused_and_stays_bounded(raw: bytes) -> None:
    try:
        mail = inbound_mail.read(raw)
        inbound_mail.failed_status(raw)
    except inbound_mail.UnreadableError:
        return
    assert len(mail.text) <= inbound_mail.MAX_TEXT
    assert len(mail.subject) <= 400
    for text in (mail.sender, mail.subject, mail.message_id):
        assert not any(mark in text for mark in "\r\n\x00\u2028")
    (mail.text + mail.subject + mail.sender).encode()


@settings(max_examples=300, deadline=None)
@given(
    html=some.one_of(
        some.text(max_size=400),
        some.lists(some.sampled_from([*HOSTILE_HTML, "b", '"', "'", ">", "=", ";"])).map("".join),
    )
)
def test_any_html_gives_text(html: str) -> None:
    assert len(text_of_html(html, 100)) <= 100


def test_connections_are_bounded_and_a_broken_one_gives_its_place_back(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(inbound_smtp, "MAX_CONNECTIONS", 3)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listener = inbound_smtp.controller(port, home.keys / "tls", inbound_smtp.InboundSmtp())
    listener.start()
    try:
        for _ in range(3):  # What is closed, in the middle of a TLS handshake too, makes room.
            links = _three_taken(port)
            one_too_many = socket.create_connection(("127.0.0.1", port), 10)
            assert _line(one_too_many).startswith(b"421")
            one_too_many.close()
            for link in links:
                link.sendall(b"EHLO x\r\n")
                while not _line(link).startswith(b"250 "):
                    pass
                link.sendall(b"STARTTLS\r\n")
                assert _line(link).startswith(b"220")
                link.sendall(b"no handshake at all\r\n")
            for link in links:
                link.close()
        links = _three_taken(port)
        one_too_many = socket.create_connection(("127.0.0.1", port), 10)
        assert _line(one_too_many).startswith(b"421")
        for link in (*links, one_too_many):
            link.close()
    finally:
        listener.stop()


def _three_taken(port: int) -> list[Any]:
    """Three connections that the listener takes at once, as soon as those before have given their places back."""
    import socket

    ends_s = time.monotonic() + 60
    while True:
        links = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(3)]
        answers = [_line(link)[:3] for link in links]
        if answers == [b"220"] * 3:
            return links
        for link in links:
            link.close()
        assert time.monotonic() < ends_s, answers
        time.sleep(0.05)


def _line(link: Any) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = link.recv(1)
        if not piece:
            break
        line += piece
    return line


def test_a_signature_that_would_cost_much_is_not_checked(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dkim.verify", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("dkim.arc_verify", lambda *_, **__: 1 / 0)
    signed = HEAD + b"DKIM-Signature: v=1\r\n"
    for raw in (
        signed + b"\r\n" + b" " * 300 + b"x",
        signed + b"\r\n" + b"\t " * 300 + b"x",
        HEAD + b"DKIM-Signature: h=" + b"a:" * 3000 + b"\r\n\r\nx",
        HEAD + b"ARC-Seal: i=999999999; a=b\r\n\r\nx",
        signed + b"\r\n" + b"x\r\n" * (1 << 20),
    ):
        assert inbound_smtp.authenticated(raw, "127.0.0.1", "", "").endswith("dkim=unchecked arc=unchecked")
    assert inbound_smtp.authenticated(signed + b"\r\nx", "127.0.0.1", "", "") == "spf=none dkim=temperror arc=none"


def test_a_mail_that_takes_too_long_is_put_off_and_the_next_is_taken(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio
    import threading

    from aiosmtpd.smtp import Envelope, Session

    over = threading.Event()

    def check(body: bytes, *_: str) -> str:
        if b"slow" in body:
            over.wait(20)
        return ""

    monkeypatch.setattr(inbound_smtp, "PROCESSING_S", 0.2)
    monkeypatch.setattr(inbound_smtp, "authenticated", check)
    monkeypatch.setattr(inbound_smtp, "take", lambda body, told, path: TAKEN)

    async def deliver() -> list[str]:
        handler, loop = inbound_smtp.InboundSmtp(), asyncio.get_running_loop()
        answers = []
        for body in (b"slow", b"next"):
            envelope = Envelope()
            envelope.content, envelope.rcpt_tos = body, ["privacy@localhost"]
            answers.append(await handler.handle_DATA(None, Session(loop), envelope))  # type: ignore[arg-type]
        over.set()
        return answers

    first, second = asyncio.run(deliver())
    assert (first[:3], second) == ("451", TAKEN)
