"""Ways in: what works, what is refused, and what is never told."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from glasshouse.accounts.rules import Visit
from glasshouse.operations.installation import Installation
from tests.conftest import Customer, forget_person, post, prove_link

Web = Callable[..., httpx.Client]


def without_token(page: str) -> str:
    """The page without its anti-forgery token, which differs each time."""
    return re.sub(r'value="[A-Za-z0-9]{64}"', "", page)


def test_a_session_ends_everywhere_when_the_password_changes(customer: Callable[[], Customer], web: Web) -> None:
    one = customer()
    here, there = web(one), web(one)
    assert there.get("/account").status_code == 200
    before = here.cookies["__Host-session"]
    answer = post(here, "/account/password", "/account", present=one.password, password="another long password")
    assert answer.status_code == 302
    assert there.get("/account").status_code == 302
    assert here.cookies["__Host-session"] != before
    assert here.get("/account").status_code == 200


def test_sign_out_ends_the_session_on_the_server(customer: Callable[[], Customer], web: Web) -> None:
    client = web(customer())
    stolen = client.cookies["__Host-session"]
    assert post(client, "/sign-out", "/account").status_code == 302
    thief = web()
    thief.cookies.set("__Host-session", stolen, domain="localhost.local")
    assert thief.get("/account", headers={"Cookie": f"__Host-session={stolen}"}).status_code == 302


def test_no_answer_tells_whether_an_address_is_known(customer: Callable[[], Customer], web: Web) -> None:
    one = customer()
    for path, fields in (
        ("/forgotten", {}),
        ("/sign-up", {}),
    ):
        known = post(web(), path, path, address=one.address, **fields)
        unknown = post(web(), path, path, address="nobody@grower.example", **fields)
        assert (known.status_code, without_token(known.text)) == (unknown.status_code, without_token(unknown.text))
    wrong = post(web(), "/sign-in", address=one.address, password="not it, surely")
    stranger = post(web(), "/sign-in", address="stranger@grower.example", password="not it, surely")
    assert "do not match" in wrong.text
    strip = wrong.text.replace(one.address, ""), stranger.text.replace("stranger@grower.example", "")
    assert len(strip[0]) == len(strip[1])


def test_a_person_who_belongs_to_no_organisation_can_make_one(customer: Callable[[], Customer], web: Web) -> None:
    """Left behind by a sign-up of before 2026-11-25, which was cut off in the middle."""
    from glasshouse.access.models import Membership
    from glasshouse.organisations.members import take_out

    one, other = customer(), customer()
    from glasshouse.access import api as access
    from glasshouse.kernel import clock

    with access.organisation_transaction(one.actor):
        Membership.objects.create(
            organisation_id=one.organisation,
            account_id=other.actor.account,
            role="administrator",
            created_at=clock.now(),
        )
    take_out(one.actor.organisation, one.actor.account)
    client = web(one)
    assert post(client, "/", "/", organisation=" ").status_code == 400
    assert "/o/" in post(client, "/", "/", organisation="Lost Farm").headers["location"]
    assert "Lost Farm" in client.get("/", follow_redirects=True).text


def test_a_reset_link_works_once_and_ends_sessions(customer: Callable[[], Customer], web: Web) -> None:
    one = customer()
    inside = web(one)
    post(web(), "/forgotten", "/forgotten", address=one.address)
    path = f"/reset/{prove_link(one.address, 'reset')}"
    assert post(web(), path, path, password="short").status_code == 400
    assert post(web(), path, path, password="a whole new secret").status_code == 302
    assert inside.get("/account").status_code == 302
    assert post(web(), path, "/sign-in", password="a whole new secret").status_code == 404
    assert post(web(), "/sign-in", address=one.address, password="a whole new secret").status_code == 302


def test_opening_a_proof_link_does_nothing_by_itself(customer: Callable[[], Customer], web: Web) -> None:
    one = customer()
    client = web(one)
    fresh = f"new-{one.address}"
    post(client, "/account/address", "/account", present=one.password, address=fresh)
    path = f"/change/{prove_link(fresh, 'change')}"
    web().get(path)
    assert client.get("/account").status_code == 200
    assert post(client, path, path).status_code == 302
    assert client.get("/account").status_code == 302
    assert post(web(), "/sign-in", address=fresh, password=one.password).status_code == 302


@pytest.mark.parametrize("password", ["short", "q1w2e3r4t5y6", "908172635445", "x" * 257])
@pytest.mark.usefixtures("home")
def test_weak_and_breached_passwords_are_refused(password: str) -> None:
    from glasshouse.accounts.passwords import check_new
    from glasshouse.kernel.errors import InvalidError

    with pytest.raises(InvalidError):
        check_new(password)


def test_guessing_is_throttled_for_known_and_unknown_alike(customer: Callable[[], Customer]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError, ThrottledError

    one = customer()
    for number, address in enumerate((one.address, f"no-{one.address}")):
        for _ in range(10):
            with pytest.raises(InvalidError):
                accounts.sign_in(address, "wrong password", Visit(f"net-{one.site}-{number}"))
        with pytest.raises(ThrottledError):
            accounts.sign_in(address, one.password, Visit(f"other-{one.site}"))
    with clock.frozen(clock.now() + timedelta(minutes=11)):
        assert accounts.sign_in(one.address, one.password, Visit(f"later-{one.site}"))


def test_another_customers_pages_are_not_there(home: Installation, customer: Callable[[], Customer], web: Web) -> None:
    one, other = customer(), customer()
    client = web(one)
    nowhere = "0" * 16
    for path in ("/o/{}/", "/o/{}/sites", "/o/{}/chart", "/o/{}/events", "/o/{}/readings?s=1"):
        assert client.get(path.format(one.organisation)).status_code in (200, 404)
        foreign, missing = client.get(path.format(other.organisation)), client.get(path.format(nowhere))
        assert foreign.status_code == missing.status_code == 404
        assert without_token(foreign.text) == without_token(missing.text)
    mine = f"/o/{one.organisation}/sites"
    foreign_site = f"/o/{one.organisation}/sites/{other.site}/compartments"
    assert post(client, foreign_site, mine, name="x").status_code == 404
    assert client.get(mine).text.count(other.site) == 0


def test_pages_and_cookies_are_shut_tight(customer: Callable[[], Customer], web: Web) -> None:
    client = web(customer())
    answer = client.get("/account")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["cache-control"] == "no-store"
    cookie = next(one for one in client.cookies.jar if one.name == "__Host-session")
    assert cookie.secure
    assert client.post("/sign-out", headers={"Referer": "https://elsewhere.example/"}).status_code == 403
    assert client.get("/account", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_sign_in_leads_nowhere_else(customer: Callable[[], Customer], web: Web, onward: str) -> None:
    one = customer()
    answer = post(web(), "/sign-in", address=one.address, password=one.password, next=onward)
    assert answer.headers["location"] == "/"


def test_keys_are_rotated_and_everything_still_opens(customer: Callable[[], Customer]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.vault import api as vault

    one = customer()
    before = vault.roots().current()
    assert list(vault.rotate_root())
    assert vault.roots().generations() == [before + 1]
    vault.forget_opened()
    assert accounts.person_of(one.actor).address == one.address


def test_a_rotation_that_was_stopped_is_finished_by_the_next(customer: Callable[[], Customer]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.vault import api as vault

    one = customer()
    begun = vault.rotate_root()
    next(begun)
    begun.close()
    assert len(vault.roots().generations()) == 2
    vault.forget_opened()
    assert accounts.person_of(one.actor).address == one.address
    target = vault.roots().current()
    assert list(vault.rotate_root())
    assert vault.roots().generations() == [target]


def test_data_keys_are_rotated_and_everything_still_opens(customer: Callable[[], Customer]) -> None:
    from glasshouse.access.reseal import rotate_data_keys
    from glasshouse.accounts import api as accounts
    from glasshouse.greenhouse import api as greenhouse
    from glasshouse.greenhouse import imports
    from glasshouse.kernel.ids import KeyOwnerId
    from glasshouse.vault import api as vault

    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [b"time,temp\n2024-05-31 12:00,21.75\n"])
    begun = rotate_data_keys(wait_s=0)
    for what, *_ in begun:
        if what.startswith("customers"):
            break
    begun.close()  # killed in the middle
    assert accounts.person_of(one.actor).address == one.address
    steps = list(rotate_data_keys(wait_s=0))
    vault.forget_opened()
    for key_owner in (one.actor.person, one.organisation):
        assert vault.generations_of(KeyOwnerId(str(key_owner))) == [2]
    assert accounts.person_of(one.actor).address == one.address
    assert greenhouse.sites(one.actor)[0].name.startswith("Site ")
    assert imports.preview(one.actor, number).reading.points["temp"][0][1] == 21.75
    assert {what for what, *_ in steps} >= {"new keys", "persons' values sealed anew", "old keys deleted"}


def test_destroying_a_key_ends_all_reading(customer: Callable[[], Customer]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.vault import api as vault
    from glasshouse.vault.envelope import KeyDestroyedError

    one = customer()
    vault.destroy(one.actor.person)
    with pytest.raises(KeyDestroyedError):
        _ = accounts.person_of(one.actor).address
    forget_person(one)


def test_blobs_are_sealed_and_notice_being_cut(home: Installation, customer: Callable[[], Customer]) -> None:
    from glasshouse.vault import blobs
    from glasshouse.vault.envelope import SealBrokenError

    key_owner = customer().actor.person
    body = [b"secret tomato " * 30_000, b"end"]
    blob = blobs.store(iter(body), key_owner)
    assert b"".join(blobs.read(blob, key_owner)) == b"".join(body)
    path = home.data / "blobs" / blob[:2] / blob
    whole = path.read_bytes()
    assert b"secret" not in whole
    first = 4 + int.from_bytes(whole[:4], "big")
    path.write_bytes(whole[:first])
    with pytest.raises(SealBrokenError):
        list(blobs.read(blob, key_owner))
    blobs.remove(blob)


def test_mail_waits_while_no_mail_server_is_named(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    from glasshouse.kernel import clock
    from glasshouse.kernel.ids import KeyOwnerId, new_id
    from glasshouse.mail import api as mail
    from glasshouse.mail.models import Message

    with clock.frozen(clock.now() + timedelta(days=1)):  # due tomorrow only, so that the worker leaves it alone
        mail.queue_draft(KeyOwnerId(new_id()), "change", "waiting@grower.example", mail.Draft("s", "b"))
        waiting = next(
            one for one in Message.objects.order_by("-created_at")[:500] if one.address == "waiting@grower.example"
        )
        monkeypatch.setattr(settings, "DEMO", False)
        assert mail.deliver_due() == 0
        waiting.refresh_from_db()
        assert (waiting.sent_at, waiting.tries) == (None, 0)
        monkeypatch.setattr(settings, "DEMO", True)
        mail.deliver_due(limit=5000)
        waiting.refresh_from_db()
        assert waiting.sent_at is not None
