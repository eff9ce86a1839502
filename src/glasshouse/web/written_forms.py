"""Where an act needs reauthentication, its form comes back as it was written, once the person has confirmed who they are.

Rules:

1. Kept are the fields that the form's page declares and stores (`asks`), but nothing by which somebody signs in. What is
   stored nowhere (codes, words that confirm) is not kept here either, and no file.
2. They are sealed under the person's key, for the session that wrote them, for LIFE, one form a session. The page that
   shows them again deletes them. Its address holds an id that opens nothing for anybody else.
3. Nothing is sent by itself: the person sees the form, and sends it.
"""

import json
from http import HTTPStatus
from urllib.parse import quote

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from glasshouse.access import asked_fields
from glasshouse.access.pages import Page
from glasshouse.accounts.own import STORAGE, own
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import ReauthenticationError
from glasshouse.web.middleware import Handler, actor_of, page_before, page_of
from glasshouse.web.models import WrittenForm
from glasshouse.web.once import LIFE
from glasshouse.web.refill import refilled

NUMBER = "written"  # the parameter of an address that names the form
MOST_LETTERS = 64_000
SIGNING_IN = "user.authorization"  # the data map's category of what somebody signs in with, with all below it


def kept_fields(page: Page, written: QueryDict) -> dict[str, list[str]]:
    """What is kept of a form that a page takes: name -> its values."""
    return {name: values for name, values in written.lists() if _is_kept(page, name)}


def _is_kept(page: Page, name: str) -> bool:
    asked = asked_fields.asked_for(page, name)
    entry = asked_fields.entry_of(asked) if asked else None
    return entry is not None and not entry.category.startswith(SIGNING_IN)


def _keep(request: HttpRequest, page_address: str) -> str:
    """Keep what was written in the form for the page that it stood on; returns that page's address, naming the form."""
    actor, page = actor_of(request), page_of(request)
    form = {"path": request.path, "fields": kept_fields(page, request.POST) if page else {}}
    if not form["fields"] or actor.session is None or len(json.dumps(form)) > MOST_LETTERS:
        return page_address
    now = clock.now()
    with transaction.atomic():
        _of_session(actor).delete()
        row = WrittenForm.objects.create(
            key_owner=str(actor.person), session=actor.session, form=form, created_at=now, expires_at=now + LIFE
        )
    return f"{page_address}{'&' if '?' in page_address else '?'}{NUMBER}={row.id}"


def _of_session(actor: Actor) -> "QuerySet[WrittenForm]":
    return WrittenForm.objects.filter(key_owner=str(actor.person), session=actor.session or "")


def delete_expired() -> int:
    """Delete what nobody came back to in time; returns how much it was. For the worker, once a minute."""
    with own(STORAGE):
        return WrittenForm.objects.filter(expires_at__lte=clock.now()).delete()[0]


class forms_come_back:
    """Leads to the reauthentication and back: to the page, or to the page of the form as it was written.

    `request.written_form`: the row of the form that the page's address names.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        row = _named(request)
        request.written_form = row  # type: ignore[attr-defined]
        response = self.get_response(request)
        if row is not None and response.status_code == HTTPStatus.OK and not response.streaming:
            _fill(request, response, row)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page on which a person confirms who they are, where an act or a page asks for that."""
        if not isinstance(error, ReauthenticationError):
            return None
        # A form's address shows nothing by itself: the person is led to the page that the form stood on.
        back = request.get_full_path() if request.method == "GET" else _keep(request, page_before(request))
        return redirect(f"/reauthenticate?next={quote(back)}")


def _named(request: HttpRequest) -> WrittenForm | None:
    actor = actor_of(request)
    if request.method != "GET" or NUMBER not in request.GET or actor.session is None:
        return None
    return _of_session(actor).filter(id=request.GET[NUMBER], expires_at__gt=clock.now()).first()


def _fill(request: HttpRequest, response: HttpResponse, row: WrittenForm) -> None:
    written = QueryDict(mutable=True)
    for name, values in row.form["fields"].items():
        written.setlist(name, values)
    page = response.content.decode()
    filled = refilled(page, row.form["path"], written, at=request.path)
    if filled != page:  # Another page than the one that the form stands on leaves it for that one.
        response.content = filled
        row.delete()
