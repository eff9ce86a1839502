"""One real service for each test process, on fresh folders and free ports; each test brings customers of its own."""

import gc
import re
import secrets
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import pytest
from hypothesis import settings as hypothesis_settings

from tests.scratch import HOME  # Sets Django up, so it comes first.

# isort: split
from glasshouse.access.permissions import Role
from glasshouse.accounts import api as accounts
from glasshouse.accounts.models import Account, Person, SecondFactor
from glasshouse.accounts.rules import Visit
from glasshouse.accounts.sessions import forget_all
from glasshouse.greenhouse import api as greenhouse
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor, ActorKind
from glasshouse.notices import api as notices
from glasshouse.onboarding import api as onboarding
from glasshouse.operations import postgres, service
from glasshouse.operations.health import Patience
from glasshouse.operations.installation import Installation
from glasshouse.organisations import invitations
from glasshouse.subject import carrying_out, erasure
from tests import prepared
from tests.authenticator import code_of
from tests.order import dealt
from tests.signing_up import prove_link, signed_up

__all__ = ["prove_link", "signed_up"]
gc.disable()  # until all tests are read
# Several tests share the cores: how long one example takes says nothing. The long run looks for new examples; all others try the
# same ones each time, so that what fails fails for everybody.
hypothesis_settings.register_profile("looking", deadline=None)
hypothesis_settings.register_profile("the same each time", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("the same each time")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take long, too")
    parser.addoption("--fast", action="store_true", help="run only unit tests, which need no service")


def pytest_configure(config: pytest.Config) -> None:
    prepared.refuse_data(refused=config.getoption("--fast"))
    if config.getoption("--long"):
        hypothesis_settings.load_profile("looking")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Unit tests start without reading what a browser needs."""
    return True if config.getoption("--fast") and collection_path.name in ("journeys", "upgrade") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how this order of tests can be had again."""
    if seed := config.getoption("randomly_seed", None):
        terminalreporter.write_line(f"Order of the tests: --randomly-seed={seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = set()
    if not config.getoption("--long") and "long" not in str(config.getoption("-m")):
        left_out |= {item for item in items if item.get_closest_marker("long") or _at_second_width(item)}
    if config.getoption("--fast"):
        left_out |= {item for item in items if _needs_service(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    gc.freeze()  # What was read stays: no search for what can be thrown away has to look at it.
    gc.enable()
    if "workercount" in (given := getattr(config, "workerinput", {})):
        items[:] = dealt(items, given["workercount"])


def _at_second_width(item: pytest.Item) -> bool:
    """Whether a journey is of what pages do, which is the same at every width, and this is its second one."""
    return item.get_closest_marker("any_width") is not None and "phone" in item.name


def _needs_service(item: pytest.Item) -> bool:
    """Whether a test uses a service, or a part of one, at whatever remove, or says that it is slow."""
    started = {"home", "place", "plane", "store", "upgraded"} & set(getattr(item, "fixturenames", ()))
    return bool(started) or item.get_closest_marker("slow") is not None


@pytest.fixture(scope="session")
def home() -> Iterator[Installation]:
    """A running service, embedded stores and all. Nothing is scheduled in it: a test that needs a job calls its verb."""
    prepared.take_data(HOME)
    service.PATIENCE = Patience(every_s=4, deadline_s=4, failures=3, start_s=600)
    with service.running(HOME, lambda text: print(text, file=sys.stderr)) as parts:
        threading.Thread(target=parts.watch, daemon=True).start()
        with administering(
            HOME
        ) as link:  # No test pulls the plug of the machine: nothing need be waited for on its disk.
            for setting in ("fsync = off", "full_page_writes = off"):
                link.execute(f"ALTER SYSTEM SET {setting}")
            link.execute("SELECT pg_reload_conf()")
        yield HOME


@dataclass(frozen=True)
class Customer:
    """A grower with an account, an organisation and one site."""

    actor: "Actor"
    address: str
    password: str
    site: str

    @property
    def alone(self) -> "Actor":
        """The person, acting for no organisation: as on the pages of the account."""
        return self.actor.alone

    @property
    def organisation(self) -> str:
        return str(self.actor.organisation)


def carried_out_again() -> int:
    """As the daily job, with the erasures of this moment among those that are old enough."""
    with patch.object(erasure, "LATE", timedelta(hours=-1)):
        return carrying_out.carry_out_again()


@pytest.fixture
def customer(home: Installation) -> Callable[[], Customer]:
    """Makes customers, through the same verbs as the pages."""

    def make() -> Customer:

        name = uuid.uuid4().hex[:12]
        address, password = f"{name}@grower.example", f"pass-{name}-word"
        actor = signed_up(f"Person {name}", address, password, f"Farm {name}")
        forget_all(actor.account)  # The form's own browser is of no test.
        site = greenhouse.create_site(actor, {"name": f"Site {name}", "time_zone": "Europe/Rome"})
        return Customer(actor, address, password, site)

    return make


@pytest.fixture
def join(home: Installation) -> Callable[..., Customer]:
    """Brings a new person into an organisation, by invitation, as its page does."""

    def make(into: Customer, role: str, sites: list[str] | None = None) -> Customer:

        name = uuid.uuid4().hex[:12]
        address, password = f"{name}@grower.example", f"pass-{name}-word"
        invitations.invite(into.actor, address, invitations.Offer(role, sites))
        entry = onboarding.Entry(f"Person {name}", password, notices.offer().claims("sign-up"))
        new = onboarding.finish_invitation(prove_link(address, "invitation"), address, entry, Visit(address))
        forget_all(new.actor.account)
        return Customer(new.actor, address, password, into.site)

    return make


Roles = tuple[Customer, dict[Any, httpx.Client]]


@pytest.fixture
def roles(customer: Callable[[], Customer], join: Callable[..., Customer], web: Callable[..., httpx.Client]) -> Roles:
    """An organisation with a member of each built-in role, each signed in at the door."""

    own = customer()
    people = {role: own if role is Role.ADMINISTRATOR else join(own, role) for role in Role}
    return own, {role: web(person) for role, person in people.items()}


@pytest.fixture
def olaf(home: object) -> Callable[[], Customer]:
    """Makes staff of the operator, each with a second factor."""

    def make() -> Customer:

        name = uuid.uuid4().hex[:12]
        address, password = f"{name}@operator.example", f"pass-{name}-word"
        number = accounts.create_staff(f"Staff {name}", address, password, "support")
        account = Account.objects.get(id=number)
        SecondFactor.objects.create(
            account=account,
            key_owner=account.person_id,
            kind="app",
            name="App",
            secret={"seed": "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"},
            confirmed_at=clock.now(),
            created_at=clock.now(),
        )
        actor = Actor(ActorKind.STAFF, number, account.person_id, proved_at=clock.now())
        notices.record_acceptance(actor, notices.offer().claims("page"))
        return Customer(actor, address, password, "")

    return make


@pytest.fixture
def officer(olaf: Callable[[], Customer]) -> Customer:
    """A privacy officer of the operator."""
    return as_staff(olaf(), "privacy")


def as_staff(one: Customer, role: str) -> Customer:
    """The same member of the staff, in another role."""

    Account.objects.filter(id=one.actor.account).update(staff_role=role)
    return one


def enter_staff(client: httpx.Client) -> httpx.Client:
    """Through the second factor that every member of the staff has."""

    post(client, "/second-factor", "/second-factor", code=code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"), kind="app")
    return client


@contextmanager
def administering(home: Installation, database: str = "people") -> Iterator["psycopg.Connection[Any]"]:
    """A database of its store as the superuser, which the service never is: for breaking things, and taking them away."""
    with postgres.store_of(home, database).administering(database) as link:
        yield link


def forget_person(one: Customer) -> None:
    """Take away a person whose key a test destroyed: whatever is told to everybody would fail at them."""

    Account.objects.filter(id=one.actor.account).delete()
    Person.objects.filter(id=one.actor.person).delete()


def forget_recipients(link: "psycopg.Connection[Any]") -> None:
    """Take away the recipients that tests registered, with the transfers and disclosures that name them."""
    tests = "SELECT id FROM disclosures_recipient WHERE written_by <> 'installation'"
    for table in ("data_room_fetch", "data_room", "merger_notice", "merger"):
        link.execute(f"DELETE FROM disclosures_{table}")
    for table in ("disclosures_disclosure", "disclosures_passed_on"):
        link.execute(f"DELETE FROM {table} WHERE recipient_id IN ({tests})")
    link.execute("DELETE FROM disclosures_recipient WHERE written_by <> 'installation'")


def forget_versions(link: "psycopg.Connection[Any]") -> None:
    """Take away what a test published: everybody else's customers live in the same service."""
    newer = "SELECT id FROM notices_version WHERE written_by <> 'installation'"
    for table in ("notices_announcement", "notices_acceptance", "notices_text"):
        link.execute(f"DELETE FROM {table} WHERE version_id IN ({newer})")
    link.execute("DELETE FROM notices_version WHERE written_by <> 'installation'")


@pytest.fixture
def web(home: Installation) -> Iterator[Callable[..., httpx.Client]]:
    """Browsers without a screen: trusting our authority, each with a cookie jar of its own."""
    opened = []
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")

    def make(who: Customer | None = None) -> httpx.Client:
        # Each from an address of its own, as browsers come: sign-ins are counted by address.
        road = httpx.HTTPTransport(
            verify=trust, local_address=f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250)}.9"
        )
        client = httpx.Client(base_url=home.origin, transport=road, headers={"Referer": f"{home.origin}/"}, timeout=90)
        opened.append(client)
        if who:
            answer = post(client, "/sign-in", address=who.address, password=who.password)
            assert answer.status_code == 302, answer.text
        return client

    yield make
    for client in opened:
        client.close()


def post(client: httpx.Client, path: str, page: str = "/sign-in", **fields: str) -> httpx.Response:
    """Send a form as a browser would, with the token of a page that has one."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page, follow_redirects=True).text)
    assert found
    return client.post(path, data=fields | {"csrfmiddlewaretoken": found[1]})


def led(client: httpx.Client, path: str, page: str = "/sign-in", **fields: str) -> httpx.Response:
    """As post; the page that the form led to."""
    answer = post(client, path, page, **fields)
    return client.send(answer.next_request) if answer.next_request else answer


@pytest.fixture
def crops(home: Installation) -> Iterator[httpx.Client]:
    """A device's road into the crop plane."""
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    with httpx.Client(base_url=home.crops_origin, verify=trust, timeout=90) as client:
        yield client
