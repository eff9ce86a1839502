"""PRI-26, PRI-28: what happens between a request and its answer; nothing of it is lost, altered, or told twice."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from glasshouse.accounts import throttle
from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError, NotFoundError, ReauthenticationError
from glasshouse.kernel.ids import RequestId
from glasshouse.mail.models import Message
from glasshouse.operations.installation import Installation
from glasshouse.requests import api as requests
from glasshouse.requests import cases, email_links, files, proofs, referrals, reminders, replies, threads
from glasshouse.requests.languages import language_of
from glasshouse.requests.mail_files import MailFile
from glasshouse.requests.models import Request, RequestFile, RequestMessage
from glasshouse.requests.speaks_of_law import speaks_of_law
from glasshouse.subject import erasure
from glasshouse.vault import api as vault
from glasshouse.vault.fields import readable
from tests.conftest import Customer, administering, led, post, prove_link
from tests.desk import listed
from tests.promises.test_pri_26_28_requests import sent
from tests.repairs.test_links_and_replies import invited

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def unused_limits(home: Installation) -> None:
    """Limits of all senders together as nobody has used them: other tests did, at the clock of later days."""
    from glasshouse.accounts.models import Tries

    keys = [throttle._key(purpose, "everybody") for purpose in ("mail-answers", "mails", "mail-bytes")]
    Tries.objects.filter(key__in=keys).delete()


def an_address() -> str:
    return f"{uuid.uuid4().hex[:12]}@grower.example"


def asked(address: str, kind: str = "access", text: str = "please", *, confirmed: bool = True, **more: Any) -> Request:
    number = requests.ask(address, kind, "eu", text, requests.Arrival(network=uuid.uuid4().hex, **more))
    if confirmed:
        email_links.confirm(prove_link(address, "privacy/prove"))
    return Request.objects.get(id=number)


def mails(address: str) -> list[Message]:
    return list(Message.objects.filter(address_hash=vault.lookup("address", address)).order_by("created_at"))


def recorded(home: Installation, kind: str, subject: str) -> list[dict[str, Any]]:
    """The facts of the events of a kind."""
    with administering(home) as link:
        rows = link.execute("SELECT facts FROM events_event WHERE kind = %s AND subject = %s", [kind, subject])
        return [row[0] for row in rows.fetchall()]


# -- asking back ---------------------------------------------------------------------------------------------------


def test_an_officer_asks_back_and_the_clock_runs_on(officer: Customer, customer: Make, home: Installation) -> None:
    address = an_address()
    request = asked(address)
    due_at = request.due_at
    with pytest.raises(NotFoundError):
        threads.write_to(customer().actor, RequestId(request.id), "Which farm?", asks=True)
    for empty in ("", "  \n", "x" * 20_001):
        with pytest.raises(InvalidError):
            threads.write_to(officer.actor, RequestId(request.id), empty, asks=True)
    threads.write_to(officer.actor, RequestId(request.id), "Which farm do you mean?", asks=True)
    request.refresh_from_db()
    assert (request.closed_at, request.due_at) == (None, due_at)
    assert threads.state_of(request) == "asked_back"
    assert listed(officer.actor, request.id).state == "asked"
    question = mails(address)[-1]
    assert "Which farm do you mean?" in question.body
    assert "runs on meanwhile" in question.body
    assert f"[{request.id}]" in question.subject
    assert len(recorded(home, "rights:request:ask-back", request.id)) == 1
    sent(home, address, f"Re: {question.subject}", "The one in Wageningen.")
    request.refresh_from_db()
    assert threads.state_of(request) == "open"
    assert listed(officer.actor, request.id).state == "answer", "what the person sends ends it"
    (answer,) = RequestMessage.objects.filter(request=request, sender="person")
    assert (answer.text.strip(), answer.channel) == ("The one in Wageningen.", "mail")
    assert len(mails(address)) == 2, "what continues a confirmed request needs no new link"


def test_nobody_is_asked_back_at_an_address_that_is_not_confirmed(officer: Customer) -> None:
    address = an_address()
    request = asked(address, confirmed=False)
    with pytest.raises(InvalidError, match="not confirmed"):
        threads.write_to(officer.actor, RequestId(request.id), "Who are you?", asks=True)
    on_paper = requests.enter(officer.actor, "", "access", "eu", "x", requests.Arrival("letter"))
    with pytest.raises(InvalidError, match="no email address"):
        threads.write_to(officer.actor, on_paper, "Who are you?", asks=True)
    assert len(mails(address)) == 1


# -- merging -------------------------------------------------------------------------------------------------------


def test_two_requests_of_one_person_go_on_as_one(officer: Customer, home: Installation) -> None:
    address, pdf = an_address(), MailFile("proof.pdf", "application/pdf", b"%PDF-1.7")
    earlier = asked(address, text="the first words", files=(pdf,))
    Request.objects.filter(id=earlier.id).update(due_at=earlier.due_at - timedelta(days=3))
    earlier.refresh_from_db()
    later = asked(address, kind="copy", text="the second words")
    requests.extend(officer.actor, RequestId(later.id), "much to do")
    sent(home, address, f"Re: [{earlier.id}]", "a word to the first")
    due_at = min(earlier.due_at, later.due_at)
    count = len(mails(address))
    rows = set(RequestMessage.objects.filter(request__in=[earlier, later]).values_list("id", "request_id"))
    threads.merge(officer.actor, RequestId(earlier.id), RequestId(later.id))
    earlier.refresh_from_db(), later.refresh_from_db()
    assert (earlier.outcome, earlier.merged_into, later.closed_at) == ("merged", later.id, None)
    assert later.due_at == due_at, "the earlier deadline counts, also where the other one was extended"
    (told,) = mails(address)[count:]
    assert earlier.id in told.body
    assert later.id in told.body
    assert set(RequestMessage.objects.filter(request__in=[earlier, later]).values_list("id", "request_id")) > rows
    shown = threads.shown(later)
    texts = " ".join(entry.text for entry in shown.entries)
    assert all(text in texts for text in ("the first words", "the second words", "a word to the first"))
    assert [file.name for file in shown.files] == ["proof.pdf"]
    case = cases.case_of(officer.actor, later.id)
    assert any("a word to the first" in message.text for message in case.messages)
    (file,) = case.files
    assert b"".join(files.fetch(officer.actor, later.id, file.id).body) == pdf.content
    assert recorded(home, "rights:request:merge", earlier.id) == [{"into": later.id}]
    # What is written to the old number goes on with the other one.
    sent(home, address, f"Re: [{earlier.id}]", "and one more word")
    assert RequestMessage.objects.filter(request=later, sender="person").get().text.strip() == "and one more word"
    assert Request.objects.filter(address_hash=later.address_hash).count() == 2
    with pytest.raises(NotFoundError):
        requests.answer(officer.actor, RequestId(earlier.id), "x", refuse=False)
    requests.answer(officer.actor, RequestId(later.id), "Here it is.", refuse=False)
    earlier.refresh_from_db(), later.refresh_from_db()
    assert earlier.closed_at == later.closed_at, "what was merged stays as long as what it was merged into"


def test_a_merge_is_undone_while_the_other_request_is_open(officer: Customer, home: Installation) -> None:
    address = an_address()
    earlier, later = asked(address, text="the first words"), asked(address, kind="copy", text="the second words")
    Request.objects.filter(id=later.id).update(due_at=later.due_at - timedelta(days=3))
    threads.merge(officer.actor, RequestId(earlier.id), RequestId(later.id))
    later.refresh_from_db()
    count = len(mails(address))
    threads.unmerge(officer.actor, RequestId(earlier.id))
    earlier.refresh_from_db(), later.refresh_from_db()
    assert (earlier.closed_at, earlier.outcome, earlier.merged_into, later.closed_at) == (None, "", "", None)
    assert earlier.due_at == later.due_at, "the deadline that the person was told stays, of both"
    (told,) = mails(address)[count:]
    assert earlier.id in told.body
    assert later.id in told.body
    assert recorded(home, "rights:request:unmerge", earlier.id) == [{"out_of": later.id}]
    texts = " ".join(entry.text for entry in threads.shown(later).entries)
    assert "the second words" in texts and "the first words" not in texts
    with pytest.raises(NotFoundError):
        threads.unmerge(officer.actor, RequestId(earlier.id))
    # Each is answered by itself; two that have one answer stay one.
    requests.answer(officer.actor, RequestId(earlier.id), "The first answer.", refuse=False)
    earlier.refresh_from_db()
    assert (earlier.outcome, earlier.answer) == ("answered", "The first answer.")
    third = asked(address, text="the third words")
    threads.merge(officer.actor, RequestId(third.id), RequestId(later.id))
    requests.answer(officer.actor, RequestId(later.id), "The answer to both.", refuse=False)
    with pytest.raises(InvalidError, match="both have one answer"):
        threads.unmerge(officer.actor, RequestId(third.id))


def test_only_requests_of_one_address_that_are_equally_sure_are_merged(officer: Customer, customer: Make) -> None:
    address = an_address()
    one, two, forged, other = asked(address), asked(address), asked(address, confirmed=False), asked(an_address())
    on_paper = [requests.enter(officer.actor, "", "access", "eu", "x", requests.Arrival("letter")) for _ in range(2)]
    agents = asked(address)
    Request.objects.filter(id=agents.id).update(agent="0" * 16)
    passed = asked(address)
    Request.objects.filter(id=passed.id).update(referrals=1)
    for number, into in (
        (one.id, one.id),
        (one.id, other.id),
        (other.id, one.id),
        (forged.id, one.id),
        (one.id, forged.id),
        (on_paper[0], on_paper[1]),
        (agents.id, one.id),
        (one.id, agents.id),
        (passed.id, one.id),
    ):
        with pytest.raises(InvalidError):
            threads.merge(officer.actor, RequestId(number), RequestId(into))
    with pytest.raises(NotFoundError):
        threads.merge(customer().actor, RequestId(one.id), RequestId(two.id))
    assert not Request.objects.exclude(merged_into="").filter(address_hash=one.address_hash).exists()
    requests.answer(officer.actor, RequestId(two.id), "Done.", refuse=False)
    for number, into in ((one.id, two.id), (two.id, one.id)):
        with pytest.raises(NotFoundError):
            threads.merge(officer.actor, RequestId(number), RequestId(into))


def test_a_merge_takes_earlier_merges_along_and_a_look_that_is_still_to_come(officer: Customer) -> None:
    address = an_address()
    first, second, third = (asked(address, confirmed=False, text=text) for text in ("my lawyer says", "x", "y"))
    threads.merge(officer.actor, RequestId(first.id), RequestId(second.id))
    threads.merge(officer.actor, RequestId(second.id), RequestId(third.id))
    assert {row.merged_into for row in Request.objects.filter(id__in=[first.id, second.id])} == {third.id}
    third.refresh_from_db()
    assert (third.needs_look, third.seen_at) == (True, None)
    by_number = threads.merged_into([third.id])
    assert [row.id for row in by_number[third.id]] == [first.id, second.id]


def test_requests_of_one_address_are_shown_together(officer: Customer) -> None:
    address = an_address()
    one, two, other = asked(address), asked(address, confirmed=False), asked(an_address())
    grouped = threads.of_same_address([one, two, other])
    assert {number: {row.id for row in rows} for number, rows in grouped.items()} == {
        one.id: {two.id},
        two.id: {one.id},
        other.id: set(),
    }


# -- what was sent -------------------------------------------------------------------------------------------------


def test_what_was_sent_is_altered_or_taken_away_by_no_role(home: Installation, officer: Customer) -> None:
    request = asked(an_address(), files=(MailFile("a.txt", "text/plain", b"a"),))
    requests.extend(officer.actor, RequestId(request.id), "much to do")
    RequestMessage.objects.filter(request=request).update()
    message, file = RequestMessage.objects.filter(request=request).first(), RequestFile.objects.get(request=request)
    assert message
    sealed = "set_byte({}, 20, 255 - get_byte({}, 20))"
    changes = [
        f"UPDATE rights_letter SET text = {sealed.format('text', 'text')} WHERE id = '{message.id}'",
        f"UPDATE rights_letter SET text = ''::bytea WHERE id = '{message.id}'",
        f"UPDATE rights_letter SET sender = 'person' WHERE id = '{message.id}'",
        f"UPDATE rights_letter SET at = now() WHERE id = '{message.id}'",
        f"UPDATE rights_letter SET authentication = text WHERE id = '{message.id}'",
        f"UPDATE rights_letter SET request_id = (SELECT id FROM rights_request WHERE id <> '{request.id}' LIMIT 1) "
        f"WHERE id = '{message.id}'",
        f"UPDATE rights_file SET name = {sealed.format('name', 'name')} WHERE id = '{file.id}'",
        f"UPDATE rights_file SET blob = '0000000000000000' WHERE id = '{file.id}'",
        f"UPDATE rights_request SET text = {sealed.format('text', 'text')} WHERE id = '{request.id}'",
        f"UPDATE rights_request SET address = {sealed.format('address', 'address')} WHERE id = '{request.id}'",
        f"DELETE FROM rights_letter WHERE id = '{message.id}'",
        f"DELETE FROM rights_file WHERE id = '{file.id}'",
    ]
    roles = [("app", "people"), ("person", "people"), ("job", "people"), ("relay", "people"), ("owner", "people")]
    for role, name in roles:
        keys = home.keys / "store" if role == "owner" else settings.KEYS_FOLDER
        secret = (keys / f"{role}.secret").read_text().strip()
        host = settings.DATABASES["default"]["HOST"]
        for change in changes:
            with (
                psycopg.connect(host=host, dbname=name, user=f"glasshouse_{role}", password=secret) as link,
                pytest.raises(psycopg.Error) as refused,
            ):
                link.execute(change)
                link.commit()
            assert isinstance(refused.value, psycopg.errors.RestrictViolation | psycopg.errors.InsufficientPrivilege)
    with administering(home) as link:
        for change in changes:
            with pytest.raises(psycopg.errors.RestrictViolation):
                link.execute(change)
    message.refresh_from_db(), file.refresh_from_db(), request.refresh_from_db()
    assert (file.name, request.text) == ("a.txt", "please")
    answered = asked(an_address())
    requests.answer(officer.actor, RequestId(answered.id), "We hold nothing.", refuse=False)
    with administering(home) as link, pytest.raises(psycopg.errors.RestrictViolation):
        link.execute("UPDATE rights_request SET answer = text WHERE id = %s", [answered.id])


def test_what_was_sent_is_sealed_anew_and_goes_with_its_request() -> None:
    from glasshouse.access.reseal import rotate_data_keys

    request = asked(an_address(), text="these words stay", files=(MailFile("a.txt", "text/plain", b"a"),))
    before = {row.id: row.text for row in RequestMessage.objects.filter(request=request)}
    generation = Request._meta.get_field("text").generation(request)  # type: ignore[union-attr]
    for _ in rotate_data_keys(wait_s=0):
        pass
    request = Request.objects.get(id=request.id)
    assert Request._meta.get_field("text").generation(request) > generation  # type: ignore[union-attr]
    assert request.text == "these words stay"
    assert {row.id: row.text for row in RequestMessage.objects.filter(request=request)} == before
    request.delete()
    assert not RequestMessage.objects.filter(id__in=before).exists()


# -- proofs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "My lawyer will hear of this.",
        "You had a data BREACH and my password was leaked",
        "I will take you to court",
        "I complain to the supervisory authority",
        "Mein Rechtsanwalt meldet sich.",
        "Ich gehe zur Datenschutzbehörde",
        "Das Landgericht entscheidet",
        "J'ai saisi la CNIL et mon avocat",
        "una brecha de datos",
        "vou à justiça",
        "de Autoriteit Persoonsgegevens",
        "il Garante",
        "to jest naruszenie ochrony danych",
        "ＧＤＰＲ Art. 17",
    ],
)
def test_what_speaks_of_law_is_noticed(text: str) -> None:
    assert speaks_of_law(text)
    assert speaks_of_law(text.upper())


@pytest.mark.parametrize(
    "text", ["Please delete my data.", "", "Ich möchte eine Kopie meiner Daten.", "organic tomatoes"]
)
def test_what_does_not_is_not(text: str) -> None:
    assert not speaks_of_law(text)


def test_what_speaks_of_law_is_seen_by_a_person_before_it_is_closed(
    officer: Customer, customer: Make, home: Installation
) -> None:
    serious = asked(an_address(), text="Your breach cost me money: my lawyer writes next.", confirmed=False)
    usual = asked(an_address(), text="please", confirmed=False)
    later = asked(an_address(), text="please", confirmed=False)
    replies._continued(later, "or I go to court", requests.Arrival("mail"))
    moment = clock.now()
    for days in (8, 16):
        with clock.frozen(moment + timedelta(days=days)):
            reminders.give_up_due()
    rows = {row.id: row for row in Request.objects.filter(id__in=[serious.id, usual.id, later.id])}
    assert [rows[number].outcome for number in (serious.id, usual.id, later.id)] == ["", "unproved", ""]
    with pytest.raises(NotFoundError):
        proofs.seen(customer().actor, RequestId(serious.id))
    proofs.seen(officer.actor, RequestId(serious.id))
    proofs.seen(officer.actor, RequestId(serious.id))
    assert len(recorded(home, "rights:request:see", serious.id)) == 1
    with clock.frozen(moment + timedelta(days=17)):
        reminders.give_up_due()
    assert [Request.objects.get(id=number).outcome for number in (serious.id, later.id)] == ["unproved", ""]


def test_another_proof_is_sealed_and_lets_the_officer_answer_and_nobody_else_in(
    officer: Customer, customer: Make, home: Installation, web: Web
) -> None:
    address, number_of_passport = an_address(), uuid.uuid4().hex
    request = asked(address, kind="erase", confirmed=False)
    path = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
    how, whom = f"passport {number_of_passport}, shown in person", f"notary {uuid.uuid4().hex}"
    with pytest.raises(NotFoundError):
        proofs.confirm_by_other_proof(customer().actor, RequestId(request.id), how, whom)
    with pytest.raises(ReauthenticationError):
        stale = officer.actor.__class__(officer.actor.kind, officer.actor.account, officer.actor.person)
        proofs.confirm_by_other_proof(stale, RequestId(request.id), how, whom)
    for wrong in (("", whom), (how, " "), ("x" * 81, whom), (how, "x" * 81)):
        with pytest.raises(InvalidError):
            proofs.confirm_by_other_proof(officer.actor, RequestId(request.id), *wrong)
    proofs.confirm_by_other_proof(officer.actor, RequestId(request.id), how, whom)
    request.refresh_from_db()
    assert request.proved_at
    assert (request.identity, request.identity_by, request.page_hash) == (how, whom, None)
    with administering(home) as link:
        row = link.execute("SELECT to_jsonb(r)::text FROM rights_request r WHERE id = %s", [request.id]).fetchone()
    assert row
    for secret in (number_of_passport, whom):
        assert secret not in row[0]
        assert secret.encode().hex() not in row[0]
    assert web().get(path).status_code == 410, "the link that was mailed opens nothing any more"
    with pytest.raises(InvalidError, match="already"):
        proofs.confirm_by_other_proof(officer.actor, RequestId(request.id), how, whom)
    requests.answer(officer.actor, RequestId(request.id), "It is erased.", refuse=False)


def test_a_link_is_no_reauthentication_and_no_session(customer: Make, web: Web) -> None:
    one = customer()
    asked(one.address, confirmed=False)
    path, client = f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}", web()
    assert led(client, path, path).status_code == 200
    assert not any("session" in name for name in client.cookies)
    assert client.get("/account/data").status_code == 302
    asked(one.address, confirmed=False)
    path, signed_in = f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}", web(one)
    from glasshouse.accounts.models import Session

    Session.objects.filter(account_id=one.actor.account).update(proved_at=clock.now() - timedelta(hours=2))
    assert led(signed_in, path, path).status_code == 200
    answer = post(signed_in, "/account/data/erase", "/account", word="erase")
    assert answer.status_code in (302, 403)
    assert "reauthenticate" in answer.headers.get("Location", "reauthenticate")


# -- referral ------------------------------------------------------------------------------------------------------


def test_a_question_is_offered_to_no_customer_and_each_is_asked_once(customer: Make) -> None:
    boss = customer()
    address = invited(boss)
    question = asked(address, kind="question")
    assert referrals.customers_of(question) == []
    wish = asked(address, kind="erase", confirmed=False)
    page = email_links.confirm(prove_link(address, "privacy/prove")).page_secret
    wish.refresh_from_db()
    assert [each.id for each in referrals.customers_of(wish)] == [boss.organisation]
    referrals.agree(page, [boss.organisation, boss.organisation])
    with pytest.raises(InvalidError):
        referrals.agree(page, [boss.organisation])
    referrals._pass(wish, boss.actor.organisation)  # type: ignore[arg-type]
    assert len(referrals.passed(boss.actor)) == 1


# -- the end -------------------------------------------------------------------------------------------------------


def test_open_requests_of_an_erased_person_end_on_record(customer: Make, home: Installation) -> None:
    one = customer()
    for _ in range(2):
        asked(one.address)
    forged = asked(one.address, confirmed=False)
    serious = asked(one.address, confirmed=False, text="my lawyer")
    erasure.erase(one.actor)
    rows = list(Request.objects.filter(address_hash=forged.address_hash).exclude(id=serious.id))
    assert {row.outcome for row in rows} == {"erased"}
    assert all(recorded(home, "rights:request:close", row.id) == [{"erased": True}] for row in rows)
    messages = readable(RequestMessage.objects.filter(request__in=rows))
    ended = [message for message in messages if "close your request" in message.text]
    assert len(ended) == 2, "it stands in the thread of who confirmed it, and of no forged one"
    assert not mails(one.address), "and no mail names who is erased"
    serious.refresh_from_db()
    assert serious.closed_at is None, "an officer looks at it first"


def test_open_requests_of_an_erased_guest_end_unless_a_customer_is_to_answer(
    customer: Make, home: Installation
) -> None:
    address = an_address()
    other, wish = asked(address, kind="access"), asked(address, kind="erase")
    erasure.erase_address(wish)
    other.refresh_from_db(), wish.refresh_from_db()
    assert (wish.outcome, other.outcome) == ("answered", "erased")
    address = invited(customer())
    wish = asked(address, kind="erase")
    erasure.erase_address(wish)
    wish.refresh_from_db()
    assert wish.closed_at is None


# -- languages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bitte löschen Sie meine Daten.", "de"),
        ("ich will wissen was ihr ueber mich habt", "de"),
        ("Please delete all my data", "en"),
        ("", "en"),
        ("Supprimez mes données", "en"),
        ("1234 %$ §§", "en"),
    ],
)
def test_the_language_of_a_text_is_guessed(text: str, language: str) -> None:
    assert language_of(text) == language


def test_who_writes_german_is_written_to_in_german(home: Installation, officer: Customer) -> None:
    address = an_address()
    sent(home, address, "Meine Daten", "Guten Tag, bitte sagen Sie mir, welche Daten Sie über mich haben.")
    link = mails(address)[0]
    assert "Ihre Datenschutzanfrage" in link.subject
    assert "Bitte bestätigen Sie" in link.body
    assert "Datenschutzerklärung" in link.body
    assert not re.search(r"\d{4}-\d\d-\d\d", link.body), "a day is written out"
    (request,) = Request.objects.filter(address_hash=vault.lookup("address", address))
    requests.answer(officer.actor, RequestId(request.id), "Nichts.", refuse=True)
    refused = mails(address)[-1]
    assert refused.subject.startswith("Re: Ihre Datenschutzanfrage")
    assert "beschweren" in refused.body
