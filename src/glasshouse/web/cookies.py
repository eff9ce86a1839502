"""The register of what the service stores in browsers, and the only place that sets a cookie. Decision record 48.

The cookie page, the question to the reader and the gate on answers (`cookie_gate.py`) come from this register: what is not in it
is not stored. Source: PRI-07; ePrivacy Directive, Art. 5(3); GDPR Art. 4(11), 7(3).
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_noop

from glasshouse.accounts import sessions

SESSION_COOKIE, BROWSER_COOKIE, PENDING_COOKIE = "__Host-session", "__Host-browser", "__Host-pending"
THEME_COOKIE: Final = "__Host-theme"
CHOICE_COOKIE: Final = "__Host-cookies"
A_YEAR, CHOICE_LIFE = timedelta(days=365), timedelta(days=180)
ACCEPTED, REFUSED = "yes", "no"


class Kind(StrEnum):
    """Where in the browser something is stored."""

    COOKIE = gettext_noop("Cookie")
    TAB_STORAGE = gettext_noop("Storage of the tab")


@dataclass(frozen=True, slots=True)
class Stored:
    """One thing that is stored in browsers.

    purpose, set_by: marked for translation. life: zero where it is gone as soon as the page is loaded. optional: only with the
    reader's consent; all else is what the service cannot work without, or what the reader asked for.
    """

    name: str
    purpose: str
    life: timedelta
    kind: Kind = Kind.COOKIE
    optional: bool = False
    same_site: Literal["Lax", "Strict"] = "Lax"
    set_by: str = gettext_noop("this service")


NECESSARY = (
    Stored(SESSION_COOKIE, gettext_noop("Keeps you signed in."), sessions.LIFE),
    Stored(BROWSER_COOKIE, gettext_noop("Knows this browser again, so that you are told of new ones."), A_YEAR),
    Stored(
        settings.CSRF_COOKIE_NAME,
        gettext_noop("Refuses forms that another site sends in your name."),
        timedelta(seconds=settings.CSRF_COOKIE_AGE),
    ),
    Stored(
        PENDING_COOKIE,
        gettext_noop("Remembers that the password was right, until the code of two-step verification is given."),
        sessions.PENDING_LIFE,
        same_site="Strict",
    ),
    Stored(settings.LANGUAGE_COOKIE_NAME, gettext_noop("Keeps the language that you chose."), A_YEAR),
    Stored(THEME_COOKIE, gettext_noop("Keeps light or dark, as you chose."), A_YEAR),
    Stored(
        "htmx-current-path-for-history",
        gettext_noop(
            "A library of the page writes the page's address there as it starts. We have no use for it and remove it."
        ),
        timedelta(),
        Kind.TAB_STORAGE,
    ),
)
# Nothing that the service stores is optional today. What stands here is asked for before it is stored.
OPTIONAL: tuple[Stored, ...] = ()
CHOICE = Stored(CHOICE_COOKIE, gettext_noop("Keeps your answer about optional cookies."), CHOICE_LIFE)


def register() -> tuple[Stored, ...]:
    """All that the service stores in browsers. The answer to the question is among it only where the question is asked."""
    return (*NECESSARY, CHOICE, *OPTIONAL) if OPTIONAL else NECESSARY


def registered(name: str) -> Stored | None:
    """The cookie of this name; None where the register has none."""
    return next((stored for stored in register() if stored.name == name and stored.kind is Kind.COOKIE), None)


def _asked() -> str:
    """What the reader is asked, in short: another question wants another answer."""
    text = "\n".join(f"{stored.name} {stored.purpose} {stored.life} {stored.set_by}" for stored in OPTIONAL)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def answer_of(request: HttpRequest) -> str:
    """What the reader answered to the present question: ACCEPTED, REFUSED, or "" where they have not."""
    answer, _, asked = request.COOKIES.get(CHOICE_COOKIE, "").partition(".")
    return answer if OPTIONAL and asked == _asked() and answer in (ACCEPTED, REFUSED) else ""


def question(request: HttpRequest) -> tuple[Stored, ...]:
    """What the reader has to be asked about; nothing where nothing is optional, or they answered."""
    return () if answer_of(request) else OPTIONAL


def may_set(request: HttpRequest, stored: Stored) -> bool:
    """Whether a cookie of the register may be stored in this reader's browser."""
    return not stored.optional or answer_of(request) == ACCEPTED


def keep_answer(response: HttpResponse, *, accepted: bool) -> None:
    """Keep the reader's answer. What was stored by consent goes with the answer no: the gate sees to it."""
    put(response, CHOICE_COOKIE, f"{ACCEPTED if accepted else REFUSED}.{_asked()}")


def put(response: HttpResponse, name: str, value: str) -> None:
    """Have a cookie of the register set, as the register says. Raises KeyError where it has no such cookie."""
    if (stored := registered(name)) is None:
        raise KeyError(f"{name} is not in the register of cookies (web/cookies.py).")
    response.set_cookie(name, value, max_age=stored.life, secure=True, httponly=True, samesite=stored.same_site)
