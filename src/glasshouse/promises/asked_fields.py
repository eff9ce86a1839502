"""Where a person is asked for data, and into which column of the map each answer goes. A field that is missing here is found.

A field that must be filled needs a column whose entry says what cannot work without it; any other is marked as
optional beside it.
Source: PRI-05; GDPR Art. 5(1)(c), 13(2)(e).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from glasshouse.vault.datamap import people_rows

# Page -> name of the field -> table.column; "": a choice or a proof that is kept nowhere.
ASKED: dict[str, dict[str, str]] = {
    "/account": {
        "address": "accounts_person.address",
        "password": "accounts_account.password",
        "present": "accounts_account.password",
    },
    "/account/data": {"name": "accounts_person.name"},
    "/account/data/choices": {
        "ground": "consent_restriction.ground",
        "words": "consent_stance.words",
    },
    "/account/security/add/app": {"code": "accounts_second_step.secret"},
    "/account/security": {"name": "accounts_second_step.name"},
    "/account/security/add/text": {"number": "accounts_second_step.secret"},
    "/forgotten": {"address": "mail_message.address"},
    "/o/{}/my-access": {"reason": "access_request.reason", "role": "access_request.role"},
    "/privacy": {
        "address": "rights_request.address",
        "kind": "rights_request.kind",
        "region": "rights_request.region",
        "text": "rights_request.text",
    },
    "/sign-in": {"address": "accounts_person.address", "password": "accounts_account.password"},
    "/sign-up": {
        "accept": "notices_acceptance.shown",
        "address": "accounts_person.address",
        "name": "accounts_person.name",
        "organisation": "access_organisation.name",
        "password": "accounts_account.password",
    },
    "/trust/providers": {"address": "disclosures_subscriber.address"},
}
QUIET = {"checkbox", "hidden", "radio", "submit"}


@dataclass(slots=True)
class Field:
    """A field of a page as it stands there. words: what stands in its label."""

    name: str
    kind: str
    required: bool
    words: str = ""


@dataclass(slots=True)
class _Reader(HTMLParser):
    """Reads the fields of a page with the words of their labels."""

    fields: list[Field] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open_label: bool = False
    inside: list[Field] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "label":
            self.open_label, self.words, self.inside = True, [], []
        if tag in ("input", "select", "textarea") and given.get("name") not in (None, "csrfmiddlewaretoken"):
            kind = str(given.get("type") or tag)
            if kind not in ("hidden", "submit"):
                self.fields.append(Field(str(given["name"]), kind, "required" in given))
                self.inside.append(self.fields[-1])

    def handle_data(self, data: str) -> None:
        if self.open_label:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            for one in self.inside:
                one.words = " ".join(self.words).lower()
            self.open_label = False


def fields_of(page: str) -> list[Field]:
    """The visible fields of a page's forms."""
    reader = _Reader()
    reader.feed(page)
    return reader.fields


def flaws(path: str, page: str) -> Iterator[str]:
    """What is wrong with what a page asks. path: as in ASKED, without the organisation's id."""
    entries = {f"{row.table}.{row.column}": row.entry for row in people_rows([])}
    asked = ASKED[path]
    for one in fields_of(page):
        column = asked.get(one.name)
        entry = entries.get(column or "")
        if column is None or entry is None:
            yield f"{path} asks for {one.name}, which the data map does not know"
        elif one.required and not entry.need and one.kind != "select":
            yield f"{path} requires {one.name}, though nothing needs it"
        elif not one.required and one.kind not in (*QUIET, "select") and "optional" not in one.words:
            yield f"{path} does not say that {one.name} is optional"
