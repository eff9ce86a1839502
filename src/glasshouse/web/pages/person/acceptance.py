"""Accepting the documents in force, or not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from glasshouse.access.pages import Asked, Audience, Need, page
from glasshouse.kernel.errors import InvalidError
from glasshouse.notices import api as notices
from glasshouse.notices import rules
from glasshouse.notices.rules import TITLES, Document
from glasshouse.web.forms import again, reader_language
from glasshouse.web.middleware import actor_of
from glasshouse.web.redirects import safe_path


@page(
    "accept",
    name="accept",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("GET", "POST"),
    before_acceptance=True,
    asks=(Asked("accept", "notices_acceptance.shown"),),
    translated=True,
)
def accept_documents(request: HttpRequest) -> HttpResponse:
    """What has to be accepted before the service is used; accepting it."""
    actor, language = actor_of(request), reader_language(request)
    next_path = request.GET.get("next", request.POST.get("next", "/"))
    missing = notices.missing(actor)
    texts = [(TITLES[Document(version.document)], version, notices.text_of(version, language)) for version in missing]
    context = {"texts": texts, "offer": notices.offer(language), "next": safe_path(next_path), "language": language}
    if request.method == "GET":
        return render(request, "person/accept.html", context) if missing else redirect(safe_path(next_path))
    try:
        if request.POST.get("accept") != "yes":
            raise InvalidError("Tick the box to go on, or choose “I do not accept” below.", field="accept")
        notices.accept(actor, request.POST.getlist("versions"), rules.language_of(request.POST.get("language", "en")))
    except InvalidError as error:
        return again(request, "person/accept.html", error, **context)
    return redirect(safe_path(next_path))


@page(
    "accept/no",
    name="refuse",
    form_on="accept",
    need=Need.SIGNED_IN,
    audience=Audience.PERSON,
    methods=("POST",),
    before_acceptance=True,
    translated=True,
)
def refuse_documents(request: HttpRequest) -> HttpResponse:
    """Not accepting: the way out, with one's data."""
    notices.refuse(actor_of(request))
    return render(request, "person/refused.html")
