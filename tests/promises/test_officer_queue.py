"""PRI-28: the officer's queue: lists in pieces, search, notes, assignment, templates, acts on several at once, figures."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError, NotFoundError
from tests.conftest import Customer, as_staff, enter_staff, post, prove_link
from tests.desk import listed, order_of, page_of, plain

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
LIST = "/staff/requests"


def an_address() -> str:
    return f"{uuid.uuid4().hex[:12]}@person.example"


def asked(address: str = "", kind: str = "access", region: str = "eu", *, confirmed: bool = True, **more: Any) -> str:
    """The number of a new request by the page."""
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    text = more.pop("text", "What do you hold of me?")
    arrival = requests.Arrival(more.pop("channel", "page"), network=uuid.uuid4().hex)
    number = requests.ask(address or an_address(), kind, region, text, arrival)
    if confirmed:
        more["proved_at"] = clock.now()
    Request.objects.filter(id=number).update(**more)
    return str(number)


def row_of(number: str) -> Any:
    from glasshouse.requests.models import Request

    return Request.objects.get(id=number)


def mails_to(address: str) -> list[Any]:
    """The mails to an address, the newest first."""
    from glasshouse.mail import api as mail

    return [message for message in mail.newest(400) if message.address == address]


def kinds_of(number: str) -> list[str]:
    """The kinds of a request's events, the oldest first."""
    from glasshouse.events import api as events

    return [str(event.kind).rpartition(":")[2] for event in events.of_request(number)]


@pytest.fixture
def second(olaf: Make) -> Customer:
    """Another privacy officer."""
    return as_staff(olaf(), "privacy")


# -- the list ------------------------------------------------------------------------------------------------------


def test_a_list_is_shown_in_pieces_whose_order_and_number_of_queries_do_not_change(officer: Customer) -> None:
    from glasshouse.requests import worklist
    from glasshouse.requests.queue_filter import QueueFilter
    from tests.repairs.test_query_counts import _queries

    numbers = [asked(kind="question", region="ch", due_at=clock.now() + timedelta(days=n)) for n in range(4, 0, -1)]
    wanted = QueueFilter(kind="question", region="ch")
    whole = [row.request.id for row in worklist.worklist(officer.actor, wanted) if row.request.id in numbers]
    assert whole == numbers[::-1], "by deadline"
    few = _queries(lambda: worklist.worklist(officer.actor, wanted))
    for _ in range(5):
        asked(kind="question", region="ch")
    assert _queries(lambda: worklist.worklist(officer.actor, wanted)) == few
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worklist, "PIECE", 3)
        everything = order_of(officer.actor)
    assert len(everything) == len(set(everything)), "no request stands in two pieces"
    assert set(numbers) < set(everything)


def test_each_filter_lets_through_what_it_says_and_an_unknown_value_is_refused(officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests
    from glasshouse.requests import assignment, threads, worklist
    from glasshouse.requests.models import Request
    from glasshouse.requests.queue_filter import QueueFilter

    now, address = clock.now(), an_address()
    open_one = asked(address, "erase", "uk", due_at=now + timedelta(days=20))
    late = asked(address, "erase", "uk", due_at=now - timedelta(days=2))
    soon = asked(address, "copy", "br", due_at=now + timedelta(days=3))
    unproved = asked(address, "copy", "br", confirmed=False, due_at=now + timedelta(days=20))
    passed = asked(address, "copy", "br", referrals=1, due_at=now + timedelta(days=20))
    requests.answer(officer.actor, (closed := asked(an_address(), "erase", "uk")), "Done.", refuse=False)
    closed_hash = row_of(closed).address_hash
    assignment.assign(officer.actor, open_one, str(officer.actor.account))
    people = row_of(open_one).address_hash
    Request.objects.filter(id=closed).update(address_hash=people)

    def shown(**wanted: str) -> set[str]:
        rows = worklist.worklist(officer.actor, QueueFilter(people=people, **wanted))
        return {row.request.id for row in rows}

    try:
        assert shown() == {open_one, late, soon, unproved, passed}
        assert shown(state="answer") == {open_one, late, soon}
        assert shown(state="unconfirmed") == {unproved}
        assert shown(state="passed") == {passed}
        assert shown(state="asked") == set()
        threads.write_to(officer.actor, soon, "Which farm?", asks=True)
        threads.write_to(officer.actor, passed, "Which farm?", asks=True)
        threads.write_to(officer.actor, late, "We are on it.", asks=False)
        assert shown(state="asked") == {soon, passed}
        assert shown(state="answer") == {open_one, late}
        for state in ("answer", "unconfirmed", "asked", "passed", "held"):
            rows = worklist.worklist(officer.actor, QueueFilter(people=people, state=state))
            assert {row.state for row in rows} <= {state}
        Request.objects.filter(id=passed).update(asked_back_at=None)
        assert (shown(state="asked"), shown(state="passed")) == ({soon}, {passed})
        assert shown(state="closed") == {closed}
        assert shown(kind="erase") == {open_one, late}
        assert shown(law="lgpd") == {soon, unproved, passed}
        assert shown(region="uk", due="later") == {open_one}
        assert shown(due="overdue") == {late}
        assert shown(due="soon") == {soon}
        assert shown(assigned="me") == {open_one}
        assert shown(assigned="nobody") == {late, soon, unproved, passed}
        assert shown(channel="mail") == set()
    finally:
        Request.objects.filter(id=closed).update(address_hash=closed_hash)
    client = enter_staff(web(officer))
    for wrong in ("state=nothing", "kind=x", "law='", "due=1", "assigned=x", "people=me", f"people={'0' * 63}"):
        assert client.get(f"{LIST}?{wrong}").status_code == 400, wrong


def test_an_address_that_nobody_confirmed_is_masked_and_read_by_nobody(officer: Customer, web: Web) -> None:
    address = f"someone-{an_address()}"
    number, client = asked(address, confirmed=False), enter_staff(web(officer))
    people = row_of(number).address_hash
    for page in (client.get(f"{LIST}?people={people}").text, page_of(client, number)):
        assert address not in page
        assert "s…@person.example" in page
        assert "Address not confirmed" in page


def test_an_erasure_that_waits_for_a_hold_is_listed_so(officer: Customer, second: Customer) -> None:
    from glasshouse.subject import asked_for
    from tests.promises.test_legal_holds import hold

    address = an_address()
    number = asked(address, "erase")
    hold(officer, address)
    for one in (officer, second):
        asked_for.erase_for(one.actor, number)
    assert listed(officer.actor, number).state == "held"


# -- search --------------------------------------------------------------------------------------------------------


def test_requests_are_found_by_number_address_and_name_and_no_address_of_ours_names_anybody(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.accounts import api as accounts

    one, client = customer(), enter_staff(web(officer))
    number, other = asked(one.address), asked()
    name = accounts.name_of(one.actor.person)  # type: ignore[arg-type]
    for words in (number, f"[{number.upper()}]"):
        found = post(client, f"{LIST}/search", LIST, query=words)
        assert found.headers["Location"] == f"{LIST}/{number}"
    for words in (one.address.upper(), name, name.upper(), name[3:]):
        found = post(client, f"{LIST}/search", LIST, query=words)
        assert words.lower() not in found.headers["Location"].lower()
        page = client.get(found.headers["Location"]).text
        assert number in page
        assert other not in page
    nothing = post(client, f"{LIST}/search", LIST, query=f"nobody-{an_address()}")
    assert "No request fits" in client.get(nothing.headers["Location"]).text
    assert post(client, f"{LIST}/search", LIST, query="  ").status_code == 400
    assert post(client, f"{LIST}/search", LIST, query="@").status_code == 400


def test_a_name_is_not_looked_for_among_those_who_confirmed_nothing(officer: Customer, customer: Make) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.requests import worklist

    one = customer()
    asked(one.address, confirmed=False)
    name = accounts.name_of(one.actor.person)  # type: ignore[arg-type]
    assert worklist.search(officer.actor, name).people == ""


def test_closed_requests_are_found_and_can_be_read_and_not_changed(officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests

    address, client = an_address(), enter_staff(web(officer))
    number = asked(address, text="A question of long ago")
    requests.answer(officer.actor, number, "An answer of long ago.", refuse=False)
    found = post(client, f"{LIST}/search", LIST, query=address, closed="yes")
    assert number in client.get(found.headers["Location"]).text
    page = page_of(client, number)
    assert "A question of long ago" in page
    assert "An answer of long ago." in page
    assert f"{LIST}/{number}/answer" not in page
    for act in ("answer", "refuse", "extend", "mail", "note", "assign", "spam", "export", "restrict", "ask-again"):
        written = {"text": "again", "note": "again", "officer": ""}
        assert post(client, f"{LIST}/{number}/{act}", LIST, **written).status_code == 404, act
    assert row_of(number).answer == "An answer of long ago."


# -- one request ---------------------------------------------------------------------------------------------------


def test_an_act_that_closes_leads_to_the_next_open_request_of_the_same_list(officer: Customer, web: Web) -> None:
    now, client = clock.now(), enter_staff(web(officer))
    address = an_address()
    first, middle, last = (asked(address, due_at=now + timedelta(days=n)) for n in (1, 2, 3))
    wanted = f"people={row_of(first).address_hash}"
    page = client.get(f"{LIST}/{middle}?{wanted}").text
    assert re.search(rf'rel="prev"\s+href="{LIST}/{first}\?{wanted}"', page)
    assert re.search(rf'rel="next"\s+href="{LIST}/{last}\?{wanted}"', page)
    for number, following in ((middle, last), (last, first)):
        path = f"{LIST}/{number}"
        done = post(client, f"{path}/answer", path, text="Here it is.", filter=wanted)
        assert done.headers["Location"].startswith(f"{LIST}/{following}?{wanted}&")
        assert "Answer sent" in client.get(done.headers["Location"]).text
    done = post(client, f"{LIST}/{first}/refuse", f"{LIST}/{first}", text="Not yours.", filter=wanted)
    assert done.headers["Location"].startswith(f"{LIST}?{wanted}&")
    assert "Refusal sent" in client.get(done.headers["Location"]).text


def test_a_question_to_the_person_leads_to_the_next_open_request_of_the_same_list(officer: Customer, web: Web) -> None:
    now, client = clock.now(), enter_staff(web(officer))
    address = an_address()
    first, last = (asked(address, due_at=now + timedelta(days=n)) for n in (1, 2))
    wanted = f"people={row_of(first).address_hash}"
    for number, following in ((first, last), (last, first)):
        path = f"{LIST}/{number}"
        done = post(client, f"{path}/mail", path, text="Which farm?", asks="yes", filter=wanted)
        assert done.headers["Location"].startswith(f"{LIST}/{following}?{wanted}&")
        page = plain(client.get(done.headers["Location"]).text)
        assert f"Request {number} waits for the person" in page and "the next open request of the queue" in page
    done = post(client, f"{LIST}/{first}/mail", f"{LIST}/{first}", text="We go on.", filter=wanted)
    assert done.headers["Location"].startswith(f"{LIST}/{first}?"), (
        "what asks nothing leaves the officer where they are"
    )


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "state=nothing", "x" * 3000, "people=0"])
def test_a_filter_that_was_tampered_with_leads_nowhere_else(wanted: str, officer: Customer, web: Web) -> None:
    number, client = asked(), enter_staff(web(officer))
    done = post(client, f"{LIST}/{number}/note", f"{LIST}/{number}", note="A note", filter=wanted)
    assert done.headers["Location"] == f"{LIST}/{number}?done=note&request={number}"


def test_the_page_tells_what_happened_in_words_with_who_did_it(officer: Customer, second: Customer, web: Web) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.requests import api as requests
    from glasshouse.requests import assignment, notes

    number = asked()
    assignment.assign(officer.actor, number, str(second.actor.account))
    notes.add(officer.actor, number, "Asked the crop team.")
    requests.extend(officer.actor, number, "it is much")
    assert kinds_of(number) == ["open", "assign", "note", "extend"]
    page = plain(page_of(enter_staff(web(officer)), number))
    names = [accounts.name_of(one.actor.person) for one in (officer, second)]  # type: ignore[arg-type]
    assert f"assigned to {names[1]} · {names[0]}" in page
    assert "the deadline was extended" in page


def test_a_request_of_a_promise_check_is_on_no_officers_page(
    officer: Customer, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.probes import api as probes
    from glasshouse.requests import worklist

    number, client = asked(), enter_staff(web(officer))
    assert client.get(f"{LIST}/{number}").status_code == 200
    monkeypatch.setattr(probes, "hidden_from", lambda *_: {number})
    assert number not in order_of(officer.actor)
    assert worklist.search(officer.actor, number).number == ""
    from glasshouse.requests import cases

    with pytest.raises(NotFoundError):
        cases.case_of(officer.actor, number)


# -- notes ---------------------------------------------------------------------------------------------------------


def test_a_note_is_sealed_shown_to_officers_and_part_of_the_persons_own_data(
    officer: Customer, customer: Make, web: Web
) -> None:
    from django.db import connection

    from glasshouse.requests import notes
    from glasshouse.subject.inventory import view

    one, words = customer(), f"They sound upset {uuid.uuid4().hex}"
    number, client = asked(one.address, confirmed=False), enter_staff(web(officer))
    done = post(client, f"{LIST}/{number}/note", f"{LIST}/{number}", note=words)
    assert words in client.get(done.headers["Location"]).text
    assert not any(words in message.body for message in mails_to(one.address)), "a note is not mailed"
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM rights_note WHERE request_id = %s", [number])
        (stored,) = cursor.fetchone()
    assert words.encode() not in bytes(stored)
    assert not any(words in item.value for item in view(one.alone)), "nobody confirmed the address"
    from glasshouse.requests.models import Request

    Request.objects.filter(id=number).update(proved_at=clock.now())
    (item,) = [item for item in view(one.alone) if words in item.value]
    assert item.source == "the privacy officer"
    for wrong in (" ", "x" * 4001):
        with pytest.raises(InvalidError):
            notes.add(officer.actor, number, wrong)
    with pytest.raises(NotFoundError):
        notes.add(one.alone, number, "mine")


def test_the_database_lets_nobody_rewrite_who_wrote_a_note_and_when(officer: Customer) -> None:
    from django.db import DatabaseError, transaction

    from glasshouse.requests import notes
    from glasshouse.requests.models import RequestNote

    number = asked()
    notes.add(officer.actor, number, "As it was.")
    rows = RequestNote.objects.filter(request=number)
    for change in ({"at": clock.now()}, {"written_by": "0" * 16}):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)


# -- assignment ----------------------------------------------------------------------------------------------------


def test_an_officer_hands_a_request_to_another_who_is_told_by_mail(
    officer: Customer, second: Customer, olaf: Make, web: Web
) -> None:
    number, client = asked(), enter_staff(web(officer))
    page = f"{LIST}/{number}"
    done = post(client, f"{page}/assign", page, officer=str(second.actor.account))
    assert "is assigned" in plain(client.get(done.headers["Location"]).text)
    assert [number in message.body for message in mails_to(second.address)][:1] == [True]
    assert listed(second.actor, number).is_mine
    assert mails_to(officer.address) == []
    post(client, f"{page}/assign", page, officer="")
    assert listed(second.actor, number).assigned_to == ""
    support = olaf()
    for wrong in (str(support.actor.account), "0" * 16, "nobody"):
        assert post(client, f"{page}/assign", page, officer=wrong).status_code == 400, wrong
    assert row_of(number).assigned_to == ""


def test_the_assigned_officer_is_reminded_whoevers_region_it_is_and_all_are_when_it_is_overdue(
    officer: Customer, second: Customer
) -> None:
    from glasshouse.requests import assignment, reminders
    from glasshouse.requests.models import OfficerRegion, Request

    OfficerRegion.objects.create(account_id=second.actor.account, regions=["br"])
    try:
        number = asked(region="br", due_at=clock.now() + timedelta(days=4))
        assignment.assign(officer.actor, number, str(officer.actor.account))

        def told(who: Customer) -> int:
            return sum(number in message.body for message in mails_to(who.address))

        reminders.escalate_due()
        assert (told(officer), told(second)) == (1, 1)
        Request.objects.filter(id=number).update(due_at=clock.now() - timedelta(hours=1))
        reminders.escalate_due()
        assert (told(officer), told(second)) == (2, 2)
        other = asked(region="br", due_at=clock.now() + timedelta(days=4))
        reminders.escalate_due()
        assert not any(other in message.body for message in mails_to(officer.address))
    finally:
        OfficerRegion.objects.filter(account_id=second.actor.account).delete()


# -- templates -----------------------------------------------------------------------------------------------------


def test_every_template_is_whole_in_both_languages(home: object) -> None:
    from glasshouse.requests import answer_templates
    from glasshouse.requests.languages import LANGUAGES

    request = row_of(asked())
    for template in answer_templates.ALL.values():
        texts = {language: answer_templates.filled(template.id, request, language) for language in LANGUAGES}
        assert all(request.id in text for text in texts.values()), template.id
        assert len(set(texts.values())) == len(LANGUAGES), template.id
        assert not any(re.search(r"[{}%\\]", text) for text in texts.values()), template.id
        assert not any(re.search(r"\d{4}-\d\d-\d\d", text) for text in texts.values()), "days are written out"
        gaps = [answer_templates.GAP in text for text in texts.values()]
        assert gaps[0] == gaps[1], template.id
        assert not (template.in_bulk and any(gaps)), template.id


def test_a_template_is_filled_in_the_persons_language_and_a_gap_is_never_sent(officer: Customer, web: Web) -> None:
    german = asked(kind="correct", text="Guten Tag, bitte berichtigen Sie meinen Namen, der ist nicht richtig.")
    client = enter_staff(web(officer))
    assert '<option value="de" selected>' in page_of(client, german)
    assert '<option value="en" selected>' in page_of(client, asked(text="Please tell me what you have about me."))
    page = client.get(f"{LIST}/{german}?template=corrected").text
    assert "Wir haben Ihre Daten berichtigt: […]." in page
    path = f"{LIST}/{german}"
    refused = post(client, f"{path}/answer", path, text="Wir haben berichtigt: […].")
    assert refused.status_code == 400
    assert "Fill in what stands as" in refused.text
    assert row_of(german).closed_at is None
    for wrong in ("template=nothing", "template=corrected&language=xx"):
        assert client.get(f"{path}?{wrong}").status_code == 400


# -- mail to the person, acts for the person -----------------------------------------------------------------------


def test_a_mail_to_the_person_keeps_the_request_open_with_its_deadline(officer: Customer, web: Web) -> None:
    address = an_address()
    number, client = asked(address), enter_staff(web(officer))
    due_at, path = row_of(number).due_at, f"{LIST}/{number}"
    done = post(client, f"{path}/mail", path, text="Which of the two farms do you mean?")
    assert "stays open" in plain(client.get(done.headers["Location"]).text)
    mail = mails_to(address)[0]
    assert "Which of the two farms" in mail.body
    assert f"[{number}]" in mail.subject
    assert (row_of(number).closed_at, row_of(number).due_at) == (None, due_at)
    assert "To answer" in page_of(client, number), "what asks nothing waits for nobody"
    done = post(client, f"{path}/mail", path, text="Which of the two?", asks="yes")
    page = plain(client.get(done.headers["Location"]).text)
    assert f"The question is sent. Request {number} waits for the person" in page
    assert "A question about" in mails_to(address)[0].subject
    unproved = asked(confirmed=False)
    assert post(client, f"{LIST}/{unproved}/mail", path, text="Hello").status_code == 400


def test_the_acts_of_a_thread_stand_on_the_page_of_the_request(officer: Customer, web: Web) -> None:
    address, client = an_address(), enter_staff(web(officer))
    lawyer, copy = (
        asked(address, text="My lawyer writes next.", confirmed=False),
        asked(address, "copy", confirmed=False),
    )
    old = client.get(f"{LIST}/{lawyer}/thread")
    assert (old.status_code, old.headers["Location"]) == (302, f"{LIST}/{lawyer}")
    path, carries = f"{LIST}/{lawyer}", {"filter": "kind=access"}
    assert "You have not" not in page_of(client, lawyer) and "I have looked at it" in page_of(client, lawyer)
    done = client.get(post(client, f"{path}/seen", path, **carries).headers["Location"])
    assert "kind=access" in str(done.url), "the queue goes on as it was narrowed"
    assert "have looked at request" in plain(done.text) and "I have looked at it" not in done.text
    refused = post(client, f"{path}/other-proof", path, how=" ", by_whom="Ada", **carries)
    assert refused.status_code == 400 and "Say how you know" in refused.text
    assert "Thread" in refused.text, "it is said on the request's own page"
    merged = client.get(post(client, f"{path}/merge", path, into=copy, **carries).headers["Location"])
    assert f"{LIST}/{copy}?" in str(merged.url)
    assert f"Request {lawyer} goes on with {copy}" in plain(merged.text)
    assert "My lawyer writes next." in merged.text, "what was merged into it is read here"
    undone = client.get(post(client, f"{path}/unmerge", f"{LIST}/{copy}", **carries).headers["Location"])
    assert f"{LIST}/{lawyer}?" in str(undone.url)
    assert f"Request {lawyer} is on its own again" in plain(undone.text)
    assert "the merge with another request was undone" in plain(undone.text)
    again = client.get(post(client, f"{path}/merge", path, into=copy, **carries).headers["Location"])
    assert "Undo the merge" in again.text
    assert "it goes on with another request" in plain(page_of(client, lawyer))
    path = f"{LIST}/{copy}"
    done = client.get(
        post(client, f"{path}/other-proof", path, how="passport", by_whom="Ada", **carries).headers["Location"]
    )
    assert f"The person of request {copy} is confirmed" in plain(done.text)
    assert "passport, checked by Ada" in plain(done.text)


def test_an_export_goes_to_the_person_and_to_no_officer(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.subject import exports

    one, address = customer(), an_address()
    known, guest, client = asked(one.address, "copy"), asked(address, "copy"), enter_staff(web(officer))
    for number in (known, guest):
        done = post(client, f"{LIST}/{number}/export", f"{LIST}/{number}")
        page = client.get(done.headers["Location"])
        assert "The person is told by email" in page.text
        assert row_of(number).closed_at is None
        assert "export" in kinds_of(number)
    (export,) = exports.exports(one.alone)
    assert b"PK" in b"".join(exports.fetch_export(one.alone, export.id).body)[:4]
    assert client.get(f"/account/data/export/{export.id}").status_code == 404
    assert "/account/data" in mails_to(one.address)[0].body
    secret = prove_link(address, "privacy/prove")
    assert secret not in page_of(client, guest)
    opened = web()
    answer = post(opened, f"/privacy/prove/{secret}", f"/privacy/prove/{secret}")
    assert answer.status_code == 302
    for wrong in (asked(an_address(), "erase"), asked(an_address(), "copy", confirmed=False)):
        assert post(client, f"{LIST}/{wrong}/export", LIST).status_code == 404


def test_an_officer_restricts_for_whoever_asked(officer: Customer, customer: Make, web: Web) -> None:
    from glasshouse.consent import api as consent

    one, address, client = customer(), an_address(), enter_staff(web(officer))
    known, guest = asked(one.address, "restrict"), asked(address, "restrict")
    for number in (known, guest):
        done = post(client, f"{LIST}/{number}/restrict", f"{LIST}/{number}")
        assert "is restricted" in client.get(done.headers["Location"]).text
        assert "restrict" in kinds_of(number)
    assert consent.restriction_of(str(one.actor.person))
    assert consent.restriction_at(row_of(guest).address_hash)
    assert "stored, and used for nothing else" in mails_to(address)[0].body
    assert post(client, f"{LIST}/{guest}/restrict", f"{LIST}/{guest}").status_code == 400


def test_spam_is_closed_without_a_mail_and_what_somebody_confirmed_is_no_spam(officer: Customer, web: Web) -> None:
    address = an_address()
    number, real, client = asked(address, confirmed=False), asked(), enter_staff(web(officer))
    before = len(mails_to(address))
    done = post(client, f"{LIST}/{number}/spam", f"{LIST}/{number}")
    assert "closed as spam" in client.get(done.headers["Location"]).text
    assert row_of(number).outcome == "spam"
    assert len(mails_to(address)) == before
    assert post(client, f"{LIST}/{real}/spam", f"{LIST}/{real}").status_code == 400
    assert row_of(real).closed_at is None


# -- several at once -----------------------------------------------------------------------------------------------


def sent_for(client: httpx.Client, act: str, numbers: list[str], **fields: str) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(LIST).text)
    assert token
    return client.post(f"{LIST}/{act}", data={"number": numbers, "csrfmiddlewaretoken": token[1], **fields})


def test_several_are_answered_each_in_its_language_and_a_bad_one_stops_no_other(officer: Customer, web: Web) -> None:
    from glasshouse.requests import api as requests

    addresses = [an_address() for _ in range(3)]
    english = asked(addresses[0], text="Please tell me what you have about me.")
    german = asked(addresses[1], text="Ich bitte um Auskunft über meine Daten und von wem sie sind.")
    unproved, other_kind, gone = asked(addresses[2], confirmed=False), asked(kind="erase"), asked()
    requests.answer(officer.actor, gone, "A colleague was first.", refuse=False)
    client = enter_staff(web(officer))
    numbers = [unproved, gone, other_kind, "0" * 16, english, german]
    done = sent_for(client, "answer", numbers, template="data_given")
    page = plain(client.get(done.headers["Location"]).text)
    assert "2 requests answered" in page
    assert "4 not:" in page
    assert "does not fit what is asked" in page
    assert row_of(english).outcome == row_of(german).outcome == "answered"
    assert "Thank you for your request" in mails_to(addresses[0])[0].body
    assert "Vielen Dank für Ihre Anfrage" in mails_to(addresses[1])[0].body
    assert row_of(unproved).closed_at is row_of(other_kind).closed_at is None
    assert row_of(gone).answer == "A colleague was first."


def test_an_error_of_ours_in_one_of_several_is_noted_and_undone(
    officer: Customer, second: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.events import api as events
    from glasshouse.requests import bulk

    bad, good = asked(), asked()
    record = events.record

    def failing(actor: Any, kind: Any, subject: str, **facts: Any) -> None:
        if subject == bad:
            raise RuntimeError("of a test")
        record(actor, kind, subject, **facts)

    monkeypatch.setattr(events, "record", failing)
    report = bulk.assign(officer.actor, [bad, good], str(second.actor.account))
    assert (report.done, list(report.left)) == ([good], [bad])
    assert "of a test" not in report.left[bad]
    assert (row_of(bad).assigned_to, row_of(good).assigned_to) == ("", second.actor.account)


def test_several_are_assigned_or_closed_as_spam(officer: Customer, second: Customer, web: Web) -> None:
    forged, real = asked(confirmed=False), asked()
    client = enter_staff(web(officer))
    done = sent_for(client, "assign", [forged, real], officer=str(second.actor.account))
    assert "2 requests assigned" in plain(client.get(done.headers["Location"]).text)
    done = sent_for(client, "spam", [forged, real])
    page = plain(client.get(done.headers["Location"]).text)
    assert "1 request closed as spam" in page
    assert "Somebody confirmed this request" in page
    assert (row_of(forged).outcome, row_of(real).outcome) == ("spam", "")


@pytest.mark.parametrize("numbers", [[], [f"{n:016d}" for n in range(51)], ["'; DROP"]])
def test_nothing_selected_or_too_much_is_refused(numbers: list[str], officer: Customer, web: Web) -> None:
    client = enter_staff(web(officer))
    for act, fields in (("assign", {"officer": ""}), ("answer", {"template": "data_given"}), ("spam", {})):
        assert sent_for(client, act, numbers, **fields).status_code == 400


@pytest.mark.parametrize("template", ["erased", "corrected", "nothing", ""])
def test_what_says_that_something_was_done_answers_no_several(template: str, officer: Customer, web: Web) -> None:
    number, client = asked(kind="erase"), enter_staff(web(officer))
    assert sent_for(client, "answer", [number], template=template).status_code == 400
    assert row_of(number).closed_at is None


# -- figures -------------------------------------------------------------------------------------------------------


def test_figures_are_right_and_small_groups_are_hidden(officer: Customer, web: Web) -> None:
    from glasshouse.requests import statistics
    from glasshouse.requests.models import Request

    came = clock.now().replace(year=2019, month=3, day=4)
    closed = {"outcome": "answered", "proved_at": came}
    numbers = []
    for days in (1, 2, 3, 4, 40):
        at = came + timedelta(days=days)
        numbers.append(asked(kind="erase", asked_at=came, due_at=came + timedelta(days=31), closed_at=at, **closed))
    for days in (10, 20):
        at = came + timedelta(days=days)
        row = {"asked_at": came, "due_at": came + timedelta(days=45), "closed_at": at, **closed}
        numbers.append(asked(kind="copy", region="us", **row))
    spam = asked(kind="copy", confirmed=False, asked_at=came, closed_at=came, outcome="spam")
    try:
        figures = statistics.figures(officer.actor, 2019)
        (kind,) = figures.by["kind"]
        assert (kind.group, kind.count, kind.median_days) == ("erase", 5, 3.0)
        assert kind.ninety_days == pytest.approx(25.6)
        assert kind.in_time_percent == pytest.approx(80)
        assert [line.group for line in figures.by["law"]] == ["GDPR"]
        (month,) = figures.by["month"]
        assert (f"{month.group}"[:7], month.count) == ("2019-03", 7)
        know = next(line for line in figures.ccpa if line.kind == "know")
        assert (know.received, know.complied, know.median_days) == (None, None, None)
        page = plain(enter_staff(web(officer)).get(f"{LIST}/figures?year=2019").text)
        assert "Erasure 5 3.0 days 25.6 days 80 %" in page
        assert "Export 2" not in page
    finally:
        Request.objects.filter(id__in=[*numbers, spam]).delete()
    for wrong in ("1999", "x", "2019.5", "9999", "²⁰¹⁹"):
        with pytest.raises(InvalidError):
            statistics.year_of(wrong)


def test_the_ccpa_table_counts_what_was_received_complied_with_and_denied(officer: Customer) -> None:
    from glasshouse.requests import statistics
    from glasshouse.requests.models import Request

    came, numbers = clock.now().replace(year=2020, month=6, day=1), []
    for count, outcome in ((6, "answered"), (5, "refused")):
        for days in range(count):
            row = {"asked_at": came, "closed_at": came + timedelta(days=days), "outcome": outcome, "proved_at": came}
            numbers.append(asked(kind="erase", region="us", **row))
    try:
        delete = next(line for line in statistics.figures(officer.actor, 2020).ccpa if line.kind == "delete")
        assert (delete.received, delete.complied, delete.denied) == (11, 6, 5)
        assert delete.median_days == 2.0
        assert delete.mean_days == pytest.approx(25 / 11)
    finally:
        Request.objects.filter(id__in=numbers).delete()


def test_only_officers_see_the_queue(customer: Make, olaf: Make, web: Web) -> None:
    number = asked()
    for client in (web(), web(customer()), enter_staff(web(olaf())), enter_staff(web(as_staff(olaf(), "security")))):
        for path in (LIST, f"{LIST}/{number}", f"{LIST}/figures", "/staff/agents"):
            assert client.get(path).status_code in (302, 404), path
        for act in ("answer", "note", "assign", "spam", "erase", "export", "restrict", "mail"):
            answer = post(client, f"{LIST}/{number}/{act}", "/privacy", text="x", note="x", officer="", word="erase")
            assert answer.status_code in (302, 403, 404), act
    assert row_of(number).closed_at is None
    assert kinds_of(number) == ["open"]
