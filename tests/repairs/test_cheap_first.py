"""Cheap checks come first: length, throttle, the link itself; a password is hashed last, and few at a time."""

import threading
import time
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Customer, post, prove_link
from tests.promises.test_sec_06_second_step import with_app

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
HUGE = "\ufdfa" * 400_000  # Each of them is 18 characters in NFKC.


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts what Argon2 is asked for in this process."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    asked: list[str] = []
    encode, verify = Argon2PasswordHasher.encode, Argon2PasswordHasher.verify

    def counted_encode(self: object, password: str, salt: str) -> str:
        asked.append("hash")
        return str(encode(self, password, salt))

    def counted_verify(self: object, password: str, encoded: str) -> bool:
        asked.append("verify")
        return bool(verify(self, password, encoded))

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted_encode)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", counted_verify)
    return asked


def refused(act: Callable[[], object]) -> str:
    from glasshouse.kernel.errors import GlasshouseError

    with pytest.raises(GlasshouseError) as error:
        act()
    return str(error.value)


def test_nothing_is_hashed_for_a_link_that_is_none(customer: Make, hashes: list[str]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.notices import api as notices
    from glasshouse.onboarding import api as onboarding

    visit, entry = Visit("no-link"), onboarding.Entry("A", "a long enough word", notices.offer().claims("sign-up"), "B")
    for secret in ("x" * 43, "", "x" * 100_000):
        assert "used up" in refused(lambda secret=secret: accounts.finish_reset(secret, "a long enough word", visit))
        assert "used up" in refused(lambda secret=secret: onboarding.finish_sign_up(secret, entry, visit))
        assert refused(lambda secret=secret: onboarding.finish_invitation(secret, "a@grower.example", entry, visit))
    assert hashes == []


def test_nothing_is_hashed_for_a_form_that_is_wrong_in_another_field(
    customer: Make, web: Web, hashes: list[str]
) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.notices import api as notices
    from glasshouse.onboarding import api as onboarding

    one = customer()
    address = f"form-{one.address}"
    accounts.ask_sign_up(address, network=address)
    secret, accepted = prove_link(address), notices.offer().claims("sign-up")
    hashes.clear()
    for entry in (
        onboarding.Entry("", "a long enough word", accepted, "Farm"),
        onboarding.Entry("A", "a long enough word", accepted, ""),
        onboarding.Entry("A", "short", accepted, "Farm"),
        onboarding.Entry("A", "x" * 300_000, accepted, "Farm"),
        onboarding.Entry(HUGE, "a long enough word", accepted, "Farm"),
        onboarding.Entry("A", "a long enough word", accepted, HUGE),
    ):
        refused(lambda entry=entry: onboarding.finish_sign_up(secret, entry, Visit("form")))
    refused(lambda: accounts.change_password(one.alone, one.password, "short", Visit("form")))
    assert hashes == []


def test_nothing_is_hashed_once_the_throttle_says_no(customer: Make, hashes: list[str]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

    one = customer()
    for _ in range(10):
        refused(lambda: accounts.sign_in(one.address, "not the word", Visit(one.address)))
        refused(lambda: accounts.reauthenticate(one.alone, "not the word"))
    hashes.clear()
    for act in (
        lambda: accounts.sign_in(one.address, one.password, Visit(one.address)),
        lambda: accounts.reauthenticate(one.alone, one.password),
        lambda: accounts.change_password(one.alone, one.password, "a whole new word", Visit(one.address)),
        lambda: accounts.ask_change(one.alone, f"x-{one.address}", one.password),
    ):
        assert "Try again" in refused(act) or "wait" in refused(act)
    assert hashes == []


def test_known_and_unknown_addresses_cost_the_same_one_hash(customer: Make, hashes: list[str]) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit

    one = customer()
    for address in (one.address, f"unknown-{one.address}"):
        hashes.clear()
        assert "do not match" in refused(
            lambda address=address: accounts.sign_in(address, "not the word", Visit(address))
        )
        assert len(hashes) == 1
    hashes.clear()
    for address in ("no address", HUGE, ""):
        assert "do not match" in refused(
            lambda address=address: accounts.sign_in(address, "not the word", Visit("same"))
        )
    assert "do not match" in refused(lambda: accounts.sign_in(one.address, "x" * 300_000, Visit("same")))
    assert hashes == []


def test_asking_for_links_hashes_nothing(customer: Make, hashes: list[str]) -> None:
    from glasshouse.accounts import api as accounts

    one = customer()
    hashes.clear()
    for address in (one.address, f"new-{one.address}"):
        accounts.ask_sign_up(address, network=address)
        accounts.ask_reset(address, network=address)
    assert hashes == []


def test_two_hashes_at_a_time_and_the_next_waits_a_bounded_time(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import Argon2PasswordHasher
    from django.db import connections

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import passwords
    from glasshouse.accounts.rules import Visit
    from glasshouse.kernel.errors import GlasshouseError, OverloadedError

    one, gate, lock = customer(), threading.Event(), threading.Lock()
    running, most, outcomes = 0, 0, []

    def slow(*_: object) -> str:
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        gate.wait(10)
        with lock:
            running -= 1
        return "argon2$never"

    monkeypatch.setattr(Argon2PasswordHasher, "encode", slow)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", slow)
    monkeypatch.setattr(passwords, "WAIT_S", 0.3)

    def attempt(number: int) -> None:
        acts = (
            lambda: accounts.sign_in(f"n{number}-{one.address}", "not the word", Visit(f"{number}-{one.address}")),
            lambda: accounts.reauthenticate(one.alone, one.password),
            lambda: passwords.hashed("a long enough word"),
        )
        try:
            acts[number % 3]()
            outcomes.append("done")
        except OverloadedError as error:
            assert error.status == 503
            outcomes.append("busy")
        except GlasshouseError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while outcomes.count("busy") < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    gate.set()
    for thread in threads:
        thread.join()
    assert most == 2
    assert outcomes.count("busy") == 4


def test_an_error_while_hashing_gives_its_turn_back(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.accounts import passwords

    monkeypatch.setattr(passwords, "make_password", lambda _: 1 / 0)
    monkeypatch.setattr(passwords, "WAIT_S", 0.01)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            passwords.hashed("a long enough word")


def test_every_hash_goes_through_the_one_place() -> None:
    import re
    from pathlib import Path

    import glasshouse

    root = Path(str(glasshouse.__path__[0]))
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\b(make_password|check_password|validate_password)\b", path.read_text())
        # A breakage of `./glasshouse mutate` weakens a rule in a service of its own; nothing of the product calls it.
        and path.parent != root / "promises" / "breakages"
    }
    assert found == {"accounts/passwords.py"}


def test_an_attacker_does_not_lock_the_owner_out(customer: Make, web: Web) -> None:
    from glasshouse.accounts import api as accounts
    from glasshouse.accounts.rules import Visit
    from glasshouse.kernel.errors import ThrottledError

    one = customer()
    known = web(one)
    post(known, "/sign-out", "/account")
    for number in range(12):  # An attacker with many networks.
        refused(lambda number=number: accounts.sign_in(one.address, "not the word", Visit(f"bot-{number}-{one.site}")))
    with pytest.raises(ThrottledError):
        accounts.sign_in(one.address, one.password, Visit(f"stranger-{one.site}"))
    with pytest.raises(ThrottledError):
        accounts.sign_in(one.address, one.password, Visit(f"stranger-{one.site}", browser="made-up"))
    assert post(known, "/sign-in", address=one.address, password=one.password).status_code == 302
    # From a browser that was never seen, by a link to the mailbox.
    fresh = web()
    post(fresh, "/forgotten", "/forgotten", address=one.address)
    path = f"/reset/{prove_link(one.address, 'reset')}"
    assert post(fresh, path, path, password="an entirely new word").status_code == 302
    assert post(fresh, "/sign-in", address=one.address, password="an entirely new word").status_code == 302
    assert post(web(), "/sign-in", address=one.address, password="an entirely new word").status_code == 429


def test_a_known_browser_guesses_no_more_than_anybody(customer: Make, web: Web) -> None:
    one = customer()
    known = web(one)
    post(known, "/sign-out", "/account")
    answers = [post(known, "/sign-in", address=one.address, password="not the word").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_second_step_tries_of_a_stranger_leave_the_known_browser_its_own(customer: Make, web: Web) -> None:
    one = customer()
    known = web(one)
    _, codes = with_app(one)
    thief = web()
    post(thief, "/sign-in", address=one.address, password=one.password)
    answers = [post(thief, "/second-factor", "/second-factor", code=f"{n:06d}").status_code for n in range(7)]
    assert answers[-1] == 429
    post(known, "/sign-in", address=one.address, password=one.password)
    assert post(known, "/second-factor", "/second-factor", code=codes[0]).status_code == 302


def test_the_passkey_door_is_throttled(customer: Make, web: Web) -> None:
    from glasshouse.accounts.models import EmailLink

    client = web()
    post(client, "/passkey/options")
    token = client.cookies["__Host-csrf"]
    before, statuses = EmailLink.objects.filter(purpose="passkey-use").count(), []
    for _ in range(70):
        statuses.append(
            client.post(
                "/passkey/options", data={"csrfmiddlewaretoken": token}, headers={"X-CSRFToken": token}
            ).status_code
        )
    assert statuses[-1] == 429
    assert EmailLink.objects.filter(purpose="passkey-use").count() - before <= 60
    assert post(web(), "/passkey/options").status_code == 200, "another network goes on"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/forgotten"])
def test_every_open_form_is_throttled_by_network(customer: Make, web: Web, path: str) -> None:
    client = web()
    client.get(path)
    token = client.cookies["__Host-csrf"]
    statuses = []
    for number in range(250):
        fields = {"address": f"flood{number}@grower.example", "password": "not the word"}
        form = {"csrfmiddlewaretoken": token} | fields
        statuses.append(client.post(path, data=form, headers={"X-CSRFToken": token}).status_code)
        if statuses[-1] == 429:
            break
    assert statuses[-1] == 429


FIELDS = {
    "/sign-in": ("address", "password", "next"),
    "/sign-up": ("address",),
    "/forgotten": ("address",),
    "/account/address": ("address", "present"),
    "/account/password": ("present", "password"),
    "/reauthenticate": ("password", "code", "next"),
    "/account/security/add/text": ("step", "code"),
    "/account/security/add/text/number": ("number",),
    "/account/security/passkey": ("answer", "name"),
    "/passkey": ("answer", "step", "next"),
}


@pytest.mark.parametrize("path", FIELDS)
def test_huge_fields_are_refused_at_once(customer: Make, web: Web, path: str) -> None:
    client = web(customer())
    for field in FIELDS[path]:
        started = time.monotonic()
        page = path if path in ("/sign-in", "/sign-up", "/forgotten", "/reauthenticate") else "/account"
        answer = post(client, path, page, **{field: "\ufdfa" * 200_000})
        assert answer.status_code < 500, (path, field, answer.status_code)
        assert answer.status_code >= 300, (path, field, answer.status_code)
        assert time.monotonic() - started < 10, (path, field)
    assert client.get("/").status_code < 500


def test_no_normalisation_sees_a_huge_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.accounts import rules
    from glasshouse.accounts.texts import normal_number

    sizes: list[int] = []
    real = rules.unicodedata.normalize
    monkeypatch.setattr(
        rules.unicodedata, "normalize", lambda form, text: (sizes.append(len(text)), real(form, text))[1]
    )
    refused(lambda: rules.normal_address(HUGE))
    refused(lambda: rules.normal_address("a" * 255 + "@x.example"))
    refused(lambda: rules.plain_name(HUGE, field="name"))
    refused(lambda: normal_number("+31" + "6" * 400_000))
    assert max(sizes, default=0) <= 400
    assert rules.normal_address("a" * 60 + "@grower.example")


def test_deeply_nested_passkey_answers_are_refused(customer: Make, web: Web) -> None:
    for answer in ("[" * 15_000, '{"rawId":' * 1000, "null", "1", '{"rawId": 5}', '{"rawId": {}}', '{"rawId": "é"}'):
        assert post(web(), "/passkey", answer=answer).status_code == 400, answer[:20]


def test_codes_of_any_length_are_refused_quietly(customer: Make, web: Web) -> None:
    one = customer()
    with_app(one)
    client = web()
    post(client, "/sign-in", address=one.address, password=one.password)
    for code in ("9" * 60_000, "١٢٣٤٥٦", "\x00" * 6, " "):
        assert post(client, "/second-factor", "/second-factor", code=code).status_code == 400
    assert post(client, "/second-factor", "/second-factor", code="9" * 100_000).status_code == 413


def test_long_secrets_in_addresses_are_not_looked_up(customer: Make, web: Web) -> None:
    for path in ("/prove/", "/reset/", "/change/", "/invitation/", "/stop-reset/"):
        assert web().get(path + "x" * 1500).status_code in (302, 404), path
        assert web().get(path + "x" * 3000).status_code == 414, path
