"""The check of what people are asked for: PRI-05."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from glasshouse.access.pages import Audience
from glasshouse.kernel.ids import new_id
from glasshouse.promises import asked_fields, opened, oracle
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, open_stage

if TYPE_CHECKING:
    from httpx import Response

# What a page may insist on, and why nothing works without it: written down here, whatever the data map says.
NEEDED = {
    "address": "the account is known by it, or the answer goes there",
    "password": "nobody else may get in",
    "present": "nobody else may change it",
    "accept": "the service may not be used without it",
    "name": "colleagues see whose doing something is",
    "organisation": "an account without one has nothing to show",
    "word": "what cannot be undone is meant",
    "words": "an objection that is judged is judged by its reasons",
    "reason": "the administrators decide by it",
    "code": "the second factor is done with it",
    "number": "the code is sent there",
    "file": "there is nothing to import without it",
}
LOST = "works without it"  # how a page says what is lost without an optional field


@check(
    "PRI-05",
    steps=(
        "Every page that asks a person for something is opened at the door, signed out and as a probe.",
        "Each field that must be filled in must be in the check's own list of what is needed; every other says that it is "
        "optional, what it is for, and what is lost without it. Each field must be in the data map.",
        "The forms are sent with what they insist on and nothing else: a sign-up from its first page to an account, a privacy "
        "request, a restriction, an invitation and its acceptance, a site. Each must work, and nothing may be stored for what "
        "was left empty.",
    ),
    oracle="The check's own list of needs, with a reason each; the live forms; the rows that came of them, read with SQL by a "
    "role that can only read.",
)
def requested_fields() -> Finding:
    """A person may leave out what is not needed, and loses nothing else by it."""
    steps = Steps()
    with open_stage() as stage:
        owner = _signs_up(stage, steps) or stage.grower()
        _pages(stage, steps, owner)
        _request(stage, steps)
        _restriction(steps, owner)
        _invitation(stage, steps, owner)
    return steps.judged()


def _signs_up(stage: Stage, steps: Steps) -> Resident | None:
    """A sign-up from its first page to an account, with what its forms insist on; None: they insist on more."""
    address = stage.new_address()
    sent = _sent(stage.visitor(), "/sign-up", {"address": address})
    if not steps.expect("a sign-up is asked for with an address and no more", sent.good(200), sent.outcome):
        return None
    password, visitor, name = f"{new_id()}-{new_id()}", stage.visitor(), f"Probe {new_id()}"
    values = {"name": name, "organisation": f"Probe {new_id()}", "password": password, "accept": "yes"}
    sent = _sent(visitor, stage.link(address, "prove"), values)
    if not steps.expect(
        "it is finished with what its form insists on, and is an account", sent.good(302), sent.outcome
    ):
        return None
    account, person = stage.ids_of(address)
    home = str(visitor.follow(sent.answer).url) if sent.answer else ""
    return Resident(name, address, password, visitor, account, person, home.partition("/o/")[2][:16])


def _pages(stage: Stage, steps: Steps, owner: Resident) -> None:
    signed_out, wrong, unneeded, count, pages = stage.visitor(), [], [], 0, 0
    for page in asked_fields.shown_pages():
        path = "/" + page.path.replace("<slug:organisation>", owner.organisation)
        visitor = signed_out if page.audience is Audience.PUBLIC else owner.visitor
        answer = visitor.get(path)
        if answer.status_code >= 500:
            wrong.append(f"{path} answers {answer.status_code}")
        fields = asked_fields.fields_of(answer.text) if answer.status_code == 200 else []
        count, pages = count + len(fields), pages + bool(fields)
        wrong += asked_fields.flaws(path, answer.text) if fields else []
        unneeded += [
            f"{path} insists on {field.name}" for field in fields if field.required and field.name not in NEEDED
        ]
        wrong += [
            f"{path} does not say what is lost without {field.name}"
            for field in fields
            if _is_silent(page.audience, field)
        ]
    claim = f"each of {count} fields on {pages} pages is in the data map, and is optional with what is lost, or needed"
    steps.expect(claim, count >= len(NEEDED) and not wrong, "; ".join(wrong[:3]))
    steps.expect("none must be filled in that nothing needs", not unneeded, "; ".join(unneeded[:3]))


def _is_silent(audience: Audience, field: asked_fields.Field) -> bool:
    """Whether a field for persons' own words says that it is optional, and not what for."""
    return audience is not Audience.GROWER and "optional" in field.label and LOST not in field.label


def _request(stage: Stage, steps: Steps) -> None:
    address = stage.new_address()
    sent = _sent(stage.visitor(), "/privacy", {"address": address}, also={"text": ""})
    rows = oracle.rows("SELECT length(text) FROM rights_request WHERE address_hash = %s", stage.hash_of(address))
    steps.expect("a privacy request needs an address and no more", sent.good(200) and len(rows) == 1, sent.outcome)
    steps.expect("nothing is stored for its empty field", [row[0] for row in rows] == [opened.EMPTY])


def _restriction(steps: Steps, owner: Resident) -> None:
    path, end = "/account/data/choices", "/restrict"
    sent = _sent(owner.visitor, path, {}, also={"words": ""}, action=end)
    rows = oracle.rows("SELECT length(words) FROM consent_restriction WHERE key_owner = %s", owner.person)
    steps.expect(
        "a restriction needs no words", sent.good(302) and [row[0] for row in rows] == [opened.EMPTY], sent.outcome
    )
    owner.visitor.submit(path, {}, action="/lift")


def _invitation(stage: Stage, steps: Steps, owner: Resident) -> None:
    address = stage.new_address()
    sent = _sent(owner.visitor, owner.page("members"), {"address": address}, also={"message": ""}, action="/invite")
    is_sent = steps.expect("an invitation needs an address and no words", sent.good(302), sent.outcome)
    site = _sent(owner.visitor, owner.page("sites"), {"name": f"Probe {new_id()}"}, action="/sites")
    steps.expect("a site needs a name and no more", site.good(302), site.outcome)
    if not is_sent:
        return
    values = {"address": address, "name": f"Probe {new_id()}", "password": f"{new_id()}-{new_id()}", "accept": "yes"}
    joined = _sent(stage.visitor(), stage.link(address, "invitation"), values)
    steps.expect("an invitation is accepted with what its form insists on", joined.good(302), joined.outcome)


class _Sent(NamedTuple):
    """A form that was sent with what it insists on. outcome: its status, or what it insists on unexpectedly."""

    answer: "Response | None"
    outcome: str

    def good(self, status: int) -> bool:
        """Whether it insisted on nothing else, and was taken."""
        return self.answer is not None and self.answer.status_code == status and not self.outcome.startswith("insists")


def _sent(
    visitor: Visitor, path: str, values: Mapping[str, str], *, also: Mapping[str, str] | None = None, action: str = ""
) -> _Sent:
    """Send the form of a page with the values that it shall need. also: fields that are sent empty, as a browser does."""
    fields = [
        field
        for field in asked_fields.fields_of(visitor.follow(visitor.get(path)).text)
        if any((sent_to or path).rstrip("/").endswith(action.rstrip("/")) for sent_to in field.actions)
    ]
    insisted, shown = {field.name for field in fields if field.required}, {field.name for field in fields}
    if more := insisted - set(values):
        return _Sent(None, f"insists on {', '.join(sorted(more))}")
    if also and (withheld := insisted & set(also)):
        return _Sent(None, f"insists on {', '.join(sorted(withheld))}")
    given: dict[str, str | list[str]] = {name: value for name, value in values.items() if name in shown}
    answer = visitor.submit(path, given | dict(also or {}), action=action)
    return _Sent(answer, f"answered {answer.status_code}")
