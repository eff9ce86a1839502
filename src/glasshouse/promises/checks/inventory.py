"""The check of what a person may know and correct: PRI-21."""

from typing import NamedTuple

from glasshouse.kernel.ids import new_id
from glasshouse.promises import filled, held, recipients
from glasshouse.promises.filled import Filled, done
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.held import HASHED, MOST_SHOWN, Section
from glasshouse.promises.registry import check
from glasshouse.promises.stage import MAIL_S, Stage, open_stage

# Where a mail went, which a later change of address does not change.
OF_MAILS = ("mail_message.", "notices_announcement.")


class Said(NamedTuple):
    """What the page must say of a value, in our own words: what for, who it comes from, who gets it."""

    purpose: str
    source: str
    recipients: str


# Worked examples: of a value of each kind, what is true of it whatever the data map says.
EXAMPLES = {
    "accounts_person.name": Said("addressing the person", "you", "the organisations that the person belongs to"),
    "accounts_person.address": Said("signing in", "you", "the organisations that the person belongs to"),
    "accounts_session.network": Said("sessions", "your use of the service", "nobody else"),
    "consent_stance.words": Said("decided about a purpose", "you", "nobody else"),
    "mail_message.subject": Said("delivering the mail", "us", "the operator's mail server"),
    "rights_request.text": Said("answering the request", "you", "nobody else"),
}
# As the page says it, of all values of a part at once or of each.
FROM, WHY, PERIOD, WHO = "Where it comes from", "Why we may keep it", "How long", "Who gets it"
OUR_OWN = "A method for two-step verification was added"  # a mail that we write


@check(
    "PRI-21",
    steps=(
        "A probe fills in whatever a person can, at the web door and at the mail door, and opens the page of everything held.",
        "A raw search of every table of the people store finds each sealed value of each row that names the probe; each is "
        "opened here, and looked for on the page. Each part of the page must say what for, from whom, and who gets it.",
        "The probe corrects its name. The old one is looked for in each value that opens under any key that such a row names, "
        "and on the pages of a colleague; the recipient of the name reads its mail. A guest opens the page of what is held of an "
        "address.",
    ),
    oracle="Every column of every table, read by a role that can only read, and opened by a decryption of the check's own; "
    "examples of what must be said of a value, written down in the check; the mail that arrives at the recipient.",
)
def inventory() -> Finding:
    """The page of everything held equals what a raw search finds; a correction reaches every copy and recipient."""
    steps = Steps()
    with open_stage() as stage:
        guest = _ask_as_guest(stage)
        given = filled.person(stage)
        resident = given.resident
        names = [resident.person, resident.account, given.hashes[1]]
        stage.mail_has_left(resident)
        values, hashed = held.values_of(names), len(held.hashes_of(names))
        parts, page = held.everything(resident.visitor, "/account/data")
        _whole(steps, values, parts)
        _explained(steps, values, parts)
        hashes_shown = sum(HASHED in text for part in parts for text in part.values)
        claim = f"each of {hashed} values that are kept as a hash only is told of"
        steps.expect(claim, hashes_shown >= max(2, hashed), f"{hashes_shown} are")
        _written(steps, given, page)
        _corrected(steps, stage, given)
        _of_guest(steps, stage, *guest)
    return steps.judged()


def _whole(steps: Steps, values: list[held.Held], parts: list[Section]) -> None:
    closed = [value for value in values if value.text is None]
    steps.expect("each sealed value of the person opens with a key that its row names", not closed, held.places(closed))
    lost = held.missing(values, [text for part in parts for text in part.values], most=MOST_SHOWN)
    claim = f"each of {len(values)} sealed values in {len({value.place for value in values})} columns that a raw search finds"
    steps.expect(f"{claim} is on the page, or where it leads to", bool(values) and not lost, held.places(lost))


def _explained(steps: Steps, values: list[held.Held], parts: list[Section]) -> None:
    dumb = [part.purpose for part in parts if not part.purpose or not all(_said_of(part, row) for row in part.said)]
    steps.expect("each value says what for, from whom, and who gets it", bool(parts) and not dumb, "; ".join(dumb[:2]))
    for place, said in EXAMPLES.items():
        texts = [value.text for value in values if value.place == place and value.text]
        texts = [text for text in texts if not place.startswith("mail_message") or OUR_OWN in text]
        good = bool(texts) and all(any(_says(part, text, said) for part in parts) for text in texts[:3])
        steps.expect(f"of {place} it says: {said.purpose}, from {said.source}, to {said.recipients}", good)


def _written(steps: Steps, given: Filled, page: str) -> None:
    """What the probe typed in organisations: its own words are on the page, and the page says whose the others are."""
    own, others = (
        ("access_token.name", "access_request.reason"),
        ("names of sites", "names of devices", "files of readings"),
    )
    lost = [where for where in own if given.texts[where] not in page]
    steps.expect("what it wrote in its own name in two organisations is on the page", not lost, ", ".join(lost))
    said = page.partition("not yours")[2].casefold()
    unsaid = [kind for kind in others if kind not in said]
    steps.expect("the page says what it typed for its organisation, and whose that is", not unsaid, ", ".join(unsaid))


def _said_of(part: Section, row: dict[str, str]) -> bool:
    """Whether source, ground, period and recipients are said of a value: once for the part, or in the value's own row."""
    return all((part.facts | row).get(name) for name in (FROM, WHY, PERIOD, WHO))


def _says(part: Section, text: str, said: Said) -> bool:
    if said.purpose not in part.purpose:
        return False
    for value, row in zip(part.values, part.said, strict=True):
        if held.is_shown(text, value, most=MOST_SHOWN):
            facts = part.facts | row
            return facts.get(FROM) == said.source and said.recipients in facts.get(WHO, "")
    return False


def _corrected(steps: Steps, stage: Stage, given: Filled) -> None:
    resident, colleague = given.resident, given.colleague
    done(resident.visitor.submit("/account/data/choices", {}, action="/lift"), "Lifting the restriction")
    recipient = recipients.received(stage, resident)
    old, new = resident.name, f"canary{new_id()}"
    done(resident.visitor.submit("/account/data", {"name": new}), "A correction")
    names = [resident.person, resident.account, *given.hashes]
    left = [value.place for value in held.values_of(names, customers=True) if old in (value.text or "")]
    steps.expect("after a correction no stored copy has the old name", not left, ", ".join(left[:3]))
    own = [text for text in held.everything(resident.visitor, "/account/data")[0] if new in text.values]
    steps.expect("the page has the new one", len(own) == 1)
    for name, visitor, organisation in (
        ("the person", resident.visitor, resident.organisation),
        ("a colleague", colleague.visitor, colleague.organisation),
    ):
        page = visitor.get(f"/o/{organisation}/members").text
        steps.expect(f"the list of people shows the new name to {name}", new in page and old not in page)
    mail = stage.sink.wait(recipient, within_s=MAIL_S, holding=new)
    steps.expect(
        "who received the name is told by a mail that arrives", mail is not None and resident.address in mail.text
    )
    before = [value.place for value in held.values_of(names) if given.old_address in (value.text or "")]
    outdated = [place for place in before if not place.startswith(OF_MAILS)]
    steps.expect(
        "after a change of address only the person's own mails have the old one", not outdated, ", ".join(outdated[:3])
    )


def _ask_as_guest(stage: Stage) -> tuple[str, str]:
    address, text = stage.new_address(), f"canary{new_id()}"
    asked = {"kind": "access", "address": address, "text": text}
    done(stage.visitor().submit("/privacy", asked), "A guest's request", 200)
    done(stage.visitor().submit("/trust/providers", {"address": address}), "A guest's subscription", 200)
    return address, text


def _of_guest(steps: Steps, stage: Stage, address: str, text: str) -> None:
    subscription, link = stage.link(address, "trust/providers"), stage.link(address, "privacy/prove")
    done(stage.visitor().submit(subscription, {}, action="/begin"), "A guest's subscription", 200)
    here = stage.visitor()
    confirmed = here.submit(link, {}, action=link)
    done(confirmed, "A guest's confirmation")
    parts, page = held.everything(here, confirmed.headers["location"].removesuffix("/confirmed"))
    values = held.values_of([stage.hash_of(address)])
    lost = held.missing(values, [value for part in parts for value in part.values], most=MOST_SHOWN)
    claim = f"a guest's page has each of {len(values)} sealed values at the address"
    steps.expect(claim, text in page and not lost, held.places(lost))
