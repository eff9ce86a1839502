"""Doors of requests on the clock: asking, proving; the officer's work list; the customer's referrals."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from glasshouse.access.pages import KB, Audience, FormRules, Need, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.actor import Actor
from glasshouse.kernel.errors import InvalidError, ThrottledError
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests
from glasshouse.requests import drp, referrals
from glasshouse.requests import email_links as links
from glasshouse.requests import legal_deadlines as clocks
from glasshouse.requests.models import Request
from glasshouse.subject import guests as strangers
from glasshouse.web.middleware import actor_of, network_of
from glasshouse.web.organisation_page import inside
from glasshouse.web.rights_views import grouped
from glasshouse.web.views import act_of, again

KINDS = {
    "access": "See what you hold of me",
    "copy": "Have a copy of it",
    "correct": "Have something put right",
    "erase": "Be erased",
    "restrict": "Have its use restricted",
    "object": "Object to its use",
    "question": "Ask something else",
}
CHOICES: dict[str, object] = {
    "kinds": KINDS.items(),
    "regions": [(key, title) for key, (title, _) in clocks.REGIONS.items()],
}


@page(
    "privacy",
    name="privacy_ask",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    form=FormRules(most_bytes=256 * KB, account_limits=False),
)
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for one's rights, with an account or without. The answer is the same for everybody."""
    if request.method == "GET":
        return render(request, "privacy_ask.html", CHOICES)
    address, kind, region, text = (request.POST.get(name, "") for name in ("address", "kind", "region", "text"))
    try:
        requests.ask(address, kind, region, text, requests.Arrival("page", network_of(request)))
    except (InvalidError, ThrottledError) as error:
        return again(request, "privacy_ask.html", error, **CHOICES)
    return render(request, "check_mail.html")


@page(
    "privacy/prove/<slug:secret>",
    name="prove_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    form=FormRules(most_bytes=256 * KB, account_limits=False),
)
def prove(request: HttpRequest, secret: str) -> HttpResponse:
    """Confirm the address of a request. A click is needed: a mail scanner that opens links confirms nothing."""
    try:
        if request.method == "GET":
            links.check_link(secret)
            return render(request, "privacy_confirm.html")
        done = links.prove(secret)
    except links.LinkEndedError as error:
        return render(request, "request_link_ended.html", {"ended": error, "secret": secret}, status=error.status)
    return redirect("confirmed_request", done.page_secret)


@page(
    "privacy/own/<slug:secret>/confirmed",
    name="confirmed_request",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    before_acceptance=True,
)
def confirmed(request: HttpRequest, secret: str) -> HttpResponse:
    """What a confirmation led to. A page of its own, so that the browser can come back to it."""
    done = links.confirmed(secret)
    shown = _passing(done.request, secret)
    shown |= {"known": done.has_account, "law": clocks.LAWS[done.request.law]}
    return render(request, "privacy_proved.html", shown)


@page(
    "privacy/prove/<slug:secret>/again",
    name="renew_link",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("POST",),
    before_acceptance=True,
)
def renew_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Have a new confirmation link mailed in place of one that has ended."""
    try:
        links.renew(secret, network_of(request))
    except (links.LinkEndedError, ThrottledError) as error:
        shown = {"ended": error if isinstance(error, links.LinkEndedError) else None, "error": error, "secret": secret}
        return render(request, "request_link_ended.html", shown, status=error.status)
    return render(request, "check_mail.html")


def _passing(found: Request, secret: str) -> dict[str, object]:
    """What a page needs to ask what may be passed to whom. secret: of the guest's page."""
    offered = referrals.customers_of(found)
    return {"request_row": found, "offered": offered, "asked_for": KINDS[found.kind], "secret": secret}


@page(
    "privacy/own/<slug:secret>/pass-on",
    name="pass_on",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
)
def pass_on(request: HttpRequest, secret: str) -> HttpResponse:
    """What of a request would be passed to whom; the person agrees, or has nothing passed on; what was decided."""
    shown = _passing(links.of_page(secret), secret) | {"names": referrals.names_passed_to(secret)}
    if request.method == "GET":
        return render(request, "pass_on.html", shown)
    try:
        if act_of(request, "agree", "decline") == "agree":
            referrals.agree(secret, request.POST.getlist("organisation"))
        else:
            referrals.decline(secret)
    except InvalidError as error:
        return again(request, "pass_on.html", error, **shown)
    return redirect("pass_on", secret)


@page(
    "privacy/own/<slug:secret>",
    name="stranger",
    need=Need.ANYBODY,
    audience=Audience.PUBLIC,
    methods=("GET", "POST"),
    before_acceptance=True,
    form=FormRules(most_bytes=256 * KB, account_limits=False),
)
def stranger(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The own page of somebody without an account: seeing, copying, erasing what is held of a proved address."""
    shown = grouped(strangers.held(secret)) | {
        "fresh": strangers.is_fresh(secret),
        "restricted_here": strangers.is_restricted(secret),
    }
    shown |= _passing(links.of_page(secret), secret)
    if request.method == "GET":
        return render(request, "stranger.html", shown)
    try:
        act = act_of(request, "copy", "again", "erase", "object", "restrict", "lift")
        if act == "copy":
            name, body = strangers.copy(secret)
            response = StreamingHttpResponse(body, content_type="application/zip")
            response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
            return response
        if act == "again":
            strangers.prove_again(secret)
            return render(request, "check_mail.html")
        if act == "object":
            strangers.object_to(secret)
        elif act in ("restrict", "lift"):
            strangers.restrict(secret, wanted=act == "restrict")
        elif request.POST.get("word", "").strip().lower() != "erase":
            raise InvalidError("Write the word erase to go on.", field="word")
        else:
            strangers.erase(secret)
    except (InvalidError, ThrottledError) as error:
        return again(request, "stranger.html", error, **shown)
    return redirect("stranger", secret)


def _desk(actor: Actor) -> dict[str, object]:
    return CHOICES | {"rows": requests.worklist(actor), "agents": drp.agents(actor)}


def _done(request: HttpRequest) -> dict[str, object]:
    """What the address says that an act did, with its request: the page says so only where the request's state agrees."""
    done = request.GET.get("done", "")
    number = request.GET.get("request", "") if done else ""
    return {"done": done, "done_request": requests.of_officer(actor_of(request), number) if number else None}


@page(
    "staff/requests",
    name="worklist",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    methods=("GET", "POST"),
    menu="Requests",
    menu_order=120,
)
def worklist(request: HttpRequest) -> HttpResponse:
    """The officer's work list, by deadline; answering, refusing, extending, entering; agents."""
    actor, given = actor_of(request), request.POST
    if request.method == "GET":
        return render(request, "worklist.html", _desk(actor) | _done(request))
    number, text = given.get("request", ""), given.get("text", "")
    try:
        act = act_of(request, "answer", "refuse", "extend", "ask-again", "enter", "agent", "end-agent")
        if act == "extend":
            requests.extend(actor, RequestId(number), text)
        elif act == "ask-again":
            requests.ask_again(actor, RequestId(number))
        elif act == "enter":
            arrival = requests.Arrival(
                given.get("channel", ""), entered_by=actor.id, identity=given.get("identity", "")
            )
            number = requests.enter(
                actor, given.get("address", ""), given.get("kind", ""), given.get("region", ""), text, arrival
            )
        elif act == "agent":
            drp.register(actor, *(given.get(name, "") for name in ("agent", "name", "verify_key", "callback_host")))
        elif act == "end-agent":
            drp.end(actor, given.get("agent", ""))
        else:
            requests.answer(actor, RequestId(number), text, refuse=act == "refuse")
    except InvalidError as error:
        return again(request, "worklist.html", error, **_desk(actor))
    if act in ("agent", "end-agent"):
        return redirect("worklist")
    return redirect(f"{reverse('worklist')}?{urlencode({'done': act, 'request': number})}")


@page(
    "o/<slug:organisation>/privacy",
    name="referrals",
    need=Permission.REFERRAL_ANSWER,
    audience=Audience.GROWER,
    methods=("GET", "POST"),
    to_support=False,
    menu="Privacy",
    menu_order=80,
)
def passed(request: HttpRequest, organisation: str) -> HttpResponse:
    """Requests of people whose data the organisation entered; answering them."""
    actor, shown = inside(request)
    if request.method == "GET":
        return render(request, "referrals.html", shown | {"rows": referrals.passed(actor)})
    number, text = request.POST.get("referral", ""), request.POST.get("text", "")
    try:
        referrals.answer(actor, number, text, delete=request.POST.get("delete") == "yes")
    except InvalidError as error:
        return again(request, "referrals.html", error, **shown | {"rows": referrals.passed(actor)})
    return redirect("referrals", organisation)
