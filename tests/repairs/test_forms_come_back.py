"""A form for which "Confirm it's you" was asked comes back as it was written, to who wrote it, once, and with no secret in it."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.db import connection
from django.http import QueryDict

from glasshouse.access import pages
from glasshouse.accounts.models import Session
from glasshouse.kernel import clock
from glasshouse.subject import inventory
from glasshouse.web import written_forms
from glasshouse.web.models import WrittenForm
from glasshouse.web.refill import refilled
from tests.conftest import Customer, as_staff, enter_staff, post
from tests.repairs.test_refused_forms import fields

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
INVITED = {"address": "new@grower.example", "role": "grower", "days": "12", "message": "Come <soon> & help"}


def age_proof(who: Customer) -> None:
    """Have the person confirm anew who they are, before the next sensitive act."""
    Session.objects.filter(account_id=who.actor.account).update(proved_at=clock.now() - timedelta(hours=1))


def come_back(client: httpx.Client, who: Customer, answer: httpx.Response) -> str:
    """Reauthenticate; returns where that leads."""
    assert answer.status_code == 302
    address = urlsplit(answer.headers["Location"])
    assert address.path == "/reauthenticate"
    (following,) = parse_qs(address.query)["next"]
    led = post(client, "/reauthenticate", "/reauthenticate", password=who.password, next=following)
    assert led.status_code == 302
    return str(led.headers["Location"])


def sent(client: httpx.Client, page: str, act: str, **written: str) -> httpx.Response:
    """Send a form of a page as a browser does, which tells the page that it stood on."""
    client.headers["Referer"] = f"{client.base_url}".rstrip("/") + page
    return post(client, act, page, **written)


def stale(one: Customer, web: Web) -> httpx.Client:
    client = web(one)
    age_proof(one)
    return client


def test_an_invitation_comes_back_as_it_was_written_once(customer: Make, web: Web) -> None:
    one = customer()
    client, page = stale(one, web), f"/o/{one.organisation}/members"
    where = come_back(client, one, sent(client, page, f"{page}/invite", **INVITED, sites=one.site))
    assert "new%40grower" not in where
    assert urlsplit(where).path == page
    answer = client.get(where)
    shown = fields(answer.text, f"{page}/invite")
    assert {name: shown[name] for name in INVITED} == {name: [value] for name, value in INVITED.items()}
    assert (shown["sites"], shown["all_sites"]) == ([one.site], [])
    assert "Nothing was sent yet" in answer.text
    again = client.get(where)
    assert fields(again.text, f"{page}/invite")["address"] == [""]
    assert "Nothing was sent yet" not in again.text


def test_nobody_else_and_no_other_session_sees_it(customer: Make, join: Callable[..., Customer], web: Web) -> None:
    one = customer()
    colleague = join(one, "administrator")
    client, page = stale(one, web), f"/o/{one.organisation}/members"
    where = come_back(client, one, sent(client, page, f"{page}/invite", **INVITED))
    for other in (web(one), web(colleague)):
        assert fields(other.get(where).text, f"{page}/invite")["address"] == [""]
    elsewhere = where.replace("/members", "/sites")
    assert INVITED["address"] not in client.get(elsewhere).text, "another page has no such form"
    assert fields(client.get(where).text, f"{page}/invite")["address"] == [INVITED["address"]]


def test_it_is_sealed_one_a_session_and_short_lived(customer: Make, web: Web) -> None:
    one = customer()
    client, page = stale(one, web), f"/o/{one.organisation}/members"
    sent(client, page, f"{page}/invite", **INVITED)
    where = sent(client, page, f"{page}/invite", **INVITED | {"message": "Come later"}).headers["Location"]
    (row,) = WrittenForm.objects.filter(key_owner=str(one.actor.person))
    assert row.form["fields"]["message"] == ["Come later"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM web_written_form WHERE id = %s", [row.id])
        stored = b"".join(
            bytes(cell) if isinstance(cell, memoryview) else str(cell).encode() for cell in cursor.fetchone()
        )
    assert b"grower.example" not in stored
    assert b"Come later" not in stored
    assert any(item.place == "web_written_form.form" for item in inventory.view(one.alone))
    WrittenForm.objects.filter(id=row.id).update(expires_at=clock.now() - timedelta(seconds=1))
    back = come_back(client, one, httpx.Response(302, headers={"Location": where}))
    assert fields(client.get(back).text, f"{page}/invite")["address"] == [""]
    assert written_forms.delete_expired() >= 1
    assert not WrittenForm.objects.filter(id=row.id).exists()


@pytest.mark.parametrize(
    ("page", "act", "written"),
    [
        ("/account/security/add/text", "/account/security/add/text/number", {"number": "+31612345678"}),
        ("/account/security/add/app", "/account/security/add/app", {"code": "123456"}),
        ("/o/{}/settings", "/o/{}/close", {"name": "My farm"}),
    ],
)
def test_no_secret_and_no_confirmation_is_kept(
    customer: Make, web: Web, page: str, act: str, written: dict[str, str]
) -> None:
    one = customer()
    client = web(one)
    page, act = page.format(one.organisation), act.format(one.organisation)
    client.get(page)
    client.headers["Referer"] = f"{client.base_url}".rstrip("/") + page
    token = client.cookies["__Host-csrf"]
    age_proof(one)
    answer = client.post(act, data=written | {"csrfmiddlewaretoken": token})
    assert answer.headers["Location"] == f"/reauthenticate?next={page}"
    assert not WrittenForm.objects.filter(key_owner=str(one.actor.person)).exists()


@pytest.mark.usefixtures("home")
def test_what_somebody_signs_in_with_is_kept_of_no_page() -> None:
    secrets = {"password", "present", "code", "number", "answer", "word"}
    written = QueryDict("&".join(f"{name}=x" for name in sorted(secrets)))
    for page in pages.pages():
        assert not set(written_forms.kept_fields(page, written)) & (secrets - {"word"}), page.name


def test_a_form_that_a_button_sends_elsewhere_comes_back_too(customer: Make, olaf: Make, web: Web) -> None:
    one, support = customer(), as_staff(olaf(), "support")
    client = enter_staff(web(support))
    age_proof(support)
    answer = sent(client, "/staff", "/staff/emergency", customer=one.organisation, reason="The vents are open")
    assert urlsplit(answer.headers["Location"]).path == "/reauthenticate"
    (following,) = parse_qs(urlsplit(answer.headers["Location"]).query)["next"]
    Session.objects.filter(account_id=support.actor.account).update(proved_at=clock.now())
    shown = fields(client.get(following).text, "/staff")
    assert (shown["customer"], shown["reason"]) == ([one.organisation], ["The vents are open"])


def test_a_form_without_an_address_is_filled_only_on_its_own_page() -> None:
    page = '<form><input name="name" value="mine"></form><form action="/act"><input name="name"></form>'
    assert 'value="mine"' in refilled(page, "/act", QueryDict("name=written"), at="/page")
    assert refilled(page, "/act", QueryDict("name=written"), at="/page").count('value="written"') == 1
    assert refilled(page, "/page", QueryDict("name=written")).count('value="written"') == 1
