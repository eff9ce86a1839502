"""Each form counts once, and each secret is shown once.

Rules:

1. A form that was answered is not carried out again when it is sent again (a reload, a double click, two at one moment):
   the second is led where the first led. It is known by the random token that its page carries, and by what is written in it.
2. A form that was refused or that failed may be sent again.
   While the first is still being carried out, the second is led to a page that looks again by itself, and holds no thread.
3. A secret is never the answer to a form. It is sealed, bound to the session, kept for LIFE, and deleted by the page that
   shows it. Its address holds an id that opens nothing for anybody else.
"""

import hashlib
import re
import threading
import time
from datetime import timedelta
from http import HTTPStatus
from typing import cast

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from glasshouse.accounts.own import STORAGE, own
from glasshouse.kernel import clock
from glasshouse.kernel.actor import Actor
from glasshouse.web.middleware import Handler, actor_of, page_of
from glasshouse.web.models import LOCATION, FormSent, ShownOnce
from glasshouse.web.redirects import safe_path

LIFE = timedelta(minutes=10)
MASKED_LETTERS = 64  # Django masks the token anew for each page; the unmasked one is the same on every page.
# A double click mostly finds its form done in a moment. So few wait for that moment that pages are served meanwhile.
LONGEST_WAIT_S, PAUSE_S, MOST_WAITING = 0.5, 0.05, 2
MOST_LETTERS = 400
BINDING = 16  # hex digits of a form's key


# -- secrets -------------------------------------------------------------------------------------------------------


def hand_over(actor: Actor, purpose: str, value: object) -> str:
    """Keep a value (plain, for JSON) for the page that shows it to this session once; returns its id for the address."""
    now = clock.now()
    shown_once = ShownOnce.objects.create(
        key_owner=str(actor.person),
        session=actor.session or "",
        purpose=purpose,
        value={"key": value},  # Under this name the person's own view shows dots.
        created_at=now,
        expires_at=now + LIFE,
    )
    return str(shown_once.id)


def delete_expired() -> int:
    """Delete what nobody collected in time; returns how much it was. For the worker, once a minute."""
    with own(STORAGE):
        return ShownOnce.objects.filter(expires_at__lte=clock.now()).delete()[0]


def collect(actor: Actor, purpose: str, number: str) -> object | None:
    """The value, deleted by this; None when it was shown, expired, or belongs to another session."""
    with transaction.atomic():
        of_session = ShownOnce.objects.select_for_update().filter(
            key_owner=str(actor.person), session=actor.session or ""
        )
        row = of_session.filter(id=number, purpose=purpose, expires_at__gt=clock.now()).first()
        if row is None:
            return None
        value = cast(object, row.value["key"])
        row.delete()
        return value


# -- forms ---------------------------------------------------------------------------------------------------------


class each_form_once:
    """Carries out each form once. Stands inside all but the record, so that a form counts only when its view was reached."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if key := getattr(request, "form_key", ""):
            _settle(request, key, response)
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """The answer to a form that was sent before; None for a new one."""
        page = page_of(request)
        once = request.method == "POST" and not (page is not None and page.form.repeatable)
        key = _key_of(request) if once else ""
        if not key:
            return None
        try:
            FormSent.objects.create(key=key, sent_at=clock.now())
        except IntegrityError:
            return _answered_before(request, key)
        request.form_key = key  # type: ignore[attr-defined]
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """A form that failed may be sent again, also when the error's answer is a redirect (reauthentication)."""
        request.form_failed = True  # type: ignore[attr-defined]


def _key_of(request: HttpRequest) -> str:
    """What a form is known by; empty where it carries no token of its page (programs, scripts that ask for JSON)."""
    token = request.POST.get("csrfmiddlewaretoken", "")
    if len(token) != MASKED_LETTERS or request.headers.get("Accept") == "application/json":
        return ""
    parts = [actor_of(request).session or "", actor_of(request).id, request.get_full_path()]
    for name in sorted(request.POST):
        parts += [name, *request.POST.getlist(name)]
    for name in sorted(request.FILES):
        parts += [name, *(f"{file.name} {_digest_of(file)}" for file in request.FILES.getlist(name))]
    return bound(request, _digest(parts)[BINDING:])


def _digest(parts: list[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode(errors="replace"))
    return digest.hexdigest()


def bound(request: HttpRequest, rest: str) -> str:
    """A key that begins with what only the sending session has: no other session learns the form's result."""
    actor = actor_of(request)
    return _digest([actor.session or "", actor.id, rest])[:BINDING] + rest


def _digest_of(file: object) -> str:
    """SHA-256 (hex) of an uploaded file, as `SealedUploadHandler` worked it out."""
    return str(getattr(file, "digest"))  # noqa: B009 - no declared attribute of Django's class


def _settle(request: HttpRequest, key: str, response: HttpResponse) -> None:
    """Note what a form led to, or forget it, so that it may be sent again."""
    page = page_of(request)
    failed = getattr(request, "form_failed", False) or response.status_code >= 400 or bool(response.cookies)
    failed = failed or response.streaming or "Content-Disposition" in response.headers  # A file may be fetched again.
    # An answer that is a page is a preview where the page says so; only a redirect is an act.
    if failed or (response.status_code < 300 and page is not None and page.form.preview):
        FormSent.objects.filter(key=key).delete()
        return
    # What an unknown person is led to may hold a secret of a mailed link: not kept.
    location = kept_location(response) if actor_of(request).account else ""
    FormSent.objects.filter(key=key).update(done=True, location=location)


def kept_location(response: HttpResponse) -> str:
    """Where an answer leads, if that is a path of ours which the row may hold; else ""."""
    location = response.headers.get("Location", "")
    return location if len(location) <= MOST_LETTERS and re.fullmatch(LOCATION, location) else ""


_waiting = threading.BoundedSemaphore(MOST_WAITING)


def _answered_before(request: HttpRequest, key: str) -> HttpResponse:
    """Where the first one led; while that is under way, the page that looks again."""
    row = FormSent.objects.filter(key=key).first()
    if row is not None and not row.done and _waiting.acquire(blocking=False):
        try:
            row = _waited_for(key)
        finally:
            _waiting.release()
    if row is not None and not row.done:
        response = HttpResponseRedirect(reverse("form_sent", args=[key]))
        response.status_code = HTTPStatus.SEE_OTHER
        return response
    return outcome_of(request, row)


def _waited_for(key: str) -> FormSent | None:
    ends_s = time.monotonic() + LONGEST_WAIT_S
    while True:
        row = FormSent.objects.filter(key=key).first()
        if row is None or row.done or time.monotonic() >= ends_s:
            return row
        time.sleep(PAUSE_S)


def outcome_of(request: HttpRequest, row: FormSent | None) -> HttpResponse:
    """Where the first one led, or the page that says how far it is."""
    if row is not None and row.done and row.location:
        return HttpResponseRedirect(safe_path(row.location))
    state = "failed" if row is None else "done" if row.done else "waiting"
    if row is not None and state == "waiting" and row.sent_at < clock.now() - LIFE:
        state = "unknown"  # The process that carried it out ended in the middle of it.
    return render(request, "public/sent_already.html", {"state": state})
