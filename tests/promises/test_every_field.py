"""PRI-21, PRI-22, PRI-24: a word typed into any field that people can fill is sealed, shown, exported, erased with its writer.

Where it is not the writer's, the writer's page says whose it is; where it stays after an erasure, its model declares so. The
fields are those that the pages declare: one that comes without a case here fails.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import models

from glasshouse.operations.installation import Installation
from glasshouse.vault.datamap import Class, OnErasure
from glasshouse.web.pages.grower.imports import FILE_FIELDS
from tests.agents import Agent
from tests.conftest import Customer, administering, as_staff, forget_recipients, prove_link
from tests.promises.test_data_rooms import Buyer, buyer
from tests.searching import holding
from tests.test_files import until
from tests.typing_words import Book, Found, Place, Typed, Writer, asked_in_words, where, word

__all__ = ["buyer"]
Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]
LAYOUT = (*FILE_FIELDS, "zone", "v*", "leave-*")
# Fields that go to a column in which words may stand, and that take none: each with why.
NO_WORD = {
    ("accept", "accept"): "a tick: the words that are stored are ours",
    ("invitation", "accept"): "a tick: the words that are stored are ours",
    ("prove", "accept"): "a tick: the words that are stored are ours",
    ("add_second_factor", "code"): "six digits",
    ("begin_text", "number"): "a telephone number",
    ("passkey_make", "name"): "a passkey needs a browser's own hardware",
    ("change_language", "language"): "a choice",
    ("assess", "purpose"): "a choice of the record of processing",
    ("agents", "verify_key"): "a key",
    ("corrections", "series"): "ids of the list",
    ("corrections", "minutes"): "a number",
    ("lift_marks", "reading"): "ids of the list",
    ("corrections", "zone"): "a zone of the table, or it is refused",
    ("corrections", "read_as"): "a zone of the table, or it is refused",
    ("corrections", "unit"): "a unit of the table, or it is refused",
    ("set_target_ranges", "variable"): "a choice of the catalogue",
    ("set_target_ranges", "least"): "a number",
    ("set_target_ranges", "most"): "a number",
    ("sites", "time_zone"): "a choice",
    ("start_intake", "compartment"): "an id of the list",
    ("start_mail_intake", "compartment"): "an id of the list",
    ("sites", "latitude"): "a number",
    ("sites", "longitude"): "a number",
    ("sites", "area_m2"): "a number",
    **{(page, name): "a choice, or a number" for page in ("run_import", "save_template") for name in LAYOUT},
}
# Texts that programs send to the people API, and what they are, for no word goes in.
API_NO_WORD = {
    ("Limits", "variable"): "of the catalogue",
    ("Limits", "compartment"): "an id",
    ("Place", "compartment"): "an id",
    ("Place", "template"): "the name of a template, or it is refused",
    ("Span", "series"): "ids",
}
PASSWORD = "accounts_account.password"


class Scene:
    """Everybody who types, and what they typed."""

    def __init__(self, home: Installation, customer: Make, join: Join, olaf: Make, web: Web, buyer: Buyer) -> None:
        self.home, self.customer, self.join, self.web, self.book = home, customer, join, web, Book()
        self.buyer = buyer
        self.officer, self.support = as_staff(olaf(), "privacy"), olaf()
        self.people: dict[str, Customer] = {"officer": self.officer, "support": self.support}
        self.guest_page = ""

    def writer(self, name: str) -> Writer:
        return Writer(self.book, name)

    def page(self, name: str) -> str:
        return f"/o/{self.people['person'].organisation}/{name}"

    def play(self) -> None:
        self._sign_up()
        self._organisation()
        self._files()
        self._own_data()
        self._newcomers()
        self._guest()
        self._staff()
        self._registers()
        self._holds()
        self._data_room()
        self._desk()
        self._corrected()

    def _sign_up(self) -> None:
        from glasshouse.access import api as access
        from glasshouse.accounts import api as accounts
        from glasshouse.greenhouse import api as greenhouse

        here, address, password = self.writer("person"), f"{word()}@grower.example", f"{word()}-long"
        here.fill("/sign-up", {"address": address}, good=(200,))
        path = f"/prove/{prove_link(address)}"
        here.fill(path, {"name": word(), "organisation": word(), "password": password, "accept": "yes"})
        actor = accounts.actor_of_address(address)
        organisation = access.organisations_of(actor)[0].id
        one = Customer(actor.for_organisation(organisation), address, password, "")
        self.people["person"], self.here = one, self.writer("person").sign_in(one)
        site = {"name": word(), "time_zone": "Europe/Rome", "crop": word()}
        self.here.fill(self.page("sites"), site)
        self.people["person"] = Customer(one.actor, address, password, greenhouse.sites(one.actor)[0].id)
        # Somebody else administers the organisation, so that it goes on when the person is erased.
        self.colleague = self.join(self.people["person"], "administrator")

    def _organisation(self) -> None:
        sites, invited = self.page("sites"), f"{word()}@grower.example"
        self.here.fill(sites, {"name": word()}, action="/compartments")
        self.here.fill(sites, {"name": word()}, action="/devices")
        self.here.fill(self.page("roles"), {"name": word(), "permissions": ["greenhouse:site:read"]})
        self.here.fill(self.page("tokens"), {"name": word(), "scopes": ["greenhouse:site:read"]})
        self.here.fill(self.page("support"), {"reason": word(), "areas": ["climate"]})
        members = self.page("members")
        self.here.fill(members, {"address": invited, "message": word()}, action="/invite")
        self.here.fill(members, {"addresses": f"{word()}@grower.example"}, action="/invite", good=(200, 302))
        file = ("list", "people.csv", f"{word()}@grower.example\n")
        self.here.fill(members, {}, action="/invite", file=file, good=(200, 302))
        self.here.fill(self.page("my-access"), {"reason": word()}, good=(200, 302))
        self.invited = invited

    def _files(self) -> None:
        from glasshouse.greenhouse import imports

        rows = f"time,temperature,x{word()},note\n" + f"2024-05-31 12:00,21.5,7,{word()}\n2024-05-31 12:05,22,8,x\n"
        place = {"place": self.people["person"].site}
        self.here.fill(self.page("import"), place, file=("file", f"{word()}.csv", rows))
        number = imports.uploads(self.people["person"].actor)[0].id
        preview = self.page(f"import/{number}")
        shown = self.here.visitor.get(preview).text
        units = sorted(set(re.findall(r'name="(u\d+)"', shown)))
        own = next(unit for unit in reversed(units) if f'name="v{unit[1:]}"' in shown)
        fields = dict(re.findall(r'name="(zone)" value="([^"]+)"', shown)) | {f"v{own[1:]}": ""}
        name = f"name-{own[1:]}"
        self.here.send(f"{preview}/template", fields | {"template": word(), own: word(), name: word()})
        self.here.send(f"{preview}/run", fields | {own: word(), name: word()})

        # One file of an organisation is read at a time.
        until(lambda: imports.uploads(self.people["person"].actor)[0].state == "taken")
        self.here.fill(self.page("intake"), {"senders": f"{word()}@grower.example"}, action="/start-mail")

        self._correct()

    def _correct(self) -> None:
        from glasshouse.greenhouse import amendments, imports, readings
        from glasshouse.kernel.ids import AmendmentId

        one = self.people["person"]
        taken = imports.upload(
            one.actor, one.site, "", "log.csv", [b"time,temp\n2024-05-31 12:00,21\n2024-05-31 12:05,22\n"]
        )
        imports.choose(one.actor, taken, imports.preview(one.actor, taken).layout)
        imports.run(one.actor, taken)
        span = {"starts": "2024-05-31T00:00", "ends": "2024-06-01T00:00"}
        chosen = {"series": str(readings.series(one.actor)[0]["id"]), "kind": "mark", "minutes": "", "unit": ""}
        answer = self.here.fill(self.page("corrections"), span | chosen | {"reason": word()})
        number = AmendmentId(answer.headers["location"].rpartition("/")[2])
        amendments.carry_out(one.actor, number, in_background=False)
        amendments.run(one.actor, number)
        ((series, marked),) = amendments.marked_by(one.actor, amendments.amendment_of(one.actor, number)).items()
        reading = f"{series}:{marked['time_ns'][0]}"
        self.here.fill(self.page(f"corrections/{number}"), {"reading": reading, "reason": word()}, action="/lift")

    def _own_data(self) -> None:
        one, choices, address = self.people["person"], "/account/data/choices", f"{word()}@grower.example"
        self.here.fill("/account/data", {"name": word()})
        self.here.fill(choices, {"words": word()}, action="/object")
        self.here.fill(
            "/account", {"present": one.password, "password": (password := f"{word()}-longer")}, action="/password"
        )
        self.here = self.writer("person").sign_in(Customer(one.actor, one.address, password, one.site))
        self.here.fill("/reauthenticate", {"password": password})
        self.here.fill("/account", {"present": password, "address": address}, action="/address", good=(200,))
        guest = self.writer("person")
        guest.fill("/forgotten", {"address": one.address}, good=(200,))
        link, password = f"/reset/{prove_link(one.address, 'reset')}", f"{word()}-longest"
        guest.fill(link, {"password": password})
        guest.fill("/trust/providers", {"address": one.address}, good=(200,))
        subscription = f"/trust/providers/{prove_link(one.address, 'trust/providers')}"
        guest.visitor.submit(subscription, {}, action="/begin")
        for kind in ("correct", "question"):
            guest.fill("/privacy", {"kind": kind, "address": one.address, "text": word()}, good=(200,))
            guest.visitor.submit(
                confirm := f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}", {}, action=confirm
            )
        guest.mail(one.address, word(), f"About {word()}", f"Please tell me: {word()}")
        guest.visitor.submit(
            confirm := f"/privacy/prove/{prove_link(one.address, 'privacy/prove')}", {}, action=confirm
        )
        self.people["person"] = Customer(one.actor, one.address, password, one.site)
        self.here = self.writer("person").sign_in(self.people["person"])

    def _newcomers(self) -> None:
        from glasshouse.accounts import api as accounts
        from glasshouse.organisations import members

        here, password = self.writer("newcomer"), f"{word()}-long"
        path = f"/invitation/{prove_link(self.invited, 'invitation')}"
        fields = {"address": self.invited, "name": word(), "password": password, "accept": "yes"}
        here.fill(path, fields)
        self.people["newcomer"] = Customer(accounts.actor_of_address(self.invited), self.invited, password, "")
        here.sign_in(self.people["newcomer"]).fill("/account/data", {"name": word()})
        alone = self.people["alone"] = self.join(self.people["person"], "viewer")
        members.remove_member(alone.actor, alone.actor.account)  # type: ignore[arg-type]
        self.writer("alone").sign_in(alone).fill("/", {"organisation": word()})

    def _guest(self) -> None:
        """Somebody without an account, whom the person's organisation invited, asks, and is answered by it."""
        here, address = self.writer("guest"), f"{word()}@grower.example"
        invitation = {"address": address, "message": word()}
        self.here.fill(self.page("members"), invitation, action="/invite")
        here.fill("/privacy", {"kind": "access", "address": address, "text": word()}, good=(200,))
        confirm = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
        led = here.visitor.submit(confirm, {}, action=confirm)
        self.guest_page = led.headers["location"].removesuffix("/confirmed")
        organisation = re.findall(r'name="organisation" value="([0-9a-z]{16})"', here.visitor.follow(led).text)
        here.visitor.post(f"{self.guest_page}/pass-on/agree", {"organisation": organisation})
        here.fill(f"{self.guest_page}/confirmed", {"text": word()}, action="/reply")
        self.here.fill(self.page("privacy"), {"text": word()})
        agent = Agent(self.officer).paired(self.web())
        number = word()
        message = agent.message(exercise="access", regime="ccpa", email=address, **{"agent-request-id": number})
        answer = self.web().post("/v1/data-rights-request", content=agent.signed(message), headers=agent.head)
        assert answer.status_code == 200, answer.text
        confirm = f"/privacy/prove/{prove_link(address, 'privacy/prove')}"
        here.visitor.submit(confirm, {}, action=confirm)
        self.book.typed.append(Typed("guest", "Data Rights Protocol", "agent-request-id", number))

    def _staff(self) -> None:
        from glasshouse.support import api as support

        one = self.people["person"]
        support.set_emergency(one.actor, allowed=True)
        here = self.writer("support").sign_in(self.support, staff=True)
        here.fill("/staff", {"customer": one.organisation, "areas": ["climate"], "reason": word()})
        here.send("/staff/emergency", {"customer": one.organisation, "reason": word()})
        self.office = self.writer("officer").sign_in(self.officer, staff=True)

    def _registers(self) -> None:
        texts = ("name", "region", "what", "purpose", "basis", "agreement", "safeguard")
        recipient: dict[str, str | list[str]] = {name: word() for name in texts}
        recipient |= {"contact": f"{word()}@partner.example", "fields": ["user.name"], "kind": "provider"}
        recipient |= {"server": f"{word()}.example", "agreed_on": "2024-05-01"}
        self.office.fill("/staff/recipients", recipient)
        self.office.fill("/staff/recipients", {"buyer": word(), "region": word()}, action="/business-transfers")
        self.office.fill("/staff/sources", {name: word() for name in ("name", "licence", "purpose")})
        contacts = f"address,company\n{word()}@elsewhere.example,{word()}\n"
        self.office.fill("/staff/sources", {}, action="/import", file=("file", "contacts.csv", contacts))
        agent = {"agent": f"agent-{word()}", "name": word(), "callback_host": f"{word()}.example"}
        key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        self.office.fill("/staff/agents", agent | {"verify_key": key}, action="/staff/agents")
        self.office.fill("/staff/documents", {"body_en": word(), "summary_en": word()}, action="/documents")
        self.office.fill("/staff/assessments", {"text": word()}, action="/assessments")

    def _holds(self) -> None:
        """One of which its address is told by mail, and one of which the law bars telling."""
        from glasshouse.kernel import clock

        barred = {"bar": word(), "barred_until": f"{clock.now().date() + timedelta(days=9)}"}
        for bar in ({}, barred):
            held = {"whom": f"{word()}@elsewhere.example", "reason": word(), "days": "30"}
            self.office.fill("/staff/office", held | bar, action="/holds")

    def _data_room(self) -> None:
        room = {"contact": f"{word()}@buyer.example", "certificate": f"{word()}\n{self.buyer.certificate}"}
        room |= {"days": "7"}
        self.office.fill("/staff/recipients", room | {"fields": ["user.name"]}, action="/data-room")

    def _corrected(self) -> None:
        """The officer types the name of a person who asked for that: it is the person's own from then on."""
        from glasshouse.requests.models import Request, RequestKind

        asked = Request.objects.filter(kind=RequestKind.CORRECT, closed_at=None).order_by("-asked_at")[0].id
        of_person = Writer(self.book, "person", self.office.visitor)
        of_person.fill(f"/staff/requests/{asked}", {"name": word()}, action=f"/{asked}/correct")

    def _desk(self) -> None:
        from glasshouse.consent import api as consent
        from glasshouse.operations import inbound_smtp
        from glasshouse.requests.models import Request
        from glasshouse.vault import api as vault

        for answer in ("answer", "refuse", "extend"):
            asked = {"address": f"{word()}@paper.example", "identity": word(), "text": word(), "channel": "letter"}
            self.office.fill("/staff/requests", asked)
            number = Request.objects.filter(channel="letter", closed_at=None).order_by("-asked_at")[0].id
            self.office.send(f"/staff/requests/{number}/{answer}", {"text": word()})
        self.office.send(f"/staff/requests/{number}/mail", {"text": word()})  # The extended one is open.
        self.office.send(f"/staff/requests/{number}/note", {"note": word()})
        asked = {"address": f"{word()}@paper.example", "text": word(), "channel": "letter"}
        self.office.fill("/staff/requests", asked)
        number = Request.objects.filter(channel="letter", closed_at=None).order_by("-asked_at")[0].id
        case = f"/staff/requests/{number}"
        self.office.fill(case, {"how": word(), "by_whom": word()}, action="/other-proof")
        self.office.send(f"{case}/mail", {"text": word(), "asks": "yes"})
        unclear = f"From: {word()}@a.example, {word()}@b.example\r\nSubject: x\r\n\r\n{word()}\r\n"
        assert inbound_smtp.take(unclear.encode()) == "250 OK"
        self.office.fill("/staff/requests", {"address": f"{word()}@mail.example"}, action="/request")
        asked_by = {"authority": word(), "country": "NL", "grounds": word(), "asked": ["user.name"]}
        self.office.fill("/staff/legal-requests", asked_by | {"address": self.people["newcomer"].address})
        self.office.fill("/staff/legal-requests", {"reasons": word(), "verdict": "refuse"}, action="/review")
        own = Request.objects.filter(
            address_hash=vault.lookup("address", self.people["person"].address), closed_at=None
        )
        own_page = f"/account/data/requests/{own.exclude(proved_at=None)[0].id}"
        self.here.fill(own_page, {"text": word()}, action="/reply")
        self.here.fill("/account/data/choices", {"words": word()}, action="/restrict")
        restriction = consent.restriction_of(str(self.people["person"].actor.person))
        assert restriction
        self.office.fill("/staff/office", {"reason": word()}, action=f"/{restriction.id}/lift")


@pytest.fixture
def scene(home: Installation, customer: Make, join: Join, olaf: Make, web: Web, buyer: Buyer) -> Iterator[Scene]:
    from tests import matrix

    matrix.names()
    scene = Scene(home, customer, join, olaf, web, buyer)
    scene.play()
    yield scene
    for visitor in scene.book.visitors:
        visitor.close()


@pytest.mark.usefixtures("home")
def test_each_text_that_a_program_sends_to_the_people_api_is_known() -> None:
    from glasshouse.web.people_api import PlainSchema

    texts = {
        (schema.__name__, name)
        for schema in PlainSchema.__subclasses__()
        for name, declared in schema.model_fields.items()
        if "str" in str(declared.annotation)
    }
    assert texts == set(API_NO_WORD)


def shown_to(scene: Scene) -> dict[str, str]:
    """By writer, all that the view shows of them and all that their export holds, each in one text."""
    from glasshouse.accounts.own import own
    from glasshouse.subject import exports, guests, inventory

    texts = {}
    for name, one in scene.people.items():
        with own(str(one.actor.person)):
            view = "\n".join(item.value for item in inventory.view(one.alone))
            _, body = exports.fetch_export(one.alone, exports.make_export(one.alone))
            archive = zipfile.ZipFile(io.BytesIO(b"".join(body)))
        texts[name] = view
        texts[f"{name}, export"] = "\n".join(item["value"] for item in json.loads(archive.read("data.json")))
        texts[f"{name}, said"] = archive.read("not-included.json").decode() + archive.read("data.html").decode()
    secret = scene.guest_page.rpartition("/")[2]
    texts["guest"] = "\n".join(item.value for item in guests.held(secret))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(guests.export(secret).body)))
    texts["guest, export"] = "\n".join(item["value"] for item in json.loads(archive.read("data.json")))
    return texts


def stays(found: Found) -> bool:
    """Whether a model declares that what a member typed into this field stays when the member is erased."""
    from glasshouse.vault.declarations import Writer as Kind
    from glasshouse.vault.declarations import belongs

    declared, entry = belongs(found.model), found.field.entry
    return bool(declared and Kind.MEMBER in declared.writers) or bool(entry and entry.erasure is OnErasure.KEEP)


def first_typed(typed_words: list[Typed]) -> list[Typed]:
    """Of each word, where it was typed first: later it is copied, as the address of somebody who is known."""
    by_word: dict[str, Typed] = {}
    for typed in typed_words:
        by_word.setdefault(typed.word, typed)
    return list(by_word.values())


def is_told(typed: Typed, texts: dict[str, str], held_in: "set[type[models.Model]]") -> bool:
    """Whether the writer is shown a word and has it in the export, or is told of each place that holds it whose it is, and why.

    held_in: the models with a sealed value that holds it; none, where only a hash is held, or what is published.
    """
    from glasshouse.vault.declarations import Writer as Kind
    from glasshouse.vault.declarations import belongs

    if typed.word in texts[typed.writer] and typed.word in texts[f"{typed.writer}, export"]:
        return True
    kind = Kind.STAFF if typed.writer in ("officer", "support") else Kind.MEMBER
    said, owned = texts.get(f"{typed.writer}, said", ""), [belongs(model) for model in held_in]
    return all(one and kind in one.writers and one.what in said and one.why in said for one in owned)


def test_every_word_typed_into_any_field_is_sealed_shown_exported_and_erased(scene: Scene) -> None:
    from fnmatch import fnmatchcase

    places = asked_in_words()
    fields = {(place.page, place.field) for place in places}
    assert sorted(fields - scene.book.places() - set(NO_WORD)) == [], "a field without a case"
    assert sorted(set(NO_WORD) - fields) == [], "a field that is gone"

    def place_of(typed: Typed) -> Place | None:
        fitting = [place for place in places if place.page == typed.page and fnmatchcase(typed.field, place.field)]
        return fitting[0] if fitting else None

    texts, typed_words = shown_to(scene), scene.book.typed
    held = where(scene.home, {typed.word for typed in typed_words})
    untold = [
        f"{typed.writer}: {typed.page} {typed.field}"
        for typed in first_typed(typed_words)
        if not is_told(typed, texts, {found.model for found in held if found.word == typed.word})
    ]
    assert sorted(untold) == []
    public = {
        typed.word
        for typed in typed_words
        if (place := place_of(typed)) and place.entry.classification is Class.ANONYMOUS
    }
    assert holding(scene.home.data, sorted({typed.word for typed in typed_words} - public)) == []

    scene.here = scene.writer("person").sign_in(scene.people["person"])
    done = scene.here.visitor.submit("/account/data/erase", {"word": "erase"})
    assert "/erasure/" in done.headers["location"]
    erased = Writer(scene.book, "guest")
    erased.visitor.submit(scene.guest_page, {"word": "erase"}, action="/erase")
    of_others = {typed.word for typed in typed_words if typed.writer not in ("person", "guest")}
    words = {typed.word for typed in typed_words} - of_others
    left = {f"{found.model.__name__}.{found.field.name}" for found in where(scene.home, words) if not stays(found)}
    assert sorted(left) == []
    with administering(scene.home) as link:
        link.execute("DELETE FROM retention_hold")
        forget_recipients(link)
