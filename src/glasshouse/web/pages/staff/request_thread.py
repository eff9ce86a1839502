"""Acts on the page of one request that belong to its thread: mailing, merging and undoing that, a look, another proof."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import proofs, threads
from glasshouse.web.forms import shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.officer_queue import carried, case_again, done, onward, request_address


@page(
    "staff/requests/<id:number>/thread",
    name="request_thread",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
)
def request_thread(request: HttpRequest, number: str) -> HttpResponse:
    """Where the thread had a page of its own, before it came to stand on the request's."""
    return redirect("request_page", number)


@page(
    "staff/requests/<id:number>/mail",
    name="mail_to_person",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("text", "rights_letter.text"), Asked("asks")),
)
@shows_again("staff/request_again.html", case_again)
def mail_to_person(request: HttpRequest, number: str) -> HttpResponse:
    """Mail to the person; the request stays open. Once they are asked something, the officer is led to the next request."""
    form, asks = request.POST, request.POST.get("asks") == "yes"
    threads.write_to(actor_of(request), RequestId(number), form.get("text", ""), asks=asks)
    return onward(request, "ask-back", number) if asks else done(request, "mail", number)


@page(
    "staff/requests/<id:number>/merge",
    name="merge_requests",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def merge_requests(request: HttpRequest, number: str) -> HttpResponse:
    """Have a request go on with another one of the same address, which is shown then."""
    into = RequestId(request.POST.get("into", ""))
    threads.merge(actor_of(request), RequestId(number), into)
    return redirect(request_address(into, carried(request), done="merge", request=number))


@page(
    "staff/requests/<id:number>/unmerge",
    name="unmerge_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def unmerge_request(request: HttpRequest, number: str) -> HttpResponse:
    """Have a request that was merged into an open one go on by itself again; it is shown then."""
    threads.unmerge(actor_of(request), RequestId(number))
    return done(request, "unmerge", number)


@page(
    "staff/requests/<id:number>/seen",
    name="request_seen",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def request_seen(request: HttpRequest, number: str) -> HttpResponse:
    """Note that an officer has looked at a request that speaks of law."""
    proofs.seen(actor_of(request), RequestId(number))
    return done(request, "seen", number)


@page(
    "staff/requests/<id:number>/other-proof",
    name="other_proof",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    reauth=True,
    asks=(Asked("how", "rights_request.identity"), Asked("by_whom", "rights_request.identity_by")),
)
@shows_again("staff/request_again.html", case_again)
def other_proof(request: HttpRequest, number: str) -> HttpResponse:
    """Confirm who asks by another proof than the link."""
    form = request.POST
    proofs.confirm_by_other_proof(actor_of(request), RequestId(number), form.get("how", ""), form.get("by_whom", ""))
    return done(request, "other-proof", number)
