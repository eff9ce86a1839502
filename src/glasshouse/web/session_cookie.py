"""The cookies of a sign-in: the session, the browser that is known again, and the one whose second factor is to come."""

from django.http import HttpResponse

from glasshouse.accounts.sessions import SignedIn
from glasshouse.web.cookies import BROWSER_COOKIE, PENDING_COOKIE, SESSION_COOKIE, put


def with_session(response: HttpResponse, signed_in: SignedIn) -> HttpResponse:
    """The response, setting the session cookie, and the one by which the browser is known again."""
    put(response, SESSION_COOKIE, signed_in.secret)
    put(response, BROWSER_COOKIE, signed_in.browser)
    return response


def renewed(response: HttpResponse, secret: str) -> HttpResponse:
    """The response, setting the new secret of a session that has gained rights."""
    put(response, SESSION_COOKIE, secret)
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
    put(response, BROWSER_COOKIE, browser)


def with_pending(response: HttpResponse, signed_in: SignedIn) -> HttpResponse:
    """The response, setting the cookie of a sign-in whose second factor is to come."""
    put(response, PENDING_COOKIE, signed_in.secret)
    return response
