"""SEC-06: the second factor.

Codes come from a generator of our own here (RFC 6238 by the standard library), not from the product.
"""

import base64
import hashlib
import re
import struct
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.authenticator import code_of
from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]


def with_app(one: Customer) -> tuple[str, list[str]]:
    """(seed, recovery codes) of an app set up and confirmed by a code of the past half minute."""
    from glasshouse.accounts import second_factor

    begun = second_factor.begin_app(one.alone)
    seed = begun.key.replace(" ", "")
    return seed, second_factor.confirm(one.alone, begun.id, code_of(seed, time.time() - 30))


def sign_in(client: httpx.Client, one: Customer) -> str:
    """Where the password leads."""
    return post(client, "/sign-in", address=one.address, password=one.password).headers["location"]


def step(client: httpx.Client, code: str, **more: str) -> httpx.Response:
    return post(client, "/second-factor", "/second-factor", code=code, **more)


def test_a_password_alone_opens_nothing(customer: Make, web: Web) -> None:
    one = customer()
    seed, _ = with_app(one)
    client = web()
    assert sign_in(client, one).startswith("/second-factor")
    for page in ("/account", "/account/security", f"/o/{one.organisation}/"):
        assert client.get(page).headers["location"].startswith("/sign-in")
    stolen = client.cookies["__Host-pending"]
    thief = web()
    assert (
        thief.get("/account", headers={"Cookie": f"__Host-session={stolen}"}).headers["location"].startswith("/sign-in")
    )
    assert step(client, "000000").status_code == 400
    assert step(client, code_of(seed)).status_code == 302
    assert client.get("/account").status_code == 200


def test_the_session_gets_a_new_secret_with_the_second_step(customer: Make, web: Web) -> None:
    one = customer()
    seed, _ = with_app(one)
    client = web()
    sign_in(client, one)
    pending = client.cookies["__Host-pending"]
    step(client, code_of(seed))
    assert client.cookies["__Host-session"] != pending


def test_a_code_works_once_and_only_near_its_time(customer: Make, web: Web) -> None:
    one = customer()
    seed, _ = with_app(one)
    client = web()
    now = code_of(seed)
    sign_in(client, one)
    assert step(client, code_of(seed, time.time() - 90)).status_code == 400
    assert step(client, code_of(seed, time.time() + 90)).status_code == 400
    assert step(client, now).status_code == 302
    again = web()
    sign_in(again, one)
    assert step(again, now).status_code == 400


def test_one_code_in_two_requests_at_once_lets_one_in(customer: Make) -> None:
    from django.db import connections

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import second_factor
    from glasshouse.accounts.rules import Visit
    from glasshouse.kernel.errors import GlasshouseError

    one = customer()
    seed, _ = with_app(one)
    visit = Visit(f"race-{one.site}")
    pendings = [accounts.sign_in(one.address, one.password, visit).secret for _ in range(4)]
    code, outcomes = code_of(seed), []

    def finish(pending: str) -> None:
        try:
            second_factor.finish_sign_in(pending, code, visit, trust=False)
            outcomes.append("in")
        except GlasshouseError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=finish, args=(pending,)) for pending in pendings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]


def test_guessing_codes_is_stopped(customer: Make, web: Web) -> None:
    one = customer()
    seed, codes = with_app(one)
    client = web()
    sign_in(client, one)
    assert [step(client, f"{number:06d}").status_code for number in range(5)][-1] in (400, 429)
    assert step(client, code_of(seed)).status_code == 429, "the right one too, now"
    assert step(client, codes[0]).status_code == 429


def test_recovery_codes_work_once_each_and_are_kept_as_hashes(customer: Make, web: Web) -> None:
    from glasshouse.accounts import recovery_codes
    from glasshouse.accounts.models import RecoveryCode

    one = customer()
    _, codes = with_app(one)
    assert len(codes) == 10
    stored = set(RecoveryCode.objects.filter(account_id=one.actor.account).values_list("code_hash", flat=True))
    assert not stored & set(codes)
    client = web()
    sign_in(client, one)
    assert step(client, codes[3].upper()).status_code == 302
    assert recovery_codes.codes_left(one.actor.account) == 9
    again = web()
    sign_in(again, one)
    assert step(again, codes[3]).status_code == 400


def test_a_reset_of_the_password_does_not_lead_past_it(customer: Make, web: Web) -> None:
    from tests.conftest import prove_link

    one = customer()
    with_app(one)
    post(web(), "/forgotten", "/forgotten", address=one.address)
    path = f"/reset/{prove_link(one.address, 'reset')}"
    assert post(web(), path, path, password="an entirely new word").status_code == 302
    client = web()
    location = post(client, "/sign-in", address=one.address, password="an entirely new word").headers["location"]
    assert location.startswith("/second-factor")


def test_a_browser_is_remembered_until_it_is_forgotten(customer: Make, web: Web) -> None:
    from glasshouse.accounts import sessions
    from glasshouse.kernel import clock

    one = customer()
    seed, _ = with_app(one)
    client = web()
    sign_in(client, one)
    assert step(client, code_of(seed), trust="yes").status_code == 302
    post(client, "/sign-out", "/account")
    assert sign_in(client, one) == "/"
    assert sign_in(web(), one).startswith("/second-factor"), "another browser is not trusted"
    with clock.frozen(clock.now() + timedelta(days=31)):
        from glasshouse.accounts.models import Account

        account = Account.objects.get(id=one.actor.account)
        assert not sessions.trusted(account, client.cookies["__Host-browser"])
    sessions.forget_browser(one.alone, sessions.browsers(one.alone)[0].id)
    assert sign_in(client, one).startswith("/second-factor")


def test_setting_up_and_removing_ask_for_reauthentication_and_tell_by_mail(customer: Make) -> None:
    from dataclasses import replace

    from glasshouse.accounts import recovery_codes, second_factor
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import ReauthenticationError
    from glasshouse.mail import api as mail

    one = customer()
    stale = replace(one.alone, proved_at=clock.now() - timedelta(hours=1))
    with pytest.raises(ReauthenticationError):
        second_factor.begin_app(stale)
    with_app(one)
    steps = second_factor.factors_of(one.actor.account)
    with pytest.raises(ReauthenticationError):
        second_factor.remove(stale, steps[0].id)
    second_factor.remove(one.alone, steps[0].id)
    subjects = [letter.subject for letter in mail.newest(400) if letter.address == one.address]
    assert any("was added" in one for one in subjects)
    assert any("was removed" in one for one in subjects)
    assert recovery_codes.codes_left(one.actor.account) == 0


def newest_text(ending: str) -> str:
    """The code in the newest text message to a number."""
    from glasshouse.mail import api as mail

    letter = next(one for one in mail.newest(400) if one.kind == "text" and one.address.endswith(ending))
    found = re.match(r"(\d{6}) is your", letter.body)
    assert found
    return found[1]


def test_codes_by_text_message(customer: Make, web: Web) -> None:
    from glasshouse.accounts import second_factor

    one = customer()
    number = "+3161234" + f"{hash(one.site) % 10_000:04d}"
    begun = second_factor.begin_text(one.alone, number)
    assert begun.number == f"+31 ••••• {number[-2:]}"
    assert second_factor.confirm(one.alone, begun.id, newest_text(number[-4:]))
    client = web()
    sign_in(client, one)
    page = client.get("/second-factor").text
    assert number not in page
    assert "••••• " in post(client, "/second-factor/text", "/second-factor").text
    code = newest_text(number[-4:])
    assert step(client, code).status_code == 302
    again = web()
    sign_in(again, one)
    assert step(again, code).status_code == 400


def test_a_code_comes_in_the_language_of_the_account(customer: Make, web: Web) -> None:
    from glasshouse.accounts import languages, second_factor
    from glasshouse.mail import api as mail

    def newest(ending: str) -> str:
        return next(text.body for text in mail.newest(400) if text.kind == "text" and text.address.endswith(ending))

    person = customer()
    languages.choose(person.alone, "de")
    number = "+3161235" + f"{hash(person.site) % 10_000:04d}"
    begun = second_factor.begin_text(person.alone, number)
    text = newest(number[-4:])
    assert re.fullmatch(r"\d{6} ist Ihr Glasshouse-Code\. .*", text)
    assert second_factor.confirm(person.alone, begun.id, text[:6])
    client = web()
    sign_in(client, person)
    post(client, "/second-factor/text", "/second-factor")
    assert newest(number[-4:]) != text
    assert " ist Ihr Glasshouse-Code" in newest(number[-4:]), "also while the second factor is to come"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "written", ["0612345678", "+31 20 1234567", "+882 16 5550000", "nonsense", "+1 900 555 0000", "+7 912 3456789"]
)
def test_numbers_that_cannot_be_texted_or_cost_too_much_are_refused(written: str) -> None:
    from glasshouse.accounts.texts import normal_number
    from glasshouse.kernel.errors import InvalidError

    with pytest.raises(InvalidError):
        normal_number(written)


def test_texts_are_limited_by_number_account_and_country(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    from glasshouse.accounts import texts
    from glasshouse.kernel.errors import ThrottledError
    from glasshouse.kernel.ids import new_id

    key_owner = new_id()
    for turn in range(5):
        texts.count(f"a{turn}-{key_owner}", "+34612000001")
    with pytest.raises(ThrottledError):
        texts.count(f"b-{key_owner}", "+34612000001")
    for turn in range(10):
        texts.count(f"one-{key_owner}", f"+3461200{turn + 10:04d}")
    with pytest.raises(ThrottledError):
        texts.count(f"one-{key_owner}", "+34612000099")
    monkeypatch.setattr(settings, "TEXTS_A_COUNTRY_A_DAY", 1)
    texts.count(f"c-{key_owner}", "+351912345678")
    with pytest.raises(ThrottledError):
        texts.count(f"d-{key_owner}", "+351912345679")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("provider", ["twilio", "vonage"])
def test_the_providers_are_asked_as_they_want(provider: str) -> None:
    import json
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from urllib.parse import parse_qs

    from glasshouse.accounts.texts import Twilio, Vonage
    from glasshouse.kernel.errors import UnavailableError

    heard: list[tuple[str, str, dict[str, object]]] = []

    class Network(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said = (
                json.loads(body) if body.startswith("{") else {key: value[0] for key, value in parse_qs(body).items()}
            )
            heard.append((self.path, self.headers["Authorization"], said))
            self.send_response(500 if "fail" in body else 201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Network)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    sender = (Twilio if provider == "twilio" else Vonage)("AC1", "secret", "Glasshouse", base)
    sender.send("+31612345678", "123456 is your code")
    path, authorization, said = heard[0]
    assert authorization == "Basic " + base64.b64encode(b"AC1:secret").decode()
    if provider == "twilio":
        assert path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert said == {"To": "+31612345678", "From": "Glasshouse", "Body": "123456 is your code"}
    else:
        assert path == "/v1/messages"
        assert said["to"] == "31612345678"
    with pytest.raises(UnavailableError):
        sender.send("+31612345678", "fail")
    server.shutdown()


def test_an_administrator_requires_it_and_who_has_none_can_only_set_it_up(
    customer: Make, join: Callable[..., Customer], web: Web
) -> None:
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import InvalidError
    from glasshouse.organisations import settings as rules

    one = customer()
    grower, viewer = join(one, "grower"), join(one, "viewer")
    with pytest.raises(InvalidError, match="your own"):
        rules.set_second_factor_rule(one.actor, [])
    with_app(one)
    page = f"/o/{one.organisation}/"
    theirs, others = web(grower), web(viewer)
    rules.set_second_factor_rule(one.actor, ["grower"], clock.now() + timedelta(days=3))
    assert theirs.get(page).status_code == 200, "not before its day"
    rules.set_second_factor_rule(one.actor, ["grower"])
    assert theirs.get(page).headers["location"] == "/account/security?needed=1"
    assert theirs.get("/account/security").status_code == 200
    assert others.get(page).status_code == 200
    rules.set_second_factor_rule(one.actor, [])
    assert others.get(page).headers["location"] == "/account/security?needed=1"
    with_app(grower)
    rules.set_second_factor_rule(one.actor, None)
    assert others.get(page).status_code == 200


def test_an_administrators_reset_waits_is_told_and_can_be_stopped(
    customer: Make, join: Callable[..., Customer], web: Web
) -> None:
    from glasshouse.accounts import resets, second_factor
    from glasshouse.kernel import clock
    from glasshouse.kernel.errors import ForbiddenError
    from glasshouse.organisations import members
    from tests.conftest import prove_link

    one = customer()
    lost = join(one, "grower")
    with_app(lost)
    with pytest.raises(ForbiddenError):
        members.ask_reset(lost.actor, one.actor.account)
    members.ask_reset(one.actor, lost.actor.account)
    resets.finish_resets()
    assert second_factor.has_second_factor(lost.actor.account), "not before its time"
    path = f"/stop-reset/{prove_link(lost.address, 'stop-reset')}"
    assert "The removal is stopped" in post(web(), path, path).text
    with clock.frozen(clock.now() + timedelta(days=3)):
        resets.finish_resets()
    assert second_factor.has_second_factor(lost.actor.account)
    members.ask_reset(one.actor, lost.actor.account)
    with clock.frozen(clock.now() + timedelta(days=3)):
        resets.finish_resets()
    assert not second_factor.has_second_factor(lost.actor.account)


def test_a_sign_in_from_a_new_browser_is_told_by_mail(customer: Make, web: Web) -> None:
    from glasshouse.mail import api as mail

    one = customer()
    first = web(one)
    post(first, "/sign-out", "/account")
    sign_in(first, one)
    assert not any(letter.kind == "new-browser" and letter.address == one.address for letter in mail.newest(400))
    web(one)
    assert any(letter.kind == "new-browser" and letter.address == one.address for letter in mail.newest(400))


def test_sessions_are_listed_and_ended_one_by_one_or_all(customer: Make, web: Web) -> None:
    one, other = customer(), customer()
    here, there, third = web(one), web(one), web(one)
    foreign = web(other)
    ends = re.findall(r"/account/sessions/([0-9a-z]{16})/end", here.get("/account/security").text)
    assert len(ends) == 2
    assert post(foreign, f"/account/sessions/{ends[0]}/end", "/account").status_code == 404
    post(here, f"/account/sessions/{ends[0]}/end", "/account")
    alive = [client.get("/account").status_code for client in (there, third)]
    assert sorted(alive) == [200, 302]
    post(here, "/account/sessions/others/end", "/account")
    assert [client.get("/account").status_code for client in (here, there, third)] == [200, 302, 302]


def test_a_session_planted_before_signing_in_is_worth_nothing(customer: Make, web: Web) -> None:
    one = customer()
    client = web()
    planted = "planted-by-the-attacker"
    client.cookies.set("__Host-session", planted, domain="localhost.local")
    sign_in(client, one)
    assert client.cookies.get("__Host-session", domain="localhost.local") != client.cookies.get(
        "__Host-session", domain="localhost"
    )
    assert web().get("/account", headers={"Cookie": f"__Host-session={planted}"}).status_code == 302


class Authenticator:
    """A passkey in software: ES256, no attestation. What it signs, and for which site, is the test's to choose."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.count = hashlib.sha256(str(id(self)).encode()).digest(), 0

    @staticmethod
    def _text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _client(self, kind: str, options: str, origin: str) -> bytes:
        import json

        told = {"type": f"webauthn.{kind}", "challenge": json.loads(options)["challenge"], "origin": origin}
        return json.dumps(told | {"crossOrigin": False}).encode()

    def _data(self, flags: int, site: str) -> bytes:
        self.count += 1
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def make(self, options: str, origin: str, site: str = "localhost") -> str:
        """The answer to registration options."""
        import json

        import cbor2

        point = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        data = self._data(0x45, site) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + cose
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("create", options, origin)
        response = {"clientDataJSON": self._text(client), "attestationObject": self._text(attestation)}
        return json.dumps(
            {"id": self._text(self.id), "rawId": self._text(self.id), "type": "public-key", "response": response}
        )

    def use(self, options: str, origin: str, site: str = "localhost", flags: int = 0x05) -> str:
        """The answer to authentication options."""
        import json

        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        client, data = self._client("get", options, origin), self._data(flags, site)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": self._text(client),
            "authenticatorData": self._text(data),
            "signature": self._text(signature),
        }
        return json.dumps(
            {"id": self._text(self.id), "rawId": self._text(self.id), "type": "public-key", "response": response}
        )


def test_a_passkey_counts_for_this_site_this_challenge_and_its_account_only(customer: Make) -> None:
    from django.conf import settings

    from glasshouse.accounts import api as accounts
    from glasshouse.accounts import second_factor, sessions
    from glasshouse.accounts.rules import Visit
    from glasshouse.kernel.errors import InvalidError

    one, other = customer(), customer()
    here, visit, key = settings.ORIGIN, Visit(f"passkey-{one.site}"), Authenticator()

    def refused(answer: str, **more: object) -> None:
        with pytest.raises(InvalidError):
            second_factor.sign_in_with_passkey(answer, visit, **more)  # type: ignore[arg-type]

    with pytest.raises(InvalidError):
        second_factor.finish_passkey(
            one.alone, key.make(second_factor.begin_passkey(one.alone), "https://evil.example"), "Key"
        )
    with pytest.raises(InvalidError):
        second_factor.finish_passkey(other.alone, key.make(second_factor.begin_passkey(one.alone), here), "Key")
    assert second_factor.finish_passkey(one.alone, key.make(second_factor.begin_passkey(one.alone), here), "Key")
    refused(key.use(second_factor.passkey_options(), "https://evil.example"))
    refused(key.use(second_factor.passkey_options(), here, site="evil.example"))
    refused(key.use(second_factor.passkey_options(), here, flags=0x01))  # nobody checked who holds it
    good = key.use(second_factor.passkey_options(), here)
    done = second_factor.sign_in_with_passkey(good, visit)
    assert sessions.actor_of(done.secret).account == one.actor.account
    refused(good)  # replayed
    key.count = 1
    refused(key.use(second_factor.passkey_options(), here))  # a copy of the key, whose counter went back
    with_app(other)
    pending = accounts.sign_in(other.address, other.password, visit).secret
    key.count = 50
    refused(key.use(second_factor.passkey_options(pending), here), pending=pending)
    stranger = Authenticator()
    refused(stranger.use(second_factor.passkey_options(), here))
