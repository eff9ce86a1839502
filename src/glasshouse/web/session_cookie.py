"""The cookies of a sign-in: the session, the browser that is known again, and the one whose second factor is to come."""

from datetime import timedelta

from django.http import HttpResponse

from glasshouse.accounts import sessions
from glasshouse.accounts.sessions import SignedIn
from glasshouse.web.middleware import BROWSER_COOKIE, SESSION_COOKIE

PENDING_COOKIE = "__Host-pending"
BROWSER_KNOWN = timedelta(days=365)


def with_session(response: HttpResponse, signed_in: SignedIn) -> HttpResponse:
    """The response, setting the session cookie, and the one by which the browser is known again."""
    _set_cookie(response, SESSION_COOKIE, signed_in.secret, sessions.LIFE)
    _set_cookie(response, BROWSER_COOKIE, signed_in.browser, BROWSER_KNOWN)
    return response


def renewed(response: HttpResponse, secret: str) -> HttpResponse:
    """The response, setting the new secret of a session that has gained rights."""
    _set_cookie(response, SESSION_COOKIE, secret, sessions.LIFE)
    return response


def signed_out(response: HttpResponse) -> HttpResponse:
    """The response, after which the browser has no session, and nothing of the pages that it was shown.

    Its other cookies stay: which browser it is, and its language. Source: OWASP ASVS 5.0, 14.3.1.
    """
    response.delete_cookie(SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def remember_browser(response: HttpResponse, browser: str) -> None:
    """Have the browser known again."""
    _set_cookie(response, BROWSER_COOKIE, browser, BROWSER_KNOWN)


def _set_cookie(response: HttpResponse, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(name, value, max_age=life, secure=True, httponly=True, samesite="Lax")
