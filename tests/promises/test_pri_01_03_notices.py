"""PRI-01, PRI-03: documents in versions, accepted before use.

Significant changes announced, and in force only after their time.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, IntegrityError

from glasshouse.operations.installation import Installation
from tests.conftest import Customer, administering, enter_staff, forget_versions, post, prove_link

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


@pytest.fixture
def kept(home: Installation) -> Iterator[None]:
    """Takes away again what versions a test makes: everybody else's customers live in the same service."""
    yield
    with administering(home) as link:
        forget_versions(link)


def drafted(officer: Customer, document: str = "cookies", *, significant: bool = False, days: int = 14) -> str:
    from glasshouse.notices import api as notices

    texts = {"en": ("## New\n\nAll is **new** here.", "Everything is new."), "de": ("## Neu", "Alles ist neu.")}
    return notices.draft(officer.actor, notices.Draft(document, texts, significant, days))


def test_nobody_signs_up_without_ticking_the_box_and_it_is_not_ticked_beforehand(web: Web) -> None:
    client = web()
    post(client, "/sign-up", "/sign-up", address="no-box@grower.example")
    path = f"/prove/{prove_link('no-box@grower.example')}"
    page = client.get(path).text
    assert 'name="accept" value="yes" required>' in page
    assert "checked" not in page
    answer = post(client, path, path, name="No Box", organisation="B", password="a long enough word")
    assert answer.status_code == 400
    assert "Tick the box" in answer.text
    assert 'value="No Box"' in answer.text, "nothing written is lost"


def test_what_was_accepted_is_kept_with_the_words_shown(customer: Make) -> None:
    from glasshouse.notices import api as notices

    one = customer()
    found = notices.acceptances(one.actor)
    assert {row.version.document for row in found} == {"notice", "terms"}
    assert all("I accept the terms of use (version 1)" in row.shown and row.how == "sign-up" for row in found)


@pytest.mark.usefixtures("kept")
def test_a_new_version_stops_everybody_until_it_is_accepted(customer: Make, officer: Customer, web: Web) -> None:
    from glasshouse.access import api as access
    from glasshouse.greenhouse.models import Site
    from glasshouse.notices import api as notices
    from glasshouse.organisations import tokens

    one = customer()
    client, start = web(one), f"/o/{one.organisation}/"
    token = tokens.create_token(one.actor, "Script", ["greenhouse:site:read"], 3)
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(start).status_code == 200
    version = notices.publish(officer.actor, drafted(officer, "terms"))
    assert client.get(start).headers["location"] == f"/accept?next={start}"
    assert web().get("/api/v1/sites", headers=bearer).status_code == 403
    assert client.get("/api/v1/sites", headers=bearer).status_code == 403
    with access.organisation_transaction(one.actor):
        assert list(Site.objects.all()) == [], "the database shows nothing either"
    page = client.get("/accept").text
    assert "Everything is new." in page
    assert client.get("/documents/terms/compare?to=2").status_code == 200
    for path in ("/account/data", "/account/data/choices", "/privacy", "/documents/terms", "/trust"):
        assert client.get(path).status_code == 200, path
    assert post(client, "/accept", "/accept", versions=version.id).status_code == 400
    offered = [one.id for one in notices.offer().versions]
    wrong = client.post(
        "/accept", data={"csrfmiddlewaretoken": token_of(page), "accept": "yes", "versions": offered[:1]}
    )
    assert wrong.status_code == 400
    right = client.post("/accept", data={"csrfmiddlewaretoken": token_of(page), "accept": "yes", "versions": offered})
    assert right.status_code == 302
    assert client.get(start).status_code == 200
    assert client.get("/api/v1/sites", headers=bearer).status_code == 200


def token_of(page: str) -> str:
    import re

    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.usefixtures("kept")
def test_who_refuses_leaves_with_their_data(
    customer: Make, join: Callable[..., Customer], officer: Customer, web: Web
) -> None:
    from glasshouse.notices import api as notices
    from glasshouse.organisations import members

    boss = customer()
    one = join(boss, "viewer")
    client = web(one)
    notices.publish(officer.actor, drafted(officer, "terms"))
    assert "You do not accept" in post(client, "/accept/no", "/accept").text
    assert post(client, "/account/data/export", "/account/data").status_code == 302
    assert "glasshouse-data-" in client.get("/account/data").text
    done = post(client, "/account/data/erase", "/account/data/erase", word="erase").headers["location"]
    assert "You are erased" in client.get(done).text
    notices.record_acceptance(boss.actor, notices.offer().claims("page"))
    assert [row.address for row in members.members(boss.actor)] == [boss.address]


@pytest.mark.usefixtures("kept")
def test_a_significant_version_waits_for_its_mails_and_its_lead_time(
    home: Installation, customer: Make, officer: Customer, web: Web
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.mail.models import Message
    from glasshouse.notices import announcements
    from glasshouse.notices import api as notices
    from glasshouse.notices.models import Announcement, Version
    from glasshouse.notices.rules import Document

    one = customer()
    with pytest.raises(InvalidError, match="lead time"):
        drafted(officer, significant=True, days=3)
    version = notices.publish(officer.actor, drafted(officer, significant=True, days=20))
    with pytest.raises(InvalidError, match="being announced"):
        notices.publish(officer.actor, drafted(officer))
    announcements.announce_due()
    told = Announcement.objects.get(version=version, key_owner=one.actor.person)
    letter = Message.objects.get(id=told.message)
    assert letter.address == one.address
    assert "Everything is new." in letter.body
    # One mail cannot leave yet: the version waits.
    Message.objects.filter(id=told.message).update(sent_at=None, next_try_at=clock.now() + timedelta(hours=1))
    Announcement.objects.filter(id=told.id).update(state="queued")
    Message.objects.filter(kind="announcement").exclude(id=told.message).update(sent_at=clock.now())
    announcements.announce_due()
    version.refresh_from_db()
    assert version.in_force_at is None
    Message.objects.filter(id=told.message).update(sent_at=clock.now())
    announcements.announce_due()
    version.refresh_from_db()
    assert version.in_force_at == version.announced_at + timedelta(days=20)
    assert notices.current(Document.COOKIES).number == 1
    assert "A new version of one of our documents" in web(one).get("/account").text, "the product says so as well"
    with clock.frozen(clock.now() + timedelta(days=21)):
        assert notices.current(Document.COOKIES) == version
    late = customer()
    announcements.announce_due()
    assert Announcement.objects.filter(version=version, key_owner=late.actor.person).exists(), "newcomers are told, too"
    # The database refuses a shorter time.
    with pytest.raises(IntegrityError):
        Version.objects.filter(id=version.id).update(in_force_at=version.announced_at + timedelta(days=13))


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("is_told", [True, False])
def test_the_check_reads_the_mail_that_tells_a_newcomer(
    home: Installation, officer: Customer, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.notices import announcements
    from glasshouse.notices import api as notices
    from glasshouse.promises.checks.announcements import _newcomer
    from glasshouse.promises.findings import Steps
    from glasshouse.promises.stage import Stage
    from tests.checking import clear, worker_running

    clear(home)
    before = Steps()
    _newcomer(before)
    assert (before.taken, len(before.lines)) == (0, 1), "nothing is coming"
    version = notices.publish(officer.actor, drafted(officer, significant=True, days=20))
    announcements.announce_due()
    Message.objects.filter(kind="announcement").update(sent_at=clock.now())
    announcements.announce_due()
    version.refresh_from_db()
    assert version.in_force_at is not None
    if not is_told:
        monkeypatch.setattr(announcements, "announce_due", lambda: 0)
        monkeypatch.setattr(
            Stage, "arrival", lambda *_, **__: None
        )  # Nothing is on its way: nobody waits a minute for it.
    steps = Steps()
    with worker_running():
        _newcomer(steps)
    assert (steps.taken, steps.wrong == []) == (1, is_told)


@pytest.mark.usefixtures("kept")
def test_a_mail_that_comes_back_is_followed_up(home: Installation, customer: Make, officer: Customer) -> None:
    import smtplib
    import ssl

    from glasshouse.kernel import clock
    from glasshouse.mail.models import Message
    from glasshouse.notices import announcements
    from glasshouse.notices import api as notices
    from glasshouse.notices.models import Announcement

    one = customer()
    version = notices.publish(officer.actor, drafted(officer, significant=True))
    announcements.announce_due()
    told = Announcement.objects.get(version=version, key_owner=one.actor.person)
    Message.objects.filter(kind="announcement").update(sent_at=clock.now())
    bounce = (
        "From: MAILER-DAEMON@grower.example\r\nTo: bounce@localhost\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such mailbox.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.grower.example\r\n\r\n"
        "Final-Recipient: rfc822; gone@grower.example\r\nAction: {}\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    context = ssl.create_default_context(cafile=str(home.keys / "tls" / "ca.crt"))
    for action in ("delayed", "failed"):
        with smtplib.SMTP("localhost", home.mail_port, timeout=60) as server:
            server.starttls(context=context)
            server.sendmail("", [f"bounce-{told.message}@localhost"], bounce.format(action))
        came_back = Message.objects.get(id=told.message).bounced_at is not None
        assert came_back is (action == "failed")
    announcements.announce_due()
    told.refresh_from_db()
    assert told.state == "bounced"
    with clock.frozen(clock.now() + timedelta(days=2)):
        announcements.announce_due()
    again = Announcement.objects.get(id=told.id)
    assert again.resent_at is not None
    assert again.message != told.message
    progress = next(row for row in notices.progress_of_versions(officer.actor) if row.version.id == version.id)
    assert progress.persons >= progress.sent


@pytest.mark.usefixtures("kept")
def test_a_published_text_is_never_changed(officer: Customer) -> None:
    from glasshouse.notices import api as notices
    from glasshouse.notices.models import Text

    notices.publish(officer.actor, drafted(officer))
    for act in (lambda: Text.objects.update(body="other"), lambda: Text.objects.all().delete()):
        with pytest.raises(DatabaseError, match="permission denied"):
            act()


def test_the_tables_of_the_notice_are_those_of_the_data_map_and_a_change_is_flagged(web: Web) -> None:
    from glasshouse.notices import api as notices
    from glasshouse.notices import versions
    from glasshouse.notices.models import Version
    from glasshouse.notices.rules import Document

    version = notices.current(Document.NOTICE)
    assert version.tables == versions.tables()
    assert not notices.stale()
    page = web().get("/documents/notice").text
    for row in version.tables:
        assert str(row["purpose"])[1:].replace("'", "&#x27;") in page
    try:
        Version.objects.filter(id=version.id).update(tables=version.tables[1:])
        assert notices.stale()
        assert "no longer match what is stored" in web().get("/documents/notice").text
    finally:
        Version.objects.filter(id=version.id).update(tables=versions.tables())


def test_texts_come_in_the_readers_language_and_hostile_words_stay_words(web: Web) -> None:
    from glasshouse.web.pages.public.documents import _html

    assert (
        "Wer verantwortlich ist" in web().get("/documents/notice", headers={"Accept-Language": "de-DE,en;q=0.5"}).text
    )
    assert "Who is responsible" in web().get("/documents/notice", headers={"Accept-Language": "xx"}).text
    made = _html("<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://evil.example/y.png)")
    assert "<script" not in made
    assert 'href="javascript' not in made
    assert "<img" not in made


@pytest.mark.usefixtures("kept")
def test_the_officers_page_drafts_and_publishes_and_is_nobody_elses(
    customer: Make, officer: Customer, olaf: Make, web: Web
) -> None:
    one = customer()
    assert web(one).get("/staff/documents").status_code == 404
    from glasshouse.kernel.errors import NotFoundError
    from glasshouse.notices import api as notices

    for stranger in (one, olaf()):
        with pytest.raises(NotFoundError):
            drafted(stranger)
    client, page = enter_staff(web(officer)), "/staff/documents"
    fields = {"document": "cookies", "body_en": "## Fresh", "summary_en": "Fresh words."}
    assert post(client, page, page, **fields | {"summary_en": ""}).status_code == 400
    assert post(client, page, page, **fields).status_code == 302
    draft = next(row.version for row in notices.progress_of_versions(officer.actor) if row.version.published_at is None)
    assert post(client, f"{page}/{draft.id}/publish", page).status_code == 302
    assert "Fresh words." in web().get("/documents/cookies").text


def test_a_comparison_marks_what_came_and_went() -> None:
    from glasshouse.notices.rules import compared

    kinds = [
        (one.kind, one.text.strip()) for one in compared("we keep it a year\nfor you", "we keep it two years\nfor you")
    ]
    assert ("removed", "a year") in kinds
    assert ("added", "two years") in kinds
    assert "".join(one.text for one in compared("a b", "a c") if one.kind != "removed") == "a c"


@pytest.mark.usefixtures("kept")
def test_an_announcement_speaks_the_language_that_its_person_chose(customer: Make, officer: Customer) -> None:
    from glasshouse.mail.models import Message
    from glasshouse.notices import announcements
    from glasshouse.notices import api as notices
    from glasshouse.notices.models import Acceptance, Announcement

    german, english = customer(), customer()
    Acceptance.objects.filter(key_owner=german.actor.person).delete()
    notices.accept(german.actor, [one.id for one in notices.offer("de").versions], "de")
    version = notices.publish(officer.actor, drafted(officer, significant=True))
    announcements.announce_due()

    def letter(who: Customer) -> str:
        return str(
            Message.objects.get(id=Announcement.objects.get(version=version, key_owner=who.actor.person).message).body
        )

    assert "Alles ist neu." in letter(german)
    assert "Was sich ändert" in letter(german)
    assert "Everything is new." in letter(english)


def test_comparing_two_long_texts_stays_cheap_and_loses_no_word() -> None:
    from glasshouse.notices.rules import compared

    old = "\n\n".join(f"Paragraph {number}: " + "we keep what we need. " * 9 for number in range(480))
    new = old.replace("Paragraph 200: we keep", "Paragraph 200: we never keep").replace("Paragraph 300", "Section 300")
    assert len(old) > 95_000
    pieces = compared(old, new)
    assert [one.text.strip() for one in pieces if one.kind == "added"] == ["never", "Section"]
    assert "".join(one.text for one in pieces if one.kind != "added").split() == old.split()
    assert "".join(one.text for one in pieces if one.kind != "removed").split() == new.split()
    other = " ".join(f"word{number}" for number in range(16_000))
    assert {one.kind for one in compared(old, other)} == {"added", "removed"}
