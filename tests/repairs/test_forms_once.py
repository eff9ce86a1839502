"""A form counts once, and a secret is shown once: reloaded, sent twice, or sent twice at the same moment."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.http import HttpResponse

from glasshouse.access import api as access
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse.models import Device
from glasshouse.kernel import clock
from glasshouse.mail import api as mail
from glasshouse.operations.installation import Installation
from glasshouse.organisations import tokens
from glasshouse.retention import api as retention
from glasshouse.subject import inventory as view
from glasshouse.web import once
from glasshouse.web.models import FormSent, ShownOnce
from glasshouse.web.once import kept_location
from tests.conftest import Customer, administering, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
GONE = "You cannot see this key again"


def form_of(client: httpx.Client, page: str, **fields: str) -> dict[str, str]:
    """The fields of a form as a browser sends them, with every hidden field of the page."""
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', client.get(page).text))
    return hidden | fields


def led_to(client: httpx.Client, answer: httpx.Response) -> str:
    """Where the answer to a form leads in the end: past the page that waits for the first one, as a browser goes."""
    ends_s = time.monotonic() + 90
    while time.monotonic() < ends_s:
        where = answer.headers["Location"]
        if not where.startswith("/sent/"):
            return where
        while (answer := client.get(where)).status_code == 200 and time.monotonic() < ends_s:
            assert '<meta http-equiv="refresh" content="2">' in answer.text
            time.sleep(0.05)
    raise AssertionError("the form was never done")


def devices_of(who: Customer) -> list[str]:
    with access.organisation_transaction(who.actor):
        return [device.name for device in Device.objects.all()]


def test_the_key_page_reloaded_registers_nothing_and_shows_no_key(customer: Make, web: Web) -> None:
    own, other = customer(), customer()
    client = web(own)
    page = f"/o/{own.organisation}/sites"
    answer = post(client, f"{page}/{own.site}/devices", page, name="Box")
    assert answer.status_code == 302, "the key must not be the answer to the form"
    assert "gh_" not in answer.headers["Location"]
    shown = client.get(answer.headers["Location"])
    key = re.search(r"gh_[A-Za-z0-9_-]{20,}", shown.text)
    assert key
    assert shown.headers["Cache-Control"] == "no-store"
    again = client.get(answer.headers["Location"])
    assert key[0] not in again.text
    assert GONE in again.text
    assert devices_of(own) == ["Box"]
    # Another customer's browser, and another session of the same person, see nothing either.
    second = post(client, f"{page}/{own.site}/devices", page, name="Second").headers["Location"]
    assert web(other).get(second).status_code == 404
    assert GONE in web(own).get(second).text
    assert re.search(r"gh_[A-Za-z0-9_-]{20,}", client.get(second).text)


def test_a_form_sent_twice_registers_one_device(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/sites"
    fields = form_of(client, page, name="Box", compartment="")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post(f"{page}/{own.site}/devices", data=fields), range(4)))
    assert devices_of(own) == ["Box"]
    assert {answer.status_code for answer in answers} <= {302, 303}
    (led,) = {led_to(client, answer) for answer in answers}
    assert led_to(client, client.post(f"{page}/{own.site}/devices", data=fields)) == led
    # A page opened anew is a new form, and so is another name on the old page.
    assert client.post(f"{page}/{own.site}/devices", data=fields | {"name": "Other"}).status_code == 302
    post(client, f"{page}/{own.site}/devices", page, name="Box")
    assert sorted(devices_of(own)) == ["Box", "Box", "Other"]


def test_a_form_that_was_refused_can_be_sent_again(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/sites"
    fields = form_of(client, page, name="", time_zone="Europe/Rome")
    assert client.post(page, data=fields).status_code == 400
    assert client.post(page, data=fields).status_code == 400
    assert client.post(page, data=fields | {"name": "New"}).status_code == 302
    assert len(greenhouse.sites(own.actor)) == 2


def test_api_tokens_and_recovery_codes_are_shown_once(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/tokens"
    answer = post(client, page, page, name="Script", scopes="greenhouse:site:read", days="3", all_sites="yes")
    assert answer.status_code == 302
    shown = client.get(answer.headers["Location"])
    assert re.search(r"ght_[0-9a-z]{16}_\S+", shown.text)
    again = client.get(answer.headers["Location"])
    assert not re.search(r"ght_[0-9a-z]{16}_", again.text)
    assert GONE.replace("key", "token") in again.text
    assert len(tokens.tokens(own.actor)) == 1
    answer = post(client, "/account/security/codes", "/account")
    assert answer.status_code == 302
    code = re.search(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", client.get(answer.headers["Location"]).text)
    assert code
    again = client.get(answer.headers["Location"])
    assert code[0] not in again.text
    assert "You cannot see these codes again" in again.text


def _sweep_only(model: type[Model], monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the rows of all organisations that other tests made out of the sweep: they are many. No key is destroyed."""
    monkeypatch.setattr(retention, "ours", lambda: [model])
    monkeypatch.setattr(retention, "_destroy_unused_keys", lambda: 0)


def test_what_waits_to_be_shown_is_sealed_short_lived_and_says_no_secret_in_the_view(
    customer: Make, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/sites"
    where = post(client, f"{page}/{own.site}/devices", page, name="Box").headers["Location"]
    row = ShownOnce.objects.get(key_owner=str(own.actor.person))
    key = row.value["key"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM web_shown_once WHERE id = %s", [row.id])
        assert key.encode() not in b"".join(
            bytes(cell) if isinstance(cell, memoryview) else str(cell).encode() for cell in cursor.fetchone()
        )
    assert all(key not in item.value for item in view.view(own.alone))
    _sweep_only(ShownOnce, monkeypatch)
    with clock.frozen(clock.now() + once.LIFE + timedelta(seconds=1)):
        actor = own.alone
        assert once.collect(actor, row.purpose, row.id) is None
        retention.run_deletions()
    assert not ShownOnce.objects.filter(id=row.id).exists()
    assert GONE in client.get(where).text


def test_invitations_by_list_and_their_report_are_sent_once(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/members"
    address = f"list-{own.site}@grower.example"
    fields = form_of(client, page, addresses=address, role="viewer", all_sites="yes", days="7")
    answer = client.post(f"{page}/invite", data=fields)
    assert answer.status_code == 302
    assert "Invitations by list" in (reported := client.get(answer.headers["Location"]).text) and address in reported
    assert "Invitations by list" not in client.get(answer.headers["Location"]).text
    client.post(f"{page}/invite", data=fields)
    assert sum(letter.address == address for letter in mail.newest(200)) == 1


@pytest.mark.parametrize("path", ["/forgotten", "/privacy"])
def test_a_form_of_somebody_unknown_counts_once(customer: Make, web: Web, path: str) -> None:
    own = customer()
    client = web()
    before = sum(letter.address == own.address for letter in mail.newest(500))
    fields = form_of(client, path, address=own.address, kind="access", region="eu", text="What do you hold?")
    assert client.post(path, data=fields).status_code == 200
    again = client.post(path, data=fields)
    assert "already sent" in again.text
    assert sum(letter.address == own.address for letter in mail.newest(500)) == before + 1


def test_forms_remembered_are_forgotten_after_a_day(customer: Make, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    _sweep_only(FormSent, monkeypatch)
    own = customer()
    page = f"/o/{own.organisation}/sites"
    post(web(own), page, page, name="New", time_zone="Europe/Rome")
    assert FormSent.objects.exists()
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        retention.run_deletions()
    assert not FormSent.objects.exists()


def test_a_corrected_file_of_the_same_name_and_size_is_another_form(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    fields = {"csrfmiddlewaretoken": token[1], "place": own.site}

    def send(value: str) -> str:
        body = f"time,air_temp\n2026-01-01 12:00,{value}\n2026-01-01 13:00,{value}\n".encode()
        answer = client.post(page, data=fields, files={"file": ("a.csv", body, "text/csv")})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    first, second, again = send("21.5"), send("99.5"), send("21.5")
    assert first != second
    assert again == first, "the same file from the same page is the same form"


def test_doubles_of_a_slow_form_hold_no_page_up(home: Installation, customer: Make, web: Web) -> None:
    own, other = customer(), customer()
    client, foreign, page = web(own), web(other), f"/o/{own.organisation}/sites"
    client.get(page)
    fields = form_of(client, page, name="Slow", compartment="")
    known = set(FormSent.objects.values_list("key", flat=True))

    def send(_: object = None) -> httpx.Response:
        return client.post(f"{page}/{own.site}/devices", data=fields)

    with ThreadPoolExecutor(16) as pool:
        with administering(home) as link, link.transaction():
            link.execute("SELECT 1 FROM greenhouse_site WHERE id = %s FOR UPDATE", [own.site])
            first = pool.submit(send)
            ends_s = time.monotonic() + 60
            while not (begun := set(FormSent.objects.values_list("key", flat=True)) - known):
                assert time.monotonic() < ends_s
            begun_s = time.monotonic()
            doubles = [pool.submit(send) for _ in range(14)]
            answers = [double.result() for double in doubles]
            assert foreign.get("/account").status_code == 200
            assert time.monotonic() - begun_s < 4, "none of them waits for the first one"
            assert not first.done()
            where = f"/sent/{begun.pop()}"
            assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, where)}
            waiting = client.get(where)
            assert "still being carried out" in waiting.text
            assert '<meta http-equiv="refresh" content="2">' in waiting.text
            assert foreign.get(where).status_code == 404, "another session's form"
            assert web().get(where).status_code == 404
        assert led_to(client, answers[0]) == first.result().headers["Location"]
    assert devices_of(own) == ["Slow"]
    assert foreign.get(where).status_code == 404


def test_a_form_whose_process_died_is_not_asked_for_for_ever(customer: Make, web: Web) -> None:
    own = customer()
    client, page = web(own), f"/o/{own.organisation}/sites"
    fields = form_of(client, page, name="New", time_zone="Europe/Rome")
    known = set(FormSent.objects.values_list("key", flat=True))
    assert client.post(page, data=fields).status_code == 302
    (key,) = set(FormSent.objects.values_list("key", flat=True)) - known
    long_ago = clock.now() - once.LIFE - timedelta(minutes=1)
    FormSent.objects.filter(key=key).update(done=False, location="", sent_at=long_ago)
    text = client.get(f"/sent/{key}").text
    assert "refresh" not in text
    assert "could not find out" in text


@pytest.mark.parametrize(
    "location", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", "?x=1", "/a\nb"]
)
def test_where_a_form_led_is_a_path_or_nothing(home: Installation, location: str) -> None:
    answer = HttpResponse(status=302)
    answer.headers["Location"] = location.replace("\n", "%0A")
    assert kept_location(answer) in ("", "/a%0Ab")
    if location == "/a\nb":
        return
    with pytest.raises(DatabaseError, match="form_location_is_a_path"), transaction.atomic():
        FormSent.objects.create(key="a" * 64, sent_at=clock.now(), location=location)
