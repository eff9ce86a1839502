"""What surrounds every page: headers, errors as pages, and the actor of a request."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from glasshouse.access import pages
from glasshouse.access.pages import Page
from glasshouse.accounts import sessions, throttle
from glasshouse.accounts.own import own, state_of
from glasshouse.accounts.rules import SECRET_MOST, Visit
from glasshouse.kernel.actor import ANONYMOUS, Actor
from glasshouse.kernel.errors import (
    GlasshouseError,
    InvalidError,
    NotFoundError,
    SecondFactorNeededError,
    ThrottledError,
)
from glasshouse.kernel.text import is_text
from glasshouse.web import failures
from glasshouse.web.cookies import BROWSER_COOKIE, SESSION_COOKIE
from glasshouse.web.error_texts import error_text
from glasshouse.web.redirects import safe_path

Handler = Callable[[HttpRequest], HttpResponse]


def headers(get_response: Handler) -> Handler:
    """Refuses foreign Host headers; Content-Security-Policy on everything; no caching of anything personal."""

    def handle(request: HttpRequest) -> HttpResponse:
        request.get_host()  # Django looks at the Host header only where somebody asks; we ask on every request.
        response = get_response(request)
        for name, value in failures.HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return handle


class plain_fields:
    """Refuses forms that cannot be read, and fields that are no text: NUL, half a surrogate pair."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """400 for such a form or address. What is no form (programs' messages) is its own view's to read."""
        is_form = request.method == "POST" and not getattr(view, "csrf_exempt", False)
        try:
            fields = [request.GET] + ([request.POST] if is_form else [])
            names = [file.name or "" for files in request.FILES.lists() for file in files[1]] if is_form else []
        except (LookupError, UnicodeError):  # A charset in the form's own parts that is none.
            return failures.of_request(request, 400)
        texts = (text for form in fields for name, values in form.lists() for text in (name, *values))
        return None if all(map(is_text, [*texts, *names])) else failures.of_request(request, 400)


class errors:
    """Turns our own errors into a page that says what to do."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return failures.with_page(request, self.get_response(request))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page for an error of ours, with a number if it is a failure; others go on to `failures.server_error`."""
        if not isinstance(error, GlasshouseError):
            return None
        if isinstance(error, SecondFactorNeededError):
            return redirect("/account/security?needed=1")
        if failures.is_unexpected(error):
            return failures.unexpected(request, error)
        headers = {name.lower(): value for name, value in request.headers.items()}
        form = failures.form_of(request.path, headers)
        if form == "page":
            response = render(request, "error.html", {"text": error_text(error)}, status=error.status)
        else:
            response = failures.error_page(error.status, form, text=str(error))
        if isinstance(error, ThrottledError):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response


def page_before(request: HttpRequest) -> str:
    """The page that a form stood on, as the browser tells; the start where that is no page of ours."""
    here = f"{request.scheme}://{request.get_host()}"
    referer = str(request.headers.get("Referer", ""))
    return safe_path(referer.removeprefix(here)) if referer.startswith(f"{here}/") else "/"


class account_forms:
    """Limits every form of the account pages before the view runs: how many come from a network, and how long each field is.

    Those are all public pages and a person's own, but where a page says otherwise (`FormRules.account_limits`).
    """

    FIELD_MOST, ARGUMENT_MOST = (
        16_000,
        100,
    )  # characters of a field (a passkey's answer is the longest), of a part of the path
    # An office of many people may share one address; that of a household in IPv6 is the /64.
    A_NETWORK, AN_ACCOUNT, WINDOW = 600, 150, timedelta(minutes=10)

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """A page that says what is too much, or nothing."""
        page = page_of(request)
        if page is None or not page.account_limits:
            return None
        try:
            self._look(request, page, kwargs)
        except GlasshouseError as error:
            if page.form.for_script or failures.is_unexpected(error):
                return failures.answered(request, error, "problem")
            return render(request, "error.html", {"text": error_text(error)}, status=error.status)
        return None

    def _look(self, request: HttpRequest, page: Page, kwargs: dict[str, str]) -> None:
        if any(len(value) > self.ARGUMENT_MOST for value in kwargs.values()):
            raise NotFoundError
        if request.method != "POST":
            return
        self._count(request)
        for name, values in request.POST.lists():
            if name not in page.form.long_fields and any(len(value) > self.FIELD_MOST for value in values):
                text = gettext("What was written in “%(name)s” is too long. Shorten it and send the form again.")
                raise InvalidError(text % {"name": name[:40]})

    def _count(self, request: HttpRequest) -> None:
        """Count a form: of an account, or of a network. Raises ThrottledError.

        What others send from the same network keeps out nobody who is signed in, and no browser that somebody has signed in
        with.
        """
        if account := actor_of(request).account:
            throttle.take("account-form", account, most=self.AN_ACCOUNT, window=self.WINDOW)
            return
        try:
            throttle.take_network("account-form", network_of(request), most=self.A_NETWORK, window=self.WINDOW)
        except ThrottledError:
            owner = sessions.account_of_browser(visit_of(request).browser)
            if not owner:
                raise
            throttle.take("account-form", f"{owner}:signed-out", most=self.AN_ACCOUNT, window=self.WINDOW)


def actor(get_response: Handler) -> Handler:
    """Sets request.actor from the session cookie."""

    def handle(request: HttpRequest) -> HttpResponse:
        secret = request.COOKIES.get(SESSION_COOKIE, "")
        request.actor = sessions.actor_of(secret) if secret else ANONYMOUS  # type: ignore[attr-defined]
        return get_response(request)

    return handle


class accepted:
    """Lets nobody use the service before accepting the documents in force; what a person does themself is their own act.

    Open without: what says so (`Page.before_acceptance`), such as the documents, and the way out with one's data.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        if actor.person is None:
            return self.get_response(request)
        state = state_of(actor.person)
        request.accepted = state.accepted  # type: ignore[attr-defined]
        request.restricted = state.restricted  # type: ignore[attr-defined]
        with own(actor.person if state.restricted else None):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """Redirects a person who has not accepted the documents in force to the page where they can."""
        page = page_of(request)
        # No page: a method that answers 405, or the people API, which asks for the token's person in its own way.
        if getattr(request, "accepted", True) or page is None or page.before_acceptance:
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        back = request.get_full_path() if request.method == "GET" else "/"
        return redirect(f"/accept?next={quote(back)}")


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking."""
    actor: Actor = getattr(request, "actor", ANONYMOUS)
    return actor


def page_of(request: HttpRequest) -> Page | None:
    """The page that the request is for; None where no page is declared for its path and method."""
    match = request.resolver_match
    if match is None or match.namespaces:
        return None
    return pages.find(match.url_name or "", request.method or "")


def network_of(request: HttpRequest) -> str:
    """The network address that the request came from."""
    return str(request.META.get("REMOTE_ADDR", "unknown"))


def visit_of(request: HttpRequest) -> Visit:
    """Where the request comes from, as far as it tells."""
    agent = str(request.headers.get("User-Agent", ""))[:400]
    browser = request.COOKIES.get(BROWSER_COOKIE, "")
    return Visit(network_of(request), agent, browser if len(browser) <= SECRET_MOST else "")
