"""Files of mails, as downloads; mails that no program answers."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from glasshouse.access.pages import Asked, Audience, page
from glasshouse.access.permissions import Permission
from glasshouse.requests import files, unanswered
from glasshouse.web.downloads import foreign_file
from glasshouse.web.middleware import actor_of


@page(
    "staff/requests/<id:number>/files/<id:file>",
    name="request_file",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
)
def request_file(request: HttpRequest, number: str, file: str) -> HttpResponse:
    """A file that came with a request."""
    return foreign_file(files.fetch(actor_of(request), number, file))


@page(
    "staff/mails/<id:mail>",
    name="unanswered_mail",
    need=Permission.REQUEST_READ,
    audience=Audience.STAFF,
    translated=True,
)
def unanswered_mail(request: HttpRequest, mail: str) -> HttpResponse:
    """A whole mail that no program answers."""
    return foreign_file(unanswered.fetch(actor_of(request), mail))


@page(
    "staff/mails/<id:mail>/request",
    name="make_mail_request",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
    asks=(Asked("address", "rights_request.address"),),
)
def make_mail_request(request: HttpRequest, mail: str) -> HttpResponse:
    """Make a mail a request."""
    number = unanswered.make_request(actor_of(request), mail, request.POST.get("address", ""))
    return redirect(f"{reverse('worklist')}?{urlencode({'done': 'enter', 'request': number})}")


@page(
    "staff/mails/<id:mail>/delete",
    name="delete_mail",
    form_on="worklist",
    methods=("POST",),
    need=Permission.REQUEST_ANSWER,
    audience=Audience.STAFF,
    translated=True,
)
def delete_mail(request: HttpRequest, mail: str) -> HttpResponse:
    """Delete a mail that asks for nothing."""
    unanswered.delete(actor_of(request), mail)
    return redirect("worklist")
