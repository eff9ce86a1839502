"""What surrounds every page: headers, errors told kindly, and who is asking."""

from collections.abc import Callable
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.accounts import api as accounts
from glasshouse.accounts import sessions
from glasshouse.accounts.own import own, standing
from glasshouse.accounts.rules import Visit
from glasshouse.kernel.actor import ANONYMOUS, Actor, ActorKind
from glasshouse.kernel.errors import FreshProofError, GlasshouseError, SecondStepNeededError
from glasshouse.notices import api as notices

Handler = Callable[[HttpRequest], HttpResponse]
SESSION_COOKIE, BROWSER_COOKIE = "__Host-session", "__Host-browser"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def headers(get_response: Handler) -> Handler:
    """Refuses foreign Host headers; Content-Security-Policy on everything; no caching of anything personal."""

    def handle(request: HttpRequest) -> HttpResponse:
        request.get_host()  # Django looks at the Host header only where somebody asks; we ask on every request.
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return handle


class errors:
    """Turns our own errors into a page that says what to do."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page for an error of ours; others go on to become a plain 500."""
        if not isinstance(error, GlasshouseError):
            return None
        if isinstance(error, FreshProofError):
            # A form's address shows nothing by itself: after the proof the person is led to the page that the form stood on.
            back = request.get_full_path() if request.method == "GET" else _page_of(request)
            return redirect(f"/prove-again?next={quote(back)}")
        if isinstance(error, SecondStepNeededError):
            return redirect("/account/security?needed=1")
        return render(request, "error.html", {"text": str(error)}, status=error.status)


def _page_of(request: HttpRequest) -> str:
    here = f"{request.scheme}://{request.get_host()}"
    referer = str(request.headers.get("Referer", ""))
    return referer.removeprefix(here) if referer.startswith(f"{here}/") else "/"


def actor(get_response: Handler) -> Handler:
    """Sets request.actor from the session cookie."""

    def handle(request: HttpRequest) -> HttpResponse:
        secret = request.COOKIES.get(SESSION_COOKIE, "")
        request.actor = sessions.actor_of(secret) if secret else ANONYMOUS  # type: ignore[attr-defined]
        return get_response(request)

    return handle


class accepted:
    """Lets nobody use the service before accepting the documents in force; what a person does themself is their own act.

    Open without: the documents, and the way out with one's data.
    """

    OPEN = frozenset(
        [
            "accept",
            "compare",
            "copy_state",
            "demands",
            "document",
            "documents",
            "erase",
            "erasure",
            "fetch_copy",
            "mailbox",
            "make_copy",
            "my_choices",
            "my_data",
            "object_source",
            "pass_on",
            "privacy_ask",
            "processing",
            "prove_again",
            "prove_request",
            "providers",
            "refuse",
            "renew_link",
            "roots",
            "sign_out",
            "stranger",
            "static",
            "trust",
            "trust_json",
            "unsubscribe_providers",
        ]
    )

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        if actor.person is None:
            return self.get_response(request)
        done, restricted = standing(actor.person)
        request.accepted = done  # type: ignore[attr-defined]
        request.restricted = restricted  # type: ignore[attr-defined]
        with own(actor.person if restricted else None):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """Leads whoever has not accepted to the page where they may."""
        match = request.resolver_match
        if getattr(request, "accepted", True) or match is None or match.url_name in self.OPEN:
            return None
        if match.namespace == "people_api":  # It asks for the token's person, and says no in its own way.
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        back = request.get_full_path() if request.method == "GET" else "/"
        return redirect(f"/accept?next={quote(back)}")


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking."""
    found: Actor = getattr(request, "actor", ANONYMOUS)
    return found


def network_of(request: HttpRequest) -> str:
    """The network address that the request came from."""
    return str(request.META.get("REMOTE_ADDR", "unknown"))


def visit_of(request: HttpRequest) -> Visit:
    """Where the request comes from, as far as it tells."""
    agent = str(request.headers.get("User-Agent", ""))[:400]
    return Visit(network_of(request), agent, request.COOKIES.get(BROWSER_COOKIE, ""))


def context(request: HttpRequest) -> dict[str, object]:
    """What every template may show."""
    actor = actor_of(request)
    officer = actor.kind is ActorKind.STAFF and accounts.has_staff_role(actor, "privacy")
    reviewer = actor.kind is ActorKind.STAFF and not officer and accounts.has_staff_role(actor, "security")
    coming = notices.coming() if actor.account and request.headers.get("HX-Request") is None else []
    restricted = getattr(request, "restricted", False)
    return {
        "actor": actor,
        "demo": settings.DEMO,
        "officer": officer,
        "reviewer": reviewer,
        "documents_coming": coming,
        "restricted": restricted,
    }
