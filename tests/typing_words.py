"""Typing recognisable words into every field that people can fill, at the real doors; and looking where they are then."""

import re
import smtplib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import models
from django.urls import resolve
from psycopg import sql

from glasshouse.access import asked_fields, pages
from glasshouse.kernel.ids import new_id
from glasshouse.operations.installation import Installation
from glasshouse.promises import sockets
from glasshouse.promises.front_door import Visitor
from glasshouse.vault import api as vault
from glasshouse.vault.datamap import Class, Entry
from glasshouse.vault.envelope import KeyDestroyedError, SealBrokenError, SealPlace
from glasshouse.vault.fields import SealedField
from tests.authenticator import code_of
from tests.conftest import Customer, administering
from tests.planting import sealing_models

CANARY = re.compile(r"canary[0-9a-z]{16}")


def word() -> str:
    """A word that stands nowhere but where it is typed."""
    return f"canary{new_id()}"


class Place(NamedTuple):
    """A field that a page asks for in words: the page, the field as declared, its column and what the data map says of it."""

    page: str
    field: str
    column: str
    entry: Entry


class Typed(NamedTuple):
    """A word that somebody typed: who, at which page, into which of its fields."""

    writer: str
    page: str
    field: str
    word: str


def asked_in_words() -> list[Place]:
    """Each field of each page that goes to a column in which words may stand, from the pages' declarations."""
    return [
        Place(page.name, asked.field, asked.column, entry)
        for page in pages.pages()
        if "POST" in page.methods
        for asked in page.asks
        if (entry := asked_fields.entry_of(asked)) and entry.classification is not Class.TECHNICAL
    ]


@dataclass
class Book:
    """All that was typed, and the browsers that it was typed into."""

    typed: list[Typed] = field(default_factory=list)
    visitors: list[Visitor] = field(default_factory=list)

    def places(self) -> set[tuple[str, str]]:
        """(page, field as declared) of all that was typed at pages."""
        fields = {(place.page, place.field) for place in asked_in_words()}
        return {
            (page, declared)
            for page, declared in fields
            for typed in self.typed
            if typed.page == page and fnmatchcase(typed.field, declared)
        }


@dataclass
class Writer:
    """Somebody at the web door. name: of whoever it is, in the book."""

    book: Book
    name: str
    visitor: Visitor = field(default_factory=Visitor)

    def __post_init__(self) -> None:
        self.book.visitors.append(self.visitor)

    def fill(
        self,
        on: str,
        fields: Mapping[str, str | list[str]],
        *,
        action: str = "",
        file: tuple[str, str, str] | None = None,
        good: tuple[int, ...] = (302, 303),
    ) -> httpx.Response:
        """Fill in the form of a page and send it, as a browser does. file: field, name and text of a file."""
        files = {file[0]: (file[1], file[2].encode())} if file else None
        answer = self.visitor.submit(on, fields, action=action, files=files)
        return self._noted(answer, {**fields, **({file[0]: f"{file[1]} {file[2]}"} if file else {})}, good)

    def send(self, path: str, fields: Mapping[str, str | list[str]]) -> httpx.Response:
        """Send what another button of a form sends elsewhere."""
        return self._noted(self.visitor.post(path, fields), fields, (200, 302, 303))

    def _noted(self, answer: httpx.Response, fields: Mapping[str, Any], good: tuple[int, ...]) -> httpx.Response:
        path = urlsplit(str(answer.request.url)).path
        assert answer.status_code in good, (path, answer.status_code, answer.text[-3000:])
        page = str(resolve(path).url_name)
        for name, value in fields.items():
            for found in CANARY.findall(str(value)):
                self.book.typed.append(Typed(self.name, page, name, found))
        return answer

    def sign_in(self, who: Customer, *, staff: bool = False) -> "Writer":
        """Sign in as somebody."""
        self.fill("/sign-in", {"address": who.address, "password": who.password})
        if staff:
            self.visitor.submit("/second-factor", {"code": code_of("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK")})
        return self

    def mail(self, address: str, number: str, subject: str, text: str) -> None:
        """Send a mail to the privacy address, at the mail door."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = address, "privacy@localhost", subject
        letter["Message-ID"] = f"<{number}@grower.example>"
        letter.set_content(text)
        with smtplib.SMTP("localhost", settings.MAIL_PORT, timeout=60) as server:
            server.starttls(context=sockets.context())
            server.send_message(letter)
        for part, value in (("number", number), ("subject", subject), ("text", text)):
            self.book.typed += [Typed(self.name, "mail door", part, found) for found in CANARY.findall(value)]


class Found(NamedTuple):
    """A word in a sealed value that opens."""

    word: str
    model: type[models.Model]
    field: SealedField


def opened(home: Installation) -> Iterator[tuple[type[models.Model], SealedField, str]]:
    """Every sealed value of every table that opens, as text."""
    vault.forget_opened()
    for model in sealing_models():
        for part in model._meta.local_concrete_fields:
            if isinstance(part, SealedField):
                owner = str(model._meta.get_field(part.key_owner).column)  # type: ignore[union-attr]
                question = sql.SQL("SELECT {}, {} FROM {} WHERE {} IS NOT NULL").format(
                    *map(sql.Identifier, (owner, str(part.column), model._meta.db_table, str(part.column)))
                )
                with administering(home) as link:
                    rows = link.execute(question).fetchall()
                for key_owner, body in rows:
                    place = SealPlace(model._meta.db_table, str(part.column), str(key_owner))
                    try:
                        yield model, part, vault.open_sealed(bytes(body), place=place).decode("utf-8", "replace")
                    except (KeyDestroyedError, SealBrokenError):  # Other tests leave such rows, too.
                        continue


def where(home: Installation, words: set[str]) -> list[Found]:
    """Where words stand in sealed values that open."""
    return [
        Found(found, model, part) for model, part, text in opened(home) for found in set(CANARY.findall(text)) & words
    ]
