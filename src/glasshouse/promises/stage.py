"""People of a promise check: they sign up, invite, sign in and read their mail at the live doors, and leave no trace.

Everything is done through `front_door.Visitor`, and mail is read where it really arrives (`sink.Sink`). What belongs to them is
removed at the end by what the database knows of it (`probes`), whatever the check broke off at.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import LiteralString, TypeVar

from django.apps import apps
from django.db import connection

from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions, throttle
from glasshouse.events import api as events
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import BlobId, KeyOwnerId, OrganisationId, new_id
from glasshouse.probes import api as probes
from glasshouse.promises import authenticator, oracle
from glasshouse.promises.findings import Steps
from glasshouse.promises.front_door import FormMissingError, Visitor
from glasshouse.promises.sink import Arrived, Sink
from glasshouse.queues import api as queues
from glasshouse.rowsecurity.connections import DatabaseRole, connected_as
from glasshouse.subject import closing
from glasshouse.vault import api as vault
from glasshouse.vault import blobs

NAMED_BY_JOBS = (
    "access_organisation",
    "accounts_account",
    "accounts_person",
    "greenhouse_upload",
    "rights_copy",
    "rights_request",
)
MAIL_S = 30.0  # The worker looks for due mail every second, and tries one that failed again after 15.
PEOPLE_AT_ONCE = 3
Answer = TypeVar("Answer")
BRIEF_S = 2.0  # for a mail after one that did not come: the check is to end


class NotArrivedError(UnavailableError):
    """A mail that a check waits for did not come."""


@dataclass(slots=True)
class Resident:
    """A person of the stage with an account. `organisation`: where they work; "": nowhere. `visitor`: their signed-in browser."""

    name: str
    address: str
    password: str
    visitor: Visitor
    account: str
    person: str
    organisation: str = ""

    def page(self, path: str = "") -> str:
        """Path of a page of the organisation."""
        return f"/o/{self.organisation}/{path}".rstrip("/") + ("/" if not path else "")


@dataclass(slots=True)
class Stage:
    """What a check acts with. `probe`: the id under which the database knows what is its own."""

    probe: str
    sink: Sink
    visitors: list[Visitor] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    residents: list[Resident] = field(default_factory=list)
    missed: bool = False

    def new_address(self) -> str:
        """An address that nobody has; mail to it arrives in the sink."""
        address = f"probe{new_id()}@canary.invalid"
        probes.mark_hashes(self.probe, [vault.lookup("address", address)])
        self.sink.expect(address)
        self.counted.append(address)
        return address

    def visitor(self) -> Visitor:
        """A browser that nobody has signed in with."""
        visitor = Visitor()
        self.visitors.append(visitor)
        self.counted.append(visitor.network)
        return visitor

    def mail(self, address: str, *, holding: str = "", after: int = 0) -> Arrived:
        """A mail that left and arrived. Raises NotArrivedError."""
        if (mail := self.sink.wait(address, within_s=MAIL_S, holding=holding, after=after)) is None:
            raise NotArrivedError(f"A mail to a probe did not arrive within {MAIL_S:.0f} s.")
        return mail

    def link(self, address: str, page: str, *, after: int = 0) -> str:
        """Path of the link to a page in a mail to an address, such as `/prove/…`. Raises NotArrivedError."""
        path = re.search(rf"/{page}/[A-Za-z0-9_-]+", self.mail(address, holding=f"/{page}/", after=after).text)
        if path is None:
            raise NotArrivedError(f"A mail to a probe held no link to {page}.")
        secret = path[0].rpartition("/")[2]
        self.counted += [secret, sessions.digest(secret)]
        return path[0]

    # -- ways in ---------------------------------------------------------------------------------------------------

    def ask_sign_up(self) -> str:
        """Ask for an account as a new person; returns the address. The link arrives a moment later."""
        address = self.new_address()
        answer = self.visitor().submit("/sign-up", {"address": address})
        if answer.status_code != 200:
            raise UnavailableError(f"A sign-up was answered {answer.status_code}.")
        return address

    def finish_sign_up(self, address: str, *, name: str = "", organisation: str = "") -> Resident:
        """Open the mailed link, fill in its form. Raises NotArrivedError, UnavailableError."""
        visitor, name = self.visitor(), name or f"Probe {new_id()}"
        fields = {"name": name, "organisation": organisation or f"Probe {new_id()}"}
        return self._entered(visitor, self.link(address, "prove"), address, fields)

    def grower(self, *, name: str = "", organisation: str = "") -> Resident:
        """A new customer: its administrator, signed in."""
        return self.finish_sign_up(self.ask_sign_up(), name=name, organisation=organisation)

    def growers(self, count: int) -> list[Resident]:
        """So many new customers. Their mails are waited for together, and they enter at the same time."""
        addresses = [self.ask_sign_up() for _ in range(count)]
        return at_once([partial(self.finish_sign_up, address) for address in addresses])

    def invite(self, administrator: Resident, role: str, sites: list[str] | None = None) -> str:
        """Invite a new address by the page; returns it. sites: their ids; None: all. Raises UnavailableError."""
        address = self.new_address()
        self.invite_address(administrator, address, role, sites)
        return address

    def invite_address(self, administrator: Resident, address: str, role: str, sites: list[str] | None = None) -> None:
        """Invite an address by the page. Raises UnavailableError."""
        fields: dict[str, str | list[str]] = {"address": address, "role": role}
        if sites is not None:
            fields |= {"all_sites": [], "sites": sites}
        answer = administrator.visitor.submit(administrator.page("members"), fields, action="/invite")
        if not answer.is_redirect:
            raise UnavailableError(f"An invitation was answered {answer.status_code}.")

    def join(self, address: str, *, organisation: str) -> Resident:
        """Accept the invitation that was mailed to a new address. Raises NotArrivedError, UnavailableError."""
        fields = {"name": f"Probe {new_id()}", "address": address}
        return self._entered(self.visitor(), self.link(address, "invitation"), address, fields, organisation)

    def member(self, administrator: Resident, role: str, sites: list[str] | None = None) -> Resident:
        """A new person, invited into an organisation and joined."""
        address = self.invite(administrator, role, sites)
        return self.join(address, organisation=administrator.organisation)

    def _entered(
        self, visitor: Visitor, path: str, address: str, fields: dict[str, str], organisation: str = ""
    ) -> Resident:
        password = f"{secrets.token_hex(8)}-{secrets.token_hex(8)}"
        answer = visitor.submit(path, fields | {"password": password, "accept": "yes"})
        if not answer.is_redirect:
            raise UnavailableError(f"A mailed link's form was answered {answer.status_code}.")
        home = str(visitor.follow(answer).url)
        own = re.search(r"/o/([0-9a-z]{16})", home)
        account, person = self.ids_of(address)
        own_organisation = organisation or (own[1] if own else "")
        resident = Resident(fields["name"], address, password, visitor, account, person, own_organisation)
        self.residents.append(resident)
        return resident

    def site(self, administrator: Resident, name: str) -> str:
        """Make a site by its page; returns its id. Raises UnavailableError."""
        before = self._sites(administrator)
        path = administrator.page("sites")
        answer = administrator.visitor.submit(path, {"name": name, "time_zone": "Europe/Rome"})
        new = self._sites(administrator) - before
        if not answer.is_redirect or len(new) != 1:
            raise UnavailableError(f"A new site was answered {answer.status_code}.")
        return new.pop()

    def _sites(self, administrator: Resident) -> set[str]:
        page = administrator.visitor.get(administrator.page("sites"))
        return set(re.findall(rf"/o/{administrator.organisation}/sites/([0-9a-z]{{16}})/", page.text))

    def sign_in(self, resident: Resident, *, password: str = "") -> Visitor:
        """Another browser of a person, signed in as far as the password gets."""
        visitor = self.visitor()
        visitor.submit("/sign-in", {"address": resident.address, "password": password or resident.password})
        return visitor

    def ids_of(self, address: str) -> tuple[str, str]:
        """Ids of account and person at an address. Raises UnavailableError where the store holds none."""
        ids = oracle.rows(
            "SELECT a.id, p.id FROM accounts_account a JOIN accounts_person p ON p.id = a.person_id WHERE p.address_hash = %s",
            vault.lookup("address", address),
        )
        if not ids:
            raise UnavailableError("A probe's account is not in the store.")
        return str(ids[0][0]), str(ids[0][1])

    def counted_together(self) -> list[str]:
        """By what tries are counted of a browser whose password was just reset, and of an account in all its sessions."""
        cookies = {visitor.cookies.get("__Host-browser", "") for visitor in self.visitors} - {"", None}
        browsers = [sessions.digest(str(cookie)) for cookie in cookies]
        of_accounts = [
            f"{resident.account}:{end}" for resident in self.residents for end in ("signed-in", "signed-out")
        ]
        of_resets = [f"{resident.person}:{browser}" for resident in self.residents for browser in browsers]
        return [*browsers, *of_accounts, *of_resets]

    def staff(self, role: str) -> Resident:
        """A new member of the operator's staff, signed in past the second factor. role: of StaffRole.

        No page makes one; the command `staff` does it so. Raises UnavailableError.
        """
        address, password, name = self.new_address(), f"{new_id()}-{new_id()}", f"Probe {new_id()}"
        accounts.create_staff(name, address, password, role)
        resident = Resident(name, address, password, self.visitor(), *self.ids_of(address))
        self.residents.append(resident)
        resident.visitor.submit("/sign-in", {"address": address, "password": password})
        resident.visitor.submit("/accept", {"accept": "yes"})
        if authenticator.set_up(resident.visitor) is None:
            raise UnavailableError("A member of the staff was shown no key for an authenticator app.")
        return resident

    def arrival(self, address: str, holding: str = "") -> Arrived | None:
        """The first mail to an address that holds some words; None: it did not come. After one such, none is waited for long."""
        mail = self.sink.wait(address, within_s=BRIEF_S if self.missed else MAIL_S, holding=holding)
        self.missed = self.missed or mail is None
        return mail

    def mail_has_left(self, person: Resident) -> None:
        """Wait until no mail to a person is on its way: each that leaves changes what is held of them."""
        self._no_mail_waits("key_owner = %s OR address_hash = %s", person.person, self.hash_of(person.address))

    def mail_to_has_left(self, address: str) -> None:
        """As `mail_has_left`, for an address without an account."""
        self._no_mail_waits("address_hash = %s", self.hash_of(address))

    def _no_mail_waits(self, whose: LiteralString, *values: str) -> None:
        ends = time.monotonic() + MAIL_S
        waiting = f"SELECT count(*) FROM mail_message WHERE ({whose}) AND sent_at IS NULL AND set_aside_at IS NULL"
        while oracle.value(waiting, *values) and time.monotonic() < ends:
            time.sleep(0.1)

    def hash_of(self, address: str) -> str:
        """The keyed hash by which rows name an address."""
        return vault.lookup("address", address)


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """What people do at the same time, each at a door of their own; returns the answers in order. Raises what one raised.

    They act through the doors alone: what asks the ORM would leave a connection open in its thread.
    """
    with ThreadPoolExecutor(PEOPLE_AT_ONCE) as pool:
        return [act.result() for act in [pool.submit(act) for act in acts]]


@contextmanager
def open_stage(sink: Sink | None = None) -> Iterator[Stage]:
    """A stage for the length of the block. Nothing of it stays, whatever happens inside. sink: where its mail goes."""
    sink = sink or Sink()
    stage = Stage(probes.begin([], sink_port=sink.open()), sink)
    try:
        yield stage
    finally:
        for visitor in stage.visitors:
            visitor.close()
        try:
            remove(stage.probe, [*stage.counted, *stage.counted_together()])
        finally:
            sink.close()


@contextmanager
def on_stage(steps: Steps) -> Iterator[Stage]:
    """As open_stage; a mail that does not arrive, or a page without its form, is a step that was not as promised.

    Whatever else the check breaks off at does not hide what was seen before; where all was as promised so far, it is raised.
    """
    try:
        with open_stage() as stage:
            yield stage
    except (NotArrivedError, FormMissingError) as error:
        steps.expect("each mail arrives, and each page shows its form", False, str(error))
    except Exception as error:
        if not steps.wrong:
            raise
        steps.expect("the check comes to its end", False, type(error).__name__)


class NotOursError(UnavailableError):
    """Something is marked as a probe's that is older than the probe. Nothing is removed; somebody has to look at it."""


# By the ids of what tries are counted, beside addresses and networks.
COUNTED_BY = (
    "access_invitation",
    "access_organisation",
    "accounts_account",
    "accounts_browser",
    "accounts_person",
    "accounts_session",
)


def remove(probe: str, counted: list[str] | None = None) -> None:
    """Remove everything that is a probe's: files, readings, rows, events, keys. Safe to repeat.

    counted: addresses, networks and secrets by which its tries were counted, beside its ids. Raises NotOursError.
    """
    began, organisations = probes.began_at(probe), probes.organisations(probe)
    owners = [KeyOwnerId(owner) for owner in probes.key_owners(probe)]
    if began is None:
        return
    if older := vault.older_owners(owners, began):
        raise NotOursError(f"{len(older)} of what is marked for a promise check is older than the check.")
    for organisation in organisations:
        closing.close_organisation(OrganisationId(organisation))
    for blob in _blobs_of(probe):
        blobs.remove(BlobId(blob))
    _forget_jobs(probes.ids(probe, *NAMED_BY_JOBS))
    ids = probes.ids(probe, *COUNTED_BY)
    probes.mark_hashes(probe, throttle.keys_of([*(counted or []), *ids]))
    events.chain_waiting()  # Which puts the probe's own apart.
    probes.remove(probe)


def remove_abandoned() -> int:
    """Remove the probes of checks that were cut off; returns how many went. One that cannot go stays for the next time."""
    return sum(queues.guarded("promises.probes", probe, partial(remove, probe)) for probe in probes.abandoned())


def _blobs_of(probe: str) -> Iterator[str]:
    """Names of the files of the probe's rows."""
    for model in apps.get_models():
        table = model._meta.db_table
        for column in (item.column for item in model._meta.local_concrete_fields if hasattr(item, "blob_key_owner")):
            question = f'SELECT "{column}" FROM {table} WHERE id = ANY (%s) AND "{column}" <> %s'
            yield from (str(row[0]) for row in oracle.rows(question, probes.ids(probe, table), ""))


def _forget_jobs(ids: list[str]) -> None:
    """Delete queued jobs that name one of the ids. One that runs ends by itself, and is deleted then."""
    with connected_as(DatabaseRole.JOB), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE status IN ('todo', 'failed', 'cancelled', 'aborted') "
            "AND EXISTS (SELECT FROM jsonb_each_text(args) AS argument WHERE argument.value = ANY (%s))",
            [ids],
        )
