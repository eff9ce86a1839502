"""Throttles under attack: how many tries get through, whom they shut out, and what the clock, a proxy or a crowd changes."""

import secrets
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import httpx
import pytest
from django.db import connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from crop_contract.connections import networks
from glasshouse.accounts import api as accounts
from glasshouse.accounts import buckets, second_factor, texts, throttle
from glasshouse.accounts.models import Browser, Tries
from glasshouse.accounts.rules import Visit
from glasshouse.cli import importing
from glasshouse.greenhouse import finding as places
from glasshouse.kernel import clock
from glasshouse.kernel.errors import InvalidError, ThrottledError, UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.kernel.networks import client_of, network_key
from glasshouse.operations.installation import Installation
from glasshouse.organisations import finding as people
from tests.conftest import Customer, post

Make = Callable[[], Customer]
TEN, HOUR = timedelta(minutes=10), timedelta(hours=1)


@contextmanager
def browser_at(home: Installation, network: str, cookie: str = "") -> Iterator[httpx.Client]:
    """A browser at a loopback address, with the cookie by which it is known."""
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    road = httpx.HTTPTransport(verify=trust, local_address=network)
    with httpx.Client(
        base_url=home.origin, transport=road, headers={"Referer": f"{home.origin}/"}, timeout=90
    ) as client:
        if cookie:
            client.cookies.set("__Host-browser", cookie, domain="localhost.local", path="/")
        yield client


def some_network() -> str:
    return f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250)}.11"


def let_through(most: int, tries: int, counted: str, window: timedelta = TEN) -> int:
    """How many of so many tries one after another get through."""
    count = 0
    for _ in range(tries):
        try:
            throttle.take("sign-in", counted, most=most, window=window)
            count += 1
        except ThrottledError:
            continue
    return count


def use_up(purpose: str, network: str, most: int = 700) -> None:
    """Others try from a network until it lets nobody through any more, by the limits that the door has."""
    key = throttle.keys_of([network_key(network)])[sorted(throttle.PURPOSES).index(purpose)]
    until = clock.now() + HOUR
    Tries.objects.update_or_create(key=key, defaults={"until": until})


# -- the bucket ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_fifty_tries_at_once_take_no_more_than_the_bucket_holds() -> None:
    counted, through, ready = new_id(), [], threading.Barrier(50)

    def attempt() -> None:
        ready.wait(20)
        try:
            throttle.take("sign-in", counted, most=7, window=TEN)
            through.append(1)
        except ThrottledError:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 7


@pytest.mark.usefixtures("home")
def test_around_the_end_of_a_window_no_more_get_through_than_at_any_time() -> None:
    """A count that begins anew lets twice as many through around the moment at which it does."""
    counted, begun = new_id(), clock.now()
    with clock.frozen(begun):
        assert let_through(10, 1, counted) == 1
    with clock.frozen(begun + TEN - timedelta(seconds=5)):
        assert let_through(10, 30, counted) == 10
    with clock.frozen(begun + TEN + timedelta(seconds=5)):
        assert let_through(10, 30, counted) == 0
    with clock.frozen(begun + 2 * TEN):
        assert let_through(10, 30, counted) in (9, 10)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("most", "window"), [(1, TEN), (7, TEN), (13, HOUR), (200, timedelta(days=1))])
def test_a_bucket_holds_what_it_says_and_the_refusal_says_when_the_next_may_come(most: int, window: timedelta) -> None:
    counted, now = new_id(), clock.now()
    with clock.frozen(now):
        assert let_through(most, most + 3, counted, window) == most
        with pytest.raises(ThrottledError) as refused:
            throttle.take("sign-in", counted, most=most, window=window)
    wait = timedelta(seconds=refused.value.retry_after_s)
    assert timedelta(0) < wait <= window / most + timedelta(seconds=1)
    with clock.frozen(now + wait - timedelta(seconds=1.1)):
        assert let_through(most, 1, counted, window) == 0
    with clock.frozen(now + wait):
        assert let_through(most, 2, counted, window) == 1


@pytest.mark.usefixtures("home")
def test_a_clock_that_jumps_neither_locks_for_long_nor_opens() -> None:
    counted, now, year = new_id(), clock.now(), timedelta(days=365)
    with clock.frozen(now + year):  # Somebody tries while the clock is a year ahead, and again when it is set right.
        assert let_through(5, 20, counted) == 5
    with clock.frozen(now):
        assert let_through(5, 20, counted) == 0, "setting the clock back opens nothing"
    with clock.frozen(now + TEN / 5 + timedelta(seconds=1)):
        assert let_through(5, 20, counted) == 1, "nobody is locked out for a year"
    with clock.frozen(now + 3 * TEN):
        assert let_through(5, 20, counted) == 5
    with clock.frozen(now + year):
        assert let_through(5, 20, counted) == 5, "however long nobody tried, a bucket is never more than full"


@pytest.mark.usefixtures("home")
def test_rows_go_once_their_buckets_are_full_and_not_before() -> None:
    now, crowd, slow = clock.now(), [new_id() for _ in range(300)], new_id()
    with clock.frozen(now):
        for number in crowd:  # Guessing at addresses that nobody has.
            let_through(10, 1, number)
        let_through(10, 10, slow)
    keys = [throttle.Bucket("sign-in", number, 10, TEN).key for number in crowd]
    kept = throttle.Bucket("sign-in", slow, 10, TEN).key
    assert Tries.objects.filter(key__in=keys).count() == 300
    with clock.frozen(now + timedelta(seconds=61)):
        throttle.forget_full()
    assert not Tries.objects.filter(key__in=keys).exists()
    assert Tries.objects.filter(key=kept).exists()
    with clock.frozen(now + timedelta(seconds=61)):
        assert let_through(10, 5, slow) == 1, "what is not full yet stays as it is"
    with clock.frozen(now + timedelta(days=400)):
        let_through(10, 1, slow)
    with clock.frozen(now):
        throttle.forget_full()
    with clock.frozen(now + timedelta(days=1, seconds=1)):
        throttle.forget_full()
    assert not Tries.objects.filter(key=kept).exists(), "what a clock that was ahead wrote goes, too"


@pytest.mark.usefixtures("home")
def test_a_try_is_not_counted_where_a_refusal_would_undo_it() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        throttle.take("sign-in", new_id(), most=5, window=TEN)


def test_messages_that_the_network_does_not_take_count(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """They used to be uncounted with the transaction that their failure undid, so that there was no end to them."""
    one, asked = customer(), []

    class Refusing:
        def send(self, number: str, text: str) -> None:
            asked.append(number)
            raise UnavailableError

    monkeypatch.setattr(texts, "sender", Refusing)
    number = f"+3161{secrets.randbelow(10**7):07d}"
    for _ in range(5):
        with pytest.raises(UnavailableError):
            second_factor.begin_text(one.alone, number)
    with pytest.raises(ThrottledError):
        second_factor.begin_text(one.alone, number)
    assert len(asked) == 5


# -- whom it shuts out ---------------------------------------------------------------------------------------------


def test_good_sign_ins_count_against_nobody(customer: Make) -> None:
    one, visit = customer(), Visit(some_network())
    for _ in range(25):
        assert accounts.sign_in(one.address, one.password, visit).secret
    for _ in range(10):
        with pytest.raises(InvalidError):
            accounts.sign_in(one.address, "not the word", visit)
    with pytest.raises(ThrottledError):
        accounts.sign_in(one.address, one.password, visit)


def test_good_codes_count_against_nobody(customer: Make) -> None:
    from tests.promises.test_sec_06_second_step import with_app

    one, visit = customer(), Visit(some_network())
    _, codes = with_app(one)
    for code in codes[:8]:
        pending = accounts.sign_in(one.address, one.password, visit)
        assert not second_factor.finish_sign_in(pending.secret, code, visit, trust=False).pending


def test_an_office_behind_one_address_is_not_banned(customer: Make, home: Installation) -> None:
    """Thirty people, each of whom mistypes the password three times; then a hundred sign in from browsers that nobody knows."""
    network, people = some_network(), [customer() for _ in range(30)]
    for one in people:
        for _ in range(3):
            with pytest.raises(InvalidError):
                accounts.sign_in(one.address, "mistyped it again", Visit(network))
        assert accounts.sign_in(one.address, one.password, Visit(network)).secret
    for number in range(100):
        assert accounts.sign_in(people[number % 30].address, people[number % 30].password, Visit(network)).secret
    with browser_at(home, network) as client:
        assert post(client, "/sign-in", address=people[0].address, password=people[0].password).status_code == 302


@pytest.mark.usefixtures("home")
def test_one_network_does_not_try_one_password_at_all_accounts() -> None:
    network, through = some_network(), 0
    for number in range(260):
        try:
            accounts.sign_in(f"spray{number}-{network}@grower.example", "Summer-of-2026", Visit(network))
        except ThrottledError:
            continue
        except InvalidError:
            through += 1
    assert through <= 210


def test_a_known_browser_is_let_in_whatever_others_try(customer: Make, home: Installation) -> None:
    """Others guess at the account from everywhere, and use up all that the owner's own network may send."""
    one, network = customer(), some_network()
    with browser_at(home, network) as client:
        post(client, "/sign-in", address=one.address, password=one.password)
        post(client, "/sign-out", "/account")
        for number in range(12):
            with pytest.raises((InvalidError, ThrottledError)):
                accounts.sign_in(one.address, "not the word", Visit(f"bot-{number}-{one.site}"))
        use_up("sign-in-network", network)
        use_up("account-form", network)
        with browser_at(home, network) as stranger:
            assert post(stranger, "/sign-in", address=one.address, password=one.password).status_code == 429
        with browser_at(home, network, cookie="made-up") as stranger:
            assert post(stranger, "/sign-in", address=one.address, password=one.password).status_code == 429
        assert post(client, "/sign-in", address=one.address, password=one.password).status_code == 302
        assert client.get("/account").status_code == 200
        use_up("account-form", network)
        answer = post(client, "/account/password", "/account", present=one.password, password="another long password")
        assert answer.status_code == 302, "who is signed in is counted by account"


def test_a_known_browser_asks_for_a_new_password_whatever_others_ask(customer: Make, home: Installation) -> None:
    one, network = customer(), some_network()
    with browser_at(home, network) as client:
        post(client, "/sign-in", address=one.address, password=one.password)
        post(client, "/sign-out", "/account")
        for number in range(6):
            try:
                accounts.ask_reset(one.address, network=f"bot-{number}-{one.site}")
            except ThrottledError:
                assert number >= 4  # One mail went when the account was made.
        assert post(client, "/forgotten", "/forgotten", address=one.address).status_code == 200
    with browser_at(home, network) as stranger:
        assert post(stranger, "/forgotten", "/forgotten", address=one.address).status_code == 429


def test_a_stolen_session_takes_no_tries_from_its_owner(customer: Make, home: Installation) -> None:
    one = customer()
    with browser_at(home, some_network()) as owner, browser_at(home, some_network()) as thief:
        for client in (owner, thief):
            post(client, "/sign-in", address=one.address, password=one.password)
        answers = [
            post(thief, "/reauthenticate", "/reauthenticate", password="not the word").status_code for _ in range(11)
        ]
        assert answers == [400] * 10 + [429]
        assert post(owner, "/reauthenticate", "/reauthenticate", password=one.password).status_code == 302


def test_imports_by_command_never_lock_the_web(customer: Make, home: Installation, tmp_path: Path) -> None:
    """A script with yesterday's password, and one that signs in each minute."""
    one, file = customer(), tmp_path / "readings.csv"
    file.write_text("nothing\n")
    errors = []
    for _ in range(12):
        with pytest.raises((InvalidError, ThrottledError)) as error:
            next(importing.bring_in(file, (one.address, "yesterday's word"), ("Site", ""), None))
        errors.append(type(error.value))
    assert errors == [InvalidError] * 10 + [ThrottledError] * 2, "it guesses no more than anybody"
    with browser_at(home, some_network()) as client:
        assert post(client, "/sign-in", address=one.address, password=one.password).status_code == 302
    other = customer()
    for _ in range(12):
        with pytest.raises(Exception, match=r".") as refused:
            next(importing.bring_in(file, (other.address, other.password), ("No such site", ""), None))
        assert not isinstance(refused.value, ThrottledError)
    with browser_at(home, some_network()) as client:
        assert post(client, "/sign-in", address=other.address, password=other.password).status_code == 302


def test_names_are_opened_for_a_bounded_number_of_searches(customer: Make, join: Callable[..., Customer]) -> None:
    """Each opens every name that the reader may see. A person who looks for something is not stopped, nor are others."""
    own, start = customer(), clock.now()
    colleague = join(own, "viewer")
    for search in (places.find_places, people.find_members):
        with clock.frozen(start):
            for _ in range(buckets.SEARCHES):
                assert search(own.actor, "no such name").total == 0
            with pytest.raises(ThrottledError) as refused:
                search(own.actor, "no such name")
            assert search(own.actor, "").total == 0, "nothing is opened where nothing is looked for"
        with clock.frozen(start + timedelta(seconds=refused.value.retry_after_s)):
            search(own.actor, "no such name")
    assert places.find_places(colleague.actor, "no such name").total == 0
    assert refused.value.retry_after_s <= 15


def test_a_search_that_is_one_too_many_keeps_what_was_written(customer: Make, home: Installation) -> None:
    own = customer()
    key = throttle.keys_of([own.actor.id])[sorted(throttle.PURPOSES).index("search-sites")]
    with browser_at(home, some_network()) as client:
        post(client, "/sign-in", address=own.address, password=own.password)
        page = f"/o/{own.organisation}/search"
        assert post(client, page, page, query="Nursery").status_code == 200
        Tries.objects.update_or_create(key=key, defaults={"until": clock.now() + HOUR})
        answer = post(client, page, page, query="Nursery")
        assert answer.status_code == 429
        assert 'value="Nursery"' in answer.text and "Too many tries" in answer.text
        assert client.get(page).status_code == 200


# -- one address, one bucket ---------------------------------------------------------------------------------------


def test_one_mail_address_has_one_bucket_whatever_its_spelling(customer: Make) -> None:
    one = customer()
    local, _, domain = one.address.partition("@")
    spellings = [
        one.address,
        one.address.upper(),
        f"  {one.address} ",
        f"{local}@{domain.title()}",
        "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in one.address),  # full width
    ]
    for number in range(10):
        with pytest.raises(InvalidError):
            accounts.sign_in(spellings[number % len(spellings)], "not the word", Visit(f"n{number}-{one.site}"))
    for number, spelling in enumerate(spellings):
        with pytest.raises(ThrottledError):
            accounts.sign_in(spelling, one.password, Visit(f"m{number}-{one.site}"))


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_one_household_has_one_key_whatever_the_spelling(number: int, other: int) -> None:
    address = IPv6Address(number)
    spellings = {str(address), address.exploded, address.exploded.upper(), str(address).upper()}
    assert len({network_key(spelling) for spelling in spellings}) == 1
    neighbour = IPv6Address(number >> 64 << 64 | other)
    if not (address.ipv4_mapped or neighbour.ipv4_mapped):
        assert network_key(str(neighbour)) == network_key(str(address))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_has_one_key_through_whatever_gateway(number: int) -> None:
    plain = IPv4Address(number)
    six_to_four = IPv6Address(0x2002 << 112 | number << 80 | 5)
    for written in (
        f"::ffff:{plain}",
        f"::FFFF:{number >> 16:x}:{number & 0xFFFF:x}",
        f"64:ff9b::{plain}",
        str(six_to_four),
    ):
        assert network_key(written) == str(plain)


# -- proxies -------------------------------------------------------------------------------------------------------

PROXIES = networks("10.0.0.0/8 2001:db8:1::/48 127.0.0.1")


def test_only_what_trusted_proxies_wrote_counts() -> None:
    told = {
        ("198.51.100.7", "1.2.3.4"): "198.51.100.7",  # No proxy of ours: whatever it writes.
        ("10.0.0.1", ""): "10.0.0.1",
        ("10.0.0.1", "203.0.113.5"): "203.0.113.5",
        ("10.0.0.1", "1.2.3.4, 203.0.113.5"): "203.0.113.5",  # The client wrote the first part itself.
        ("10.0.0.1", "203.0.113.5, 10.9.9.9"): "203.0.113.5",
        ("10.0.0.1", "1.2.3.4,203.0.113.5 , 10.9.9.9,2001:db8:1::5"): "203.0.113.5",
        ("2001:db8:1::9", "[2001:db8:2::7]:4711"): "2001:db8:2::7",
        ("10.0.0.1", "203.0.113.5:4711"): "203.0.113.5",
        ("::ffff:10.0.0.1", "203.0.113.5"): "203.0.113.5",
        ("10.0.0.1", "unknown"): "10.0.0.1",
        ("10.0.0.1", "203.0.113.5, <script>"): "10.0.0.1",
        ("10.0.0.1", "203.0.113.5, 999.1.1.1"): "10.0.0.1",
        ("", "203.0.113.5"): "",
    }
    assert {case: client_of(*case, PROXIES) for case in told} == told
    assert client_of("127.0.0.1", "203.0.113.5", ()) == "127.0.0.1"


@given(st.text(max_size=300), st.integers(0, 2**32 - 1))
def test_nothing_that_a_client_writes_before_its_own_address_counts(written: str, number: int) -> None:
    client = str(IPv4Address(number))
    if not any(IPv4Address(number) in network for network in PROXIES if network.version == 4):
        assert client_of("10.0.0.1", f"{written}, {client}", PROXIES) == client


def test_nobody_escapes_a_throttle_by_a_header(customer: Make, home: Installation) -> None:
    network = some_network()
    use_up("sign-in-network", network)
    with browser_at(home, network) as client:
        for number in range(5):
            client.headers.update(
                {
                    "X-Forwarded-For": f"203.0.113.{number}",
                    "X-Real-IP": "203.0.113.9",
                    "Forwarded": "for=1.1.1.1",
                }
            )
            assert post(client, "/sign-in", address="a@grower.example", password="not the word").status_code == 429


@pytest.mark.usefixtures("home")
def test_behind_a_trusted_proxy_each_client_has_its_own_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from django.conf import settings

    from glasshouse.web.asgi import Application

    monkeypatch.setattr(settings, "TRUSTED_PROXIES", PROXIES)
    seen = []

    async def ask(forwarded_for: str, peer: str) -> None:
        application = Application()

        async def answer(scope: dict[str, object], body: object, receive: object, send: object, whom: str) -> None:
            seen.append((scope["client"], whom))

        monkeypatch.setattr(application.threads, "answer", answer)

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: object) -> None:
            return None

        headers = [(b"host", b"localhost"), (b"x-forwarded-for", forwarded_for.encode())]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "headers": headers,
            "client": (peer, 5),
        }
        await application(scope, receive, send)

    asyncio.run(ask("203.0.113.5", "10.0.0.1"))
    asyncio.run(ask("2001:db8:9::1", "10.0.0.1"))
    asyncio.run(ask("203.0.113.5", "198.51.100.7"))
    assert [client[0] for client, _ in seen] == ["203.0.113.5", "2001:db8:9::1", "198.51.100.7"]
    assert [whom for _, whom in seen] == ["203.0.113.5", "2001:db8:9::/64", "198.51.100.7"]


def test_what_is_no_network_stops_the_start() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        networks("10.0.0.0/33")


@pytest.mark.usefixtures("home")
def test_the_browser_of_any_account_is_found_by_an_index() -> None:
    """It is asked for each form of a network that has used up what it may send."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT 1 FROM {Browser._meta.db_table} WHERE secret_hash = %s", ["0" * 64])
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "Index" in plan
