"""The demo's outgoing mail."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.mail import api as mail


@page("mailbox", name="mailbox", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True, translated=True)
def mailbox(request: HttpRequest) -> HttpResponse:
    """The demo's outgoing mail. There is no such page outside the demo."""
    if not settings.DEMO:
        raise Http404
    return render(request, "public/mailbox.html", {"messages": mail.newest_of_people()})
