"""Recurring intake by mail: what comes attached to a mail to a site's own address is imported by itself, by a saved template.

Rules of this module:

1. A mail counts only where a signature proves its sender's domain, over the address that it is sent to and its date
   (`operations/mail_signatures.py`), and that sender is on the site's list. A mail counts once.
2. It acts as the member who switched it on, with that member's rights of the moment, asked again at each file.
3. Nothing is answered by mail. Where the service is busy, the mail is put off, and its sender's server sends it again.
4. A mail's files, an address's mails a day, and what is noted of them are bounded.

Source: decision records 33 and 50.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings

from glasshouse.access import api as access
from glasshouse.access.permissions import Permission
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.greenhouse import whole_import
from glasshouse.greenhouse.intake_site import LOST_RIGHT, require_compartment, require_person, site_to_change
from glasshouse.greenhouse.models import Site, Upload, UploadState
from glasshouse.greenhouse.statements import Statement, stated, statement_of
from glasshouse.greenhouse.zipped import READABLE
from glasshouse.kernel import clock
from glasshouse.kernel.actor import JOB, Actor, ActorKind
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, OverloadedError, ThrottledError
from glasshouse.kernel.ids import ALPHABET, AccountId, OrganisationId, PersonId, SiteId
from glasshouse.mail.addresses import AddressError, parsed
from glasshouse.vault.fields import readable

MAILBOX = re.compile(r"files-([0-9a-z]{16})-([0-9a-z]{20})")
MOST_SENDERS, MOST_FILES = 20, 10
MOST_MAILS_A_DAY = 100  # of an address that are taken
MOST_REFUSALS_A_DAY = 20  # that are noted: whoever knows the address must not fill the page
MOST_SHOWN = 20
SIGNATURES_FOR = timedelta(days=6)  # longer than a signed date may be old (mail_signatures.OLDEST)
CLAIM_S = 120  # longer than the mail door works on one mail
NOT_PROVEN = Statement("No signature proves that this mail came from its sender as it is, to this address, and lately.")
NOT_LISTED = Statement("Its sender is not on the list.")
NO_FILE = Statement("No file was attached to it.")
NO_TABLE = Statement("This is no file of a kind that can be imported.")
NOT_WHOLE = Statement("It is not encoded as its mail says.")
TOO_MANY = Statement(
    "A mail may bring %(most)s files. This one and those behind it were left out.", {"most": MOST_FILES}
)
GONE = Statement("Its import was removed since.")


class MailedFile(NamedTuple):
    """A file of a mail, as its sender named it. is_whole: it is encoded as its mail says."""

    name: str
    content: bytes
    is_whole: bool


class Arrived(NamedTuple):
    """A mail to a site's address. sender: its stored form; signature: what tells a proven mail from others, "" for none."""

    sender: str
    signature: str
    files: tuple[MailedFile, ...]


class Became(NamedTuple):
    """What became of a file. upload: id of its import, "" where there is none; state: of the import."""

    name: str
    upload: str
    state: str
    reason: Statement | None


class ShownMail(NamedTuple):
    """A mail as a page tells of it. problem: why nothing of it was taken, where that is not said of its files."""

    at: datetime
    sender: str
    problem: Statement | None
    files: list[Became]


class MailIntake(NamedTuple):
    """What a page says of a site's intake by mail. address: "" while there is none; senders: one a line."""

    is_on: bool
    address: str
    compartment: str
    senders: str
    mails: list[ShownMail]


def is_offered() -> bool:
    """Whether the operator has mail to these addresses brought to the service."""
    return bool(settings.INTAKE_MAIL_DOMAIN)


def of_site(row: Site) -> MailIntake:
    """What a page says of a site. Call it in an organisation transaction."""
    raw = (row.intake or {}).get("mail") or {}
    numbers = [file["upload"] for mail in raw.get("mails", ()) for file in mail["files"] if file.get("upload")]
    rows = Upload.objects.filter(id__in=numbers, organisation_id=row.organisation_id).defer("proposal", "layout")
    uploads = {upload.id: upload for upload in rows}
    return MailIntake(
        bool(raw.get("account")),
        _address(row, raw) if raw.get("secret") and is_offered() else "",
        str(raw.get("compartment", "")),
        "\n".join(raw.get("senders", ())),
        [_shown(mail, uploads) for mail in raw.get("mails", ())],
    )


def _address(row: Site, raw: dict[str, Any]) -> str:
    return f"files-{row.organisation_id}-{raw['secret']}@{settings.INTAKE_MAIL_DOMAIN}"


def _shown(mail: dict[str, Any], uploads: dict[str, Upload]) -> ShownMail:
    problem = stated(mail["problem"]) if mail.get("problem") else None
    files = [_became(file, uploads) for file in mail["files"]]
    return ShownMail(datetime.fromisoformat(mail["at"]), str(mail["sender"]), problem, files)


def _became(file: dict[str, Any], uploads: dict[str, Upload]) -> Became:
    upload = uploads.get(str(file.get("upload")))
    reason = stated(file["reason"]) if file.get("reason") else None
    if upload is None:
        return Became(str(file["name"]), "", "", reason or GONE)
    if upload.state == UploadState.FAILED:
        reason = stated((upload.report or {}).get("problem"))
    return Became(str(file["name"]), upload.id, upload.state, reason)


# -- switched on and off -------------------------------------------------------------------------------------------


def switch_on(actor: Actor, site: SiteId, senders: str, compartment: str = "") -> None:
    """Have files imported that these senders mail to the site's address, in the actor's name. senders: addresses, one a line.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    require_person(actor)
    with access.organisation_transaction(actor):
        row = site_to_change(actor, site)  # First: of another customer's site nothing is said, whatever else is wrong.
        require_compartment(row, compartment)
        if not is_offered():
            raise InvalidError("The operator of this service has not set up addresses for files.", field="senders")
        addresses = _parsed(senders)
        raw = (row.intake or {}).get("mail") or {}
        who = {"account": str(actor.account), "person": str(actor.person), "compartment": compartment}
        secret = raw.get("secret") or _new_secret()
        _save(row, raw | who | {"senders": addresses, "secret": secret})
        events.record(actor, Kind.INTAKE_MAIL_STARTED, row.id)


def _parsed(senders: str) -> list[str]:
    """Addresses, one a line, in their stored form. Raises InvalidError."""
    lines = {number: line.strip() for number, line in enumerate(senders.splitlines(), 1) if line.strip()}
    if not lines:
        raise InvalidError("Write at least one address that files will come from.", field="senders")
    if len(lines) > MOST_SENDERS:
        raise InvalidError("Write at most %(most)s addresses.", field="senders", values={"most": MOST_SENDERS})
    addresses = []
    for number, line in lines.items():
        try:
            addresses.append(parsed(line))
        except AddressError:
            message = "Line %(line)s is no email address. Write one on each line."
            raise InvalidError(message, field="senders", values={"line": number}) from None
    return sorted(set(addresses))


def switch_off(actor: Actor, site: SiteId) -> None:
    """Take no mails any more. What is being imported goes on; the address stays. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        row = site_to_change(actor, site)
        raw = (row.intake or {}).get("mail") or {}
        if raw.get("account"):
            _save(row, {name: value for name, value in raw.items() if name not in ("account", "person")})
            events.record(actor, Kind.INTAKE_MAIL_STOPPED, row.id)


def replace_address(actor: Actor, site: SiteId) -> None:
    """Give the site a new address; mail to the one before is refused from now on. Raises NotFoundError, ForbiddenError."""
    with access.organisation_transaction(actor):
        row = site_to_change(actor, site)
        raw = (row.intake or {}).get("mail") or {}
        if raw.get("secret"):
            _save(row, raw | {"secret": _new_secret()})
            events.record(actor, Kind.INTAKE_ADDRESS_REPLACED, row.id)


def _new_secret() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(20))


def _save(row: Site, mail: dict[str, Any]) -> None:
    row.intake = (row.intake or {}) | {"mail": mail}
    row.save(update_fields=["intake"])


# -- a mail --------------------------------------------------------------------------------------------------------


class _Mailbox(NamedTuple):
    job: Actor
    site: SiteId
    senders: list[str]


def is_mailbox(local: str) -> bool:
    """Whether a local part (in small letters) is an address of a site that takes mails. Asks the database."""
    return _mailbox(local) is not None


def is_listed(local: str, sender: str) -> bool:
    """Whether a site takes files of a sender: only then its signature is worth checking. sender: an address's stored form."""
    mailbox = _mailbox(local)
    return mailbox is not None and sender in mailbox.senders


def _mailbox(local: str) -> _Mailbox | None:
    match = MAILBOX.fullmatch(local)
    if not match or not is_offered():
        return None
    job = JOB.for_organisation(OrganisationId(match[1]))
    with access.organisation_transaction(job):
        # The organisation stands in the address, so that it is looked up among that organisation's rows only.
        for row in readable(Site.objects.filter(organisation_id=match[1], intake__isnull=False)):
            raw = (row.intake or {}).get("mail") or {}
            if raw.get("account") and hmac.compare_digest(str(raw.get("secret", "")), match[2]):
                return _Mailbox(job, SiteId(row.id), list(raw["senders"]))
    return None


def take(local: str, mail: Arrived) -> None:
    """Have a mail's files imported, each once, and note what became of them. Nothing is answered by mail.

    Raises NotFoundError (nobody takes mails at this address), ThrottledError (enough came today), OverloadedError and
    UnavailableError (sent again, it goes on where it was).
    """
    mailbox = _mailbox(local)
    if mailbox is None:
        raise NotFoundError
    with access.organisation_transaction(mailbox.job):
        row = Site.objects.select_for_update(of=("self",)).get(id=mailbox.site)
        raw = row.intake["mail"]
        if problem := _problem(mail, raw):
            _refuse(mailbox.job, row, raw, mail, problem)
            return
        entry = _claimed(row, raw, mail)
    if entry is None:
        return
    actor = Actor(ActorKind.PERSON, AccountId(raw["account"]), PersonId(raw["person"]), mailbox.job.organisation)
    try:
        _take_files(actor, mailbox, raw["compartment"], mail, entry)
        entry["is_done"] = True
    finally:
        entry.pop("until", None)
        _note(mailbox, entry)


def _problem(mail: Arrived, raw: dict[str, Any]) -> Statement | None:
    if mail.sender not in raw["senders"]:
        return NOT_LISTED
    if not mail.signature:
        return NOT_PROVEN
    return None if mail.files else NO_FILE


def _refuse(job: Actor, row: Site, raw: dict[str, Any], mail: Arrived, problem: Statement) -> None:
    """Note a mail of which nothing is taken; only so many a day are noted."""
    entry = _entry(mail) | {"problem": asdict(problem)}
    refused = [day for day in raw.get("refused", ()) if _age(day) < timedelta(days=1)]
    if len(refused) >= MOST_REFUSALS_A_DAY:
        return
    mails = [entry, *raw.get("mails", ())]
    # What a stranger sent pushes out no mail that was taken.
    taken = [mail for mail in mails if not mail.get("problem")][:MOST_SHOWN]
    others = [mail for mail in mails if mail.get("problem")][:MOST_SHOWN]
    shown = sorted([*taken, *others], key=lambda mail: str(mail["at"]), reverse=True)
    _save(row, raw | {"mails": shown, "refused": [*refused, entry["at"]]})
    events.record(job, Kind.INTAKE_MAIL_REFUSED, row.id)


def _entry(mail: Arrived) -> dict[str, Any]:
    return {"at": clock.now().isoformat(), "sender": mail.sender[:254], "files": [], "key": mail.signature}


def _age(at: str) -> timedelta:
    return clock.now() - datetime.fromisoformat(at)


def _claimed(row: Site, raw: dict[str, Any], mail: Arrived) -> dict[str, Any] | None:
    """What is noted of a mail that nobody else works on; None where it was taken before: a mail counts once.

    Raises OverloadedError, ThrottledError.
    """
    signatures = {key: at for key, at in raw.get("signatures", {}).items() if _age(at) < SIGNATURES_FOR}
    known = next((entry for entry in raw.get("mails", ()) if entry["key"] == mail.signature), None)
    if mail.signature in signatures:
        if known is None or known.get("is_done"):
            return None
        if _age(known.get("until", clock.now().isoformat())) < timedelta(0):
            raise OverloadedError  # Nobody reads it: the mail is put off.
    elif sum(_age(at) < timedelta(days=1) for at in signatures.values()) >= MOST_MAILS_A_DAY:
        raise ThrottledError(3600)
    entry: dict[str, Any] = dict(known or _entry(mail))
    entry["until"] = (clock.now() + timedelta(seconds=CLAIM_S)).isoformat()
    signatures.setdefault(mail.signature, entry["at"])
    _save(row, raw | {"signatures": signatures, "mails": _with(raw.get("mails", ()), entry)})
    return entry


def _with(mails: Sequence[dict[str, Any]], entry: dict[str, Any]) -> list[dict[str, Any]]:
    """What is noted of the last mails, with one of them new or changed."""
    others = [mail for mail in mails if mail["key"] != entry["key"]]
    shown = sorted([entry, *others], key=lambda mail: str(mail["at"]), reverse=True)
    return shown[: 2 * MOST_SHOWN]


def _note(mailbox: _Mailbox, entry: dict[str, Any]) -> None:
    with access.organisation_transaction(mailbox.job):
        row = Site.objects.select_for_update(of=("self",)).filter(id=mailbox.site).first()
        if row is None or not (row.intake or {}).get("mail"):
            return
        raw = row.intake["mail"]
        _save(row, raw | {"mails": _with(raw.get("mails", ()), entry)})
        if entry.get("is_done") and any(file.get("reason") for file in entry["files"]):
            events.record(mailbox.job, Kind.INTAKE_MAIL_REFUSED, row.id)


def _take_files(actor: Actor, mailbox: _Mailbox, compartment: str, mail: Arrived, entry: dict[str, Any]) -> None:
    """Take those files that were not yet. Raises OverloadedError, UnavailableError."""
    for file in mail.files[len(entry["files"]) : MOST_FILES]:
        became: dict[str, Any] = {"name": _plain(file.name)}
        try:
            _take_file(actor, (mailbox.site, compartment), file, became)
        except InvalidError as error:
            became["reason"] = asdict(statement_of(error).bounded(400))
        except (ForbiddenError, NotFoundError):
            became["reason"] = asdict(LOST_RIGHT)
        entry["files"].append(became)
    if len(mail.files) > MOST_FILES and len(entry["files"]) == MOST_FILES:
        entry["files"].append({"name": _plain(mail.files[MOST_FILES].name), "reason": asdict(TOO_MANY)})


def _plain(name: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)[:120] or "?"


def _take_file(actor: Actor, where: tuple[SiteId, str], file: MailedFile, became: dict[str, Any]) -> None:
    """Upload a file, note its id, and have it imported. where: site, compartment.

    Raises InvalidError, ForbiddenError, NotFoundError, OverloadedError, UnavailableError.
    """
    with access.organisation_transaction(actor):  # Before a word is said of the file.
        access.require(actor, Permission.FILE_IMPORT)
    if not file.name.lower().endswith((*READABLE, ".zip")):
        raise InvalidError(NO_TABLE.text)
    if not file.is_whole:
        raise InvalidError(NOT_WHOLE.text)
    became["upload"] = whole_import.take(actor, where, _plain(file.name), [file.content])
