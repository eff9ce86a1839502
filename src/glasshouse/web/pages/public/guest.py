"""The page of a guest, who has no account: what is held of a confirmed address, and acting on it."""

from functools import partial

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from glasshouse.access.pages import KB, Asked, Audience, FormRules, Need, page
from glasshouse.requests import api as requests
from glasshouse.requests import drp_person, referrals, replies
from glasshouse.requests import email_links as links
from glasshouse.requests.models import Request
from glasshouse.subject import erasure, guests, waiting
from glasshouse.web.forms import check_word, shows_again, small_number
from glasshouse.web.held import grouped
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of
from glasshouse.web.request_choices import KINDS
from glasshouse.web.request_shown import request_shown

# The secret in the address, which a confirmation led to, is what opens these pages.
own_page = partial(page, need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True)


def _referral_context(privacy_request: Request, secret: str) -> dict[str, object]:
    """What a page needs to ask what may be passed to whom. secret: of the guest's page."""
    offered = referrals.customers_of(privacy_request)
    return {
        "request_row": privacy_request,
        "offered": offered,
        "asked_for": KINDS[privacy_request.kind],
        "secret": secret,
    }


def _request_context(request: HttpRequest, secret: str) -> dict[str, object]:
    """A request's page. Of an address with an account it shows nothing that was written: signing in is the stronger proof."""
    confirmation = links.confirmed(secret)
    context = _referral_context(confirmation.request, secret) | {"known": confirmation.has_account}
    context |= {"agent": requests.agent_name(confirmation.request)}
    context |= {"may_let_fetch": drp_person.may_let_fetch(confirmation.request)}
    if not confirmation.has_account:
        context |= request_shown(confirmation.request)
    return context


@own_page("privacy/own/<slug:secret>/confirmed", name="confirmed_request", translated=True)
def confirmed_request(request: HttpRequest, secret: str) -> HttpResponse:
    """What a confirmation led to: the request, how far it is, what was written. A page of its own, to come back to."""
    return render(request, "public/privacy_proved.html", _request_context(request, secret))


@own_page(
    "privacy/own/<slug:secret>/reply",
    name="reply_as_guest",
    form_on="confirmed_request",
    methods=("POST",),
    form=FormRules(most_bytes=256 * KB, long_fields=frozenset({"text"})),
    asks=(Asked("text", "rights_letter.text"),),
    translated=True,
)
@shows_again("public/privacy_proved.html", _request_context)
def reply_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Write something more to a request; where it is closed, that opens one that follows it, and mails a link for it."""
    privacy_request, form = links.of_page(secret), request.POST
    arrival = requests.Arrival(
        "page",
        network_of(request),
        notice=small_number(form.get("notice", "")),
        language=readers_language(request),
    )
    continued = replies.from_page(privacy_request, form.get("text", ""), arrival)
    if continued.follows == privacy_request.id:
        return render(request, "check_mail.html")
    return redirect("confirmed_request", secret)


def _context(request: HttpRequest, secret: str) -> dict[str, object]:
    context = grouped(guests.held(secret), request.GET) | {
        "fresh": guests.is_fresh(secret),
        "restricted_here": guests.is_restricted(secret),
        "waiting": waiting.of_guest(secret),
        "holds": waiting.holds_of_guest(secret),
    }
    return context | _referral_context(links.of_page(secret), secret)


@own_page("privacy/own/<slug:secret>", name="own_page", translated=True)
def guest(request: HttpRequest, secret: str) -> HttpResponse:
    """What is held of a confirmed address."""
    return render(request, "public/guest.html", _context(request, secret))


@own_page(
    "privacy/own/<slug:secret>/export", name="export_as_guest", form_on="own_page", methods=("POST",), translated=True
)
@shows_again("public/guest.html", _context)
def export_as_guest(request: HttpRequest, secret: str) -> HttpResponseBase:
    """An export of it, as a file."""
    file = guests.export(secret)
    response = StreamingHttpResponse(file.body, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@own_page(
    "privacy/own/<slug:secret>/again", name="renew_guest_link", form_on="own_page", methods=("POST",), translated=True
)
@shows_again("public/guest.html", _context)
def renew_guest_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Have a new link mailed, for what cannot be undone."""
    guests.reauthenticate(secret)
    return render(request, "check_mail.html")


@own_page(
    "privacy/own/<slug:secret>/object", name="object_as_guest", form_on="own_page", methods=("POST",), translated=True
)
@shows_again("public/guest.html", _context)
def object_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Object to third-party data about the address."""
    guests.object_to(secret)
    return redirect("own_page", secret)


@own_page(
    "privacy/own/<slug:secret>/restrict",
    name="restrict_as_guest",
    form_on="own_page",
    methods=("POST",),
    translated=True,
)
@shows_again("public/guest.html", _context)
def restrict_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Restrict the use of what is held."""
    guests.restrict(secret, wanted=True)
    return redirect("own_page", secret)


@own_page(
    "privacy/own/<slug:secret>/lift", name="lift_as_guest", form_on="own_page", methods=("POST",), translated=True
)
@shows_again("public/guest.html", _context)
def lift_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Lift the restriction."""
    guests.restrict(secret, wanted=False)
    return redirect("own_page", secret)


@own_page(
    "privacy/own/<slug:secret>/erase",
    name="erase_as_guest",
    form_on="own_page",
    methods=("POST",),
    asks=(Asked("word"),),
    translated=True,
)
@shows_again("public/guest.html", _context)
def erase_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Erase what is held, once the word erase is written; under a legal hold it waits."""
    check_word(request)
    erasure.erase(guests.guest_of(secret))
    return redirect("own_page", secret)


@own_page(
    "privacy/own/<slug:secret>/erase/withdraw",
    name="withdraw_erasure_as_guest",
    form_on="own_page",
    methods=("POST",),
    translated=True,
)
@shows_again("public/guest.html", _context)
def withdraw_erasure_as_guest(request: HttpRequest, secret: str) -> HttpResponse:
    """Have an erasure that waits for the end of a legal hold not be done."""
    waiting.withdraw_as_guest(secret)
    return redirect("own_page", secret)


def _pass_on_context(request: HttpRequest, secret: str) -> dict[str, object]:
    return _referral_context(links.of_page(secret), secret) | {"names": referrals.names_passed_to(secret)}


@own_page("privacy/own/<slug:secret>/pass-on", name="pass_on", translated=True)
def pass_on(request: HttpRequest, secret: str) -> HttpResponse:
    """What of a request would be passed to whom; what was decided."""
    return render(request, "public/pass_on.html", _pass_on_context(request, secret))


@own_page(
    "privacy/own/<slug:secret>/pass-on/agree",
    name="agree_to_pass_on",
    form_on="pass_on",
    methods=("POST",),
    asks=(Asked("organisation"),),
    translated=True,
)
@shows_again("public/pass_on.html", _pass_on_context)
def agree_to_pass_on(request: HttpRequest, secret: str) -> HttpResponse:
    """Have the request passed on."""
    referrals.agree(secret, request.POST.getlist("organisation"))
    return redirect("pass_on", secret)


@own_page(
    "privacy/own/<slug:secret>/pass-on/decline",
    name="decline_to_pass_on",
    form_on="pass_on",
    methods=("POST",),
    translated=True,
)
@shows_again("public/pass_on.html", _pass_on_context)
def decline_to_pass_on(request: HttpRequest, secret: str) -> HttpResponse:
    """Have nothing passed on."""
    referrals.decline(secret)
    return redirect("pass_on", secret)
