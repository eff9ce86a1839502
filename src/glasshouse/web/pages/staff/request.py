"""The page of one request: all of it, and its acts (those of its thread: request_thread.py).

After what closes it the officer is led to the next one.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.kernel.ids import RequestId
from glasshouse.requests import api as requests
from glasshouse.requests import assignment, correcting, desk, notes, queue_filter
from glasshouse.subject import asked_for, rectification
from glasshouse.web.forms import check_word, shows_again
from glasshouse.web.middleware import actor_of
from glasshouse.web.officer_queue import act_context, case_again, case_context, done, onward


@page(
    "staff/requests/<id:number>",
    name="request_page",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("template"), Asked("language")),
)
def request_page(request: HttpRequest, number: str) -> HttpResponse:
    """One request, open or closed."""
    wanted = queue_filter.of_address(request.GET)
    return render(request, "staff/request.html", case_context(request, number, wanted) | act_context(request))


@page(
    "staff/requests/<id:number>/answer",
    name="answer_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("text", "rights_request.answer"),),
)
@shows_again("staff/request_again.html", case_again)
def answer_request(request: HttpRequest, number: str) -> HttpResponse:
    """Answer a request, and close it."""
    actor, text = actor_of(request), request.POST.get("text", "")
    requests.answer(actor, RequestId(number), text, refuse=False)
    return onward(request, "answer", number)


@page(
    "staff/requests/<id:number>/refuse",
    name="refuse_request_as_officer",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("text", "rights_request.answer"), Asked("denied_for", "rights_request.denied_for")),
)
@shows_again("staff/request_again.html", case_again)
def refuse_request(request: HttpRequest, number: str) -> HttpResponse:
    """Refuse a request with reasons."""
    actor, text = actor_of(request), request.POST.get("text", "")
    denied_for = request.POST.get("denied_for", "")
    requests.answer(actor, RequestId(number), text, refuse=True, denied_for=denied_for)
    return onward(request, "refuse", number)


@page(
    "staff/requests/<id:number>/spam",
    name="close_as_spam",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def close_as_spam(request: HttpRequest, number: str) -> HttpResponse:
    """Close a request that nobody confirmed as spam."""
    desk.close_as_spam(actor_of(request), RequestId(number))
    return onward(request, "spam", number)


@page(
    "staff/requests/<id:number>/erase",
    name="erase_for_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    reauth=True,
    asks=(Asked("word"),),
)
@shows_again("staff/request_again.html", case_again)
def erase_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Erase for whoever asked, once the word erase is written; under a legal hold it waits. A second officer may be needed."""
    check_word(request)
    erased = asked_for.erase_for(actor_of(request), number)
    return done(request, "ask-second" if erased is None else "erase", number)


@page(
    "staff/requests/<id:number>/decline-erasure",
    name="decline_erasure",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def decline_erasure(request: HttpRequest, number: str) -> HttpResponse:
    """Have an erasure that an officer asked for not be done."""
    asked_for.decline_erasure(actor_of(request), number)
    return done(request, "decline-erasure", number)


@page(
    "staff/requests/<id:number>/export",
    name="export_for_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    reauth=True,
)
@shows_again("staff/request_again.html", case_again)
def export_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Have an export made for whoever asked, who alone can fetch it."""
    asked_for.export_for(actor_of(request), number)
    return done(request, "export", number)


@page(
    "staff/requests/<id:number>/restrict",
    name="restrict_for_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def restrict_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Have the data of whoever asked stored only."""
    asked_for.restrict_for(actor_of(request), number)
    return done(request, "restrict", number)


@page(
    "staff/requests/<id:number>/correct",
    name="correct_for_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("name", "accounts_person.name"),),
)
@shows_again("staff/request_again.html", case_again)
def correct_for_request(request: HttpRequest, number: str) -> HttpResponse:
    """Correct the name of whoever asked for it; the request stays open for its answer."""
    rectification.rectify_for(actor_of(request), number, request.POST.get("name", ""))
    return done(request, "correct", number)


@page(
    "staff/requests/<id:number>/extend",
    name="extend_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("text", "rights_letter.text"),),
)
@shows_again("staff/request_again.html", case_again)
def extend_request(request: HttpRequest, number: str) -> HttpResponse:
    """Extend the legal deadline, with notice."""
    actor, text = actor_of(request), request.POST.get("text", "")
    requests.extend(actor, RequestId(number), text)
    return done(request, "extend", number)


@page(
    "staff/requests/<id:number>/note",
    name="note_on_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("note", "rights_note.text"),),
)
@shows_again("staff/request_again.html", case_again)
def note_on_request(request: HttpRequest, number: str) -> HttpResponse:
    """Note something for the other officers."""
    notes.add(actor_of(request), RequestId(number), request.POST.get("note", ""))
    return done(request, "note", number)


@page(
    "staff/requests/<id:number>/assign",
    name="assign_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("officer", "rights_request.assigned_to"),),
)
@shows_again("staff/request_again.html", case_again)
def assign_request(request: HttpRequest, number: str) -> HttpResponse:
    """Have an officer see to a request."""
    assignment.assign(actor_of(request), RequestId(number), request.POST.get("officer", ""))
    return done(request, "assign", number)


@page(
    "staff/requests/<id:number>/classify",
    name="classify_request",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("kind", "rights_request.kind"), Asked("region", "rights_request.region")),
)
@shows_again("staff/request_again.html", case_again)
def classify_request(request: HttpRequest, number: str) -> HttpResponse:
    """Correct what a request asks for, and by which law; its deadline follows."""
    form = request.POST
    correcting.correct_classification(
        actor_of(request), RequestId(number), form.get("kind", ""), form.get("region", "")
    )
    return done(request, "classify", number)


@page(
    "staff/requests/<id:number>/ask-again",
    name="ask_proof_again",
    form_on="request_page",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
@shows_again("staff/request_again.html", case_again)
def ask_proof_again(request: HttpRequest, number: str) -> HttpResponse:
    """Mail the confirmation link again."""
    requests.ask_again(actor_of(request), RequestId(number))
    return done(request, "ask-again", number)
