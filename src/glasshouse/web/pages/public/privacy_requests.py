"""Asking for one's rights without an account, and confirming the address."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import KB, Asked, Audience, FormRules, Need, page
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.requests import api as requests
from glasshouse.requests import email_links as links
from glasshouse.web.error_texts import error_text
from glasshouse.web.forms import again, small_number
from glasshouse.web.languages import readers_language
from glasshouse.web.middleware import network_of
from glasshouse.web.request_choices import CHOICES


@page(
    "privacy",
    name="privacy_ask",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    translated=True,
    form=FormRules(most_bytes=256 * KB, account_limits=False),
    asks=(
        Asked("kind", "rights_request.kind"),
        Asked("region", "rights_request.region"),
        Asked("address", "rights_request.address"),
        Asked("text", "rights_request.text"),
    ),
)
def make_privacy_request(request: HttpRequest) -> HttpResponse:
    """Ask for one's rights, with an account or without. The answer is the same for everybody."""
    if request.method == "GET":
        return render(request, "public/privacy_ask.html", CHOICES)
    address, kind, region, text = (request.POST.get(name, "") for name in ("address", "kind", "region", "text"))
    try:
        arrival = requests.Arrival(
            "page",
            network_of(request),
            notice=small_number(request.POST.get("notice", "")),
            language=readers_language(request),
        )
        requests.ask(address, kind, region, text, arrival)
    except (InvalidError, ThrottledError) as error:
        return again(request, "public/privacy_ask.html", error, **CHOICES)
    return render(request, "check_mail.html")


@page(
    "privacy/prove/<slug:secret>",
    name="prove_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    translated=True,
    form=FormRules(most_bytes=256 * KB, account_limits=False),
)
def confirm_request_address(request: HttpRequest, secret: str) -> HttpResponse:
    """Confirm the address of a request. A click is needed: a mail scanner that opens links confirms nothing."""
    try:
        if request.method == "GET":
            privacy_request = links.check_link(secret)
            context = {"request_row": privacy_request, "agent": requests.agent_name(privacy_request)}
            return render(request, "public/privacy_confirm.html", context)
        confirmation = links.confirm(secret)
    except links.LinkEndedError as error:
        return render(
            request, "public/request_link_ended.html", {"ended": error, "secret": secret}, status=error.status
        )
    return redirect("confirmed_request", confirmation.page_secret)


@page(
    "privacy/prove/<slug:secret>/again",
    name="renew_link",
    form_on="prove_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
def renew_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Have a new confirmation link mailed in place of one that has ended."""
    try:
        links.renew(secret, network_of(request))
    except (links.LinkEndedError, ThrottledError) as error:
        context = {
            "ended": error if isinstance(error, links.LinkEndedError) else None,
            "error": error_text(error),
            "secret": secret,
        }
        return render(request, "public/request_link_ended.html", context, status=error.status)
    return render(request, "check_mail.html")
