"""The demo's outgoing mail."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from glasshouse.access.pages import Audience, Need, page
from glasshouse.mail import api as mail
from glasshouse.mail import html

# The page is a mail as its reader's program shows it: styles stand in its tags, and nothing else is let in.
AS_A_MAIL = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups; frame-ancestors 'none'"


@page("mailbox", name="mailbox", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True, translated=True)
def mailbox(request: HttpRequest) -> HttpResponse:
    """The demo's outgoing mail. There is no such page outside the demo."""
    if not settings.DEMO:
        raise Http404
    return render(request, "public/mailbox.html", {"messages": mail.newest_of_people()})


@page(
    "mailbox/<slug:message>", name="mailbox_html", need=Need.ANYBODY, audience=Audience.PUBLIC, before_acceptance=True
)
def mailbox_html(request: HttpRequest, message: str) -> HttpResponse:
    """The HTML part of a mail of the demo, as it would leave."""
    if not settings.DEMO:
        raise Http404
    mails = [row for row in mail.newest_of_people() if row.id == message and row.kind != "text"]
    if not mails:
        raise Http404
    shown = html.document(mails[0].subject, mails[0].body)
    return HttpResponse(shown, headers={"Content-Security-Policy": AS_A_MAIL})
