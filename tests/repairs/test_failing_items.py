"""One bad item never stops a queue, and two processes never do one item twice. Source: issue 10, lines 1 and 13."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from glasshouse.kernel.schedule import Job
from glasshouse.operations.installation import Installation
from tests.checking import worker_running
from tests.conftest import Customer, administering, as_staff, enter_staff, post
from tests.scratch import HOME

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def emptied(home: Installation) -> Iterator[None]:
    """Takes away what these tests leave in the list of failures."""
    yield
    from glasshouse.queues.models import Failure

    Failure.objects.all().delete()


def break_seal(table: str, column: str, number: str) -> None:
    """Make a sealed value one that nobody can open."""
    with administering(HOME) as link:
        link.execute(
            "SET session_replication_role = replica"
        )  # What was sent with a request is never changed by anybody.
        link.execute(f"UPDATE {table} SET {column} = '\\x00' WHERE id = %s", [number])


def asked(**values: Any) -> Any:
    """A request of somebody without an account, changed past the service."""
    from glasshouse.requests import api as requests
    from glasshouse.requests.models import Request

    address = f"{uuid.uuid4().hex[:10]}@grower.example"
    number = requests.ask(address, "access", "eu", "please", requests.Arrival(network=uuid.uuid4().hex))
    Request.objects.filter(id=number).update(**values)
    return Request.objects.get(id=number)


def values_of(rows: list[Any], column: str) -> list[Any]:
    model = type(rows[0])
    found = {
        row["id"]: row[column] for row in model.objects.filter(id__in=[row.id for row in rows]).values("id", column)
    }
    return [found[row.id] for row in rows]


@contextmanager
def gone_after(rows: list[Any]) -> Iterator[None]:
    """Takes rows away, which nothing of the service can read any more."""
    try:
        yield
    finally:
        type(rows[0]).objects.filter(id__in=[row.id for row in rows]).delete()


def test_a_request_that_cannot_be_read_keeps_no_other_from_being_reminded_and_closed(officer: Customer) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import reminders as deadlines

    now = clock.now()
    bad, good = (asked(asked_at=now - timedelta(days=8, minutes=2 - n)) for n in range(2))
    with gone_after([bad, good]):
        break_seal("rights_request", "address", bad.id)
        deadlines.give_up_due()
        assert [at is not None for at in values_of([bad, good], "reminded_at")] == [False, True]
    rows = [
        asked(asked_at=now - timedelta(days=20, minutes=2 - n), reminded_at=now - timedelta(days=9)) for n in range(2)
    ]
    with gone_after(rows):
        break_seal("rights_request", "address", rows[0].id)
        deadlines.give_up_due()
        assert values_of(rows, "outcome") == ["", "unproved"]


def test_requests_whose_reminder_fails_keep_the_next_from_nothing(
    officer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import reminders as deadlines

    rows = [asked(due_at=clock.now() + timedelta(days=1)) for _ in range(3)]
    real = deadlines._remind

    def remind(request: Any, *, everybody: bool) -> None:
        if request.id in {rows[0].id, rows[1].id}:
            raise LookupError("an address@grower.example that must not be stored")
        real(request, everybody=everybody)

    monkeypatch.setattr(deadlines, "_remind", remind)
    with gone_after(rows):
        deadlines.escalate_due()
        assert values_of(rows, "escalated") == [0, 0, 1]


def test_nothing_personal_of_an_error_is_stored_or_logged(
    officer: Customer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure

    def act(item: str) -> None:
        raise ValueError("@".join(["secret", "grower.example"]))

    assert queues.each("test.queue", ["a" * 16], act) == 0
    row = Failure.objects.get(queue="test.queue")
    assert (row.reason, row.tries) == ("ValueError", 1)
    assert "secret@" not in f"{row.reason} {row.place}"
    assert "a" * 16 in caplog.text
    assert "secret@" not in caplog.text


def test_an_item_waits_longer_each_time_is_set_aside_and_tried_again(
    officer: Customer, customer: Make, web: Web
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.privacy_office import set_aside
    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure
    from glasshouse.queues.rules import MAX_TRIES

    tries: list[str] = []

    def fail(item: str) -> None:
        tries.append(item)
        raise OSError

    moment, waits = clock.now(), []
    for _ in range(MAX_TRIES + 3):
        with clock.frozen(moment):
            queues.each("rights.copy", ["item"], fail)
            queues.each("rights.copy", ["item"], fail)
            row = Failure.objects.get(queue="rights.copy", item="item")
            waits.append(row.next_try_at - moment)
            moment = max(row.next_try_at, moment)
    assert len(tries) == MAX_TRIES
    assert waits[: MAX_TRIES - 1] == sorted(set(waits[: MAX_TRIES - 1])), "each wait is longer than the one before"
    assert row.set_aside_at
    with pytest.raises(NotFoundError):
        set_aside.listed(customer().alone)
    (shown,) = [one for one in set_aside.listed(officer.actor) if one.item == "item"]
    assert shown.reason == "a connection or a file failed"
    client, page = enter_staff(web(officer)), "/staff/set-aside"
    assert "Making an export" in client.get(page).text
    assert "1 new" in client.get("/staff/office").text
    assert post(client, f"{page}/job/{row.id}/leave", page).status_code == 302
    assert "1 new" not in client.get("/staff/office").text
    assert post(client, f"{page}/job/{row.id}/retry", page).status_code == 302
    assert post(web(customer()), f"{page}/job/{row.id}/retry", "/account").status_code == 404
    assert "Making an export" not in client.get(page).text
    assert queues.each("rights.copy", ["item"], lambda item: True) == 1
    assert not Failure.objects.filter(queue="rights.copy", item="item").exists()


def test_a_process_that_dies_in_every_try_has_its_item_set_aside(home: Installation) -> None:
    from glasshouse.kernel import clock
    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure
    from glasshouse.queues.rules import MAX_TRIES

    class KilledError(BaseException):
        pass

    def die(item: str) -> None:
        raise KilledError

    moment = clock.now()
    for _ in range(MAX_TRIES):
        with clock.frozen(moment), pytest.raises(KilledError):
            queues.each("test.dies", ["item"], die)
        moment += timedelta(days=2)
    with clock.frozen(moment):
        assert queues.each("test.dies", ["item"], die) == 0
    row = Failure.objects.get(queue="test.dies")
    assert (row.tries, row.reason, row.set_aside_at is not None) == (MAX_TRIES, "ProcessDied", True)


def test_one_process_at_a_time_has_an_item(home: Installation) -> None:
    from glasshouse.queues import api as queues

    begun, end, done = threading.Event(), threading.Event(), []

    def slowly(item: str) -> None:
        begun.set()
        assert end.wait(20)
        done.append(item)

    def run() -> None:
        queues.each("test.once", ["item"], slowly)
        connection.close()

    first = threading.Thread(target=run)
    first.start()
    assert begun.wait(20)
    assert queues.each("test.once", ["item"], done.append) == 0
    end.set()
    first.join()
    assert done == ["item"]


def test_an_erasure_runs_once_whoever_begins_it(customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.subject import erasure as rights

    one, runs = join(customer(), "viewer"), []
    begun, end = threading.Event(), threading.Event()
    real = rights._erase_all

    def slowly(erasure: Any, *more: Any) -> Any:
        if erasure.person != one.actor.person:
            return real(erasure, *more)
        runs.append(erasure.person)
        begun.set()
        assert end.wait(20)
        return real(erasure, *more)

    def erase() -> None:
        rights.erase(one.alone)
        connection.close()

    monkeypatch.setattr(rights, "_erase_all", slowly)
    caller = threading.Thread(target=erase)
    caller.start()
    assert begun.wait(20)
    threading.Timer(2, end.set).start()
    rights.finish_erasures()  # As the worker does, in the middle of it.
    end.set()
    caller.join()
    rights.finish_erasures()
    assert runs == [one.actor.person]


def test_an_erasure_that_fails_keeps_no_other_from_being_finished(
    customer: Make, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.subject import erasure as rights
    from glasshouse.subject.models import Erasure

    firm = customer()
    bad, good = join(firm, "viewer"), join(firm, "viewer")
    real = rights._erase_all

    def erase(erasure: Any, *more: Any) -> Any:
        if erasure.person == bad.actor.person:
            raise ValueError
        return real(erasure, *more)

    monkeypatch.setattr(rights, "_erase_all", erase)
    now = clock.now()
    with holding("rights.erase", bad), holding("rights.erase", good):
        for n, one in enumerate((bad, good)):
            begun = now - timedelta(minutes=9 - n)
            Erasure.objects.create(person=one.actor.person, account=one.actor.account, begun_at=begun, total=1)
        rights.finish_erasures()
        done = dict(
            Erasure.objects.filter(person__in=[bad.actor.person, good.actor.person]).values_list("person", "done_at")
        )
    assert done[bad.actor.person] is None
    assert done[good.actor.person] is not None
    monkeypatch.setattr(rights, "_erase_all", real)
    with clock.frozen(now + timedelta(minutes=5)):
        rights.finish_erasures()
    assert Erasure.objects.get(person=bad.actor.person).done_at


@contextmanager
def holding(queue: str, who: Customer) -> Iterator[None]:
    """The claim of this process, so that the service's own worker leaves the item alone."""
    from glasshouse.queues import api as queues

    with queues.claimed(queue, str(who.actor.person)) as mine:
        assert mine
        yield


def test_what_a_source_told_of_a_person_who_cannot_be_read_keeps_nobody_waiting(officer: Customer) -> None:
    from glasshouse.sources import api as sources
    from glasshouse.sources.models import ThirdPartyData

    source = sources.add_source(officer.actor, "partner", "Name", "Licence", "Purpose")
    addresses = [f"{uuid.uuid4().hex[:10]}@grower.example" for _ in range(2)]
    sources.bring_in(officer.actor, source.id, "address,name\n" + "".join(f"{one},Ann\n" for one in addresses))
    rows = sorted(ThirdPartyData.objects.filter(source=source), key=lambda row: row.key_owner)
    break_seal("sources_supplied", "value", rows[0].id)
    with gone_after(rows):
        sources.tell_due()
        assert [at is not None for at in values_of(rows, "told_at")] == [False, True]


def test_an_agent_that_cannot_be_reached_keeps_no_other_from_hearing(
    officer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.requests import drp_callbacks
    from glasshouse.requests.models import Agent

    called: list[str] = []

    def call(url: str, state: dict[str, str]) -> None:
        called.append(url)
        if "bad" in url:
            raise httpx.InvalidURL("no url")

    agent = Agent(
        agent_id="agent", agent_hash=uuid.uuid4().hex * 2, name="Agent", verify_key="x", callback_host="a.example"
    )
    agent.created_at = officer.actor.proved_at
    agent.save(force_insert=True)
    urls = ["https://a.example/bad", "https://a.example/good"]
    monkeypatch.setattr(drp_callbacks, "call", call)
    monkeypatch.setattr(drp_callbacks, "may_call", lambda agent, url: url in urls)
    rows = [asked() for _ in urls]
    for row, url in zip(rows, urls, strict=True):
        row.agent, row.callback = agent.id, url
        row.save(update_fields=["agent", "callback"])
    with gone_after(rows):
        drp_callbacks.tell_agents()
        drp_callbacks.tell_agents()
    agent.delete()
    assert sorted(called) == sorted(urls), "each once: the bad one waits for its next try"


def test_a_row_that_cannot_be_deleted_keeps_no_other_from_going(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import new_id
    from glasshouse.retention import api as retention
    from glasshouse.subject.models import Export

    now = clock.now()
    old = now - timedelta(days=30)
    rows = [
        Export.objects.create(
            key_owner=new_id(),
            name="x",
            blob=new_id(),
            account=new_id(),
            created_at=old,
            expires_at=now + timedelta(days=1),
        )
        for _ in range(3)
    ]
    real = retention.blobs.remove

    def remove(blob: str) -> None:
        if blob == rows[1].blob:
            raise PermissionError
        real(blob)  # type: ignore[arg-type]

    monkeypatch.setattr(retention.blobs, "remove", remove)
    with gone_after(rows):
        with clock.frozen(now + timedelta(days=3)):
            retention.run_deletions()
        left = [row.id for row in Export.objects.filter(id__in=[row.id for row in rows])]
        assert left == [rows[1].id]


def test_a_check_that_breaks_keeps_no_other_promise_from_being_looked_at(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.promises import api as promises
    from glasshouse.promises import registry
    from glasshouse.promises.findings import Finding, State

    ids = list(registry.CHECKS)

    def broken() -> Finding:
        raise ZeroDivisionError

    few: dict[str, Callable[[], Finding]] = {
        ids[0]: broken,
        ids[1]: lambda: Finding(State.VERIFIED, "a\x00b"),
        ids[2]: lambda: Finding(State.VERIFIED, "fine"),
    }
    monkeypatch.setattr(registry, "CHECKS", few)
    states = {one.id: str(one.state) for one in promises.check_all()}
    assert [states[one] for one in ids[:3]] == ["cannot tell", "verified", "verified"]


def test_a_reset_that_fails_keeps_no_other_from_being_done(olaf: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.accounts import resets
    from glasshouse.accounts.models import FactorReset
    from glasshouse.kernel import clock

    bad, good = olaf(), olaf()
    moment = clock.now() + timedelta(days=5)
    for n, one in enumerate((bad, good)):
        FactorReset.objects.create(
            account_id=one.actor.account,
            asked_by="0" * 16,
            stop_hash=uuid.uuid4().hex * 2,
            due_at=moment - timedelta(hours=2 - n),
            created_at=clock.now(),
        )
    break_seal("accounts_person", "address", str(bad.actor.person))
    with clock.frozen(moment):
        resets.finish_resets()
    left = set(FactorReset.objects.values_list("account_id", flat=True))
    assert bad.actor.account in left
    assert good.actor.account not in left
    FactorReset.objects.filter(account_id=bad.actor.account).delete()
    from glasshouse.accounts.models import Account, Person

    Account.objects.filter(id=bad.actor.account).delete()
    Person.objects.filter(id=bad.actor.person).delete()


def test_a_copy_that_a_process_left_is_made_by_the_worker(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.kernel import clock
    from glasshouse.subject import exports
    from glasshouse.subject.models import Export

    one = customer()
    real = exports.fill
    monkeypatch.setattr(exports, "fill", lambda copy: None)
    number = exports.make_export(one.alone)
    monkeypatch.setattr(exports, "fill", real)
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        assert exports.fill_due() >= 1
    assert Export.objects.get(id=number).blob


def test_a_person_who_cannot_be_read_keeps_nobody_from_hearing_of_a_sale(officer: Customer, customer: Make) -> None:
    from glasshouse.disclosures import business_transfers
    from glasshouse.disclosures.models import BusinessTransferNotice
    from glasshouse.queues.models import Failure

    bad, good = sorted((customer(), customer()), key=lambda one: str(one.actor.account))
    room = business_transfers.open_transfer(officer.actor, "Buyer", "EU", 40)
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM accounts_person WHERE id = %s", [bad.actor.person])
        (whole,) = cursor.fetchone()
    try:
        break_seal("accounts_person", "address", str(bad.actor.person))
        business_transfers.tell_due()
        told = set(BusinessTransferNotice.objects.filter(business_transfer=room).values_list("key_owner", flat=True))
        assert good.actor.person in told
        assert bad.actor.person not in told
        row = Failure.objects.get(queue="disclosures.tell-merger", item=f"{room.id}:{bad.actor.account}")
        assert (row.reason, row.tries) == ("SealBrokenError", 1)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_person SET address = %s WHERE id = %s", [whole, bad.actor.person])
        business_transfers.close(officer.actor, room.id)


def test_a_customer_that_cannot_be_reminded_keeps_no_other_from_it(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.access import api as access
    from glasshouse.kernel import clock
    from glasshouse.kernel.actor import JOB
    from glasshouse.mail import api as mail
    from glasshouse.requests import referrals
    from glasshouse.requests.models import Referral

    rows = []
    for one in (customer(), customer()):
        with access.organisation_transaction(JOB.for_organisation(one.actor.organisation)):
            row = Referral(
                organisation_id=one.organisation,
                request_id=uuid.uuid4().hex[:16],
                asked_at=clock.now(),
                due_at=clock.now() + timedelta(days=1),
            )
            row.save(force_insert=True)
            rows.append((one, row))
    real = referrals._tell_contacts

    def tell(organisation: str, news: mail.Draft) -> None:
        if organisation == rows[0][0].organisation:
            raise LookupError
        real(organisation, news)  # type: ignore[arg-type]

    monkeypatch.setattr(referrals, "_tell_contacts", tell)
    with clock.frozen(clock.now() + timedelta(days=2)):
        referrals.warn_due()
    warned = []
    for one, row in rows:
        with access.organisation_transaction(JOB.for_organisation(one.actor.organisation)):
            warned.append(Referral.objects.get(id=row.id).warned_at is not None)
            Referral.objects.filter(id=row.id).delete()
    assert warned == [False, True]


def test_the_worker_notes_a_job_that_fails_and_goes_on(home: Installation) -> None:
    from glasshouse.operations import worker
    from glasshouse.queues.models import Failure

    ending, runs = threading.Event(), []

    def breaks() -> None:
        runs.append(1)
        if len(runs) == 3:
            ending.set()
        raise ZeroDivisionError

    worker._run(ending, Job(breaks, every_s=0.01))
    assert len(runs) == 3
    row = Failure.objects.get(queue="worker.schedule", item__endswith="breaks")
    assert (row.reason, row.tries) == ("ZeroDivisionError", 3)


def test_a_file_that_cannot_be_taken_is_tried_again_and_its_owner_is_told_in_the_end(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.greenhouse import imports, tasks
    from glasshouse.kernel.errors import UnavailableError
    from glasshouse.queues.models import Failure
    from glasshouse.queues.rules import MAX_TRIES

    one = customer()
    ids = {"account": one.actor.account, "person": one.actor.person, "organisation": one.actor.organisation}

    def fail(*_: object) -> None:
        raise errors.pop() if errors else OSError

    for first in (UnavailableError("away"), ValueError("x")):
        number = imports.upload(one.actor, one.site, "", "log.csv", [b"time,temp\n2024-05-31 12:00,1\n"])
        errors: list[Exception] = [first]
        monkeypatch.setattr(imports, "run", fail)
        for _ in range(MAX_TRIES - 1):
            with pytest.raises((UnavailableError, ValueError, OSError)):
                tasks.take_file(**ids, upload=number)
        assert imports.report_of(one.actor, number).state != "failed"
        tasks.take_file(**ids, upload=number)
        found = imports.report_of(one.actor, number)
        assert (found.state, found.report) == ("failed", {"problem": {"text": tasks.GAVE_UP.text, "values": {}}})
        assert Failure.objects.get(queue="greenhouse.import", item=number).set_aside_at
        Failure.objects.all().delete()
    monkeypatch.setattr(imports, "run", lambda *_: None)
    tasks.take_file(**ids, upload=number)
    assert not Failure.objects.filter(item=number).exists()


def test_what_fails_for_ever_is_counted_up_to_a_bound(home: Installation) -> None:
    from django.db import DatabaseError, transaction

    from glasshouse.kernel import clock
    from glasshouse.queues import api as queues
    from glasshouse.queues.models import Failure
    from glasshouse.queues.rules import MOST_COUNTED

    def fail(*_: object) -> None:
        raise OSError

    now = clock.now()
    Failure.objects.create(queue="test.bound", item="item", tries=MOST_COUNTED, tried_at=now, next_try_at=now)
    for _ in range(3):
        assert not queues.guarded("test.bound", "item", fail)
        assert queues.count_try("test.bound", "item") == MOST_COUNTED
        with transaction.atomic():
            queues.each_within("test.bound", [Failure(id="item")], fail)
        assert queues.each("test.bound", ["item"], fail) == 0
    row = Failure.objects.get(queue="test.bound")
    assert (row.tries, row.set_aside_at is not None) == (MOST_COUNTED, True)
    with pytest.raises(DatabaseError, match="tries_bounded"):
        Failure.objects.filter(id=row.id).update(tries=MOST_COUNTED + 1)


def test_the_worker_writes_no_text_of_an_error_into_its_log(
    home: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError

    from glasshouse.operations import worker
    from glasshouse.queues import api as queues

    ending = threading.Event()

    def away(*_: object) -> None:
        raise OperationalError("@".join(["Key (name)=(jan", "grower.example)"]))

    def breaks() -> None:
        ending.set()
        raise ValueError("@".join(["secret", "grower.example"]))

    monkeypatch.setattr(queues, "failed", away)
    worker._run(ending, Job(breaks, every_s=0.01))
    assert "breaks" in caplog.text, "it is logged where it failed"
    assert "OperationalError" in caplog.text
    assert "ValueError" in caplog.text
    assert "@grower.example" not in caplog.text


def answered_legal_request(officer: Customer, second: Customer, about: Customer) -> Any:
    """A demand that was answered, and whose bar has ended."""
    from glasshouse.authorities import api as legal_requests
    from glasshouse.authorities.models import LegalRequest
    from glasshouse.kernel import clock

    until = clock.now().date() + timedelta(days=30)
    facts = legal_requests.Facts(about.address, "The court", "nl", "Art. 1", ["user.name"], until)
    made = legal_requests.enter(officer.actor, facts)
    for who in (officer, second):
        legal_requests.review(who.actor, made.id, "answer", ["user.name"], "covered")
    LegalRequest.objects.filter(id=made.id).update(barred_until=clock.now().date() - timedelta(days=3))
    return made


@contextmanager
def attempts_counted(queue: str) -> Iterator[list[str]]:
    """The items of a queue that are tried in the block."""
    from glasshouse.queues import api as queues

    tried: list[str] = []
    real = queues._begun

    def begun(name: str, item: str) -> bool:
        if name == queue:
            tried.append(item)
        return real(name, item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "_begun", begun)
        yield tried


def test_a_demand_about_somebody_who_was_erased_is_looked_at_once(
    officer: Customer, olaf: Make, customer: Make
) -> None:
    from glasshouse.authorities import api as legal_requests
    from glasshouse.promises.checks import authorities as authority_checks
    from glasshouse.subject import erasure as rights

    gone = customer()
    made = answered_legal_request(officer, as_staff(olaf(), "security"), gone)
    rights.erase(gone.alone)
    with attempts_counted(legal_requests.TELLING) as tried:
        for _ in range(3):
            assert legal_requests.tell_due() == 0
    assert tried.count(made.id) == 1
    with worker_running():
        assert made.id not in authority_checks.legal_requests().figure, "nobody is left to be told"
    shown = next(one for one in legal_requests.legal_requests(officer.actor) if one.id == made.id)
    assert shown.told_at is None
    assert shown.untellable_at


def test_who_has_another_address_by_now_is_told_of_a_demand(officer: Customer, olaf: Make, customer: Make) -> None:
    from glasshouse.accounts.models import Person
    from glasshouse.accounts.own import own
    from glasshouse.authorities import api as legal_requests
    from glasshouse.mail import api as mail
    from glasshouse.vault import api as vault

    moved, address = customer(), f"{uuid.uuid4().hex[:10]}@grower.example"
    made = answered_legal_request(officer, as_staff(olaf(), "security"), moved)
    with own(str(moved.actor.person)):
        person = Person.objects.get(id=moved.actor.person)
        person.address, person.address_hash = address, vault.lookup("address", address)
        person.save()
    legal_requests.tell_due()
    assert next(one for one in legal_requests.legal_requests(officer.actor) if one.id == made.id).told_at
    assert any("The court" in row.body for row in mail.newest(400) if row.address == address)


@pytest.mark.parametrize("state", ["the agent ended", "the host is another", "nothing is new"])
def test_an_agent_that_is_told_nothing_costs_no_try(
    officer: Customer, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.requests import drp_callbacks
    from glasshouse.requests.models import Agent

    called: list[str] = []

    monkeypatch.setattr(drp_callbacks, "call", lambda url, state: called.append(url))
    agent = Agent(
        agent_id="agent", agent_hash=uuid.uuid4().hex * 2, name="Agent", verify_key="x", callback_host="a.example"
    )
    agent.created_at = clock.now()
    agent.ended_at = clock.now() if state == "the agent ended" else None
    agent.save(force_insert=True)
    row = asked()
    row.agent, row.callback = agent.id, f"https://{'b' if state == 'the host is another' else 'a'}.example/hook"
    row.save(update_fields=["agent", "callback"])
    with gone_after([row]), attempts_counted(drp_callbacks.TELLING) as tried:
        for _ in range(3):
            drp_callbacks.tell_agents()
    agent.delete()
    assert tried.count(row.id) <= 1, "after that there is nothing to do (the service's own worker may have been first)"
    own = [url for url in called if url.endswith(".example/hook")]  # Other tests leave agents, too.
    assert len(own) == (state == "nothing is new")
