"""PRI-10, PRI-20: whether a mail may go is ruled at its hand-over; mails of a purpose stop with one click, or by a mail."""

import ast
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import IntegrityError, transaction

from tests.conftest import Customer, administering, forget_recipients, post, prove_link
from tests.promises.test_passed_on import text_of
from tests.promises.test_pri_15_16_disclosures import entry
from tests.promises.test_stop_links import TEXTS
from tests.test_mail import MailSink, mail_sink

__all__ = ["mail_sink"]
Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
SOURCE = Path(__file__).resolve().parents[2] / "src" / "glasshouse"


@pytest.fixture
def announced(home: object, officer: Customer) -> Iterator[Callable[[], str]]:
    """Registers a provider, which queues the news of it; returns its name."""
    from glasshouse.disclosures import api as disclosures

    def add() -> str:
        name = f"Text Co {uuid.uuid4().hex[:8]}"
        disclosures.add(officer.actor, entry(texts=TEXTS | {"name": name}))
        return name

    yield add
    with administering(home) as connection:  # type: ignore[arg-type]
        forget_recipients(connection)


def reader(customer: Make) -> Customer:
    """A person who wants news of providers."""
    from glasshouse.consent import api as consent

    one = customer()
    consent.give(one.alone, "provider-news")
    return one


def subscribed(client: httpx.Client, address: str) -> None:
    """Subscribe an address without an account, by the page and the mailed link."""
    post(client, "/trust/providers", "/trust/providers", address=address)
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    assert post(client, f"{path}/begin", path).status_code == 200


def delivered(sink: MailSink, address: str, after: timedelta = timedelta(days=1)) -> list[Any]:
    """Hand over what waits, and what has arrived at an address then."""
    from glasshouse.kernel import clock
    from glasshouse.mail import api as mail

    with clock.frozen(clock.now() + after):
        mail.deliver_due(limit=5000)
    return [letter for letter in sink.letters if letter["To"] == address]


def news_to(sink: MailSink, address: str) -> list[Any]:
    """The mails to an address that can be stopped."""
    return [letter for letter in delivered(sink, address) if letter["List-Unsubscribe"]]


def token_in(letter: Any) -> str:
    found = re.search(r"/stop/([a-z2-7]{43})>", letter["List-Unsubscribe"])
    assert found, letter["List-Unsubscribe"]
    return found[1]


def ruled(mail_id: str) -> str:
    from glasshouse.messages.models import Ruled

    return str(Ruled.objects.values_list("verdict", flat=True).get(id=mail_id))


def waiting(address: str) -> Any:
    """The newest mail of news to an address."""
    from glasshouse.mail.models import Message
    from glasshouse.vault import api as vault

    rows = Message.objects.filter(address_hash=vault.lookup("address", address), kind="providers")
    return rows.order_by("-created_at").first()


# -- classes -------------------------------------------------------------------------------------------------------


def kinds_in(source: str) -> set[str]:
    """Every kind of mail that a module names where it queues one: a constant, or a name of one."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    kinds = set()
    for node in ast.walk(tree):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if name.rpartition(".")[2] not in ("queue_template", "queue_draft", "keep_sent") or not name.startswith(
            "mail."
        ):
            continue
        assert isinstance(node, ast.Call)
        kinds |= values_of(node.args[1], constants, tree)
    return kinds


def values_of(node: ast.expr, constants: dict[str, Any], tree: ast.AST) -> set[str]:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return values_of(node.body, constants, tree) | values_of(node.orelse, constants, tree)
    if isinstance(node, ast.Name) and node.id in constants:
        return {constants[node.id]}
    if isinstance(node, ast.Name):
        assigned = [
            part.value
            for part in ast.walk(tree)
            if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == node.id
        ]
        return {value for part in assigned for value in values_of(part, constants, tree)} or {f"?{node.id}"}
    return {f"?{ast.unparse(node)}"}


# What is no constant where it is queued, and the kinds that it may be.
ELSEWHERE = {
    "?mail.ERASED": {"erased"},
    "?what": {"corrected", "erased", "lifted", "restricted"},
    "?CHANGE": {"change"},
    "?SIGN_UP": {"sign-up"},
    "?RESET": {"reset"},
    "?KIND": {"text"},
}


def sent_kinds() -> set[str]:
    kinds = {
        kind
        for file in SOURCE.rglob("*.py")
        if "breakages" not in file.parts and file.parent.name != "mail"
        for kind in kinds_in(file.read_text())
    }
    unknown = {kind for kind in kinds if kind.startswith("?")} - ELSEWHERE.keys()
    assert unknown == set(), "say in ELSEWHERE which kinds these may be"
    return {real for kind in kinds for real in ELSEWHERE.get(kind, {kind})}


def test_each_kind_of_mail_that_is_sent_is_declared_once_and_no_other_is() -> None:
    from glasshouse.mail.kinds import declared

    kinds = sent_kinds()
    assert len(kinds) > 15
    assert kinds == declared().keys()
    assert kinds_in('mail.queue_template(owner, "new-kind", address, "x", {})') == {"new-kind"}


def test_marketing_and_research_name_a_purpose_that_needs_consent() -> None:
    from glasshouse.consent.rules import PURPOSES
    from glasshouse.mail.kinds import BY_CONSENT, MailKind, MessageClass, declared
    from glasshouse.vault.datamap import Basis

    with pytest.raises(ValueError, match="names a purpose"):
        MailKind("offers", MessageClass.MARKETING)
    for kind in declared().values():
        if kind.message_class in BY_CONSENT:
            assert PURPOSES[kind.purpose].basis is Basis.CONSENT, kind.name
        assert not kind.purpose or kind.purpose in PURPOSES, kind.name


def test_a_mail_of_no_declared_kind_does_not_leave(mail_sink: MailSink) -> None:
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = mail.queue_draft(KeyOwnerId(new_id()), "undeclared", address, mail.Draft("s", "b"))
    assert delivered(mail_sink, address) == []
    message = Message.objects.get(id=number)
    assert (message.sent_at, message.tries) == (None, 1), "staff will see it"


def test_without_a_ruling_nothing_leaves(mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.mail import ruling

    monkeypatch.setattr(ruling, "_rulers", [])
    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    mail.queue_draft(KeyOwnerId(new_id()), "reset", address, mail.Draft("s", "b"))
    assert delivered(mail_sink, address) == []


def test_what_always_goes_is_ruled_on_too(mail_sink: MailSink) -> None:
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.messages.models import Ruled

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = mail.queue_draft(KeyOwnerId(new_id()), "reset", address, mail.Draft("s", "b"))
    (letter,) = delivered(mail_sink, address)
    assert letter["List-Unsubscribe"] is None
    row = Ruled.objects.get(id=number)
    assert (row.message_class, row.purpose, row.verdict) == ("requested", "", "goes")


# -- at the hand-over ----------------------------------------------------------------------------------------------


def test_a_choice_changed_while_the_mail_waits_counts(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.mail.models import Message

    one, other = reader(customer), reader(customer)
    announced()
    number = waiting(one.address).id
    consent.withdraw(one.alone, "provider-news")
    assert len(news_to(mail_sink, other.address)) == 1
    assert news_to(mail_sink, one.address) == []
    assert ruled(number) == "objected"
    assert not Message.objects.filter(id=number).exists(), "what may not go is not kept"


def test_the_database_takes_no_ruling_and_no_sending_against_a_choice(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.messages.models import Ruled

    one = reader(customer)
    announced()
    number = waiting(one.address).id
    consent.withdraw(one.alone, "provider-news")
    ruling = {"key_owner": one.actor.person, "kind": "providers", "message_class": "requested", "at": clock.now()}
    with pytest.raises(IntegrityError, match="may not go"), transaction.atomic():
        Ruled.objects.create(id=number, purpose="provider-news", verdict="goes", **ruling)
    with pytest.raises(IntegrityError, match="nothing ruled"), transaction.atomic():
        Message.objects.filter(id=number).update(sent_at=clock.now())
    Ruled.objects.create(id=number, purpose="provider-news", verdict="objected", **ruling)
    with pytest.raises(IntegrityError, match="nothing ruled"), transaction.atomic():
        Message.objects.filter(id=number).update(sent_at=clock.now())


def test_a_restricted_persons_news_wait(customer: Make, announced: Callable[[], str], mail_sink: MailSink) -> None:
    from glasshouse.consent import api as consent

    one = reader(customer)
    announced()
    consent.restrict(one.alone, "unlawful", "")
    assert news_to(mail_sink, one.address) == []
    consent.lift(one.alone)
    assert len(news_to(mail_sink, one.address)) == 1


def test_a_ruling_is_undone_with_the_sending_that_fails(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from glasshouse.messages.models import Ruled

    one = reader(customer)
    announced()
    number = waiting(one.address).id
    mail_sink.refusal = "451 come again"
    assert news_to(mail_sink, one.address) == []
    assert not Ruled.objects.filter(id=number).exists()
    mail_sink.refusal = ""
    assert len(delivered(mail_sink, one.address, timedelta(days=2))) >= 1
    assert ruled(number) == "goes"


# -- one click -----------------------------------------------------------------------------------------------------


def test_the_head_of_the_mail_says_how_to_stop_it(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from django.conf import settings

    one = reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    token = token_in(letter)
    mailbox, _, domain = settings.OPERATOR.privacy_address.rpartition("@")
    addresses = re.sub(r"\s+", " ", letter["List-Unsubscribe"])
    expected = f"<{settings.ORIGIN}/stop/{token}>, <mailto:{mailbox}+u-{token}@{domain}?subject=unsubscribe>"
    assert addresses == expected
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Id"] == "<provider-news.grower.example>"
    assert f"/stop/{token}" in text_of(letter), "the link in the text is the same"


def test_fetching_every_link_fifty_times_stops_nothing(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web
) -> None:
    from glasshouse.consent import api as consent

    one, client = reader(customer), web()
    announced()
    (letter,) = news_to(mail_sink, one.address)
    path = f"/stop/{token_in(letter)}"
    for _ in range(50):
        assert client.get(path).status_code == client.head(path).status_code == 200
    assert consent.may(str(one.actor.person), "provider-news")
    announced()
    assert len(news_to(mail_sink, one.address)) == 2


@pytest.mark.parametrize("form", ["urlencoded", "multipart", "empty"])
def test_one_post_stops_at_once_and_says_200_each_time(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web, form: str
) -> None:
    from glasshouse.consent import api as consent

    one, client = reader(customer), web()
    announced()
    (letter,) = news_to(mail_sink, one.address)
    announced()  # It waits when the click comes.
    path, body = f"/stop/{token_in(letter)}", {"List-Unsubscribe": "One-Click"}
    parts = {"List-Unsubscribe": (None, "One-Click")}
    sent: dict[str, Any] = {"urlencoded": {"data": body}, "multipart": {"files": parts}, "empty": {}}[form]
    for _ in range(3):
        answer = client.post(path, headers={"Origin": "https://mail.example"}, **sent)
        assert answer.status_code == 200
    assert answer.headers.get("set-cookie") is None
    assert one.address not in answer.text
    assert not consent.may(str(one.actor.person), "provider-news")
    assert len(news_to(mail_sink, one.address)) == 1
    assert client.post("/stop/" + "a" * 43, **sent).status_code == 200, "whatever the token is"


def test_a_wish_said_anew_counts(customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web) -> None:
    from glasshouse.consent import api as consent

    one, client = reader(customer), web()
    announced()
    (letter,) = news_to(mail_sink, one.address)
    client.post(f"/stop/{token_in(letter)}")
    assert "no such email any more" in client.get(f"/stop/{token_in(letter)}").text
    consent.give(one.alone, "provider-news")
    announced()
    assert len(news_to(mail_sink, one.address)) == 2


def test_two_who_share_an_address_are_stopped_together(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web
) -> None:
    from glasshouse.disclosures.models import Subscriber
    from glasshouse.vault import api as vault

    one, client = reader(customer), web()
    subscribed(client, one.address)
    subscribed(client, one.address)
    announced()
    letters = news_to(mail_sink, one.address)
    assert len(letters) == 3
    client.post(f"/stop/{token_in(letters[0])}")
    live = Subscriber.objects.filter(address_hash=vault.lookup("address", one.address), ended_at=None)
    assert not live.exists()
    announced()
    assert len(news_to(mail_sink, one.address)) == 3


def test_a_forwarded_link_stops_its_reader_alone(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web
) -> None:
    from glasshouse.consent import api as consent

    one, other = reader(customer), reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    news_to(mail_sink, other.address)
    page = web(other).get(f"/stop/{token_in(letter)}").text
    assert one.address not in page
    web(other).post(f"/stop/{token_in(letter)}")
    assert consent.may(str(other.actor.person), "provider-news")
    assert not consent.may(str(one.actor.person), "provider-news")
    assert consent.may(str(one.actor.person), "new-browser"), "no other purpose"


def test_the_link_outlives_the_account_and_is_followed_after_it(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, web: Web
) -> None:
    from glasshouse.messages.models import Ruled, StopLink, Suppression
    from glasshouse.subject import erasure
    from glasshouse.vault import api as vault

    one, client = reader(customer), web()
    announced()
    (letter,) = news_to(mail_sink, one.address)
    assert Ruled.objects.filter(key_owner=one.actor.person).exists()
    erasure.erase(one.alone)
    assert not Ruled.objects.filter(key_owner=one.actor.person).exists(), "nothing names who is erased"
    assert not StopLink.objects.filter(key_owner=one.actor.person).exists()
    assert client.post(f"/stop/{token_in(letter)}").status_code == 200
    assert Suppression.objects.filter(address_hash=vault.lookup("address", one.address)).count() == 1
    assert StopLink.objects.filter(address_hash=vault.lookup("address", one.address)).count() == 1
    assert one.address not in client.get(f"/stop/{token_in(letter)}").text


def test_a_confirmation_that_is_sent_again_begins_nothing(
    announced: Callable[[], str], mail_sink: MailSink, web: Web
) -> None:
    client, address = web(), f"{uuid.uuid4().hex[:10]}@grower.example"
    post(client, "/trust/providers", "/trust/providers", address=address)
    path = f"/trust/providers/{prove_link(address, 'trust/providers')}"
    announced()
    assert news_to(mail_sink, address) == [], "nobody confirmed it"
    assert post(client, f"{path}/begin", path).status_code == 200
    announced()
    (letter,) = news_to(mail_sink, address)
    client.post(f"/stop/{token_in(letter)}")
    assert post(client, f"{path}/begin", "/sign-in").status_code == 400
    announced()
    assert len(news_to(mail_sink, address)) == 1


def test_what_a_reply_must_say_and_what_an_address_must_hold() -> None:
    from glasshouse.messages import rules

    stops = [
        ("x", "Unsubscribe.\n\nOn Monday <a@b.example> wrote:\n> news"),
        ("Re: AW: unsubscribe", ""),
        ("x", "STOP!"),
    ]
    stops += [("x", "Bitte abmelden\n-- \nJan"), ("unsubscribe", "> we wrote: unsubscribe")]
    goes_on = [("x", "Do not unsubscribe me"), ("Unsubscribe", "Why do you ask?"), ("x", "> unsubscribe"), ("", "")]
    assert all(rules.asks_to_stop(*mail) for mail in stops)
    assert not any(rules.asks_to_stop(*mail) for mail in goes_on)
    token = rules.token_of("ab" * 32)
    assert len(token) == rules.TOKEN_LENGTH and token == token.lower()
    assert rules.token_in(f"Privacy+U-{token.upper()}") == token
    for other in ("privacy", f"privacy+{token}", f"privacy+u-{token}x", f"privacy+u-{token[:-1]}-", f"u-{token}"):
        assert rules.token_in(other) == "", other


# -- by mail -------------------------------------------------------------------------------------------------------


def accepted(recipient: str, letter: EmailMessage, sender: str = "someone@grower.example") -> str:
    """The answer of inbound SMTP to a mail, as its handler gives it."""
    import asyncio
    from types import SimpleNamespace

    from aiosmtpd.smtp import Envelope

    from glasshouse.operations.inbound_smtp import InboundSmtp

    async def talk() -> str:
        handler, envelope = InboundSmtp(), Envelope()
        envelope.mail_from = sender
        session: Any = SimpleNamespace(peer=("127.0.0.1", 1), host_name="localhost")
        answer = await handler.handle_RCPT(None, session, envelope, recipient, [])  # type: ignore[arg-type]
        if not answer.startswith("250"):
            return answer
        envelope.content = letter.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return await handler.handle_DATA(None, session, envelope)  # type: ignore[arg-type]

    return asyncio.run(talk())


def written(subject: str, text: str, sender: str = "someone@grower.example", **headers: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, "privacy@localhost", subject
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(text)
    return letter


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_a_mail_to_the_address_in_the_head_stops(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink, spelled: Callable[[str], str]
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.requests.models import Request

    one = reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    before = Request.objects.count()
    recipient = f"privacy+{spelled('u-' + token_in(letter))}@localhost"
    assert accepted(recipient, written("unsubscribe", "")).startswith("250")
    assert not consent.may(str(one.actor.person), "provider-news")
    assert Request.objects.count() == before, "nobody need answer it"
    assert accepted(f"privacy+u-{'a' * 43}@localhost", written("unsubscribe", "")).startswith("250"), "tells nothing"


def test_a_reply_that_asks_so_stops(customer: Make, announced: Callable[[], str], mail_sink: MailSink) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.requests.models import Request

    one = reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    before = Request.objects.count()
    text, message_id = "Please unsubscribe me.\n\n> stop\n", letter["Message-ID"]
    reply = written("Re: A new provider", text, one.address, In_Reply_To=message_id)
    assert accepted("privacy@localhost", reply, one.address).startswith("250")
    assert not consent.may(str(one.actor.person), "provider-news")
    assert Request.objects.count() == before


def test_a_reply_that_asks_more_is_a_request_as_before(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from glasshouse.consent import api as consent
    from glasshouse.requests.models import Request

    one = reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    before = Request.objects.count()
    text = "Who is this provider, and why does it get my data?\n\n> To get no such mail any more: unsubscribe\n"
    reply = written("Re: A new provider", text, one.address, In_Reply_To=letter["Message-ID"])
    assert accepted("privacy@localhost", reply, one.address).startswith("250")
    assert consent.may(str(one.actor.person), "provider-news"), "what it quotes is ours"
    assert Request.objects.count() == before + 1


# -- bounces -------------------------------------------------------------------------------------------------------


def report(status: str) -> EmailMessage:
    from email import message_from_string, policy

    text = (
        "From: MAILER-DAEMON@mx.example\nTo: x@localhost\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nIt did not arrive.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; jan@grower.example\nAction: failed\nStatus: {status}\n\n--b--\n"
    )
    made: EmailMessage = message_from_string(text, policy=policy.default)  # type: ignore[assignment]
    return made


def test_a_mailbox_that_is_not_there_gets_nothing_by_consent_any_more(
    customer: Make, announced: Callable[[], str], mail_sink: MailSink
) -> None:
    from glasshouse.accounts import api as accounts

    one = reader(customer)
    announced()
    (letter,) = news_to(mail_sink, one.address)
    number = letter["Message-ID"].strip("<>").partition("@")[0]
    assert accepted(f"bounce-{number}@localhost", report("4.2.2")).startswith("250")
    assert accepted(f"bounce-{number}@localhost", report("5.2.2")).startswith("250")
    announced()
    assert len(news_to(mail_sink, one.address)) == 2, "a full mailbox is no dead one"
    assert accepted(f"bounce-{number}@localhost", report("5.1.1")).startswith("250")
    announced()
    assert len(news_to(mail_sink, one.address)) == 2
    accounts.ask_reset(one.address, network="127.0.0.9")
    texts = [text_of(letter) for letter in delivered(mail_sink, one.address)]
    assert any("/reset/" in text for text in texts), "what was asked for still goes"


def test_a_forged_report_suppresses_nobody(customer: Make, announced: Callable[[], str], mail_sink: MailSink) -> None:
    from glasshouse.kernel.ids import new_id
    from glasshouse.messages.models import Suppression
    from glasshouse.vault import api as vault

    one = reader(customer)
    announced()
    news_to(mail_sink, one.address)
    before = Suppression.objects.count()
    forged = report("5.1.1")
    accepted(f"bounce-{new_id()}@localhost", forged)
    accepted("privacy@localhost", forged)
    assert accepted(f"bounce-{one.address.partition('@')[0]}@localhost", forged).startswith("550")
    assert Suppression.objects.count() == before
    assert not Suppression.objects.filter(address_hash=vault.lookup("address", one.address)).exists()


# -- the page of one's own -----------------------------------------------------------------------------------------


def test_a_person_decides_on_a_page(customer: Make, web: Web) -> None:
    from glasshouse.consent import api as consent

    one = customer()
    client, page = web(one), "/account/data/messages"
    assert "Send me these" in client.get(page).text
    assert post(client, f"{page}/want", page, purpose="provider-news").status_code == 302
    assert consent.may(str(one.actor.person), "provider-news")
    assert post(client, f"{page}/stop", page, purpose="provider-news").status_code == 302
    assert not consent.may(str(one.actor.person), "provider-news")
    for purpose in ("new-browser", "sale", "nothing", ""):
        assert post(client, f"{page}/want", page, purpose=purpose).status_code == 400, purpose
