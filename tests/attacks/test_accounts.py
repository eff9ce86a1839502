"""Accounts under attack: what a thief keeps, plants, replays or learns."""

import re
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from glasshouse.accounts import api as accounts
from glasshouse.accounts import second_factor, sessions
from glasshouse.accounts.models import Account, Browser, SecondFactor, Session
from glasshouse.accounts.rules import Visit
from glasshouse.kernel import clock
from glasshouse.kernel.errors import GlasshouseError, InvalidError
from glasshouse.mail.models import Message
from glasshouse.organisations import tokens
from glasshouse.vault import api as vault
from glasshouse.web.models import WrittenForm
from tests.authenticator import code_of
from tests.conftest import Customer, post, prove_link
from tests.promises.test_sec_06_second_step import sign_in, step, with_app
from tests.repairs.test_forms_come_back import INVITED, age_proof, come_back, fields, sent

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
SCOPE = "greenhouse:site:read"


def token_of(one: Customer) -> str:
    return tokens.create_token(one.actor, "Script", [SCOPE], 30)


def counts(client: httpx.Client, token: str) -> bool:
    """Whether the people API takes a token."""
    status = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code
    assert status in (200, 401)
    return status == 200


def plant(client: httpx.Client, name: str, value: str) -> None:
    """Give a browser a cookie, as somebody does who has had it in hands before its owner."""
    client.cookies.set(name, value, domain="localhost.local", path="/")


# -- API tokens ----------------------------------------------------------------------------------------------------


def by_reset(one: Customer, web: Web) -> None:
    post(web(), "/forgotten", "/forgotten", address=one.address)
    path = f"/reset/{prove_link(one.address, 'reset')}"
    assert post(web(), path, path, password="a whole new secret").status_code == 302


def by_a_new_password(one: Customer, web: Web) -> None:
    answer = post(web(one), "/account/password", "/account", present=one.password, password="a whole new secret")
    assert answer.status_code == 302


def by_a_new_address(one: Customer, web: Web) -> None:
    client, fresh = web(one), f"new-{one.address}"
    post(client, "/account/address", "/account", present=one.password, address=fresh)
    path = f"/change/{prove_link(fresh, 'change')}"
    assert post(client, path, path).status_code == 302


def by_signing_out_everywhere(one: Customer, web: Web) -> None:
    assert post(web(one), "/account/sessions/others/end", "/account/security").status_code == 302


@pytest.mark.parametrize("end", [by_reset, by_a_new_password, by_a_new_address, by_signing_out_everywhere])
def test_what_shuts_a_thief_out_ends_the_tokens_that_he_made(
    customer: Make, join: Callable[..., Customer], web: Web, end: Callable[[Customer, Web], None]
) -> None:
    one, other = customer(), customer()
    colleague = join(one, "administrator")
    stolen, of_other, of_colleague = token_of(one), token_of(other), token_of(colleague)
    program = web()
    assert all(counts(program, token) for token in (stolen, of_other, of_colleague))
    end(one, web)
    assert not counts(program, stolen)
    assert counts(program, of_other)
    assert counts(program, of_colleague), "a colleague's tokens are the colleague's"
    listed = tokens.tokens(one.actor)
    assert [row.has_ended for row in listed] == [True]
    assert counts(program, token_of(one)), "new ones can be made"


def test_pages_say_that_tokens_end(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    said = {
        "/account": "so do your API tokens",
        "/account/security": "your API tokens end",
        f"/o/{one.organisation}/tokens": "All your tokens end",
    }
    for path, sentence in said.items():
        assert sentence in " ".join(client.get(path).text.split()), path
    accounts.ask_reset(one.address, network=one.site)
    assert "API tokens" in web().get(f"/reset/{prove_link(one.address, 'reset')}").text


# -- cookies -------------------------------------------------------------------------------------------------------


def test_a_planted_browser_cookie_does_not_skip_the_second_factor(customer: Make, web: Web) -> None:
    """The thief knows the password, and the cookie by which the owner's browser is remembered: he planted it."""
    one = customer()
    seed, _ = with_app(one)
    planted = "p" * 43
    victim = web()
    plant(victim, "__Host-browser", planted)
    sign_in(victim, one)
    assert step(victim, code_of(seed), trust="yes").status_code == 302
    thief = web()
    plant(thief, "__Host-browser", planted)
    assert sign_in(thief, one).startswith("/second-factor")
    assert thief.get("/account").status_code == 302
    assert not sign_in(victim, one).startswith("/second-factor"), "the owner's own browser is remembered"


def test_a_browser_cookie_that_somebody_saw_is_worth_nothing_after_the_next_sign_in(customer: Make, web: Web) -> None:
    one, other = customer(), customer()
    seed, _ = with_app(one)
    browser = web()
    sign_in(browser, one)
    step(browser, code_of(seed), trust="yes")
    seen = browser.cookies["__Host-browser"]
    post(browser, "/sign-out", "/account")
    sign_in(browser, other)  # Somebody else in the same browser, whose account renews the cookie.
    assert browser.cookies["__Host-browser"] != seen
    thief = web()
    plant(thief, "__Host-browser", seen)
    assert sign_in(thief, one).startswith("/second-factor")
    post(browser, "/sign-out", "/account")
    assert not sign_in(browser, one).startswith("/second-factor"), (
        "the first one's trust went along with the new cookie"
    )
    assert Browser.objects.filter(account_id=one.actor.account).count() == 1, "and it is no new browser"


def test_a_cookie_planted_before_a_reset_or_a_sign_up_is_renewed_too(customer: Make, web: Web) -> None:
    one, planted = customer(), "q" * 43
    post(web(), "/forgotten", "/forgotten", address=one.address)
    path, browser = f"/reset/{prove_link(one.address, 'reset')}", web()
    plant(browser, "__Host-browser", planted)
    post(browser, path, path, password="an entirely new word")
    assert browser.cookies["__Host-browser"] != planted
    for number in range(12):
        with pytest.raises(GlasshouseError):
            accounts.sign_in(one.address, "not the word", Visit(f"bot-{number}-{one.site}"))
    thief = web()
    plant(thief, "__Host-browser", planted)
    assert post(thief, "/sign-in", address=one.address, password="a guess of his").status_code == 429
    assert post(browser, "/sign-in", address=one.address, password="an entirely new word").status_code == 302
    newcomer, address = web(), f"new-{one.address}"
    plant(newcomer, "__Host-browser", planted)
    accounts.ask_sign_up(address, network=one.site)
    path = f"/prove/{prove_link(address)}"
    fields_ = {"name": "N", "organisation": "F", "password": "a long enough word", "accept": "yes"}
    assert post(newcomer, path, path, **fields_).status_code == 302
    assert newcomer.cookies["__Host-browser"] != planted


def test_the_session_is_renewed_at_each_rise_of_rights(customer: Make, web: Web) -> None:
    one = customer()
    client = web(one)
    before = client.cookies["__Host-session"]
    age_proof(one)
    assert post(client, "/reauthenticate", "/reauthenticate", password=one.password).status_code == 302
    after = client.cookies["__Host-session"]
    assert after != before
    assert client.get("/account").status_code == 200
    thief = web()
    assert thief.get("/account", headers={"Cookie": f"__Host-session={before}"}).status_code == 302
    assert Session.objects.filter(account_id=one.actor.account).count() == 1, "it is the same session"
    wrong = post(client, "/reauthenticate", "/reauthenticate", password="not the word")
    assert (wrong.status_code, client.cookies["__Host-session"]) == (400, after)
    post(client, "/account/password", "/account", present=one.password, password="another long password")
    assert client.cookies["__Host-session"] != after


@pytest.mark.parametrize("end", [by_reset, by_a_new_password, by_a_new_address, by_signing_out_everywhere])
def test_remembered_browsers_end(customer: Make, web: Web, end: Callable[[Customer, Web], None]) -> None:
    one = customer()
    seed, codes = with_app(one)
    remembered = web()
    sign_in(remembered, one)
    step(remembered, code_of(seed), trust="yes")
    account = Account.objects.get(id=one.actor.account)
    assert sessions.trusted(account, remembered.cookies["__Host-browser"])

    def signed_in_web(who: Customer | None = None) -> httpx.Client:
        client = web()
        if who:
            sign_in(client, who)
            step(client, codes.pop())
        return client

    end(one, signed_in_web)
    assert not sessions.trusted(account, remembered.cookies["__Host-browser"])
    assert remembered.get("/account").status_code == 302, "what was signed in there has ended"


# -- what is told --------------------------------------------------------------------------------------------------


def statements_of(act: Callable[[], object]) -> list[str]:
    """Each statement that an act sends to any database, without its values."""
    with ExitStack() as stack:
        captures = [stack.enter_context(CaptureQueriesContext(connections[name])) for name in connections]
        act()
    texts = [query["sql"] for capture in captures for query in capture.captured_queries]
    return [re.sub(r"'[^']*'|\b\d+\b|\\x[0-9a-f]+", "?", text) for text in texts]


def test_a_forgotten_password_is_the_same_work_for_known_and_unknown_addresses(customer: Make) -> None:
    one = customer()
    for _ in range(2):  # The second time a link is there already.
        known = statements_of(lambda: accounts.ask_reset(one.address, network=one.site))
        unknown = statements_of(lambda: accounts.ask_reset(f"no-{one.address}", network=one.site))
        assert known == unknown
        assert len(known) >= 5
    known = statements_of(lambda: accounts.ask_sign_up(one.address, network=f"{one.site}s"))
    unknown = statements_of(lambda: accounts.ask_sign_up(f"not-{one.address}", network=f"{one.site}s"))
    assert known == unknown
    for address in (one.address, f"no-{one.address}"):
        mails = Message.objects.filter(address_hash=vault.lookup("address", address), kind="reset")
        assert mails.count() == 2, "both addresses are written to, whoever asked"


def test_a_wrong_password_is_the_same_work_for_known_and_unknown_addresses(customer: Make) -> None:
    one = customer()

    def attempt(address: str) -> None:
        with pytest.raises(InvalidError):
            accounts.sign_in(address, "not the word", Visit(f"w-{one.site}", browser="b" * 43))

    assert statements_of(lambda: attempt(one.address)) == statements_of(lambda: attempt(f"no-{one.address}"))


def test_a_forgotten_password_takes_as_long_for_known_and_unknown_addresses(customer: Make, web: Web) -> None:
    people = [customer() for _ in range(12)]
    client = web()

    def asked(address: str) -> float:
        begun = time.perf_counter()
        assert post(client, "/forgotten", "/forgotten", address=address).status_code == 200
        return time.perf_counter() - begun

    asked(people[0].address), asked("nobody-at-all@grower.example")
    known, unknown = [], []
    for one in people[1:]:
        known.append(asked(one.address))
        unknown.append(asked(f"no-{one.address}"))
    spread = max(statistics.pstdev(known), statistics.pstdev(unknown), 0.004)
    assert abs(statistics.median(known) - statistics.median(unknown)) < 2 * spread


# -- "Confirm it's you" --------------------------------------------------------------------------------------------


def test_what_is_resumed_is_the_act_of_who_wrote_it_once_in_its_time(
    customer: Make, join: Callable[..., Customer], web: Web
) -> None:
    """Reauthentication carries nothing out: it leads to the page, with the form as its writer wrote it, in its session."""
    from glasshouse.organisations import invitations

    one = customer()
    colleague = join(one, "administrator")
    page = f"/o/{one.organisation}/members"
    client, other, second = web(one), web(colleague), web(one)
    for who in (one, colleague):
        age_proof(who)

    def invited() -> int:
        return len(list(invitations.invitations(one.actor)))

    before = invited()
    answer = sent(client, page, f"{page}/invite", **INVITED)
    (row,) = WrittenForm.objects.filter(key_owner=str(one.actor.person))
    # Another person, and another session of the same person, take the address along, before and after they confirm.
    for thief in (other, second):
        who = colleague if thief is other else one
        led = come_back(thief, who, httpx.Response(302, headers={"Location": answer.headers["Location"]}))
        assert fields(thief.get(led).text, f"{page}/invite")["address"] == [""]
    # Another act: the form is filled in nowhere but where it was written, whatever page is asked for with its number.
    where = come_back(client, one, answer)
    for elsewhere in (f"/o/{one.organisation}/sites", f"/o/{one.organisation}/roles", "/account", "/account/security"):
        assert INVITED["address"] not in client.get(f"{elsewhere}?written={row.id}").text
    assert invited() == before, "nothing was carried out by confirming"
    assert fields(client.get(where).text, f"{page}/invite")["address"] == [INVITED["address"]]
    assert fields(client.get(where).text, f"{page}/invite")["address"] == [""], "once"


def test_a_form_is_not_resumed_after_its_time_nor_by_the_next_session(customer: Make, web: Web) -> None:
    one = customer()
    page, client = f"/o/{one.organisation}/members", web(one)
    age_proof(one)
    answer = sent(client, page, f"{page}/invite", **INVITED)
    WrittenForm.objects.filter(key_owner=str(one.actor.person)).update(expires_at=clock.now() - timedelta(seconds=1))
    assert fields(client.get(come_back(client, one, answer)).text, f"{page}/invite")["address"] == [""]
    age_proof(one)
    answer = sent(client, page, f"{page}/invite", **INVITED)
    post(client, "/sign-out", "/account")
    post(client, "/sign-in", address=one.address, password=one.password)
    assert fields(client.get(come_back(client, one, answer)).text, f"{page}/invite")["address"] == [""]


@pytest.mark.parametrize("act", ["/account/security/codes", "/o/{}/close", "/sign-out", "//evil.example/", "/\\evil"])
def test_confirming_leads_to_a_page_and_carries_out_no_act(customer: Make, web: Web, act: str) -> None:
    one = customer()
    with_app(one)
    seed = SecondFactor.objects.get(account_id=one.actor.account).secret["seed"]
    client = web()
    sign_in(client, one)
    step(client, code_of(seed))
    number = Session.objects.get(account_id=one.actor.account).id
    age_proof(one)
    led = post(
        client,
        "/reauthenticate",
        "/reauthenticate",
        password=one.password,
        code=code_of(seed, time.time() + 30),
        next=act.format(one.organisation),
    )
    assert led.status_code == 302
    assert led.headers["Location"].startswith("/")
    assert "evil" not in led.headers["Location"]
    client.get(led.headers["Location"])
    assert Session.objects.filter(id=number).exists()
    assert client.get(f"/o/{one.organisation}/").status_code == 200


def test_a_confirmation_counts_for_fifteen_minutes_in_its_session_only(customer: Make, web: Web) -> None:
    one = customer()
    client, other = web(one), web(one)
    age_proof(one)
    post(client, "/reauthenticate", "/reauthenticate", password=one.password)
    assert client.get("/account/security/add/app").status_code == 200
    assert other.get("/account/security/add/app").headers["Location"].startswith("/reauthenticate")
    Session.objects.filter(account_id=one.actor.account).update(
        proved_at=clock.now() - timedelta(minutes=15, seconds=1)
    )
    assert client.get("/account/security/add/app").headers["Location"].startswith("/reauthenticate")


# -- codes ---------------------------------------------------------------------------------------------------------


def test_a_code_works_once_wherever_it_is_used(customer: Make, web: Web) -> None:
    """One code of the app: to sign in, then to confirm who one is; and the other way round."""
    one = customer()
    seed, codes = with_app(one)
    client = web()
    code = code_of(seed)
    sign_in(client, one)
    assert step(client, code).status_code == 302
    again = post(client, "/reauthenticate", "/reauthenticate", password=one.password, code=code)
    assert again.status_code == 400
    assert post(client, "/reauthenticate", "/reauthenticate", password=one.password, code=codes[0]).status_code == 302
    other = web()
    sign_in(other, one)
    assert step(other, codes[0]).status_code == 400


def test_one_code_of_each_kind_in_four_requests_at_once_lets_one_in(customer: Make) -> None:
    one = customer()
    _, codes = with_app(one)
    visit = Visit(f"race-{one.site}")
    pendings = [accounts.sign_in(one.address, one.password, visit).secret for _ in range(4)]
    outcomes, ready = [], threading.Barrier(4)

    def finish(pending: str) -> None:
        ready.wait(20)
        try:
            second_factor.finish_sign_in(pending, codes[0], visit, trust=False)
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


def test_a_code_by_text_works_once_and_the_newest_only(customer: Make, web: Web) -> None:
    one = customer()

    def newest() -> str:
        message = Message.objects.filter(key_owner=str(one.actor.person), kind="text").order_by("-created_at").first()
        assert message is not None
        return str(message.body)[:6]

    begun = second_factor.begin_text(one.alone, f"+3161{time.time_ns() % 10**7:07d}")
    second_factor.confirm(one.alone, begun.id, newest())
    client, other = web(), web()
    for browser in (client, other):
        sign_in(browser, one)
    post(client, "/second-factor/text", "/second-factor")
    first = newest()
    post(client, "/second-factor/text", "/second-factor")
    second = newest()
    if first != second:
        assert step(client, first).status_code == 400
    assert step(client, second).status_code == 302
    assert step(other, second).status_code == 400


def test_sessions_without_end_give_no_codes_without_end(customer: Make) -> None:
    """Whoever knows the password in a trusted browser begins sessions at will, each with codes of its own to guess."""
    from glasshouse.accounts import buckets, throttle
    from glasshouse.kernel.errors import ThrottledError

    own, tried = customer(), 0
    with pytest.raises(ThrottledError):
        for number in range(60):
            actor = replace(own.actor, session=f"session{number:09}")
            for _ in range(buckets.CODES):
                for bucket in buckets.of_own_code(actor):
                    throttle.take_from(bucket)
                tried += 1
    assert tried == buckets.CODES_OF_ALL_SESSIONS_A_DAY


def test_a_link_on_its_way_to_an_address_that_was_given_up_does_not_leave(customer: Make) -> None:
    """It opens nothing any more, and lies under a key of its own: an erasure would not find it under the new address."""
    own = customer()
    accounts.ask_reset(own.address, network=own.address)
    old = vault.lookup("address", own.address)
    assert Message.objects.filter(address_hash=old, kind="reset").exists()
    Message.objects.filter(address_hash=old, kind="reset").update(
        sent_at=None, next_try_at=clock.now() + timedelta(days=1)
    )
    new = f"new-{own.address}"
    accounts.ask_change(own.alone, new, own.password)
    accounts.finish_change(own.alone, prove_link(new, "change").rpartition("/")[2])
    assert not Message.objects.filter(address_hash=old).exclude(key_owner=own.actor.person).exists()
