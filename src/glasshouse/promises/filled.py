"""A person who has filled in whatever a person can fill in at the doors, each field with a text of its own.

A check looks for these texts afterwards. `asked_of_persons` is read from the pages' declarations, so that a field that comes
later and is filled by nobody here is seen: the check of PRI-24 cannot tell then (tests/promises/test_pri_24_erasure.py).
"""

import re
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from glasshouse.access.pages import Audience
from glasshouse.kernel.errors import UnavailableError
from glasshouse.kernel.ids import new_id
from glasshouse.promises import asked_fields, authenticator, crop_door, mail_door, oracle
from glasshouse.promises.front_door import FormMissingError, Visitor
from glasshouse.promises.stage import Resident, Stage, at_once

# Columns that a form asks a person for and that no walk fills, each with why.
LEFT_OUT = {
    "accounts_person.language": "a choice of two languages, which no text of a check's own can be",
    "accounts_second_step.name": "a passkey's name: a passkey needs a browser's own hardware",
    "rights_letter.text": "a reply to a request: it is filled in, and sealed with the request, which the law keeps",
}


@dataclass(slots=True)
class Filled:
    """Whom a walk has filled in for, and what. texts: canary by where it was given. old_address: before it was changed.

    hashes: by which the store found the old and the new address. colleague: the administrator of another organisation, of which
    the person is a member.
    """

    resident: Resident
    colleague: Resident
    old_address: str
    texts: dict[str, str] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    token: str = ""
    device: str = ""
    site: str = ""

    def canary(self, where: str) -> str:
        """A text that stands nowhere but in what is given there."""
        self.texts[where] = f"canary{new_id()}"
        return self.texts[where]

    @property
    def needles(self) -> list[str]:
        """Every text that was given and that checks look for by one word, with the addresses."""
        texts = [text for text in self.texts.values() if text.startswith("canary")]
        return [*texts, self.resident.address, self.old_address]


def asked_of_persons() -> list[str]:
    """Each column ("table.column") that a page for persons or for everybody asks for, from the pages' declarations."""
    audiences = (Audience.PERSON, Audience.PUBLIC)
    asked = {asked.column for page in asked_fields.declared() if page.audience in audiences for asked in page.asks}
    return sorted(asked - {""})


def mail_privacy(stage: Stage, address: str, subject: str, text: str) -> None:
    """Send a mail to the privacy address, from a network of its own. Raises UnavailableError."""
    mail_door.send(mail_door.letter(address, subject, text), network=stage.visitor().network)


def send_reading(key: str, line: str) -> int:
    """What the crops service answers to a reading. key: of a device. Raises UnavailableError."""
    return crop_door.write(key, line).status_code


def done(answer: object, what: str, *good: int) -> None:
    """Raises UnavailableError where an answer has another status than one of these (a redirect, if none is named)."""
    status = getattr(answer, "status_code", 0)
    if status not in (good or (302, 303)):
        raise UnavailableError(f"{what} was answered {status}.")


def person(stage: Stage) -> Filled:
    """A new person with an account, a member of two organisations, who has filled in everything. Raises UnavailableError."""
    given = Filled(*_signed_up(stage))
    _asked_by_mail(stage, given)
    grower(stage, given)
    choices(given)
    _second_factor(stage, given)
    return given


def _signed_up(stage: Stage) -> tuple[Resident, Resident, str]:
    addresses = [stage.ask_sign_up() for _ in range(2)]
    names = [{"name": f"canary{new_id()}", "organisation": f"canary{new_id()}"} for _ in addresses]
    resident, colleague = at_once(
        [partial(stage.finish_sign_up, address, **name) for address, name in zip(addresses, names, strict=True)]
    )
    return resident, colleague, resident.address


def _asked_by_mail(stage: Stage, given: Filled) -> None:
    """All that needs a link which is mailed: asked together, as each mail takes a moment."""
    resident, colleague = given.resident, given.colleague
    given.texts["accounts_person.name before"] = resident.name
    given.hashes = [_hash(resident)]
    address = stage.new_address()
    form = {"present": resident.password, "address": address}
    asked = {"kind": "question", "address": address, "text": given.canary("rights_request.text")}
    invitation = {"address": address, "role": "viewer", "message": given.canary("access_invitation.message")}
    subscriber, asker, forgetful = (stage.visitor() for _ in range(3))
    change, *others, invited = at_once(
        [
            partial(resident.visitor.submit, "/account", form, action="/address"),
            partial(subscriber.submit, "/trust/providers", {"address": address}),
            partial(asker.submit, "/privacy", asked),
            partial(forgetful.submit, "/forgotten", {"address": given.old_address}),
            partial(colleague.visitor.submit, colleague.page("members"), invitation, action="/invite"),
        ]
    )
    done(change, "A change of address", 200)
    for answer, what in zip(others, ("A subscription", "A privacy request", "A forgotten password"), strict=True):
        done(answer, what, 200)
    done(invited, "An invitation")
    subscription = stage.link(address, "trust/providers")
    done(stage.visitor().submit(subscription, {}, action="/begin"), "A subscription's confirmation", 200)
    _confirm(stage, stage.link(address, "privacy/prove"))
    _changed(stage, given, address)
    arrived = len(stage.sink.mails(address))
    mail_privacy(
        stage, address, f"Question {given.canary('mail subject')}", given.canary("rights_request.text by mail")
    )
    link = stage.link(address, "invitation")
    done(given.resident.visitor.submit(link, {}, action=link), "An invitation's acceptance")
    _confirm(stage, stage.link(address, "privacy/prove", after=arrived))
    number = oracle.value(
        "SELECT id FROM rights_request WHERE address_hash = %s ORDER BY asked_at LIMIT 1", given.hashes[-1]
    )
    reply, page = {"text": given.canary("rights_letter.text")}, f"/account/data/requests/{number}"
    done(given.resident.visitor.submit(page, reply, action="/reply"), "A reply to a privacy request")


def _confirm(stage: Stage, link: str) -> None:
    done(stage.visitor().submit(link, {}, action=link), "A request's confirmation")


def _hash(resident: Resident) -> str:
    return str(oracle.value("SELECT address_hash FROM accounts_person WHERE id = %s", resident.person))


def _changed(stage: Stage, given: Filled, address: str) -> None:
    link = stage.link(address, "change")
    done(given.resident.visitor.submit(link, {}, action=link), "A change of address")
    given.resident.address = address
    given.hashes.append(_hash(given.resident))
    given.resident.visitor = here = stage.visitor()
    here.call_itself(given.canary("accounts_session.label"))
    done(here.submit("/sign-in", {"address": address, "password": given.resident.password}), "A sign-in")
    name = {"name": given.canary("accounts_person.name")}
    done(here.submit("/account/data", name), "A correction")
    given.resident.name = name["name"]


def grower(stage: Stage, given: Filled) -> None:
    """What the person's own organisation has of it, and a request to the other one."""
    resident, here = given.resident, given.resident.visitor
    given.site = stage.site(resident, given.canary("greenhouse_site.name"))
    token: dict[str, str | list[str]] = {
        "name": given.canary("access_token.name"),
        "scopes": _scopes(here, resident.page("tokens"))[:1],
    }
    given.token = shown(here, here.submit(resident.page("tokens"), token))
    given.device = crop_door.device(resident, given.site, name=given.canary("greenhouse_device.name"))
    asked = {"role": "grower", "reason": given.canary("access_request.reason")}
    other = f"/o/{given.colleague.organisation}/my-access"
    done(here.submit(other, asked), "A request for access", 200, 302)
    upload(given)


def upload(given: Filled) -> None:
    """A file of readings with a canary in its name and in its rows, uploaded to the person's organisation."""
    rows = f"time,temperature,note\n2024-05-31 12:00,21.5,{given.canary('file')}\n"
    file = {"file": (f"{given.canary('greenhouse_upload.name')}.csv", rows.encode())}
    path = given.resident.page("import")
    done(given.resident.visitor.submit(path, {"place": given.site}, files=file), "A file")


def choices(given: Filled) -> None:
    """An objection with its reasons, and a restriction with its reasons."""
    here, path = given.resident.visitor, "/account/data/choices"
    done(here.submit(path, {"words": given.canary("consent_stance.words")}, action="/object"), "An objection")
    done(here.submit(path, {"words": given.canary("consent_restriction.words")}, action="/restrict"), "A restriction")


class Export(NamedTuple):
    """An export that was made: the path of its link, and its id."""

    link: str
    number: str


def export(given: Filled) -> Export:
    """Make an export by its page. Raises UnavailableError."""
    here = given.resident.visitor
    done(here.submit("/account/data", {}, action="/export"), "An export")
    link = re.search(r"/account/data/export/([0-9a-z]{16})", here.get("/account/data").text)
    if link is None:
        raise UnavailableError("The page of everything held shows no link to the new export.")
    return Export(link[0], link[1])


def _second_factor(stage: Stage, given: Filled) -> None:
    here = given.resident.visitor
    stage.counted.append(f"{given.resident.account}:signed-in")
    app = authenticator.begin(here)
    if app is None:
        raise FormMissingError("The page of the authenticator app shows no key.")
    given.texts["accounts_second_step.secret"] = app.totp.secret
    code = {"code": app.code(steps=-1)}
    done(here.submit(authenticator.PATH, code), "A second factor")  # Its recovery codes are not fetched.


def _scopes(visitor: Visitor, path: str) -> list[str]:
    return re.findall(r'name="scopes" value="([^"]+)"', visitor.get(path).text)


def shown(visitor: Visitor, answer: object) -> str:
    """A key that the page shows which an answer leads to. Raises UnavailableError."""
    done(answer, "A form that makes a key")
    shown_key = re.search(r"<(?:pre|code)[^>]*>\s*([A-Za-z0-9_.-]{16,})\s*</", visitor.follow(answer).text)  # type: ignore[arg-type]
    if shown_key is None:
        raise UnavailableError("A page that shows a new key once shows none.")
    return shown_key[1]
