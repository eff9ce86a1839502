"""The check of erasure: PRI-24."""

import re
import time
from pathlib import Path

from django.conf import settings

from glasshouse.kernel.errors import UnavailableError
from glasshouse.promises import file_reader, filled, old_copy, opened, oracle, recipients
from glasshouse.promises.filled import Filled, done
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.opened import Row
from glasshouse.promises.registry import DAILY_S, check
from glasshouse.promises.stage import MAIL_S, Stage, open_stage
from glasshouse.vault import api as vault

# What may still name somebody who is erased, and the words by which the page of the erasure has told so. The list of events and
# the register of probes hold opaque ids by design, and are not looked through.
KEPT = {
    (
        "rights_erasure",
        "person",
    ): "number of this erasure stays",  # the ledger, by which an erasure is done again after a restore
    ("rights_erasure", "account"): "number of this erasure stays",
    ("rights_request", "address_hash"): "stay for three years",
    ("disclosures_disclosure", "key_owner"): "went to a recipient stays for three years",
    ("disclosures_passed_on", "key_owner"): "so does what the recipient was told",
    ("vault_data_key", "key_owner"): "key that opens your data is destroyed",
}
# Of a guest, what a customer entered stays too: it is the customer's to delete.
KEPT_OF_GUEST = {
    ("rights_request", "address_hash"): "stay for three years",
    ("access_invitation", "address_hash"): "What an organisation entered, it deletes itself",
    ("sources_objected", "address_hash"): "Nothing about you is taken in from others",
    # The invitation's mail is what the customer wrote; its key is that of the invitation.
}
# A probe's keys live shorter, and leave no line.
UNNAMED = (
    "SELECT count(*) FROM vault_data_key k WHERE destroyed_at IS NOT NULL AND destroyed_at > stored_at + interval '15 minutes' "
    "AND NOT EXISTS (SELECT FROM vault_ledger l WHERE l.subject = k.key_owner)"
)
BROKEN_CHAIN = (
    "SELECT count(*) FROM vault_ledger l LEFT JOIN vault_ledger b ON b.number = l.number - 1 "
    "WHERE l.previous <> coalesce(b.hash, repeat('0', 64)) OR (b.number IS NULL AND l.number <> 1)"
)
LIVING = (
    "SELECT count(*) FROM vault_data_key k JOIN vault_ledger l ON l.subject = k.key_owner "
    "WHERE length(k.wrapped) > 0 AND k.created_at < l.at AND l.at < now() - interval '10 minutes'"
)
EVENTS = frozenset({"events_event", "events_link", "events_unchained", "probes_mark", "probes_probe"})


@check(
    "PRI-24",
    steps=(
        "A probe signs up, changes its address and name, and fills in whatever a person can: a subscription, privacy requests by "
        "page and by mail, an objection, a restriction, a second factor, a site, a device, an API token, an uploaded file, an "
        "export, a request for access at another organisation. A guest without an account subscribes, asks and is invited.",
        "A recipient that received something of the probe is registered. Both are erased by their pages.",
        "Before, the people store is copied, as a backup would be. After, the copy is started apart from the service, and every "
        "sealed value of both in it is tried with the keys that are there now; a colleague's must open.",
        "Everything is looked for afterwards: in each column of both databases, in the bytes of the data folder, in the "
        "temporary folders and the open files, on the pages of a colleague, by the old session, token, device key and links.",
    ),
    oracle="The catalogue of both databases, every column read by a role that can only read; bytes on disk as UTF-8, UTF-16, hex "
    "and base64; the table of keys; the mail that arrives at the recipient; a copy by PostgreSQL's own program, and a "
    "decryption of the check's own; the ledger of erasures, read with SQL.",
    every_s=DAILY_S,
)
def erasure() -> Finding:
    """A person and a guest, filled in and erased by their pages, are nowhere."""
    steps, began = Steps(), time.time()
    with open_stage() as stage:
        given = filled.person(stage)
        guest = _Guest(stage, given)
        person = _Person(stage, given)
        with old_copy.taken() as copy:
            person.erase(steps)
            guest.erase(steps)
            _look_into(copy, steps, person, guest)
        steps.expect("the recipient is told by a mail that arrives", _is_told(stage, person))
        texts = [*given.needles, guest.address, *guest.texts]
        search = file_reader.look(texts, began=began)
        where = ", ".join(search.places[:3])
        steps.expect(f"none of {len(texts)} texts is readable in {search.extent}", not search.places, where)
        file_reader.tell_elsewhere(steps)
    _ledger_of_all(steps)
    steps.note(
        "replicas, which this installation does not have; backups of the key store itself, whose day keys live "
        f"{settings.KEY_BACKUP_DAYS} days. "
        "Counted tries stay up to a day after their window, as a keyed hash that names neither id nor address. "
        f"Not filled in: {'; '.join(filled.LEFT_OUT.values())}; what third parties bring in; what an agent asks"
    )
    return steps.judged()


def _look_into(copy: old_copy.OldCopy | None, steps: Steps, person: "_Person", guest: "_Guest") -> None:
    """What the copy of before the erasure still gives away, with the keys of now."""
    colleague = person.given.colleague
    erased = [*person.names, person.given.resident.organisation, *guest.names]
    if copy is None:
        steps.cannot_tell(old_copy.NO_COPY)
        return
    with copy.started() as sockets:
        of_erased = old_copy.tried(sockets, erased, person.owners | guest.owners)
        of_colleague = old_copy.tried(sockets, [colleague.person], {colleague.person})
    if not of_erased.count or not of_colleague.opening:
        raise UnavailableError("The copy of the people store shows nothing of the probes, so that it proves nothing.")
    left = old_copy.left_of(of_erased.opening, erased)
    steps.expect(
        f"of {of_erased.count} values in a copy of before none that was deleted opens with the keys of now; "
        f"{len(of_colleague.opening)} of a colleague do",
        not left,
        ", ".join(sorted({f"{value.table}.{value.column}" for value in left})[:4]),
    )


def _ledger_of_all(steps: Steps) -> None:
    """Every destroyed key has its line, and every line its mark: so an old copy is brought up to date at its start."""
    unnamed = oracle.value(UNNAMED, database=oracle.VAULT)
    steps.expect("of each destroyed key the ledger names the owner", unnamed == 0, f"not of {counted(unnamed)}")
    broken = oracle.value(BROKEN_CHAIN, database=oracle.VAULT)
    steps.expect("each line of the ledger names the hash of the line before", broken == 0)
    living = oracle.value(LIVING, database=oracle.VAULT)
    steps.expect("no key lives that the ledger names", living == 0, f"{counted(living)} do")


def _is_told(stage: Stage, person: "_Person") -> bool:
    mail = stage.sink.wait(person.recipient, within_s=MAIL_S, holding="erase")
    return mail is not None and person.given.resident.address in mail.text


class _Person:
    """The probe with an account: what was known of it before its erasure, and what is seen after."""

    def __init__(self, stage: Stage, given: Filled) -> None:
        self.stage, self.given = stage, given
        resident = given.resident
        self.names = [resident.person, resident.account, *given.hashes]
        self.recipient = recipients.received(stage, resident)
        done(resident.visitor.submit("/account/data", {}, action="/export"), "An export")
        stage.mail_has_left(resident)  # A mail that leaves later has a record, for which its key stays.
        rows = opened.rows_naming([*self.names, resident.organisation])
        self.files, self.owners = _files(rows), _key_owners(opened.rows_naming(self.names))
        _look_whole(rows)

    def erase(self, steps: Steps) -> None:
        """Erase by the page, and look."""
        resident, here = self.given.resident, self.given.resident.visitor
        page = here.get("/account/data/erase").text
        answer = here.submit("/account/data/erase", {"word": "erase"})
        steps.expect("the page of the erasure leads to its state", answer.is_redirect, str(answer.status_code))
        state = self.stage.visitor().follow(answer)
        steps.expect("the state is shown to whoever has its number", state.status_code == 200, str(state.status_code))
        _ledger(steps, resident.person)
        _nowhere(steps, "the person", self.names, KEPT, page)
        _keys(steps, resident.person, resident.organisation, self.owners)
        steps.expect(
            "its export and its uploaded file are gone from the disk",
            len(self.files) >= 2 and not [path for path in self.files if path.exists()],
            f"{sum(path.exists() for path in self.files)} of {len(self.files)} are there",
        )
        self._shut(steps)
        members = self.given.colleague.visitor.get(self.given.colleague.page("members")).text
        steps.expect(
            "a colleague is shown nothing of it any more",
            not [text for text in self.given.needles if text in members] and self.given.colleague.name in members,
        )

    def _shut(self, steps: Steps) -> None:
        resident, other = self.given.resident, self.stage.visitor()
        steps.expect("its session opens nothing", resident.visitor.get("/account/data").status_code != 200)
        token = other.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {self.given.token}"})
        steps.expect("its token opens nothing", token.status_code in (401, 403), str(token.status_code))
        status = filled.send_reading(self.given.device, "probe temperature=20")
        steps.expect("its device's key opens nothing", status in (401, 403), str(status))
        answers = {
            link: self.stage.visitor().get(link).status_code
            for mail in self.stage.sink.mails(self.given.old_address)
            for link in re.findall(r"/(?:reset|prove)/[A-Za-z0-9_-]{20,}", mail.text)
        }
        live = [link.split("/")[1] for link, status in answers.items() if status == 200]
        steps.expect("no link that was mailed opens anything", bool(answers) and not live, ", ".join(live))


class _Guest:
    """The probe without an account."""

    def __init__(self, stage: Stage, given: Filled) -> None:
        self.stage, self.address = stage, stage.new_address()
        place = Filled(given.resident, given.colleague, "")
        asked = {"kind": "erase", "address": self.address, "text": place.canary("text")}
        done(stage.visitor().submit("/privacy", asked), "A guest's request", 200)
        done(stage.visitor().submit("/trust/providers", {"address": self.address}), "A guest's subscription", 200)
        filled.mail_privacy(stage, self.address, place.canary("subject"), f"Please tell me: {place.canary('mail')}")
        done(stage.visitor().submit("/sign-up", {"address": self.address}), "A guest's sign-up", 200)
        colleague = given.colleague
        invitation = {"address": self.address, "role": "viewer", "message": place.canary("message")}
        done(colleague.visitor.submit(colleague.page("members"), invitation, action="/invite"), "A guest's invitation")
        self.texts = list(place.texts.values())
        self.names = [vault.lookup("address", self.address)]
        stage.mail_to_has_left(self.address)
        self.owners = _key_owners(opened.rows_naming(self.names))

    def erase(self, steps: Steps) -> None:
        """Confirm the address, open the own page, erase by it, and look."""
        subscription = self.stage.link(self.address, "trust/providers")
        done(self.stage.visitor().submit(subscription, {}, action="/begin"), "A guest's subscription", 200)
        here, link = self.stage.visitor(), self.stage.link(self.address, "privacy/prove")
        confirmed = here.submit(link, {}, action=link)
        done(confirmed, "A guest's confirmation")
        own = confirmed.headers["location"].removesuffix("/confirmed")
        page = here.get(own).text
        steps.expect("a guest is shown what is held of the address", self.address in page)
        answer = here.submit(own, {"word": "erase"}, action="/erase")
        steps.expect("a guest erases by the own page", answer.is_redirect, str(answer.status_code))
        _nowhere(steps, "a guest's address", self.names, KEPT_OF_GUEST, page)
        alive = [owner for owner in self.owners if opened.keys_of(owner)]
        steps.expect(
            "the keys of what was a guest's are destroyed", bool(self.owners) and not alive, f"{len(alive)} open still"
        )
        shown = here.get(own).text
        steps.expect("a guest is shown no mail and no subscription any more", "/trust/providers/" not in shown)


def _files(rows: list[Row]) -> list[Path]:
    """Every sealed file on disk that a row names, in whichever table. Raises UnavailableError."""
    files = [str(row.values["blob"]) for row in rows if row.values.get("blob")]
    paths = [path for blob in files for path in Path(settings.BLOB_FOLDER).rglob(blob)]
    if len(paths) < 2:
        raise UnavailableError("The probe's export and uploaded file are not both on the disk.")
    return paths


def _key_owners(rows: list[Row]) -> set[str]:
    """Whose key seals something in rows, but for those that live on: of requests, which the law keeps, and of customers."""
    of_law = {"rights_request", "access_invitation"}
    owners = {str(row.values.get("key_owner", "")) for row in rows}
    living_owners = {str(row.values["key_owner"]) for row in rows if row.table in of_law}
    return owners - living_owners - {""}


def _look_whole(rows: list[Row]) -> None:
    """Raises UnavailableError where a column that pages ask persons for holds nothing of the probe: it would prove nothing."""
    given = {f"{row.table}.{column}" for row in rows for column, value in row.values.items() if value not in (None, "")}
    if empty := set(filled.asked_of_persons()) - given - set(filled.LEFT_OUT):
        raise UnavailableError(f"The walk fills nothing into {', '.join(sorted(empty)[:3])}.")


def _ledger(steps: Steps, person: str) -> None:
    row = oracle.rows("SELECT done_at, rows FROM rights_erasure WHERE person = %s", person)
    steps.expect("the ledger has its row, with its end", len(row) == 1 and row[0][0] is not None and row[0][1] > 0)


def _nowhere(steps: Steps, whom: str, names: list[str], reasons: dict[tuple[str, str], str], page: str) -> None:
    """No column names somebody but those that the law keeps, each with its reason on the page of the erasure."""
    page_text = " ".join(page.split())
    left = [
        f"{named.table}.{named.column}"
        for named in oracle.naming(names, but=EVENTS)
        if reasons.get((named.table, named.column), "\0") not in page_text
    ]
    steps.expect(f"no column names {whom} but what the page says and why", not left, ", ".join(left[:4]))


def _keys(steps: Steps, person: str, organisation: str, owners: set[str]) -> None:
    question = "SELECT length(wrapped), destroyed_at IS NOT NULL FROM vault_data_key WHERE key_owner = %s"
    for whose, owner in (("the person", person), ("the organisation that it had alone", organisation)):
        rows = oracle.rows(question, owner, database=oracle.VAULT)
        good = bool(rows) and all(row == (0, True) for row in rows)
        steps.expect(f"the key of {whose} is destroyed, its wrapped bytes emptied", good)
    alive = [owner for owner in owners if opened.keys_of(owner)]
    where = sorted({row.table for row in opened.rows_naming(alive)}) if alive else []
    steps.expect(
        "so are the keys of its mails and links",
        bool(owners) and not alive,
        f"{len(alive)} open still, of {', '.join(where[:4]) or 'no row'}",
    )
